# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a watch has seen so far, in the store: a run that was killed is continued from there, for the rest of the time.

``watch/state.json``: {schema, release, previous, phase: before|watching|holding|ended, rounds, done, extended, before,
old, new, points, verdict, stage}. ``before``, ``old`` and ``new`` are groups by part, as judge.Group. ``rounds`` is how
many times everything is asked, ``done`` how often it was; the time between two runs does not count. ``points`` has a
pair of medians in milliseconds and of failures for each round. ``stage`` is the number of the rolling release's stage,
0 outside of one. ``watch/decision.json`` is what an operator decided about a watch that was inconclusive: {release,
decide: continue|put_back, by, reason, at}.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from ..core.errors import ConfigError
from ..store import documents
from ..store.base import Conflict, Store
from .judge import Group

STATE, DECISION = "watch/state.json", "watch/decision.json"
SCHEMA = 1
PHASES = ("before", "watching", "holding", "ended")
DECISIONS = ("continue", "put_back")
GROUP = {
    "asked": documents.count,
    "failed": documents.count,
    "blocked": documents.count,
    "times": documents.Each([documents.count]),
    "why": str,
}
STATE_SHAPE = {
    "schema": lambda schema: documents.count(schema) and schema <= SCHEMA,
    "release": str,
    "previous": str,
    "phase": PHASES.__contains__,
    "rounds": documents.count,
    "done": documents.count,
    "extended": bool,
    "before": documents.Each(GROUP),
    "old": documents.Each(GROUP),
    "new": documents.Each(GROUP),
    "points": [[(documents.count, None)]],
    "verdict": str,
    "stage?": documents.count,
}
DECISION_SHAPE = {"release": str, "decide": DECISIONS.__contains__, "by": str, "reason": str, "at": documents.time}


@dataclass
class State:
    """A watch under way. The fields are those of the document."""

    release: str
    previous: str = ""
    phase: str = "before"
    rounds: int = 0
    done: int = 0
    extended: bool = False
    before: dict[str, Group] = field(default_factory=dict)
    old: dict[str, Group] = field(default_factory=dict)
    new: dict[str, Group] = field(default_factory=dict)
    points: list[list[int | None]] = field(default_factory=list)
    verdict: str = ""
    stage: int = 0


def load(store: Store) -> State | None:
    """Return the last watch; None before the first one. Raises ConfigError for a document that is damaged."""
    document = _read(store, STATE, STATE_SHAPE)
    if document is None:
        return None
    sides = {
        side: {name: Group(**_known(group, Group)) for name, group in document[side].items()}
        for side in ("before", "old", "new")
    }
    return State(**{**_known(document, State), **sides})


def _known(document: Mapping[str, Any], kind: type[State] | type[Group]) -> dict[str, Any]:
    """Return the fields of a document that this version knows."""
    return {one.name: document[one.name] for one in fields(kind) if one.name in document}


def save(store: Store, state: State) -> None:
    """Replace the state. Only the run that holds the lease writes it, so nothing is lost by a lost race."""
    _write(store, STATE, {"schema": SCHEMA, **asdict(state)})


def decision(store: Store, release: str) -> dict[str, Any] | None:
    """Return what was decided about the watch of a release; None while nothing was."""
    found = _read(store, DECISION, DECISION_SHAPE)
    return found if found and found["release"] == release else None


def decide(store: Store, given: Mapping[str, str]) -> None:
    """Record a decision: release, decide, by, reason and at."""
    _write(store, DECISION, given)


def forget_decision(store: Store) -> None:
    """Remove a decision about an earlier watch, which must not decide about this one."""
    if store.get(DECISION) is not None:
        store.delete(DECISION)


def _read(store: Store, key: str, shape: dict[str, Any]) -> dict[str, Any] | None:
    found = store.get(key)
    if found is None:
        return None
    try:
        return documents.parse(found[0], shape)
    except ValueError as wrong:
        raise ConfigError(
            f"{key} in {store.describe()} cannot be read: {wrong}. Update the collection; if the file is damaged,"
            " remove it.",
            code="bad_state",
        ) from None


def _write(store: Store, key: str, document: Mapping[str, Any]) -> None:
    data = json.dumps(document).encode()
    for _unused in range(3):
        found = store.get(key)
        try:
            if found is None:
                store.put_if_absent(key, data)
            else:
                store.put_if_match(key, data, found[1])
        except Conflict:
            continue
        return
    raise Conflict(f"{key} in {store.describe()} keeps changing: another run writes it. Run this again.")
