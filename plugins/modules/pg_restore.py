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
  - Restores a backup into a new database beside the live one and verifies it. Then counts the rows of the live database
    that the backup does not have, and gives the new database the live name. The module never restores over the live
    database.
  - The swap is one statement on the server. If the module is killed, either the old or the new database has the live
    name. The next run finds out which, and completes the swap or cleans up.
  - The database that was live is kept under a name such as C(shop@before-20260202T090000Z). O(state=undone) puts it
    back.
  - The module first checks everything that could stop it, in check mode as well. It fetches and decodes the backup,
    compares its checksums, checks that the server has its extensions and roles, and tests the rights of the user in
    O(database_url).
  - The settings, grants, comment, locale and owner of the database, which a dump does not hold, are copied from the
    live one.
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
      - V(staged) restores the backup beside the live database, verifies it and counts the rows that would be lost.
        Nothing else changes.
      - V(restored) swaps the restored database in, and stages it first if necessary. Nothing is done if the live
        database was already restored from this backup.
      - V(undone) puts back the database that was live before, as long as it is kept.
      - V(dropped) drops the databases whose time is over, and those that were staged and never swapped in.
    type: str
    choices: [staged, restored, undone, dropped]
    required: true
  backup:
    description:
      - Name of the backup in the store, or V(latest) for the newest backup of this database.
    type: str
  file:
    description:
      - A file that C(pg_dump --format=custom) has written, instead of a backup in the store. It may be compressed with
        zstd.
    type: path
  sha256:
    description:
      - SHA-256 that O(file) must have.
    type: str
  approve:
    description:
      - Name of the live database, for V(restored) and V(undone). Without it nothing is swapped, and the module fails
        and lists the rows that would be lost.
    type: str
  swap:
    description:
      - V(rename) gives the restored database the live name. The user must own the live database and must be allowed to
        create databases and to end the sessions in it.
      - V(url) gives the restored database another name, RV(restore.serves). The variables of every service must be
        changed to it afterwards. Sessions of the user in the old database can only read from then on, so that no write
        is lost there. O(state=undone) lifts that.
      - V(auto) is V(rename) if the rights allow it, and V(url) otherwise. RV(restore.swap_reason) gives the reason.
    type: str
    choices: [auto, rename, url]
    default: rename
  target_url:
    description:
      - URL of another database, on any server, that replaces the live one. It implies O(swap=url). The backup is
        restored into it in one transaction, so it must be empty and owned by its user. O(state=undone) needs it again.
        Never shown or logged.
    type: str
  adopt:
    description:
      - Uses the database in O(target_url) as it is, such as an instance that the vendor has restored to a point in
        time. It is verified and compared, and no backup is needed.
    type: bool
    default: false
  ownership:
    description:
      - Restores owners and grants. With V(false) everything belongs to the user in O(database_url), so the server needs
        none of the roles of the backup.
    type: bool
    default: true
  maintenance_database:
    description:
      - Another database on the same server. The module connects to it, because a database cannot be renamed while
        anybody is connected to it.
    type: str
    default: postgres
  keep:
    description:
      - Hours during which the database that was live can be put back. Only O(state=dropped) drops it.
    type: float
    default: 168.0
  lock_timeout:
    description:
      - Seconds to wait for the transactions of writers to end before the last count. Writers wait during that time.
    type: float
    default: 10.0
  wait_timeout:
    description:
      - Seconds that the whole task may take.
    type: float
    default: 7200.0
notes:
  - The module counts the losses by comparing each row of both databases while nobody can write. It finds every row that
    differs, and large objects. It does not find how often a row was changed, a change that was changed back, or the
    position of a sequence.
  - A backup is decoded into an unnamed file in the folder E(TMPDIR), which needs space for the whole database without
    its indexes.
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

- name: Replace it by the instance that the vendor restored to a point in time
  storefront.runbook.pg_restore:
    database_url: "{{ vault_database_url }}"
    target_url: "{{ vault_instance_url }}"
    adopt: true
    state: restored
    approve: shop

- name: Put back the database from before
  storefront.runbook.pg_restore:
    database_url: "{{ vault_database_url }}"
    state: undone
    approve: shop
"""

RETURN = r"""
restore:
  description: The restore, done or planned. Values that are only known afterwards are null before.
  returned: success, and if an approval is missing
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
      description: How the database is put in place, V(rename) or V(url).
      type: str
      sample: rename
    swap_reason:
      description: Reason for V(url). Null with V(rename).
      type: str
      sample: shop lacks the right to create databases
    serves:
      description: Name of the database that services must use. With V(url) it differs from the name before.
      type: str
      sample: shop@restored-20260202T100312Z
    left_out:
      description:
        - What the restored database lacks. With V(url) these are owners and grants, with the reason, such as roles that
          the server lacks. With both it is what a backup does not carry, such as subscriptions.
      type: list
      elements: str
      sample: ['owners and grants: the server lacks the roles reader', 'subscriptions: orders_of_the_warehouse']
    already:
      description: Whether the live database already is the requested one, so that nothing is done.
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
      description: Time until which it can be put back, in UTC.
      type: str
      sample: '2026-02-09T10:03:12+00:00'
    expected_seconds:
      description: Seconds that the proof of this backup took. Null if it was never proven.
      type: float
      sample: 41.2
    verified:
      description: The checks after the restore, as in RV(storefront.runbook.pg_proof#module:proof).
      type: dict
      sample:
        tables: 9
        rows: 900123
        compared: 9
        constraints: {foreign_keys: 7}
        not_validated: []
        load_seconds: 32.1
    losses:
      description:
        - For each table, the number of rows that only the live database has (C(inserted)), that differ (C(updated)),
          and that only the other database has (C(deleted)).
      type: dict
      sample: {public.order: {inserted: 3, updated: 1, deleted: 0}}
    lost_rows:
      description: The sum of RV(restore.losses). Null if it was not counted.
      type: int
      sample: 4
    sequences:
      description: Each sequence that would return numbers a second time, with the last number of the C(live) and of the
        C(other) database.
      type: dict
      sample: {public.order_id_seq: {live: 30214, other: 30211}}
    not_counted:
      description:
        - Names of what may differ and is not in RV(restore.losses), by kind. C(materialized_views) are filled again
          from the tables, and the rows of C(foreign_tables) are elsewhere. This user may not read C(closed_tables) and
          C(closed_large_objects), which are numbers of large objects. C(unheld_tables) are tables of extensions. They
          are counted, but others could write to them until the swap.
      type: dict
      sample: {materialized_views: [public.sold]}
    held_seconds:
      description: Seconds during which writers had to wait, from before the last count to the end of the swap.
      type: float
      sample: 0.31
    shut_seconds:
      description: Seconds during which the database accepted no connections.
      type: float
      sample: 0.04
dropped:
  description: Names of the databases that were dropped.
  returned: with O(state=dropped)
  type: list
  elements: str
"""

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
        "ownership": {"type": "bool", "default": True},
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
