# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a service at Render runs: suspended, resumed, renewed and counted."""

from __future__ import annotations

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.http import ApiClient
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import Waiter
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.render import instances
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.render.client import (
    API_URL,
    Render,
    parse_error,
)
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.render.states import by_id

from tests.unit.plugins.fake_railway import lost
from tests.unit.plugins.fake_render import SERVICE, FakeRender
from tests.unit.support import Clock, reply


@pytest.fixture
def render() -> FakeRender:
    return FakeRender()


@pytest.fixture
def client(render, clock: Clock) -> Render:
    api = ApiClient(
        "Render",
        API_URL,
        headers={},
        parse_error=parse_error,
        session=render.vendor.session(),
        sleep=clock.sleep,
        clock=clock,
    )
    return Render(api, SERVICE, Waiter(timeout=60, interval=2, sleep=clock.sleep, clock=clock), {})


def test_a_suspension_whose_answer_was_lost_is_not_repeated(render, client):
    render.has("v1.0.0")
    render.faults["suspend"] = [lost]
    instances.suspend(client)
    instances.wait_suspended(client)
    assert render.writes() == ["suspend"]


def test_a_resumed_service_is_awaited_by_the_deploy_that_render_makes(render, client):
    render.has("v1.0.0")
    instances.suspend(client)
    made = instances.resume(client)
    assert made is not None
    assert (made.trigger, made.id) == ("service_resumed", "dep-2")
    assert client.wait_live(made).is_live


def test_a_resumed_service_without_a_new_deploy_runs_what_it_ran(render, client):
    serving = render.has("v1.0.0")
    instances.suspend(client)
    render.faults["resume"] = [lambda _: (render.service.update(suspended="not_suspended"), reply(202))[1]]
    assert instances.resume(client) == by_id(client.deploys(), serving["id"])


@pytest.mark.parametrize(
    ("what", "call"), [("restart", instances.restart), ("scale", lambda client: instances.scale(client, 3))]
)
def test_what_does_no_harm_twice_is_sent_again_after_a_lost_answer(render, client, what, call):
    render.faults[what] = [lost]
    call(client)
    assert render.writes() == [what, what]


def test_a_restart_is_over_when_none_of_the_old_instances_is_left(render, client):
    before = instances.instances(client)
    instances.restart(client)
    render.faults["instances"] = [lambda _: reply(200, [{"id": one} for one in ("one", "one-again")])]
    instances.wait_instances(client, gone=before)
    assert render.operations().count("instances") == 3


def test_scaling_is_over_when_as_many_instances_run_as_are_wanted(render, client):
    instances.scale(client, 2)
    render.faults["instances"] = [lambda _: reply(200, [{"id": "one"}])]
    instances.wait_instances(client, 2)
    assert render.operations().count("instances") == 2
