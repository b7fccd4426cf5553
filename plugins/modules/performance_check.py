#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure how fast a shop answers, and what its database does meanwhile."""

from __future__ import annotations

DOCUMENTATION = r"""
module: performance_check
short_description: Measure how fast a shop answers, and what its database does meanwhile
version_added: 1.0.0
author:
  - Contributors to storefront.runbook (@storefront)
description:
  - Requests each URL several times and compares the percentiles of its times with a budget and with a baseline.
  - Reports the hit rate of Cloudflare's cache, by the header C(cf-cache-status) of its own requests and, with O(edge),
    by Cloudflare's analytics of all visitors.
  - With O(database_url) it reads C(pg_stat_statements) before and after the requests. A statement that ran more often
    than O(calls_per_request) for each request is reported as a suspect of N+1 queries. Other visitors count as well.
  - Without the extension, the reason is in RV(unavailable) and the rest is measured.
  - The module only reads. It runs in check mode as well, and never reports a change.
attributes:
  check_mode:
    description: Reads only, so check mode is no different.
    support: full
  diff_mode:
    description: Changes nothing, so there is no difference to show.
    support: none
options:
  targets:
    description:
      - URLs to measure.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - Name of the target in messages and in the baseline.
        type: str
        required: true
      url:
        description:
          - URL to request.
        type: str
        required: true
      budget:
        description:
          - Maximum milliseconds by percentile for this target, instead of those in O(budget).
        type: dict
        default: {}
  samples:
    description:
      - Number of requests for each target.
    type: int
    default: 20
  budget:
    description:
      - Maximum milliseconds by percentile (C(p50), C(p90), C(p95), C(p99) or C(max)).
    type: dict
    default: {}
  baseline:
    description:
      - RV(measured) of an earlier run. Targets that it does not have are not compared.
    type: dict
    default: {}
  slower_percent:
    description:
      - Percentage by which p50 and p95 may exceed the baseline. Differences up to 20 ms are ignored.
    type: float
    default: 50.0
  edge:
    description:
      - Result of M(storefront.runbook.cf_info), whose statistics are those since the last measurement.
    type: dict
    default: {}
  hit_rate:
    description:
      - Minimum part of the answers that Cloudflare's cache gives, from 0 to 1. Without it the rate is only reported.
      - The rate in O(edge) is judged where it is known, and otherwise that of the module's own requests.
    type: float
  database_url:
    description:
      - URL of the database as Prisma writes it.
    type: str
  calls_per_request:
    description:
      - Calls of one statement for each request above which it is reported as a suspect.
    type: float
    default: 5.0
  slow_query_ms:
    description:
      - Milliseconds on average above which a statement is a problem. Without it slow statements are only reported.
    type: float
  headers:
    description:
      - Secret headers to send to the targets.
    type: dict
    default: {}
  timeout:
    description:
      - Seconds for one response, up to its last byte.
    type: float
    default: 10.0
  allow_plain_http:
    description:
      - Allows O(headers) to be sent over plain HTTP to another machine.
    type: bool
    default: false
  require:
    description:
      - V(passed) fails the task if there is a problem. V(none) only reports.
    type: str
    choices: [passed, none]
    default: passed
"""

EXAMPLES = r"""
- name: The shop answers within its budget
  storefront.runbook.performance_check:
    targets:
      - {name: homepage, url: https://shop.example/}
      - {name: products, url: https://api.shop.example/api/products, budget: {p95: 300}}
    budget: {p50: 200, p95: 800}
    database_url: "{{ vault_database_url }}"
"""

RETURN = r"""
passed:
  description: Whether there is no problem.
  returned: success
  type: bool
  sample: true
measured:
  description: Percentiles in milliseconds and the number of samples by target, the hit rate of these requests as
    C(hit_rate), and what Cloudflare counted as C(edge).
  returned: always
  type: dict
  sample: {"targets": {"homepage": {"p50": 12, "p95": 18, "max": 20, "samples": 20}}, "hit_rate": 0.95}
problems:
  description: What exceeds the budget or the baseline, and what did not answer.
  returned: always
  type: list
  elements: str
  sample: []
suspects:
  description: Statements that ran suspiciously often for each request.
  returned: always
  type: list
  elements: dict
  sample: [{"query": "SELECT name FROM \"Category\" WHERE id = $1", "calls": 480, "calls_per_request": 24.0}]
slow_queries:
  description: The statements that took the most time during the requests. Null if they are not known.
  returned: always
  type: list
  elements: dict
  sample: [{"calls": 120, "total_ms": 840.0, "mean_ms": 7.0, "rows": 120, "query": "SELECT 1"}]
unavailable:
  description: Why something could not be measured, by its name.
  returned: always
  type: dict
  sample: {}
summary:
  description: What was measured, and a line per problem. It is also the message when the task fails.
  returned: always
  type: str
  sample: 2 targets are within their limits.
elapsed:
  description: Run time of the module in seconds.
  returned: always
  type: float
error:
  description: The error in machine-readable form.
  returned: failure
  type: dict
  contains:
    kind:
      description: V(unhealthy) or V(config).
      type: str
    message:
      description: Same text as C(msg).
      type: str
"""

from contextlib import closing
from typing import Any

from ..module_utils.core.errors import ConfigError, RunbookError, Unhealthy
from ..module_utils.core.http import REQUESTS_ERROR
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import plain_http_options
from ..module_utils.core.plan import Plan
from ..module_utils.core.redact import secrets_of_url
from ..module_utils.core.transport import make_session
from ..module_utils.core.wait import nothing
from ..module_utils.postgres.connection import PSYCOPG2_ERROR, connect, direct
from ..module_utils.postgres.info import masked
from ..module_utils.postgres.statements import slow_queries
from ..module_utils.site.journeys.names import text
from ..module_utils.site.journeys.options import world_of
from ..module_utils.site.journeys.sender import Sender
from ..module_utils.site.performance import (
    Meter,
    Target,
    budget_of,
    counted_at_the_edge,
    judge_statements,
    refuse_wrong,
    summary,
    too_few_hits,
    too_slow,
)

LISTED = 50  # statements


def argument_spec() -> dict[str, Any]:
    target = {"name": {"type": "str", "required": True}, "url": {"type": "str", "required": True}}
    return {
        "targets": {
            **{"type": "list", "elements": "dict", "required": True},
            "options": {**target, "budget": {"type": "dict", "default": {}}},
        },
        "samples": {"type": "int", "default": 20},
        "budget": {"type": "dict", "default": {}},
        "baseline": {"type": "dict", "default": {}},
        "slower_percent": {"type": "float", "default": 50.0},
        "edge": {"type": "dict", "default": {}},
        "hit_rate": {"type": "float"},
        "database_url": {"type": "str", "no_log": True},
        "calls_per_request": {"type": "float", "default": 5.0},
        "slow_query_ms": {"type": "float"},
        "headers": {"type": "dict", "default": {}, "no_log": True},
        "timeout": {"type": "float", "default": 10.0},
        "require": {"type": "str", "choices": ["passed", "none"], "default": "passed"},
        **plain_http_options(),
    }


def build_client(params: dict[str, Any], runtime: Runtime) -> Meter:
    refuse_wrong(params)
    sites = {target["name"]: target["url"].partition("?")[0] for target in params["targets"]}
    if len(sites) < len(params["targets"]):
        raise ConfigError("Two targets have the same name. Rename one.")
    world = world_of({**params, "sites": sites, "hosts": [], "variables": {}, "secrets": {}})
    headers = {str(name): text(value) for name, value in params["headers"].items()}
    return Meter(Sender(world, make_session(headers), headers, params["timeout"]), params["samples"])


def plan(params: dict[str, Any], client: Meter) -> Plan:
    common = budget_of(params["budget"], "budget")
    targets = [
        Target(one["name"], one["url"], budget_of(one["budget"], f"The budget of {one['name']}") or common)
        for one in params["targets"]
    ]
    statements, unavailable = measure(params, client, targets)
    measured, before = client.measured(), params["baseline"].get("targets") or {}
    problems = [f"{name}: {why}" for name, why in client.failures.items()]
    problems += too_slow(targets, measured, before, params["slower_percent"])
    rate, (edge, absent) = client.hit_rate(), counted_at_the_edge(params["edge"])
    problems += too_few_hits(rate, edge, params["hit_rate"])
    unavailable |= {"edge": absent} if absent else {}
    unavailable |= {} if rate is not None else {"hit_rate": "No answer has the header cf-cache-status of a cache."}
    limits = {"most_calls": params["calls_per_request"], "slow_ms": params["slow_query_ms"]}
    suspects, slow = judge_statements(statements or [], client.asked, **limits)
    problems += slow
    found: dict[str, Any] = {
        **{"passed": not problems, "problems": problems, "suspects": suspects, "slow_queries": statements},
        **{"measured": {"targets": measured, "hit_rate": rate, "edge": edge}, "unavailable": unavailable},
    }
    found["summary"] = summary(found, len(targets), params["baseline"])
    if problems and params["require"] == "passed":
        error = Unhealthy(found["summary"])
        error.result = found
        raise error
    return Plan(before={}, after={}, result=found)


def measure(
    params: dict[str, Any], client: Meter, targets: list[Target]
) -> tuple[list[dict[str, Any]] | None, dict[str, str]]:
    """Measure the targets; return the statements that the database ran meanwhile, and why they are not known."""
    if params["database_url"]:
        try:
            with closing(connect(direct(params["database_url"], None))) as connection:
                meanwhile = {"sleep": lambda _unused: client.measure(targets)}
                rows = slow_queries(connection, interval=1, limit=LISTED, **meanwhile)
            return [{**row, "query": masked(row["query"])} for row in rows], {}
        except RunbookError as error:
            if not client.asked:
                client.measure(targets)
            return None, {"slow_queries": str(error)}
    client.measure(targets)
    return None, {"slow_queries": "database_url is not set, so the database was not asked."}


def secrets(params: dict[str, Any]) -> list[str]:
    return secrets_of_url(params["database_url"])


def main() -> None:
    libraries = {"requests": REQUESTS_ERROR, "psycopg2": PSYCOPG2_ERROR}
    run(argument_spec(), build_client, plan, nothing, secrets=secrets, libraries=libraries)


if __name__ == "__main__":
    main()
