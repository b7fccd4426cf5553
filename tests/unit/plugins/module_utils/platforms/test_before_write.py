# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every vendor's client asks the lease before each attempt of a write, and for no longer than it grants; a
read is never held up by it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import LeaseLost, RunbookError
from ansible_collections.storefront.runbook.plugins.module_utils.platforms import github, slack
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.cloudflare import client as cloudflare
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.railway import client as railway
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.railway import graphql
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.render import client as render
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.render import instances
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.sentry import client as sentry
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.vercel import client as vercel

from tests.unit.support import Answer, Clock, FakeVendor, Request, reply

VENDOR = {"api_token": "tok_4711secret", "api_url": "https://api.test", "timeout": 30.0}
PLACE = {"token_type": "account", "project": "p", "environment": "e", "service": "s"}
SERVICE = {"id": "srv-1", "name": "srv-1", "ownerId": "own"}
PROJECT = {"id": "prj", "name": "shop"}
GIT = {"ref": "v1", "task": "deploy", "environment": "production", "payload": {}, "required_contexts": []}
Writes = Callable[[], Any]


@dataclass
class Lease:
    """Held for ``renewals`` renewals, each of which grants ``seconds``. ``asked`` has what was asked for,
    ``ticks`` counts renewals in a wait.
    """

    renewals: int = 99
    seconds: float = 12.0
    asked: list[float] = field(default_factory=list)
    ticks: int = 0

    def before_write(self, seconds: float) -> float:
        self.asked.append(seconds)
        if len(self.asked) > self.renewals:
            raise LeaseLost("somebody took it")
        return min(seconds, self.seconds)

    def tick(self) -> None:
        self.ticks += 1

    @property
    def hooks(self) -> dict[str, Any]:
        return {"before_write": self.before_write, "tick": self.tick}

    @property
    def connecting(self) -> dict[str, Any]:
        return {"before_write": self.before_write, "heartbeat": self.tick}


def of_vercel(lease: Lease) -> tuple[Writes, Writes]:
    client = vercel.connect({**VENDOR, "team": None}, **lease.connecting)
    return lambda: client.set_auto_assign(PROJECT, False), lambda: client.project("shop")


def of_railway(lease: Lease) -> tuple[Writes, Writes]:
    client = railway.connect({**VENDOR, **PLACE}, **lease.connecting)
    return lambda: client.ask(graphql.STOP, id="d"), lambda: client.ask(graphql.VARIABLES, projectId="p")


def of_render(lease: Lease) -> tuple[Writes, Writes]:
    client = render.connect({**VENDOR, "service": "srv-1"}, **lease.connecting)
    client._service = SERVICE
    return lambda: instances.restart(client), lambda: client.pages("/services", "service", object)


def of_cloudflare(lease: Lease) -> tuple[Writes, Writes]:
    client = cloudflare.Cloudflare("tok_4711secret", **lease.hooks)
    return lambda: client.purge_everything("z"), lambda: client.cache_statuses("z", "a", "b", [])


def of_github(lease: Lease) -> tuple[Writes, Writes]:
    client = github.GitHub("tok_4711secret", "acme/shop", **lease.hooks)
    return lambda: client.create_deployment(GIT), lambda: client.deployment(1)


def of_sentry(lease: Lease) -> tuple[Writes, Writes]:
    client = sentry.Sentry("tok_4711secret", "acme", **lease.hooks)
    return lambda: client.update("v1", {"ref": "x"}), lambda: client.release("v1")


def of_slack(lease: Lease) -> tuple[Writes, Writes]:
    client = slack.Slack("tok_4711secret", **lease.hooks)
    return lambda: client.post("#deploys", "text", None, False), lambda: client.says("C1", "1.1")


def of_webhook(lease: Lease) -> tuple[Writes, None]:
    return lambda: slack.Webhook("https://hooks.test/services/T/B/secret", **lease.hooks).post("text", None), None


CLIENTS = {name.removeprefix("of_"): client for name, client in list(globals().items()) if name.startswith("of_")}
READERS = [name for name in CLIENTS if name != "webhook"]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    from ansible_collections.storefront.runbook.plugins.module_utils.core.http import ApiClient

    patched = {**ApiClient.__init__.__kwdefaults__, "sleep": clock.sleep, "clock": clock}
    monkeypatch.setattr(ApiClient.__init__, "__kwdefaults__", patched)


def met(work: Writes, answer: Callable[[Request], Answer]) -> tuple[FakeVendor, Exception | None]:
    """Do ``work`` at a vendor that answers so; return the vendor and what the work raised."""
    vendor = FakeVendor(answer)
    with vendor.installed():
        try:
            work()
        except RunbookError as error:
            return vendor, error
    return vendor, None


@pytest.mark.parametrize("name", CLIENTS)
def test_no_write_leaves_without_the_lease(name: str) -> None:
    lease = Lease(renewals=0)
    vendor, error = met(CLIENTS[name](lease)[0], lambda request: reply(200, {}))
    assert isinstance(error, LeaseLost)
    assert vendor.requests == []


@pytest.mark.parametrize("name", CLIENTS)
def test_a_second_try_does_not_leave_when_the_lease_was_lost_in_between(name: str) -> None:
    lease = Lease(renewals=1)
    vendor, error = met(CLIENTS[name](lease)[0], lambda request: reply(429))
    assert isinstance(error, LeaseLost)
    assert len(vendor.requests) == 1


@pytest.mark.parametrize("name", CLIENTS)
def test_no_write_takes_longer_than_the_lease_grants(name: str) -> None:
    lease = Lease()
    vendor, _error = met(CLIENTS[name](lease)[0], lambda request: reply(400))
    assert lease.asked == [30]
    assert [request.timeout for request in vendor.requests] == [12]


@pytest.mark.parametrize("name", READERS)
def test_a_read_is_never_held_up_by_the_lease(name: str) -> None:
    lease = Lease(renewals=0)
    vendor, error = met(CLIENTS[name](lease)[1], lambda request: reply(400))
    assert vendor.requests
    assert not isinstance(error, LeaseLost)
    assert lease.asked == []


def test_the_write_after_a_promotion_is_refused_when_the_lease_was_lost_meanwhile() -> None:
    lease = Lease(renewals=1)
    client = vercel.connect({**VENDOR, "team": None}, **lease.connecting)
    vendor, error = met(lambda: client.point(PROJECT, "dpl_1", "promote", keep_off=True), lambda request: reply(201))
    assert isinstance(error, LeaseLost)
    assert [request.method for request in vendor.requests] == ["POST"]


def test_the_lease_is_renewed_while_a_retry_is_waited_for(clock: Clock) -> None:
    lease = Lease()
    answers = iter([reply(429, headers={"Retry-After": "60"}), reply(200, {"success": True})])
    _vendor, error = met(of_cloudflare(lease)[0], lambda request: next(answers))
    assert error is None
    assert sum(clock.sleeps) == 60
    assert lease.ticks >= 11
