# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator's levers: what runs is changed without a release. Each writes a journal before it changes anything, so
that a rerun knows what was before, and a record in the ledger at the end.

levers/<kind>.json is the journal of a lever that has not ended: {version, kind, since, by, before, after, done, data}.
``before`` and ``after`` map what is changed to words or numbers, ``done`` lists the parts that have ended, ``data`` is
the lever's own. None of them ever holds the value of a variable or a secret.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..store import documents
from ..store.base import Store
from .ledger_keys import HOLDING

KINDS = ("scale", "restart", "variables", "secrets", "seed", "refresh")
CHANGING = (*KINDS, "maintenance")  # the kinds of records without a release
PREFIX = "levers/"
VERSION = 1
SHAPE = {
    "version": lambda version: documents.count(version) and version <= VERSION,
    "kind": KINDS.__contains__,
    "since": documents.time,
    "by": str,
    "before": dict,
    "after": dict,
    "done": [str],
    "data": dict,
}

REMEDY = "Update the collection; if the file is damaged, check what the last run changed, then remove it."

Journal = dict[str, Any]


def key(kind: str) -> str:
    return f"{PREFIX}{kind}.json"


def read(store: Store, kind: str) -> tuple[Journal, str] | None:
    """Return the journal of a lever and its etag; None where no run of it is unfinished. Raises ConfigError."""
    what = f"a journal of {kind}.yml"
    return documents.read(store, key(kind), SHAPE, what=what, remedy=REMEDY, code="bad_journal")


def write(store: Store, journal: Journal, etag: str | None) -> None:
    """Write a journal. Raises Conflict where somebody else has written it meanwhile."""
    documents.write(store, key(journal["kind"]), journal, etag)


def continued(current: Mapping[str, Any], given: Mapping[str, Any], *, now: str, by: str) -> Journal:
    """Return the journal to write. What an unfinished run found before it changed anything stays as it is: this run
    already finds a part of it changed.
    """
    return {
        "version": VERSION,
        "kind": given["kind"],
        "since": current.get("since") or now,
        "by": current.get("by") or by,
        "before": {**given["before"], **current.get("before", {})},
        "after": {**current.get("after", {}), **given["after"]},
        "done": list(dict.fromkeys([*current.get("done", []), *given["done"]])),
        "data": current.get("data", {}) if given["data"] is None else given["data"],
    }


def moved(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the names whose state before and after differs, in order."""
    return [name for name in dict.fromkeys([*before, *after]) if before.get(name) != after.get(name)]


def blocked(kind: str, journal: Mapping[str, Any]) -> list[str]:
    """Return why a lever must not move: an unfinished deploy or rollback would put back what it changes.

    A lever that was killed leaves its progress in the lease's journal, and nothing to put back.
    """
    if kind not in KINDS or not (journal.get("kind") or journal.get("release") or journal.get("snapshot")):
        return []
    what = f"{journal.get('kind') or 'deploy'} of {journal.get('release') or 'a release'}"
    return [
        f"The {what} did not finish, and settling it moves the same units. Run it again, or rollback.yml; then run"
        f" {kind}.yml"
    ]


def last_changes(records: Sequence[Mapping[str, Any]], kinds: Sequence[str] = CHANGING) -> list[Mapping[str, Any]]:
    """Return the records of levers among those of the ledger, which are given newest first."""
    return [record for record in records if record["kind"] in kinds and record.get("change")]


def held_variables(records: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the names of the variables that an operator has set or removed, by unit.

    A rollback must not bring their old values back, so it treats them as pinned. A variable that was set before the
    target of the rollback was deployed has the same value there.
    """
    held: dict[str, list[str]] = {}
    for record in last_changes(records, HOLDING):
        for unit, names in (record["change"].get("names") or {}).items():
            held[unit] = sorted({*held.get(unit, []), *names})
    return held
