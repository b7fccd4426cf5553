#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports the activity, the size and the locks of a PostgreSQL database."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_info
version_added: 1.0.0
short_description: Report the activity, the size and the locks of a PostgreSQL database
description:
  - Reads the statistics of the server. The module writes nothing, and its session is read only.
  - If a right, an extension or time is missing for a part, that part is V(null), and RV(unavailable) gives the reason.
    The other parts are still returned.
  - Values in statements are replaced by C(?), because they may be customers' data.
author:
  - Contributors to storefront.runbook (@storefront)
extends_documentation_fragment:
  - storefront.runbook.postgres
  - storefront.runbook.postgres.direct
attributes:
  check_mode:
    description: Reads only, so check mode makes no difference.
    support: full
  diff_mode:
    description: Changes nothing, so there is no difference to show.
    support: none
options:
  gather:
    description:
      - What to report. The results have the same names. V(slow_queries) takes O(interval) seconds.
    type: list
    elements: str
    choices: [server, connections, locks, slow_queries, tables, bloat, counts, migrations]
    default: [server, connections, locks, tables, bloat, counts, migrations]
  interval:
    description:
      - Seconds during which slow queries are measured. V(0) takes all since the server's counters were reset.
    type: float
    default: 10.0
  exact_counts:
    description:
      - Counts the rows of every table instead of returning the planner's estimates. This reads every table.
    type: bool
    default: false
  limit:
    description:
      - Maximum number of tables and statements in the results. The biggest tables and the slowest statements come
        first.
    type: int
    default: 20
  statement_timeout:
    description:
      - Seconds that one query may take. V(0) sets no limit.
    type: float
    default: 15.0
"""

EXAMPLES = r"""
- name: Show which sessions wait for which, and the slow queries
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
  description: The server and the database. C(size_bytes) is the size of the database. C(connections) counts all clients
    of the server. C(sees_others) says whether the sessions of other users are shown in full, which the role
    C(pg_read_all_stats) allows.
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
  description: The sessions of the database by state, application and user, with the seconds of their longest
    transaction. The session of the module is not included.
  returned: when O(gather) has V(connections)
  type: list
  elements: dict
  sample:
    - state: idle in transaction
      application: shop-api
      user: shop
      count: 4
      waiting_for_locks: 0
      longest_transaction: 312.5
locks:
  description: Each session that waits for a lock, with each session that it waits for. A session that waits and blocks
    another one is listed twice.
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
  description: The statements that took the most time within O(interval), according to C(pg_stat_statements).
  returned: when O(gather) has V(slow_queries)
  type: list
  elements: dict
  sample: [{calls: 120, total_ms: 8400.0, mean_ms: 70.0, rows: 120, query: "SELECT * FROM customers WHERE email = $1"}]
tables:
  description: The biggest tables, with their sizes in bytes, their rows according to the statistics, and how often they
    were read as a whole or through an index.
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
  description: C(tables) in which at least 1000 rows and 20 per cent are dead, which is more than autovacuum leaves, and
    C(invalid_indexes), which a failed C(CREATE INDEX CONCURRENTLY) has left.
  returned: when O(gather) has V(bloat)
  type: dict
  sample:
    tables:
      - name: public.Cart
        live_rows: 1000
        dead_rows: 9000
        dead_percent: 90
        table_bytes: 8388608
        last_vacuum: null
    invalid_indexes: [{name: item_idx, table: item}]
migrations:
  description: The contents of C(_prisma_migrations). C(known) is false if there is no such table. C(history) is as in
    RV(storefront.runbook.prisma_migrate#module:migrations), without a release to compare it with.
  returned: when O(gather) has V(migrations)
  type: dict
  sample: {known: true, applied: 3, last: 20260202090000_product_rating, failed: [], history: []}
counts:
  description: Rows by table. Null if the planner has no estimate yet.
  returned: when O(gather) has V(counts)
  type: dict
  sample: {public.Order: 250000, public.Product: 480}
unavailable:
  description: Reasons why results are null, by the name of the result.
  returned: success
  type: dict
  sample:
    slow_queries: Slow queries are not known because the extension pg_stat_statements is not in the database shop.
elapsed:
  description: Seconds that the module took.
  returned: always
  type: float
"""

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
    """The database, and the clock for what it counts."""

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
