# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether stakeholders were notified: the message that Slack accepted, in whose thread the run reports."""

from __future__ import annotations

import re
from typing import Any

from .answer import Answer, not_configured, passed
from .check import Context, Options

OPTIONS: dict[str, dict[str, Any]] = {"channel": {"type": "str"}, "ts": {"type": "str"}}
TS = re.compile(r"\d{1,10}\.\d{6}")


def missing(options: Options) -> str:
    return "" if options["channel"] else "set channel to the one that the deploy reports to"


def wrong(options: Options, context: Context) -> list[str]:
    known = not options["ts"] or TS.fullmatch(options["ts"])
    return [] if known else [f"ts {options['ts']!r} is not that of a message in Slack"]


def ask(context: Context, options: Options) -> Answer:
    """Notifying never fails a run, so a message that is missing does not either, unless the check is required."""
    asked = f"were stakeholders notified of {context.release or 'the release'}?"
    if not options["ts"]:
        return not_configured(
            "no message has a ts: it was not posted, or was by a webhook, which gives none", asked=asked
        )
    facts = {"channel": options["channel"], "ts": options["ts"]}
    return passed(f"Slack has the message {options['ts']} in {options['channel']}", asked=asked, facts=facts)
