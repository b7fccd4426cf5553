#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Create a GitHub deployment for a commit and set its status."""

from __future__ import annotations

DOCUMENTATION = r"""
module: github_deployment
version_added: 1.0.0
short_description: Create a GitHub deployment for a commit and set its status
description:
  - Creates a deployment of a ref at GitHub and sets its status. The commit and the repository's environment then show
    what is deployed, its progress and a link to the log. The module itself deploys nothing.
  - A deployment is identified by O(ref), O(task), O(environment) and O(payload). A second run with the same values
    finds the deployment and only sets its status. To distinguish two runs, put a unique value such as a record's id
    into O(payload).
  - The module never lets GitHub merge the default branch into the ref.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  api_token:
    description:
      - Token with the permission Deployments (write) on the repository. A classic token needs the scope
        C(repo_deployment). Never shown, logged or written to disk.
      - The environment variables E(GITHUB_TOKEN) and E(GH_TOKEN) are used when this option is not set.
    type: str
    required: true
  api_url:
    description:
      - URL of GitHub's API. Change it for GitHub Enterprise, tests and proxies.
    type: str
    default: https://api.github.com
  repository:
    description:
      - Repository, as V(owner/name).
    type: str
    required: true
  ref:
    description:
      - Full SHA, tag or branch that is deployed. It must exist at GitHub.
    type: str
    required: true
  environment:
    description:
      - Name of the environment. GitHub creates it if it does not exist.
    type: str
    default: production
  production_environment:
    description:
      - Whether end users see the environment. By default GitHub assumes this for V(production) only.
    type: bool
  transient_environment:
    description:
      - Whether the environment is temporary, such as a preview.
    type: bool
    default: false
  task:
    description:
      - Kind of task, such as V(deploy) or V(rollback).
    type: str
    default: deploy
  payload:
    description:
      - Extra data to store with the deployment, for readers of the API.
    type: dict
    default: {}
  description:
    description:
      - Short description of the deployment.
    type: str
  required_contexts:
    description:
      - Commit statuses that must be successful before GitHub creates the deployment. The default is none, since the
        deploy has its own gates. GitHub's own default would be all statuses of the commit.
    type: list
    elements: str
    default: []
  state:
    description:
      - State to set on the deployment. Without it the module only creates the deployment.
    type: str
    choices: [queued, pending, in_progress, success, failure, error, inactive]
  status_description:
    description:
      - Short description of the state. GitHub stores 140 characters, so the module truncates longer text.
    type: str
  log_url:
    description:
      - URL of the deploy's log.
    type: str
  environment_url:
    description:
      - URL of the deployed site.
    type: str
  auto_inactive:
    description:
      - Whether V(success) sets the environment's earlier successful deployments to inactive.
    type: bool
    default: true
extends_documentation_fragment:
  - storefront.runbook.api
attributes:
  check_mode:
    description: Predicts the changes without making them.
    support: full
  diff_mode:
    description: Shows the changes.
    support: full
seealso:
  - module: storefront.runbook.slack_message
  - module: storefront.runbook.sentry_release
"""

EXAMPLES = r"""
- name: Show on the commit that its deploy has started
  storefront.runbook.github_deployment:
    api_token: "{{ vault_github_token }}"
    repository: acme/shop
    ref: 0123456789abcdef0123456789abcdef01234567
    environment: production
    payload: {release: v1.2.3}
    state: in_progress
    log_url: https://awx.acme.example/jobs/4711

- name: Show that it is live
  storefront.runbook.github_deployment:
    repository: acme/shop
    ref: 0123456789abcdef0123456789abcdef01234567
    environment: production
    payload: {release: v1.2.3}
    state: success
    environment_url: https://www.shop.example
"""

RETURN = r"""
deployment:
  description: The GitHub deployment.
  returned: success
  type: dict
  contains:
    id:
      description: Id. Null in check mode if it would be created.
      type: int
      sample: 1234567
    url:
      description: Its URL at GitHub's API. Null in check mode if it would be created.
      type: str
      sample: https://api.github.com/repos/acme/shop/deployments/1234567
    status:
      description: State. Null if it has none yet.
      type: str
      sample: success
    release:
      description: The deployed release, as given in O(ref).
      type: str
      sample: v1.2.3
    commit:
      description: Full SHA that GitHub resolved the ref to. Null in check mode if the deployment would be created.
      type: str
      sample: 0123456789abcdef0123456789abcdef01234567
    created_at:
      description: Creation time in UTC. Null in check mode if it would be created.
      type: str
      sample: "2026-01-31T12:00:00Z"
    environment:
      description: Name of the environment.
      type: str
      sample: production
elapsed:
  description: Run time of the module in seconds.
  returned: always
  type: float
  sample: 0.412
error:
  description: The error in machine-readable form.
  returned: failure
  type: dict
  contains:
    kind:
      description: Kind of the error, such as V(config), V(api) or V(unreachable).
      type: str
      sample: api
    code:
      description: GitHub's error code.
      type: str
      sample: invalid
    status:
      description: HTTP status of the response.
      type: int
      sample: 422
    request_id:
      description: Id of the request, if the vendor returns one.
      type: str
    message:
      description: Same text as C(msg).
      type: str
    retryable:
      description: Whether a later retry of the same request may succeed.
      type: bool
"""

from dataclasses import dataclass
from typing import Any

from ..module_utils.core.http import REQUESTS_ERROR
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import api_options
from ..module_utils.core.plan import Plan
from ..module_utils.platforms.github import API_URL, STATES, GitHub

DEPLOYMENT = (
    "ref",
    "task",
    "environment",
    "payload",
    "description",
    "required_contexts",
    "production_environment",
    "transient_environment",
)
LONGEST = 140  # characters of a status's description


def argument_spec() -> dict[str, Any]:
    return {
        **api_options(API_URL, "GITHUB_TOKEN", "GH_TOKEN"),
        "repository": {"type": "str", "required": True},
        "ref": {"type": "str", "required": True},
        "environment": {"type": "str", "default": "production"},
        "production_environment": {"type": "bool"},
        "transient_environment": {"type": "bool", "default": False},
        "task": {"type": "str", "default": "deploy"},
        "payload": {"type": "dict", "default": {}},
        "description": {"type": "str"},
        "required_contexts": {"type": "list", "elements": "str", "default": []},
        "state": {"type": "str", "choices": list(STATES)},
        "status_description": {"type": "str"},
        "log_url": {"type": "str"},
        "environment_url": {"type": "str"},
        "auto_inactive": {"type": "bool", "default": True},
    }


@dataclass(frozen=True)
class Deployment:
    """The wanted deployment, the existing one if there is one, and the status that it gets, in GitHub's shapes."""

    wanted: dict[str, Any]
    found: dict[str, Any] | None
    status: dict[str, Any] | None = None


def build_client(params: dict[str, Any], runtime: Runtime) -> GitHub:
    hooks: dict[str, Any] = {
        "before_write": runtime.before_write,
        "tick": runtime.heartbeat,
        "allow_plain_http": params["allow_plain_http"],
        "unreachable": params["unreachable_timeout"],
    }
    return GitHub(params["api_token"], params["repository"], params["api_url"], timeout=params["timeout"], **hooks)


def plan(params: dict[str, Any], client: GitHub) -> Plan:
    wanted = {key: params[key] for key in DEPLOYMENT}
    found = client.find_deployment(wanted)
    latest = (client.latest_status(found["id"]) if found else None) or {}
    status = asked_status(params)
    shown = {key: latest.get(key) or None for key in ("state", "description", "log_url", "environment_url")}
    place = {"repository": params["repository"], "ref": params["ref"], "environment": params["environment"]}
    work = Deployment(wanted, found)
    after = dict(shown)
    if status:
        # Only the fields that were given are compared. A new state does not keep the description of the old one.
        after = {key: status.get(key) or (shown[key] if status["state"] == shown["state"] else None) for key in shown}
        auto_inactive = params["auto_inactive"] if status["state"] == "success" else None
        work = Deployment(wanted, found, {**status, "auto_inactive": auto_inactive})
    return Plan(
        before={**place, **shown} if found else {},
        after={**place, **after},
        todo=work,
        result={"deployment": described(found or {}, params, after["state"])},
    )


def asked_status(params: dict[str, Any]) -> dict[str, Any] | None:
    if not params["state"]:
        return None
    line = params["status_description"] or ""
    line = line if len(line) <= LONGEST else line[: LONGEST - 1].rstrip() + "…"
    return {
        "state": params["state"],
        "description": line or None,
        "log_url": params["log_url"],
        "environment_url": params["environment_url"],
    }


def described(deployment: dict[str, Any], params: dict[str, Any], state: str | None) -> dict[str, Any]:
    return {
        **{"id": deployment.get("id"), "url": deployment.get("url"), "status": state, "release": params["ref"]},
        **{
            "commit": deployment.get("sha"),
            "created_at": deployment.get("created_at"),
            "environment": params["environment"],
        },
    }


def apply(intent: Plan, client: GitHub) -> dict[str, Any]:
    work: Deployment = intent.todo
    made = work.found or client.create_deployment(work.wanted)
    if work.status:
        client.create_status(made["id"], work.status)
    asked = {key: work.wanted[key] for key in ("ref", "environment")}
    return {"deployment": described(made, asked, intent.result["deployment"]["status"])}


def main() -> None:
    run(argument_spec(), build_client, plan, apply, libraries={"requests": REQUESTS_ERROR})


if __name__ == "__main__":
    main()
