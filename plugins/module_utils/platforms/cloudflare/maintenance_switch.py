# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Switch the maintenance of a shop at the edge on and off, and wait until its public site shows that."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlsplit

with suppress(ImportError):  # core.http gives run() the reason
    import requests

from ...core.errors import ConfigError, Unreachable
from ...core.parallel import answers, bounded
from ...core.transport import TooLarge, exchange, make_session
from ...core.wait import Outcome, Waiter
from .maintenance import Hosts, foreign, goes_on, iso, patterns, read_settings, script, script_name, settings
from .workers import Route, Script, Workers

MARK = "x-storefront-maintenance"
MOST = 1 << 20  # bytes of a page; none of them is shown


@dataclass(frozen=True)
class Found:
    """What there is at Cloudflare: the zone's routes, and the settings of the shop's script."""

    zone: str
    zone_name: str | None
    account: str
    name: str
    routes: Sequence[Route]
    config: Mapping[str, Any]

    @property
    def own(self) -> list[Route]:
        return [route for route in self.routes if route.script == self.name]

    def is_on(self, now: float) -> bool:
        opens_at = self.config.get("opens_at")
        return bool(self.own) and not (opens_at and opens_at <= now)


@dataclass
class Switch:
    """The changes to make: a script to upload, routes to create by pattern, routes to delete."""

    found: Found
    upload: Script | None = None
    create: list[str] = field(default_factory=list)
    delete: list[Route] = field(default_factory=list)


def read_state(client: Workers, zone_name: str, account: str | None, shop: str) -> Found:
    """Read what there is at Cloudflare."""
    zone = client.zone(zone_name)
    owner = account or client.account_of(zone.id)
    name = script_name(shop, zone.id)
    config = read_settings(client.variables(owner, name))
    return Found(zone.id, zone.name, owner, name, client.routes(zone.id), config)


def switch_on(
    found: Found, params: Mapping[str, Any], hosts: Hosts, source: str, now: float
) -> tuple[Switch, dict[str, Any]]:
    """Return what to change for the maintenance to be on, and its settings. Raises ConfigError where a
    route of somebody else takes the shop's requests.
    """
    if not hosts.covered:
        raise ConfigError(
            f"No public host of the shop is in the zone {params['zone']}:"
            f" {', '.join(hosts.outside) or 'urls is empty'}."
            " Set urls to the shop's own domains.",
            code="nothing_covered",
        )
    others = foreign(found.routes, found.name, hosts)
    if others and params["foreign_routes"] == "refuse":
        listed = ", ".join(f"{route.pattern} ({route.script or 'no Worker'})" for route in others)
        raise ConfigError(
            f"Other routes of the zone take requests of the shop: {listed}. The maintenance would not reach them, and"
            " they are never changed. Remove them, or set foreign_routes to keep if these requests may continue.",
            code="foreign_routes",
        )
    taken = {route.pattern for route in others}
    wanted = [pattern for pattern in patterns(hosts) if pattern not in taken]
    own = {route.pattern for route in found.own}
    config = settings(params, source, now)
    same = bool(own) and goes_on(found.config, config, now)
    if same:
        config = dict(found.config)
    elif found.is_on(now):
        config["since"] = found.config.get("since", config["since"])
    return Switch(
        found,
        None if same else script(params, source, config),
        [pattern for pattern in wanted if pattern not in own],
        [route for route in found.own if route.pattern not in wanted],
    ), config


def carry_out(client: Workers, switch: Switch) -> None:
    """Change what differs. The script comes first, so that no route leads to an old one."""
    found = switch.found
    if switch.upload:
        client.upload(found.account, found.name, switch.upload)
    for pattern in switch.create:
        client.create_route(found.zone, pattern, found.name)
    for route in switch.delete:
        client.delete_route(found.zone, route.id)


def describe(own: Sequence[str], config: Mapping[str, Any], now: float) -> dict[str, Any]:
    """Return the state of the maintenance, as a result and a diff show it."""
    opens_at = config.get("opens_at")
    ended = bool(own and opens_at and opens_at <= now)
    return {
        "on": bool(own) and not ended,
        "ended_by_itself": ended,
        "routes": sorted(own),
        "since": iso(config.get("since")) if own else None,
        "expected_at": iso(config.get("expected_at")) if own else None,
        "opens_at": iso(opens_at) if own else None,
    }


def shows(url: str, shop: str, seconds: float, session: Callable[..., Any] | None = None) -> bool | None:
    """Whether a public URL answers with the maintenance of this shop; None where it does not answer."""
    with closing((session or make_session)({})) as opened:
        try:
            answer = exchange(opened, "GET", url, seconds=seconds, most=MOST, headers={"accept": "text/html"})
        except (requests.RequestException, TooLarge):
            return None
    return answer.status_code == 503 and answer.headers.get(MARK) == shop


def asked(
    read: Callable[[], Found], urls: Sequence[str], shop: str, seconds: float | None
) -> tuple[Found, dict[str, bool | None]]:
    """Return what ``read`` finds at Cloudflare, and what each public URL shows, which are asked at the same time.

    With ``seconds`` the answer comes within these: a URL that is late shows nothing, Cloudflare raises Unreachable.
    """
    if seconds is None:
        return read(), {}
    pages = {url: partial(shows, url, shop, seconds) for url in urls}
    with ThreadPoolExecutor(1) as aside:
        seen = aside.submit(answers, pages, timeout=seconds, threads=len(pages) or 1)
        found = bounded(read, seconds)
    if found is None:
        raise Unreachable(f"Cloudflare did not answer within {seconds:g} s. Check the network and its status page.")
    in_time = seen.result()
    return found.value, {url: in_time[url].value if url in in_time else None for url in urls}


def held_urls(urls: Sequence[str], routes: Sequence[str]) -> list[str]:
    """Return the URLs whose hosts routes of the shop cover."""
    return [url for url in urls if f"{urlsplit(url).netloc.lower()}/*" in routes]


def await_public(urls: Sequence[str], shop: str, *, on: bool, seconds: float, waiter: Waiter) -> None:
    """Wait until each public URL shows the maintenance, or does not show it any more. Raises WaitTimeout."""
    word = {True: "in maintenance", False: "open", None: "silent"}

    def classify(seen: dict[str, bool | None]) -> tuple[Outcome, str]:
        late = [url for url, shown in seen.items() if (shown is True) != on]
        return (Outcome.PENDING if late else Outcome.READY), ", ".join(f"{url} {word[seen[url]]}" for url in late)

    waiter.wait_for(
        lambda: {url: shows(url, shop, seconds) for url in urls},
        classify,
        what="The public site",
        check_next="the zone's DNS records (a record that is not proxied reaches no Worker) and its Workers routes",
    )


def now() -> float:
    return time.time()
