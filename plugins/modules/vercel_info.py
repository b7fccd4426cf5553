#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""List the live deployment of a Vercel project, its rollback candidates and its logs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vercel_info
version_added: 1.0.0
short_description: List the live deployment of a Vercel project and its rollback candidates
description:
  - Reads a project, its live production deployment, and the older deployments that Vercel can roll back to. Writes
    nothing.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  logs:
    description:
      - Logs of O(deployment) to return. V(build) is the end of the build log, and V(runtime) is Vercel's log of
        requests.
    type: list
    elements: str
    choices: [build, runtime]
    default: []
  deployment:
    description:
      - Id of the deployment whose O(logs) are returned. The default is the live production deployment.
    type: str
  log_seconds:
    description:
      - Seconds to read the runtime log, which Vercel streams without an end.
    type: float
    default: 5.0
  variable_changes:
    description:
      - Returns RV(variable_changes). No value is read.
    type: bool
    default: false
  digest_key:
    description:
      - Key for the digests in RV(variables). Without it RV(variables) is not returned. Use a long random value, the
        same as for M(storefront.runbook.vercel_env).
    type: str
extends_documentation_fragment:
  - storefront.runbook.vercel
  - storefront.runbook.api
attributes:
  check_mode:
    description: The module only reads, so check mode makes no difference.
    support: full
  diff_mode:
    description: The module changes nothing, so there is no diff.
    support: none
seealso:
  - module: storefront.runbook.vercel_deploy
"""

EXAMPLES = r"""
- name: Read the live deployment
  storefront.runbook.vercel_info:
    api_token: "{{ vault_vercel_token }}"
    team: team_1a2b3c
    project: shop
  register: vercel

- name: Read the logs of the live deployment
  storefront.runbook.vercel_info:
    api_token: "{{ vault_vercel_token }}"
    team: team_1a2b3c
    project: shop
    logs: [build, runtime]

- name: Show what a rollback would serve
  ansible.builtin.debug:
    msg: "{{ vercel.live.release }} is live, {{ vercel.candidates[0].release }} was before it"
  when: vercel.candidates | length > 0
"""

RETURN = r"""
live:
  description: The live production deployment. Null before the first promotion.
  returned: success
  type: dict
  contains: &deployment
    id:
      description: Id.
      type: str
      sample: dpl_89qyp1cskzkLrVicDaZoDbjyHuDJ
    url:
      description: Its own URL.
      type: str
      sample: https://shop-9f2kq1x.vercel.app
    status:
      description: Vercel's status of the build, in lower case.
      type: str
      sample: ready
    release:
      description: Name of the release. Null if M(storefront.runbook.vercel_deploy) did not create the deployment.
      type: str
      sample: v1.1.0
    commit:
      description: Full SHA of the commit that it was built from. Null if it was built from a folder.
      type: str
      sample: 0123456789abcdef0123456789abcdef01234567
    created_at:
      description: Creation time in UTC.
      type: str
      sample: "2026-01-31T12:00:00+00:00"
candidates:
  description: Deployments that production can be rolled back to, newest first, at most 100. The live deployment is left
    out.
  returned: success
  type: list
  elements: dict
  contains: *deployment
variable_changes:
  description:
    - When each of the project's variables was set last, by name. Null where the token may not read variables.
  returned: when O(variable_changes) is true
  type: list
  elements: dict
  contains:
    name:
      description: Name.
      type: str
      sample: NEXT_PUBLIC_API_URL
    at:
      description: Milliseconds since 1970, by Vercel's clock.
      type: int
      sample: 1772366400000
    digest:
      description: Differs whenever one of its values is set or removed.
      type: str
variables:
  description:
    - The project's variables by name and environments. A digest is the HMAC-SHA256 of name and value. It is null for a
      sensitive variable that M(storefront.runbook.vercel_env) did not set.
  returned: when O(digest_key) is set
  type: list
  elements: dict
  contains:
    name:
      description: Name.
      type: str
      sample: NEXT_PUBLIC_API_URL
    environments:
      description: Environments of the variable.
      type: list
      elements: str
      sample: [production]
    digest:
      description: Keyed digest of the value.
      type: str
    sensitive:
      description: Whether the variable is sensitive. Vercel never returns the value of a sensitive variable.
      type: bool
build_log:
  description: The last lines of the build log, and Vercel's message about a failed build.
  returned: when O(logs) has V(build)
  type: list
  elements: str
runtime_log:
  description: Vercel's log of requests, at most 100 lines.
  returned: when O(logs) has V(runtime)
  type: list
  elements: dict
  contains:
    at:
      description: Time in UTC.
      type: str
      sample: "2026-01-31T12:00:00+00:00"
    level:
      description: One of V(error), V(warning) and V(info).
      type: str
    source:
      description: Source of the line, such as V(serverless) or V(request).
      type: str
    domain:
      description: Requested host.
      type: str
    method:
      description: HTTP method of the request.
      type: str
    path:
      description: Path of the request.
      type: str
    status:
      description: HTTP status of the response.
      type: int
    message:
      description: Output of the application.
      type: str
project:
  description: The project.
  returned: success
  type: dict
  contains:
    id:
      description: Id.
      type: str
      sample: prj_1a2b3c
    name:
      description: Name.
      type: str
      sample: shop
    auto_assign_domains:
      description: Whether Vercel serves a production build as soon as it is built, without any checks.
      type: bool
    domains:
      description: Its production domains.
      type: list
      elements: str
      sample: [shop.example, www.shop.example]
    root_directory:
      description: Folder of the upload in which Vercel builds. Null for the top of the upload.
      type: str
    git:
      description:
        - Git repository whose pushes Vercel builds. Null if there is none. If C(auto_assign_domains) is on as well, a
          push to its production branch is served without any checks.
      type: dict
      contains:
        type:
          description: Host of the repository.
          type: str
          sample: github
        repository:
          description: Owner and name of the repository.
          type: str
          sample: acme/shop
        production_branch:
          description: Branch that is built for production.
          type: str
          sample: main
elapsed:
  description: Run time of the module in seconds.
  returned: always
  type: float
"""

from contextlib import suppress
from typing import Any

from ..module_utils.core.errors import ConfigError, RunbookError
from ..module_utils.core.http import REQUESTS_ERROR
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import api_options
from ..module_utils.core.plan import Plan
from ..module_utils.platforms.vercel.client import API_URL, Vercel, connect
from ..module_utils.platforms.vercel.git import git_link
from ..module_utils.platforms.vercel.states import auto_assigns, describe, production
from ..module_utils.platforms.vercel.variables import changes, listing


def argument_spec() -> dict[str, Any]:
    return {
        **api_options(API_URL, "VERCEL_TOKEN"),
        "team": {"type": "str"},
        "project": {"type": "str", "required": True},
        "logs": {"type": "list", "elements": "str", "choices": ["build", "runtime"], "default": []},
        "deployment": {"type": "str"},
        "digest_key": {"type": "str", "no_log": True},
        "variable_changes": {"type": "bool", "default": False},
        "log_seconds": {"type": "float", "default": 5.0},
    }


def build_client(params: dict[str, Any], runtime: Runtime) -> Vercel:
    return connect(params, heartbeat=runtime.heartbeat, warn=runtime.warn, before_write=runtime.before_write)


def plan(params: dict[str, Any], client: Vercel) -> Plan:
    project = client.project(params["project"])
    live = production(project)
    logs = read_logs(client, project, params, live) if params["logs"] else {}
    older = [describe(found) for found in client.deployments(project, rollbackCandidate="true")]
    return Plan(
        before={},
        after={},
        result={
            **logs,
            **({"variables": listing(client, project, params["digest_key"])} if params["digest_key"] else {}),
            **({"variable_changes": changes_of(client, project)} if params["variable_changes"] else {}),
            "live": describe(live) if live else None,
            "candidates": [found for found in older if not live or found["id"] != live["id"]],
            "project": {
                "id": project["id"],
                "name": project["name"],
                "auto_assign_domains": auto_assigns(project),
                "domains": client.domains(project),
                "root_directory": project.get("rootDirectory"),
                "git": git_link(project),
            },
        },
    )


def changes_of(client: Vercel, project: Any) -> list[dict[str, Any]] | None:
    """Return when each variable was set; None where the token may not read variables, which blocks no deploy."""
    with suppress(RunbookError):
        return changes(client, project)
    return None


def read_logs(client: Vercel, project: Any, params: dict[str, Any], live: Any) -> dict[str, Any]:
    wanted = params["deployment"] or (live or {}).get("id")
    if not wanted:
        raise ConfigError(
            "Production has no live deployment, so there are no logs. Set deployment.", code="nothing_live"
        )
    deployment = client.deployment(project, wanted)
    logs: dict[str, Any] = {}
    if "build" in params["logs"]:
        logs["build_log"] = client.build_log(deployment).splitlines()
    if "runtime" in params["logs"]:
        logs["runtime_log"] = client.runtime_log(project, deployment["id"], params["log_seconds"])
    return logs


def apply(intent: Plan, client: Vercel) -> dict[str, Any]:
    raise AssertionError("nothing to write")  # a plan without a change is never applied


def main() -> None:
    run(argument_spec(), build_client, plan, apply, libraries={"requests": REQUESTS_ERROR})


if __name__ == "__main__":
    main()
