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
  - Applies what is pending in production to a scratch copy, and tells of each migration how long it took, what it locked and how many rows it touched.
  - The scratch database is changed, and is to be thrown away afterwards. It is refused when it is production itself, by whatever address, and when it does
    not have the migrations that production has. Production is only read.
  - The migrations are always applied by this module itself, as M(storefront.runbook.prisma_migrate) does with the runner V(builtin).
author:
  - Contributors to storefront.runbook (@storefront)
extends_documentation_fragment:
  - storefront.runbook.source
  - storefront.runbook.lease
  - storefront.runbook.store
attributes:
  check_mode:
    description: Can run in check mode and predict what would change.
    support: full
  diff_mode:
    description: Shows what changes.
    support: full
options:
  database_url:
    description:
      - URL of the production database as Prisma writes it, which tells what is pending. Never shown or logged.
      - The environment variable E(DATABASE_URL) is used when it is not set.
    type: str
    required: true
  direct_url:
    description:
      - URL that goes past a connection pooler. Needed where O(database_url) goes through one.
      - The environment variable E(DIRECT_URL) is used when it is not set.
    type: str
  scratch_url:
    description:
      - URL of the scratch copy, past a connection pooler, such as a restored backup. Never shown or logged.
    type: str
    required: true
  path:
    description:
      - A folder with the project, or with O(ref) a git repository on the controller.
    type: path
    required: true
  migrations:
    description:
      - Folder of the migrations inside of O(root_directory).
    type: str
    default: prisma/migrations
  lock_timeout:
    description:
      - Seconds that a statement may wait for a lock, V(0) for no limit.
    type: float
    default: 5.0
  statement_timeout:
    description:
      - Seconds that one statement may take, V(0) for no limit. Give what the migration will be given.
    type: float
    default: 0.0
  wait_timeout:
    description:
      - Seconds for all migrations together. The one that runs then is cancelled.
    type: float
    default: 900.0
seealso:
  - module: storefront.runbook.prisma_migrate
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
"""

RETURN = r"""
pending:
  description: Names of the migrations that production does not have; in check mode those that would be rehearsed.
  returned: success, and when a migration failed
  type: list
  elements: str
  sample: [20260202090000_product_rating]
scratch:
  description: Where it was rehearsed.
  returned: success, and when a migration failed
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
      description: Whether it ran as one transaction. Where it did not, its locks were looked at fifty times a second, so that a short one may be missing.
      type: bool
      sample: true
    locks:
      description: What it held of the relations that were there before, with the C(relation), its C(kind), the C(mode) as C(pg_locks) calls it, and what of
        the shop it C(blocks).
      type: list
      elements: dict
      sample: [{relation: 'public."Product"', kind: table, mode: AccessExclusiveLock, blocks: [reads, writes]}]
    tables:
      description:
        - The tables that it names or writes to, with their C(rows_before) and C(rows_after); null where it was not there, or where counting took more than a
          minute.
        - C(inserted), C(updated) and C(deleted) rows; null where it did not run as one transaction.
      type: list
      elements: dict
      sample: [{name: 'public."Product"', rows_before: 480, rows_after: 480, inserted: 0, updated: 480, deleted: 0}]
"""

from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from ansible.module_utils.common.parameters import env_fallback

from ..module_utils.core.errors import RunbookError
from ..module_utils.core.module import Plan, Runtime, run
from ..module_utils.core.options import lease_options, source_options
from ..module_utils.core.redact import secrets_of_url
from ..module_utils.core.source import checkout
from ..module_utils.core.wait import Waiter
from ..module_utils.data import prisma
from ..module_utils.data.lease import guard as lease_guard
from ..module_utils.data.migration_rehearsal import Rehearsal, refuse_another_state
from ..module_utils.data.postgres import PSYCOPG2_ERROR, Database, connect, direct
from ..module_utils.data.same_database import refuse_same_address, refuse_same_database


def argument_spec() -> dict[str, Any]:
    return {
        **source_options(),
        **lease_options(),
        "database_url": {"type": "str", "required": True, "no_log": True, "fallback": (env_fallback, ["DATABASE_URL"])},
        "direct_url": {"type": "str", "no_log": True, "fallback": (env_fallback, ["DIRECT_URL"])},
        "scratch_url": {"type": "str", "required": True, "no_log": True},
        "path": {"type": "path", "required": True},
        "migrations": {"type": "str", "default": "prisma/migrations"},
        "lock_timeout": {"type": "float", "default": 5.0},
        "statement_timeout": {"type": "float", "default": 0.0},
        "wait_timeout": {"type": "float", "default": 900.0},
    }


class Client:
    """Both databases, as they are reached past a pooler."""

    def __init__(self, params: dict[str, Any], runtime: Runtime) -> None:
        self.params, self._stack = params, ExitStack()
        self.close = self._stack.close
        self.production = direct(params["database_url"], params["direct_url"])
        self.scratch = direct(params["scratch_url"], option="scratch_url", remedy="scratch_url")
        refuse_same_address(self.production, self.scratch)
        self.waiter = Waiter(timeout=params["wait_timeout"], interval=1.0, beat=runtime.beat, warn=runtime.warn)
        self.settings = {name: params[name] for name in ("lock_timeout", "statement_timeout")}

    def connect(self, database: Database) -> Any:
        return self._stack.enter_context(closing(connect(database)))


def plan(params: dict[str, Any], client: Client) -> Plan:
    shown = "/".join(part for part in (params["root_directory"] or params["path"], params["migrations"]) if part)
    with checkout(params["path"], params["ref"], params["root_directory"]) as source:
        migrations = prisma.read_folder(Path(source.root, params["migrations"]), f"{shown} of {params['ref']}" if params["ref"] else shown)
    production, scratch = client.connect(client.production), client.connect(client.scratch)
    refuse_same_database(production, scratch)
    state = prisma.look(production, migrations, client.production.schema)
    refuse_another_state(state, prisma.look(scratch, migrations, client.scratch.schema))
    before = "".join(f"{name}\n" for name in state.applied)
    return Plan(
        before=before,
        after=before + "".join(f"{migration.name}\n{migration.sql.rstrip()}\n" for migration in state.pending),
        todo={"migrations": migrations, "scratch": scratch},
        result={"pending": [migration.name for migration in state.pending], "scratch": client.scratch.describe(), "rehearsed": []},
    )


def apply(plan: Plan, client: Client) -> dict[str, Any]:
    scratch, watcher = plan.todo["scratch"], client.connect(client.scratch)
    rehearsal = Rehearsal(scratch, watcher, client.waiter, schema=client.scratch.schema, settings=client.settings)
    try:
        rehearsal.apply(lambda: prisma.look(scratch, plan.todo["migrations"], client.scratch.schema))
    except RunbookError as error:
        error.result = {**plan.result, **error.result}
        raise
    return {"rehearsed": rehearsal.rehearsed}


def secrets(params: dict[str, Any]) -> list[str]:
    return [secret for option in ("database_url", "direct_url", "scratch_url") for secret in secrets_of_url(params[option])]


def main() -> None:
    run(argument_spec(), Client, plan, apply, guard=lease_guard, secrets=secrets, libraries={"psycopg2": PSYCOPG2_ERROR})


if __name__ == "__main__":
    main()
