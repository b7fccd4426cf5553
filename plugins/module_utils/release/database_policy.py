# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide which safety steps a deploy takes for the database, and what it leaves open: backup, proof, rehearsal.

``decide`` is called before anything changes. Limits are in hours, as in the inventory; ages in a catalogue are in
seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

HOUR = 3600
DONE = {"applied", "edited", "missing"}  # states of a migration that was applied to the database


@dataclass(frozen=True)
class Situation:
    """The known facts before anything changes.

    ``catalogue`` is the result of pg_backup_info, empty when it did not run. ``evidence`` is the inventory's statement
    about a backup by others: {name, made_at}. ``can_scratch`` and ``can_decrypt`` are whether the run has a scratch
    server, and a key for encrypted backups.
    """

    backup_policy: str
    backup_source: str
    backup_max_age: float
    proof_max_age: float
    rehearse: str
    pending: Sequence[Mapping[str, Any]] = ()
    known: Mapping[str, str] = field(default_factory=dict)
    catalogue: Mapping[str, Any] = field(default_factory=dict)
    evidence: Mapping[str, Any] = field(default_factory=dict)
    encrypts: bool = False
    can_scratch: bool = False
    can_decrypt: bool = False
    rehearsal_copy_given: bool = False

    @property
    def ours(self) -> bool:
        """Whether this collection creates the backups."""
        return self.backup_source == "controller"

    @property
    def latest(self) -> Mapping[str, Any]:
        return self.catalogue.get("latest") or {}

    @property
    def reads_catalogue(self) -> bool:
        """Whether the decision depends on the existing backups."""
        return self.ours and (self.backup_policy == "max_age" or self.proof_max_age > 0)


@dataclass(frozen=True)
class Decision:
    """The steps of the run. ``rehearsal_copy`` is the copy for the rehearsal: given, backup, schema, or empty for no
    rehearsal.

    ``open`` has the reason for each step that is not done (backup, proof, rehearsal, rows); an empty reason means that
    it is done.
    """

    backs_up: bool
    rehearsal_copy: str
    proves: bool
    last_proof: Mapping[str, Any]
    backup: Mapping[str, Any] | None
    open: Mapping[str, str]
    problems: Sequence[str]


def decide(seen: Situation, now: datetime) -> Decision:
    """Decide which safety steps this run takes. ``now`` has a time zone."""
    backs_up = _backs_up(seen)
    obstacle = _obstacle_to_a_restore(seen, backs_up)
    copy = _copy(seen, obstacle)
    last_proof = _last_proof(seen)
    proven = bool(last_proof) and _age(str(last_proof.get("proven_at")), now) <= seen.proof_max_age * HOUR
    proves = seen.proof_max_age > 0 and not proven and copy != "backup" and not obstacle
    asked = not seen.ours and (seen.backup_policy != "when_migrating" or bool(seen.pending))
    return Decision(
        backs_up=backs_up,
        rehearsal_copy=copy,
        proves=proves,
        last_proof=last_proof,
        backup=_backup_to_name(seen, backs_up),
        open={
            "backup": "" if backs_up else _why_no_backup(seen),
            "proof": _why_no_proof(seen, proven=proven, proves=proves, copy=copy, obstacle=obstacle),
            "rehearsal": _why_no_rehearsal(seen, copy) if seen.pending else "",
            "rows": _why_no_rows(seen, copy, obstacle) if seen.pending else "",
        },
        problems=_evidence_problems(seen, now) if asked else [],
    )


def _backs_up(seen: Situation) -> bool:
    if not seen.ours:
        return False
    if seen.backup_policy == "when_migrating":
        return bool(seen.pending)
    if seen.backup_policy == "max_age":
        return not _latest_is_enough(seen)
    return True


def _latest_is_enough(seen: Situation) -> bool:
    """Whether the newest backup has all applied migrations: the live release could not run on an older schema."""
    if not seen.latest:
        return False
    migrations = (seen.latest.get("migrations") or {}).get("count") or 0
    fresh = float(seen.latest.get("age") or 0) <= seen.backup_max_age * HOUR
    return fresh and migrations == sum(state in DONE for state in seen.known.values())


def _backup_to_name(seen: Situation, backs_up: bool) -> Mapping[str, Any] | None:
    if not seen.ours:
        return seen.evidence
    return None if backs_up else {"name": seen.latest.get("name") or ""}


def _obstacle_to_a_restore(seen: Situation, backs_up: bool) -> str:
    """Return why this run cannot restore a backup to a scratch database; empty when it can."""
    encrypted = seen.encrypts if backs_up else seen.latest.get("encryption") == "age"
    if not seen.ours:
        return "the backups are not created by this collection"
    if not seen.can_scratch:
        return "it has no scratch server (database_scratch_url)"
    if encrypted and not seen.can_decrypt:
        return "it has no key to decrypt them (database_backup_identity_file)"
    if not backs_up and not seen.latest:
        return "there is no backup yet"
    return ""


def _copy(seen: Situation, obstacle: str) -> str:
    if not seen.pending or seen.rehearse == "off":
        return ""
    if seen.rehearsal_copy_given:
        return "given"
    if seen.rehearse == "full" and not obstacle:
        return "backup"
    return "schema" if seen.can_scratch else ""


def _last_proof(seen: Situation) -> Mapping[str, Any]:
    proven = [
        one for one in seen.catalogue.get("backups") or [] if one.get("proof") == "restore" and not one.get("damage")
    ]
    return max(proven, key=lambda one: str(one.get("proven_at")), default={})


def _why_no_backup(seen: Situation) -> str:
    if not seen.ours:
        name = seen.evidence.get("name") or "an unnamed backup"
        return f"{seen.backup_source} creates it: {name}, created at {_made_at(seen) or 'an unknown time'}"
    if seen.backup_policy == "when_migrating":
        return "no migration is pending (database_backup_policy is when_migrating)"
    age = round(float(seen.latest.get("age") or 0) / HOUR, 1)
    return f"{seen.latest.get('name')} is {age} h old (database_backup_policy is max_age)"


def _why_no_proof(seen: Situation, *, proven: bool, proves: bool, copy: str, obstacle: str) -> str:
    if not seen.ours:
        return f"this collection does not restore the {seen.backup_source} backup"
    if copy == "backup":
        return "it was restored for the rehearsal, which did not finish"
    if seen.proof_max_age <= 0:
        return "database_proof_max_age is 0"
    if proven:
        return ""
    if proves:
        return "the step database.prove did not finish"
    limit = f"{seen.proof_max_age:g}"
    return (
        f"no backup was restored in the last {limit} h (run prove.yml every night), and this run cannot restore one:"
        f" {obstacle}"
    )


def _why_no_rehearsal(seen: Situation, copy: str) -> str:
    if seen.rehearse == "off":
        return "database_rehearse is off"
    return (
        "the step database.rehearse did not finish" if copy else "this run has no scratch server (database_scratch_url)"
    )


def _why_no_rows(seen: Situation, copy: str, obstacle: str) -> str:
    if copy != "schema":
        return ""
    if seen.rehearse == "schema_only":
        return "on the schema without its rows (database_rehearse is schema_only)"
    return f"on the schema without its rows: {obstacle}"


def _evidence_problems(seen: Situation, now: datetime) -> list[str]:
    source, name = seen.backup_source, seen.evidence.get("name")
    age = _age(_made_at(seen), now)
    if not name or age < 0:
        return [
            f"database_backup_source is {source}, but there is no evidence of a backup. Set database_backup_evidence to"
            " its name and made_at, in UTC such as 2026-01-31T02:00:00Z"
        ]
    if age > seen.backup_max_age * HOUR:
        return [
            f"The {source} backup {name} is {round(age / HOUR, 1)} h old, but database_backup_max_age is"
            f" {seen.backup_max_age:g} h. Create a new one, or let this run create it: database_backup_source:"
            " controller"
        ]
    return []


def _made_at(seen: Situation) -> str:
    return str(seen.evidence.get("made_at") or "")


def _age(text: str, now: datetime) -> float:
    """Return the seconds since a UTC timestamp; -1 for an invalid one."""
    try:
        moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        return -1
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (now - moment).total_seconds()
