#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Record in the store that a shop is in maintenance, and what that changed."""

from __future__ import annotations

DOCUMENTATION = r"""
module: maintenance_record
version_added: 1.0.0
short_description: Record that a shop is in maintenance, and what ends it
description:
  - Writes, reads and removes C(maintenance.json) in the store. It says how the shop is held and which units were
    stopped for it, so that the end of the maintenance restores exactly that, from any controller and after a kill.
  - C(maintenance.yml) writes the record before it changes anything, and removes it last.
author:
  - Contributors to storefront.runbook (@storefront)
extends_documentation_fragment:
  - storefront.runbook.store
  - storefront.runbook.lease
attributes:
  check_mode:
    description: Predicts the changes without making them.
    support: full
  diff_mode:
    description: Shows the record.
    support: full
options:
  store:
    description:
      - URL of the store.
    type: str
    required: true
  state:
    description:
      - V(present) writes the record, V(absent) removes it, and V(read) returns it.
      - A record that exists keeps its beginning and the units that it names. They are stopped already, so a second run
        would not find them running.
    type: str
    choices: [present, absent, read]
    required: true
  way:
    description:
      - How the shop is held, by the edge, the platform's maintenance mode or the variable of the API.
    type: str
    choices: [edge, platform, variable]
  units:
    description:
      - Names of the units that the maintenance stops.
    type: list
    elements: str
    default: []
  had_variable:
    description:
      - Names of the units that had the variable before.
    type: list
    elements: str
    default: []
  minutes:
    description:
      - Expected duration in minutes.
    type: int
    default: 30
  opens_at:
    description:
      - Time with its zone at which the edge opens the shop automatically.
    type: str
  reason:
    description:
      - Reason that C(status) shows.
    type: str
  patience:
    description:
      - Seconds within which V(read) fails where the store does not answer. With V(0) it waits as long as other modules.
    type: float
    default: 0
seealso:
  - module: storefront.runbook.cf_maintenance
"""

EXAMPLES = r"""
- name: Record that the edge holds the shop and the worker is stopped
  storefront.runbook.maintenance_record:
    store: s3://backups/shop
    state: present
    way: edge
    units: [worker]
    minutes: 20
"""

RETURN = r"""
record:
  description: The record, as it is after the task. Empty if the shop is not in maintenance.
  returned: success
  type: dict
  contains:
    since:
      description: Time at which the maintenance began, in UTC.
      type: str
      sample: "2026-01-31T03:00:00Z"
    by:
      description: Who began it.
      type: str
    way:
      description: How the shop is held.
      type: str
      sample: edge
    units:
      description: Names of the units that were stopped for it.
      type: list
      elements: str
    had_variable:
      description: Names of the units that had the variable before.
      type: list
      elements: str
    expected_at:
      description: Time at which the shop is expected to open, in UTC.
      type: str
    opens_at:
      description: Time at which the edge opens it automatically, in UTC.
      type: str
    reason:
      description: Reason for the maintenance.
      type: str
journal:
  description: Journal of the lease, which is not empty if a run did not finish.
  returned: when O(patience) is set
  type: dict
was:
  description: The record before the task.
  returned: success
  type: dict
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
      description: Kind of the error, such as V(config) or V(lease_lost).
      type: str
    message:
      description: Same text as C(msg).
      type: str
"""

import time
from datetime import UTC, datetime
from typing import Any

from ..module_utils.core.errors import ConfigError, Unreachable
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import lease_options, store_options
from ..module_utils.core.plan import Plan
from ..module_utils.core.process import this_process
from ..module_utils.desk.gather import gather
from ..module_utils.release import lease_document, maintenance
from ..module_utils.release.lease import guard
from ..module_utils.release.lease_document import iso, timestamp
from ..module_utils.store.base import Store
from ..module_utils.store.open import open_store

SHOWN = ("way", "since", "units", "expected_at", "opens_at", "reason")


def argument_spec() -> dict[str, Any]:
    return {
        "state": {"type": "str", "choices": ["present", "absent", "read"], "required": True},
        "way": {"type": "str", "choices": list(maintenance.WAYS)},
        "units": {"type": "list", "elements": "str", "default": []},
        "had_variable": {"type": "list", "elements": "str", "default": []},
        "minutes": {"type": "int", "default": 30},
        "opens_at": {"type": "str"},
        "reason": {"type": "str"},
        "patience": {"type": "float", "default": 0.0},
        **lease_options(),
        **store_options(),
    }


def build_client(params: dict[str, Any], runtime: Runtime) -> Store:
    return open_store(params, runtime.permit)


def plan(params: dict[str, Any], store: Store) -> Plan:
    if params["state"] == "read" and params["patience"]:
        return read_soon(store, params["patience"])
    current, etag = maintenance.read(store) or ({}, None)
    wanted: dict[str, Any] = {}
    if params["state"] == "present":
        wanted = record(params, current)
    elif params["state"] == "read":
        wanted = current
    return Plan(_shown(current), _shown(wanted), (wanted, etag), {"record": wanted, "was": current})


def read_soon(store: Store, seconds: float) -> Plan:
    """Read the record and the journal for somebody who waits for them. Raises Unreachable after ``seconds``."""
    facts = gather({"record": lambda: maintenance.read(store), "lease": lambda: lease_document.read(store)}, seconds)
    for found in facts.values():
        if found.problem:
            where = "" if store.describe() in found.problem else f"{store.describe()}: "
            raise Unreachable(f"{where}{found.problem}")
    (record, lease) = (facts[name].value[0] if facts[name].value else {} for name in ("record", "lease"))
    result = {"record": record, "was": record, "journal": lease.get("journal") or {}}
    return Plan(_shown(record), _shown(record), result=result)


def _shown(record: dict[str, Any]) -> dict[str, Any]:
    return {name: record[name] for name in SHOWN if name in record}


def record(params: dict[str, Any], current: dict[str, Any]) -> dict[str, Any]:
    """Return the record to write. One that is there is kept where it says the same and is not over."""
    now = time.time()
    try:
        opens_at = iso(timestamp(params["opens_at"])) if params["opens_at"] else None
    except ValueError:
        raise ConfigError(
            f"opens_at is {params['opens_at']!r}, which is not a time with its zone. Write it as 2026-01-31T04:00Z."
        ) from None
    fresh = {
        "version": 1,
        "since": current.get("since") or iso(now),
        "by": current.get("by") or this_process(),
        "way": params["way"],
        "units": sorted({*current.get("units", []), *params["units"]}),
        "had_variable": current["had_variable"] if current else params["had_variable"],
        "expected_at": opens_at or iso(now + params["minutes"] * 60),
        "minutes": params["minutes"],
        "opens_at": opens_at,
        "reason": params["reason"] or current.get("reason"),
    }
    same = all(current.get(name) == fresh[name] for name in ("way", "units", "minutes", "opens_at", "reason"))
    over = current and datetime.fromisoformat(current["expected_at"]).astimezone(UTC).timestamp() <= now
    return current if current and same and not over else fresh


def apply(plan: Plan, store: Store) -> None:
    wanted, etag = plan.todo
    if wanted:
        maintenance.write(store, wanted, etag)
    else:
        store.delete(maintenance.KEY)


def main() -> None:
    run(argument_spec(), build_client, plan, apply, guard=guard, required_if=[("state", "present", ["way"])])


if __name__ == "__main__":
    main()
