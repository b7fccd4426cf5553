#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell what a Railway service runs, and what it can be rolled back to."""

from __future__ import annotations

DOCUMENTATION = r"""
module: railway_info
version_added: 1.0.0
short_description: Tell what a Railway service runs, and what it can be rolled back to
description:
  - Reads the deployment that serves, those on their way, and those that Railway can roll back to. Writes nothing.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  api_token:
    description:
      - Token of Railway's API. Never shown, logged or written to disk.
      - The environment variables E(RAILWAY_API_TOKEN) and E(RAILWAY_TOKEN) are used when it is not set. Railway's own client takes the second one for
        a project token, so set O(token_type) as well.
    type: str
    required: true
  api_url:
    description:
      - Address of Railway's API; another one than the default is for tests and proxies.
    type: str
    default: https://backboard.railway.com
  token_type:
    description:
      - V(account) is a token of an account or a workspace, V(project) one that belongs to a single environment of a project.
    type: str
    choices: [account, project]
    default: account
  project:
    description:
      - Id of the project.
    type: str
    required: true
  environment:
    description:
      - Id or name of the environment.
    type: str
    required: true
  service:
    description:
      - Id or name of the service.
    type: str
    required: true
  digest_key:
    description:
      - Key for digests of the service's variables. With it RV(variable_digests) tells which variables changed between two looks without telling
        any value. Use a long random one, and the same one for both looks.
    type: str
extends_documentation_fragment:
  - storefront.runbook.api
attributes:
  check_mode:
    description: Reads only, so check mode is no different.
    support: full
  diff_mode:
    description: Changes nothing, so there is no difference to show.
    support: none
notes:
  - A look at the list of deployments goes back 50 deployments.
seealso:
  - module: storefront.runbook.railway_service
"""

EXAMPLES = r"""
- name: Note what the API runs
  storefront.runbook.railway_info:
    api_token: "{{ vault_railway_token }}"
    project: 5a1b9c3e-1111-4222-8333-444455556666
    environment: production
    service: api
    digest_key: "{{ vault_digest_key }}"
  register: api

- name: Say what a rollback would run
  ansible.builtin.debug:
    msg: "{{ api.candidates | map(attribute='release') | first | default('nothing to roll back to') }}"
"""

RETURN = r"""
live:
  description: The deployment that serves; null when none does.
  returned: success
  type: dict
  contains: &deployment
    id:
      description: Its id.
      type: str
      sample: 0b1c2d3e-1111-4222-8333-444455556666
    url:
      description: Public URL of the service; null for a worker.
      type: str
      sample: https://api-production.up.railway.app
    status:
      description: Railway's word for its state in lower case, or V(stopped) for one that was stopped, which Railway lists as a success.
      type: str
      sample: success
    release:
      description: What the release is called; null for one that M(storefront.runbook.railway_service) did not make.
      type: str
      sample: v1.1.0
    commit:
      description: Full SHA of the commit it was built from, as far as that is known.
      type: str
      sample: 0123456789abcdef0123456789abcdef01234567
    created_at:
      description: When it was made, in UTC.
      type: str
      sample: "2026-01-31T12:00:00+00:00"
candidates:
  description:
    - What M(storefront.runbook.railway_service) can roll back to. First those that are older than the build that serves, then newer
      ones, such as one that was rolled back from; each with the newest first.
  returned: success
  type: list
  elements: dict
  contains: *deployment
in_progress:
  description: The deployments that Railway is building or starting, the newest first.
  returned: success
  type: list
  elements: dict
  contains: *deployment
variable_digests:
  description: HMAC-SHA256 of each of the service's variables by its name, without those that Railway sets by itself.
  returned: when O(digest_key) is given
  type: dict
  sample: {"DATABASE_URL": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}
elapsed:
  description: Seconds that the module took.
  returned: always
  type: float
"""

import hashlib
import hmac
from typing import Any

from ..module_utils.core.http import REQUESTS_ERROR
from ..module_utils.core.module import Plan, Runtime, run
from ..module_utils.core.options import api_options
from ..module_utils.platforms.railway import API_URL, Railway, connect
from ..module_utils.platforms.railway_states import candidates, live


def argument_spec() -> dict[str, Any]:
    return {
        **api_options(API_URL, "RAILWAY_API_TOKEN", "RAILWAY_TOKEN"),
        "token_type": {"type": "str", "choices": ["account", "project"], "default": "account"},
        "project": {"type": "str", "required": True},
        "environment": {"type": "str", "required": True},
        "service": {"type": "str", "required": True},
        "digest_key": {"type": "str", "no_log": True},
    }


def build_client(params: dict[str, Any], runtime: Runtime) -> Railway:
    return connect(params, warn=runtime.warn)


def plan(params: dict[str, Any], client: Railway) -> Plan:
    listed = client.deployments()
    serving = live(listed)
    result: dict[str, Any] = {
        "live": serving.describe() if serving else None,
        "candidates": [deployment.describe() for deployment in candidates(listed)],
        "in_progress": [deployment.describe() for deployment in listed if deployment.in_progress],
    }
    if params["digest_key"]:
        key = params["digest_key"].encode()
        result["variable_digests"] = {name: hmac.new(key, value.encode(), hashlib.sha256).hexdigest() for name, value in sorted(client.variables().items())}
    return Plan({}, {}, result=result)


def apply(intent: Plan, client: Railway) -> None:
    """Never called: there is nothing to change."""


def main() -> None:
    run(argument_spec(), build_client, plan, apply, libraries={"requests": REQUESTS_ERROR})


if __name__ == "__main__":
    main()
