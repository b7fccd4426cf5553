# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the checklist's systems that the inventory has already: the repository, the hosts, the units.

What preflight_systems sets wins, option by option.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from . import options

Options = dict[str, Any]
LATER = "0.000000"  # stands for the message of a run that has not begun
STATEMENT = "evidence"  # the ledger's name for the key of a statement
Deployments = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Seen:
    """What a run knows. ``backend`` and ``frontend`` are results of the platforms' info modules, ``pending`` the
    migrations that are not applied; tokens are those of the units' platforms. ``asked`` are the ids and names of checks
    that the inventory lists, ``thread`` the messages of this run at Slack.
    """

    given: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    surfaces: Sequence[str] = ()
    github: Mapping[str, Any] = field(default_factory=dict)
    allow_plain_http: bool = False
    frontend_url: str = ""
    backend_url: str = ""
    staged_url: str = ""
    headers: Mapping[str, Any] = field(default_factory=dict)
    backend_platform: str = ""
    backend_token: str = ""
    backend_root_directory: str = ""
    backend: Deployments = ()
    frontend_token: str = ""
    frontend_root_directory: str = ""
    frontend: Mapping[str, Any] = field(default_factory=dict)
    pending: Deployments = ()
    database_root_directory: str = ""
    database_migrations: str = ""
    maintenance: bool = False
    asked: Sequence[str] = ()
    store: Mapping[str, Any] = field(default_factory=dict)
    sentry: Mapping[str, Any] = field(default_factory=dict)
    links: Deployments = ()
    slack_channel: str = ""
    thread: Mapping[str, Any] = field(default_factory=dict)
    point: str = "gate"


def systems(seen: Seen) -> dict[str, Options]:
    """Return the options of each system that is configured."""
    known = {
        "github": _github(seen),
        "edge": _edge(seen),
        "environment": _environment(seen),
        "rollback": _rollback(seen),
        "staging": _staging(seen),
        "lighthouse": _lighthouse(seen),
        "backups": dict(seen.store) if {"C5", "backup"} & {*seen.asked} or "backups" in seen.given else {},
        "notifications": _notifications(seen),
        "dashboards": _dashboards(seen),
        "windows": {"maintenance": True} if seen.maintenance else {},
    }
    names = [*known, *(name for name in seen.given if name not in known)]
    merged = {name: {**_set(known.get(name) or {}), **(seen.given.get(name) or {})} for name in names}
    return {name: options for name, options in merged.items() if options or name in seen.given}


def _set(options: Options) -> Options:
    return {name: value for name, value in options.items() if value not in (None, "", [], {})}


def _github(seen: Seen) -> Options:
    """The repository that runs are reported to is the one to ask."""
    if not (seen.github.get("api_token") and seen.github.get("repository")):
        return {}
    return {**seen.github, "allow_plain_http": seen.allow_plain_http or None}


def _edge(seen: Seen) -> Options:
    urls = [url for url in (seen.frontend_url, seen.backend_url) if url]
    hosts = [parts.netloc.rpartition("@")[2] for parts in map(urlsplit, urls) if parts.scheme == "https"]
    return {
        "hosts": list(dict.fromkeys(hosts)),
        "allowed_origins": [origin_of(seen.frontend_url)] if seen.frontend_url else [],
        "headers": dict(seen.headers),
        "allow_plain_http": seen.allow_plain_http or None,
        "live": None if any(one["live"] for one in _units(seen)) or not seen.surfaces else False,
    }


def _lighthouse(seen: Seen) -> Options:
    """The staged build is audited on its own URL, through its protection."""
    if not seen.staged_url:
        return {}
    return {
        "url": seen.staged_url,
        "headers": dict(seen.headers),
        "allow_plain_http": seen.allow_plain_http or None,
    }


def _dashboards(seen: Seen) -> Options:
    """The links are known; the baseline of latency and errors is taken where preflight_systems names dashboards, since
    that costs requests.
    """
    links = {"links": {str(one.get("name")): one.get("url") for one in seen.links}}
    if "dashboards" not in seen.given:
        return links
    return {
        **links,
        **{name: value for name, value in _edge(seen).items() if name in ("headers", "allow_plain_http", "live")},
        "probes": [seen.frontend_url] if seen.frontend_url else [],
        **({f"sentry_{name}": value for name, value in seen.sentry.items()} if seen.sentry.get("token") else {}),
    }


def _notifications(seen: Seen) -> Options:
    """The message is posted once the deploy begins, and asked about when it is over: before, any will do."""
    if seen.point != "gate":
        return {"channel": seen.thread.get("channel"), "ts": seen.thread.get("ts")}
    return {"channel": seen.slack_channel, "ts": LATER} if seen.slack_channel else {}


def origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _units(seen: Seen) -> Iterator[dict[str, Any]]:
    """Give each unit whose platform answered: {name, platform, token, root, info, live}."""
    if "backend" in seen.surfaces:
        for info in seen.backend:
            unit = info.get("unit") or {}
            if info.get("candidates") is not None:
                yield {
                    "name": str(unit.get("name")),
                    "platform": seen.backend_platform,
                    "token": seen.backend_token,
                    "root": unit.get("root_directory") or seen.backend_root_directory,
                    "info": info,
                    "live": info.get("live") or {},
                }
    if "frontend" in seen.surfaces and seen.frontend.get("candidates") is not None:
        yield {
            "name": "frontend",
            "platform": "vercel",
            "token": seen.frontend_token,
            "root": seen.frontend_root_directory,
            "info": seen.frontend,
            "live": seen.frontend.get("live") or {},
        }


def _environment(seen: Seen) -> Options:
    units = [
        {
            "name": one["name"],
            "platform": one["platform"],
            "root_directory": one["root"] or "",
            "variables": list(one["info"].get("variables") or []),
            "digest_key": one["token"],
        }
        for one in _units(seen)
        if one["info"].get("variables") is not None
    ]
    return {"units": units}


def _rollback(seen: Seen) -> Options:
    units = [
        {
            "name": one["name"],
            "live": str(one["live"].get("release") or one["live"].get("id") or "") or None,
            "possible": bool(one["live"].get("id")),
            "how": "instant rollback" if one["name"] == "frontend" else "rollback",
        }
        for one in _units(seen)
    ]
    # what the old release does not run on is refused by the database's own check until it is approved
    incompatible = [one for one in seen.pending if not one.get("backward_compatible")]
    schema = "accepted" if incompatible else "safe" if seen.pending else "unchanged"
    return {"units": units, "schema_is": schema} if units else {}


def _staging(seen: Seen) -> Options:
    """Staging's database has the same migrations; its address is set in preflight_systems."""
    if not (seen.given.get("staging") or {}).get("staging_url"):
        return {}
    return {"root_directory": seen.database_root_directory, "migrations": seen.database_migrations}


def saved(answers: Mapping[str, Any], statement: Mapping[str, Any], point: str) -> list[dict[str, Any]]:
    """Return what the ledger keeps of the answers at a point: each of them, and the key of their statement in the
    store, which has its digest.
    """
    kept = [dict(one) for one in answers.get("evidence") or []]
    if not statement.get("key"):
        return kept
    asked = f"Where are the answers of the checklist at {point}?"
    at = max((str(one["at"]) for one in kept), default=None)
    return [*kept, {"name": STATEMENT, "asked": asked, "answered": statement["key"], "outcome": "saved", "at": at}]


def refusal(problems: Sequence[str], answers: Mapping[str, Any]) -> str:
    """Return the message that refuses a run: what is in the way of it, and each check that says no; empty where
    nothing is. ``answers`` is the result of preflight_checks.
    """
    asked = list(answers.get("problems") or [])
    if not problems and answers.get("error") and not asked:  # its settings are wrong, so nothing was asked
        return options.refusal([str(answers.get("msg"))], "in the way")
    others = [*problems, *([str(answers.get("msg"))] if answers.get("error") and not asked else [])]
    if not asked:
        return options.refusal(others, "in the way") if others else ""
    counts = str(answers.get("message") or "").partition("\n")[0]
    if not others:
        return "\n- ".join([f"Nothing was changed. {counts}", *asked])
    head, *rows = options.refusal(others, "in the way").split("\n")
    return "\n- ".join(["\n".join([f"{head.removesuffix(':')}, and {counts}", *rows]), *asked])
