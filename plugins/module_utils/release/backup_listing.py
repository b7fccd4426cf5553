# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines of the list that backups.yml prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

HOUR = 3600


def lines(backups: Sequence[Mapping[str, Any]], leftovers: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a line for each backup, the newest first, and for each object that belongs to no backup."""
    listed = [_backup(one) for one in backups]
    listed += [f"{left['key']}: not part of a backup, {int(left['age']) // HOUR} h old" for left in leftovers]
    return listed or ["there is no backup"]


def _backup(one: Mapping[str, Any]) -> str:
    recipients = ", ".join(one.get("recipients") or [])
    parts = [
        f"{int(one['age']) // HOUR} h old",
        _size(one["size"]),
        f"for {one['release']}" if one.get("release") else "",
        str(one["format"]),
        f"encrypted to {recipients}" if recipients else "not encrypted",
        f"proven by {'nothing' if one['proof'] == 'none' else one['proof']}",
        f"restored in {one['recovery_seconds']} s" if one.get("recovery_seconds") else "",
        f"DAMAGED: {one['damage']}" if one.get("damage") else "",
    ]
    return f"{one['name']}: " + ", ".join(part for part in parts if part)


def _size(count: float) -> str:
    """Return bytes in a suitable unit, like Ansible's human_readable."""
    for unit, size in (("TB", 1 << 40), ("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)):
        if count >= size:
            return f"{count / size:.2f} {unit}"
    return f"{count:.2f} Bytes"
