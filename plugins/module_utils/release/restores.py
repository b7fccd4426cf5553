# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decisions of a restore: the addresses that the units get, the problems before it starts, and its messages."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ..core.amounts import number
from .results import failure_message

OWN_SESSIONS = "storefront.runbook"  # the application name of this collection's connections
UNSET = {"already": False, "backup": None, "swap": "rename"}


@dataclass(frozen=True)
class Urls:
    """The inventory's addresses: of the live database, and of the target database if that is on another
    server; ``direct`` bypasses a pooler.
    """

    database: str
    direct: str = ""
    restore: str = ""
    restore_direct: str = ""


def reads_a_backup(state: str, adopt: bool) -> bool:
    """Return whether a restore reads a backup, and not a database that the vendor has restored."""
    return state == "restored" and not adopt


def addresses(urls: Urls, *, serves: str, left: str, returns: bool) -> dict[str, str]:
    """Return the URLs after a move: ``database`` and ``direct`` of the live database, ``left`` of the previous one.

    ``serves`` and ``left`` are names of databases. ``returns`` is whether the move leads back to the database of the
    inventory.
    """
    if not urls.restore:
        return {
            "database": with_name(urls.database, serves),
            "direct": with_name(urls.direct, serves),
            "left": with_name(urls.direct or urls.database, left),
        }
    if returns:
        return {
            "database": with_name(urls.database, serves),
            "direct": with_name(urls.direct, serves),
            "left": urls.restore_direct or urls.restore,
        }
    return {
        "database": urls.restore,
        "direct": urls.restore_direct,
        "left": with_name(urls.direct or urls.database, left),
    }


def with_name(url: str, name: str) -> str:
    """Return a database URL with another database name."""
    return re.sub(r"^([^/]+//[^/]+/)[^?]*", lambda found: found[1] + quote(name, safe=""), url)


def half_moved(urls: Urls) -> str:
    """Return the problem of a direct URL that would not be changed; empty when there is none."""
    if urls.restore and urls.direct and not urls.restore_direct:
        return (
            "database_direct_url is set but database_restore_direct_url is not, so the units would keep a DIRECT_URL to"
            " the old database. Set database_restore_direct_url to the address of the same database as"
            " database_restore_url, without a pooler"
        )
    return ""


def check_problems(
    plan: Mapping[str, Any], urls: Urls, *, surfaces: Sequence[str], undo: bool, approved: bool
) -> list[str]:
    """Return the problems that block a restore. ``plan`` is the result of pg_restore in check mode."""
    problems = []
    restore = plan.get("restore") or {}
    if "restore" not in plan:
        problems.append(f"database: {failure_message(plan)}")
    if "database" not in surfaces:
        problems.append("surfaces does not name the database, which a restore replaces: add database to surfaces")
    if restore.get("swap_reason") and "backend" not in surfaces:
        problems.append(
            "The restore changes the database's address in the backend's units (swap: url, since"
            f" {restore['swap_reason']}), and surfaces does not name the backend"
        )
    if half_moved(urls):
        problems.append(half_moved(urls))
    if undo and "restore" in plan and not restore.get("already") and not approved:
        problems.append(_unapproved(restore))
    return problems


def _unapproved(restore: Mapping[str, Any]) -> str:
    lost = restore.get("lost_rows")
    return (
        f"Replacing the database has not been approved. {'An unknown number' if lost is None else lost} of its rows"
        f" {'is' if lost == 1 else 'are'} not in the other one{_losses(restore)}. Approve it with -e"
        f" approve_restore={restore.get('database')}"
    )


def _losses(restore: Mapping[str, Any]) -> str:
    return f": {json.dumps(restore['losses'])}" if restore.get("losses") else ""


def approval_message(restore: Mapping[str, Any], *, adopted: bool) -> str:
    """Return the message when a verified copy waits for an approval."""
    state = f"The database {restore.get('staged')} is verified, and nothing"
    if not adopted:
        state = (
            f"The backup {restore.get('backup')} is restored as {restore.get('staged')} and verified, and nothing else"
        )
    return (
        f"{state} was changed. {number(restore.get('lost_rows'), 'row')} of the live database"
        f" {'is' if restore.get('lost_rows') == 1 else 'are'} not in it{_losses(restore)}. "
        f"Continue with -e approve_restore={restore.get('database')}"
    )


def sessions(info: Mapping[str, Any], user: str | None = None) -> list[Mapping[str, Any]]:
    """Return the shop's connections in a result of pg_info, without this collection's own; with a user,
    only those of this user.
    """
    others = [one for one in info.get("connections") or [] if one.get("application") != OWN_SESSIONS]
    return [one for one in others if user is None or one.get("user") == user]


def strays(info: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the connections of the shop's own user to the previous database."""
    return sessions(info, (info.get("server") or {}).get("user") or "")


def connection_failure(
    joined: Mapping[str, Any], parted: Mapping[str, Any] | None, *, serves: str, left: str, tries: int
) -> str:
    """Return why units do not use the right database. ``joined`` and ``parted`` are the results of the two waits."""
    if "connections" not in joined:
        return failure_message(joined)
    if joined.get("failed"):
        return f"No unit was connected to {serves} within {number(tries, 'try', 'tries')}: read the logs of the units."
    if "connections" not in (parted or {}):
        return failure_message(parted)
    return (
        f"A unit is still connected to {left}, the previous database: check whether its address comes from another"
        " place than its variables."
    )


def serving_note(joined: Mapping[str, Any], serves: str, left: str) -> str:
    count = sum(int(one.get("count") or 0) for one in sessions(joined))
    return (
        f"database: {serves} serves {number(count, 'session')} of the shop, and {left} serves none. Set database_url in"
        " the inventory to the database that serves."
    )
