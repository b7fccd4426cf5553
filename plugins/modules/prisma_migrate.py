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
  - Applies the migrations of a release that the database does not have yet, as C(prisma migrate deploy) does, and says
    of each whether the release that is
    live keeps working on the new schema.
  - Refuses before anything changes when an earlier migration failed, and says what it left behind and which C(prisma
    migrate resolve) is right. It never
    resolves by itself, only when O(state) asks for it.
  - A migration is backward compatible unless it takes away, renames or changes what old code uses, refuses what old
    code writes or deletes, writes what
    old code cannot read, or holds what is not known to be harmless. The migrations that the database has already
    describe what old code uses. What is judged
    is what the migration itself leaves, not the data that the new release will write. Without the
    Python library C(pglast) every pending migration counts as not backward compatible.
  - In check mode the SQL of the pending migrations is the diff. Asked so for an older O(ref) it tells whether that
    release could be put back, see
    RV(unknown_to_release).
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
      - V(applied) applies what is pending. With O(runner=platform) it changes nothing and only judges what the platform
        will apply.
      - V(verified) waits until every migration of the release is applied, by whomever, and fails when one failed. It
        changes nothing, and in check mode does
        not wait.
      - V(resolved_applied) marks O(migration) as applied, as C(prisma migrate resolve --applied) does.
        V(resolved_rolled_back) marks the failed O(migration)
        as undone, as C(prisma migrate resolve --rolled-back) does, so that it is applied again.
      - Both compare the catalogue with the state that was noted before the first statement of O(migration), and are
        accepted only where that shows that all of
        it is applied, or nothing. Where a part of it is, or where the catalogue cannot tell, as of changed rows, see
        O(force). V(resolved_rolled_back) is
        refused where it was never begun.
      - V(baselined) marks all migrations as applied, or those up to O(migration), for a schema with tables and without
        C(_prisma_migrations). Refused where
        the schema is not what they leave.
      - The last three are written by this module itself, whatever O(runner) is. Without C(pglast) nothing can be told
        from the catalogue.
    type: str
    choices: [applied, verified, resolved_applied, resolved_rolled_back, baselined]
    default: applied
  migration:
    description:
      - Name of the migration's folder. Required for O(state=resolved_applied) and O(state=resolved_rolled_back).
    type: str
  force:
    description:
      - Mark a failed O(migration) although a part of it is applied, or although nobody can tell what became of it. What
        is known to be otherwise is never
        marked.
      - Takes a O(reason).
    type: bool
    default: false
  reason:
    description:
      - Why O(force) is right. It is recorded in the C(logs) of the migration's row.
    type: str
  migrations:
    description:
      - Folder of the migrations inside of O(root_directory). Refused where Prisma's configuration, C(package.json) or
        the schema's folder name another one.
    type: str
    default: prisma/migrations
  known_from:
    description:
      - Tag, branch or commit of a newer release in the same repository, whose files tell what the migrations do that
        O(ref) does not know.
      - Only read, for RV(unknown_to_release). Where it cannot be read there is a warning, and those migrations are not
        known.
    type: str
  runner:
    description:
      - Who applies the migrations.
      - V(cli) is the project's own Prisma, as installed in O(path) and in the version that the release locks. Nothing
        is downloaded. The URL reaches it as
        E(DATABASE_URL) and E(DIRECT_URL).
      - V(builtin) is this module, with the same lock, table and rows, without Node.js. It does not create a missing
        database.
      - V(platform) is the pre-deploy command of a unit. The module judges what is pending, and with O(state=verified)
        sees that it was applied.
    type: str
    choices: [cli, builtin, platform]
    required: true
  commands:
    description:
      - Start and pre-deploy commands of every unit that uses the database. What they run in turn is read too, by
        scripts of C(package.json) with any runner, by
        make and by shell scripts in O(root_directory), and so is what the release's own files make a platform run,
        such as a C(Dockerfile).
      - One that runs C(prisma migrate deploy) or C(prisma db push) is refused, since two would migrate; with
        O(runner=platform) one of them has to.
      - Not looked at where it is not given.
    type: list
    elements: str
  lock_timeout:
    description:
      - Seconds that a statement may wait for a lock, V(0) for no limit. Everybody else waits behind a statement that
        waits.
      - With O(runner=cli) it is handed to the server by the URL's C(options), which Prisma's native engine honours; a
        project with a driver adapter has to hand
        them on itself.
    type: float
    default: 5.0
  lock_retries:
    description:
      - How often a migration that waited in vain for a lock is tried again, where nothing of it was applied. Only with
        O(runner=builtin); with O(runner=cli)
        it fails at once with the code C(lock_timeout), and can be tried again once it is marked with
        O(state=resolved_rolled_back).
    type: int
    default: 3
  statement_timeout:
    description:
      - Seconds that one statement may take, V(0) for no limit. With O(runner=cli) see O(lock_timeout).
    type: float
    default: 0.0
  wait_timeout:
    description:
      - Seconds for all migrations together. The one that runs then is cancelled. With O(state=verified) how long is
        waited for them.
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

- name: Say that the failed migration was undone, so that it is applied again
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

- name: Ask whether v1.0.0 could be put back, now that v1.1.0 is live
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
  returned: success, and when a migration failed, unless O(state) only marks migrations
  type: list
  elements: dict
  contains:
    name:
      description: Name of its folder.
      type: str
      sample: 20260202090000_product_rating
    checksum:
      description: SHA-256 of its migration.sql, as Prisma keeps it.
      type: str
      sample: 4a3a4531cfd2843537acefa6174750a47926cffc446d1fea2b49addef8a170c2
    backward_compatible:
      description: Whether the release that is live keeps working once it is applied.
      type: bool
      sample: true
    classes:
      description:
        - V(expand) when it is backward compatible, else V(contract).
        - V(destructive) when data is gone afterwards, V(long_lock) when others may wait for as long as a table is big,
          V(not_transactional) when a failure
          may leave a part of it applied, V(unknown) when it holds what cannot be judged, which may be any of these.
        - V(fails) when PostgreSQL refuses it. On such a server it is not started, and the task fails with the code
          C(certain_failure).
      type: list
      elements: str
      sample: [contract, destructive]
    reasons:
      description: What it was classified by.
      type: list
      elements: dict
      contains: &reasons
        class:
          description: V(contract), V(destructive), V(unknown), V(long_lock), V(not_transactional) or V(fails). The
            first three are why old code may break.
          type: str
          sample: destructive
        file:
          description: The migration.sql, inside of O(root_directory).
          type: str
          sample: prisma/migrations/20260303090000_contract/migration.sql
        line:
          description: Where the statement begins, counted from 1; null for the file as a whole.
          type: int
          sample: 3
        statement:
          description: What SQL calls the statement; null where the file could not be read.
          type: str
          sample: ALTER TABLE
        reason:
          description: What it does.
          type: str
          sample: drops the column item.name
        sql:
          description: The line of SQL where the statement begins; null for the file as a whole. Of pending migrations
            alone.
          type: str
          sample: ALTER TABLE item DROP COLUMN name;
applied:
  description: Names of the migrations that were applied now; none in check mode.
  returned: success, and when a migration failed, unless O(state) only marks migrations
  type: list
  elements: str
  sample: [20260202090000_product_rating]
resolved:
  description: Names of the migrations that were marked now, in check mode of those that would be.
  returned: when O(state) is V(resolved_applied), V(resolved_rolled_back) or V(baselined)
  type: list
  elements: str
  sample: [20260303090000_contract]
migrations:
  description: Every migration of the release, then those that only the database has.
  returned: when the database was reached
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
        - V(rolled_back) is pending again.
        - V(edited) is applied, and its file is not the one that was.
        - V(missing) is applied, and the release does not have it.
      type: str
      sample: applied
    started_at:
      description: When it was begun.
      returned: when it was
      type: str
      sample: '2026-02-02T09:00:00+00:00'
    finished_at:
      description: When it was applied.
      returned: when it was
      type: str
      sample: '2026-02-02T09:00:01+00:00'
    rolled_back_at:
      description: When it was marked as undone.
      returned: when it was
      type: str
      sample: '2026-02-02T09:10:00+00:00'
    logs:
      description: What was written down of the failure; null where it was stopped.
      returned: when it failed
      type: str
      sample: 'Database error code: 42P01'
    resolve:
      description: The C(prisma migrate resolve) that is surely right, V(rolled-back) or V(applied); null where somebody
        has to look first.
      returned: when it failed
      type: str
      sample: rolled-back
    explanation:
      description: What it left behind and what to do.
      returned: when it failed
      type: str
      sample: PostgreSQL ran the file as one transaction and undid it, so nothing of it is applied.
drift:
  description: Where the release's files and the database differ in what was applied already.
  returned: when the database was reached
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
  returned: success, and when a migration failed, unless O(state) only marks migrations
  type: bool
  sample: true
missing:
  description: Names of the migrations that the database has and the release has not, in the order in which they were
    applied.
  returned: when the database was reached
  type: list
  elements: str
  sample: [20260303090000_contract]
unknown_to_release:
  description: The same migrations, and whether the release works on the schema that they made. One that failed is here
    too.
  returned: when the database was reached
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
      description: Whether the release works with it; null where its SQL is not known, which has to be taken for
        V(false).
      type: bool
      sample: false
    reasons:
      description: Why it does not, or why that is not known, as in RV(pending[].reasons).
      type: list
      elements: dict
      contains: *reasons
unresolved:
  description: Migrations that failed and were not resolved.
  returned: when there is one
  type: list
  elements: dict
  contains:
    name:
      description: Name of its folder.
      type: str
      sample: 20260202090000_product_rating
    started_at:
      description: When it was begun.
      type: str
      sample: '2026-02-02T09:00:00+00:00'
    logs:
      description: What was written down of the failure; null where it was stopped.
      type: str
      sample: 'Database error code: 42P01'
    resolve:
      description: The C(prisma migrate resolve) that is surely right, V(rolled-back) or V(applied); null where somebody
        has to look first.
      type: str
      sample: rolled-back
    explanation:
      description: What it left behind and what to do.
      type: str
      sample: PostgreSQL ran the file as one transaction and undid it, so nothing of it is applied.
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
