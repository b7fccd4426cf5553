# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the store, the database, Redis, the edge and the public sites say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from ..backup.listing import list_backups, newest
from ..checks import certificates, deploy_window
from ..checks.check import Context
from ..core.errors import ApiError, ConfigError
from ..core.parallel import answers
from ..core.wait import Waiter, nothing
from ..migrations.report import summary
from ..platforms.cloudflare import client as cloudflare
from ..postgres.connection import connect as connect_database
from ..postgres.connection import direct
from ..postgres.info import SUBSETS, Inquiry, Question
from ..redis import connection as redis_connection
from ..redis import report as redis_report
from ..release import lease_document, ledger_history
from ..release.ledger import unfit
from ..release.page_budget import within
from ..site.check_options import to_check
from ..site.probe import Prober
from ..store.open import open_store
from . import held, recorded
from .storefront import Params

RECORDS = 10
CACHED = {"hit", "stale", "updating", "revalidated"}
PG_QUESTIONS: Mapping[str, Question] = {
    **{name: SUBSETS[name] for name in ("server", "connections", "locks")},
    "migrations": lambda inquiry: summary(inquiry.connection),
}


def ledger(params: Params) -> dict[str, Any]:
    """Return the newest records, what was recorded as live, and the releases that are not fit to go back to."""
    with closing(open_store(params)) as store:
        history = ledger_history.read(store, RECORDS, every=True)
        records = history.records
        return {
            "live": recorded.live(records),
            "records": records,
            "unfit": unfit(records),
            "remarks": history.remarks,
        }


def lease(params: Params) -> dict[str, Any]:
    """Return who holds the lease and what of it is unfinished."""
    with closing(open_store(params)) as store:
        found = lease_document.read(store)
        now = store.time() or datetime.now(UTC).timestamp()
    if found is None:
        return {"state": "free", "journal": {}}
    document = found[0]
    held = document["state"] == "held" and lease_document.timestamp(document["deadline"]) > now
    names = ("holder", "release", "acquired_at", "deadline", "reason", "journal")
    return {"state": "held" if held else "free", **{name: document.get(name) for name in names}}


def backups(params: Params) -> dict[str, Any]:
    """Return the newest backup of which nothing is missing, and how many there are."""
    with closing(open_store(params)) as store:
        listing = list_backups(store, "backups/", None)
    latest, now = newest(listing.backups), datetime.now(UTC)
    proven = [one for one in listing.backups if (one.proof or {}).get("level") == "restore"]
    return {
        "count": len(listing.backups),
        "latest": latest.describe(now) if latest else None,
        "proven": newest(proven).describe(now) if proven and newest(proven) else None,  # type: ignore[union-attr]
        "damaged": [one.name for one in listing.backups if one.damage],
    }


def database(params: Params, questions: Mapping[str, Question] = PG_QUESTIONS) -> dict[str, Any]:
    """Return what PostgreSQL says of its server, its sessions, its locks and the table of migrations."""
    given = params["database"]
    target = direct(given["url"], given["direct_url"] or None)
    seconds = max(int(within(params["timeout"])), 1)
    with closing(connect_database(replace(target, connect_timeout=seconds))) as connection:
        inquiry = Inquiry(
            connection, statement_timeout=seconds / 2, limit=10, exact=False, interval=1.0, sleep=Waiter().sleep
        )
        return {**inquiry.gather(questions), "unavailable": inquiry.unavailable}


def redis(params: Params, interval: float = 0.0) -> dict[str, Any]:
    """Return what Redis says of itself."""
    options = {**params["redis"], "timeout": within(params["timeout"])}
    with closing(redis_connection.connect(options)) as server:
        unavailable: dict[str, str] = {}
        found = redis_report.described(server, interval, Waiter().sleep, unavailable)
        return {"ping_ms": redis_report.ping(server), "mode": server.mode, **found, "unavailable": unavailable}


def edge(params: Params) -> dict[str, Any]:
    """Return the zone's state, its hit rate of the last hour and of the day before, and when the token ends."""
    given = params["edge"]
    seconds = within(params["timeout"])
    client = cloudflare.Cloudflare(
        given["api_token"] or "",
        given["api_url"] or cloudflare.API_URL,
        timeout=seconds,
        deadline=seconds,
        allow_plain_http=given["allow_plain_http"],
    )
    with closing(client):
        zone = client.zone(given["zone"])
        found: dict[str, Any] = {"zone": zone.name or zone.id, "status": None, "paused": None}
        with suppress(ApiError):  # a token that may only purge
            known = client.details(zone.id)
            found |= {"status": known.get("status"), "paused": known.get("paused")}
        with suppress(ApiError):
            found["development_mode"] = client.development_mode(zone.id)
        with suppress(ApiError):
            found["token"] = client.token()
        with suppress(ApiError):
            found |= _hit_rates(client, zone.id)
    return found


def _unless_unknown(params: Params) -> dict[str, Any]:
    """Return whether the edge holds the shop; nothing for a token that may not read Workers, such as one for purges."""
    with suppress(ApiError, ConfigError):
        return held.at_the_edge(params)
    return {}


def _hit_rates(client: cloudflare.Cloudflare, zone: str) -> dict[str, Any]:
    now = datetime.now(UTC).replace(microsecond=0)
    spans = {
        "hit_rate": (now - timedelta(hours=1), now),
        "usual_hit_rate": (now - timedelta(hours=25), now - timedelta(hours=1)),
    }
    return {name: _hit_rate(client, zone, *span) for name, span in spans.items()}


def _hit_rate(client: cloudflare.Cloudflare, zone: str, since: datetime, until: datetime) -> float | None:
    statuses = client.cache_statuses(zone, _z(since), _z(until), [])
    counts = {status: group["requests"] for status, group in statuses.items()}
    total = sum(counts.values())
    return round(sum(count for status, count in counts.items() if status in CACHED) / total, 4) if total else None


def _z(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def site(params: Params, name: str, url: str) -> list[dict[str, Any]]:
    """Return how each check of a site went, asked once."""
    options = {
        "base_url": None,
        "release": None,
        "sites": [{"name": name, "url": url, "release": None}],
        "headers": params["headers"] or {},
        "allow_plain_http": bool((params.get(name) or {}).get("allow_plain_http")),
    }
    checks = [to_check(one, options) for one in params["checks"] if one.get("site") == name]
    waiter = Waiter(timeout=0, interval=1.0, heartbeat=nothing)
    return [asdict(one) for one in Prober(waiter, timeout=within(params["timeout"])).run(checks)]


def tls(params: Params) -> dict[str, Any]:
    """Return how long the certificates of the public hosts are valid."""
    context, seconds = Context(now=datetime.now(UTC)), within(params["timeout"])
    options = {"live": True, "days_left": 21, "oldest_tls": "1.2", "ca_file": None, "timeout": seconds / 2}

    def ask(host: str) -> dict[str, Any]:
        return (certificates.ask(context, {**options, "hosts": [host]}).facts or {}).get("hosts") or {}

    hosts = {host: partial(ask, host) for host in hosts_of(params)}
    found = answers(hosts, timeout=seconds, threads=len(hosts))  # one that does not answer must not hide the others
    return {"hosts": {name: one for answer in found.values() for name, one in answer.value.items()}}


def hosts_of(params: Params) -> list[str]:
    """Return the public hosts that speak TLS."""
    urls = [(params.get(name) or {}).get("url") or "" for name in ("frontend", "backend")]
    return list(dict.fromkeys(urlsplit(url).netloc for url in urls if url.startswith("https://")))


def windows(params: Params) -> dict[str, Any]:
    """Return whether a deploy may start now, and when it may next."""
    context = Context(storefront=params["storefront"], now=datetime.now(UTC))
    answer = deploy_window.ask(context, params["windows"])
    return {"open": answer.outcome == "passed", "answered": answer.answered, **(answer.facts or {})}


def sources(params: Params) -> dict[str, Callable[[], Any]]:
    """Return a question for each system that is configured, by its name."""
    found: dict[str, Callable[[], Any]] = {}
    if params.get("store"):
        found |= {
            "ledger": lambda: ledger(params),
            "lease": lambda: lease(params),
            "maintenance": lambda: held.record(params),
        }
        if params["database"].get("url"):
            found["backups"] = lambda: backups(params)
    if params["database"].get("url"):
        found["database"] = lambda: database(params)
    if params["redis"].get("url"):
        found["redis"] = lambda: redis(params)
    if params["edge"].get("zone"):
        found["edge"] = lambda: edge(params)
        found["edge_maintenance"] = lambda: _unless_unknown(params)
    for name in ("frontend", "backend"):
        url = (params.get(name) or {}).get("url")
        if url and any(one.get("site") == name for one in params["checks"]):
            found[f"site:{name}"] = lambda name=name, url=url: site(params, name, url)  # type: ignore[misc]
    if hosts_of(params):
        found["tls"] = lambda: tls(params)
    if params["windows"]:
        found["windows"] = lambda: windows(params)
    return found
