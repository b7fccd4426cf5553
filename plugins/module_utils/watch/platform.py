# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The answers that the backend's platform counted: all of its requests, and those that it answered with 5xx.

Railway and Render count them by the minute, for a service and not for a deployment, so the new release is compared with
the time before. Vercel's API has no such count: only a log of the newest requests of a deployment.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

from ..core.amounts import number
from ..core.errors import ConfigError
from ..platforms.railway import client as railway
from ..platforms.railway import logs as railway_logs
from ..platforms.render import client as render
from ..platforms.render import metrics as render_metrics
from .judge import Group

WEB = (None, "", "web")  # kinds of a unit that answers requests


def refuse_missing(given: Mapping[str, Any]) -> None:
    """Raise ConfigError if the platform's counts have to be compared and cannot be asked for."""
    missing = [name for name in ("api_token", "units") if not given.get(name)]
    if missing:
        raise ConfigError(
            "verify_watch.platform is true, and the backend's platform cannot be asked:"
            f" {', '.join(missing)} is missing. Set backend_token and backend_units, or leave platform out: Vercel's"
            " API has no counts of answers.",
            code="bad_watch",
        )
    if not web_units(given):
        raise ConfigError(
            "verify_watch.platform is true, and no unit of backend_units answers requests (its kind is web, or none)."
            " Leave platform out.",
            code="bad_watch",
        )


def web_units(given: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [unit for unit in given["units"] if unit.get("kind") in WEB]


def counted(given: Mapping[str, Any], seconds: float, heartbeat: Callable[[], None]) -> dict[str, Group]:
    """Return the answers of each web unit within the last seconds, in whole minutes, by a name for each."""
    minutes = max(1, math.ceil(seconds / 60))
    found = {}
    for unit in web_units(given):
        heartbeat()
        found[f"{given['platform'].capitalize()} {unit['name']}"] = _group(_answers(given, unit, minutes))
    return found


def _answers(given: Mapping[str, Any], unit: Mapping[str, Any], minutes: int) -> dict[str, Any]:
    options = {"timeout": 30.0, **given, "service": unit["service"]}
    if given["platform"] == "railway":
        with closing(railway.connect({**options, "api_url": given.get("api_url") or railway.API_URL})) as client:
            return railway_logs.answers(client, minutes)
    with closing(render.connect({**options, "api_url": given.get("api_url") or render.API_URL})) as client:
        return render_metrics.answers(client, minutes)


def _group(answers: Mapping[str, Any]) -> Group:
    failed = {status: count for status, count in answers["by_status"].items() if status.startswith("5")}
    why = ", ".join(f"{number(count, 'answer')} with {status}" for status, count in failed.items())
    return Group(asked=answers["requests"], failed=answers["errors_5xx"], why=why)
