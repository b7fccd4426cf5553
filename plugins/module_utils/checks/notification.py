# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether stakeholders were notified: the message that Slack accepted, in whose thread the run reports."""

from __future__ import annotations

import re
from typing import Any

from .answer import Answer, passed
from .check import Context, Options

OPTIONS: dict[str, dict[str, Any]] = {"channel": {"type": "str"}, "ts": {"type": "str"}}
TS = re.compile(r"\d{1,10}\.\d{6}")


def missing(options: Options) -> str:
    return "" if options["ts"] else "set ts and channel to what slack_message returns; a message by webhook has none"


def wrong(options: Options, context: Context) -> list[str]:
    problems = [] if TS.fullmatch(options["ts"]) else [f"ts {options['ts']!r} is not that of a message in Slack"]
    return problems + ([] if options["channel"] else ["channel is missing: a ts counts within its channel"])


def ask(context: Context, options: Options) -> Answer:
    asked = f"were stakeholders notified of {context.release or 'the release'}?"
    facts = {"channel": options["channel"], "ts": options["ts"]}
    return passed(f"Slack has the message {options['ts']} in {options['channel']}", asked=asked, facts=facts)
