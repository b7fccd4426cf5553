#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applies a release's Prisma migrations to its PostgreSQL database."""

from __future__ import annotations

DOCUMENTATION = r"""
module: prisma_migrate
short_description: Apply Prisma migrations to PostgreSQL
version_added: 1.0.0
author:
  - Contributors to storefront.runbook (@storefront)
description:
  - Applies the migrations of a release that the database does not have yet, as C(prisma migrate deploy) does. Reports
    for each migration whether the live release keeps working on the new schema.
  - If an earlier migration failed, the module refuses before anything changes. It reports what the migration left
    behind and which C(prisma migrate resolve) is right. It resolves a migration only if O(state) asks for it.
  - A migration is backward compatible unless it removes, renames or changes what the old release uses, refuses or
    deletes what the old release writes, writes what the old release cannot read, or contains something that is not
    known to be harmless. The module reads from the applied migrations what the old release uses. It judges the state
    that the migration itself leaves, not the data that the new release will write. Without the Python library C(pglast)
    every pending migration counts as not backward compatible.
  - In check mode the diff is the SQL of the pending migrations. In check mode with an older O(ref) the module reports
    whether that release could be put back, see RV(unknown_to_release).
extends_documentation_fragment:
  - storefront.runbook.postgres
  - storefront.runbook.postgres.direct
  - storefront.runbook.migrations
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
  state:
    description:
      - V(applied) applies the pending migrations. With O(runner=platform) it changes nothing and only judges what the
        platform will apply.
      - V(verified) waits until every migration of the release is applied, by any runner, and fails if one failed. It
        changes nothing, and in check mode it does not wait.
      - V(resolved_applied) marks O(migration) as applied, as C(prisma migrate resolve --applied) does.
        V(resolved_rolled_back) marks the failed O(migration) as undone, as C(prisma migrate resolve --rolled-back)
        does, so that it is applied again.
      - Both compare the catalogue with the state that was recorded before the first statement of O(migration). They are
        accepted only if either all of it or none of it is applied. If a part of it is applied, or if the catalogue
        does not show it, as with changed rows, see O(force). V(resolved_rolled_back) is refused for a migration that
        was never started.
      - V(baselined) marks all migrations as applied, or those up to O(migration), for a schema with tables and without
        C(_prisma_migrations). It is refused if the schema differs from the result of these migrations.
      - The module itself writes the marks of the last three states, whatever O(runner) is. Without C(pglast) it cannot
        read the state of a migration from the catalogue.
    type: str
    choices: [applied, verified, resolved_applied, resolved_rolled_back, baselined]
    default: applied
  migration:
    description:
      - Name of the migration's folder. Required for O(state=resolved_applied) and O(state=resolved_rolled_back).
    type: str
  force:
    description:
      - Marks a failed O(migration) although a part of it is applied, or although its state is unknown. A mark that is
        known to be wrong is always refused.
      - Requires a O(reason).
    type: bool
    default: false
  reason:
    description:
      - Reason for O(force). It is recorded in the C(logs) of the migration's row.
    type: str
  migrations:
    description:
      - Folder of the migrations inside O(root_directory). It is refused if Prisma's configuration, C(package.json) or
        the location of the schema names another folder.
    type: str
    default: prisma/migrations
  known_from:
    description:
      - Tag, branch or commit of a newer release in the same repository. Its files describe the migrations that O(ref)
        does not know.
      - It is only read for RV(unknown_to_release). If it cannot be read, the module warns, and those migrations are
        unknown.
    type: str
  runner:
    description:
      - What applies the migrations.
      - V(cli) is the project's own Prisma, as installed in O(path) and in the version that the release locks. Nothing
        is downloaded. It receives the URLs as E(DATABASE_URL) and E(DIRECT_URL).
      - V(builtin) is this module, with the same lock, table and rows, without Node.js. It does not create a missing
        database.
      - V(platform) is the pre-deploy command of a unit. The module judges the pending migrations, and with
        O(state=verified) verifies that they were applied.
    type: str
    choices: [cli, builtin, platform]
    required: true
  commands:
    description:
      - Start and pre-deploy commands of every unit that uses the database. The module also reads what these commands
        run, which are scripts of C(package.json) with any package manager, make, shell scripts in O(root_directory),
        and what the files of the release make a platform run, such as a C(Dockerfile).
      - A command that runs C(prisma migrate deploy) or C(prisma db push) is refused, because two runners would migrate.
        With O(runner=platform) one of them must.
      - Without this option no command is checked.
    type: list
    elements: str
  lock_timeout:
    description:
      - Seconds that a statement may wait for a lock. V(0) sets no limit. While it waits, other sessions that need the
        same table wait behind it.
      - With O(runner=cli) the server receives it through the C(options) of the URL, which Prisma's native engine
        respects. A project with a driver adapter must pass them on itself.
    type: float
    default: 5.0
  lock_retries:
    description:
      - How often a migration is tried again after it waited for a lock without success and nothing of it was applied.
        Only with O(runner=builtin). With O(runner=cli) the migration fails at once with the code C(lock_timeout), and
        can be tried again once it is marked with O(state=resolved_rolled_back).
    type: int
    default: 3
  statement_timeout:
    description:
      - Seconds that one statement may take. V(0) sets no limit. See O(lock_timeout) for O(runner=cli).
    type: float
    default: 0.0
  wait_timeout:
    description:
      - Seconds for all migrations together. A migration that still runs then is canceled. With O(state=verified) it is
        the time to wait for the migrations.
    type: float
    default: 900.0
"""

EXAMPLES = r"""
- name: Apply the release's migrations
  storefront.runbook.prisma_migrate:
    database_url: "{{ vault_database_url }}"
    path: /srv/shop
    ref: v1.1.0
    root_directory: apps/backend
    runner: builtin

- name: Show what would be applied
  storefront.runbook.prisma_migrate:
    database_url: "{{ vault_database_url }}"
    direct_url: "{{ vault_direct_url }}"
    path: /srv/shop
    ref: v1.1.0
    root_directory: apps/backend
    runner: cli
  check_mode: true
  diff: true

- name: Mark the failed migration as undone, so that it is applied again
  storefront.runbook.prisma_migrate:
    state: resolved_rolled_back
    migration: 20260303090000_contract
    database_url: "{{ vault_database_url }}"
    path: /srv/shop
    ref: v2.0.0
    root_directory: apps/backend
    runner: builtin

- name: Verify that the platform's pre-deploy command has migrated
  storefront.runbook.prisma_migrate:
    state: verified
    database_url: "{{ vault_database_url }}"
    path: /srv/shop
    ref: v1.1.0
    root_directory: apps/backend
    runner: platform
    commands: [npx prisma migrate deploy, npm start]

- name: Check whether v1.0.0 could be put back, now that v1.1.0 is live
  storefront.runbook.prisma_migrate:
    database_url: "{{ vault_database_url }}"
    path: /srv/shop
    ref: v1.0.0
    known_from: v1.1.0
    root_directory: apps/backend
    runner: builtin
  check_mode: true
  register: older
  failed_when: older.unknown_to_release | rejectattr('backward_compatible') | length > 0
"""

RETURN = r"""
pending:
  description: The migrations that the database did not have before.
  returned: success, and if a migration failed, unless O(state) only marks migrations
  type: list
  elements: dict
  contains:
    name:
      description: Name of its folder.
      type: str
      sample: 20260202090000_product_rating
    checksum:
      description: SHA-256 of its migration.sql, as Prisma stores it.
      type: str
      sample: 4a3a4531cfd2843537acefa6174750a47926cffc446d1fea2b49addef8a170c2
    backward_compatible:
      description: Whether the live release keeps working once the migration is applied.
      type: bool
      sample: true
    classes:
      description:
        - V(expand) if it is backward compatible, otherwise V(contract).
        - V(destructive) if it deletes data, V(long_lock) if others may wait for a time that grows with the table,
          V(not_transactional) if a failure may leave a part of it applied, V(unknown) if it contains something that
          cannot be judged, which may be any of these.
        - V(fails) if PostgreSQL refuses it. The module does not start it on such a server, and the task fails with the
          code C(certain_failure).
      type: list
      elements: str
      sample: [contract, destructive]
    reasons:
      description: Reasons for the classes.
      type: list
      elements: dict
      contains: &reasons
        class:
          description: V(contract), V(destructive), V(unknown), V(long_lock), V(not_transactional) or V(fails). With the
            first three the old release may break.
          type: str
          sample: destructive
        file:
          description: The migration.sql, relative to O(root_directory).
          type: str
          sample: prisma/migrations/20260303090000_contract/migration.sql
        line:
          description: Line of the statement, starting at 1. Null for the file as a whole.
          type: int
          sample: 3
        statement:
          description: SQL name of the statement. Null if the file could not be read.
          type: str
          sample: ALTER TABLE
        reason:
          description: Effect of the statement.
          type: str
          sample: drops the column item.name
        sql:
          description: First line of the statement. Null for the file as a whole. Only for pending migrations.
          type: str
          sample: ALTER TABLE item DROP COLUMN name;
applied:
  description: Names of the migrations that this run applied. Empty in check mode.
  returned: success, and if a migration failed, unless O(state) only marks migrations
  type: list
  elements: str
  sample: [20260202090000_product_rating]
resolved:
  description: Names of the migrations that this run marked, or would mark in check mode.
  returned: if O(state) is V(resolved_applied), V(resolved_rolled_back) or V(baselined)
  type: list
  elements: str
  sample: [20260303090000_contract]
migrations:
  description: Every migration of the release, then those that only the database has.
  returned: if the database was reached
  type: list
  elements: dict
  contains:
    name:
      description: Name of its folder.
      type: str
      sample: 20260202090000_product_rating
    state:
      description:
        - V(applied), V(pending) or V(failed).
        - V(rolled_back) was marked as undone and is pending again.
        - V(edited) is applied, and its file was changed afterwards.
        - V(missing) is applied, and the release does not have its file.
      type: str
      sample: applied
    started_at:
      description: Time at which it started.
      returned: if it started
      type: str
      sample: '2026-02-02T09:00:00+00:00'
    finished_at:
      description: Time at which it was applied.
      returned: if it was applied
      type: str
      sample: '2026-02-02T09:00:01+00:00'
    rolled_back_at:
      description: Time at which it was marked as undone.
      returned: if it was marked
      type: str
      sample: '2026-02-02T09:10:00+00:00'
    logs:
      description: Recorded error. Null if the migration was interrupted.
      returned: if it failed
      type: str
      sample: 'Database error code: 42P01'
    resolve:
      description: The right C(prisma migrate resolve), V(rolled-back) or V(applied). Null if a person must check first.
      returned: if it failed
      type: str
      sample: rolled-back
    explanation:
      description: What it left behind, and what to do.
      returned: if it failed
      type: str
      sample: PostgreSQL ran the file as one transaction and undid it, so none of it is applied.
drift:
  description: Differences between the files of the release and the applied migrations.
  returned: if the database was reached
  type: dict
  contains:
    edited:
      description: Names of the migrations whose files were edited after they were applied.
      type: list
      elements: str
      sample: []
    missing:
      description: Names of the applied migrations that the release does not have.
      type: list
      elements: str
      sample: []
backward_compatible:
  description: Whether all pending migrations are backward compatible.
  returned: success, and if a migration failed, unless O(state) only marks migrations
  type: bool
  sample: true
missing:
  description: Names of the migrations that the database has and the release does not have, in the order in which they
    were applied.
  returned: if the database was reached
  type: list
  elements: str
  sample: [20260303090000_contract]
unknown_to_release:
  description: The same migrations, and whether the release works on the schema that they created. Failed ones are
    included.
  returned: if the database was reached
  type: list
  elements: dict
  contains:
    name:
      description: Name of its folder.
      type: str
      sample: 20260303090000_contract
    state:
      description: V(applied) or V(failed).
      type: str
      sample: applied
    backward_compatible:
      description: Whether the release works with it. Null if its SQL is unknown. Treat null as V(false).
      type: bool
      sample: false
    reasons:
      description: Why it does not, or why this is unknown, as in RV(pending[].reasons).
      type: list
      elements: dict
      contains: *reasons
unresolved:
  description: Migrations that failed and are not resolved.
  returned: if there is one
  type: list
  elements: dict
  contains:
    name:
      description: Name of its folder.
      type: str
      sample: 20260202090000_product_rating
    started_at:
      description: Time at which it started.
      type: str
      sample: '2026-02-02T09:00:00+00:00'
    logs:
      description: Recorded error. Null if the migration was interrupted.
      type: str
      sample: 'Database error code: 42P01'
    resolve:
      description: The right C(prisma migrate resolve), V(rolled-back) or V(applied). Null if a person must check first.
      type: str
      sample: rolled-back
    explanation:
      description: What it left behind, and what to do.
      type: str
      sample: PostgreSQL ran the file as one transaction and undid it, so none of it is applied.
"""

from typing import Any

from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import direct_options, lease_options, migrations_options, postgres_options
from ..module_utils.core.plan import Plan, carry_out
from ..module_utils.core.redact import secrets_of_url
from ..module_utils.migrations.certain_failures import refuse_certain_failures, refuse_squashed
from ..module_utils.migrations.changes import Applying, Marking, results_kept
from ..module_utils.migrations.history import inspect, refuse
from ..module_utils.migrations.pending import described, judge_pending
from ..module_utils.migrations.project import Project
from ..module_utils.migrations.report import drift, history
from ..module_utils.migrations.runner_elsewhere import await_applied
from ..module_utils.migrations.script_sources import YAML_ERROR
from ..module_utils.migrations.second_migrator import refuse_second_migrator
from ..module_utils.postgres.connection import PSYCOPG2_ERROR
from ..module_utils.release.lease import guard
from ..module_utils.restore import url_swap

MARKED = ("resolved_applied", "resolved_rolled_back", "baselined")  # the states that only write to _prisma_migrations


def argument_spec() -> dict[str, Any]:
    return {
        **lease_options(),
        "state": {"type": "str", "default": "applied", "choices": ["applied", "verified", *MARKED]},
        "migration": {"type": "str"},
        "force": {"type": "bool", "default": False},
        "reason": {"type": "str"},
        **postgres_options(),
        **direct_options(),
        **migrations_options(),
        "known_from": {"type": "str"},
        "runner": {"type": "str", "required": True, "choices": ["cli", "builtin", "platform"]},
        "commands": {"type": "list", "elements": "str"},
        "lock_retries": {"type": "int", "default": 3},
        "wait_timeout": {"type": "float", "default": 900.0},
    }


class Client(Project):
    def __init__(self, params: dict[str, Any], runtime: Runtime) -> None:
        super().__init__(params, warn=runtime.warn, heartbeat=runtime.heartbeat)
        self.check_mode = runtime.check_mode


def plan(params: dict[str, Any], client: Client) -> Plan:
    files, migrations = client.release()
    if params["commands"] is not None:
        refuse_second_migrator(params["commands"], params["runner"], files)
    connection = client.connect()
    # its fence does not hold sessions of the runbook
    if params["state"] != "verified" and url_swap.is_left(connection, client.database.name):
        raise url_swap.already_left(client.database.name)
    state = inspect(connection, migrations)
    found = {
        "migrations": history(state, migrations),
        "drift": drift(state),
        "missing": state.missing,
        "unknown_to_release": client.unknown(state, migrations),
    }
    with results_kept(found):
        if params["state"] in MARKED:
            return Marking(client, migrations).plan(connection, found)
        if params["state"] == "verified" and not client.check_mode:
            state = await_applied(lambda: inspect(connection, migrations), migrations, client.waiter)
            found["migrations"] = history(state, migrations)
        refuse(connection, state, migrations, client.database.schema)
        verdicts = judge_pending(
            state.pending, [migration for migration in migrations if migration not in state.pending]
        )
        if not params["known_from"]:  # an older release that is only asked about applies nothing
            refuse_certain_failures(connection, state.pending, verdicts, params["migrations"])
            refuse_squashed(connection, state)
        found["pending"] = described(state.pending, verdicts, params["migrations"])
        return Applying(client, files, migrations, state).plan(found)


def secrets(params: dict[str, Any]) -> list[str]:
    return [secret for option in ("database_url", "direct_url") for secret in secrets_of_url(params[option])]


def main() -> None:
    run(
        argument_spec(),
        Client,
        plan,
        carry_out,
        guard=guard,
        secrets=secrets,
        libraries={"psycopg2": PSYCOPG2_ERROR, "PyYAML": YAML_ERROR},
        required_if=[
            *(("state", state, ["migration"]) for state in ("resolved_applied", "resolved_rolled_back")),
            ("force", True, ["reason"]),
        ],
    )


if __name__ == "__main__":
    main()
