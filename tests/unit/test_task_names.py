# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The name of a task is an instruction that says what is done to what: it stands alone in a log."""

from __future__ import annotations

import re

import pytest

from conftest import ROOT

NAME = re.compile(r'^ *- name: "?([^"\n]+)"?$', re.MULTILINE)
FILES = [
    *(path for path in sorted((ROOT / "playbooks").rglob("*.yml")) if not path.name.endswith(".meta.yml")),
    *sorted((ROOT / "roles").glob("*/tasks/*.yml")),
]
# Words that say nothing of what is done: write Record, Report, Check, Verify, Create.
VAGUE = {"Keep", "Tell", "Say", "Look", "Note", "See", "Make", "Let", "Remember", "Claim", "Go", "Do", "Handle"}
NO_VERB = {"The", "A", "An", "It", "This", "When", "If", "No", "Not", "What"}
DANGLING = re.compile(r"^\w+ (it|them)\b|\bhow it\b")


def fault(name: str) -> str | None:
    """Return what is wrong with the name of a task, None when nothing is."""
    words = name.split()
    if len(words) < 2:
        return "says what is done, but not to what"
    if (
        not words[0][:1].isupper()
        or words[0] in VAGUE | NO_VERB
        or (words[0].endswith(("ing", "ed")) and words[0] != "Ping")
    ):
        return "does not begin with an exact verb in the imperative"
    return "has a pronoun for what it is about" if DANGLING.search(name) else None


def test_each_task_is_named_by_what_it_does_to_what() -> None:
    names = [(path.relative_to(ROOT), name) for path in FILES for name in NAME.findall(path.read_text())]
    found = [f"{path}: the name {name!r} {fault(name)}" for path, name in names if fault(name)]
    assert not found, "\n".join(found)
    assert len(names) > 500, "the pattern finds the names"


@pytest.mark.parametrize(
    "name",
    [
        "Keep what is live",
        "The public sees the release",
        "Report",
        "Ping it",
        "Recording the snapshot",
        "record the snapshot",
    ],
)
def test_a_riddle_is_found(name: str) -> None:
    assert fault(name)


@pytest.mark.parametrize(
    "name",
    [
        "Record the snapshot",
        "Begin {{ step }}",
        "Fail with what happened",
        "Record what is not back, {{ attempt.what }}",
    ],
)
def test_an_instruction_is_taken(name: str) -> None:
    assert fault(name) is None
