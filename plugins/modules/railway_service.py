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
  state:
    description:
      - V(deployed) uploads the release and waits until it is healthy. A deployment of the same release, commit and files that is live or on its way
        is used again, so a second run makes no second one.
      - V(rolled_back) runs the image of O(deployment) again. Railway's own rollback brings the variables of that deployment back, too, all of them, so
        it is used only where that leaves O(pinned_variables) as they are today. Else the image is deployed anew with all variables of today; in both
        ways the image is the old one, and nothing is built. Nothing is done when it is live, or is on its way, with the pinned variables of today.
      - V(stopped) stops what runs. The service keeps its image and can be started again.
      - V(started) runs what was stopped, removed or has crashed again. What was stopped starts with the variables that it had, unless a variable of
        O(pinned_variables) has another value today; then it is deployed anew from its image.
      - V(configured) changes settings only, here O(auto_deploy).
    type: str
    choices: [configured, deployed, rolled_back, started, stopped]
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
  pinned_variables:
    description:
      - Names of the variables that keep today's values with O(state=rolled_back) and O(state=started), such as the address of a database that has moved
        since.
      - What Railway says that the old deployment was made with is compared with the service's variables before anything is written. A value that
        cannot be compared counts as different, that of a sealed variable and a reference to another variable among them. A new deployment is looked
        at as soon as it is asked for, and cancelled should it have another value after all.
      - Without names a rollback is Railway's own.
    type: list
    elements: str
    default: []
  auto_deploy:
    description:
      - Whether pushes to the repository that the service is connected to deploy it by themselves, past every check. For O(state=configured) only.
    type: bool
extends_documentation_fragment:
  - storefront.runbook.api
  - storefront.runbook.railway
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
    pinned_variables: [DATABASE_URL, REDIS_URL]

- name: Let no push deploy the API past the checks
  storefront.runbook.railway_service:
    api_token: "{{ vault_railway_token }}"
    project: 5a1b9c3e-1111-4222-8333-444455556666
    environment: production
    service: api
    state: configured
    auto_deploy: false

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
  description: The deployment that was asked for; with O(state=stopped) or O(state=configured) the one that ran, or null when none did.
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
way:
  description:
    - How the image of O(deployment) is made to run again. V(rollback) is Railway's own, which brings the old variables back; V(redeploy) deploys the
      image anew with today's variables; V(start) starts what was stopped. Check mode tells it, too. Null where nothing has to be made.
  returned: with O(state=rolled_back) or O(state=started)
  type: str
  sample: redeploy
differing_variables:
  description: Names of O(pinned_variables) that had another value in O(deployment), or one that cannot be compared.
  returned: with O(state=rolled_back) or O(state=started)
  type: list
  elements: str
  sample: [DATABASE_URL]
settings:
  description: The settings that can be changed, as they are afterwards.
  returned: with O(state=configured)
  type: dict
  sample: {"auto_deploy": false}
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

from typing import Any

from ..module_utils.core.errors import ConfigError
from ..module_utils.core.http import REQUESTS_ERROR
from ..module_utils.core.module import Plan, Runtime, run
from ..module_utils.core.options import api_options, lease_options, source_options, wait_options
from ..module_utils.data.lease import guard as lease_guard
from ..module_utils.platforms.railway import API_URL, PLACE_OPTIONS, Railway, connect
from ..module_utils.platforms.railway_goals import decide, deployed, rolled_back, started
from ..module_utils.platforms.railway_settings import read_settings, refuse_auto_deploy, set_auto_deploy
from ..module_utils.platforms.railway_states import Deployment, live

GOALS = {"deployed": deployed, "rolled_back": rolled_back, "started": started}


def argument_spec() -> dict[str, Any]:
    return {
        **api_options(API_URL, "RAILWAY_API_TOKEN", "RAILWAY_TOKEN"),
        **PLACE_OPTIONS,
        "state": {"type": "str", "required": True, "choices": ["configured", *sorted([*GOALS, "stopped"])]},
        **source_options(),
        "release": {"type": "str"},
        "deployment": {"type": "str"},
        "pinned_variables": {"type": "list", "elements": "str", "default": []},
        "auto_deploy": {"type": "bool"},
        **wait_options(),
        **lease_options(),
    }


def build_client(params: dict[str, Any], runtime: Runtime) -> Railway:
    return connect(params, beat=runtime.beat, warn=runtime.warn)


def plan(params: dict[str, Any], client: Railway) -> Plan:
    if (params["auto_deploy"] is not None) != (params["state"] == "configured"):
        raise ConfigError("auto_deploy and state=configured belong together: set both, in a task of their own, or none of them.", code="settings_apart")
    listed = client.deployments()
    serving = live(listed)
    previous = serving.describe() if serving else None
    if params["state"] == "configured":
        return configured(params, client, previous)
    before: dict[str, Any] = {"live": shown(serving), "in_progress": [shown(deployment) for deployment in listed if deployment.in_progress]}
    if params["state"] == "stopped":
        coming = [deployment for deployment in listed if deployment.in_progress]
        stopped = {**previous, "status": "stopped"} if previous else None
        return Plan(before, {"live": None, "in_progress": []}, {"wait": params["wait"], "stop": coming}, {"deployment": stopped, "previous": previous})
    goal = GOALS[params["state"]](params, client, listed)
    found, obsolete = decide(listed, goal)
    predicted = {**found.describe(), "status": "success" if params["wait"] else found.word} if found else goal.predicted
    after = {"live": {key: predicted[key] for key in ("id", "release", "status")}, "in_progress": []}
    if found and found.is_live and not obsolete:
        after = before
    todo = {"wait": params["wait"], "goal": goal, "found": found, "obsolete": obsolete}
    intent = Plan(before, after, todo, {"deployment": predicted, "previous": previous, **goal.told, **({"way": None} if found and "way" in goal.told else {})})
    if found and not obsolete:
        intent.result["changed"] = False  # what is on its way already is only waited for
    return intent


def configured(params: dict[str, Any], client: Railway, previous: dict[str, Any] | None) -> Plan:
    settings = read_settings(client)
    if params["auto_deploy"]:
        refuse_auto_deploy(client, settings)
    wanted = {"auto_deploy": params["auto_deploy"]}
    return Plan({"auto_deploy": settings.auto_deploy}, wanted, {"settings": wanted}, {"settings": wanted, "deployment": previous, "previous": previous})


def shown(deployment: Deployment | None) -> dict[str, Any] | None:
    """Return what the diff shows of a deployment."""
    return {key: value for key, value in deployment.describe().items() if key in ("id", "release", "status")} if deployment else None


def apply(intent: Plan, client: Railway) -> dict[str, Any]:
    todo = intent.todo
    if "settings" in todo:
        set_auto_deploy(client, todo["settings"]["auto_deploy"])
        return {}
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
    return {"deployment": made.describe(), "changed": changed, **(todo["goal"].told if not found else {})}


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
