# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether somebody can watch the deploy: where the dashboards are, and a baseline of errors and latency."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from statistics import median_low
from typing import Any

from ..core.amounts import number
from ..platforms.sentry.client import API_URL, Sentry
from . import web
from .answer import Answer, failed, not_applicable, passed
from .check import Context, Options

OPTIONS: dict[str, dict[str, Any]] = {
    **web.OPTIONS,
    "links": {"type": "dict", "default": {}},
    "probes": {"type": "list", "elements": "str", "default": []},
    "samples": {"type": "int", "default": 5},
    "sentry_token": {"type": "str", "no_log": True},
    "sentry_organization": {"type": "str"},
    "sentry_project": {"type": "int"},
    "sentry_url": {"type": "str", "default": API_URL},
    "hours": {"type": "int", "default": 1},
}
MOST_SAMPLES, MOST_HOURS = 50, 24 * 14


def missing(options: Options) -> str:
    known = options["links"] or options["probes"] or options["sentry_token"]
    return "" if known else "set links to the dashboards, probes to pages of the shop, or sentry_token"


def wrong(options: Options, context: Context) -> list[str]:
    problems = [web.url_problem(f"the link {name}", str(url)) for name, url in options["links"].items()]
    problems += [web.url_problem("probes", url) for url in options["probes"]]
    for name, most in (("samples", MOST_SAMPLES), ("hours", MOST_HOURS)):
        if not 1 <= options[name] <= most:
            problems.append(f"{name} is {options[name]}: give 1 to {most}")
    if options["sentry_token"] and not options["sentry_organization"]:
        problems.append("sentry_organization is missing, which sentry_token needs")
    return [problem for problem in problems if problem]


def ask(context: Context, options: Options) -> Answer:
    asked = "are the dashboards known, and what are errors and latency before the deploy?"
    if not options["live"]:
        return not_applicable("nothing is live yet", asked=asked)
    latency = {url: _latency(url, options) for url in options["probes"]}
    errors = _errors(options) if options["sentry_token"] else None
    facts = {"links": dict(options["links"]), "latency": latency, "errors": errors}
    broken = [f"{web.shown(url)} answers {one['status']}" for url, one in latency.items() if one["status"] >= 500]
    if broken:
        advice = "Find out why before something else changes (diagnose.yml)"
        return failed(f"{'; '.join(broken)} before the deploy", advice, asked=asked, facts=facts)
    parts = [f"{web.shown(url)} takes {one['median_ms']} ms" for url, one in latency.items()]
    parts += [f"{number(errors['count'], 'error')} in {errors['hours']} h"] if errors else []
    parts += [f"dashboards: {', '.join(options['links'])}"] if options["links"] else []
    return passed("; ".join(parts), asked=asked, facts=facts)


def _latency(url: str, options: Options) -> dict[str, Any]:
    """Return the worst status and how long answers take, in milliseconds."""
    taken, statuses = [], []
    for _sample in range(options["samples"]):
        began = time.monotonic()
        statuses.append(web.ask("GET", url, options).status_code)
        taken.append(round((time.monotonic() - began) * 1000))
    taken.sort()
    slow = taken[min(len(taken) - 1, round(len(taken) * 0.95))]
    return {"status": max(statuses), "samples": len(taken), "median_ms": median_low(taken), "p95_ms": slow}


def _errors(options: Options) -> Mapping[str, Any]:
    sentry = Sentry(
        options["sentry_token"],
        options["sentry_organization"],
        options["sentry_url"],
        timeout=options["timeout"],
        allow_plain_http=options["allow_plain_http"],
    )
    with closing(sentry):
        count = sentry.errors(options["hours"], options["sentry_project"])
    return {"count": count, "hours": options["hours"], "project": options["sentry_project"]}
