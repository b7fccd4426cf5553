#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the operations project of a shop."""

from __future__ import annotations

DOCUMENTATION = r"""
module: operations_project
version_added: 1.0.0
short_description: Write the operations project of a shop
description:
  - Reads from the shop's own files how it is built and run, asks the vendors for its ids, domains and units
    where there are tokens,
    and writes a project in which the playbooks of this collection are ready to use.
  - What could not be found out becomes a placeholder that begins with C(FILL_IN). C(preflight.yml) lists those
    that are left.
  - All files are written, or none. A file that exists is never overwritten. In a project that is already there
    nothing changes, and the
    result shows what would be written differently today.
  - Tokens are only used to ask. They are written nowhere.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  dest:
    description:
      - Folder of the project. It must not exist, be empty, or hold a project that this module has written.
    type: path
    required: true
  app:
    description:
      - The shop's checkout, the top of its git repository.
    type: path
    required: true
  storefront:
    description:
      - Name of the storefront. By default, it is the name in the shop's package.json.
    type: str
  parts:
    description:
      - What overrides the reading of the shop's files, as V(PART.SETTING=VALUE), where the part is
        V(frontend), V(database) or a unit, such as
        V(frontend.package=apps/web). The settings are those of C(--set) of the sandbox (docs/sandbox.md).
    type: list
    elements: str
    default: []
  playbooks:
    description:
      - Names of the playbooks that the project imports.
    type: list
    elements: str
    default: [deploy, preflight, rollback]
  spec:
    description:
      - Argument specs that describe the variables, as C(playbooks/deploy.meta.yml) has them. The
        inventories have the descriptions as comments.
    type: dict
    default: {}
  store:
    description:
      - URL of the store, without the name of the environment.
    type: str
  backend_platform:
    description:
      - Platform of the backend. By default, it is the one whose file the shop has, and Railway where it has none.
    type: str
    choices: [railway, render]
  frontend_token:
    description:
      - Token of Vercel.
    type: str
  frontend_team:
    description:
      - Team of the project at Vercel. By default, it is the one in C(.vercel/project.json).
    type: str
  frontend_project:
    description:
      - Project at Vercel. By default, it is the one in C(.vercel/project.json), else the one of the
        storefront's name.
    type: str
  backend_token:
    description:
      - Token of the backend's platform. By default, it is that of the environment, E(RAILWAY_TOKEN),
        E(RAILWAY_API_TOKEN) or
        E(RENDER_API_KEY).
    type: str
  backend_token_type:
    description:
      - Kind of Railway's token. One of an account also needs O(backend_project).
      - By default, it is C(project) for O(backend_token) and E(RAILWAY_TOKEN), and C(account) for
        E(RAILWAY_API_TOKEN).
    type: str
    choices: [account, project]
  backend_project:
    description:
      - Project at Railway.
    type: str
  backend_environment:
    description:
      - Environment at Railway that is production, by its name or id.
    type: str
  edge_token:
    description:
      - Token of Cloudflare.
    type: str
  edge_zone:
    description:
      - Zone at Cloudflare. By default, it is searched by the domain of the site.
    type: str
  frontend_api_url:
    description:
      - URL of Vercel's API, for tests.
    type: str
  backend_api_url:
    description:
      - URL of the API of the backend's platform, for tests.
    type: str
  edge_api_url:
    description:
      - URL of Cloudflare's API, for tests.
    type: str
  allow_plain_http:
    description:
      - Allows tokens to be sent over plain HTTP to another machine.
    type: bool
    default: false
attributes:
  check_mode:
    description: Reads and asks, and writes nothing.
    support: full
  diff_mode:
    description: Shows the files that are written, and in a project that is already there what would be
      written differently.
    support: full
requirements:
  - PyYAML
"""

EXAMPLES = r"""
- name: Write the operations project of a shop
  storefront.runbook.operations_project:
    dest: shop-ops
    app: ../my-shop
    frontend_token: "{{ lookup('ansible.builtin.env', 'VERCEL_TOKEN') }}"
"""

RETURN = r"""
storefront:
  description: Name of the storefront.
  returned: success
  type: str
files:
  description: State of each file by its path. V(created), or in a project that is already there V(same),
    V(differs) or V(missing).
  returned: success
  type: dict
placeholders:
  description: Variables of each environment that are still to be filled in.
  returned: success
  type: dict
secrets:
  description: Secrets that the shop needs, by their names in the vault.
  returned: success
  type: list
  elements: str
asked:
  description: The vendors whose APIs were read.
  returned: success
  type: list
  elements: str
not_asked:
  description: Why a vendor's API could not be read. The values that it would have given are in RV(placeholders).
  returned: success
  type: list
  elements: str
differences:
  description: What would be written differently in a project that is already there.
  returned: success
  type: str
lines:
  description: The result in words.
  returned: success
  type: list
  elements: str
elapsed:
  description: Seconds that the module took.
  returned: always
  type: float
error:
  description: What went wrong, for programs.
  returned: failure
  type: dict
  contains:
    kind:
      description: Such as V(config) or V(auth).
      type: str
    message:
      description: The same as C(msg).
      type: str
"""

import os
from pathlib import Path
from typing import Any

from ..module_utils.core.module import Runtime, run
from ..module_utils.core.plan import Plan
from ..module_utils.project.project import plan_project, write_project

TOKENS = ("frontend_token", "backend_token", "edge_token")
ENVIRONMENT = ("RAILWAY_TOKEN", "RAILWAY_API_TOKEN", "RENDER_API_KEY")
TEXTS = (
    *("storefront", "store", "frontend_team", "frontend_project", "backend_project", "backend_environment"),
    *("edge_zone", "frontend_api_url", "backend_api_url", "edge_api_url"),
)


def argument_spec() -> dict[str, Any]:
    return {
        "dest": {"type": "path", "required": True},
        "app": {"type": "path", "required": True},
        "parts": {"type": "list", "elements": "str", "default": []},
        "playbooks": {"type": "list", "elements": "str", "default": ["deploy", "preflight", "rollback"]},
        "spec": {"type": "dict", "default": {}},
        "backend_platform": {"type": "str", "choices": ["railway", "render"]},
        "backend_token_type": {"type": "str", "choices": ["account", "project"]},
        "allow_plain_http": {"type": "bool", "default": False},
        **{name: {"type": "str"} for name in TEXTS},
        **{name: {"type": "str", "no_log": True} for name in TOKENS},
    }


def build_client(params: dict[str, Any], runtime: Runtime) -> None:
    return None


def plan(params: dict[str, Any], client: None) -> Plan:
    texts = {name: params[name] or "" for name in (*TEXTS, *TOKENS, "backend_platform", "backend_token_type")}
    return plan_project({**params, **texts}, Path.cwd())


def secrets(params: dict[str, Any]) -> list[str]:
    """Return the tokens of the environment: Ansible knows only those of the options."""
    return [os.environ[name] for name in ENVIRONMENT if os.environ.get(name)]


def apply(plan: Plan, client: None) -> None:
    write_project(plan)


def main() -> None:
    run(argument_spec(), build_client, plan, apply, secrets=secrets)


if __name__ == "__main__":
    main()
