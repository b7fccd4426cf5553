# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the policies of the database make of a deploy, and what it leaves undone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release.database_outlook import outlook
from ansible_collections.storefront.runbook.plugins.module_utils.release.database_policy import (
    Decision,
    Situation,
    decide,
)

NOW = datetime(2026, 3, 3, 10, 42, tzinfo=UTC)
PENDING = [{"name": "3_more", "backward_compatible": True}]
KNOWN = {"1_base": "applied", "2_rating": "applied", "3_more": "pending"}
DEFAULTS: dict[str, Any] = {
    "backup_policy": "always",
    "backup_source": "controller",
    "backup_max_age": 24,
    "proof_max_age": 26,
    "rehearse": "full",
}
SCRATCH: dict[str, Any] = {"can_scratch": True}
ENCRYPTED: dict[str, Any] = {"encrypts": True}
KEY: dict[str, Any] = {"can_decrypt": True}


def ago(hours: float) -> str:
    return (NOW - timedelta(hours=hours)).isoformat(timespec="seconds")


def backup(hours: float, *, proven: float | None = None, **more: Any) -> dict[str, Any]:
    """A backup that is so many hours old, of the two migrations that are applied."""
    found = {
        "name": f"shop-{hours:g}",
        "age": hours * 3600,
        "migrations": {"count": 2},
        "encryption": "off",
        "damage": None,
        "recovery_seconds": 41.2,
    }
    return {**found, "proof": "restore" if proven else "checksum", "proven_at": ago(proven or hours), **more}


def situation(*backups: dict[str, Any], pending: bool = False, **options: Any) -> Situation:
    """What is known with these backups, the newest first."""
    catalogue = {"backups": list(backups), "latest": backups[0] if backups else None}
    return Situation(
        **{**DEFAULTS, "pending": PENDING if pending else [], "known": KNOWN, "catalogue": catalogue, **options}
    )


def decided(*backups: dict[str, Any], pending: bool = False, **options: Any) -> Decision:
    return decide(situation(*backups, pending=pending, **options), NOW)


@pytest.mark.parametrize(
    ("policy", "backups", "pending", "made"),
    [
        ("always", [backup(1)], False, True),
        ("when_migrating", [backup(1)], True, True),
        ("when_migrating", [backup(1)], False, False),
        ("max_age", [], False, True),
        ("max_age", [backup(23)], True, False),
        ("max_age", [backup(25)], False, True),
        # of another schema: the old release could not run on it
        ("max_age", [backup(1, migrations={"count": 1})], False, True),
        ("max_age", [backup(1, migrations=None)], False, True),
    ],
)
def test_a_deploy_makes_a_backup_when_its_policy_says_so(
    policy: str, backups: list[Any], pending: bool, made: bool
) -> None:
    decision = decided(*backups, pending=pending, backup_policy=policy)
    assert decision.backs_up is made
    assert bool(decision.open["backup"]) is not made
    assert decision.backup == (None if made else {"name": "shop-1" if policy == "when_migrating" else "shop-23"})


def test_a_deploy_that_makes_no_backup_names_the_one_that_there_is() -> None:
    assert (
        decided(backup(23), backup_policy="max_age").open["backup"]
        == "shop-23 is 23.0 h old (database_backup_policy is max_age)"
    )


@pytest.mark.parametrize("source", ["vendor", "external"])
@pytest.mark.parametrize(
    ("evidence", "problem"),
    [
        ({}, "there is no evidence of a backup. Set database_backup_evidence"),
        ({"name": "pitr"}, "there is no evidence of a backup"),
        ({"name": "pitr", "made_at": "yesterday"}, "in UTC such as 2026-01-31T02:00:00Z"),
        ({"name": "pitr", "made_at": "2020-01-31T02:00:00Z"}, "h old, but database_backup_max_age is 24 h"),
        ({"name": "pitr", "made_at": "2020-01-31 02:00:00"}, "h old, but database_backup_max_age is 24 h"),
        # as YAML reads it
        ({"name": "pitr", "made_at": datetime(2020, 1, 31, tzinfo=UTC)}, "h old, but database_backup_max_age is 24 h"),
        ({"name": "pitr", "made_at": ago(-1)}, "there is no evidence of a backup"),  # not made yet
        ({"name": "pitr", "made_at": ago(1)}, ""),
    ],
)
def test_a_backup_that_others_make_counts_only_with_evidence_that_it_is_fresh(
    source: str, evidence: dict[str, Any], problem: str
) -> None:
    decision = decided(backup_source=source, evidence=evidence, **SCRATCH)
    assert [problem in found for found in decision.problems] == ([True] if problem else [])
    assert (decision.backs_up, decision.proves, decision.backup) == (False, False, evidence)
    assert decision.open["proof"] == f"this collection does not restore the {source} backup"
    assert decision.open["backup"].startswith(
        f"{source} creates it: {evidence.get('name', 'an unnamed backup')}, created at "
    )


def test_evidence_is_not_needed_for_a_backup_that_the_policy_does_without() -> None:
    assert decided(backup_source="vendor", backup_policy="when_migrating").problems == []
    assert len(decided(backup_source="vendor", backup_policy="when_migrating", pending=True).problems) == 1


@pytest.mark.parametrize(
    ("options", "reads"),
    [
        ({}, True),
        ({"proof_max_age": 0}, False),
        ({"proof_max_age": 0, "backup_policy": "max_age"}, True),
        ({"backup_source": "vendor"}, False),
    ],
)
def test_the_catalogue_is_read_only_when_the_decision_depends_on_it(options: dict[str, Any], reads: bool) -> None:
    assert situation(**options).reads_catalogue is reads


@pytest.mark.parametrize(
    ("backups", "options", "proves", "undone"),
    [
        ([backup(30, proven=20)], SCRATCH, False, ""),  # the nightly proof of an older one is enough
        ([backup(3), backup(30, proven=20)], {}, False, ""),
        ([backup(30, proven=30)], SCRATCH, True, "the step database.prove did not finish"),
        ([backup(30, proven=20, damage="gone")], SCRATCH, True, "the step database.prove did not finish"),
        ([], SCRATCH, True, "the step database.prove did not finish"),
        ([], {}, False, "this run cannot restore one: it has no scratch server"),
        ([], {**SCRATCH, **ENCRYPTED}, False, "this run cannot restore one: it has no key"),
        ([], {**SCRATCH, **ENCRYPTED, **KEY}, True, "the step database.prove did not finish"),
        ([backup(30, encryption="age")], {**SCRATCH, "backup_policy": "when_migrating"}, False, "it has no key"),
        ([], {**SCRATCH, "backup_policy": "when_migrating"}, False, "there is no backup yet"),
        ([], {**SCRATCH, "proof_max_age": 0}, False, "database_proof_max_age is 0"),
    ],
)
def test_a_deploy_proves_what_was_not_proven_lately(
    backups: list[Any], options: dict[str, Any], proves: bool, undone: str
) -> None:
    decision = decided(*backups, **options)
    assert decision.proves is proves
    assert undone in decision.open["proof"]
    assert bool(decision.open["proof"]) is bool(undone)


@pytest.mark.parametrize(
    ("options", "copy", "no_rows"),
    [
        (SCRATCH, "backup", ""),
        ({**SCRATCH, "rehearse": "schema_only"}, "schema", "database_rehearse is schema_only"),
        ({**SCRATCH, "rehearse": "off"}, "", ""),
        ({}, "", ""),
        ({**SCRATCH, **ENCRYPTED}, "schema", "it has no key to decrypt them"),
        ({**SCRATCH, **ENCRYPTED, **KEY}, "backup", ""),
        ({**SCRATCH, "backup_source": "vendor"}, "schema", "the backups are not created by this collection"),
        ({"rehearsal_copy_given": True}, "given", ""),
    ],
)
def test_pending_migrations_are_rehearsed_on_the_best_copy_that_there_can_be(
    options: dict[str, Any], copy: str, no_rows: str
) -> None:
    decision = decided(pending=True, **options)
    assert decision.rehearsal_copy == copy
    assert no_rows in decision.open["rows"]
    assert bool(decision.open["rows"]) is bool(no_rows)
    assert decided(**options).rehearsal_copy == "", "nothing is pending"


@pytest.mark.parametrize(
    ("options", "undone"),
    [
        ({"rehearse": "off"}, "database_rehearse is off"),
        (SCRATCH, "the step database.rehearse did not finish"),
        ({}, "this run has no scratch server (database_scratch_url)"),
    ],
)
def test_a_rehearsal_that_is_not_done_says_why(options: dict[str, Any], undone: str) -> None:
    assert decided(pending=True, **options).open["rehearsal"] == undone
    assert decided(**options).open["rehearsal"] == ""


def test_a_backup_that_is_restored_for_the_rehearsal_is_not_restored_again_for_the_proof() -> None:
    assert decided(pending=True, **SCRATCH).proves is False
    assert decided(pending=True, **SCRATCH).open["proof"] == "it was restored for the rehearsal, which did not finish"
    assert decided(pending=True, rehearse="schema_only", **SCRATCH).proves is True


# The outlook


def seen_ahead(
    *backups: dict[str, Any],
    plans: dict[str, Any] | None = None,
    runner: str = "cli",
    pending: bool = False,
    **options: Any,
) -> Any:
    known = situation(*backups, pending=pending, **options)
    return outlook(known, decide(known, NOW), plans or {}, migrate_runner=runner, now=NOW)


@pytest.mark.parametrize(
    ("options", "idle"),
    [
        ({**SCRATCH, "pending": True}, ["database.prove", "database.verify"]),
        (SCRATCH, ["database.rehearse", "database.verify"]),
        ({"runner": "platform", "pending": True}, ["database.prove", "database.rehearse", "database.migrate"]),
        ({"runner": "platform"}, ["database.prove", "database.rehearse", "database.migrate", "database.verify"]),
        ({"backup_source": "vendor"}, ["database.backup", "database.prove", "database.rehearse", "database.verify"]),
    ],
)
def test_steps_that_have_nothing_to_do_are_left_out(options: dict[str, Any], idle: list[str]) -> None:
    assert seen_ahead(**options).idle == idle


def test_the_evidence_says_what_was_not_proven_or_rehearsed_until_a_step_does_it() -> None:
    evidence = seen_ahead(pending=True).evidence
    assert [(name, item["outcome"], item["at"]) for name, item in evidence.items()] == [
        ("backup", "not_proven", "2026-03-03T10:42:00Z"),
        ("rehearsal", "not_rehearsed", "2026-03-03T10:42:00Z"),
    ]
    evidence = seen_ahead(backup(30, proven=20), **SCRATCH).evidence
    assert {name: (item["outcome"], item["answered"]) for name, item in evidence.items()} == {
        "backup": ("proven", "shop-30 was restored in 41.2 s")
    }
    assert evidence["backup"]["at"] == ago(20)


def test_notes_name_only_what_no_step_will_do() -> None:
    assert seen_ahead(pending=True, **SCRATCH).notes == []
    assert [
        note.partition(": ")[0] + ": " + note.split(": ")[1]
        for note in seen_ahead(pending=True, backup_policy="when_migrating").notes
    ] == [
        "backup: not proven",
        "migrations: not rehearsed",
    ]
    made, proof = seen_ahead(backup_source="vendor").notes
    assert made.startswith("backup: this run creates none: vendor creates it")
    assert proof == "backup: not proven: this collection does not restore the vendor backup"
    assert seen_ahead(pending=True, rehearse="schema_only", **SCRATCH).notes == [
        "migrations: rehearsed on the schema without its rows (database_rehearse is schema_only)"
    ]


@pytest.mark.parametrize(
    ("plans", "problems"),
    [
        ({"catalogue": {"backups": []}, "rehearsal": {"pending": []}, "proof": {"proof": {}}}, []),
        ({"catalogue": {"skipped": True}, "rehearsal": {"skipped": True}, "proof": {"skipped": True}}, []),
        (
            {"catalogue": {"msg": "no store"}, "rehearsal": {"msg": "no server"}, "proof": {"msg": "no key"}},
            ["no store", "no server", "no key"],
        ),
        ({"catalogue": {"rc": 1}}, ["the task gave no message; -vvv shows its output"]),
    ],
)
def test_a_plan_that_failed_is_a_problem(plans: dict[str, Any], problems: list[str]) -> None:
    assert seen_ahead(pending=True, plans=plans, **SCRATCH).problems == problems


def test_a_rehearsal_that_is_not_wanted_cannot_fail() -> None:
    assert seen_ahead(plans={"rehearsal": {"msg": "no server"}}).problems == []
