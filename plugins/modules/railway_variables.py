#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set and remove variables of a Railway service, with at most one deployment for all changes."""

from __future__ import annotations

DOCUMENTATION = r"""
module: railway_variables
version_added: 1.0.0
short_description: Set and remove variables of a Railway service
description:
  - Sets variables in one request and removes others in one commit of the environment. By itself, Railway would deploy
    the service for each change. This module deploys it once with O(deploy), or not at all.
  - The live deployment keeps its old variables until the next deployment.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  variables:
    description:
      - Dictionary of names and values. Values must be strings, so quote V("false") and V("3000"). Values are never
        shown, logged or written to disk.
      - A value may be a reference such as C(${{Postgres.DATABASE_URL}}). The module compares the unresolved text.
      - The variables of the service that are not listed here stay, unless O(exclusive) is set.
    type: dict
    default: {}
  absent:
    description:
      - Names of variables to remove.
    type: list
    elements: str
    default: []
  exclusive:
    description:
      - Whether to remove every variable that is not in O(variables), including sealed ones. Refused if O(variables) is
        empty.
    type: bool
    default: false
  digest_key:
    description:
      - Key for the digests in the diff and in RV(variables). The default is the API token. See
        O(storefront.runbook.railway_info#module:digest_key).
    type: str
  deploy:
    description:
      - Whether to redeploy the live image with all current variables and wait until it is healthy. The module does so
        if it changed a variable. It also does so if the live deployment is known to have an old value of a variable
        that is listed here, for example after a run was killed.
    type: bool
    default: false
extends_documentation_fragment:
  - storefront.runbook.rotation
  - storefront.runbook.api
  - storefront.runbook.railway
  - storefront.runbook.wait
  - storefront.runbook.lease
  - storefront.runbook.store
attributes:
  check_mode:
    description: Compares the variables and predicts the result without writing.
    support: full
  diff_mode:
    description: Shows the names and keyed digests of the changed variables, never their values.
    support: full
notes:
  - Railway never shows sealed variables. So a sealed variable in O(variables) is set on each run.
  - The module refuses to remove variables while the environment has staged changes at Railway, since it would commit
    them.
  - The module neither reads nor changes variables that the services of an environment share.
seealso:
  - module: storefront.runbook.railway_info
  - module: storefront.runbook.railway_service
"""

EXAMPLES = r"""
- name: Point the API at another database and redeploy it
  storefront.runbook.railway_variables:
    api_token: "{{ vault_railway_token }}"
    project: 5a1b9c3e-1111-4222-8333-444455556666
    environment: production
    service: api
    variables:
      DATABASE_URL: "{{ vault_database_url }}"
      MAINTENANCE_MODE: "false"
    absent: [LEGACY_PAYMENTS]
    deploy: true
"""

RETURN = r"""
added:
  description: Names of the variables that were added.
  returned: success
  type: list
  elements: str
updated:
  description: Names of the variables whose value was changed.
  returned: success
  type: list
  elements: str
removed:
  description: Names of the variables that were removed.
  returned: success
  type: list
  elements: str
variables:
  description: The service's current variables, each with its name and keyed digest, as in
    RV(storefront.runbook.railway_info#module:variables).
  returned: success
  type: list
  elements: dict
  sample: [{"name": "DATABASE_URL", "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}]
deployment:
  description:
    - The deployment that runs with these variables, in the shape of
      RV(storefront.runbook.railway_service#module:deployment). Null if none was needed or requested, or if nothing is
      live.
  returned: success
  type: dict
rotation:
  description:
    - What O(rotate) found before it changed anything. The name of the C(variable), whether it is C(set), whether its
      value is C(hidden) by the platform, the C(user) of a URL, and whether there is a C(previous) value. C(others) are
      variables whose URL has the same login.
  returned: success
  type: dict
  sample: {"variable": "DATABASE_URL", "set": true, "hidden": false, "user": "shop_a", "previous": false, "others": []}
elapsed:
  description: Run time of the module in seconds.
  returned: always
  type: float
"""

from typing import Any

from ..module_utils.core.http import REQUESTS_ERROR
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import api_options, lease_options, wait_options
from ..module_utils.core.plan import Plan
from ..module_utils.platforms.railway.client import API_URL, PLACE_OPTIONS, Railway, connect
from ..module_utils.platforms.railway.settings import read_settings
from ..module_utils.platforms.railway.variable_changes import Rollout, plan_change, to_deploy
from ..module_utils.platforms.railway.variables import digests
from ..module_utils.release.lease import guard
from ..module_utils.release.rotation import Rotation, rotation, rotation_options


def argument_spec() -> dict[str, Any]:
    return {
        **api_options(API_URL, "RAILWAY_API_TOKEN", "RAILWAY_TOKEN"),
        **PLACE_OPTIONS,
        "variables": {"type": "dict", "default": {}, "no_log": True},
        "absent": {"type": "list", "elements": "str", "default": []},
        "exclusive": {"type": "bool", "default": False},
        **rotation_options(),
        "digest_key": {"type": "str", "no_log": True},
        "deploy": {"type": "bool", "default": False},
        **wait_options(),
        **lease_options(),
    }


def build_client(params: dict[str, Any], runtime: Runtime) -> Railway:
    return connect(params, heartbeat=runtime.heartbeat, warn=runtime.warn, before_write=runtime.before_write)


def plan(params: dict[str, Any], client: Railway) -> Plan:
    turned = rotation_of(client, params["rotate"])
    wanted, absent = {**params["variables"], **turned.values}, [*params["absent"], *turned.absent]
    change = plan_change(client, wanted, absent, params["exclusive"])
    moved = {*change.values, *change.removed}
    names = [*wanted, *absent, *change.removed, *_rotated(params)]
    again, coming = to_deploy(client, names, bool(moved)) if params["deploy"] else (None, None)
    key = params["digest_key"] or params["api_token"]
    now, then = digests(change.before, key), digests(change.after, key)
    before: dict[str, Any] = dict.fromkeys(change.removed, "not shown")
    before.update({one["name"]: one["digest"] for one in now if one["name"] in moved})
    after: dict[str, Any] = {one["name"]: one["digest"] for one in then if one["name"] in moved}
    predicted = again or coming
    if predicted:
        before["deployment"] = {"id": predicted.id, "status": predicted.word}
        after["deployment"] = {
            "id": None if again else predicted.id,
            "status": "success" if params["wait"] else "queued",
        }
    result = {"added": change.added, "updated": change.updated, "removed": change.removed, "variables": then}
    result["rotation"] = turned.report
    result["deployment"] = (
        {**predicted.describe(), **({"id": None, "created_at": None} if again else {})} if predicted else None
    )
    work = Rollout(change, names, deploys=params["deploy"], waits=params["wait"], again=bool(again), coming=coming)
    intent = Plan(before, after, work, result)
    if coming and not moved:
        intent.result["changed"] = False  # a deployment in progress is only waited for
    return intent


def rotation_of(client: Railway, rotate: dict[str, Any] | None) -> Rotation:
    if not rotate:
        return rotation(None, {})
    present, written = client.variables(), client.variables(unrendered=True)
    sealed = read_settings(client).variable_names - present.keys()
    return rotation(rotate, present, written=written, hidden=sealed)


def _rotated(params: dict[str, Any]) -> list[str]:
    """The variable that a deployment must have today's value of, also where an earlier run has set it."""
    rotate = params["rotate"]
    return [rotate["variable"]] if rotate and rotate["state"] != "read" else []


def apply(intent: Plan, client: Railway) -> dict[str, Any]:
    work: Rollout = intent.todo
    made = work.do(client)
    return {"deployment": made.describe()} if made else {}


def main() -> None:
    run(argument_spec(), build_client, plan, apply, guard=guard, libraries={"requests": REQUESTS_ERROR})


if __name__ == "__main__":
    main()
