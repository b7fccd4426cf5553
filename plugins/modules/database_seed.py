#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the command with which an app fills its database with example data."""

from __future__ import annotations

DOCUMENTATION = r"""
module: database_seed
version_added: 1.0.0
short_description: Fill a database with the app's example data
description:
  - Runs the app's seed in its checkout on the controller, with the address of the database in its environment as
    E(DATABASE_URL) and E(DIRECT_URL), never in its arguments. A killed task kills the seed.
  - It runs on every run. Whether a second run adds anything is up to the seed.
  - It is for staging and development. The module does not know which database it is. C(seed.yml) refuses production.
author:
  - Contributors to storefront.runbook (@storefront)
extends_documentation_fragment:
  - storefront.runbook.postgres
  - storefront.runbook.postgres.direct
  - storefront.runbook.lease
  - storefront.runbook.store
attributes:
  check_mode:
    description: Shows the command without running it.
    support: full
  diff_mode:
    description: Shows the command.
    support: full
options:
  path:
    description:
      - Checkout of the shop on the controller, with its packages installed.
    type: path
    required: true
  root_directory:
    description:
      - Folder of the app inside O(path), in which the command runs.
    type: str
    default: ""
  command:
    description:
      - The program and its arguments, such as V([npm, run, 'db:seed']). The default is C(prisma db seed) of the
        project's own Prisma, in the version that it locks.
    type: list
    elements: str
  wait_timeout:
    description:
      - Seconds that the seed may take. Then it is killed.
    type: float
    default: 600.0
seealso:
  - module: storefront.runbook.prisma_migrate
"""

EXAMPLES = r"""
- name: Fill staging with example data
  storefront.runbook.database_seed:
    database_url: "{{ vault_database_url }}"
    path: /srv/shop
    root_directory: apps/backend
"""

RETURN = r"""
command:
  description: The command.
  returned: success
  type: str
  sample: prisma db seed
output:
  description: End of what the seed printed, without passwords. Empty in check mode.
  returned: success
  type: str
  sample: The shop has 24 products and 1 customers.
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
      description: Kind of the error, such as V(config), V(seed_failed), V(wait_timeout) or V(lease_lost).
      type: str
    message:
      description: Same text as C(msg).
      type: str
"""

from pathlib import Path
from typing import Any

from ..module_utils.core.errors import ConfigError
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import direct_options, lease_options, postgres_options
from ..module_utils.core.plan import Plan
from ..module_utils.core.redact import secrets_of_url
from ..module_utils.core.wait import Waiter
from ..module_utils.migrations import seed
from ..module_utils.release.lease import guard


def argument_spec() -> dict[str, Any]:
    return {
        **postgres_options(),
        **direct_options(),
        "path": {"type": "path", "required": True},
        "root_directory": {"type": "str", "default": ""},
        "command": {"type": "list", "elements": "str"},
        "wait_timeout": {"type": "float", "default": 600.0},
        **lease_options(),
    }


def build_client(params: dict[str, Any], runtime: Runtime) -> Waiter:
    return Waiter(timeout=params["wait_timeout"], interval=0.2, heartbeat=runtime.heartbeat, warn=runtime.warn)


def plan(params: dict[str, Any], _waiter: Waiter) -> Plan:
    work_tree = Path(params["path"])
    words = seed.command(params["command"], work_tree, params["root_directory"])
    shown = " ".join(params["command"] or ["prisma db seed"])
    if params["wait_timeout"] <= 0:
        raise ConfigError(
            f"seed_timeout (wait_timeout) is {params['wait_timeout']:g}. Set it to the seconds that the seed may take,"
            " more than 0.",
            code="bad_timeout",
        )
    folder = work_tree / params["root_directory"]
    todo = (words, folder, params["direct_url"] or params["database_url"])
    return Plan({}, {"command": shown}, todo, {"command": shown, "output": ""})


def apply(plan: Plan, waiter: Waiter) -> dict[str, Any]:
    words, folder, url = plan.todo
    return {"output": seed.run(words, folder, url, waiter)}


def secrets(params: dict[str, Any]) -> list[str]:
    return [secret for option in ("database_url", "direct_url") for secret in secrets_of_url(params[option])]


def main() -> None:
    run(argument_spec(), build_client, plan, apply, guard=guard, secrets=secrets)


if __name__ == "__main__":
    main()
