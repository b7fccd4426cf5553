# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""slack_message in process: what is refused, predicted and sent."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.modules import slack_message

from tests.unit.support import Answer, FakeVendor, Request, reply, run_module

CHANNEL, TS = "C0123456789", "1767225600.000100"
HOOK = "https://hooks.slack.com/services/T0001/B0001/s3cr3ts3cr3t"


def answer(request: Request) -> Answer:
    if request.host == "hooks.slack.com":
        return reply(200, text="ok")
    return reply(200, {"ok": True, "channel": CHANNEL, "ts": TS, "messages": [{"ts": TS, "text": "old &amp; gone"}]})


@pytest.fixture
def vendor() -> FakeVendor:
    return FakeVendor(answer)


def message(vendor: FakeVendor, *, check: bool = False, **params: Any) -> dict[str, Any]:
    with vendor.installed():
        return run_module(slack_message, {"text": "new", **params}, check=check)


def app(**params: Any) -> dict[str, Any]:
    return {"api_token": "xoxb-token", "channel": CHANNEL, **params}


def test_a_new_message_is_posted(vendor: FakeVendor) -> None:
    result = message(vendor, **app(channel="#deploys", thread_ts="1767225500.000100"))
    assert (result["changed"], result["message"]) == (
        True,
        {"channel": CHANNEL, "ts": TS, "thread_ts": "1767225500.000100"},
    )
    assert result["diff"] == {"before": {}, "after": {"text": "new"}}


LINK = {"type": "button", "text": {"type": "plain_text", "text": "Report"}, "url": "https://r.example"}
BLOCKS = [{"type": "section", "text": {"type": "mrkdwn", "text": "new"}}, {"type": "actions", "elements": [LINK]}]


def test_blocks_are_posted_and_updated(vendor: FakeVendor) -> None:
    for more in (app(), app(ts=TS), {"webhook_url": HOOK}):
        assert message(vendor, blocks=BLOCKS, **more)["changed"]
        assert vendor.requests[-1].json()["blocks"] == BLOCKS


def test_a_button_that_is_no_link_and_too_many_blocks_are_refused(vendor: FakeVendor) -> None:
    pressed = [{"type": "actions", "elements": [{**LINK, "url": ""}]}]
    assert "A button in blocks has no url" in message(vendor, blocks=pressed, **app())["msg"]
    assert "blocks has 51 blocks" in message(vendor, blocks=BLOCKS[:1] * 51, **app())["msg"]
    assert vendor.requests == []


def test_check_mode_posts_nothing(vendor: FakeVendor) -> None:
    assert message(vendor, check=True, **app())["changed"]
    assert message(vendor, check=True, webhook_url=HOOK)["changed"]
    assert vendor.requests == []


def test_a_message_is_updated_only_if_its_text_differs(vendor: FakeVendor) -> None:
    assert not message(vendor, **app(ts=TS, text="old & gone"))["changed"]
    assert [request.method for request in vendor.requests] == ["GET"]
    result = message(vendor, **app(ts=TS))
    assert (result["changed"], result["diff"]) == (True, {"before": {"text": "old & gone"}, "after": {"text": "new"}})
    assert vendor.requests[-1].json() == {"channel": CHANNEL, "ts": TS, "text": "new"}


def test_a_webhook_needs_no_other_option_and_is_never_shown(vendor: FakeVendor) -> None:
    result = message(vendor, webhook_url=HOOK)
    assert (result["changed"], result["message"]) == (True, {"channel": None, "ts": None, "thread_ts": None})
    assert [request.url for request in vendor.requests] == [HOOK]
    assert "s3cr3t" not in repr(result)


def test_a_text_that_quotes_the_webhook_is_not_shown_either(vendor: FakeVendor) -> None:
    assert "s3cr3ts3cr3t" not in repr(message(vendor, webhook_url=HOOK, text="made with s3cr3ts3cr3t"))


def test_a_token_in_the_environment_does_not_block_a_webhook(
    vendor: FakeVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-token")
    assert not message(vendor, webhook_url=HOOK)["failed"]
    assert not message(vendor, channel=CHANNEL)["failed"]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({}, "Set api_token and channel, or webhook_url"),
        ({"api_token": "xoxb-token"}, "Set api_token and channel"),
        ({"webhook_url": HOOK, "channel": CHANNEL}, "Leave out channel and ts"),
        ({"webhook_url": "hooks.slack.com/s3cr3t"}, "webhook_url is not the URL"),
        (app(ts=TS, thread_ts=TS), "Set only one of them"),
        (app(ts=TS, channel="#deploys"), "it must be the channel's id"),
        (app(ts="1767225600.0001"), "identifies no message. Use message.ts"),
        (app(text=""), "text has 0 characters"),
        (app(text="x" * 40_001), "It must have 1 to 40000"),
    ],
)
def test_bad_input_is_refused_before_anything_is_sent(
    vendor: FakeVendor, params: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SLACK_BOT_TOKEN", raising=False)
    result = message(vendor, check=True, **params)
    assert (result["failed"], result["error"]["kind"]) == (True, "config")
    assert said in result["msg"]
    assert vendor.requests == []
