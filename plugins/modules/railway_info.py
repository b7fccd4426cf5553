#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""List the live deployment of a Railway service, its rollback candidates and its settings."""

from __future__ import annotations

DOCUMENTATION = r"""
module: railway_info
version_added: 1.0.0
short_description: List the live deployment of a Railway service and its rollback candidates
description:
  - Reads the live deployment, the deployments in progress and the ones that Railway can roll back to.
  - Also reads the source of the service's code, whether pushes deploy automatically, and the names of the variables
    with digests instead of their values.
  - The module writes nothing.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  digest_key:
    description:
      - Key for the digests in RV(variables). The default is the API token. Only digests of the same key can be
        compared. So set a key if the token may change or if you use several tokens. Use a long random value.
    type: str
  logs:
    description:
      - Logs of O(log_deployment) to read.
    type: list
    elements: str
    choices: [build, runtime]
    default: []
  log_deployment:
    description:
      - Id of the deployment whose logs to read. By default the newest one.
    type: str
  log_lines:
    description:
      - Number of lines to read from the end of each log, at most 5000.
    type: int
    default: 100
  log_filter:
    description:
      - Read only lines that match this filter. It is a text or an expression of Railway's log filter, such as
        V(@level:error).
    type: str
  http_minutes:
    description:
      - Count the responses of the last minutes. With 0 nothing is counted.
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
- name: Read the live deployment of the API
  storefront.runbook.railway_info:
    api_token: "{{ vault_railway_token }}"
    project: 5a1b9c3e-1111-4222-8333-444455556666
    environment: production
    service: api
    digest_key: "{{ vault_digest_key }}"
  register: api

- name: Read the logs of the newest deployment and the recent response statuses
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
  description: The live deployment. Null if there is none.
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
      description: Railway's status in lower case, or V(stopped) for a stopped deployment, which Railway lists as a
        success.
      type: str
      sample: success
    release:
      description: Name of the release. Null if M(storefront.runbook.railway_service) did not create the deployment.
      type: str
      sample: v1.1.0
    commit:
      description: Full SHA of the commit that it was built from, if known.
      type: str
      sample: 0123456789abcdef0123456789abcdef01234567
    created_at:
      description: Creation time in UTC.
      type: str
      sample: "2026-01-31T12:00:00+00:00"
candidates:
  description:
    - Deployments that M(storefront.runbook.railway_service) can roll back to. The list starts with those older than the
      live build. Newer ones follow, such as a deployment that was rolled back. Each group has the newest first.
  returned: success
  type: list
  elements: dict
  contains: *deployment
in_progress:
  description: The deployments that Railway is building or starting, newest first.
  returned: success
  type: list
  elements: dict
  contains: *deployment
variables:
  description:
    - The service's current variables, sorted by name. Variables that Railway itself sets are left out, and so are
      sealed ones, which Railway does not show.
    - A digest is an HMAC-SHA256 of name and value. Its key is derived from O(digest_key), or else from the API token.
      The digest shows whether a value has changed. Without the key it reveals nothing about the value.
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
  description: Source of the service's code if it is not uploaded. Null with a warning if Railway does not report it.
  returned: success
  type: dict
  contains:
    repository:
      description: GitHub repository that the service is connected to. Null if there is none.
      type: str
      sample: example/shop
    branch:
      description: Branch whose pushes are deployed if RV(auto_deploy) is true.
      type: str
      sample: main
    image:
      description: Container image that the service runs instead of a build.
      type: str
      sample: ghcr.io/example/shop:1.1.0
    root_directory:
      description: Folder of the repository, or of an upload, that holds the application.
      type: str
      sample: apps/backend
auto_deploy:
  description: Whether a push to RV(source.branch) deploys the service automatically. Null with a warning if Railway
    does not report it.
  returned: success
  type: bool
  sample: false
pre_deploy_command:
  description: Command that Railway runs before a deployment starts, such as migrations. Several commands are joined by
    C(&&).
  returned: success
  type: str
  sample: npx prisma migrate deploy
start_command:
  description: Start command. Null if the build defines it.
  returned: success
  type: str
  sample: npm start
healthcheck_path:
  description: Path that must answer 200 before a deployment receives traffic. Null for none.
  returned: success
  type: str
  sample: /health
healthcheck_timeout:
  description: Seconds within which the health check must succeed. Null for Railway's default of 300.
  returned: success
  type: int
  sample: 300
overlap_seconds:
  description: Seconds during which the old process runs beside the new one.
  returned: success
  type: int
  sample: 0
draining_seconds:
  description: Seconds between SIGTERM and SIGKILL to the old process.
  returned: success
  type: int
  sample: 30
regions:
  description: Number of replicas in each region.
  returned: success
  type: dict
  sample: {"us-west2": 1}
logs:
  description: The requested logs, each with the oldest line first. Passwords in URLs are masked.
  returned: when O(logs) is given
  type: dict
  sample: {"runtime": [{"at": "2026-01-31T12:00:00.000Z", "severity": "error", "message": "Cannot find module 'cart'"}]}
http:
  description:
    - Number of responses in the last O(http_minutes), as V(requests), V(errors_4xx), V(errors_5xx) and V(by_status).
      Railway counts requests that arrive over the service's domains.
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
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import api_options
from ..module_utils.core.plan import Plan
from ..module_utils.platforms.railway.client import API_URL, PLACE_OPTIONS, Railway, connect
from ..module_utils.platforms.railway.logs import LOGS, MOST, answers, read_log
from ..module_utils.platforms.railway.settings import settings_summary
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
        raise ConfigError(
            f"log_lines must be 1 to {MOST}, and http_minutes at least 0. Correct them.", code="out_of_range"
        )
    listed = client.deployments()
    serving = live(listed)
    result: dict[str, Any] = {
        "live": serving.describe() if serving else None,
        "candidates": [deployment.describe() for deployment in candidates(listed)],
        "in_progress": [deployment.describe() for deployment in listed if deployment.in_progress],
        "variables": digests(client.variables(), params["digest_key"] or params["api_token"]),
        **settings_summary(client),
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
        client.deployment(deployment_id)  # refuses a deployment of another service
    return {
        kind: read_log(client, kind, deployment_id, params["log_lines"], params["log_filter"])
        for kind in params["logs"]
    }


def apply(intent: Plan, client: Railway) -> None:
    """Never called: there is nothing to change."""


def main() -> None:
    run(argument_spec(), build_client, plan, apply, libraries={"requests": REQUESTS_ERROR})


if __name__ == "__main__":
    main()
