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
from urllib.parse import urljoin, urlsplit

Options = dict[str, Any]
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")  # of Lighthouse
ABOVE = 90  # the score that the runbook asks for
LATER = "0.000000"  # stands for the message of a run that has not begun
Deployments = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Seen:
    """What a run knows. ``backend`` and ``frontend`` are results of the platforms' info modules, ``pending`` the
    migrations that are not applied; tokens are those of the units' platforms. ``thread`` has the messages of this run
    at Slack. ``backup`` is how the run protects the database: {ours, backs_up, proves}. ``broken`` is
    whether the run may start although the live site is broken, ``health_url`` the path of the API's first check.
    """

    given: Mapping[str, Any] = field(default_factory=dict)
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
    backup: Mapping[str, Any] = field(default_factory=dict)
    broken: bool = False
    health_url: str = ""
    store: Mapping[str, Any] = field(default_factory=dict)
    sentry: Mapping[str, Any] = field(default_factory=dict)
    links: Deployments = ()
    slack_channel: str = ""
    thread: Mapping[str, Any] = field(default_factory=dict)
    point: str = "gate"

    def named(self, system: str) -> Options:
        """Return the options that the inventory gives a system. What is not a mapping is for the checks to refuse."""
        found = self.given.get(system)
        return dict(found) if isinstance(found, Mapping) else {}


def seen_of(facts: Mapping[str, Any]) -> Seen:
    """Return what the variables of a run mean. ``broken`` are the reasons for a start on a broken site, ``backup`` is
    {source, backs_up, proves, rehearsal_copy}, and ``slack`` {channel, token}.

    A URL counts where its surface is released, and a channel of Slack where there is a token.
    """
    backup, slack = facts["backup"], facts["slack"]
    known = {name: value for name, value in facts.items() if name != "slack"}
    urls = {f"{name}_url": "" for name in ("frontend", "backend") if name not in facts["surfaces"]}
    protects = {
        "ours": backup["source"] == "controller",
        "backs_up": backup["backs_up"],
        "proves": backup["proves"] or backup["rehearsal_copy"] == "backup",  # a rehearsal restores the backup as well
    }
    channel = slack["channel"] if slack["token"] else ""
    return Seen(**{**known, **urls, "broken": any(facts["broken"]), "backup": protects, "slack_channel": channel})


def systems(seen: Seen) -> dict[str, Options]:
    """Return the options of each system that is configured."""
    known = {
        "github": _github(seen),
        "edge": _edge(seen),
        "environment": _environment(seen),
        "rollback": _rollback(seen),
        "staging": _staging(seen),
        "lighthouse": _lighthouse(seen),
        "backups": _backups(seen),
        "dependencies": {"folders": _folders(seen)},
        "secrets": {"folders": ["."] if seen.surfaces else []},
        "notifications": _notifications(seen),
        "dashboards": _dashboards(seen),
        "windows": {"maintenance": True} if seen.maintenance else {},
    }
    names = [*known, *(name for name in seen.given if name not in known)]
    merged: dict[str, Any] = {name: {**_set(known.get(name) or {}), **_given(seen, name)} for name in names}
    merged |= {name: wrong for name, wrong in seen.given.items() if not isinstance(wrong or {}, Mapping)}
    return {name: options for name, options in merged.items() if options or name in seen.given}


def _given(seen: Seen, name: str) -> Options:
    """Return what the inventory sets; an address that is a path is one of the API."""
    given = seen.named(name)
    paths = {
        option: urljoin(seen.backend_url, str(given[option]))
        for option in ("cors_url", "rate_limit_url")
        if name == "edge" and seen.backend_url and str(given.get(option) or "").startswith("/")
    }
    return {**given, **paths}


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
        "cors_url": _cors_url(seen),
        "cors_optional": _cors_optional(seen),
        "headers": dict(seen.headers),
        "allow_plain_http": seen.allow_plain_http or None,
        "live": _live(seen),
    }


def _cors_optional(seen: Seen) -> bool | None:
    """Return True where the inventory does not say that pages of browsers ask the API."""
    return True if _cors_url(seen) and not seen.named("edge").keys() & {"cors_url", "allowed_origins"} else None


def _live(seen: Seen) -> bool | None:
    """Return False before the first deploy, and None where something is live."""
    return None if any(one["live"] for one in _units(seen)) or not seen.surfaces else False


def _cors_url(seen: Seen) -> str:
    """Pages ask the API on another origin than their own; on their own no browser asks for permission."""
    urls = (seen.frontend_url, seen.backend_url)
    if seen.broken or not all(urls) or origin_of(urls[0]) == origin_of(urls[1]):
        return ""
    return urljoin(seen.backend_url, seen.health_url or "/")


def _lighthouse(seen: Seen) -> Options:
    """The staged build is audited on its own URL, through its protection."""
    if "frontend" not in seen.surfaces:
        return {}
    return {
        "thresholds": dict.fromkeys(CATEGORIES, ABOVE),
        "url": seen.staged_url,
        "headers": dict(seen.headers),
        "allow_plain_http": seen.allow_plain_http or None,
    }


def _folders(seen: Seen) -> list[str]:
    """Return the folders whose packages the release is built from."""
    roots = [seen.backend_root_directory] if "backend" in seen.surfaces else []
    roots += [str((info.get("unit") or {}).get("root_directory") or "") for info in seen.backend]
    roots += [seen.frontend_root_directory] if "frontend" in seen.surfaces else []
    return list(dict.fromkeys(root for root in roots if root)) or (["."] if seen.surfaces else [])


def _backups(seen: Seen) -> Options:
    """The store is asked where this collection creates the backups. That one was restored for a try is asked for where
    the inventory names backups: without a proof a deploy is recorded as not proven.
    """
    mine = "database" in seen.surfaces and seen.backup.get("ours", True)
    if not seen.store.get("store") or not (mine or "backups" in seen.given):
        return {}
    return {
        **seen.store,
        "live": _live(seen),
        "deploy_creates": bool(seen.backup.get("backs_up")) or None,
        "deploy_proves": bool(seen.backup.get("proves")) or None,
        "restored_days": None if "backups" in seen.given else 0,
    }


def _dashboards(seen: Seen) -> Options:
    """The links, and a baseline of latency and errors. A site that may be broken has none."""
    links = {"links": {str(one.get("name")): one.get("url") for one in seen.links}}
    if not seen.surfaces:
        return links
    return {
        **links,
        **{name: value for name, value in _edge(seen).items() if name in ("headers", "allow_plain_http", "live")},
        "probes": [seen.frontend_url] if seen.frontend_url and not seen.broken else [],
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
            "platform": one["platform"],
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
    if not seen.named("staging").get("staging_url"):
        return {}
    return {"root_directory": seen.database_root_directory, "migrations": seen.database_migrations}
