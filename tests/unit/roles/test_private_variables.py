# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A role defines each private variable that it uses, and no task gives another meaning to one of its vars/main.yml."""

from __future__ import annotations

import re

import pytest

from conftest import ROOT

USED = re.compile(r"(?<![\w.])__[a-z]\w+")
DEFINED = re.compile(r"^ *(?:- )?(__[a-z]\w+):(?: |$)|\bregister: (__\w+)|\{(__\w+):|, (__\w+):", re.MULTILINE)
FOLDERS = ["playbooks", *sorted(f"roles/{path.name}" for path in (ROOT / "roles").iterdir() if path.is_dir())]


def defined(text: str) -> set[str]:
    return {name for names in DEFINED.findall(text) for name in names if name}


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_private_variable_is_defined(folder: str) -> None:
    text = "\n".join(path.read_text() for path in sorted((ROOT / folder).rglob("*.yml")))
    assert sorted(set(USED.findall(text)) - defined(text)) == []


@pytest.mark.parametrize("folder", FOLDERS[1:])
def test_no_task_gives_another_meaning_to_a_variable_of_the_role(folder: str) -> None:
    everywhere = {
        name
        for part in ("vars", "defaults")
        for path in (ROOT / folder / part).glob("*.yml")
        for name in defined(path.read_text())
    }
    again = {
        f"{path.name}: {name}"
        for path in (ROOT / folder / "tasks").glob("*.yml")
        for name in defined(path.read_text()) & everywhere
    }
    assert sorted(again) == []
