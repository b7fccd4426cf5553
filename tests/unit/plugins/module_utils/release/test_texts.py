# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines and evidence that playbooks print or record."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release import backup_listing, evidence, results

BACKUP = {
    "name": "shop/1",
    "age": 7300,
    "size": 327155712,
    "release": "v1.1.0",
    "format": "custom",
    "recipients": ["age1x"],
    "proof": "restore",
}


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (
            {"recovery_seconds": 41.2},
            "shop/1: 2 h old, 312.00 MB, for v1.1.0, custom, encrypted to age1x, proven by restore, restored in 41.2 s",
        ),
        (
            {"release": None, "recipients": [], "proof": "none", "size": 900},
            "shop/1: 2 h old, 900.00 Bytes, custom, not encrypted, proven by nothing",
        ),
        (
            {"damage": "its object is gone"},
            (
                "shop/1: 2 h old, 312.00 MB, for v1.1.0, custom, encrypted to age1x, proven by restore, DAMAGED: its"
                " object is gone"
            ),
        ),
    ],
)
def test_a_backup_is_listed_in_a_line(more: dict[str, Any], line: str) -> None:
    assert backup_listing.lines([{**BACKUP, **more}], []) == [line]


def test_what_is_no_backup_is_listed_after_the_backups() -> None:
    assert backup_listing.lines([], [{"key": "shop/x.dump", "age": 3601}]) == [
        "shop/x.dump: not part of a backup, 1 h old"
    ]
    assert backup_listing.lines([], []) == ["there is no backup"]


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ({"msg": "no answer"}, "no answer"),
        (
            {
                "msg": "One or more items failed",
                "results": [{"failed": True, "msg": "a"}, {"failed": False, "msg": "b"}, {"failed": True, "msg": "c"}],
            },
            "a c",
        ),
        ({"results": [{"failed": True}]}, results.SILENT),
        ({}, results.SILENT),
        (None, results.SILENT),
    ],
)
def test_a_failed_task_says_what_its_failed_items_say(result: dict[str, Any] | None, message: str) -> None:
    assert results.failure_message(result) == message


@pytest.mark.parametrize(("text", "names"), [("a,b", ["a", "b"]), (" a , ", ["a"]), ("", []), (None, [])])
def test_an_option_names_several(text: str | None, names: list[str]) -> None:
    assert results.names(text) == names


def test_a_rehearsal_is_evidence_only_when_something_was_rehearsed() -> None:
    now = datetime(2026, 3, 3, 10, 42, tzinfo=UTC)
    rehearsed = {"changed": True, "rehearsed": [{"seconds": 1.26}, {"seconds": 2}]}
    shown = evidence.rehearsal_evidence(rehearsed, "backup", now)["rehearsal"]
    assert (shown["answered"], shown["outcome"], shown["at"]) == (
        "rehearsed on the restored backup in 3.3 s",
        "rehearsed",
        "2026-03-03T10:42:00Z",
    )
    assert evidence.rehearsal_evidence(rehearsed, "schema", now)["rehearsal"]["outcome"] == "rehearsed_on_schema"
    assert evidence.rehearsal_evidence({"changed": False}, "backup", now) == {}


def test_a_proof_of_check_mode_says_what_would_be_restored() -> None:
    proof = {"backup": "shop/1", "at": None, "recovery_seconds": None, "rows": None, "tables": None}
    assert evidence.proof_message(proof) == "shop/1 would be restored"
    done = {"backup": "shop/1", "at": "2026-03-03T10:42:00Z", "recovery_seconds": 41.2, "rows": 7, "tables": 3}
    assert (
        evidence.proof_message(done) == "shop/1 was restored at 2026-03-03T10:42:00Z in 41.2 s, with 7 rows in 3 tables"
    )
