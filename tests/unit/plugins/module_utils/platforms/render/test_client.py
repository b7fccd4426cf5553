# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Render client: what it sends, and what it makes of the answers."""

from __future__ import annotations

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import (
    ApiError,
    ConfigError,
    DeploymentFailed,
    WaitTimeout,
)
from ansible_collections.storefront.runbook.plugins.module_utils.core.http import ApiClient
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import Waiter
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.render.client import (
    API_URL,
    Render,
    connect,
    parse_error,
)
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.render.states import live

from tests.unit.plugins.fake_railway import lost, never_arrived
from tests.unit.plugins.fake_render import SERVICE, SHAS, FakeRender, queued, refusal
from tests.unit.support import Clock, reply

WANTED = {"commitId": SHAS["v1.1.0"]}


@pytest.fixture
def render() -> FakeRender:
    return FakeRender()


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def client(render, clock: Clock, warnings) -> Render:
    headers = {"Authorization": "Bearer rnd_s3cret"}
    api = ApiClient(
        "Render",
        API_URL,
        headers=headers,
        parse_error=parse_error,
        session=render.vendor.session(headers),
        sleep=clock.sleep,
        clock=clock,
    )
    waiter = Waiter(timeout=60, interval=2, warn=warnings.append, sleep=clock.sleep, clock=clock)
    return Render(api, SERVICE, waiter, {sha: release for release, sha in SHAS.items()})


def test_the_token_is_sent_as_a_bearer(render):
    with render.vendor.installed():
        connect({"api_token": "rnd_s3cret", "api_url": API_URL, "timeout": 5, "service": SERVICE}).deploys()
    assert {request.headers["Authorization"] for request in render.vendor.requests} == {"Bearer rnd_s3cret"}
    assert {request.url.split("/services")[0] for request in render.vendor.requests} == {"https://api.render.com/v1"}


def test_a_service_is_found_by_its_exact_name(render, client):
    client.name = "shop-api"
    assert client.service["id"] == SERVICE
    client.refresh()
    assert render.operations() == ["list_services", "service_of"]


def test_a_name_that_no_service_has_is_refused(client):
    client.name = "shop"
    with pytest.raises(ConfigError, match=r"0 services at Render are called 'shop' \(none\). Set service to an id"):
        client.deploys()


def test_a_list_is_read_to_its_end(render, client):
    render.values = {f"NAME_{number:03d}": "x" for number in range(250)}
    assert len(client.pages(f"{client.path}/env-vars", "envVar", object)) == 250
    assert render.operations().count("list_env") == 3


def test_a_list_that_ends_with_a_full_page_is_read_to_its_end(render, client):
    render.values = {f"NAME_{number:03d}": "x" for number in range(100)}
    assert len(client.pages(f"{client.path}/env-vars", "envVar", object)) == 100


def test_a_list_that_does_not_end_is_an_error(render, client):
    render.faults["list_env"] = [lambda _: reply(200, [{"envVar": {}, "cursor": "again"}] * 100)] * 200
    with pytest.raises(ApiError, match="does not end"):
        client.pages(f"{client.path}/env-vars", "envVar", object)


def test_the_newest_deploys_come_first(render, client):
    for number in range(8):
        render.has(f"v1.{number}.0")
    assert [deploy.id for deploy in client.deploys(3)] == ["dep-8", "dep-7", "dep-6"]


def test_an_error_keeps_the_vendors_words_and_not_the_token(render, client):
    render.faults["deploys"] = [lambda _: refusal(404, "not found: rnd_s3cret", "not_found")]
    with pytest.raises(ApiError, match="with 404 not_found: not found") as failure:
        client.deploys()
    assert (failure.value.status, failure.value.code) == (404, "not_found")
    assert "s3cret" not in str(failure.value)


def test_a_limit_is_waited_for_as_long_as_render_says(render, client, clock):
    limited = {"Retry-After": "7", "RateLimit-Limit": "400", "RateLimit-Remaining": "0", "RateLimit-Reset": "7"}
    render.faults["create"] = [lambda _: reply(429, {"id": "err-1", "message": "slow down"}, headers=limited)]
    client.create(WANTED)
    assert 7 in clock.sleeps
    assert render.writes() == ["create", "create"]


def test_a_commit_becomes_a_deploy_that_is_named_by_it(render, client):
    made = client.create(WANTED)
    assert (made.id, made.release, made.commit) == ("dep-1", "v1.1.0", SHAS["v1.1.0"])
    assert render.sent("create") == [WANTED]


def test_a_deploy_that_is_only_queued_is_looked_for(render, client):
    render.has("v1.0.0")
    render.hidden = 4
    render.faults["create"] = [queued]
    assert client.create(WANTED).id == "dep-2"
    assert render.writes() == ["create"]


def test_a_queued_deploy_that_never_comes_is_an_error(render, client):
    render.has("v1.1.0")
    render.faults["create"] = [lambda _: reply(202)]
    with pytest.raises(ApiError, match="lists no new deploy after 60 s") as failure:
        client.create(WANTED)
    assert failure.value.code == "no_deployment"
    assert render.writes() == ["create"]


def test_a_deploy_whose_answer_was_lost_is_found_and_not_asked_for_again(render, client):
    render.has("v1.1.0", status="build_failed")  # an older try of the same release is not it
    render.faults["create"] = [lost]
    assert client.create(WANTED).id == "dep-2"
    assert render.writes() == ["create"]


def test_what_somebody_else_deploys_meanwhile_is_not_taken_for_the_lost_one(render, client):
    render.faults["create"] = [lambda honest: (honest(), render.has("v1.9.0", "created"), lost(reply))[2]]
    assert client.create(WANTED).release == "v1.1.0"


@pytest.mark.parametrize("answer", [never_arrived, lambda _: reply(502), lambda _: reply(200, text='{"id": "dep')])
def test_a_deploy_that_never_came_about_is_asked_for_again(render, client, answer):
    render.faults["create"] = [answer]
    assert client.create(WANTED).id == "dep-1"
    assert render.writes() == ["create", "create"]


def test_a_deploy_that_is_refused_is_not_asked_for_again(render, client):
    render.faults["create"] = [lambda _: refusal(400, "commit not found")]
    with pytest.raises(ApiError, match="with 400: commit not found"):
        client.create(WANTED)
    assert render.writes() == ["create"]


def test_a_lost_rollback_is_not_asked_for_twice(render, client):
    target = render.has("v1.0.0")
    render.has("v1.1.0")
    render.faults["rollback"] = [lost]
    assert client.roll_back(client.deploy(target["id"])).trigger == "rollback"
    assert render.writes() == ["rollback"]


def test_a_new_deploy_need_not_be_listed_at_once(render, client):
    render.has("v1.0.0")
    made = client.create(WANTED)
    render.hidden = 2
    assert client.wait_live(made).is_live


def test_waiting_ends_when_the_vendor_says_live(render, client):
    made = client.wait_live(client.create(WANTED))
    assert made.word == "live"
    assert live(client.deploys()) == made


def test_a_failed_deploy_shows_the_end_of_both_logs_and_no_password(render, client):
    render.steps = ["created", "build_in_progress", "build_failed"]
    render.said = {"build": ["old"] * 20 + ["npm run build"], "app": ["cannot reach postgresql://shop:hunter2@db/shop"]}
    with pytest.raises(
        DeploymentFailed,
        match=r"(?s)v1.1.0 to shop-api failed with the status .build_failed.*build\ncannot reach.*deploy again",
    ) as failure:
        client.wait_live(client.create(WANTED))
    assert "hunter2" not in str(failure.value)
    assert str(failure.value).count("old") == 14


def test_a_log_that_cannot_be_read_does_not_hide_the_failure(render, client):
    render.steps = ["created", "update_failed"]
    render.faults["logs"] = [lambda _: refusal(403, "forbidden")] * 2
    with pytest.raises(DeploymentFailed, match='failed with the status "update_failed"'):
        client.wait_live(client.create(WANTED))


def test_a_word_that_is_not_known_is_waited_on_and_never_success(render, client, warnings):
    render.steps = ["created", "hibernating"]
    with pytest.raises(WaitTimeout, match="still hibernating"):
        client.wait_live(client.create(WANTED))
    assert "hibernating" in warnings[0]


def test_a_cancel_that_render_refuses_is_a_warning(render, client, warnings):
    coming = render.has("v1.1.0", "update_in_progress")
    render.faults["cancel"] = [lambda _: refusal(400, "deploy is not in progress")]
    client.cancel([client.deploy(coming["id"])])
    assert "not canceled" in warnings[0]
