#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that a backup can be restored, by restoring it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_proof
short_description: Prove that a backup can be restored, by restoring it
version_added: 1.0.0
author:
  - Contributors to storefront.runbook (@storefront)
description:
  - Restores a backup into a scratch database, verifies and drops it, and writes a proof beside the manifest of the
    backup. The proof states how long this took; a restore will take about as long.
  - Nothing is done where the backup has such a proof already.
  - A scratch database holds the data of customers. It is always dropped at the end, and by the next run if this one is
    killed. Restrict access to its server as you do for production.
extends_documentation_fragment:
  - storefront.runbook.postgres.programs
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
  store:
    description:
      - Where backups are stored, as C(s3://bucket/prefix), or C(file:///path) for development.
    type: str
    required: true
  backup:
    description:
      - Name of the backup in the store, or V(latest) for the newest one (of the database in O(database_url), when that
        is set).
    type: str
    default: latest
  database_url:
    description:
      - URL of the live database. Required with O(same_server=true) only. Never shown or logged.
      - The environment variable E(DATABASE_URL) is used when this option is not set.
    type: str
  again:
    description:
      - Whether to prove a backup again that has a proof already.
    type: bool
    default: false
  wait_timeout:
    description:
      - Seconds that the proof may take.
    type: float
    default: 7200.0
seealso:
  - module: storefront.runbook.pg_backup
  - module: storefront.runbook.pg_restore
"""

EXAMPLES = r"""
- name: Prove the newest backup on a separate server
  storefront.runbook.pg_proof:
    store: s3://storefront-backups/shop
    scratch_url: "{{ vault_scratch_url }}"
    identity: "{{ vault_backup_identity }}"
"""

RETURN = r"""
proof:
  description: The proof. In check mode, what is not known yet is null.
  returned: success
  type: dict
  contains:
    backup:
      description: Name of the backup.
      type: str
      sample: shop-20260202T090000.123Z-v1.1.0
    level:
      description: What was done, always V(restore).
      type: str
      sample: restore
    sha256:
      description: Digest of the objects of the backup, from its manifest.
      type: str
      sample: 8dae109d1e1809c6f0aed20a5789b8adffd89b9538518b6db614bd11489bbbcf
    at:
      description: When it was proven, in UTC.
      type: str
      sample: '2026-02-02T03:00:41+00:00'
    recovery_seconds:
      description: Seconds to fetch, restore, analyze and verify the backup. A restore will take about as long.
      type: float
      sample: 41.2
    seconds:
      description: The parts of it.
      type: dict
      sample: {fetch: 3.1, load: 32.1, analyze: 2.2, verify: 3.8}
    server_version:
      description: Version of the server that it was restored on.
      type: str
      sample: '15.20'
    separate_server:
      description: Whether that is another server than the live database's.
      type: bool
      sample: true
    unproven:
      description: What was left out, with the reason. Owners and grants, where the server lacks roles or the user
        rights; the locale, where it lacks that.
      type: list
      elements: str
      sample: ['owners and grants: the server lacks the roles reader']
    tables:
      description: How many tables it has.
      type: int
      sample: 9
    rows:
      description: How many rows they have.
      type: int
      sample: 900123
    compared:
      description: For how many tables the rows were compared with those counted when the backup was made.
      type: int
      sample: 9
    constraints:
      description: How many constraints of each kind hold.
      type: dict
      sample: {foreign_keys: 7, primary_keys: 9}
    not_validated:
      description: Constraints that were not validated in the live database either.
      type: list
      elements: str
      sample: []
leftovers:
  description: Scratch databases of killed runs that were dropped.
  returned: when a proof was made
  type: list
  elements: str
"""

from contextlib import ExitStack, closing
from typing import Any

from ..module_utils.backup.archive import choose, proofs
from ..module_utils.backup.manifest import folder
from ..module_utils.backup.reader import ZSTANDARD_ERROR
from ..module_utils.backup.request import read_identity, secret_keys
from ..module_utils.core.errors import WaitTimeout
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import (
    lease_options,
    postgres_options,
    programs_options,
    restoring_options,
    scratch_options,
    store_options,
)
from ..module_utils.core.plan import Plan
from ..module_utils.core.redact import secrets_of_url
from ..module_utils.core.wait import Waiter
from ..module_utils.postgres.connection import PSYCOPG2_ERROR, direct
from ..module_utils.release.lease import guard
from ..module_utils.restore import proof as trial
from ..module_utils.restore.scratch_database import find_scratch_server
from ..module_utils.store.open import open_store


def argument_spec() -> dict[str, Any]:
    return {
        **lease_options(),
        **store_options(),
        "backup": {"type": "str", "default": "latest"},
        **restoring_options(),
        **scratch_options(),
        **postgres_options(required=False),
        **programs_options(),
        "again": {"type": "bool", "default": False},
        "wait_timeout": {"type": "float", "default": 7200.0},
    }


class Client:
    """The store and the two servers; ``held`` is let go of at the end."""

    def __init__(self, params: dict[str, Any], runtime: Runtime) -> None:
        self.live = direct(params["database_url"], remedy="database_url") if params["database_url"] else None
        self.prefix, self.identity = folder(params["prefix"]), read_identity(params)
        self.held = ExitStack()
        self.close = self.held.close
        self.store = self.held.enter_context(closing(open_store(params, runtime.permit)))
        self.warn = runtime.warn
        self._waiter = Waiter(timeout=params["wait_timeout"], heartbeat=runtime.heartbeat)
        self._began = self._waiter.clock()

    def heartbeat(self) -> None:
        self._waiter.check("the proof")
        if self._waiter.clock() - self._began > self._waiter.timeout:
            raise WaitTimeout(
                f"The backup was not restored after {self._waiter.timeout:g} s (wait_timeout), so nothing is proven."
                " Increase wait_timeout."
            )


def plan(params: dict[str, Any], client: Client) -> Plan:
    trial.refuse_jobs(params["jobs"])
    manifest = choose(
        client.store, params["backup"], client.prefix, client.live.name if client.live else None, client.warn
    )
    known = proofs(client.store, manifest, client.prefix, client.warn)
    before = {"backup": manifest["name"], "proven": known[0]["at"] if known else "never"}
    if known and not params["again"]:
        return Plan(before=before, after=before, result={"proof": known[0]})
    facts = {"size": manifest.get("database_size"), "version": manifest.get("server_version")}
    place = find_scratch_server(params, client.live, **facts, held=client.held, heartbeat=client.heartbeat)
    proof = trial.announced(manifest, place)
    return Plan(
        before=before,
        after={**before, "proven": "now"},
        todo={"params": params, "of": (manifest, place, proof)},
        result={"proof": proof},
    )


def apply(plan: Plan, client: Client) -> dict[str, Any]:
    params = plan.todo["params"]
    options = {
        "prefix": client.prefix,
        "identity": client.identity,
        "jobs": params["jobs"],
        "postgres_bin": params["postgres_bin"],
        "heartbeat": client.heartbeat,
    }
    with trial.restored(client.store, *plan.todo["of"], **options) as tried:
        pass  # the restore checks it too
    trial.keep(client.store, tried, client.prefix, client.heartbeat)
    return {"proof": tried.proof, "leftovers": tried.leftovers}


def main() -> None:
    run(
        argument_spec(),
        Client,
        plan,
        apply,
        guard=guard,
        secrets=lambda params: [
            *secrets_of_url(params["database_url"]),
            *secrets_of_url(params["scratch_url"]),
            *secret_keys(params),
        ],
        libraries={"psycopg2": PSYCOPG2_ERROR, "zstandard": ZSTANDARD_ERROR},
        mutually_exclusive=[("identity", "identity_file")],
    )


if __name__ == "__main__":
    main()
