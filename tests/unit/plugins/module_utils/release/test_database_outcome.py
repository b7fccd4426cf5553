# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The final messages of migrate.yml and restore.yml."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release import database_outcome

PENDING = [{"name": "1_a"}, {"name": "2_b"}]


def test_a_migration_says_what_it_applied_or_would_apply() -> None:
    assert database_outcome.migrated_message([], [], check_mode=False) == "Nothing was pending."
    assert database_outcome.migrated_message(PENDING, [], check_mode=True) == "Would apply: 1_a, 2_b"
    assert database_outcome.migrated_message(PENDING, ["1_a", "2_b"], check_mode=False) == "Applied: 1_a, 2_b"


@pytest.mark.parametrize(
    ("applied", "incompatible", "message"),
    [
        ([], [], "Migrate: syntax error No migration was applied. The live release keeps serving."),
        (["1_a"], [], "Migrate: syntax error Applied before it: 1_a. The live release keeps serving."),
        (["1_a"], ["1_a"], "on a schema that may not fit it (1_a): fix v1.1.0 and deploy it."),
    ],
)
def test_a_failed_migration_says_what_the_live_release_runs_on(
    applied: list[str], incompatible: list[str], message: str
) -> None:
    assert database_outcome.migration_failed_message(
        "Migrate", "syntax error", release="v1.1.0", applied=applied, incompatible=incompatible
    ).endswith(message)


NOT_BACK = [{"what": "worker", "why": "it did not start."}]
RESTORED = {"lost_rows": 3, "kept": "shop@before", "kept_until": "2026-03-10"}


@pytest.mark.parametrize(
    ("restored", "not_back", "undo", "expected"),
    [
        (RESTORED, NOT_BACK, False, "incomplete"),
        ({}, [], False, "failed"),
        (RESTORED, [], True, "undone"),
        (RESTORED, [], False, "restored"),
    ],
)
def test_a_restore_has_one_of_four_outcomes(
    restored: dict[str, Any], not_back: list[Any], undo: bool, expected: str
) -> None:
    assert database_outcome.restore_outcome(restored, not_back, undo=undo) == expected


@pytest.mark.parametrize(
    ("restored", "more", "message"),
    [
        ({}, {}, "The database was not changed."),
        (
            RESTORED,
            {},
            (
                "The live database is now the one from the backup b1. It differs in 3 rows from the previous one, which"
                " is kept as shop@before until 2026-03-10."
            ),
        ),
        (RESTORED, {"adopted": True}, "The live database is now the adopted b1. It differs in 3 rows"),
        (RESTORED, {"undo": True}, "The live database is now the one before the restore. It differs"),
        ({**RESTORED, "already": True}, {}, "The live database was already the one from the backup b1."),
    ],
)
def test_a_restore_says_which_database_serves(restored: dict[str, Any], more: dict[str, Any], message: str) -> None:
    assert database_outcome.restore_message(
        restored, [], **{"name": "b1", "undo": False, "adopted": False, **more}
    ).startswith(message)
    failed = database_outcome.restore_message(
        restored, NOT_BACK, **{"name": "b1", "undo": False, "adopted": False, **more}
    )
    assert failed.startswith("RESTORE INCOMPLETE: worker. it did not start. " + message)
