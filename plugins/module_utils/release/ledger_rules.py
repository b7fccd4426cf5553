# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which records the ledger takes: one that contradicts itself is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..core.errors import ConfigError
from .lease_document import iso, timestamp


def refuse_contradictions(params: Mapping[str, Any]) -> None:
    """Refuse a record whose kind, outcome and restore do not belong together. Raise ConfigError."""
    if params["id"] and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*", params["id"]):
        raise ConfigError(f"id {params['id']!r} cannot name an object of the store. Set it to letters, digits, dots and hyphens, or leave it out.")
    if params["kind"] == "rollback" and params["outcome"] == "released":
        raise ConfigError("A rollback does not end released. Set outcome to rolled_back when it was verified, else to incomplete or unsafe.")
    restored = params["outcome"] in ("restored", "undone")
    if (params["kind"] == "restore") != bool(params["restore"]) or (restored and params["kind"] != "restore"):
        raise ConfigError("Only a restore ends restored or undone, and tells what it did. Set kind to restore and name that in restore, or leave both out.")
    if params["kind"] == "restore" and not restored and params["outcome"] != "incomplete":
        raise ConfigError(f"A restore does not end {params['outcome']}. Set outcome to restored, undone or incomplete.")


def moment(params: Mapping[str, Any], option: str) -> str | None:
    """Return the time in ``option`` as UTC."""
    try:
        return iso(timestamp(params[option])) if params[option] else None
    except ValueError:
        raise ConfigError(f"{option} is {params[option]!r}, which is no time. Write it in ISO 8601, such as 2026-01-31T12:00:00Z.") from None
