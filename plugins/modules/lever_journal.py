#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write down in the store what a lever is about to change, until it has ended."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lever_journal
version_added: 1.0.0
short_description: Record what a lever is about to change
description:
  - Writes, reads and removes C(levers/<kind>.json) in the store, which exists while a run of C(scale.yml),
    C(restart.yml), C(variables.yml), C(seed.yml) or C(refresh.yml) has not ended. A rerun reads there
    what was before, and which parts are done, from any controller and after a kill.
  - Nothing in it is a secret. Variables are in it by name and keyed digest.
author:
  - Contributors to storefront.runbook (@storefront)
extends_documentation_fragment:
  - storefront.runbook.store
  - storefront.runbook.lease
attributes:
  check_mode:
    description: Predicts the journal without writing it.
    support: full
  diff_mode:
    description: Shows the journal.
    support: full
options:
  store:
    description:
      - URL of the store.
    type: str
    required: true
  kind:
    description:
      - The lever.
    type: str
    choices: [scale, restart, variables, secrets, seed, refresh]
    required: true
  state:
    description:
      - V(present) writes the journal, V(absent) removes it, and V(read) returns it.
      - A journal that exists keeps its O(before), and the parts in O(done) add up.
    type: str
    choices: [present, absent, read]
    required: true
  before:
    description:
      - State before the run of each part that it changes.
    type: dict
    default: {}
  after:
    description:
      - State of each part after the run.
    type: dict
    default: {}
  done:
    description:
      - Parts that are done.
    type: list
    elements: str
    default: []
  data:
    description:
      - What else the lever has to know after a kill. It replaces the earlier data. If not set, that stays.
    type: dict
seealso:
  - module: storefront.runbook.release_record
"""

EXAMPLES = r"""
- name: Record what the run is about to scale
  storefront.runbook.lever_journal:
    store: s3://backups/shop
    kind: scale
    state: present
    before: {api: {us-west2: 1}}
    after: {api: {us-west2: 3}}
"""

RETURN = r"""
journal:
  description: The journal as it is after the task. Empty if no run of the lever is unfinished.
  returned: success
  type: dict
  contains:
    since:
      description: Time at which the unfinished run began, in UTC.
      type: str
      sample: "2026-01-31T03:00:00.000Z"
    by:
      description: Who began it.
      type: str
    before:
      description: State before the run.
      type: dict
      sample: {"api": {"us-west2": 1}}
    after:
      description: State that the run leads to.
      type: dict
    done:
      description: Parts that are done.
      type: list
      elements: str
    data:
      description: What the lever has to know after a kill.
      type: dict
was:
  description: The journal before the task.
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
from typing import Any

from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import lease_options, store_options
from ..module_utils.core.plan import Plan
from ..module_utils.core.process import this_process
from ..module_utils.release import levers
from ..module_utils.release.lease import guard
from ..module_utils.release.lease_document import iso
from ..module_utils.store.base import Store
from ..module_utils.store.open import open_store

SHOWN = ("before", "after", "done")


def argument_spec() -> dict[str, Any]:
    return {
        "kind": {"type": "str", "choices": list(levers.KINDS), "required": True},
        "state": {"type": "str", "choices": ["present", "absent", "read"], "required": True},
        "before": {"type": "dict", "default": {}},
        "after": {"type": "dict", "default": {}},
        "done": {"type": "list", "elements": "str", "default": []},
        "data": {"type": "dict"},
        **lease_options(),
        **store_options(),
    }


def build_client(params: dict[str, Any], runtime: Runtime) -> Store:
    return open_store(params, runtime.permit)


def plan(params: dict[str, Any], store: Store) -> Plan:
    current, etag = levers.read(store, params["kind"]) or ({}, None)
    wanted = dict(current) if params["state"] == "read" else {}
    if params["state"] == "present":
        wanted = levers.continued(current, params, now=iso(time.time()), by=this_process())
    shown = [{name: one[name] for name in SHOWN if name in one} for one in (current, wanted)]
    todo, result = (params["kind"], wanted, etag), {"journal": wanted, "was": current}
    return Plan(shown[0], shown[1], todo, result, unshown=wanted != current)


def apply(plan: Plan, store: Store) -> None:
    kind, wanted, etag = plan.todo
    if wanted:
        levers.write(store, wanted, etag)
    else:
        store.delete(levers.key(kind))


def main() -> None:
    run(argument_spec(), build_client, plan, apply, guard=guard)


if __name__ == "__main__":
    main()
