#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show a deploy on its commit at GitHub: a deployment and the status that it has."""

from __future__ import annotations

DOCUMENTATION = r"""
module: github_deployment
version_added: 1.0.0
short_description: Show a deploy on its commit at GitHub
description:
  - Makes a deployment of a ref at GitHub and sets its status, so that the commit and the repository's environment tell
    what is deployed, how it goes, and where its log is. It deploys nothing by itself.
  - A deployment of the same O(ref), O(task), O(environment) and O(payload) is the same one; a second run finds it and
    only sets its status. Put what tells one run from another, such as a record's id, into O(payload).
  - GitHub is never asked to merge the default branch into the ref first.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  api_token:
    description:
      - Token with the right Deployments, write, on the repository (the scope C(repo_deployment) of a classic one).
        Never shown, logged or written to disk.
      - The environment variables E(GITHUB_TOKEN) and E(GH_TOKEN) are used when it is not set.
    type: str
    required: true
  api_url:
    description:
      - Address of GitHub's API. Change it for GitHub Enterprise, tests and proxies.
    type: str
    default: https://api.github.com
  repository:
    description:
      - The repository, as V(owner/name).
    type: str
    required: true
  ref:
    description:
      - What is deployed, as a full SHA, a tag or a branch. It must be at GitHub.
    type: str
    required: true
  environment:
    description:
      - Name of the environment. GitHub makes it when it is new.
    type: str
    default: production
  production_environment:
    description:
      - Whether the environment is one that end users see. GitHub takes V(production) for such a one when this is not
        set.
    type: bool
  transient_environment:
    description:
      - Whether the environment goes away some day, such as a preview's.
    type: bool
    default: false
  task:
    description:
      - What is done, such as V(deploy) or V(rollback).
    type: str
    default: deploy
  payload:
    description:
      - What belongs to the deployment, for whoever reads it by the API.
    type: dict
    default: {}
  description:
    description:
      - A line about the deployment.
    type: str
  required_contexts:
    description:
      - Commit statuses that must be successful, or GitHub makes no deployment. By default none, since the deploy has
        its own gates; GitHub's own default would be all that the commit has.
    type: list
    elements: str
    default: []
  state:
    description:
      - The state that the deployment shall show. Without it only the deployment is made.
    type: str
    choices: [queued, pending, in_progress, success, failure, error, inactive]
  status_description:
    description:
      - A line about the state. GitHub keeps 140 characters; a longer one is cut.
    type: str
  log_url:
    description:
      - Where the deploy's log can be read.
    type: str
  environment_url:
    description:
      - Where the deployed site is.
    type: str
  auto_inactive:
    description:
      - Whether a V(success) makes the environment's earlier successful deployments inactive.
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
- name: Show on the commit that its deploy has begun
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
  description: The deployment at GitHub.
  returned: success
  type: dict
  contains:
    id:
      description: Its id; null in check mode where it would be made.
      type: int
      sample: 1234567
    url:
      description: Its address at GitHub's API; null in check mode where it would be made.
      type: str
      sample: https://api.github.com/repos/acme/shop/deployments/1234567
    status:
      description: Its state; null where it has none yet.
      type: str
      sample: success
    release:
      description: What was deployed, as O(ref) says it.
      type: str
      sample: v1.2.3
    commit:
      description: Full SHA that GitHub took for the ref; null in check mode where it would be made.
      type: str
      sample: 0123456789abcdef0123456789abcdef01234567
    created_at:
      description: When it was made, in UTC; null in check mode where it would be made.
      type: str
      sample: "2026-01-31T12:00:00Z"
    environment:
      description: The environment.
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
      description: GitHub's own code.
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

from typing import Any

from ..module_utils.core.http import REQUESTS_ERROR
from ..module_utils.core.module import Plan, Runtime, run
from ..module_utils.core.options import api_options
from ..module_utils.platforms.github import API_URL, STATES, GitHub

DEPLOYMENT = ("ref", "task", "environment", "payload", "description", "required_contexts", "production_environment", "transient_environment")
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


def build_client(params: dict[str, Any], runtime: Runtime) -> GitHub:
    hooks: dict[str, Any] = {"before_write": runtime.before_write, "tick": runtime.beat, "allow_plain_http": params["allow_plain_http"]}
    return GitHub(params["api_token"], params["repository"], params["api_url"], timeout=params["timeout"], **hooks)


def plan(params: dict[str, Any], client: GitHub) -> Plan:
    wanted = {key: params[key] for key in DEPLOYMENT}
    found = client.find_deployment(wanted)
    latest = (client.latest_status(found["id"]) if found else None) or {}
    status = asked_status(params)
    shown = {key: latest.get(key) or None for key in ("state", "description", "log_url", "environment_url")}
    place = {"repository": params["repository"], "ref": params["ref"], "environment": params["environment"]}
    todo = {"wanted": wanted, "found": found, "status": None}
    after = dict(shown)
    if status:
        # What is not asked for stays out of the comparison, but a new state says nothing about an old one's description.
        after = {key: status.get(key) or (shown[key] if status["state"] == shown["state"] else None) for key in shown}
        todo["status"] = {**status, "auto_inactive": params["auto_inactive"] if status["state"] == "success" else None}
    return Plan(
        before={**place, **shown} if found else {},
        after={**place, **after},
        todo=todo,
        result={"deployment": described(found or {}, params, after["state"])},
    )


def asked_status(params: dict[str, Any]) -> dict[str, Any] | None:
    if not params["state"]:
        return None
    line = params["status_description"] or ""
    line = line if len(line) <= LONGEST else line[: LONGEST - 1].rstrip() + "…"
    return {"state": params["state"], "description": line or None, "log_url": params["log_url"], "environment_url": params["environment_url"]}


def described(deployment: dict[str, Any], params: dict[str, Any], state: str | None) -> dict[str, Any]:
    return {
        **{"id": deployment.get("id"), "url": deployment.get("url"), "status": state, "release": params["ref"]},
        **{"commit": deployment.get("sha"), "created_at": deployment.get("created_at"), "environment": params["environment"]},
    }


def apply(intent: Plan, client: GitHub) -> dict[str, Any]:
    todo = intent.todo
    made = todo["found"] or client.create_deployment(todo["wanted"])
    if todo["status"]:
        client.create_status(made["id"], todo["status"])
    asked = {key: todo["wanted"][key] for key in ("ref", "environment")}
    return {"deployment": described(made, asked, intent.result["deployment"]["status"])}


def main() -> None:
    run(argument_spec(), build_client, plan, apply, libraries={"requests": REQUESTS_ERROR})


if __name__ == "__main__":
    main()
