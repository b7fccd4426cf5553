# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the database could be restored: its newest backup is fresh and its checksums were verified, and one was
restored for a try not long ago.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from ..backup.listing import list_backups
from ..backup.manifest import folder
from ..core.amounts import number
from ..core.errors import ConfigError
from ..store.open import open_store
from .answer import Answer, failed, not_applicable, passed
from .check import Context, Options

NEWEST = ("name", "finished_at", "proof", "proven_at", "recovery_seconds")
PROOFS = ("none", "checksum", "decode", "restore")  # what is proven of a backup, in the order of their worth
OPTIONS: dict[str, dict[str, Any]] = {
    **{name: {"type": "str"} for name in ("store", "store_endpoint_url", "store_region")},
    **{name: {"type": "str", "no_log": True} for name in ("store_access_key", "store_secret_key")},
    **{name: {"type": "bool", "default": False} for name in ("store_is_shared", "allow_plain_http")},
    "prefix": {"type": "str", "default": "backups/"},
    "backups": {"type": "list", "elements": "dict"},
    "database": {"type": "str"},
    "most_hours": {"type": "float", "default": 26.0},
    "proof": {"type": "str", "default": "checksum", "choices": list(PROOFS)},
    "restored_days": {"type": "float", "default": 31.0},  # 0: no restore is asked for
    "deploy_creates": {"type": "bool", "default": False},
    "deploy_proves": {"type": "bool", "default": False},
    "live": {"type": "bool", "default": True},
}


def missing(options: Options) -> str:
    known = options["store"] or options["backups"] is not None
    return "" if known else "set store to where the backups are, or backups to what pg_backup_info returns"


def wrong(options: Options, context: Context) -> list[str]:
    problems = [] if options["most_hours"] > 0 else [f"most_hours is {options['most_hours']:g}: give more than 0"]
    if not options["restored_days"] >= 0:
        problems.append(
            f"restored_days is {options['restored_days']:g}: give more than 0, or 0 where none is asked for"
        )
    if options["backups"] is None:
        try:
            open_store(options).close()
        except ConfigError as error:
            problems.append(str(error))
        return problems
    for position, one in enumerate(options["backups"], start=1):
        problems += [f"backup {position} has no {name}" for name in ("name", "finished_at") if not one.get(name)]
        problems += [
            f"backup {position}: {name} {one[name]!r} is not a time with a zone"
            for name in ("finished_at", "proven_at")
            if one.get(name) and _moment(one[name]) is None
        ]
        if one.get("proof", "none") not in PROOFS:
            problems.append(f"backup {position}: proof {one['proof']!r} is not one of {', '.join(PROOFS)}")
    return problems


def ask(context: Context, options: Options) -> Answer:
    asked = _question(options)
    mine = [one for one in _backups(context, options) if options["database"] in (None, "", one.get("database"))]
    newest = max(mine, key=lambda one: _moment(one["finished_at"]) or context.now, default=None)
    if newest is None and not options["live"]:
        return not_applicable("before the first deploy there is nothing to back up", asked=asked)
    limit = options["restored_days"] or float("inf")
    restored = [one for one in mine if one.get("proof") == "restore" and _days(one, context) <= limit]
    problems = _of_newest(newest, context, options)
    if options["restored_days"] and not (restored or options["deploy_proves"]) and (mine or options["deploy_creates"]):
        problems.append(f"no backup was restored for a try within {number(options['restored_days'], 'day')}")
    facts = {
        "newest": {name: newest.get(name) for name in NEWEST} if newest else None,
        "backups": len(mine),
        "restored": [one["name"] for one in restored],
        **{name: options[name] for name in ("deploy_creates", "deploy_proves")},
    }
    if problems:
        advice = "Create one (backup.yml), and prove it (prove.yml)"
        return failed("; ".join(problems), advice, asked=asked, facts=facts)
    return passed("; ".join(_good(newest, restored, options)), asked=asked, facts=facts)


def _question(options: Options) -> str:
    asked = f"is the newest backup at most {options['most_hours']:g} h old, or does the deploy create one"
    if options["proof"] != "none":
        asked += f", is its {options['proof']} proven"
    if options["restored_days"]:
        asked += f", and was one restored within {number(options['restored_days'], 'day')}"
    return f"{asked}?"


def _good(newest: Mapping[str, Any] | None, restored: list[dict[str, Any]], options: Options) -> list[str]:
    parts = ["the deploy creates a backup"] if options["deploy_creates"] else [f"{(newest or {})['name']} is fresh"]
    parts += ["the deploy restores it for a try"] if options["deploy_proves"] else []
    if restored:
        return [*parts, f"{restored[0]['name']} was restored"]
    return parts if options["deploy_proves"] else [*parts, "none was restored for a try"]


def _backups(context: Context, options: Options) -> list[dict[str, Any]]:
    """Return the backups as pg_backup_info describes them: those that were given, or those of the store."""
    if options["backups"] is not None:
        return list(options["backups"])
    with closing(open_store(options)) as store:
        listing = list_backups(store, folder(options["prefix"]), options["database"])
    return [one.describe(context.now) for one in listing.backups]


def _of_newest(newest: Mapping[str, Any] | None, context: Context, options: Options) -> list[str]:
    """Return what is wrong with the newest backup. One that the deploy creates and verifies is newer."""
    if options["deploy_creates"]:
        return []
    if newest is None:
        return ["there is no backup"]
    name = newest["name"]
    hours = (context.now - (_moment(newest["finished_at"]) or context.now)).total_seconds() / 3600
    problems = [f"{name} is damaged: {newest['damage']}"] if newest.get("damage") else []
    if hours > options["most_hours"]:
        problems.append(f"{name}, the newest, is {hours:.0f} h old, and not {options['most_hours']:g}")
    if PROOFS.index(newest.get("proof") or "none") < PROOFS.index(options["proof"]):
        problems.append(f"nothing proves the {options['proof']} of {name}")
    return problems


def _days(one: Mapping[str, Any], context: Context) -> float:
    """Return how many days ago a backup was proven; one without a time counts by its age."""
    moment = _moment(one.get("proven_at") or one["finished_at"]) or datetime.min.replace(tzinfo=UTC)
    return (context.now - moment).total_seconds() / 86400


def _moment(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else None
