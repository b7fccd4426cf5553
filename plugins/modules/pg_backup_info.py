#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists the backups of a store."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_backup_info
short_description: List the backups of a store
version_added: 1.0.0
author:
  - Contributors to storefront.runbook (@storefront)
description:
  - Reads the manifests that M(storefront.runbook.pg_backup) wrote, and the sizes of their objects. No object is read,
    so damage that does not change a size is not found.
  - A store without backups is not an error; RV(latest) is null then.
extends_documentation_fragment:
  - storefront.runbook.store
attributes:
  check_mode:
    description: Reads only.
    support: full
  diff_mode:
    description: Changes nothing, so there is nothing to show.
    support: none
options:
  store:
    description:
      - Where backups are stored, as C(s3://bucket/prefix), or C(file:///path) for development.
    type: str
    required: true
  prefix:
    description:
      - Folder of the backups in the store.
    type: str
    default: backups/
  database:
    description:
      - Name of the database whose backups are listed. The default is all databases.
    type: str
seealso:
  - module: storefront.runbook.pg_backup
  - module: storefront.runbook.pg_backup_prune
"""

EXAMPLES = r"""
- name: List the backups
  storefront.runbook.pg_backup_info:
    store: s3://storefront-backups/shop
  register: catalogue

- name: Stop without a backup of the last 24 hours
  ansible.builtin.assert:
    that: catalogue.latest is not none and catalogue.latest.age < 86400
"""

RETURN = r"""
backups:
  description: The backups, the newest first.
  returned: success
  type: list
  elements: dict
  contains: &backup
    name:
      description: Its name.
      type: str
      sample: shop-20260202T090000.123Z-v1.1.0
    location:
      description: Where its objects are.
      type: str
      sample: s3://storefront-backups/shop/backups/shop-20260202T090000.123Z-v1.1.0/
    database:
      description: Name of the database.
      type: str
      sample: shop
    release:
      description: The release that it was made for; null when it was made for none.
      type: str
      sample: v1.1.0
    format:
      description: V(custom) or V(directory).
      type: str
      sample: custom
    encryption:
      description: V(age) or V(off).
      type: str
      sample: age
    recipients:
      description: Public keys that it is encrypted to.
      type: list
      elements: str
      sample: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]
    size:
      description: Size of its objects, in bytes.
      type: int
      sample: 72142617
    database_size:
      description: Size that the database had on its server, in bytes.
      type: int
      sample: 1079001088
    server_version:
      description: Version of the server.
      type: str
      sample: '15.20'
    migrations:
      description: How many migrations the database had (C(count)), and the C(last) one's name.
      type: dict
      sample: {count: 4, last: 20260126090000_order_email}
    finished_at:
      description: When it was complete, in UTC.
      type: str
      sample: '2026-02-02T09:00:04+00:00'
    age:
      description: Seconds since then.
      type: int
      sample: 3600
    proof:
      description: The strongest proof of the backup, V(restore), V(decode), V(checksum) or V(none).
      type: str
      sample: restore
    proven_at:
      description: When that was proven, in UTC; null when nothing was.
      type: str
      sample: '2026-02-02T09:10:00+00:00'
    recovery_seconds:
      description: Seconds that its restore took when it was proven. Expect about the same of the next one. Null if it
        was never restored.
      type: float
      sample: 61.5
    damage:
      description: What is missing of the backup. Null if it is complete.
      type: str
      sample: dump.zst.age has 0 bytes and not 72140000
latest:
  description: The newest backup of which nothing is missing, in the shape of RV(backups); null when there is none.
  returned: success
  type: dict
  contains: *backup
leftovers:
  description: What is no backup, for lack of a manifest - what runs left that failed or were killed, or what one is
    about to write.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the backup that it was for.
      type: str
      sample: shop-20260201T090000.123Z-v1.0.0
    key:
      description: Its key in the store.
      type: str
      sample: backups/shop-20260201T090000.123Z-v1.0.0/dump.zst.age
    since:
      description: When it was written or begun, in UTC.
      type: str
      sample: '2026-02-01T09:00:01+00:00'
    age:
      description: Seconds since then.
      type: int
      sample: 90000
    size:
      description: Size of the object in bytes; null for an upload that was never completed.
      type: int
      sample: 72140000
    unfinished:
      description: Whether it is an upload that was never completed. Where the credentials lack
        C(s3:ListBucketMultipartUploads) none are listed.
      type: bool
      sample: false
unreadable:
  description: Names of manifests that this version cannot read, and what is wrong with each. The module warns of each.
  returned: success
  type: dict
  sample: {}
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..module_utils.backup.listing import describe_leftover, list_backups, newest
from ..module_utils.backup.manifest import folder
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import store_options
from ..module_utils.core.plan import Plan
from ..module_utils.store.base import Store
from ..module_utils.store.open import open_store


@dataclass(frozen=True)
class Reader:
    store: Store
    warn: Callable[[str], None]

    def close(self) -> None:
        self.store.close()


def argument_spec() -> dict[str, Any]:
    return {**store_options(), "prefix": {"type": "str", "default": "backups/"}, "database": {"type": "str"}}


def build_client(params: dict[str, Any], runtime: Runtime) -> Reader:
    return Reader(open_store(params), runtime.warn)


def plan(params: dict[str, Any], client: Reader) -> Plan:
    now = datetime.now(UTC)
    listing = list_backups(client.store, folder(params["prefix"]), params["database"])
    for message in listing.warnings:
        client.warn(message)
    latest = newest(listing.backups)
    result = {
        "backups": [backup.describe(now) for backup in listing.backups],
        "latest": latest.describe(now) if latest else None,
        "leftovers": [describe_leftover(left, now) for left in listing.catalogue.leftovers],
        "unreadable": listing.unreadable,
    }
    return Plan({}, {}, result=result)


def apply(plan: Plan, client: Reader) -> None:
    """Nothing to write."""


def main() -> None:
    run(argument_spec(), build_client, plan, apply)


if __name__ == "__main__":
    main()
