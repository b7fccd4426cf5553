#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell what a Vercel project serves, and what it can be rolled back to."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vercel_info
version_added: 1.0.0
short_description: Tell what a Vercel project serves, and what it can be rolled back to
description:
  - Reads a project, the deployment that its production domains serve, and the older ones that Vercel can roll back to.
    Writes nothing.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  logs:
    description:
      - Which logs of O(deployment) to tell. V(build) is the end of its build's log, V(runtime) what Vercel tells of
        requests to it.
    type: list
    elements: str
    choices: [build, runtime]
    default: []
  deployment:
    description:
      - Id of the deployment that O(logs) are told of; by default the one that production serves.
    type: str
  log_seconds:
    description:
      - How many seconds to listen for the runtime log, which Vercel streams without an end.
    type: float
    default: 5.0
  digest_key:
    description:
      - Key for the digests in RV(variables), which are told only with it. Use a long random one, the same as for
        M(storefront.runbook.vercel_env).
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
- name: Note what is live
  storefront.runbook.vercel_info:
    api_token: "{{ vault_vercel_token }}"
    team: team_1a2b3c
    project: shop
  register: vercel

- name: See why it answers with errors
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
  description: The deployment that production serves; null before the first promotion.
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
      description: Vercel's word for the state of its build, in lower case.
      type: str
      sample: ready
    release:
      description: Name of the release; null for one that M(storefront.runbook.vercel_deploy) did not make.
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
  description: What production can be rolled back to, the newest first, at most 100; without the live deployment.
  returned: success
  type: list
  elements: dict
  contains: *deployment
variables:
  description:
    - The project's variables by name and environments. A digest is the HMAC-SHA256 of name and value; it is null for a
      sensitive one that M(storefront.runbook.vercel_env) did not set.
  returned: when O(digest_key) is set
  type: list
  elements: dict
  contains:
    name:
      description: Name.
      type: str
      sample: NEXT_PUBLIC_API_URL
    environments:
      description: What it is for.
      type: list
      elements: str
      sample: [production]
    digest:
      description: Keyed digest of the value.
      type: str
    sensitive:
      description: Whether Vercel gives its value back to nobody.
      type: bool
build_log:
  description: The last lines of the build's log, and Vercel's own message about a failed build.
  returned: when O(logs) has V(build)
  type: list
  elements: str
runtime_log:
  description: What Vercel told of requests, at most 100.
  returned: when O(logs) has V(runtime)
  type: list
  elements: dict
  contains:
    at:
      description: When it was, in UTC.
      type: str
      sample: "2026-01-31T12:00:00+00:00"
    level:
      description: One of V(error), V(warning) and V(info).
      type: str
    source:
      description: What tells it, such as V(serverless) or V(request).
      type: str
    domain:
      description: The host that was asked.
      type: str
    method:
      description: The request's method.
      type: str
    path:
      description: The request's path.
      type: str
    status:
      description: The answer's status.
      type: int
    message:
      description: What the application wrote.
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
      description: Whether a production build is served as soon as it is built, past every check.
      type: bool
    domains:
      description: Its production domains.
      type: list
      elements: str
      sample: [shop.example, www.shop.example]
    root_directory:
      description: The folder of the upload in which Vercel builds; null for the upload itself.
      type: str
    git:
      description:
        - The Git repository whose pushes Vercel builds; null without one. Where C(auto_assign_domains) is on as well, a
          push to its production branch is served past every check.
      type: dict
      contains:
        type:
          description: Where it is hosted.
          type: str
          sample: github
        repository:
          description: Its owner and name.
          type: str
          sample: acme/shop
        production_branch:
          description: The branch that is built for production.
          type: str
          sample: main
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
from ..module_utils.platforms.vercel.client import API_URL, Vercel, connect
from ..module_utils.platforms.vercel.git import git_link
from ..module_utils.platforms.vercel.states import auto_assigns, describe, production
from ..module_utils.platforms.vercel.variables import listing


def argument_spec() -> dict[str, Any]:
    return {
        **api_options(API_URL, "VERCEL_TOKEN"),
        "team": {"type": "str"},
        "project": {"type": "str", "required": True},
        "logs": {"type": "list", "elements": "str", "choices": ["build", "runtime"], "default": []},
        "deployment": {"type": "str"},
        "digest_key": {"type": "str", "no_log": True},
        "log_seconds": {"type": "float", "default": 5.0},
    }


def build_client(params: dict[str, Any], runtime: Runtime) -> Vercel:
    return connect(params, beat=runtime.beat, warn=runtime.warn, before_write=runtime.before_write)


def plan(params: dict[str, Any], client: Vercel) -> Plan:
    project = client.project(params["project"])
    live = production(project)
    logs = told_logs(client, project, params, live) if params["logs"] else {}
    older = [describe(found) for found in client.deployments(project, rollbackCandidate="true")]
    return Plan(
        before={},
        after={},
        result={
            **logs,
            **({"variables": listing(client, project, params["digest_key"])} if params["digest_key"] else {}),
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


def told_logs(client: Vercel, project: Any, params: dict[str, Any], live: Any) -> dict[str, Any]:
    wanted = params["deployment"] or (live or {}).get("id")
    if not wanted:
        raise ConfigError("Production serves nothing, so there are no logs of it. Set deployment.", code="nothing_live")
    deployment = client.deployment(project, wanted)
    logs: dict[str, Any] = {}
    if "build" in params["logs"]:
        logs["build_log"] = client.build_log(deployment).splitlines()
    if "runtime" in params["logs"]:
        logs["runtime_log"] = client.runtime_log(project, deployment["id"], params["log_seconds"])
    return logs


def apply(intent: Plan, client: Vercel) -> dict[str, Any]:
    raise AssertionError("nothing to write")  # a plan whose before and after are the same never gets here


def main() -> None:
    run(argument_spec(), build_client, plan, apply, libraries={"requests": REQUESTS_ERROR})


if __name__ == "__main__":
    main()
