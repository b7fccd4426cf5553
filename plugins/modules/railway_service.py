#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deploy a release to a Railway service, roll it back, stop it or start it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: railway_service
version_added: 1.0.0
short_description: Deploy, roll back, stop or start a service on Railway
description:
  - Makes a service run a release, run an older deployment again, or stop, and waits until Railway says that it is so. For a web service that is
    after its health check; a worker has none and is taken for healthy once it runs.
  - Deployments that Railway still builds or starts for the service, and that are not what was asked for, are cancelled first, so that none of
    them takes over afterwards.
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
      - V(account) is a token of an account or a workspace, V(project) one that belongs to a single environment of a project. Railway takes them in
        different headers and says C(Not Authorized) to the wrong one.
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
  state:
    description:
      - V(deployed) uploads the release and waits until it is healthy. A deployment of the same release, commit and files that is live or on its way
        is used again, so a second run makes no second one.
      - V(rolled_back) runs the image of O(deployment) again. Railway brings its variables back, too. Nothing is done when it is live, or when a
        rollback to it is live or on its way.
      - V(stopped) stops what runs. The service keeps its image and can be started again.
      - V(started) runs what was stopped, removed or has crashed again.
    type: str
    choices: [deployed, rolled_back, started, stopped]
    required: true
  path:
    description:
      - A folder with the files, or with O(ref) a git repository on the controller. Required with O(state=deployed).
    type: path
  root_directory:
    description:
      - Folder inside of O(path) that holds the application; it becomes the root of the upload. Where the service has a root directory at Railway,
        leave it out to upload the whole of O(path).
    type: str
    default: ""
  release:
    description:
      - What the release is called, such as V(v1.1.0), without blanks. It is the O(ref) by default, and required where O(path) is used without one.
    type: str
  deployment:
    description:
      - Id of the deployment to go back to. Required with O(state=rolled_back).
    type: str
extends_documentation_fragment:
  - storefront.runbook.api
  - storefront.runbook.wait
  - storefront.runbook.source
  - storefront.runbook.lease
  - storefront.runbook.store
attributes:
  check_mode:
    description: Reads what is live and predicts the result, writes nothing.
    support: full
  diff_mode:
    description: Shows which deployment is live and which are on their way, before and after.
    support: full
notes:
  - A look at the list of deployments goes back 50 deployments; O(deployment) may be older.
  - Railway keeps images for a rollback from a day to 15 days, by the plan.
seealso:
  - module: storefront.runbook.railway_info
"""

EXAMPLES = r"""
- name: Deploy the API from a tag
  storefront.runbook.railway_service:
    api_token: "{{ vault_railway_token }}"
    project: 5a1b9c3e-1111-4222-8333-444455556666
    environment: production
    service: api
    state: deployed
    path: /srv/shop
    ref: v1.1.0
    root_directory: apps/backend
  register: api

- name: Run the one from before again
  storefront.runbook.railway_service:
    api_token: "{{ vault_railway_token }}"
    project: 5a1b9c3e-1111-4222-8333-444455556666
    environment: production
    service: api
    state: rolled_back
    deployment: "{{ api.previous.id }}"

- name: Stop the worker
  storefront.runbook.railway_service:
    api_token: "{{ vault_railway_project_token }}"
    token_type: project
    project: 5a1b9c3e-1111-4222-8333-444455556666
    environment: production
    service: worker
    state: stopped
"""

RETURN = r"""
deployment:
  description: The deployment that was asked for; with O(state=stopped) the one that ran, or null when none did.
  returned: success
  type: dict
  contains:
    id:
      description: Its id; null in check mode when it is not made yet.
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
      description: What the release is called; null for one that this module did not make.
      type: str
      sample: v1.1.0
    commit:
      description: Full SHA of the commit it was built from; null for a plain folder.
      type: str
      sample: 0123456789abcdef0123456789abcdef01234567
    created_at:
      description: When it was made, in UTC.
      type: str
      sample: "2026-01-31T12:00:00+00:00"
previous:
  description: What was live before, in the shape of RV(deployment); null when nothing was.
  returned: success
  type: dict
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
      description: Such as V(config), V(api), V(unreachable), V(deployment_failed), V(wait_timeout) or V(lease_lost).
      type: str
    code:
      description: Railway's own code.
      type: str
    status:
      description: The HTTP status; V(200) also where Railway answered with errors.
      type: int
    request_id:
      description: What Railway's support asks for.
      type: str
    message:
      description: The same as C(msg).
      type: str
    retryable:
      description: Whether the same request may succeed later.
      type: bool
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ..module_utils.core.errors import ConfigError
from ..module_utils.core.http import REQUESTS_ERROR
from ..module_utils.core.module import Plan, Runtime, run
from ..module_utils.core.options import api_options, lease_options, source_options, wait_options
from ..module_utils.core.source import checkout, list_files
from ..module_utils.data.lease import guard as lease_guard
from ..module_utils.platforms.railway import API_URL, Railway, connect
from ..module_utils.platforms.railway_states import Deployment, by_id, label, live
from ..module_utils.platforms.railway_upload import digest


@dataclass(frozen=True)
class Goal:
    """What shall serve: ``reached_by(deployment)`` knows it when it is there, ``make()`` makes it, ``predicted`` is what that will be."""

    reached_by: Callable[[Deployment], bool]
    make: Callable[[], Deployment]
    predicted: dict[str, Any]


def argument_spec() -> dict[str, Any]:
    return {
        **api_options(API_URL, "RAILWAY_API_TOKEN", "RAILWAY_TOKEN"),
        "token_type": {"type": "str", "choices": ["account", "project"], "default": "account"},
        "project": {"type": "str", "required": True},
        "environment": {"type": "str", "required": True},
        "service": {"type": "str", "required": True},
        "state": {"type": "str", "required": True, "choices": ["deployed", "rolled_back", "started", "stopped"]},
        **source_options(),
        "release": {"type": "str"},
        "deployment": {"type": "str"},
        **wait_options(),
        **lease_options(),
    }


def build_client(params: dict[str, Any], runtime: Runtime) -> Railway:
    return connect(params, beat=runtime.beat, warn=runtime.warn)


def plan(params: dict[str, Any], client: Railway) -> Plan:
    listed = client.deployments()
    serving = live(listed)
    before: dict[str, Any] = {"live": shown(serving), "in_progress": [shown(deployment) for deployment in listed if deployment.in_progress]}
    previous = serving.describe() if serving else None
    if params["state"] == "stopped":
        coming = [deployment for deployment in listed if deployment.in_progress]
        stopped = {**previous, "status": "stopped"} if previous else None
        return Plan(before, {"live": None, "in_progress": []}, {"wait": params["wait"], "stop": coming}, {"deployment": stopped, "previous": previous})
    goal = {"deployed": deployed, "rolled_back": rolled_back, "started": started}[params["state"]](params, client, listed)
    found, obsolete = decide(listed, goal)
    predicted = {**found.describe(), "status": "success" if params["wait"] else found.word} if found else goal.predicted
    after = {"live": {key: predicted[key] for key in ("id", "release", "status")}, "in_progress": []}
    if found and found.is_live and not obsolete:
        after = before
    intent = Plan(before, after, {"wait": params["wait"], "goal": goal, "found": found, "obsolete": obsolete}, {"deployment": predicted, "previous": previous})
    if found and not obsolete:
        intent.result["changed"] = False  # what is on its way already is only waited for
    return intent


def shown(deployment: Deployment | None) -> dict[str, Any] | None:
    """Return what the diff shows of a deployment."""
    return {key: value for key, value in deployment.describe().items() if key in ("id", "release", "status")} if deployment else None


def decide(listed: Iterable[Deployment], goal: Goal) -> tuple[Deployment | None, list[Deployment]]:
    """Return the deployment that reaches the goal or is on its way there, and those on their way elsewhere."""
    listed = list(listed)
    coming = [deployment for deployment in listed if deployment.in_progress]
    serving = [deployment for deployment in [live(listed)] if deployment]
    found = next((deployment for deployment in coming + serving if goal.reached_by(deployment)), None)
    return found, [deployment for deployment in coming if not goal.reached_by(deployment)]


def deployed(params: dict[str, Any], client: Railway, listed: list[Deployment]) -> Goal:
    release = params["release"] or params["ref"]
    if not release or len(release.split()) != 1:
        raise ConfigError("Nothing says in one word what the release is called. Set release, or set ref to its tag.", code="no_release")
    source = client.held.enter_context(checkout(params["path"], params["ref"], params["root_directory"]))
    files = list_files(source.root)
    message = label(release, source.commit, digest(files))
    predicted = {"id": None, "url": None, "status": "success" if params["wait"] else "queued", "release": release, "commit": source.commit, "created_at": None}
    return Goal(lambda deployment: deployment.message == message, lambda: client.up(files, message), predicted)


def rolled_back(params: dict[str, Any], client: Railway, listed: list[Deployment]) -> Goal:
    target = by_id(listed, params["deployment"]) or client.deployment(params["deployment"])
    goal = Goal(
        lambda deployment: deployment.restores(target),
        lambda: client.start(target) if target.word == "stopped" and not target.can_rollback else client.roll_back(target),
        {**target.describe(), "id": None, "status": "success" if params["wait"] else "queued", "created_at": None},
    )
    found, _unused = decide(listed, goal)
    if not found and not target.can_rollback and target.word != "stopped":
        able = ", ".join(f"{deployment.id} ({deployment.release or 'unnamed'})" for deployment in listed if deployment.can_rollback)
        raise ConfigError(
            f"Railway cannot roll {client.service} back to {target.id} ({target.release or 'unnamed'}, {target.word}): its image is gone, or it never ran. "
            f"Set deployment to one of: {able or 'none at present'}; or deploy its release again with state=deployed.",
            code="no_rollback_candidate",
        )
    return goal


def started(params: dict[str, Any], client: Railway, listed: list[Deployment]) -> Goal:
    again = [deployment for deployment in listed if deployment.word == "stopped" or (deployment.can_redeploy and deployment.word in ("removed", "crashed"))]
    target = next(iter(again), None)
    if target is None and not any(deployment.is_live or deployment.in_progress for deployment in listed):
        raise ConfigError(f"{client.service} has no deployment that can be started. Deploy a release first, with state=deployed.", code="nothing_to_start")
    predicted = {**target.describe(), "id": target.id if target.word == "stopped" else None, "status": "success"} if target else {}
    return Goal(lambda deployment: True, lambda: client.start(again[0]), predicted)


def apply(intent: Plan, client: Railway) -> dict[str, Any]:
    todo = intent.todo
    if "stop" in todo:
        client.cancel(todo["stop"])
        client.stop([deployment for deployment in client.deployments() if deployment.is_live])
        if todo["wait"]:
            client.wait_stopped()
        return {}
    found = todo["found"]
    if todo["obsolete"]:
        client.cancel(todo["obsolete"])
        found, still = decide(client.deployments(), todo["goal"])  # one of them may have come to serve meanwhile
        found = None if still and found and found.is_live else found
    changed = bool(todo["obsolete"]) or not found
    made = found or todo["goal"].make()
    if todo["wait"]:
        made = client.wait_healthy(made)
    return {"deployment": made.describe(), "changed": changed}


def main() -> None:
    run(
        argument_spec(),
        build_client,
        plan,
        apply,
        guard=lease_guard,
        libraries={"requests": REQUESTS_ERROR},
        required_if=[("state", "deployed", ("path",)), ("state", "rolled_back", ("deployment",))],
    )


if __name__ == "__main__":
    main()
