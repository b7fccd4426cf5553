#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Return the figures of delivery from the ledger."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_figures
version_added: 1.0.0
short_description: Return DORA's figures of a storefront from the ledger
description:
  - Returns how often, how fast and how safely a storefront is deployed, from the records of the ledger. The module
    only reads.
  - The five figures of DORA are those that its guide defines since 2024. See
    U(https://dora.dev/guides/dora-metrics-four-keys/).
  - A deployment is a deploy whose new code reached production. It failed if it was rolled back from there,
    automatically or by a later rollback, or if it was left incomplete or unsafe. Rework is the first release after a
    failed deployment.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  store:
    description:
      - URL of the store that holds the ledger. Use C(s3://bucket/prefix), or C(file:///path) of a folder that every
        controller shares. Each storefront needs its own prefix.
    type: str
    required: true
  days:
    description:
      - Days to cover, from 1 to 3650.
    type: float
    default: 90
  path:
    description:
      - Git repository of the shop with its commits fetched. Without it the lead time for changes is not known.
    type: path
  limit:
    description:
      - Number of the newest runs to return, from 0 to 500.
    type: int
    default: 100
extends_documentation_fragment:
  - storefront.runbook.store
attributes:
  check_mode:
    description: It reads only, so check mode makes no difference.
    support: full
  diff_mode:
    description: It changes nothing.
    support: none
seealso:
  - module: storefront.runbook.release_info
"""

EXAMPLES = r"""
- name: Return the figures of the last 90 days
  storefront.runbook.release_figures:
    store: s3://backups/shop
    path: ../shop
  register: delivery

- name: Show the change fail rate
  ansible.builtin.debug:
    msg: "{{ delivery.figures.change_fail_rate }}"
"""

RETURN = r"""
figures:
  description: The figures. A figure is null if there was nothing to count. Durations are medians in seconds, and rates
    are from 0 to 1.
  returned: success
  type: dict
  contains:
    days:
      description: Days that the figures cover.
      type: float
      sample: 90
    deployments:
      description: Deployments to production.
      type: int
      sample: 42
    deployments_per_week:
      description: Deployment frequency. For a ledger that is younger than O(days), the time since its first record
        counts.
      type: float
      sample: 3.27
    lead_time_seconds:
      description: Lead time for changes, from a commit to its deployment.
      type: float
      sample: 86400
    change_fail_rate:
      description: Share of deployments that needed an intervention.
      type: float
      sample: 0.0714
    recovery_seconds:
      description: Failed deployment recovery time.
      type: float
      sample: 312.5
    rework_rate:
      description: Share of deployments that were made because of a failed one.
      type: float
      sample: 0.0714
    not_recovered:
      description: Failed deployments after which nothing verified is live yet.
      type: int
      sample: 0
    rollbacks:
      description: Rollbacks, also those of a failed deploy.
      type: int
      sample: 4
    rollback_success_rate:
      description: Share of rollbacks that put everything back.
      type: float
      sample: 1.0
    restores:
      description: Restores of the database.
      type: int
      sample: 1
    restore_seconds:
      description: Time to restore the database.
      type: float
      sample: 95.2
    deploy_seconds:
      description: Duration of a deploy that did not fail.
      type: float
      sample: 210.4
    phases:
      description: For each step the C(median), the time C(p90) within which nine of ten were, and the C(count).
      type: dict
      sample: {"database.backup": {"median": 18.4, "p90": 21.0, "count": 42}}
    weeks:
      description: The same by week, for plots.
      type: list
      elements: dict
tally:
  description: What was counted. The figures of a fleet are made from the tallies of its storefronts.
  returned: success
  type: dict
runs:
  description: The newest O(limit) runs, newest first.
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

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..module_utils.core.errors import ConfigError
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import store_options
from ..module_utils.core.plan import Plan
from ..module_utils.release import figures, lead_times, ledger_history
from ..module_utils.store.base import Store
from ..module_utils.store.open import open_store

MOST_DAYS = 3650
MOST_RUNS = 500


@dataclass(frozen=True)
class Reader:
    store: Store
    warn: Callable[[str], None]

    def close(self) -> None:
        self.store.close()


def argument_spec() -> dict[str, Any]:
    return {
        "days": {"type": "float", "default": 90},
        "path": {"type": "path"},
        "limit": {"type": "int", "default": 100},
        **store_options(),
    }


def build_client(params: dict[str, Any], runtime: Runtime) -> Reader:
    return Reader(open_store(params), runtime.warn)


def plan(params: dict[str, Any], client: Reader) -> Plan:
    days = params["days"]
    if not 1 <= days <= MOST_DAYS:
        raise ConfigError(f"days is {days:g}. It must be from 1 to {MOST_DAYS}.")
    if not 0 <= params["limit"] <= MOST_RUNS:
        raise ConfigError(f"limit is {params['limit']}. It must be from 0 to {MOST_RUNS}.")
    records = ledger_history.every(client.store, client.warn)
    counted = figures.tally(records)
    if params["path"]:
        lead_times.assign(counted.deployments, lead_times.read(params["path"]))
    now = client.store.time() or time.time()
    recent = figures.since(counted, now - days * figures.DAY)
    result = {
        "figures": figures.figures(counted, now, days),
        "tally": figures.as_dict(recent),
        "runs": [figures.brief(record) for record in records[: params["limit"]]],
    }
    return Plan({}, {}, result=result)


def apply(plan: Plan, client: Reader) -> None:
    """Nothing to write."""


def main() -> None:
    run(argument_spec(), build_client, plan, apply)


if __name__ == "__main__":
    main()
