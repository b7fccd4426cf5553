#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take the turn of a verification, and record how it ended."""

from __future__ import annotations

DOCUMENTATION = r"""
module: verify_turn
short_description: Take the turn of a verification, and record how it ended
version_added: 1.0.0
author:
  - Contributors to storefront.runbook (@storefront)
description:
  - Only one verification of a storefront runs at a time. Its turn is an object in the store, apart from the deploy
    lease, so a deploy and a verification do not block each other.
  - A run that was killed on the same machine does not keep the turn. On another machine it keeps it until the deadline.
  - The last outcome is kept in the store, so that the team is notified of a change only.
extends_documentation_fragment:
  - storefront.runbook.store
attributes:
  check_mode:
    description: Predicts the changes without making them.
    support: full
  diff_mode:
    description: Shows the changes.
    support: none
options:
  store:
    description:
      - URL of the store that holds the ledger. Use C(s3://bucket/prefix), or C(file:///path) of a folder that every
        controller shares. Each storefront needs its own prefix.
    type: str
    required: true
  state:
    description:
      - V(taken) takes the turn. V(recorded) records the outcome and gives the turn back.
    type: str
    choices: [taken, recorded]
    required: true
  token:
    description:
      - Token of the turn, for O(state=recorded).
    type: str
  ttl:
    description:
      - Seconds until a run on another machine may take the turn of one that never gave it back.
    type: float
    default: 1800.0
  outcome:
    description:
      - How the verification ended.
    type: str
    choices: [passed, failed]
  failing:
    description:
      - Steps that fail, among them those that failed before and did not run now.
    type: list
    elements: str
    default: []
  notified:
    description:
      - Whether the team was notified of the outcome, or needs no notification. Otherwise the next run notifies.
    type: bool
    default: true
  measured:
    description:
      - Measurements of a passed verification, the baseline of the next one.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Take the turn
  storefront.runbook.verify_turn:
    store: s3://shop-releases/production
    state: taken
  register: turn

- name: Record how the verification ended
  storefront.runbook.verify_turn:
    store: s3://shop-releases/production
    state: recorded
    token: "{{ turn.token }}"
    outcome: passed
"""

RETURN = r"""
token:
  description: Token of the turn. Null in check mode.
  returned: success
  type: str
  sample: 0b2f6c1e-5a5c-4f37-9d1e-7d2f0c1a9b11
last:
  description: The last outcome, with C(outcome), C(since), C(failing), C(notified) and C(measured). Empty before the
    first.
  returned: success
  type: dict
  sample:
    {"outcome": "passed", "since": "2026-03-01T10:00:00+00:00", "failing": [], "notified": true, "measured": {}}
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
      description: V(lease_held) while another verification runs, V(config) or V(unreachable).
      type: str
    message:
      description: Same text as C(msg).
      type: str
"""

from typing import Any

from ..module_utils.core.errors import ConfigError
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import store_options
from ..module_utils.core.plan import Plan, carry_out
from ..module_utils.release.verify_turn import give_back, last, record, take
from ..module_utils.store.base import unguarded
from ..module_utils.store.open import open_store


def argument_spec() -> dict[str, Any]:
    return {
        "state": {"type": "str", "choices": ["taken", "recorded"], "required": True},
        "token": {"type": "str", "no_log": False},
        "ttl": {"type": "float", "default": 1800.0},
        "outcome": {"type": "str", "choices": ["passed", "failed"]},
        "failing": {"type": "list", "elements": "str", "default": []},
        "notified": {"type": "bool", "default": True},
        "measured": {"type": "dict", "default": {}},
        **store_options(),
    }


def build_client(params: dict[str, Any], runtime: Runtime) -> Any:
    return open_store(params, None if runtime.check_mode else unguarded)


def plan(params: dict[str, Any], store: Any) -> Plan:
    if not 1 <= params["ttl"] <= 86400:
        raise ConfigError(f"ttl is {params['ttl']:g} s. Set it to 1 to 86400.")
    before = last(store)
    found = {"token": params["token"], "last": before}

    def taken() -> dict[str, Any]:
        return {"token": take(store, params["ttl"]), "changed": False}

    def recorded() -> dict[str, Any]:
        state = record(store, params["outcome"], **{key: params[key] for key in ("notified", "measured", "failing")})
        if params["token"]:
            give_back(store, params["token"])
        return {"last": state, "changed": before.get("outcome") != state["outcome"]}

    todo = taken if params["state"] == "taken" else recorded
    return Plan(before={"turn": "open"}, after={"turn": params["state"]}, todo=todo, result=found)


def main() -> None:
    run(argument_spec(), build_client, plan, carry_out, required_if=[("state", "recorded", ["outcome"])])


if __name__ == "__main__":
    main()
