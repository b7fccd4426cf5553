# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The migrations of the live release that its database does not have."""

from __future__ import annotations

from pathlib import PurePosixPath

from ..core.errors import RunbookError
from .gather import ABSENT, Fact, Facts, value
from .repository import migration_names
from .storefront import Params


def pending(params: Params, facts: Facts) -> Fact:
    """Return their names. The live release is that of the backend, or the one that was recorded last."""
    known = (value(facts, "database") or {}).get("migrations")
    release = live_release(facts)
    if not params.get("path") or not known or not release:
        return ABSENT
    given = params["database"]
    folder = str(PurePosixPath(given["root_directory"] or "", given["migrations"]))
    try:
        names = migration_names(params["path"], release, folder)
    except RunbookError as error:
        return Fact(problem=str(error), kind=error.kind)
    there = {row["name"] for row in known["history"] if row["state"] in ("applied", "edited", "failed")}
    return Fact([name for name in names if name not in there])


def live_release(facts: Facts) -> str:
    """Return the commit or the name of the release that the backend runs."""
    for name in facts:
        live = (value(facts, name) or {}).get("live") if name.startswith("unit:") and name != "unit:frontend" else None
        if live and (live.get("commit") or live.get("release")):
            return str(live.get("commit") or live["release"])
    recorded = (value(facts, "ledger") or {}).get("live") or {}
    return str(recorded.get("commit") or recorded.get("release") or "")
