#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the ledger: what is live, what was verified last, and what a rollback goes back to."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_info
version_added: 1.0.0
short_description: Read from the ledger what is live and what to go back to
description:
  - Reads the records that M(storefront.runbook.release_record) wrote. It asks no platform, so what was changed by hand
    there does not show.
  - A ledger that knows nothing is no failure; the results are null then, and RV(message) says why.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  store:
    description:
      - URL of the store that holds the ledger. Use C(s3://bucket/prefix), or C(file:///path) of a folder that every
        controller shares. Each storefront needs its own prefix.
    type: str
    required: true
  release:
    description:
      - The release to go back to. Without it, RV(target) is the newest verified one before the live one that was not
        withdrawn since.
    type: str
  limit:
    description:
      - How many of the newest records are returned as RV(records). Older ones are read as well, up to 1000 of them,
        until RV(target) is known.
    type: int
    default: 20
extends_documentation_fragment:
  - storefront.runbook.store
attributes:
  check_mode:
    description: Reads only.
    support: full
  diff_mode:
    description: The module changes nothing, so there is no diff.
    support: none
seealso:
  - module: storefront.runbook.release_record
"""

EXAMPLES = r"""
- name: Find out what to go back to
  storefront.runbook.release_info:
    store: s3://backups/shop
  register: ledger

- name: Say what it is
  ansible.builtin.debug:
    msg: "{{ ledger.target.release | default('nothing', true) }} {{ ledger.message | default('', true) }}"
"""

RETURN = r"""
live:
  description: What is live, going by the ledger; null when nothing was ever verified, or when the last record says that
    it ended incomplete or unsafe.
  returned: success
  type: dict
  contains: &state
    release:
      description: The release.
      type: str
      sample: v1.1.0
    commit:
      description: Its full SHA; null when it was not recorded.
      type: str
    units:
      description: For each unit what was live then, in the shape of the option C(units) of
        M(storefront.runbook.release_record).
      type: dict
      sample: {"frontend": {"platform": "vercel", "id": "dpl_89qyp1cskzkLrVicDaZoDbjyHuDJ", "release": "v1.1.0"}}
    record:
      description: Id of the record that says so.
      type: str
    since:
      description: When it had been verified, in UTC.
      type: str
      sample: "2026-01-31T12:04:10.000Z"
last_verified:
  description: What was verified last, in the shape of RV(live); null when nothing was.
  returned: success
  type: dict
  contains: *state
target:
  description: What a rollback goes back to, in the shape of RV(live); null when there is nothing. It is RV(live) itself
    where that came by a rollback already.
  returned: success
  type: dict
  contains: *state
message:
  description: What the operator should know about RV(target); null where there is nothing to know.
  returned: success
  type: str
remarks:
  description: What is wrong with the ledger or with a clock, such as records that say they ended in the future. They
    are warned of, too.
  returned: success
  type: list
  elements: str
unverified:
  description: Releases that are no target, because they were never verified live or were withdrawn since, going by the
    records that were read.
  returned: success
  type: list
  elements: str
records:
  description: The newest O(limit) records, the newest first, as M(storefront.runbook.release_record) wrote them.
  returned: success
  type: list
  elements: dict
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
      description: Kind of the error, such as V(config) or V(unreachable).
      type: str
    message:
      description: Same text as C(msg).
      type: str
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..module_utils.core.errors import ConfigError
from ..module_utils.core.module import Plan, Runtime, run
from ..module_utils.core.options import store_options
from ..module_utils.release import ledger_history
from ..module_utils.release.ledger import state_after, target, unfit, verified
from ..module_utils.release.store_clock import StoreClock
from ..module_utils.store.base import Store
from ..module_utils.store.open import open_store


@dataclass(frozen=True)
class Reader:
    store: Store
    warn: Callable[[str], None]

    def close(self) -> None:
        self.store.close()


def argument_spec() -> dict[str, Any]:
    return {"release": {"type": "str"}, "limit": {"type": "int", "default": 20}, **store_options()}


def build_client(params: dict[str, Any], runtime: Runtime) -> Reader:
    return Reader(open_store(params), runtime.warn)


def plan(params: dict[str, Any], client: Reader) -> Plan:
    if params["limit"] < 1:
        raise ConfigError(f"limit is {params['limit']}, so no record would be read. Set it to 1 or more.")
    clock = StoreClock(client.store)
    unread: list[str] = []
    history = ledger_history.read(client.store, params["limit"], release=params["release"], warn=unread.append, clock=clock)
    records, wrong = history.records, clock.difference()
    remarks = [*unread, *history.remarks, *([wrong] if wrong else [])]
    for remark in remarks:
        client.warn(remark)
    last = next((index for index, record in enumerate(records) if verified(record)), None)
    index, message = target(records, params["release"])
    known = None if last is None else state_after(records, last)
    certain = records and records[0]["outcome"] not in ("incomplete", "unsafe")
    found = None if index is None else state_after(records, index)
    if history.cut and message:
        message = f"{message} Only the newest {len(records)} of its records that could matter were read."
    result = {"live": known if certain else None, "last_verified": known, "target": found, "message": message, "remarks": remarks}
    return Plan({}, {}, result={**result, "unverified": unfit(records), "records": history.shown})


def apply(plan: Plan, client: Reader) -> None:
    """Nothing to write."""


def main() -> None:
    run(argument_spec(), build_client, plan, apply)


if __name__ == "__main__":
    main()
