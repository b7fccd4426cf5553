# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal of a lever: what was before stays what it was, however often a run is killed and run again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.modules import lever_journal

from tests.unit.support import run_module

ONE, THREE, FOUR = ({"api": {"us-west2": count}} for count in (1, 3, 4))


@pytest.fixture
def journal(tmp_path: Path):
    def run(state: str, kind: str = "scale", check: bool = False, **params: Any) -> dict[str, Any]:
        options = {"store": f"file://{tmp_path}", "store_is_shared": True, "kind": kind, "state": state, **params}
        return run_module(lever_journal, options, check=check)

    return run


def test_a_rerun_keeps_the_state_before_the_first_run(journal, tmp_path: Path) -> None:
    first = journal("present", before=ONE, after=THREE, data={"step": "one"})
    assert (first["changed"], first["was"]) == (True, {})
    again = journal("present", before=THREE, after=FOUR, done=["api"])
    assert again["journal"]["before"] == ONE
    assert again["journal"]["after"] == FOUR
    assert (again["journal"]["done"], again["journal"]["data"]) == (["api"], {"step": "one"})
    assert again["journal"]["since"] == first["journal"]["since"]
    assert not journal("present", before=THREE, after=FOUR, done=["api"])["changed"]
    assert journal("read")["journal"] == again["journal"]
    assert journal("read", kind="restart")["journal"] == {}
    assert json.loads((tmp_path / "levers" / "scale.json").read_text()) == again["journal"]
    assert journal("present", before=THREE, after=FOUR, data={"step": "two"})["changed"]
    assert journal("read")["journal"]["data"] == {"step": "two"}
    assert journal("absent")["changed"]
    assert not journal("absent")["changed"]


def test_check_mode_writes_nothing(journal, tmp_path: Path) -> None:
    assert journal("present", check=True, before=ONE, after=THREE)["journal"]["after"] == THREE
    assert not (tmp_path / "levers").exists()


@pytest.mark.parametrize("content", ["", "{}", '{"version": 9}', "[1]"])
def test_a_damaged_journal_is_refused_with_its_name(journal, tmp_path: Path, content: str) -> None:
    journal("present", before=ONE, after=THREE)
    (tmp_path / "levers" / "scale.json").write_text(content)
    refused = journal("read")
    assert refused["failed"]
    assert "levers/scale.json" in refused["msg"]
    assert "is not a journal of scale.yml" in refused["msg"]
