# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which releases cannot run on the schema that the database has."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.errors import RunbookError
from .compare import unsafe_for
from .gather import Facts, value
from .pending import live_release
from .storefront import Params


def unsafe(params: Params, facts: Facts, names: Sequence[str]) -> dict[str, list[str]]:
    """Return, by release, the migrations on which its code cannot run; a release that cannot be read has none."""
    known = (value(facts, "database") or {}).get("migrations")
    newest = live_release(facts)
    if not params.get("path") or not known or not newest:
        return {}
    applied = [row["name"] for row in known["history"] if row["state"] in ("applied", "edited")]
    found: dict[str, list[str]] = {}
    for name in names:
        for one in (value(facts, f"unit:{name}") or {}).get("candidates") or []:
            release = one.get("release")
            if release and release not in found:
                try:
                    found[release] = unsafe_for(params, applied, release, newest)
                except RunbookError:  # its tag is not fetched, which the rollback itself says
                    found[release] = []
    return found
