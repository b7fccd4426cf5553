#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the record of a deploy, a rollback, a restore or a lever to the ledger."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_record
version_added: 1.0.0
short_description: Record a deploy, a rollback, a restore or an operator's change in the ledger
description:
  - Writes one record to the ledger in the store. Records are never changed. A second run with the same values changes
    nothing.
  - The module stores only the fields that are listed here, and masks passwords in URLs.
  - The module checks the lease before and after it writes the record. If the lease was lost, it removes its own record
    and fails.
  - Records are ordered by the holder of the lease and by number, not by time.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  store:
    description:
      - URL of the store that holds the ledger. Use C(s3://bucket/prefix), or C(file:///path) of a folder that every
        controller shares. Each storefront needs its own prefix.
    type: str
    required: true
  storefront:
    description:
      - Name of the storefront.
    type: str
    required: true
  kind:
    description:
      - Kind of the run. V(scale), V(restart), V(variables), V(secrets), V(seed), V(refresh) and V(maintenance)
        change what runs without a release, and need O(change).
    type: str
    choices: [deploy, rollback, restore, scale, restart, variables, secrets, seed, refresh, maintenance]
    default: deploy
  outcome:
    description:
      - Outcome of the run. V(released) means that a deploy was verified. V(rolled_back) means that a failed deploy was
        rolled back, or that a rollback was verified.
      - V(incomplete) means that some units were not rolled back. V(unsafe) means that the old release was not started,
        because it cannot run on the current schema.
      - V(restored) and V(undone) are outcomes of a restore. V(restored) means that the restored backup is in use, and
        V(undone) that the previous database is in use again.
      - V(changed) and V(undone) are outcomes of the kinds with O(change).
    type: str
    choices: [released, rolled_back, incomplete, unsafe, restored, undone, changed]
    required: true
  release:
    description:
      - Release that was deployed or rolled back to, such as V(v1.1.0). Required except with O(change).
    type: str
  commit:
    description:
      - Full SHA of the release's commit.
    type: str
  id:
    description:
      - Id of the record. It may have letters, digits, dots and hyphens. By default it is derived from the content of
        the record.
    type: str
  started_at:
    description:
      - Start time of the run, in ISO 8601.
    type: str
    required: true
  finished_at:
    description:
      - End time of the run, in ISO 8601. The default is the current time.
    type: str
  units:
    description:
      - The new live deployment of each unit, with C(platform), C(id), C(release), C(commit), C(status), C(url) and
        C(created_at). C(variables) has the names and keyed digests of its variables, such as
        RV(storefront.runbook.render_service#module:variables). Other fields are ignored.
    type: dict
    default: {}
  snapshot:
    description:
      - The deployments that were live before, in the shape of O(units).
    type: dict
    default: {}
  steps:
    description:
      - Steps of the run in order.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - Name of the step.
        type: str
        required: true
      outcome:
        description:
          - Outcome of the step.
        type: str
        required: true
      seconds:
        description:
          - Duration of the step.
        type: float
  evidence:
    description:
      - Question and answer for each item of the checklist.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - Name of the item.
        type: str
        required: true
      asked:
        description:
          - Question.
        type: str
      answered:
        description:
          - Answer.
        type: str
      outcome:
        description:
          - Result of the check.
        type: str
      commit:
        description:
          - Commit that the evidence applies to.
        type: str
      at:
        description:
          - Time of the check, in ISO 8601.
        type: str
  migrations:
    description:
      - Names of the applied migrations.
    type: list
    elements: str
    default: []
  backup:
    description:
      - Name of the backup that was created before the deploy. With O(kind=restore), name of the restored backup.
    type: str
  restore:
    description:
      - Details of a restore. Required with O(kind=restore), and refused with other kinds.
    type: dict
    suboptions:
      swap:
        description:
          - How the restored database was put in place, by renaming it or by changing the URL.
        type: str
        choices: [rename, url]
        required: true
      serves:
        description:
          - Name of the database that is now in use.
        type: str
        required: true
      kept:
        description:
          - Name of the previous database, which is kept.
        type: str
      kept_until:
        description:
          - Time until which the previous database is kept.
        type: str
      lost_rows:
        description:
          - Number of rows of the previous database that the new one lacks or has in a different version.
        type: int
  change:
    description:
      - What the operator changed. Required for the kinds that move no release, and refused with others.
    type: dict
    suboptions:
      before:
        description:
          - State before the run of each part that it changed.
        type: dict
        default: {}
      after:
        description:
          - State of each part after the run.
        type: dict
        default: {}
      names:
        description:
          - Names of the variables that were set or removed, by unit. A later rollback keeps their current values.
        type: dict
        default: {}
  summary:
    description:
      - Summary for the operator.
    type: str
  withdrawn:
    description:
      - Release that was withdrawn by a rollback. Later rollbacks do not choose it, unless it is released again or
        requested by name.
    type: str
extends_documentation_fragment:
  - storefront.runbook.lease
  - storefront.runbook.store
attributes:
  check_mode:
    description: Returns the record without writing it.
    support: full
  diff_mode:
    description: Shows the record.
    support: full
seealso:
  - module: storefront.runbook.release_info
"""

EXAMPLES = r"""
- name: Record the release
  storefront.runbook.release_record:
    store: s3://backups/shop
    storefront: shop
    outcome: released
    release: v1.1.0
    started_at: "2026-01-31T12:00:00Z"
    units:
      frontend:
        platform: vercel
        id: dpl_89qyp1cskzkLrVicDaZoDbjyHuDJ
        release: v1.1.0
"""

RETURN = r"""
record:
  description: The record, with the fields of the options.
  returned: success
  type: dict
  contains:
    schema:
      description: Version of the record's format.
      type: int
    fence:
      description: Number of the lease holder that wrote it. Together with C(number) it defines the order of the
        records.
      type: int
    number:
      description: Number of the record among those of that holder.
      type: int
    id:
      description: Id.
      type: str
      sample: 0f3a9c51d2e7
    finished_at:
      description: End time in UTC.
      type: str
      sample: "2026-01-31T12:04:10.000Z"
elapsed:
  description: Run time of the module in seconds.
  returned: always
  type: float
error:
  description: The error in machine-readable form.
  returned: failure
  type: dict
  contains:
    kind:
      description: Kind of the error, such as V(config), V(unreachable) or V(lease_lost).
      type: str
    message:
      description: Same text as C(msg).
      type: str
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..module_utils.core.errors import ConfigError, LeaseLost
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import lease_options, store_options
from ..module_utils.core.plan import Plan
from ..module_utils.release.lease import Lease, guard
from ..module_utils.release.lease_document import iso, last_holder
from ..module_utils.release.ledger import find, make, place, same, write
from ..module_utils.release.ledger_keys import Key, newest_first
from ..module_utils.release.ledger_rules import OUTCOMES, fence, moment, refuse_contradictions, withdraw
from ..module_utils.release.levers import CHANGING
from ..module_utils.release.store_clock import StoreClock
from ..module_utils.store.base import Store, unguarded
from ..module_utils.store.open import open_store

RESTORE = {
    "swap": {"type": "str", "choices": ["rename", "url"], "required": True},
    "serves": {"type": "str", "required": True},
    **{name: {"type": "str"} for name in ("kept", "kept_until")},
    "lost_rows": {"type": "int"},
}
CHANGE = {name: {"type": "dict", "default": {}} for name in ("before", "after", "names")}
STEP = {
    "name": {"type": "str", "required": True},
    "outcome": {"type": "str", "required": True},
    "seconds": {"type": "float"},
}
EVIDENCE = {
    "name": {"type": "str", "required": True},
    **{name: {"type": "str"} for name in ("asked", "answered", "outcome", "commit", "at")},
}


def argument_spec() -> dict[str, Any]:
    return {
        "storefront": {"type": "str", "required": True},
        "kind": {"type": "str", "choices": ["deploy", "rollback", "restore", *CHANGING], "default": "deploy"},
        "outcome": {"type": "str", "required": True, "choices": list(OUTCOMES)},
        "release": {"type": "str"},
        "commit": {"type": "str"},
        "id": {"type": "str"},
        "started_at": {"type": "str", "required": True},
        "finished_at": {"type": "str"},
        "units": {"type": "dict", "default": {}},
        "snapshot": {"type": "dict", "default": {}},
        "steps": {"type": "list", "elements": "dict", "default": [], "options": STEP},
        "evidence": {"type": "list", "elements": "dict", "default": [], "options": EVIDENCE},
        "migrations": {"type": "list", "elements": "str", "default": []},
        "backup": {"type": "str"},
        "restore": {"type": "dict", "options": RESTORE},
        "change": {"type": "dict", "options": CHANGE},
        "summary": {"type": "str"},
        "withdrawn": {"type": "str"},
        **lease_options(),
        **store_options(),
    }


@dataclass(frozen=True)
class Client:
    """The store of the ledger and the lease of this run.

    ``lease`` is None outside of a deploy. ``take_back`` removes a record that this run should not have written.
    """

    store: Store
    lease: Lease | None
    take_back: Callable[[str], None]

    def close(self) -> None:
        self.store.close()


@dataclass(frozen=True)
class Work:
    """The record to write. ``keys`` are the keys of the ledger, newest first."""

    record: dict[str, Any]
    keys: list[Key]


def build_client(params: dict[str, Any], runtime: Runtime) -> Client:
    def take_back(key: str) -> None:
        open_store(params, unguarded).delete(key)

    store = open_store(params, runtime.permit)
    return Client(store, Lease(store, params["lease"]) if params["lease"] else None, take_back)


def plan(params: dict[str, Any], client: Client) -> Plan:
    refuse_contradictions(params)
    store, started = client.store, moment(params, "started_at")
    facts = make({**params, "started_at": started})
    keys = newest_first(store)
    clock = StoreClock(store)
    clock.set()
    record = place({**facts, "finished_at": moment(params, "finished_at") or iso(clock())}, keys, last_holder(store))
    found = find(store, record["id"], keys)
    if found and not same(record, found):
        raise ConfigError(
            f"The ledger in {store.describe()} already has a different record {record['id']}, and records are never"
            " changed. Set another id, or leave it out."
        )
    return Plan(brief(found or {}), brief(found or record), Work(record, keys), {"record": found or record})


def brief(record: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a record that the diff shows. The ledger has all fields."""
    if not record:
        return {}
    units = {name: unit.get("release") or unit.get("id") for name, unit in record["units"].items()}
    change = {"change": record["change"]} if record.get("change") else {}
    return {**{key: record[key] for key in ("storefront", "kind", "outcome", "release")}, "units": units, **change}


def apply(plan: Plan, client: Client) -> dict[str, Any]:
    work: Work = plan.todo
    record = place(work.record, work.keys, fence(client.store, client.lease))
    key = write(client.store, record)
    try:
        if client.lease:
            client.lease.heartbeat()
    except LeaseLost as lost:  # the process was suspended between the check and the write
        withdraw(client.take_back, key, lost)
        raise
    return {"record": record}


def main() -> None:
    run(argument_spec(), build_client, plan, apply, guard=guard)


if __name__ == "__main__":
    main()
