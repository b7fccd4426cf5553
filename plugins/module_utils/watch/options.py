# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the options of the module watch_release mean: what is asked of whom, and what is refused before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from ..core.errors import ConfigError
from ..core.redact import secrets_of_url
from ..core.wait import Waiter
from ..platforms.sentry.client import API_URL, Sentry
from ..release.lease_document import iso
from ..release.store_clock import compare
from ..release.watch_settings import Settings, settings_of
from ..site.check_options import to_check
from ..site.checks import Check
from ..site.journeys.journey import Journey
from ..site.journeys.options import hidden as hidden_in_journeys
from ..site.journeys.options import runner_of, world_of
from ..site.journeys.reader import journeys_of
from ..site.journeys.words import nearest
from ..store.base import Store
from . import platform, sentry
from .judge import Group
from .question import asker
from .rounds import Subjects
from .state import decide, load
from .work import Watch, refuse_too_little

Params = Mapping[str, Any]


@dataclass
class Request:
    """One task of the module. ``store`` is where the state of the watch is kept."""

    params: Params
    store: Store
    check_mode: bool
    heartbeat: Callable[[], None]
    warn: Callable[[str], None]

    def close(self) -> None:
        self.store.close()

    def check(self) -> None:
        """Raise ConfigError for options that cannot be right, and for a project that the organization does not have."""
        settings = self._settings()
        if settings.sentry:
            sentry.refuse_missing(self.params["sentry"])
        if settings.platform:
            platform.refuse_missing(self.params["backend"])
        if not self.params["checks"]:
            raise ConfigError("checks is empty, so nothing would be compared. Add at least one URL.")
        subjects = self._subjects(settings)
        refuse_too_little(settings, subjects)
        if settings.sentry and self.check_mode:
            with closing(self._sentry()) as client:
                sentry.refuse_strangers(client, self.params["sentry"]["projects"])

    def carried_out(self) -> dict[str, Any]:
        params = self.params
        if params["state"] == "decided":
            return self._decided()
        settings = self._settings()
        watch = Watch(
            self.store,
            settings,
            self._subjects(settings),
            Waiter(heartbeat=self.heartbeat, warn=self.warn),
            release=params["release"],
            previous=params["previous"] or "",
            resumed=params["resumed"],
            alone=params["alone"],
            stage=params["stage"] or {},
            ask=asker(params["slack"], params["allow_plain_http"], self.warn),
            timeout=params["timeout"],
            sessions=self._sessions if settings.sentry else None,
            platform=self._counted if settings.platform else None,
        )
        found = watch.measure() if params["state"] == "before" else watch.watch()
        return {**found, "changed": False}

    def _settings(self) -> Settings:
        try:
            return settings_of(self.params["watch"])
        except ValueError as wrong:
            raise ConfigError(f"{wrong}.", code="bad_watch") from None

    def _subjects(self, settings: Settings) -> Subjects:
        sites = self.params["sites"]
        new = self._checks({site["name"]: site["url"] for site in sites})
        old = self._checks({site["name"]: site["old_url"] for site in sites if site["old_url"]})
        journey = self._journey(settings.journey)
        if not journey:
            return Subjects(new, old)
        runners = {
            "new": runner_of(self._world_params("url"), world_of(self._world_params("url")), self.heartbeat),
            "old": runner_of(self._world_params("old_url"), world_of(self._world_params("old_url")), self.heartbeat),
        }
        return Subjects(new, old, journey.name, lambda side: runners[side].run(journey), walks_old=bool(old))

    def _checks(self, urls: Mapping[str, str]) -> dict[str, list[Check]]:
        sites = [{"name": name, "url": url, "release": None} for name, url in urls.items()]
        params = {**self.params, "sites": sites, "base_url": None, "release": None}
        found: dict[str, list[Check]] = {name: [] for name in urls}
        for option in self.params["checks"]:
            if option["site"] in urls:
                found[option["site"]].append(to_check({**option, "release": None}, params))
        return {name: checks for name, checks in found.items() if checks}

    def _journey(self, name: str) -> Journey | None:
        if not name:
            return None
        journeys = {one["name"]: one for one in self.params["journeys"] if one.get("name")}
        if name not in journeys:
            raise ConfigError(
                f"verify_watch.journey is {name!r}, and verify_journeys has no such name{nearest(name, journeys)}.",
                code="bad_watch",
            )
        (journey,) = journeys_of([journeys[name]], world_of(self._world_params("url")))
        if journey.writes and not self.params["test_customers"]:
            raise ConfigError(
                f"verify_watch.journey is {name}, which writes. Choose one that only reads, or set"
                " verify_test_customers where the shop offers test customers.",
                code="bad_watch",
            )
        return journey

    def _world_params(self, side: str) -> dict[str, Any]:
        sites = {site["name"]: site[side] or site["url"] for site in self.params["sites"]}
        more = {"place": None, "run": None, "caller": "watch", "browser_path": None, "screenshots": None}
        return {**self.params, **more, "sites": sites}

    def _decided(self) -> dict[str, Any]:
        params, state = self.params, load(self.store)
        if not state or state.phase != "holding":
            raise ConfigError(
                "No watch waits for a decision, so nothing was recorded. A watch that is inconclusive waits for one"
                " where verify_watch.inconclusive is hold or extend.",
                code="nothing_to_decide",
            )
        given = {name: params[name] or "" for name in ("decide", "by", "reason")}
        decide(self.store, {**given, "release": state.release, "at": iso(compare(self.store)())})
        return {"summary": f"Recorded for the watch of {state.release}: {given['decide']}.", "changed": True}

    def _sentry(self) -> Sentry:
        given = self.params["sentry"]
        plain = {"allow_plain_http": self.params["allow_plain_http"]}
        return Sentry(given["api_token"], given["organization"], given["api_url"] or API_URL, **plain)

    def _counted(self, seconds: float) -> dict[str, Group]:
        given = {**self.params["backend"], "allow_plain_http": self.params["allow_plain_http"]}
        return platform.counted(given, seconds, self.heartbeat)

    def _sessions(self) -> tuple[Group, Group]:
        given, releases = self.params["sentry"], (self.params["release"], self.params["previous"] or "")
        with closing(self._sentry()) as client:
            return sentry.compared(client, given["projects"], given["environment"], releases)


def hidden(params: Params) -> Iterator[str]:
    """Yield the secrets inside of options: the passwords of addresses, and those that a journey holds."""
    urls = [one[key] for one in params["sites"] for key in ("url", "old_url")]
    for url in [*urls, *(one["url"] for one in params["checks"])]:
        yield from secrets_of_url(url)
    if hook := params["slack"].get("webhook_url"):
        yield hook.strip().rpartition("/")[2]
    yield from hidden_in_journeys(params)
