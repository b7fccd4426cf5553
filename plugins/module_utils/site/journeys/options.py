# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the options of the module http_journey mean: where it may ask, what it hides, which journeys it runs."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from ...core.amounts import number
from ...core.errors import ConfigError
from ...core.redact import SENSITIVE, SHORTEST
from ...core.urls import refuse_credentials, refuse_plain_http
from .journey import Journey
from .names import NAME, PLACE, fill, names, text
from .run import Runner
from .words import OWN, World, nearest, strings

HIDDEN = re.compile(rf"{SENSITIVE}|authorization|cookie|card(?:_?number)?|cvc|iban", re.IGNORECASE)


def world_of(params: Mapping[str, Any]) -> World:
    """Return what journeys may refer to. Raises ConfigError for options that cannot be right."""
    sites = {str(name): _site(name, url) for name, url in params["sites"].items()}
    if not sites:
        raise ConfigError("sites is empty, so nothing could be asked. Set a URL for each site, as backend.")
    for host in params["hosts"]:
        if not re.fullmatch(r"(?:https?://)?[A-Za-z0-9._-]+(?::\d{1,5})?/?", host):
            raise ConfigError(f"hosts has {host!r}. Write a host as mail.shop.example or http://127.0.0.1:8025.")
    for option in ("variables", "secrets"):
        for name in params[option]:
            if not NAME.fullmatch(str(name)) or name in OWN:
                raise ConfigError(f"{option} has the name {name!r}. Use letters, digits and _, and none of {OWN}.")
    made = {*OWN, *params["secrets"]}
    for name, value in params["variables"].items():
        if early := sorted(set(names(value)) - made):
            raise ConfigError(f"The variable {name} uses ${{{early[0]}}} before it is made{nearest(early[0], made)}.")
        made.add(name)
    if both := set(params["variables"]) & set(params["secrets"]):
        raise ConfigError(f"variables and secrets both have {', '.join(sorted(both))}. Give each name once.")
    for name, value in params["secrets"].items():
        if not text(value):
            raise ConfigError(f"The secret {name} is empty. Set it, or remove it from secrets.")
        if len(text(value)) < SHORTEST:
            raise ConfigError(
                f"The secret {name} has fewer than {SHORTEST} characters, which cannot be masked. Choose a"
                " longer one, or put it into variables if it is not secret."
            )
    if params["timeout"] <= 0:
        raise ConfigError(f"timeout is {params['timeout']:g}. Set it to more than 0.")
    if params["secrets"] or params["headers"]:
        plain = [host for host in params["hosts"] if host.startswith("http://")] if params["secrets"] else []
        for address in [*sites.values(), *plain]:
            refuse_plain_http(address, "sites or hosts", "a secret of the journeys", params["allow_plain_http"])
    public = {str(name): _site(name, url) for name, url in (params.get("public_sites") or {}).items() if name in sites}
    return World(sites, params["hosts"], {*params["variables"], *params["secrets"]}, public=public)


def _site(name: Any, url: Any) -> str:
    try:
        parts = urlsplit(str(url))
        good = parts.scheme in ("http", "https") and parts.hostname and not parts.query and (parts.port or True)
    except ValueError:
        good = False
    if not good:
        raise ConfigError(f"The site {name!r} has no URL that begins with https:// or http:// and ends with a path.")
    refuse_credentials(str(url), f"The URL of the site {name!r}", "Send them with headers or basic_auth.")
    return str(url)


def selected(journeys: Sequence[Journey], params: Mapping[str, Any]) -> tuple[list[Journey], list[dict[str, Any]]]:
    """Return the journeys that run at this place, and a report for each that may not run. Raises ConfigError."""
    known = {place for journey in journeys for place in journey.places}
    if params["place"] and known and params["place"] not in known and all(journey.places for journey in journeys):
        raise ConfigError(f"No journey runs at the place {params['place']!r}{nearest(params['place'], known)}.")
    here = [one for one in journeys if not (one.places and params["place"]) or params["place"] in one.places]
    refused = [one for one in here if one.writes and not params["test_customers"]]
    why = "it writes, and test_customers does not confirm that the shop offers test customers"
    seen: dict[str, Any] = {"outcome": "skipped", "steps": [], "failure": None, "reason": why}
    reports = [{"name": one.name, **seen} for one in refused]
    return [one for one in here if one not in refused], reports


def values_of(params: Mapping[str, Any], run: str, caller: str) -> dict[str, Any]:
    """Return the values that all journeys of a caller share."""
    values: dict[str, Any] = {"run": run, "caller": caller, "place": params["place"] or "", **params["secrets"]}
    for name, value in params["variables"].items():
        values[name] = fill(value, values)
    return values


def runner_of(
    params: Mapping[str, Any], world: World, tick: Callable[[], None], also_cleaned: Sequence[str] = ()
) -> Runner:
    """Return what runs the journeys. ``tick`` renews the lease, ``also_cleaned`` are other callers."""
    from .browser import browse

    run = params["run"] or secrets.token_hex(4)
    masked = {text(value) for value in params["secrets"].values()} | set(hidden(params))
    return Runner(
        world,
        values=values_of(params, run, params["caller"]),
        others=[values_of(params, run, caller) for caller in also_cleaned if caller != params["caller"]],
        secret=masked | {text(value) for value in params["headers"].values()},
        headers={str(name): text(value) for name, value in params["headers"].items()},
        timeout=params["timeout"],
        browse=partial(browse, program=params["browser_path"], folder=params["screenshots"]),
        tick=tick,
    )


def hidden(params: Mapping[str, Any]) -> Iterator[str]:
    """Give the texts that a journey holds under a name of a secret, such as a password that was written into it."""
    parts = [journey.get(key) for journey in params["journeys"] for key in ("steps", "cleanup")]
    steps = [step for part in parts if isinstance(part, list) for step in part if isinstance(step, Mapping)]
    for name, value in strings([step.get("request") for step in steps]):
        if HIDDEN.fullmatch(name) and not PLACE.search(value):
            yield value


def summary_of(reports: Sequence[Mapping[str, Any]], skipped: Sequence[Mapping[str, Any]]) -> str:
    """Return in words how the journeys ended, a line for each that did not pass."""
    failed = [report for report in reports if report["outcome"] == "failed"]
    count = len(reports)
    first = f"{count - len(failed)} of {number(count, 'journey')} passed."
    lines = [f"{report['name']}: {_why(report['failure'])}" for report in failed]
    lines += [f"{report['name']}: not run, since {report['reason']}." for report in skipped]
    return "\n".join([first, *lines])


def _why(failure: Mapping[str, Any]) -> str:
    left = f" Its clean-up failed too, so test data is left: {failure['left']}." if failure.get("left") else ""
    seen = f" Screenshot: {failure['screenshot']}." if failure.get("screenshot") else ""
    return f"{failure['summary']}.{left}{seen}"
