# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the API limits how often somebody may try: a bounded burst against a path that is declared for it
meets a 429.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..core.amounts import number
from . import web
from .answer import Answer, failed, not_applicable, passed
from .check import Context, Options

OPTIONS: dict[str, dict[str, Any]] = {
    **web.OPTIONS,
    "rate_limit_url": {"type": "str"},
    "rate_limit_method": {"type": "str", "default": "GET", "choices": ["GET", "HEAD", "POST"]},
    "rate_limit_body": {"type": "dict"},
    "burst": {"type": "int", "default": 50},
}
MOST, AT_ONCE = 500, 8


def missing(options: Options) -> str:
    return (
        ""
        if options["rate_limit_url"]
        else "set rate_limit_url to an address that may be asked often, such as the one to log in"
    )


def wrong(options: Options, context: Context) -> list[str]:
    problems = [web.url_problem("rate_limit_url", options["rate_limit_url"])]
    if not 2 <= options["burst"] <= MOST:
        problems.append(f"burst is {options['burst']}: give 2 to {MOST} requests")
    if options["rate_limit_body"] is not None and options["rate_limit_method"] != "POST":
        problems.append("rate_limit_body needs rate_limit_method: POST")
    return [problem for problem in problems if problem]


def ask(context: Context, options: Options) -> Answer:
    url, burst = options["rate_limit_url"], options["burst"]
    asked = f"do {burst} requests to {url} meet a 429?"
    if not options["live"]:
        return not_applicable("nothing is live yet", asked=asked)
    sent, limited, broken = _burst(options)
    facts = {
        "url": url,
        "burst": burst,
        "sent": sent,
        "retry_after": limited.headers.get("Retry-After") if limited is not None else None,
    }
    if limited is not None:
        return passed(f"a 429 came within {number(sent, 'request')}", asked=asked, facts=facts)
    if broken:
        advice = "Find out why it cannot handle a burst of that size"
        return failed(
            f"it answered {broken} within {number(sent, 'request')} instead of limiting them",
            advice,
            asked=asked,
            facts=facts,
        )
    return failed(
        f"{number(sent, 'request was', 'requests were')} answered, and none was limited",
        "Limit attempts by address, or raise burst over the limit",
        asked=asked,
        facts=facts,
    )


def _burst(options: Options) -> tuple[int, Any, int]:
    """Send requests until one is limited or the site breaks; return how many were sent, the 429, and the
    status that shows that it broke.
    """
    over, lock = threading.Event(), threading.Lock()
    found: dict[str, Any] = {"sent": 0, "limited": None, "broken": 0}
    content = {"json": options["rate_limit_body"]} if options["rate_limit_body"] is not None else {}

    def send(_number: int) -> None:
        if over.is_set():
            return
        with lock:
            found["sent"] += 1
        answer = web.ask(options["rate_limit_method"], options["rate_limit_url"], options, **content)
        if answer.status_code == 429:
            found["limited"] = answer
        elif answer.status_code >= 500:
            found["broken"] = answer.status_code
        if answer.status_code == 429 or answer.status_code >= 500:
            over.set()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            list(pool.map(send, range(options["burst"])))
        finally:
            over.set()
    return found["sent"], found["limited"], found["broken"]
