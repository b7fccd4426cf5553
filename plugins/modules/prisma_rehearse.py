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
  - Applies the migrations that are pending in production to a scratch copy, and reports for each one its duration, its
    locks and the number of rows that it touched.
  - The copy is given, or the module creates it from a backup or from the schema of production, see O(copy). The module
    always drops a copy that it created. If the module is killed, the next run drops it. A copy of a backup holds
    customers' data, so restrict access to its server as you do for production.
  - A given copy is changed, and should be discarded afterwards. It is refused if it is production itself under any
    address, or if it does not have the migrations that production has. Production is only read.
  - This module itself always applies the migrations, as M(storefront.runbook.prisma_migrate) does with the runner
    V(builtin).
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
      - V(given) uses the database in O(scratch_url). V(backup) restores O(backup) into a new copy, and saves the proof
        of that as M(storefront.runbook.pg_proof) does. V(schema) copies the schema of production without its rows. Such
        a copy shows neither how long a migration takes nor which rows prevent it.
    type: str
    choices: [given, backup, schema]
    default: given
  scratch_url:
    description:
      - URL of the scratch copy, such as a restored backup. It must bypass a connection pooler. Never shown or logged.
      - With other values of O(copy) it is the URL of a database on a server other than production's. The module
        connects to it to create the copy. Its user must be allowed to create databases.
    type: str
  backup:
    description:
      - Name of the backup in O(store) for O(copy=backup), or V(latest) for the newest backup of production.
    type: str
    default: latest
  wait_timeout:
    description:
      - Seconds for the copy and for all migrations together. What still runs then is canceled.
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

- name: Rehearse them on a new copy of the schema
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
  description: Names of the migrations that production does not have. In check mode, those that would be rehearsed.
  returned: success, and if a migration failed
  type: list
  elements: str
  sample: [20260202090000_product_rating]
scratch:
  description: Database of the rehearsal. In check mode, the server where the copy would be created.
  returned: success, and if a migration failed. Null if a copy would be created and nothing is pending
  type: str
  sample: shop_scratch on db.example:5432 as shop
rehearsed:
  description: Observations of each migration. Empty in check mode.
  returned: success, and if a migration failed
  type: list
  elements: dict
  contains:
    name:
      description: Name of its folder.
      type: str
      sample: 20260202090000_product_rating
    seconds:
      description: Duration in seconds.
      type: float
      sample: 4.218
    transaction:
      description: Whether it ran as one transaction. If not, its locks were sampled fifty times a second, so a short
        one may be missing.
      type: bool
      sample: true
    locks:
      description: Its locks on relations that existed before, with the C(relation), its C(kind), the C(mode) as in
        C(pg_locks), and what it C(blocks) for the shop.
      type: list
      elements: dict
      sample: [{relation: 'public."Product"', kind: table, mode: AccessExclusiveLock, blocks: [reads, writes]}]
    tables:
      description:
        - The tables that it names or writes to, with their C(rows_before) and C(rows_after). Null if the table did not
          exist, or if counting took more than a minute.
        - C(inserted), C(updated) and C(deleted) rows. Null if it did not run as one transaction.
      type: list
      elements: dict
      sample: [{name: 'public."Product"', rows_before: 480, rows_after: 480, inserted: 0, updated: 480, deleted: 0}]
proof:
  description: The proof of the restored backup, as M(storefront.runbook.pg_proof) returns it. In check mode, unknown
    values are null.
  returned: with O(copy=backup), if migrations are pending
  type: dict
  sample: {backup: shop-20260202T090000.123Z-v1.1.0, recovery_seconds: 41.2}
leftovers:
  description: Scratch databases of killed runs that were dropped.
  returned: if a copy was created
  type: list
  elements: str
"""

from typing import Any

from ..module_utils.backup.reader import ZSTANDARD_ERROR
from ..module_utils.backup.request import secret_keys
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
from ..module_utils.core.redact import secrets_of_url
from ..module_utils.migrations.certain_failures import refuse_certain_failures
from ..module_utils.migrations.history import read_state
from ..module_utils.migrations.pending import judge_pending
from ..module_utils.migrations.rehearsal import refuse_another_state
from ..module_utils.postgres.connection import PSYCOPG2_ERROR
from ..module_utils.release.lease import guard
from ..module_utils.restore.rehearsal import Rehearse, RehearsedProject


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


def build_client(params: dict[str, Any], runtime: Runtime) -> RehearsedProject:
    return RehearsedProject(params, warn=runtime.warn, heartbeat=runtime.heartbeat, permit=runtime.permit)


def plan(params: dict[str, Any], client: RehearsedProject) -> Plan:
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
        todo=Rehearse(migrations, copy, state),
        result={
            "pending": [migration.name for migration in state.pending],
            "scratch": where,
            "rehearsed": [],
            **details,
        },
    )


def apply(plan: Plan, project: RehearsedProject) -> dict[str, Any]:
    rehearsal: Rehearse = plan.todo
    return rehearsal.do(project, plan.result)


def secrets(params: dict[str, Any]) -> list[str]:
    urls = [
        secret for option in ("database_url", "direct_url", "scratch_url") for secret in secrets_of_url(params[option])
    ]
    return [*urls, *secret_keys(params)]


def main() -> None:
    run(
        argument_spec(),
        build_client,
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
