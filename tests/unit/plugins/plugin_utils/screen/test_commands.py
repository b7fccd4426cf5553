# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command that the screen offers runs the same thing again."""

from __future__ import annotations

import pytest
from ansible_collections.storefront.runbook.plugins.plugin_utils.screen.ansible_facts import repeated


@pytest.mark.parametrize(
    ("extra_vars", "kind", "options"),
    [
        (["surfaces=backend"], "deploy", ["-e surfaces=backend"]),
        (["surfaces=backend maintenance=true"], "deploy", ["-e surfaces=backend", "-e maintenance=true"]),
        (["maintenance=true", "maintenance=false"], "deploy", ["-e maintenance=false"]),
        (["release=v1.1.0"], "deploy", []),  # the command names it anyway
        (["release=v1.1.0"], "approve", ["-e release=v1.1.0"]),
        (["to=v1.0.0", "break_lease=gone", "backup=nightly"], "rollback", []),
        (["api_token=sesame", "surfaces=edge"], "deploy", ["-e surfaces=edge"]),
        (['waive_reason="flaky test"'], "deploy", ["-e 'waive_reason=\"flaky test\"'"]),
        (["@vars.yml", '{"a": 1}', "[1]"], "deploy", []),
        ([], "deploy", []),
    ],
)
def test_an_option_of_the_command_line_is_given_again(extra_vars: list[str], kind: str, options: list[str]) -> None:
    assert repeated(extra_vars, kind) == options
