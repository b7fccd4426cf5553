# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the shop is in maintenance: by the record in the store, an unfinished deploy, or the edge itself."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from ..core.amounts import date, moment
from ..platforms.cloudflare import client as cloudflare
from ..platforms.cloudflare import maintenance_switch
from ..platforms.cloudflare.workers import Workers
from ..release import maintenance
from ..release.page_budget import within
from ..store.open import open_store
from .gather import Facts, value
from .storefront import Params


@dataclass(frozen=True)
class Held:
    """``way`` is that of the record, "deploy" for an unfinished deploy, "edge" without a record. ``units`` were stopped
    for it. Times are in UTC.
    """

    way: str
    since: str | None = None
    by: str = ""
    reason: str = ""
    expected_at: str | None = None
    units: tuple[str, ...] = ()
    recorded: bool = True

    def text(self, now: datetime) -> str:
        """Say it in one line."""
        began = f" since {date(at)}" if (at := moment(self.since)) else ""
        who = f" by {self.by}" if self.by else ""
        how = maintenance.WAYS.get(self.way, "by an unfinished deploy")
        why = f", because {self.reason}" if self.reason else ""
        return f"on{began}{who}, {how}{why}{self._expected(now)}"

    def _expected(self, now: datetime) -> str:
        back = moment(self.expected_at)
        if back is None:
            return "" if self.recorded else "; no record says why"
        return f"; it was expected to end {date(back)}" if back < now else f"; expected back {date(back)}"

    def described(self) -> dict[str, Any]:
        names = ("way", "since", "by", "reason", "expected_at", "recorded")
        return {**{name: getattr(self, name) or None for name in names}, "units": list(self.units)}


def record(params: Params) -> dict[str, Any]:
    """Return the record of the maintenance in the store; empty without one."""
    with closing(open_store(params)) as store:
        found = maintenance.read(store)
    return found[0] if found else {}


def at_the_edge(params: Params) -> dict[str, Any]:
    """Return whether a Worker of ours holds the shop, as cf_maintenance reports it."""
    given = params["edge"]
    seconds = within(params["timeout"])
    url, plain = given["api_url"] or cloudflare.API_URL, given["allow_plain_http"]
    client = Workers(given["api_token"] or "", url, timeout=seconds, deadline=seconds, allow_plain_http=plain)
    with closing(client):
        found = maintenance_switch.read_state(client, given["zone"], None, params["storefront"])
    own = [route.pattern for route in found.own]
    return maintenance_switch.describe(own, found.config, maintenance_switch.now())


def held(facts: Facts) -> Held | None:
    """Return the maintenance that the shop is in; None where it is open."""
    recorded, lease = value(facts, "maintenance") or {}, value(facts, "lease") or {}
    edge, journal = value(facts, "edge_maintenance") or {}, lease.get("journal") or {}
    if recorded:
        back = recorded.get("opens_at") or recorded["expected_at"]
        units = tuple(recorded["units"])
        return Held(recorded["way"], recorded["since"], recorded["by"], recorded.get("reason") or "", back, units)
    if journal.get("held"):
        return Held("deploy", edge.get("since"), str(lease.get("holder") or ""))
    if edge.get("on"):
        return Held("edge", edge.get("since"), expected_at=edge.get("expected_at"), recorded=False)
    return None


def closed(check: Mapping[str, Any]) -> bool:
    """Whether a check of a shop in maintenance failed because the shop is closed."""
    return check["outcome"] != "healthy" and check.get("status") == HTTPStatus.SERVICE_UNAVAILABLE
