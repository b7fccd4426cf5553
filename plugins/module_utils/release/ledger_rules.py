# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which records the ledger takes: one that contradicts itself is refused, and one of a run that lost the
lease is withdrawn.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ..core.errors import ConfigError, LeaseLost, RunbookError
from ..store.base import Store
from .lease import Lease
from .lease_document import iso, last_holder, timestamp
from .levers import CHANGING as KINDS

OUTCOMES = ("released", "rolled_back", "incomplete", "unsafe", "restored", "undone", "changed")
OF_LEVERS = ("changed", "undone", "incomplete")


def refuse_contradictions(params: Mapping[str, Any]) -> None:
    """Refuse a record whose kind, outcome, release, restore and change do not belong together. Raise ConfigError."""
    if params["id"] and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*", params["id"]):
        raise ConfigError(
            f"id {params['id']!r} cannot be the name of an object in the store. Use letters, digits, dots and hyphens"
            " only, or leave it out."
        )
    _refuse_levers(params)
    if params["kind"] in KINDS:
        return
    if not params["release"]:
        raise ConfigError(f"A {params['kind']} is of a release. Set release.")
    if params["kind"] == "rollback" and params["outcome"] == "released":
        raise ConfigError(
            "The outcome of a rollback cannot be released. Set outcome to rolled_back if it was verified, or else to"
            " incomplete or unsafe."
        )
    restored = params["outcome"] in ("restored", "undone")
    if (params["kind"] == "restore") != bool(params["restore"]) or (restored and params["kind"] != "restore"):
        raise ConfigError(
            "The option restore and the outcomes restored and undone are for restores only, and a restore needs the"
            " option restore. Set kind to restore and describe it in restore, or use neither."
        )
    if params["kind"] == "restore" and not restored and params["outcome"] != "incomplete":
        raise ConfigError(
            f"The outcome of a restore cannot be {params['outcome']}. Set outcome to restored, undone or incomplete."
        )


def _refuse_levers(params: Mapping[str, Any]) -> None:
    lever = params["kind"] in KINDS
    if lever != bool(params["change"]):
        raise ConfigError(
            f"The option change is for {', '.join(KINDS)}, and each of them needs it. Set kind to one of them and"
            " describe the change in change, or leave change out."
        )
    if lever and (params["outcome"] not in OF_LEVERS or params["restore"]):
        raise ConfigError(
            f"The outcome of {params['kind']} cannot be {params['outcome']}, and it is not a restore. Set outcome to"
            f" {', '.join(OF_LEVERS)}, and leave restore out."
        )
    if not lever and params["outcome"] == "changed":
        raise ConfigError(
            f"The outcome changed is for {', '.join(KINDS)}. Set another outcome, or kind to one of them."
        )


def moment(params: Mapping[str, Any], option: str) -> str | None:
    """Return the time in ``option`` as UTC."""
    try:
        return iso(timestamp(params[option])) if params[option] else None
    except ValueError:
        raise ConfigError(
            f"{option} is {params[option]!r}, which is not a valid time. Use ISO 8601, such as 2026-01-31T12:00:00Z."
        ) from None


def fence(store: Store, lease: Lease | None) -> int:
    """Return the number of this run among the lease's holders. Raise LeaseLost. Without a lease it is the
    last holder's.
    """
    if lease:
        document, _etag = lease.read()
        return document["fence"]
    return last_holder(store)


def withdraw(take_back: Callable[[str], None], key: str, lost: LeaseLost) -> None:
    """Remove a record that this run must not have written; where that fails, say so in ``lost``."""
    try:
        take_back(key)
    except RunbookError as error:
        lost.advise(f"The record {key} was written too late and could not be removed: {error} Remove it by hand.")
