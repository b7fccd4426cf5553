# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module is thin: argument spec, plan, apply; module_utils has the details. A playbook is short enough to read as
a runbook.
"""

from __future__ import annotations

import pytest

from tests.structure import ROOT, code_lines

MODULES = sorted((ROOT / "plugins" / "modules").glob("*.py"))
MOST = 90
PLAYBOOKS = sorted(path for path in (ROOT / "playbooks").glob("*.yml") if not path.name.endswith(".meta.yml"))
MOST_OF_A_PLAYBOOK = {"deploy": 80}  # lines; of another one:
MOST_OF_ANOTHER = 85


@pytest.mark.parametrize("path", MODULES, ids=[path.stem for path in MODULES])
def test_a_module_is_thin(path) -> None:
    assert code_lines(path.read_text()) <= MOST, "move what is planned or done in detail to module_utils"


@pytest.mark.parametrize("path", PLAYBOOKS, ids=[path.stem for path in PLAYBOOKS])
def test_a_playbook_reads_as_a_runbook(path) -> None:
    lines = len(path.read_text().splitlines())
    most = MOST_OF_A_PLAYBOOK.get(path.stem, MOST_OF_ANOTHER)
    assert lines <= most, "move steps that several playbooks share to playbooks/tasks"


def test_code_is_counted_without_what_explains_it() -> None:
    text = (
        '"""Doc."""\n\nDOCUMENTATION = r"""\na\nb\n"""\n# why\nX = 1\n\n\ndef f():\n    """Doc\n    more."""\n   '
        " return X\n"
    )
    assert code_lines(text) == 3
