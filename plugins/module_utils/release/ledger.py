# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger: one immutable record for each deploy, rollback, restore and lever. The records show what is live and
the target of a rollback.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..core.errors import ConfigError
from ..core.redact import redact
from ..store import documents
from ..store.base import Conflict, Store
from .ledger_keys import VERIFIED, Key, compose, newest_first

SCHEMA = 1
FIELDS = (
    "storefront",
    "kind",
    "outcome",
    "release",
    "commit",
    "started_at",
    "backup",
    "summary",
    "withdrawn",
    "migrations",
)
UNIT_FIELDS = ("platform", "id", "release", "commit", "status", "url", "created_at", "replicas")
STEP_FIELDS = ("name", "outcome", "seconds")
RESTORE_FIELDS = ("swap", "serves", "kept", "kept_until", "lost_rows")
CHANGE_FIELDS = ("before", "after", "names")
RELEASING = ("deploy", "rollback")  # the kinds that move a release
EVIDENCE_FIELDS = ("name", "asked", "answered", "outcome", "commit", "at")
TEXT = (str, None)
UNITS = documents.Each({f"{field}?": (str, int, float, None) for field in UNIT_FIELDS})
SHAPE = {
    "schema": lambda schema: documents.count(schema) and schema <= SCHEMA,
    "id": str,
    **dict.fromkeys(("kind", "outcome"), str),
    **dict.fromkeys(("storefront", "release", "commit", "backup", "withdrawn"), TEXT),
    "started_at": (None, documents.time),
    "finished_at": documents.time,
    "summary": lambda _anything: True,
    "migrations": lambda _anything: True,
    "units": UNITS,
    "snapshot": UNITS,
    "steps?": [dict],
    "evidence?": [dict],
    "restore?": dict,
    "change?": {f"{field}?": dict for field in CHANGE_FIELDS},
    **dict.fromkeys(("fence?", "number?"), (documents.count, None)),
}

DIGEST = re.compile(r"[0-9a-f]{64}")

Record = dict[str, Any]


def make(facts: Mapping[str, Any]) -> Record:
    """Return a record of ``facts`` without ``finished_at``: only known fields, with the passwords of URLs masked. "
    "Without a given id, a hash of the content is used."""
    record: Record = {
        "schema": SCHEMA,
        **{name: facts.get(name) for name in FIELDS},
        "units": _units(facts, "units"),
        "snapshot": _units(facts, "snapshot"),
        "steps": [_only(step, STEP_FIELDS) for step in facts.get("steps") or []],
        "evidence": [_only(item, EVIDENCE_FIELDS) for item in facts.get("evidence") or []],
    }
    if facts.get("restore"):  # only a restore's record has it
        record["restore"] = _only(facts["restore"], RESTORE_FIELDS)
    if facts.get("change"):  # only a lever's record has it
        record["change"] = _only(facts["change"], CHANGE_FIELDS)
    record = _redacted(record)
    record["id"] = facts.get("id") or hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:12]
    return record


def find(store: Store, identity: str, keys: Sequence[Key] | None = None) -> Record | None:
    """Return the record with this id; None when there is none."""
    key = next((key.key for key in keys or newest_first(store) if key.identity == identity), None)
    return load(store, key) if key else None


def same(record: Record, found: Record) -> bool:
    """Whether two records have the same content, apart from their time and their position in the ledger."""
    placed = dict.fromkeys(("finished_at", "fence", "number"))
    return {**record, **placed} == {**found, **placed}


def place(record: Record, keys: Sequence[Key], fence: int) -> Record:
    """Return the record with its position in the ledger: after all records of the lease's holder ``fence``
    and of earlier holders.
    """
    fence = max([fence, *(key.fence for key in keys)])
    return {**record, "fence": fence, "number": 1 + max((key.number for key in keys if key.fence == fence), default=0)}


def write(store: Store, record: Record) -> str:
    """Write a record that is not in the ledger yet, and return its key."""
    key = compose(record["fence"], record["number"], record["kind"], record["outcome"], record["id"])
    try:
        store.put_if_absent(key, json.dumps(record, indent=1, sort_keys=True).encode())
    except Conflict:  # an earlier try wrote it and its answer was lost, or the id is taken
        if load(store, key) != record:
            raise
    return key


def verified(record: Record) -> bool:
    """Whether this record's release was verified live in the units that it moved."""
    return (record["kind"], record["outcome"]) in VERIFIED and bool(record["units"])


def state_after(records: Sequence[Record], index: int) -> dict[str, Any]:
    """Return {release, commit, units, record, since} after ``records[index]``; units that it did not move
    come from older records.
    """
    record = records[index]
    units: dict[str, Any] = {}
    for older in reversed(records[index:]):
        if verified(older):
            units.update(older["units"])
    return {
        "release": record["release"],
        "commit": record["commit"],
        "units": units,
        "record": record["id"],
        "since": record["finished_at"],
    }


def target(records: Sequence[Record], release: str | None = None) -> tuple[int | None, str | None]:
    """Return the target record of a rollback, as an index into ``records`` (newest first), and a message for the
    operator.

    Without ``release`` the target is the newest verified release before the live one that was not withdrawn since.
    """
    good = [index for index, record in enumerate(records) if verified(record)]
    if release:
        found = next((index for index in good if records[index]["release"] == release), None)
        return found, None if found is not None else f"The ledger has no verified deploy of {release}."
    if not good:
        return None, "The ledger has no verified release."
    live, last = records[good[0]], next(record for record in records if record["kind"] in RELEASING)
    if last["outcome"] in ("incomplete", "unsafe"):
        ended = f"The {last['kind']} of {last['release']} ended with the outcome {last['outcome']}"
        return good[0], f"{ended}, so the target is {live['release']}, the last verified release."
    if live["kind"] == "rollback":
        return (
            good[0],
            (
                f"{live['release']} is already live because of a rollback. To go further back, name a release: -e"
                " to=<release>."
            ),
        )
    withdrawn: set[str | None] = set()
    for index, record in enumerate(records):
        if index in good and record["release"] not in withdrawn | {live["release"]}:
            return index, None
        withdrawn.add(record["withdrawn"])
    return None, f"The ledger has no verified release before {live['release']}."


def unfit(records: Sequence[Record]) -> list[str]:
    """Return the releases that a rollback never chooses itself: never verified, or withdrawn and not
    released again since.
    """
    good: set[str] = set()
    bad: set[str] = set()
    for record in reversed(records):
        if verified(record):
            good.add(record["release"])
            bad.discard(record["release"])
        elif record["kind"] == "deploy" and record["release"] and record["release"] not in good:
            bad.add(record["release"])
        if record["withdrawn"]:
            bad.add(record["withdrawn"])
    return sorted(bad)


def load(store: Store, key: str) -> Record:
    """Return a record. Raises ConfigError for an invalid one."""
    found = store.get(key)
    try:
        return documents.parse(found[0] if found else b"", SHAPE)
    except ValueError as wrong:
        raise ConfigError(
            f"{key} in {store.describe()} is not a record that this version can read: {wrong}. Update the collection,"
            " or find out what wrote it.",
            code="bad_record",
        ) from None


def _units(facts: Mapping[str, Any], option: str) -> dict[str, Any]:
    units = facts.get(option) or {}
    if not all(isinstance(unit, dict) for unit in units.values()):
        raise ConfigError(
            f"{option} must map each unit's name to its facts, such as platform, id and release.", code="bad_units"
        )
    return {name: {**_only(unit, UNIT_FIELDS), **_digests(unit.get("variables"))} for name, unit in units.items()}


def _digests(variables: Any) -> dict[str, Any]:
    """Return the recorded part of a unit's variables: names and digests, never a value."""
    listed = [item for item in variables if isinstance(item, dict)] if isinstance(variables, list) else []
    kept = [
        {"name": item["name"], "digest": item["digest"]}
        for item in listed
        if "name" in item and DIGEST.fullmatch(str(item.get("digest")))
    ]
    return {"variables": kept} if kept else {}


def _only(item: Mapping[str, Any], fields: Sequence[str]) -> dict[str, Any]:
    return {name: item[name] for name in fields if name in item}


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {name: _redacted(item) for name, item in value.items()}
    return [_redacted(item) for item in value] if isinstance(value, list) else value
