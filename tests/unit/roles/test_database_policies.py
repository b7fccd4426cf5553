# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the policies of the role database make of a deploy, and what it leaves open: its vars, rendered as Ansible does, without a play."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.unit.roles.rendering import render

PENDING = [{"name": "3_more", "backward_compatible": True}]
KNOWN = {"1_base": "applied", "2_rating": "applied", "3_more": "pending"}
SCRATCH: dict[str, Any] = {"database_scratch_url": "postgresql://prover@scratch.example/postgres"}
KEYS = {"database_backup_recipients": ["age1public"]}
IDENTITY = {"database_backup_identity_file": "/secret/key.txt"}


def ago(hours: float) -> str:
    return (datetime.now(UTC) - timedelta(hours=hours)).isoformat(timespec="seconds")


def backup(hours: float, *, proven: float | None = None, **more: Any) -> dict[str, Any]:
    """A backup that is so many hours old, of the two migrations that are applied."""
    told = {"name": f"shop-{hours:g}", "age": hours * 3600, "migrations": {"count": 2}, "encryption": "off", "damage": None, "recovery_seconds": 41.2}
    return {**told, "proof": "restore" if proven else "checksum", "proven_at": ago(proven or hours), **more}


def decided(*backups: dict[str, Any], pending: bool = False, **options: Any) -> Any:
    """Return a function that renders one of the role's variables, by its name without __database_, for these backups (newest first) and options."""
    seen = {
        "database_pending": PENDING if pending else [],
        "database_known": KNOWN,
        "__database_catalogue": {"backups": list(backups), "latest": backups[0] if backups else None},
    }
    return lambda name: render("database", f"__database_{name}", {**seen, **options})


@pytest.mark.parametrize(
    ("policy", "backups", "pending", "made"),
    [
        ("always", [backup(1)], False, True),
        ("when_migrating", [backup(1)], True, True),
        ("when_migrating", [backup(1)], False, False),
        ("max_age", [], False, True),
        ("max_age", [backup(23)], True, False),
        ("max_age", [backup(25)], False, True),
        ("max_age", [backup(1, migrations={"count": 1})], False, True),  # of another schema: nobody could go back to it
    ],
)
def test_a_deploy_makes_a_backup_when_its_policy_says_so(policy: str, backups: list[Any], pending: bool, made: bool) -> None:
    told = decided(*backups, pending=pending, database_backup_policy=policy)
    assert told("backs_up") is made
    assert bool(told("not_made")) is not made


def test_one_that_makes_none_says_which_there_is() -> None:
    assert decided(backup(23), database_backup_policy="max_age")("not_made") == "shop-23 is 23.0 h old (database_backup_policy is max_age)"


@pytest.mark.parametrize("source", ["vendor", "external"])
@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        ({}, "nothing says that there is a backup: set database_backup_evidence"),
        ({"name": "pitr"}, "nothing says that there is a backup"),
        ({"name": "pitr", "made_at": "yesterday"}, "in UTC such as 2026-01-31T02:00:00Z"),
        ({"name": "pitr", "made_at": "2020-01-31T02:00:00Z"}, "h old, and database_backup_max_age allows 24"),
        ({"name": "pitr", "made_at": datetime(2020, 1, 31, tzinfo=UTC)}, "h old, and database_backup_max_age allows 24"),  # as YAML reads it
        ({"name": "pitr", "made_at": ago(1)}, ""),
    ],
)
def test_somebody_elses_backup_counts_only_with_evidence_that_it_is_fresh(source: str, evidence: dict[str, Any], said: str) -> None:
    told = decided(database_backup_source=source, database_backup_evidence=evidence, **SCRATCH)
    problem = told("evidence_problem")
    assert said in problem if said else problem == ""
    assert (told("backs_up"), told("proves"), told("evidence_asked")) == (False, False, True)
    assert told("not_proven") == f"the {source} backup is not restored by this collection"


def test_evidence_is_not_asked_for_a_backup_that_the_policy_does_without() -> None:
    assert decided(database_backup_source="vendor", database_backup_policy="when_migrating")("evidence_asked") is False


@pytest.mark.parametrize(
    ("backups", "options", "proves", "open_"),
    [
        ([backup(30, proven=20)], SCRATCH, False, ""),  # the nightly proof of an older one is enough
        ([backup(3), backup(30, proven=20)], {}, False, ""),
        ([backup(30, proven=30)], SCRATCH, True, "the step database.prove did not end"),
        ([backup(30, proven=20, damage="gone")], SCRATCH, True, "the step database.prove did not end"),
        ([], {"database_scratch_same_server": True}, True, "the step database.prove did not end"),
        ([], {}, False, "this run cannot: it has no scratch server"),
        ([], {**SCRATCH, **KEYS}, False, "this run cannot: it has no key"),
        ([], {**SCRATCH, **KEYS, **IDENTITY}, True, "the step database.prove did not end"),
        ([backup(30, encryption="age")], {**SCRATCH, "database_backup_policy": "when_migrating"}, False, "it has no key"),
        ([], {**SCRATCH, "database_backup_policy": "when_migrating"}, False, "there is none yet"),
        ([], {**SCRATCH, "database_proof_max_age": 0}, False, "database_proof_max_age is 0"),
    ],
)
def test_a_deploy_proves_what_nobody_has_proven_lately(backups: list[Any], options: dict[str, Any], proves: bool, open_: str) -> None:
    told = decided(*backups, **options)
    assert told("proves") is proves
    assert open_ in told("not_proven")
    assert bool(told("not_proven")) is bool(open_)


@pytest.mark.parametrize(
    ("options", "copy", "no_rows"),
    [
        (SCRATCH, "backup", ""),
        ({**SCRATCH, "database_rehearse": "schema_only"}, "schema", "as database_rehearse says"),
        ({**SCRATCH, "database_rehearse": "off"}, "", ""),
        ({**SCRATCH, "database_rehearse": False}, "", ""),  # as YAML reads an off without quotes
        ({}, "", ""),
        ({**SCRATCH, **KEYS}, "schema", "it has no key to read them"),
        ({**SCRATCH, **KEYS, **IDENTITY}, "backup", ""),
        ({**SCRATCH, "database_backup_source": "vendor"}, "schema", "the backups are made by others"),
        ({"database_rehearsal_url": "postgresql://shop@copy.example/shop"}, "given", ""),
    ],
)
def test_what_is_pending_is_rehearsed_on_the_best_copy_that_there_can_be(options: dict[str, Any], copy: str, no_rows: str) -> None:
    told = decided(pending=True, **options)
    assert told("copy") == copy
    assert no_rows in told("no_rows")
    assert bool(told("no_rows")) is bool(no_rows)
    assert decided(**options)("copy") == "", "nothing is pending"


def test_a_backup_that_is_restored_for_the_rehearsal_is_not_restored_once_more_for_the_proof() -> None:
    assert decided(pending=True, **SCRATCH)("proves") is False
    assert decided(pending=True, database_rehearse="schema_only", **SCRATCH)("proves") is True
