#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Report what a PostgreSQL database is busy with, how big it is, and who waits for whom."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_info
version_added: 1.0.0
short_description: Report what a PostgreSQL database is busy with, how big it is, and who waits for whom
description:
  - Reads the server's own statistics. Writes nothing, and its session is read only.
  - What cannot be told, for want of rights, of an extension or of time, is V(null) and has its reason in
    RV(unavailable); the rest is told all the same.
  - Values in statements are replaced by C(?), since they may be customers' data.
author:
  - Contributors to storefront.runbook (@storefront)
extends_documentation_fragment:
  - storefront.runbook.postgres
  - storefront.runbook.postgres.direct
attributes:
  check_mode:
    description: Reads only, so check mode is no different.
    support: full
  diff_mode:
    description: Changes nothing, so there is no difference to show.
    support: none
options:
  gather:
    description:
      - What to tell; the results have the same names. V(slow_queries) takes O(interval) seconds.
    type: list
    elements: str
    choices: [server, connections, locks, slow_queries, tables, bloat, counts, migrations]
    default: [server, connections, locks, tables, bloat, counts, migrations]
  interval:
    description:
      - Seconds for which slow queries are counted, V(0) for all since the server's counters were reset.
    type: float
    default: 10.0
  exact_counts:
    description:
      - Count the rows, which reads every table, instead of telling the planner's estimate.
    type: bool
    default: false
  limit:
    description:
      - How many tables and statements are told at most, the biggest and slowest first.
    type: int
    default: 20
  statement_timeout:
    description:
      - Seconds that one query may take, V(0) for no limit.
    type: float
    default: 15.0
"""

EXAMPLES = r"""
- name: Tell who waits for whom, and what is slow at the moment
  storefront.runbook.pg_info:
    database_url: "{{ vault_database_url }}"
    gather: [server, connections, locks, slow_queries]
    interval: 30
  register: database

- name: Count the orders
  storefront.runbook.pg_info:
    database_url: "{{ vault_database_url }}"
    gather: [counts]
    exact_counts: true
  register: rows
  failed_when: rows.unavailable or rows.counts['public.Order'] == 0
"""

RETURN = r"""
server:
  description: The server and the database. C(size_bytes) is the database's, C(connections) are all of the server's
    clients, C(sees_others) tells whether other
    users' sessions are shown in full (the role C(pg_read_all_stats)).
  returned: when O(gather) has V(server)
  type: dict
  sample:
    database: shop
    version: "15.20"
    size_bytes: 734003200
    started_at: "2026-01-31T12:00:00+00:00"
    in_recovery: false
    max_connections: 100
    connections: 23
    user: shop
    sees_others: false
connections:
  description: The database's sessions by state, application and user, with the seconds of their longest transaction;
    this one is left out.
  returned: when O(gather) has V(connections)
  type: list
  elements: dict
  sample: [{state: idle in transaction, application: shop-api, user: shop, count: 4, waiting_for_locks: 0, longest_transaction: 312.5}]
locks:
  description: Each session that waits for a lock, with each one it waits for. One that is waited for and waits itself
    is there twice.
  returned: when O(gather) has V(locks)
  type: list
  elements: dict
  sample:
    - pid: 4711
      user: shop
      application: storefront.runbook
      mode: AccessExclusiveLock
      relation: '"Order"'
      seconds: 4.2
      query: ALTER TABLE "Order" ADD note text
      blocked_by: 4242
      blocker_user: shop
      blocker_application: report
      blocker_state: idle in transaction
      blocker_transaction: 312.5
      blocker_query: SELECT * FROM "Order" WHERE id = ?
slow_queries:
  description: The statements that took the most time within O(interval), by C(pg_stat_statements).
  returned: when O(gather) has V(slow_queries)
  type: list
  elements: dict
  sample: [{calls: 120, total_ms: 8400.0, mean_ms: 70.0, rows: 120, query: "SELECT * FROM customers WHERE email = $1"}]
tables:
  description: The biggest tables, with their sizes in bytes, their rows as the statistics have them, and how often they
    were read as a whole or by an index.
  returned: when O(gather) has V(tables)
  type: list
  elements: dict
  sample:
    - name: public.Order
      total_bytes: 104857600
      table_bytes: 83886080
      index_bytes: 20971520
      live_rows: 250000
      dead_rows: 1200
      whole_reads: 12
      index_reads: 480000
      last_vacuum: "2026-01-31T12:00:00+00:00"
      last_analyze: null
bloat:
  description: C(tables) of which 20 per cent and at least 1000 rows are dead, which is more than autovacuum leaves; and
    C(invalid_indexes), which a failed
    C(CREATE INDEX CONCURRENTLY) left.
  returned: when O(gather) has V(bloat)
  type: dict
  sample:
    tables: [{name: public.Cart, live_rows: 1000, dead_rows: 9000, dead_percent: 90, table_bytes: 8388608, last_vacuum: null}]
    invalid_indexes: [{name: item_idx, table: item}]
migrations:
  description: What C(_prisma_migrations) says. C(known) is false where there is none; C(history) is as in
    RV(storefront.runbook.prisma_migrate#module:migrations), without a release to compare it with.
  returned: when O(gather) has V(migrations)
  type: dict
  sample: {known: true, applied: 3, last: 20260202090000_product_rating, failed: [], history: []}
counts:
  description: Rows by table; null where the planner has no estimate yet.
  returned: when O(gather) has V(counts)
  type: dict
  sample: {public.Order: 250000, public.Product: 480}
unavailable:
  description: Why something that was asked for is null, by what it is.
  returned: success
  type: dict
  sample: {slow_queries: Slow queries are not known because the extension pg_stat_statements is not in the database shop.}
elapsed:
  description: Seconds that the module took.
  returned: always
  type: float
"""  # noqa: E501

from contextlib import closing
from typing import Any

from ..module_utils.core.errors import ConfigError
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import direct_options, postgres_options
from ..module_utils.core.plan import Plan
from ..module_utils.core.redact import secrets_of_url
from ..module_utils.core.wait import Waiter
from ..module_utils.migrations.report import summary
from ..module_utils.postgres.connection import PSYCOPG2_ERROR, connect, direct
from ..module_utils.postgres.info import SUBSETS, Inquiry, Question

QUESTIONS: dict[str, Question] = {**SUBSETS, "migrations": lambda inquiry: summary(inquiry.connection)}


def argument_spec() -> dict[str, Any]:
    return {
        **postgres_options(),
        **direct_options(),
        "gather": {
            "type": "list",
            "elements": "str",
            "choices": list(QUESTIONS),
            "default": [name for name in QUESTIONS if name != "slow_queries"],
        },
        "interval": {"type": "float", "default": 10.0},
        "exact_counts": {"type": "bool", "default": False},
        "limit": {"type": "int", "default": 20},
        "statement_timeout": {"type": "float", "default": 15.0},
    }


class Client:
    """The database, and how to wait for what it counts meanwhile."""

    def __init__(self, params: dict[str, Any], runtime: Runtime) -> None:
        negative = [name for name in ("interval", "limit", "statement_timeout") if params[name] < 0]
        if negative:
            raise ConfigError(f"{negative[0]} is {params[negative[0]]:g}; it cannot be less than 0.", code="bad_option")
        self.runtime, self.waiter = runtime, Waiter()
        self.database = direct(params["database_url"], params["direct_url"])


def plan(params: dict[str, Any], client: Client) -> Plan:
    with closing(connect(client.database)) as connection:
        inquiry = Inquiry(
            connection,
            statement_timeout=params["statement_timeout"],
            limit=params["limit"],
            exact=params["exact_counts"],
            interval=params["interval"],
            sleep=client.waiter.sleep,
        )
        answers = inquiry.gather({name: QUESTIONS[name] for name in params["gather"]})
    for what, reason in inquiry.unavailable.items():
        client.runtime.warn(f"{what}: {reason}")
    return Plan({}, {}, result={**answers, "unavailable": inquiry.unavailable})


def apply(intent: Plan, client: Client) -> None:
    """Never called: there is nothing to change."""


def secrets(params: dict[str, Any]) -> list[str]:
    return [secret for option in ("database_url", "direct_url") for secret in secrets_of_url(params[option])]


def main() -> None:
    run(argument_spec(), Client, plan, apply, secrets=secrets, libraries={"psycopg2": PSYCOPG2_ERROR})


if __name__ == "__main__":
    main()
