# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Slack's clients: a 200 that is an error, a channel that takes one message a second, an address that is a secret."""

from __future__ import annotations

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ApiError, ConfigError, Unreachable
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.slack import (
    Slack,
    Webhook,
    plain,
    webhook_path,
)

from tests.unit.support import Answer, Clock, FakeVendor, Request, answer_lost, reply

CHANNEL, TS = "C0123456789", "1767225600.000100"
HOOK = "https://hooks.slack.com/services/T0001/B0001/s3cr3ts3cr3t"
DONE = {"ok": True, "channel": CHANNEL, "ts": TS, "message": {}}


def refused(code: str) -> dict[str, object]:
    return {"ok": False, "error": code}


@pytest.fixture
def speak(clock: Clock):
    def client(vendor: FakeVendor) -> Slack:
        return Slack("xoxb-token", session=vendor.session(), sleep=clock.sleep, clock=clock)

    return client


def test_a_post_reports_the_channels_id_and_the_message(speak) -> None:
    vendor = FakeVendor([reply(200, DONE)])
    assert speak(vendor).post("#deploys", "text", None, False) == {"channel": CHANNEL, "ts": TS}
    assert vendor.requests[0].json() == {"channel": "#deploys", "text": "text", "unfurl_links": False}


def test_a_200_that_says_no_is_an_error_with_its_remedy(speak) -> None:
    with pytest.raises(ApiError, match=r"Slack refused chat.postMessage: not_in_channel. Invite the app") as caught:
        speak(FakeVendor([reply(200, refused("not_in_channel"))])).post(CHANNEL, "text", None, False)
    assert (caught.value.code, caught.value.status, caught.value.details["retryable"]) == ("not_in_channel", 200, False)


def test_a_word_that_is_not_known_is_reported_as_it_is(speak) -> None:
    with pytest.raises(ApiError, match="brand_new_error"):
        speak(FakeVendor([reply(200, refused("brand_new_error"))])).update(CHANNEL, TS, "text")


def test_a_full_channel_is_waited_for(speak, clock: Clock) -> None:
    answers: list[Answer] = [
        reply(429, refused("ratelimited"), headers={"Retry-After": "7"}),
        reply(200, refused("rate_limited")),
        reply(200, DONE),
    ]
    speak(FakeVendor(answers)).post(CHANNEL, "text", None, False)
    assert clock.sleeps[0] == 7
    assert 0.5 <= clock.sleeps[1] <= 1


def test_a_channel_that_stays_full_is_an_error_in_the_end(speak, clock: Clock) -> None:
    vendor = FakeVendor(lambda request: reply(200, refused("rate_limited")))
    with pytest.raises(ApiError, match="one message a second"):
        speak(vendor).post(CHANNEL, "text", None, False)
    assert sum(clock.sleeps) <= 180


def test_a_post_whose_answer_was_lost_is_not_sent_again_and_an_update_is(speak) -> None:
    vendor = FakeVendor([answer_lost()])
    with pytest.raises(Unreachable):
        speak(vendor).post(CHANNEL, "text", None, False)
    speak(FakeVendor([answer_lost(), reply(200, {"ok": True})])).update(CHANNEL, TS, "text")


def test_a_message_is_found_in_its_thread(speak) -> None:
    thread = {
        "ok": True,
        "messages": [
            {"ts": "1767225500.000100", "text": "first"},
            {"ts": TS, "text": "a &lt; b &amp; <https://shop.example>"},
        ],
    }
    vendor = FakeVendor([reply(200, thread)])
    assert speak(vendor).says(CHANNEL, TS) == "a < b & https://shop.example"
    assert vendor.requests[0].query == {"channel": CHANNEL, "ts": TS, "oldest": TS, "latest": TS, "inclusive": "true"}


@pytest.mark.parametrize("code", ["missing_scope", "not_allowed_token_type"])
def test_a_token_that_may_not_read_knows_nothing(speak, code: str) -> None:
    assert speak(FakeVendor([reply(200, refused(code))])).says(CHANNEL, TS) is None


@pytest.mark.parametrize(
    "answer", [refused("thread_not_found"), {"ok": True, "messages": [{"ts": "1767225500.000100", "text": "another"}]}]
)
def test_a_message_that_is_not_there_is_an_error(speak, answer: dict) -> None:
    vendor = FakeVendor(lambda request: reply(200, answer))
    with pytest.raises(ApiError, match=r"message_not_found. Leave ts out"):
        speak(vendor).says(CHANNEL, TS)
    assert len(vendor.requests) == 2  # one that has just been posted may not be found at once


def test_a_message_that_is_found_at_the_second_look_is_found(speak, clock: Clock) -> None:
    found = {"ok": True, "messages": [{"ts": TS, "text": "text"}]}
    assert speak(FakeVendor([reply(200, refused("thread_not_found")), reply(200, found)])).says(CHANNEL, TS) == "text"
    assert clock.sleeps == [1]


def test_a_named_link_stays_what_it_is() -> None:
    assert plain("<https://shop.example|the shop> &gt; ") == "<https://shop.example|the shop> >"


def test_a_webhook_gets_the_text(clock: Clock) -> None:
    vendor = FakeVendor([reply(200, text="ok")])
    Webhook(HOOK, session=vendor.session(), sleep=clock.sleep, clock=clock).post("text", TS)
    (request,) = vendor.requests
    assert (request.url, request.json()) == (HOOK, {"text": "text", "thread_ts": TS})


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ([reply(404, text="no_service")], "with 404 no_service: The webhook does not exist any more"),
        ([reply(403, text="invalid_token")], "copy it again"),
        ([reply(400, text="<html>")], "with 400: <html>"),
        ([answer_lost()], "No answer from Slack at https://hooks.slack.com"),
    ],
)
def test_a_webhooks_address_is_in_no_error(clock: Clock, script: list[Answer], said: str) -> None:
    webhook = Webhook(HOOK, session=FakeVendor(script).session(), sleep=clock.sleep, clock=clock)
    with pytest.raises((ApiError, Unreachable)) as caught:
        webhook.post("text", None)
    assert said in str(caught.value)
    assert "s3cr3t" not in repr(caught.value.details)
    assert "T0001" not in repr(caught.value.details)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.slack.com/services/T/B/s3cr3t",
        "https://hooks.slack.com",
        "https://hooks.slack.com/a s3cr3t",
        "ftp://s3cr3t/x",
    ],
)
def test_what_is_no_webhook_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigError, match="webhook_url is not the URL of a webhook") as caught:
        webhook_path(url)
    assert "s3cr3t" not in str(caught.value)


def test_a_webhook_may_carry_a_query() -> None:
    def answer(request: Request) -> Answer:
        return reply(200, text="ok") if request.url == "http://127.0.0.1:9/hook?key=1" else reply(404, text="no")

    Webhook("http://127.0.0.1:9/hook?key=1 ", session=FakeVendor(answer).session()).post("text", None)


def test_a_webhook_that_does_not_say_ok_has_not_posted(clock: Clock) -> None:
    webhook = Webhook(HOOK, session=FakeVendor([reply(200, text="<html>")]).session(), sleep=clock.sleep, clock=clock)
    with pytest.raises(ApiError, match="did not confirm the message"):
        webhook.post("text", None)
