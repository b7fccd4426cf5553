#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores a PostgreSQL database from a backup, beside the live one, and swaps it in."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_restore
short_description: Restore a PostgreSQL database from a backup and swap it in
version_added: 1.0.0
author:
  - Contributors to storefront.runbook (@storefront)
description:
  - Restores a backup into a new database beside the live one, verifies it, counts what the live one holds that the
    backup does not, and gives the new one
    the live name. Nothing is ever restored over the live database.
  - The swap is one statement on the server. Whenever the module is killed, either the old or the new database is in
    place under the live name; the next
    run tells which, and finishes or clears up.
  - The database that was live is kept under a name such as C(shop@before-20260202T090000Z) and can be put back with
    O(state=undone).
  - What could stop it is looked for first, in check mode as well. The backup is fetched and decoded, its checksums
    compared, its extensions and roles looked
    for on the server, and the rights of the user in O(database_url) probed.
  - Settings, grants, comment, locale and owner of the database, which a dump does not hold, are copied from the live
    one.
extends_documentation_fragment:
  - storefront.runbook.postgres.programs
  - storefront.runbook.lease
  - storefront.runbook.restoring
  - storefront.runbook.store
attributes:
  check_mode:
    description: Can run in check mode and predict what would change. It fetches and checks the backup.
    support: full
  diff_mode:
    description: Shows what changes.
    support: full
options:
  database_url:
    description:
      - URL of the live database, in the form that Prisma uses, without a connection pooler. Never shown or logged, and
        never in the arguments or the environment of a program.
      - Its user must own the database and must be allowed to create databases and to end the sessions in it. It need
        not be a superuser.
      - The environment variable E(DATABASE_URL) is used when this option is not set.
    type: str
    required: true
  state:
    description:
      - V(staged) restores the backup beside the live database, verifies it and counts what would be lost. Nothing else
        changes.
      - V(restored) swaps it in, and stages it first when that was not done. Nothing is done when the live database was
        already made from this backup.
      - V(undone) puts the database back that was live before, while it is kept.
      - V(dropped) drops the databases that are past their time, and those that were staged and never swapped in.
    type: str
    choices: [staged, restored, undone, dropped]
    required: true
  backup:
    description:
      - Name of the backup in the store, or V(latest) for the newest one of this database.
    type: str
  file:
    description:
      - A file that C(pg_dump --format=custom) wrote, compressed by zstd or not, instead of a backup in the store.
    type: path
  sha256:
    description:
      - SHA-256 that O(file) must have.
    type: str
  approve:
    description:
      - Name of the live database, for V(restored) and V(undone). Without it nothing is swapped, and the module fails
        telling what would be lost.
    type: str
  swap:
    description:
      - V(rename) gives the restored database the live name. Its user has to own the live one, to create databases and
        to end its sessions.
      - V(url) gives it a name of its own, RV(restore.serves), which the variables of every service have to be changed
        to afterwards. The database that is left
        is fenced - sessions of its user can only read there from then on, so that no write is lost in it;
        O(state=undone) lifts that.
      - V(auto) is V(rename) where the rights suffice and V(url) elsewhere; RV(restore.swap_reason) tells why.
    type: str
    choices: [auto, rename, url]
    default: rename
  target_url:
    description:
      - URL of another database, on any server, that takes the live one's place; it implies O(swap=url). The backup is
        restored into it, in one transaction, so
        it has to be empty and owned by its user. Needed again with O(state=undone). Never shown or logged.
    type: str
  adopt:
    description:
      - Whether the database in O(target_url) is taken as it is, such as an instance that the vendor restored to a point
        in time. It is verified and
        compared, and no backup is needed.
    type: bool
    default: false
  maintenance_database:
    description:
      - Another database on the same server to be connected to, since nobody may be connected to a database while it is
        renamed.
    type: str
    default: postgres
  keep:
    description:
      - Hours for which the database that was live can be put back. It is dropped by O(state=dropped) only.
    type: float
    default: 168.0
  lock_timeout:
    description:
      - Seconds to wait for writers' transactions to end before the last count. Writers wait meanwhile.
    type: float
    default: 10.0
  wait_timeout:
    description:
      - Seconds that the whole may take.
    type: float
    default: 7200.0
notes:
  - What is lost is counted by comparing each row of both databases, while no writer can write. It sees every row that
    differs, and large objects. It does
    not see how often a row was changed, a change that was changed back, or the position of a sequence.
  - A backup is decoded into an unnamed file below E(TMPDIR), which needs room for the whole database without its
    indexes.
seealso:
  - module: storefront.runbook.pg_backup
  - module: storefront.runbook.pg_proof
"""

EXAMPLES = r"""
- name: Restore the newest backup beside the live database
  storefront.runbook.pg_restore:
    database_url: "{{ vault_database_url }}"
    store: s3://storefront-backups/shop
    backup: latest
    state: staged
  register: staged

- name: Swap it in
  storefront.runbook.pg_restore:
    database_url: "{{ vault_database_url }}"
    store: s3://storefront-backups/shop
    backup: "{{ staged.restore.backup }}"
    state: restored
    approve: shop

- name: Have the vendor's point-in-time instance take its place
  storefront.runbook.pg_restore:
    database_url: "{{ vault_database_url }}"
    target_url: "{{ vault_instance_url }}"
    adopt: true
    state: restored
    approve: shop

- name: Put the database from before back
  storefront.runbook.pg_restore:
    database_url: "{{ vault_database_url }}"
    state: undone
    approve: shop
"""

RETURN = r"""
restore:
  description: What is or would be in place. What is not known before it is done is null.
  returned: success, and where an approval is missing
  type: dict
  contains:
    database:
      description: Name of the live database.
      type: str
      sample: shop
    backup:
      description: Name of the backup.
      type: str
      sample: shop-20260202T090000.123Z-v1.1.0
    swap:
      description: How it is put in place, V(rename) or V(url).
      type: str
      sample: rename
    swap_reason:
      description: Why that is V(url), null for V(rename).
      type: str
      sample: shop lacks the right to create databases
    serves:
      description: Name of the database that services have to be connected to, which is another one than before with
        V(url).
      type: str
      sample: shop@restored-20260202T100312Z
    left_out:
      description:
        - What the restored database lacks. Owners and grants with the reason, such as roles that the server lacks, with
          V(url) only; and what the backup
          does not carry, such as subscriptions.
      type: list
      elements: str
      sample: ['owners and grants: the server lacks the roles reader', 'subscriptions: orders_of_the_warehouse']
    already:
      description: Whether the live database is what was asked for, so that nothing is done.
      type: bool
      sample: false
    staged:
      description: Name of the restored database before it is swapped in.
      type: str
      sample: shop@incoming-20260202T100000Z
    kept:
      description: Name of the database that was live.
      type: str
      sample: shop@before-20260202T100312Z
    kept_until:
      description: Until when it can be put back, in UTC.
      type: str
      sample: '2026-02-09T10:03:12+00:00'
    expected_seconds:
      description: How long a restore of this backup took when it was proven, null when it never was.
      type: float
      sample: 41.2
    verified:
      description: What was looked at after the restore; see RV(storefront.runbook.pg_proof#module:proof).
      type: dict
      sample: {tables: 9, rows: 900123, compared: 9, constraints: {foreign_keys: 7}, not_validated: [], load_seconds: 32.1}
    losses:
      description:
        - For each table how many rows of the live database the other one does not have (C(inserted)), has otherwise
          (C(updated)), and still has
          (C(deleted)).
      type: dict
      sample: {public.order: {inserted: 3, updated: 1, deleted: 0}}
    lost_rows:
      description: The sum of RV(restore.losses), null where it was not counted.
      type: int
      sample: 4
    sequences:
      description: Each sequence that would give out numbers again, with the last number that the C(live) database and
        the C(other) one gave out.
      type: dict
      sample: {public.order_id_seq: {live: 30214, other: 30211}}
    not_counted:
      description:
        - Names of what may differ and is not in RV(restore.losses), by kind. C(materialized_views) are filled anew from
          the tables, and C(foreign_tables) have
          their rows elsewhere. C(closed_tables) are tables that this user may not read, and
          C(closed_large_objects) numbers of large objects. C(unheld_tables) are tables of extensions that are counted,
          but to
          which others could write until the swap.
      type: dict
      sample: {materialized_views: [public.sold]}
    held_seconds:
      description: For how long writers had to wait, from before the last count to the end of the swap.
      type: float
      sample: 0.31
    shut_seconds:
      description: For how long the database was shut.
      type: float
      sample: 0.04
dropped:
  description: Names of the databases that were dropped.
  returned: with O(state=dropped)
  type: list
  elements: str
"""  # noqa: E501

from typing import Any

from ..module_utils.backup.reader import ZSTANDARD_ERROR
from ..module_utils.backup.request import secret_keys
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import lease_options, postgres_options, programs_options, restoring_options
from ..module_utils.core.plan import Plan, carry_out
from ..module_utils.core.redact import secrets_of_url
from ..module_utils.postgres import databases
from ..module_utils.postgres.connection import PSYCOPG2_ERROR
from ..module_utils.release.lease import guard
from ..module_utils.restore import by_rename, by_url, replace_live
from ..module_utils.restore.job import Job, Report
from ..module_utils.restore.replace_live import Site
from ..module_utils.restore.target import RestoreTarget

BY_RENAME = {
    "staged": by_rename.restore,
    "restored": by_rename.restore,
    "undone": by_rename.undo,
    "dropped": by_rename.drop_expired,
}


def argument_spec() -> dict[str, Any]:
    return {
        **lease_options(),
        **postgres_options(),
        **programs_options(),
        "state": {"type": "str", "required": True, "choices": ["staged", "restored", "undone", "dropped"]},
        "backup": {"type": "str"},
        "file": {"type": "path"},
        "sha256": {"type": "str"},
        **restoring_options(),
        "approve": {"type": "str"},
        "swap": {"type": "str", "choices": ["auto", "rename", "url"], "default": "rename"},
        "target_url": {"type": "str", "no_log": True},
        "adopt": {"type": "bool", "default": False},
        "maintenance_database": {"type": "str", "default": "postgres"},
        "keep": {"type": "float", "default": 168.0},
        "lock_timeout": {"type": "float", "default": 10.0},
        "wait_timeout": {"type": "float", "default": 7200.0},
    }


def build_client(params: dict[str, Any], runtime: Runtime) -> Job:
    return Job(params, warn=runtime.warn, heartbeat=runtime.heartbeat, check_mode=runtime.check_mode)


def plan(params: dict[str, Any], job: Job) -> Plan:
    job.refuse_bad_options()
    site = find_site(job)
    swap, reason = "rename", None
    if job.state != "dropped":
        swap, reason = replace_live.choose_swap(
            site, params["swap"], elsewhere=bool(job.target), undo=job.state == "undone"
        )
    report = Report(database=job.live.name, swap=swap, swap_reason=reason, serves=job.live.name)
    if swap == "rename":
        return BY_RENAME[job.state](job, site, report)
    target = RestoreTarget(site, job.target, params["adopt"], job.heartbeat)
    return by_url.move_back(job, target, report) if job.state == "undone" else by_url.move(job, target, report)


def find_site(job: Job) -> Site:
    """Inspect the live database's server. To undo a move to another database of it, the live one is the one
    that was left.
    """
    site = replace_live.inspect_server(job.live, job.params["maintenance_database"], job.heartbeat, job.held)
    if not site.present.open:
        job.warn(
            f"{job.live.name} accepts no connections, as a crash of its server in a swap leaves it. It is opened again."
        )
    if job.state == "undone" and site.present.note.get("state") == "serving":
        job.live = databases.beside(job.live, site.present.note["of"])
        site = replace_live.inspect_server(job.live, job.params["maintenance_database"], job.heartbeat, job.held)
    return site


def main() -> None:
    run(
        argument_spec(),
        build_client,
        plan,
        carry_out,
        guard=guard,
        secrets=lambda params: [
            *secrets_of_url(params["database_url"]),
            *secrets_of_url(params["target_url"]),
            *secret_keys(params),
        ],
        libraries={"psycopg2": PSYCOPG2_ERROR, "zstandard": ZSTANDARD_ERROR},
        mutually_exclusive=[("backup", "file"), ("identity", "identity_file")],
    )


if __name__ == "__main__":
    main()
