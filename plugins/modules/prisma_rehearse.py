#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rehearses a release's pending Prisma migrations on a scratch copy of the database."""

from __future__ import annotations

DOCUMENTATION = r"""
module: prisma_rehearse
version_added: 1.0.0
short_description: Rehearse pending Prisma migrations on a scratch copy of the database
description:
  - Applies what is pending in production to a scratch copy, and reports for each migration how long it took, what it
    locked and how many rows it touched.
  - The copy is given, or made of a backup or of production's schema for the time of the rehearsal, see O(copy). One
    that was made is dropped at the end,
    whatever happens, and by the next run when this one is killed. It holds customers' data when it is made of a backup,
    so keep its server within
    production's boundary of access.
  - A copy that is given is changed, and is to be thrown away afterwards. It is refused when it is production itself, by
    whatever address, and when it does
    not have the migrations that production has. Production is only read.
  - The migrations are always applied by this module itself, as M(storefront.runbook.prisma_migrate) does with the
    runner V(builtin).
author:
  - Contributors to storefront.runbook (@storefront)
extends_documentation_fragment:
  - storefront.runbook.postgres
  - storefront.runbook.postgres.direct
  - storefront.runbook.migrations
  - storefront.runbook.postgres.programs
  - storefront.runbook.source
  - storefront.runbook.lease
  - storefront.runbook.restoring
  - storefront.runbook.scratch
  - storefront.runbook.store
attributes:
  check_mode:
    description: Can run in check mode and predict what would change.
    support: full
  diff_mode:
    description: Shows what changes.
    support: full
options:
  copy:
    description:
      - V(given) rehearses on the database in O(scratch_url). V(backup) restores O(backup) for it, and keeps the proof
        of that as M(storefront.runbook.pg_proof)
        does; V(schema) copies production's schema without its rows, which shows neither how long a migration takes nor
        what its rows are in the way of.
    type: str
    choices: [given, backup, schema]
    default: given
  scratch_url:
    description:
      - URL of the scratch copy, past a connection pooler, such as a restored backup. Never shown or logged.
      - With another O(copy) than V(given), URL of a database on another server than production's, to be connected to.
        Its user has to have the right to
        create databases.
    type: str
  backup:
    description:
      - Name of the backup in O(store) for O(copy=backup), or V(latest) for the newest one of production.
    type: str
    default: latest
  wait_timeout:
    description:
      - Seconds for the copy, and for all migrations together. What runs then is cancelled.
    type: float
    default: 900.0
seealso:
  - module: storefront.runbook.prisma_migrate
  - module: storefront.runbook.pg_proof
"""

EXAMPLES = r"""
- name: Rehearse the release's migrations on the restored backup
  storefront.runbook.prisma_rehearse:
    database_url: "{{ vault_database_url }}"
    scratch_url: "{{ vault_scratch_url }}"
    path: /srv/shop
    ref: v1.1.0
    root_directory: apps/backend
  register: rehearsal
  failed_when: rehearsal is failed or rehearsal.rehearsed | map(attribute='seconds') | sum > 60

- name: Rehearse them on a copy of the schema that is made for it
  storefront.runbook.prisma_rehearse:
    database_url: "{{ vault_database_url }}"
    copy: schema
    scratch_url: "{{ vault_scratch_server_url }}"
    path: /srv/shop
    ref: v1.1.0
    root_directory: apps/backend
"""

RETURN = r"""
pending:
  description: Names of the migrations that production does not have; in check mode those that would be rehearsed.
  returned: success, and when a migration failed
  type: list
  elements: str
  sample: [20260202090000_product_rating]
scratch:
  description: Where it was rehearsed; in check mode the server where a copy would be made.
  returned: success, and when a migration failed; null where a copy would be made and nothing is pending
  type: str
  sample: shop_scratch on db.example:5432 as shop
rehearsed:
  description: What was seen of each migration; empty in check mode.
  returned: success, and when a migration failed
  type: list
  elements: dict
  contains:
    name:
      description: Name of its folder.
      type: str
      sample: 20260202090000_product_rating
    seconds:
      description: How long it took.
      type: float
      sample: 4.218
    transaction:
      description: Whether it ran as one transaction. Where it did not, its locks were looked at fifty times a second,
        so that a short one may be missing.
      type: bool
      sample: true
    locks:
      description: What it held of the relations that were there before, with the C(relation), its C(kind), the C(mode)
        as C(pg_locks) calls it, and what of
        the shop it C(blocks).
      type: list
      elements: dict
      sample: [{relation: 'public."Product"', kind: table, mode: AccessExclusiveLock, blocks: [reads, writes]}]
    tables:
      description:
        - The tables that it names or writes to, with their C(rows_before) and C(rows_after); null where it was not
          there, or where counting took more than a
          minute.
        - C(inserted), C(updated) and C(deleted) rows; null where it did not run as one transaction.
      type: list
      elements: dict
      sample: [{name: 'public."Product"', rows_before: 480, rows_after: 480, inserted: 0, updated: 480, deleted: 0}]
proof:
  description: The proof of the backup that was restored, as M(storefront.runbook.pg_proof) returns it; what is not
    known before is null.
  returned: with O(copy=backup), when something is pending
  type: dict
  sample: {backup: shop-20260202T090000.123Z-v1.1.0, recovery_seconds: 41.2}
leftovers:
  description: Scratch databases of killed runs that were dropped.
  returned: when a copy was made
  type: list
  elements: str
"""

from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from dataclasses import dataclass
from typing import Any

from ..module_utils.backup.reader import ZSTANDARD_ERROR
from ..module_utils.backup.request import secret_keys
from ..module_utils.core.errors import RunbookError, WaitTimeout
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import (
    direct_options,
    lease_options,
    migrations_options,
    postgres_options,
    programs_options,
    restoring_options,
    scratch_options,
)
from ..module_utils.core.plan import Plan
from ..module_utils.core.progress import report
from ..module_utils.core.redact import secrets_of_url
from ..module_utils.migrations.certain_failures import refuse_certain_failures
from ..module_utils.migrations.history import State, read_state
from ..module_utils.migrations.migration import Migration
from ..module_utils.migrations.pending import judge_pending
from ..module_utils.migrations.project import Project
from ..module_utils.migrations.rehearsal import Rehearsal, refuse_another_state
from ..module_utils.postgres.connection import PSYCOPG2_ERROR, Database, connect, direct
from ..module_utils.postgres.identity import refuse_same_address, refuse_same_database
from ..module_utils.release.lease import guard
from ..module_utils.restore import rehearsal as rehearsal_copy


def argument_spec() -> dict[str, Any]:
    return {
        **lease_options(),
        **postgres_options(),
        **direct_options(),
        "copy": {"type": "str", "choices": ["given", "backup", "schema"], "default": "given"},
        **scratch_options(),
        "backup": {"type": "str", "default": "latest"},
        **restoring_options(),
        **migrations_options(),
        **programs_options(),
        "wait_timeout": {"type": "float", "default": 900.0},
    }


class Client(Project):
    """Both databases, as they are reached past a pooler."""

    def __init__(self, params: dict[str, Any], runtime: Runtime) -> None:
        super().__init__(params, warn=runtime.warn, heartbeat=runtime.heartbeat)
        self.permit = runtime.permit
        self.given = (
            direct(params["scratch_url"], option="scratch_url", remedy="scratch_url")
            if params["copy"] == "given"
            else None
        )
        if self.given:
            refuse_same_address(self.database, self.given)
        self.began = self.waiter.clock()

    def heartbeat(self) -> None:
        self.waiter.check("the rehearsal")
        if self.waiter.clock() - self.began > self.waiter.timeout:
            raise WaitTimeout(
                f"The copy was not ready after {self.waiter.timeout:g} s (wait_timeout), so nothing was rehearsed."
                " Increase wait_timeout."
            )

    def copied(self, connection: Any, state: State) -> rehearsal_copy.Planned:
        if self.given:
            refuse_same_database(connection, self.connect(self.given))
            return nullcontext((self.given, {})), self.given.describe(), {}
        hooks: dict[str, Any] = {
            "held": self.held,
            "heartbeat": self.heartbeat,
            "warn": self.warn,
            "permit": self.permit,
        }
        return rehearsal_copy.planned(self.params, self.database, connection, state, **hooks)


@dataclass
class Todo:
    """What a rehearsal applies, to which copy, and the state that the copy must have."""

    migrations: list[Migration]
    copy: AbstractContextManager[tuple[Database, dict[str, Any]]] | None
    state: State


def plan(params: dict[str, Any], client: Client) -> Plan:
    _files, migrations = client.release()
    production = client.connect()
    state = read_state(production, migrations, client.database.schema)
    verdicts = judge_pending(state.pending, [migration for migration in migrations if migration not in state.pending])
    refuse_certain_failures(production, state.pending, verdicts, params["migrations"])
    copy, where, details = client.copied(production, state) if state.pending or client.given else (None, None, {})
    if client.given:
        refuse_another_state(state, read_state(client.connect(client.given), migrations, client.given.schema))
    before = "".join(f"{name}\n" for name in state.applied)
    return Plan(
        before=before,
        after=before + "".join(f"{migration.name}\n{migration.sql.rstrip()}\n" for migration in state.pending),
        todo=Todo(migrations, copy, state),
        result={
            "pending": [migration.name for migration in state.pending],
            "scratch": where,
            "rehearsed": [],
            **details,
        },
    )


def apply(plan: Plan, client: Client) -> dict[str, Any]:
    todo: Todo = plan.todo
    if todo.copy is None:
        raise AssertionError("a rehearsal has pending migrations, and so a copy")
    details: dict[str, Any] = {}
    try:
        report("The rehearsal waits for its copy of the database")
        with todo.copy as (database, details), ExitStack() as stack:
            report(f"The rehearsal applies {len(plan.result['pending'])} migrations to {database.name}")
            scratch, watcher = (stack.enter_context(closing(connect(database))) for _unused in range(2))
            refuse_another_state(todo.state, read_state(scratch, todo.migrations, database.schema))
            rehearsal = Rehearsal(scratch, watcher, client.waiter, schema=database.schema, settings=client.settings)
            rehearsal.apply(lambda: read_state(scratch, todo.migrations, database.schema))
            done = {"scratch": database.describe(), "rehearsed": rehearsal.rehearsed}
    except RunbookError as error:
        error.result = {**plan.result, **details, **error.result}
        raise
    return {**details, **done}


def secrets(params: dict[str, Any]) -> list[str]:
    urls = [
        secret for option in ("database_url", "direct_url", "scratch_url") for secret in secrets_of_url(params[option])
    ]
    return [*urls, *secret_keys(params)]


def main() -> None:
    run(
        argument_spec(),
        Client,
        plan,
        apply,
        guard=guard,
        secrets=secrets,
        libraries={"psycopg2": PSYCOPG2_ERROR, "zstandard": ZSTANDARD_ERROR},
        required_if=[("copy", "given", ["scratch_url"])],
        mutually_exclusive=[("identity", "identity_file")],
    )


if __name__ == "__main__":
    main()
