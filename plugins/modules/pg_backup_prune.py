#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removes the backups that no rule keeps."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_backup_prune
short_description: Remove the backups of a store that no rule keeps
version_added: 1.0.0
author:
  - Contributors to storefront.runbook (@storefront)
description:
  - Keeps the backups that one of the rules keeps, and removes the others. The rules apply to each database separately.
    In check mode RV(removed) lists the backups that would be removed.
  - The newest O(keep_minimum) backups are never removed, nor those of a release that is live, that is a target of a
    rollback, or that was tried since, as the ledger in the same store records. If the ledger cannot be read, nothing
    is removed.
  - A backup that is damaged, or whose manifest cannot be read, is neither counted nor removed; there is a warning.
    Check it, and remove it by hand.
  - The manifest is removed first, then the objects. A run that is killed in between leaves objects without a manifest,
    which the next run removes with the other leftovers. In the other order it would leave a manifest without its
    objects.
  - In a bucket with versions, the older versions stay until a rule of the bucket removes them.
extends_documentation_fragment:
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
  store:
    description:
      - Where backups and the ledger are stored, as C(s3://bucket/prefix), or C(file:///path) for development.
    type: str
    required: true
  prefix:
    description:
      - Folder of the backups in the store.
    type: str
    default: backups/
  keep_last:
    description:
      - How many of the newest backups are kept. If this and the next three are 0, only O(max_age) decides.
    type: int
    default: 0
  keep_daily:
    description:
      - For how many days the newest backup of the day is kept. Days without a backup do not count. Days, weeks (from
        Monday) and months are in UTC.
    type: int
    default: 0
  keep_weekly:
    description:
      - For how many weeks the newest backup of the week is kept.
    type: int
    default: 0
  keep_monthly:
    description:
      - For how many months the newest backup of the month is kept.
    type: int
    default: 0
  max_age:
    description:
      - Days after which a backup is removed even if one of the rules above keeps it.
    type: float
  keep_minimum:
    description:
      - How many of the newest backups are kept in any case. At least 1.
    type: int
    default: 1
  leftovers_after:
    description:
      - Hours after which the objects that failed or killed runs left are removed. Set it to more than a backup can
        take. V(0) never removes them.
    type: float
    default: 24.0
seealso:
  - module: storefront.runbook.pg_backup
  - module: storefront.runbook.pg_backup_info
"""

EXAMPLES = r"""
- name: Keep a week of daily backups, a month of weekly ones and a year of monthly ones
  storefront.runbook.pg_backup_prune:
    store: s3://storefront-backups/shop
    keep_last: 3
    keep_daily: 7
    keep_weekly: 5
    keep_monthly: 12
    max_age: 400
"""

RETURN = r"""
removed:
  description: The removed backups, or in check mode those that would be removed, as
    M(storefront.runbook.pg_backup_info) lists them.
  returned: success, and on failure those that were removed before it
  type: list
  elements: dict
kept:
  description: Why each of the other backups stays, by its name.
  returned: success
  type: dict
  sample: {"shop-20260202T090000.123Z-v1.1.0": ["last", "daily", "minimum", "made for the deploy of v1.1.0"]}
leftovers:
  description: Keys of the removed leftovers, or in check mode of those that would be removed.
  returned: success
  type: list
  elements: str
freed:
  description: Bytes that this frees in the store.
  returned: success
  type: int
  sample: 72142617
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from ..module_utils.backup.listing import list_backups
from ..module_utils.backup.manifest import MANIFEST, folder
from ..module_utils.backup.retention import Rules, depended_on
from ..module_utils.core.errors import RunbookError
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import lease_options, store_options
from ..module_utils.core.plan import Plan
from ..module_utils.release.lease import guard
from ..module_utils.store.base import Store
from ..module_utils.store.open import open_store

KEEP = ("last", "daily", "weekly", "monthly", "minimum")


@dataclass(frozen=True)
class Client:
    store: Store
    runtime: Runtime

    def close(self) -> None:
        self.store.close()


def argument_spec() -> dict[str, Any]:
    return {
        **lease_options(),
        **store_options(),
        "prefix": {"type": "str", "default": "backups/"},
        **{f"keep_{rule}": {"type": "int", "default": 1 if rule == "minimum" else 0} for rule in KEEP},
        "max_age": {"type": "float"},
        "leftovers_after": {"type": "float", "default": 24.0},
    }


def build_client(params: dict[str, Any], runtime: Runtime) -> Client:
    return Client(open_store(params, runtime.permit), runtime)


def plan(params: dict[str, Any], client: Client) -> Plan:
    rules = Rules(max_age=params["max_age"], **{rule: params[f"keep_{rule}"] for rule in KEEP})
    rules.check()
    now, prefix = datetime.now(UTC), folder(params["prefix"])
    protected = depended_on(client.store)
    listing = list_backups(client.store, prefix)
    for message in listing.warnings:
        client.runtime.warn(message)
    for backup in listing.backups:
        if backup.damage:
            client.runtime.warn(
                f"The backup {backup.name} is damaged ({backup.damage}), so it is neither counted nor"
                " removed. Check it."
            )
    whole = [backup for backup in listing.backups if not backup.damage]
    reasons: dict[str, list[str]] = {}
    for _database, group in groupby(
        sorted(whole, key=lambda backup: backup.manifest["database"]), key=lambda backup: backup.manifest["database"]
    ):
        reasons |= rules.reasons(list(group), protected, now)
    going = [backup for backup in whole if not reasons[backup.name]]
    hours = params["leftovers_after"]
    leftovers = [left for left in listing.catalogue.leftovers if hours and now - left.since > timedelta(hours=hours)]
    objects = {backup.name: list(listing.catalogue.files.get(backup.name, {}).values()) for backup in going}
    result: dict[str, Any] = {
        "removed": [backup.describe(now) for backup in going],
        "kept": {name: why for name, why in reasons.items() if why},
        "leftovers": [left.key for left in leftovers],
        "freed": (
            sum(entry.size for entries in objects.values() for entry in entries)
            + sum(left.size or 0 for left in leftovers)
        ),
    }
    before = {
        "backups": [backup.name for backup in listing.backups],
        "leftovers": [left.key for left in listing.catalogue.leftovers],
    }
    after = {
        key: [name for name in names if name not in objects and name not in result["leftovers"]]
        for key, names in before.items()
    }
    return Plan(before, after, {"objects": objects, "leftovers": leftovers, "prefix": prefix}, result)


def apply(plan: Plan, client: Client) -> None:
    done: list[str] = []
    try:
        for name, entries in plan.todo["objects"].items():
            remove(client, [f"{plan.todo['prefix']}{name}{MANIFEST}", *(entry.key for entry in entries)])
            done.append(name)
        for left in plan.todo["leftovers"]:
            client.runtime.heartbeat()
            left.remove(client.store)
    except RunbookError as error:
        error.result["removed"] = [backup for backup in plan.result["removed"] if backup["name"] in done]
        raise


def remove(client: Client, keys: list[str]) -> None:
    """The manifest comes first: from then on it is no backup, whatever becomes of the rest."""
    for key in keys:
        client.runtime.heartbeat()
        client.store.delete(key)


def main() -> None:
    run(argument_spec(), build_client, plan, apply, guard=guard)


if __name__ == "__main__":
    main()
