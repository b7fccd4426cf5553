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
  - Reads the deployment that serves, those on their way, and those that Railway can roll back to; where the service
    gets its code from and whether pushes deploy by themselves; and the names of its variables, with digests in place of
    their values. Writes nothing.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  digest_key:
    description:
      - Key for the digests in RV(variables), the API token by default. Digests compare only with digests of the same
        key, so give one where they shall outlast a change of the token, or where several tokens are used. Use a long
        random one.
    type: str
  logs:
    description:
      - The logs to read, of O(log_deployment).
    type: list
    elements: str
    choices: [build, runtime]
    default: []
  log_deployment:
    description:
      - Id of the deployment whose logs to read; by default the newest one.
    type: str
  log_lines:
    description:
      - How many lines of each log to read, the last ones; 5000 at most.
    type: int
    default: 100
  log_filter:
    description:
      - Only lines that this matches, a text or an expression of Railway's log filter such as V(@level:error).
    type: str
  http_minutes:
    description:
      - Count how requests were answered in these last minutes; 0 for not at all.
    type: int
    default: 0
extends_documentation_fragment:
  - storefront.runbook.api
  - storefront.runbook.railway
attributes:
  check_mode:
    description: The module only reads, so check mode makes no difference.
    support: full
  diff_mode:
    description: The module changes nothing, so there is no diff.
    support: none
notes:
  - The module reads the last 50 deployments.
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

- name: See why the newest deployment fails, and how requests were answered lately
  storefront.runbook.railway_info:
    api_token: "{{ vault_railway_token }}"
    project: 5a1b9c3e-1111-4222-8333-444455556666
    environment: production
    service: api
    logs: [build, runtime]
    log_lines: 50
    http_minutes: 15

- name: Show what a rollback would run
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
      description: Id.
      type: str
      sample: 0b1c2d3e-1111-4222-8333-444455556666
    url:
      description: Public URL of the service. Null for a worker.
      type: str
      sample: https://api-production.up.railway.app
    status:
      description: Railway's word for its state in lower case, or V(stopped) for one that was stopped, which Railway
        lists as a success.
      type: str
      sample: success
    release:
      description: Name of the release; null for one that M(storefront.runbook.railway_service) did not make.
      type: str
      sample: v1.1.0
    commit:
      description: Full SHA of the commit it was built from, as far as that is known.
      type: str
      sample: 0123456789abcdef0123456789abcdef01234567
    created_at:
      description: Creation time in UTC.
      type: str
      sample: "2026-01-31T12:00:00+00:00"
candidates:
  description:
    - What M(storefront.runbook.railway_service) can roll back to. First those that are older than the build that
      serves, then newer ones, such as one that was rolled back from; each with the newest first.
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
variables:
  description:
    - The service's variables of today by name, sorted, without those that Railway sets by itself and without sealed
      ones, which Railway does not show.
    - A digest is an HMAC-SHA256 of name and value, keyed by O(digest_key) or else by the API token. It tells whether a
      value is the same as it was, and without the key it says nothing about the value. The key in use is derived from
      the one given.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name.
      type: str
      sample: DATABASE_URL
    digest:
      description: Keyed digest of the value.
      type: str
      sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
source:
  description: Where the service gets its code from when nobody uploads any; null, with a warning, where Railway does
    not tell.
  returned: success
  type: dict
  contains:
    repository:
      description: The GitHub repository that the service is connected to; null when it is connected to none.
      type: str
      sample: example/shop
    branch:
      description: The branch whose pushes deploy when RV(auto_deploy) is true.
      type: str
      sample: main
    image:
      description: The container image that the service runs in place of a build.
      type: str
      sample: ghcr.io/example/shop:1.1.0
    root_directory:
      description: Folder of the repository, or of an upload, that holds the application.
      type: str
      sample: apps/backend
auto_deploy:
  description: Whether a push to RV(source.branch) deploys the service by itself; null, with a warning, where Railway
    does not tell.
  returned: success
  type: bool
  sample: false
pre_deploy_command:
  description: What Railway runs before a deployment starts, such as migrations; several commands are joined by C(&&).
  returned: success
  type: str
  sample: npx prisma migrate deploy
start_command:
  description: What Railway starts; null where the build says that.
  returned: success
  type: str
  sample: npm start
healthcheck_path:
  description: Path that has to answer 200 before a deployment serves; null for none.
  returned: success
  type: str
  sample: /health
healthcheck_timeout:
  description: Seconds within which it has to; null for Railway's own 300.
  returned: success
  type: int
  sample: 300
overlap_seconds:
  description: Seconds for which the old process serves beside the new one.
  returned: success
  type: int
  sample: 0
draining_seconds:
  description: Seconds between SIGTERM and SIGKILL to the old process.
  returned: success
  type: int
  sample: 30
regions:
  description: Replicas by region.
  returned: success
  type: dict
  sample: {"us-west2": 1}
logs:
  description: The logs that were asked for, each with the oldest line first. Passwords of URLs are masked.
  returned: when O(logs) is given
  type: dict
  sample: {"runtime": [{"at": "2026-01-31T12:00:00.000Z", "severity": "error", "message": "Cannot find module 'cart'"}]}
http:
  description:
    - How requests were answered in the last O(http_minutes), as V(requests), V(errors_4xx), V(errors_5xx) and
      V(by_status). Railway counts what comes over the service's domains.
  returned: when O(http_minutes) is not 0
  type: dict
  sample: {"requests": 1200, "errors_4xx": 3, "errors_5xx": 0, "by_status": {"200": 1197, "404": 3}}
elapsed:
  description: Run time of the module in seconds.
  returned: always
  type: float
"""

from typing import Any

from ..module_utils.core.errors import ConfigError
from ..module_utils.core.http import REQUESTS_ERROR
from ..module_utils.core.module import Plan, Runtime, run
from ..module_utils.core.options import api_options
from ..module_utils.platforms.railway.client import API_URL, PLACE_OPTIONS, Railway, connect
from ..module_utils.platforms.railway.logs import LOGS, MOST, answers, read_log
from ..module_utils.platforms.railway.settings import told_settings
from ..module_utils.platforms.railway.states import candidates, live
from ..module_utils.platforms.railway.variables import digests


def argument_spec() -> dict[str, Any]:
    return {
        **api_options(API_URL, "RAILWAY_API_TOKEN", "RAILWAY_TOKEN"),
        **PLACE_OPTIONS,
        "digest_key": {"type": "str", "no_log": True},
        "logs": {"type": "list", "elements": "str", "choices": list(LOGS), "default": []},
        "log_deployment": {"type": "str"},
        "log_lines": {"type": "int", "default": 100},
        "log_filter": {"type": "str"},
        "http_minutes": {"type": "int", "default": 0},
    }


def build_client(params: dict[str, Any], runtime: Runtime) -> Railway:
    return connect(params, warn=runtime.warn)


def plan(params: dict[str, Any], client: Railway) -> Plan:
    if not 1 <= params["log_lines"] <= MOST or params["http_minutes"] < 0:
        raise ConfigError(f"log_lines is from 1 to {MOST}, and http_minutes is not below 0. Correct them.", code="out_of_range")
    listed = client.deployments()
    serving = live(listed)
    result: dict[str, Any] = {
        "live": serving.describe() if serving else None,
        "candidates": [deployment.describe() for deployment in candidates(listed)],
        "in_progress": [deployment.describe() for deployment in listed if deployment.in_progress],
        "variables": digests(client.variables(), params["digest_key"] or params["api_token"]),
        **told_settings(client),
    }
    if params["logs"]:
        result["logs"] = logs(params, client, params["log_deployment"] or (listed[0].id if listed else None))
    if params["http_minutes"]:
        result["http"] = answers(client, params["http_minutes"])
    return Plan({}, {}, result=result)


def logs(params: dict[str, Any], client: Railway, deployment_id: str | None) -> dict[str, Any]:
    if deployment_id is None:
        return {kind: [] for kind in params["logs"]}
    if params["log_deployment"]:
        client.deployment(deployment_id)  # refuses one of another service
    return {kind: read_log(client, kind, deployment_id, params["log_lines"], params["log_filter"]) for kind in params["logs"]}


def apply(intent: Plan, client: Railway) -> None:
    """Never called: there is nothing to change."""


def main() -> None:
    run(argument_spec(), build_client, plan, apply, libraries={"requests": REQUESTS_ERROR})


if __name__ == "__main__":
    main()
