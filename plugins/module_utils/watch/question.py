# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask in Slack what to do about a watch that is inconclusive and waits. It never fails the watch."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

from ..core.errors import RunbookError
from ..platforms.slack import API_URL, Slack, Webhook
from ..release.notice_blocks import section

LONGEST = 2500  # characters of the verdict


def asker(given: Mapping[str, Any], allow_plain_http: bool, warn: Callable[[str], None]) -> Callable[[str, str], None]:
    """Return what posts a question: the verdict, and until when a decision is waited for."""

    def ask(verdict: str, until: str) -> None:
        if not (given.get("webhook_url") or (given.get("api_token") and given.get("channel"))):
            return
        text = question(verdict, until)
        try:
            with closing(_client(given, allow_plain_http)) as client:
                _post(client, given, text)
        except RunbookError as error:
            warn(f"The question about the watch was not posted to Slack: {error}")

    return ask


def question(verdict: str, until: str) -> str:
    shown = html.escape(verdict[:LONGEST], quote=False)
    return (
        f":raising_hand: {shown}\nThe deploy waits {until} for a decision, and then puts the release back."
        " Run `watch.yml -e decide=continue -e decide_reason=…` to keep it,"
        " or `watch.yml -e decide=put_back -e decide_reason=…` to put it back now."
    )


def _client(given: Mapping[str, Any], allow_plain_http: bool) -> Slack | Webhook:
    if given.get("api_token"):
        return Slack(given["api_token"], given.get("api_url") or API_URL, allow_plain_http=allow_plain_http)
    return Webhook(given["webhook_url"], allow_plain_http=allow_plain_http)


def _post(client: Slack | Webhook, given: Mapping[str, Any], text: str) -> None:
    thread = given.get("thread_ts") or None
    if isinstance(client, Slack):
        client.post(given["channel"], text, thread, bool(thread), [section(text)])
    else:
        client.post(text, None, [section(text)])
