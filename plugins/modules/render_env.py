#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set and remove variables of a Render service, one by one, without showing their values."""

from __future__ import annotations

DOCUMENTATION = r"""
module: render_env
version_added: 1.0.0
short_description: Set the variables of a service on Render
description:
  - Sets and removes variables of a service, each in a separate request. Render can also replace the whole list in one
    request. The module never does so, because this would lose variables that were added in the meantime or left out by
    mistake.
  - The live deploy keeps its old variables. It gets the new ones with the next deploy, or with O(deploy).
author:
  - Contributors to storefront.runbook (@storefront)
options:
  variables:
    description:
      - Dictionary of names and values. Values must be strings, so quote V("false") and V("3000"). Values are never
        shown, logged or written to disk.
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
      - Whether to remove every variable that is not in O(variables). Refused if O(variables) is empty.
    type: bool
    default: false
  digest_key:
    description:
      - Key for the digests in the diff and in RV(variables). The default is the API token. See
        O(storefront.runbook.render_info#module:digest_key).
    type: str
  deploy:
    description:
      - Whether to redeploy the live commit or image after a variable was changed, and wait until it is live.
      - Render does not report which variables a deploy runs with. If a run is killed after it has changed the
        variables, the next run finds nothing to change and deploys nothing. Then use
        M(storefront.runbook.render_service) with I(state=redeployed).
    type: bool
    default: false
extends_documentation_fragment:
  - storefront.runbook.rotation
  - storefront.runbook.render
  - storefront.runbook.api
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
  - The module neither reads nor changes variables of linked environment groups.
seealso:
  - module: storefront.runbook.render_info
  - module: storefront.runbook.render_service
"""

EXAMPLES = r"""
- name: Point the API at another database and redeploy it
  storefront.runbook.render_env:
    api_token: "{{ vault_render_token }}"
    service: srv-d1a2b3c4d5e6f7g8h9i0
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
  description: The service's own current variables, each with its name and keyed digest, as in
    RV(storefront.runbook.render_info#module:variables).
  returned: success
  type: list
  elements: dict
  sample: [{"name": "DATABASE_URL", "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}]
deployment:
  description: The deploy that runs with these variables, in the shape of
    RV(storefront.runbook.render_service#module:deployment). Null if none was created.
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

from dataclasses import dataclass
from typing import Any

from ..module_utils.core.errors import ApiError, ConfigError, Unreachable
from ..module_utils.core.http import REQUESTS_ERROR
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import api_options, lease_options, wait_options
from ..module_utils.core.plan import Plan
from ..module_utils.platforms.render.client import API_URL, Render, connect
from ..module_utils.platforms.render.states import Deploy, live
from ..module_utils.platforms.render.variables import digests, remove, variables, write
from ..module_utils.release.lease import guard
from ..module_utils.release.rotation import rotation, rotation_options

NOT_DEPLOYED = (  # Render does not report the variables of a deploy
    "Some variables may already be set, and this task will not deploy them when it runs again. "
    "variables.yml and secrets.yml do. Otherwise run storefront.runbook.render_service with state=redeployed then."
)


def argument_spec() -> dict[str, Any]:
    return {
        **api_options(API_URL, "RENDER_API_KEY"),
        "service": {"type": "str", "required": True},
        "variables": {"type": "dict", "default": {}, "no_log": True},
        "absent": {"type": "list", "elements": "str", "default": []},
        "exclusive": {"type": "bool", "default": False},
        **rotation_options(),
        "digest_key": {"type": "str", "no_log": True},
        "deploy": {"type": "bool", "default": False},
        **wait_options(),
        **lease_options(),
    }


@dataclass(frozen=True)
class Change:
    """The variables to set and to remove, and the live deploy, if a new one is to run with them."""

    values: dict[str, str]
    removed: list[str]
    serving: Deploy | None
    waits: bool


def build_client(params: dict[str, Any], runtime: Runtime) -> Render:
    return connect(params, heartbeat=runtime.heartbeat, warn=runtime.warn, before_write=runtime.before_write)


def plan(params: dict[str, Any], client: Render) -> Plan:
    refuse_wrong(params)
    now, key = variables(client), params["digest_key"] or params["api_token"]
    turned = rotation(params["rotate"], now)
    wanted, absent = {**params["variables"], **turned.values}, [*params["absent"], *turned.absent]
    unwanted = [name for name in now if name in absent or (params["exclusive"] and name not in wanted)]
    changed = {name: value for name, value in wanted.items() if now.get(name) != value}
    before, after = digests(now, key), digests({**{n: v for n, v in now.items() if n not in unwanted}, **wanted}, key)
    moved = {*changed, *unwanted}
    serving = live(client.deploys()) if params["deploy"] and moved else None
    result = {
        **{"added": sorted(changed.keys() - now), "updated": sorted(changed.keys() & now), "removed": sorted(unwanted)},
        **{
            "variables": after,
            "rotation": turned.report,
            "deployment": {**serving.describe(), "id": None, "created_at": None} if serving else None,
        },
    }
    shown = [{one["name"]: one["digest"] for one in listed if one["name"] in moved} for listed in (before, after)]
    return Plan(shown[0], shown[1], Change(changed, unwanted, serving, params["wait"]), result)


def refuse_wrong(params: dict[str, Any]) -> None:
    wanted = params["variables"]
    if odd := sorted(name for name, value in wanted.items() if not isinstance(value, str)):
        raise ConfigError(
            f"The value of {', '.join(odd)} in variables is not a string. Put it in quotes.", code="no_string"
        )
    if both := sorted(wanted.keys() & set(params["absent"])):
        raise ConfigError(
            f"{', '.join(both)} is in variables and in absent. Remove it from one of them.", code="contradiction"
        )
    if params["exclusive"] and not wanted:
        raise ConfigError(
            "exclusive without variables would remove every variable of the service. List those to keep in variables.",
            code="empty_list",
        )


def apply(intent: Plan, client: Render) -> dict[str, Any]:
    change: Change = intent.todo
    try:
        write(client, change.values)
        remove(client, change.removed)
        made = client.create(change.serving.wanted) if change.serving else None
    except (ApiError, Unreachable) as error:
        if change.serving:
            error.advise(NOT_DEPLOYED)
        raise
    if made is None:
        return {}
    return {"deployment": (client.wait_live(made) if change.waits else made).describe()}


def main() -> None:
    run(argument_spec(), build_client, plan, apply, guard=guard, libraries={"requests": REQUESTS_ERROR})


if __name__ == "__main__":
    main()
