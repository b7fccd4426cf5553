# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the deploy could be put back: for each unit whether its image is kept, how and until when, and
whether the old release runs on the new schema.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from .answer import Answer, failed, not_applicable, passed
from .check import Context, Options

# Hours for which Railway keeps an image after another has replaced it, by plan; Render keeps a number of builds.
KEPT_HOURS = {"free": 24, "trial": 24, "hobby": 72, "pro": 120, "enterprise": 360}
FEWEST_BUILDS = 2
UNIT = {
    "name": {"type": "str", "required": True},
    "live": {"type": "str"},
    "possible": {"type": "bool", "required": True},
    "how": {"type": "str", "default": "rollback"},
    "why_not": {"type": "str"},
    "kept_until": {"type": "str"},
    "platform": {"type": "str", "choices": ["railway", "render", "vercel"]},
    "variables_differ": {"type": "list", "elements": "str", "default": []},
}
OPTIONS: dict[str, dict[str, Any]] = {
    "units": {"type": "list", "elements": "dict", "default": [], "options": UNIT},
    "schema_is": {"type": "str", "choices": ["safe", "unsafe", "accepted", "unchanged"], "default": "unchanged"},
    "schema_why": {"type": "str"},
    "plan": {"type": "str", "choices": list(KEPT_HOURS)},
}


def missing(options: Options) -> str:
    return "" if options["units"] else "set units, as the checks of the surfaces report them"


def wrong(options: Options, context: Context) -> list[str]:
    return [
        f"kept_until of {unit['name']} is not a time: {unit['kept_until']!r}"
        for unit in options["units"]
        if unit["kept_until"] and not _time(unit["kept_until"])
    ]


def ask(context: Context, options: Options) -> Answer:
    asked = "could every unit be put back if the deploy failed?"
    units = options["units"]
    if not any(unit["live"] for unit in units):
        return not_applicable("a first deploy has nothing to go back to", asked=asked)
    facts = {"units": [dict(unit) for unit in units], "schema": options["schema_is"]}
    problems = [f"{unit['name']}: {why}" for unit in units for why in _problems(unit, context.now)]
    if options["schema_is"] == "unsafe":
        problems.append(f"schema: {options['schema_why'] or 'the live release does not run on the new one'}")
    if problems:
        advice = "Make a rollback possible first, or waive the check and plan to go forward"
        return failed("; ".join(problems), advice, asked=asked, facts=facts)
    schema = {"safe": "safe", "accepted": "not to be put back, which was accepted", "unchanged": "unchanged"}[
        options["schema_is"]
    ]
    lines = [_line(unit, options.get("plan")) for unit in units]
    return passed(" · ".join([*lines, f"schema: {schema}"]), asked=asked, facts=facts)


def _problems(unit: Mapping[str, Any], now: datetime) -> Iterator[str]:
    if not unit["live"]:
        return
    until = _time(unit["kept_until"])
    if not unit["possible"]:
        yield unit["why_not"] or "it cannot be rolled back"
    elif until and until <= now:
        yield f"its image was kept until {unit['kept_until']}"
    if unit["variables_differ"]:
        yield f"{', '.join(unit['variables_differ'])} would come back with an older value"


def _line(unit: Mapping[str, Any], plan: str | None) -> str:
    if not unit["live"]:
        return f"{unit['name']}: nothing is live"
    kept = _kept(unit, plan)
    return f"{unit['name']}: {unit['how']} to {unit['live']}" + (f" ({kept})" if kept else "")


def _kept(unit: Mapping[str, Any], plan: str | None) -> str:
    """Say how long the platform keeps the image or the build; empty where it has no limit that is known."""
    if unit["kept_until"]:
        return f"kept until {unit['kept_until'][:10]}"
    if unit["platform"] == "railway":
        hours = KEPT_HOURS[plan or "free"]
        return f"its image is kept for {hours} h after the deploy" + ("" if plan else " at least")
    return f"kept among the last {FEWEST_BUILDS} builds at least" if unit["platform"] == "render" else ""


def _time(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)
