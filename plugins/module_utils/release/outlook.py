# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What preflight says when nothing is in the way: the verdict, and what a deploy would change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..core.amounts import number


@dataclass(frozen=True)
class Outlook:
    """What is known of a deploy that would follow. ``phases`` are its steps; the live deployments are as
    the platforms describe them.
    """

    storefront: str
    release: str
    phases: Sequence[str]
    units: Sequence[str] = ()
    backend_live: Sequence[Mapping[str, Any]] = ()
    frontend_live: Mapping[str, Any] | None = field(default=None)
    pending: Sequence[Mapping[str, Any]] = ()


def message(seen: Outlook) -> str:
    """Return the verdict, and a line for each thing that a deploy would change."""
    return "\n".join(
        [
            f"GO: {seen.release} can go out to {seen.storefront}. Nothing was changed; a deploy would",
            *(f"- {line}" for line in changes(seen)),
        ]
    )


def changes(seen: Outlook) -> list[str]:
    frontend = [seen.frontend_live] if seen.frontend_live else []
    names = ", ".join(str(one["name"]) for one in seen.pending)
    count = number(len(seen.pending), "migration")
    texts = {
        "database.backup": "back up the database",
        "database.prove": "restore that backup for a proof",
        "database.rehearse": f"rehearse {count} on a copy",
        "edge.hold": "close the shop at the edge meanwhile",
        "backend.hold": "hold the shop in maintenance meanwhile",
        "database.migrate": f"apply {count}: {names}" if names else "",
        "backend.release": f"release {', '.join(seen.units)}: {_step(seen.backend_live, seen.release)}",
        "frontend.roll": f"serve the frontend to the visitors in {number(seen.phases.count('frontend.roll'), 'stage')}",
        "frontend.promote": f"build and serve the frontend: {_step(frontend, seen.release)}",
        "edge.purge": "purge the edge",
    }
    return [texts[phase] for phase in dict.fromkeys(seen.phases) if texts.get(phase)]


def _step(live: Sequence[Mapping[str, Any]], release: str) -> str:
    before = dict.fromkeys(str(one.get("release") or one.get("id")) for one in live)
    return f"{', '.join(before) or 'nothing'} now, then {release}"
