# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The turn of a verification and its last outcome: two objects in the store, apart from the deploy lease.

``verify/turn.json`` lets one verification run at a time. A run that was killed on this machine does not hold it, nor
does one whose deadline has passed. ``verify/state.json`` is the last outcome, and whether it was notified.
"""

from __future__ import annotations

import json
import socket
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from ..core.errors import ConfigError, LeaseHeld
from ..core.process import controller, is_alive, this_process
from ..store import documents
from ..store.base import Conflict, Store
from .lease_document import iso, timestamp
from .store_clock import compare

TURN, STATE = "verify/turn.json", "verify/state.json"
RACES = 5
TURN_SHAPE = {
    **{"token": str, "holder": str, "host": str, "pid": int, "start": int, "deadline": documents.time},
    "state": ("held", "released").__contains__,
}
STATE_SHAPE = {
    "outcome": ("passed", "failed").__contains__,
    "since": documents.time,
    "notified": bool,
    "measured": dict,
    "failing?": [str],
}


def take(store: Store, ttl: float) -> str:
    """Take the turn for at most ``ttl`` seconds and return its token. Raises LeaseHeld while another run has it."""
    pid, start = controller() or (0, 0)
    token = str(uuid.uuid4())
    for _unused in range(RACES):
        current, etag = _read(store, TURN, TURN_SHAPE)
        now = compare(store)()
        if current and current["state"] == "held" and timestamp(current["deadline"]) > now and not _is_dead(current):
            raise LeaseHeld(
                f"{current['holder']} is verifying this storefront until {current['deadline']} at the latest, so"
                " nothing was checked. Wait for it to end.",
                holder=current["holder"],
            )
        wanted = {"token": token, "state": "held", "holder": this_process(), "host": socket.gethostname()}
        if _written(store, TURN, {**wanted, "pid": pid, "start": start, "deadline": iso(now + ttl)}, etag):
            return token
    raise Conflict(f"{TURN} in {store.describe()} keeps changing. Run the verification again.")


def give_back(store: Store, token: str) -> None:
    """Give the turn back, if this run still has it."""
    current, etag = _read(store, TURN, TURN_SHAPE)
    if current and current["token"] == token:
        _written(store, TURN, {**current, "state": "released"}, etag)


def last(store: Store) -> dict[str, Any]:
    """Return the last outcome; empty before the first."""
    return _read(store, STATE, STATE_SHAPE)[0] or {}


def record(
    store: Store, outcome: str, *, notified: bool, measured: Mapping[str, Any], failing: Sequence[str] = ()
) -> dict[str, Any]:
    """Record an outcome and the steps that fail. ``since`` stays while the outcome does, and measurements of a failed
    run replace none.
    """
    before, etag = _read(store, STATE, STATE_SHAPE)
    now = iso(compare(store)())
    same = bool(before and before["outcome"] == outcome)
    kept = dict(measured) if outcome == "passed" and measured else before["measured"] if before else {}
    since = before["since"] if before and same else now
    state = {"outcome": outcome, "since": since, "notified": notified, "measured": kept, "failing": list(failing)}
    _written(store, STATE, state, etag)
    return state


def _is_dead(turn: Mapping[str, Any]) -> bool:
    """Whether the run was on this machine, and has ended without giving its turn back."""
    return bool(turn["pid"]) and turn["host"] == socket.gethostname() and not is_alive(turn["pid"], turn["start"])


def _read(store: Store, key: str, shape: dict[str, Any]) -> tuple[dict[str, Any] | None, str]:
    found = store.get(key)
    if found is None:
        return None, ""
    try:
        return documents.parse(found[0], shape), found[1]
    except ValueError as wrong:
        raise ConfigError(
            f"{key} in {store.describe()} cannot be read: {wrong}. Update the collection; if the file is damaged,"
            " remove it.",
            code="bad_state",
        ) from None


def _written(store: Store, key: str, document: Mapping[str, Any], etag: str) -> bool:
    data = json.dumps(document).encode()
    try:
        if etag:
            store.put_if_match(key, data, etag)
        else:
            store.put_if_absent(key, data)
    except Conflict:
        return False
    return True
