#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set and remove variables of a Vercel project without showing their values."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vercel_env
version_added: 1.0.0
short_description: Set the variables of a project on Vercel
description:
  - Sets and removes variables of a project for the given environments. Variables of other environments stay as they
    are, even if Vercel stores one variable for several environments.
  - Existing builds keep the variables that they were built with. The next build uses the new values. See
    O(storefront.runbook.vercel_deploy#module:state).
author:
  - Contributors to storefront.runbook (@storefront)
options:
  environments:
    description:
      - Environments of the variables. Use V(production), V(preview), V(development) or the slug of a custom
        environment.
    type: list
    elements: str
    default: [production]
  variables:
    description:
      - Dictionary of names and values. Values must be strings, so quote V("false") and V("3000"). Values are never
        shown, logged or written to disk.
      - The variables of the project that are not listed here stay, unless O(exclusive) is set.
    type: dict
    default: {}
  absent:
    description:
      - Names of variables to remove from O(environments).
    type: list
    elements: str
    default: []
  exclusive:
    description:
      - Whether to remove every variable of O(environments) that is not in O(variables). Refused if O(variables) is
        empty.
    type: bool
    default: false
  sensitive:
    description:
      - Whether to mark O(variables) as I(sensitive). Vercel never returns the value of a sensitive variable. A
        sensitive variable stays sensitive. Not available for V(development).
      - To detect changes of such a variable, the module stores the keyed digest of its value in the variable's comment
        at Vercel.
    type: bool
    default: false
  digest_key:
    description:
      - Key for the digests in the diff, in RV(variable_digests) and in the comments of sensitive variables. The default
        is the API token, so after a change of the token the module sets sensitive variables again.
    type: str
extends_documentation_fragment:
  - storefront.runbook.rotation
  - storefront.runbook.vercel
  - storefront.runbook.api
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
  - The module neither reads nor changes variables of single branches, variables of integrations and shared variables of
    a team.
seealso:
  - module: storefront.runbook.vercel_deploy
  - module: storefront.runbook.vercel_info
"""

EXAMPLES = r"""
- name: Point the frontend at the API, for production and staged builds
  storefront.runbook.vercel_env:
    api_token: "{{ vault_vercel_token }}"
    team: team_1a2b3c
    project: shop
    variables:
      NEXT_PUBLIC_API_URL: https://api.shop.example
    absent: [LEGACY_PAYMENTS]

- name: Set a separate key for previews
  storefront.runbook.vercel_env:
    api_token: "{{ vault_vercel_token }}"
    team: team_1a2b3c
    project: shop
    environments: [preview, qa]
    sensitive: true
    variables:
      SEARCH_KEY: "{{ vault_preview_search_key }}"
"""

RETURN = r"""
added:
  description: Names of the variables that were not there before in any of the environments.
  returned: success
  type: list
  elements: str
updated:
  description: Names of the variables that have another value, type or place now.
  returned: success
  type: list
  elements: str
removed:
  description: Names of the variables that are gone from the environments.
  returned: success
  type: list
  elements: str
variable_digests:
  description:
    - HMAC-SHA256 of the current variables of these environments, by name. Null if the value cannot be read. If the
      environments have different values, the digests are separated by commas.
  returned: success
  type: dict
  sample: {"NEXT_PUBLIC_API_URL": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}
sensitive_names:
  description:
    - Names of the sensitive ones. Vercel does not return their values, so their digests are those that this module left
      in their comments, with the key of that run.
  returned: success
  type: list
  elements: str
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

from ..module_utils.core.errors import ConfigError
from ..module_utils.core.http import REQUESTS_ERROR
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import api_options, lease_options
from ..module_utils.core.plan import Plan
from ..module_utils.platforms.vercel.client import API_URL, Vercel, connect
from ..module_utils.platforms.vercel.variables import Variable, compare, environments, known, read, shown, write
from ..module_utils.release.lease import guard
from ..module_utils.release.rotation import rotation, rotation_options


def argument_spec() -> dict[str, Any]:
    return {
        **api_options(API_URL, "VERCEL_TOKEN"),
        "team": {"type": "str"},
        "project": {"type": "str", "required": True},
        "environments": {"type": "list", "elements": "str", "default": ["production"]},
        "variables": {"type": "dict", "default": {}, "no_log": True},
        "absent": {"type": "list", "elements": "str", "default": []},
        "exclusive": {"type": "bool", "default": False},
        **rotation_options(),
        "sensitive": {"type": "bool", "default": False},
        "digest_key": {"type": "str", "no_log": True},
        **lease_options(),
    }


def build_client(params: dict[str, Any], runtime: Runtime) -> Vercel:
    return connect(params, heartbeat=runtime.heartbeat, warn=runtime.warn, before_write=runtime.before_write)


def plan(params: dict[str, Any], client: Vercel) -> Plan:
    refuse_wrong(params)
    project = client.project(params["project"])
    key, where = params["digest_key"] or params["api_token"], environments(project, params["environments"])
    there = read(client, project)
    here = [variable for variable in there if variable.where & where]
    names = {variable.name for variable in here}
    turned = rotation(params["rotate"], **known(here))
    wanted, absent = {**params["variables"], **turned.values}, [*params["absent"], *turned.absent]
    unwanted = sorted(name for name in names if name in absent or (params["exclusive"] and name not in wanted))
    change = compare(there, wanted, unwanted, where, sensitive=params["sensitive"], key=key)
    moved = {*unwanted, *change.names()}
    now = {name: [variable for variable in here if variable.name == name] for name in sorted(names)}
    was = {name: shown(project, held, where, key) for name, held in now.items()}
    wanted_digests = {name: one for name, one in was.items() if name not in unwanted}
    for name, value in wanted.items():
        hidden = params["sensitive"] or any(variable.sensitive for variable in now.get(name, []))
        wanted_digests[name] = shown(project, [Variable("", name, where, value, None, hidden)], where, key)
    result = {
        **{
            "added": sorted(moved & wanted.keys() - names),
            "updated": sorted(moved & wanted.keys() & names),
            "removed": unwanted,
        },
        "rotation": turned.report,
        "variable_digests": {name: one["digest"] for name, one in sorted(wanted_digests.items())},
        "sensitive_names": sorted(name for name, one in wanted_digests.items() if one["sensitive"]),
    }
    before, after = (
        {name: one for name, one in sorted(all_of.items()) if name in moved} for all_of in (was, wanted_digests)
    )
    return Plan(
        before,
        after,
        {"project": project, "change": change, "where": where, "sensitive": params["sensitive"], "key": key},
        result,
    )


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
            "exclusive without variables would remove every variable of the environments. List those to keep in"
            " variables.",
            code="empty_list",
        )
    if not params["environments"]:
        raise ConfigError(
            "environments is empty, so no variable would be set. Add one, such as production.", code="no_environment"
        )
    if params["sensitive"] and "development" in params["environments"]:
        raise ConfigError(
            "Vercel has no sensitive variables for development. Set those in a separate task without sensitive.",
            code="not_sensitive",
        )


def apply(intent: Plan, client: Vercel) -> None:
    write(client, **intent.todo)


def main() -> None:
    run(argument_spec(), build_client, plan, apply, guard=guard, libraries={"requests": REQUESTS_ERROR})


if __name__ == "__main__":
    main()
