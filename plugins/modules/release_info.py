#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the live release, the last verified release and the rollback target from the ledger."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_info
version_added: 1.0.0
short_description: Read the live release and the rollback target from the ledger
description:
  - Reads the records that M(storefront.runbook.release_record) wrote. It does not query the platforms, so it does not
    see manual changes there.
  - An empty ledger is not an error. The results are then null, and RV(message) gives the reason.
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
      - Release to roll back to. By default RV(target) is the newest release before the live one that was verified and
        not withdrawn since.
    type: str
  limit:
    description:
      - Number of the newest records to return in RV(records). To find RV(target), the module also reads older records,
        up to 1000.
    type: int
    default: 20
extends_documentation_fragment:
  - storefront.runbook.store
attributes:
  check_mode:
    description: The module only reads, so check mode makes no difference.
    support: full
  diff_mode:
    description: The module changes nothing, so there is no diff.
    support: none
seealso:
  - module: storefront.runbook.release_record
"""

EXAMPLES = r"""
- name: Find the rollback target
  storefront.runbook.release_info:
    store: s3://backups/shop
  register: ledger

- name: Show the rollback target
  ansible.builtin.debug:
    msg: "{{ ledger.target.release | default('nothing', true) }} {{ ledger.message | default('', true) }}"
"""

RETURN = r"""
live:
  description: The live release according to the ledger. Null if no release was ever verified, or if the last run ended
    incomplete or unsafe.
  returned: success
  type: dict
  contains: &state
    release:
      description: Name of the release.
      type: str
      sample: v1.1.0
    commit:
      description: Full SHA. Null if it was not recorded.
      type: str
    units:
      description: The live deployment of each unit at that time, in the shape of the option C(units) of
        M(storefront.runbook.release_record).
      type: dict
      sample: {"frontend": {"platform": "vercel", "id": "dpl_89qyp1cskzkLrVicDaZoDbjyHuDJ", "release": "v1.1.0"}}
    record:
      description: Id of the record.
      type: str
    since:
      description: Time of its verification, in UTC.
      type: str
      sample: "2026-01-31T12:04:10.000Z"
last_verified:
  description: The last verified release, in the shape of RV(live). Null if there is none.
  returned: success
  type: dict
  contains: *state
target:
  description: The rollback target, in the shape of RV(live). Null if there is none. If the live release is itself the
    result of a rollback, the target is RV(live).
  returned: success
  type: dict
  contains: *state
message:
  description: Information about RV(target) for the operator. Null if there is none.
  returned: success
  type: str
remarks:
  description: Problems with the ledger or a clock, such as records with an end time in the future. The module also
    warns about them.
  returned: success
  type: list
  elements: str
unverified:
  description: Releases that cannot be a target, because the records that were read show them as never verified live or
    as withdrawn since.
  returned: success
  type: list
  elements: str
records:
  description: The newest O(limit) records, newest first, as M(storefront.runbook.release_record) wrote them.
  returned: success
  type: list
  elements: dict
maintenance:
  description: The record of the maintenance that M(storefront.runbook.maintenance_record) wrote. Empty when the shop is
    not in maintenance.
  returned: when the record can be read
  type: dict
held_variables:
  description: Names of the variables that an operator has set or removed with C(variables.yml), by
    unit. A rollback keeps their current values.
  returned: success
  type: dict
  sample: {"api": ["STRIPE_KEY"]}
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

from ..module_utils.core.amounts import number
from ..module_utils.core.errors import ConfigError
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import store_options
from ..module_utils.core.plan import Plan
from ..module_utils.release import ledger_history, maintenance
from ..module_utils.release.ledger import state_after, target, unfit, verified
from ..module_utils.release.levers import held_variables
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
    history = ledger_history.read(
        client.store, params["limit"], release=params["release"], warn=unread.append, clock=clock
    )
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
        message = f"{message} It read only the newest {number(len(records), 'relevant record')} of the ledger."
    result: dict[str, Any] = {
        "live": known if certain else None,
        "last_verified": known,
        "target": found,
        "message": message,
        "remarks": remarks,
        "held_variables": held_variables(records),
    }
    result |= {"unverified": unfit(records), "records": history.shown, **maintained(client.store)}
    return Plan({}, {}, result=result)


def maintained(store: Store) -> dict[str, Any]:
    """Return the record of a maintenance. A broken one does not hide the ledger: maintenance_record reports it."""
    try:
        found = maintenance.read(store)
    except ConfigError:
        return {}
    return {"maintenance": found[0] if found else {}}


def apply(plan: Plan, client: Reader) -> None:
    """Nothing to write."""


def main() -> None:
    run(argument_spec(), build_client, plan, apply)


if __name__ == "__main__":
    main()
