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
  - Deploys a release to a service, rolls it back to an older deployment, stops it or starts it, and waits until Railway
    reports the result. A web service is ready after its health check. A worker has no health check and counts as
    healthy once it runs.
  - The module first cancels other deployments of the service that Railway is still building or starting, so that none
    of them becomes live afterwards.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  state:
    description:
      - V(deployed) deploys the release from O(source) and waits until it is healthy. If a deployment of the same
        release, commit and files, of the same commit or of the same image is live or in progress, the module reuses it.
        So a second run creates no second deployment.
      - V(rolled_back) runs the image of O(deployment) again. Railway's own rollback also restores all variables of that
        deployment. So the module uses it only if it does not change O(pinned_variables). Otherwise it redeploys the old
        image with all current variables. Nothing is built in either case. The module does nothing if the deployment is
        already live or in progress with the current pinned variables.
      - V(stopped) stops the live deployment. The service keeps its image and can be started again.
      - V(started) starts a deployment that was stopped, was removed or has crashed. A stopped deployment starts with
        its old variables. If one of O(pinned_variables) has changed since, the module redeploys the image instead. It
        does the same for a running deployment that has an old value of one of them.
      - V(restarted) restarts the process of the live deployment with its old variables. It does so on every run.
      - V(removed) removes the running or stopped deployment. Railway keeps the image for a rollback for some time.
      - V(scaled) runs the number of replicas in O(regions) or O(replicas). Railway redeploys the live image for this.
      - V(configured) changes settings and deploys nothing. The settings are O(auto_deploy), O(healthcheck_path),
        O(healthcheck_timeout), O(overlap_seconds), O(draining_seconds) and O(pre_deploy_command). All but
        O(auto_deploy) take effect with the next deployment. Options that are not set stay as they are.
    type: str
    choices: [configured, deployed, removed, restarted, rolled_back, scaled, started, stopped]
    required: true
  source:
    description:
      - Source of the deployment for O(state=deployed).
      - V(upload) sends the files in O(path).
      - V(commit) lets Railway build O(commit) from the repository that the service is connected to.
      - V(adopt) creates no deployment. It finds the one that Railway created automatically for exactly O(commit), and
        waits for it. It fails if there is none.
      - V(image) runs O(image). The module refuses it if the service is connected to a repository, since it would
        disconnect the repository.
    type: str
    choices: [adopt, commit, image, upload]
    default: upload
  commit:
    description:
      - Full SHA of the commit for O(source=commit) and O(source=adopt). By default the module resolves O(ref) in
        O(path). With O(source=upload), O(ref) must resolve to this commit.
    type: str
  image:
    description:
      - Image for O(source=image). Use a digest, since a tag can point to another image later.
    type: str
  path:
    description:
      - Folder with the files. With O(ref) it is a git repository on the controller. Required with O(source=upload).
      - The upload leaves out C(.git), C(node_modules) and the files that C(.railwayignore) names, like Railway's own
        client. If O(path) is a plain folder, files that C(.gitignore) names are left out too, unless C(.railwayignore)
        includes them again. A file such as C(.env) is sent unless one of these files names it.
      - Executable files stay executable. A link to a file is sent as that file. The module refuses a link to a folder
        or out of the source.
    type: path
  root_directory:
    description:
      - Folder inside O(path) that holds the application. It becomes the root of the upload. If the service has a root
        directory at Railway, leave this option out to upload the whole of O(path).
    type: str
    default: ""
  release:
    description:
      - Name of the release, such as V(v1.1.0), without spaces. The default is O(ref) or the tag of O(image). Required
        if O(path) is uploaded without O(ref).
      - Railway stores the name for uploads only. Later runs cannot read the name of a deployment of a commit or an
        image.
    type: str
  deployment:
    description:
      - Id of the deployment to roll back to. Required with O(state=rolled_back).
    type: str
  pinned_variables:
    description:
      - Names of the variables that keep their current values with O(state=rolled_back) and O(state=started), such as
        the URL of a database that has moved since.
      - Before it writes, the module compares the variables of the old deployment with the current ones. A value that
        cannot be compared counts as different, such as a sealed variable or a reference to another variable. The module
        checks a new deployment right after its creation and cancels it if a pinned variable has another value.
      - If the list is empty, the module uses Railway's own rollback.
    type: list
    elements: str
    default: []
  auto_deploy:
    description:
      - Whether pushes to the connected repository deploy the service automatically, without any checks.
    type: bool
  healthcheck_path:
    description:
      - Path that must answer 200 before a deployment receives traffic. Empty for none.
    type: str
  healthcheck_timeout:
    description:
      - Seconds within which the health check must succeed.
    type: int
  overlap_seconds:
    description:
      - Seconds during which the old process runs beside the new one.
    type: int
  draining_seconds:
    description:
      - Seconds between SIGTERM and SIGKILL to the old process.
    type: int
  pre_deploy_command:
    description:
      - Command that Railway runs before a deployment starts. Empty for none.
    type: str
  regions:
    description:
      - Dictionary of region names and numbers of replicas. Regions that are not listed keep their replicas. A region
        with 0 is removed. O(state=scaled) needs it, or O(replicas).
    type: dict
  replicas:
    description:
      - Number of replicas for O(state=scaled), for a service that runs in one region.
    type: int
  replicas_limit:
    description:
      - Most replicas of a service that Railway has agreed to. By default it is the number that the plan of the project
        allows.
    type: int
extends_documentation_fragment:
  - storefront.runbook.api
  - storefront.runbook.railway
  - storefront.runbook.wait
  - storefront.runbook.source
  - storefront.runbook.lease
  - storefront.runbook.store
attributes:
  check_mode:
    description: Reads the live state and predicts the result without writing.
    support: full
  diff_mode:
    description: Shows the live deployment and the deployments in progress, before and after.
    support: full
notes:
  - The module reads the last 50 deployments; O(deployment) may be older.
  - Railway keeps images for a rollback for 1 to 15 days, depending on the plan.
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

- name: Roll back to the previous deployment
  storefront.runbook.railway_service:
    api_token: "{{ vault_railway_token }}"
    project: 5a1b9c3e-1111-4222-8333-444455556666
    environment: production
    service: api
    state: rolled_back
    deployment: "{{ api.previous.id }}"
    pinned_variables: [DATABASE_URL, REDIS_URL]

- name: Turn off automatic deployments of the API
  storefront.runbook.railway_service:
    api_token: "{{ vault_railway_token }}"
    project: 5a1b9c3e-1111-4222-8333-444455556666
    environment: production
    service: api
    state: configured
    auto_deploy: false

- name: Let Railway build the commit of the release
  storefront.runbook.railway_service:
    api_token: "{{ vault_railway_token }}"
    project: 5a1b9c3e-1111-4222-8333-444455556666
    environment: production
    service: api
    state: deployed
    source: commit
    commit: 0123456789abcdef0123456789abcdef01234567
    release: v1.1.0

- name: Run two replicas in Europe and leave other regions unchanged
  storefront.runbook.railway_service:
    api_token: "{{ vault_railway_token }}"
    project: 5a1b9c3e-1111-4222-8333-444455556666
    environment: production
    service: api
    state: scaled
    regions:
      europe-west4-drams3a: 2

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
  description: The requested deployment. If O(state) is V(stopped), V(removed), V(configured) or V(scaled), it is the
    one that was live, or null if there was none.
  returned: success
  type: dict
  contains:
    id:
      description: Id. Null in check mode if it does not exist yet.
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
      description: Name of the release. Null if this module did not create the deployment and O(release) is not set.
      type: str
      sample: v1.1.0
    commit:
      description: Full SHA of the commit that it was built from. Null for a folder or an image.
      type: str
      sample: 0123456789abcdef0123456789abcdef01234567
    created_at:
      description: Creation time in UTC.
      type: str
      sample: "2026-01-31T12:00:00+00:00"
previous:
  description: The deployment that was live before, in the shape of RV(deployment). Null if there was none.
  returned: success
  type: dict
way:
  description:
    - How the image of O(deployment) is started again. V(rollback) is Railway's own rollback, which restores the old
      variables. V(redeploy) redeploys the image with the current variables. V(start) starts a stopped deployment. Also
      returned in check mode. Null if nothing has to be done.
  returned: with O(state=rolled_back) or O(state=started)
  type: str
  sample: redeploy
differing_variables:
  description: Names of the O(pinned_variables) whose value in O(deployment) was different or cannot be compared.
  returned: with O(state=rolled_back) or O(state=started)
  type: list
  elements: str
  sample: [DATABASE_URL]
service:
  description:
    - Settings of the service, with the same keys as M(storefront.runbook.railway_info), such as
      RV(storefront.runbook.railway_info#module:auto_deploy) and
      RV(storefront.runbook.railway_info#module:start_command). A key is null with a warning if Railway does not report
      it.
  returned: with O(state=deployed)
  type: dict
  sample: {"auto_deploy": false, "start_command": "npm start", "pre_deploy_command": null}
settings:
  description:
    - The changeable settings after the run. With O(state=scaled), C(regions) has the replicas of each region.
  returned: with O(state=configured) or O(state=scaled)
  type: dict
  sample: {"regions": {"us-west2": 3}}
previous_settings:
  description: The same settings before the run.
  returned: with O(state=configured) or O(state=scaled)
  type: dict
  sample: {"regions": {"us-west2": 1}}
limit:
  description: The plan of the project, and the most replicas of a service that it allows, null if that is unknown.
  returned: with O(state=scaled)
  type: dict
  sample: {"plan": "pro", "replicas": 42}
elapsed:
  description: Run time of the module in seconds.
  returned: always
  type: float
error:
  description: The error in machine-readable form.
  returned: failure
  type: dict
  contains:
    kind:
      description: Kind of the error, such as V(config), V(api), V(unreachable), V(deployment_failed), V(wait_timeout)
        or V(lease_lost).
      type: str
    code:
      description: Railway's error code.
      type: str
    status:
      description: HTTP status of the response. It is V(200) even if Railway answered with errors.
      type: int
    request_id:
      description: Id of the request. Railway's support asks for it.
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
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import api_options, lease_options, source_options, wait_options
from ..module_utils.core.plan import Plan
from ..module_utils.platforms.common import decide
from ..module_utils.platforms.railway.client import API_URL, PLACE_OPTIONS, Railway, connect
from ..module_utils.platforms.railway.goals import restarted, rolled_back, started
from ..module_utils.platforms.railway.scaling import scaled
from ..module_utils.platforms.railway.settings import configured, refuse_misplaced, settings_summary
from ..module_utils.platforms.railway.sources import SOURCES, deployed
from ..module_utils.platforms.railway.states import brief, live
from ..module_utils.platforms.railway.work import Change, End, Reach, Work
from ..module_utils.release.lease import guard

GOALS = {"deployed": deployed, "restarted": restarted, "rolled_back": rolled_back, "started": started}
ENDS = ("removed", "stopped")
SETTINGS: dict[str, Any] = {"configured": configured, "scaled": scaled}


def argument_spec() -> dict[str, Any]:
    return {
        **api_options(API_URL, "RAILWAY_API_TOKEN", "RAILWAY_TOKEN"),
        **PLACE_OPTIONS,
        "state": {"type": "str", "required": True, "choices": sorted([*GOALS, *ENDS, *SETTINGS])},
        "source": {"type": "str", "choices": list(SOURCES), "default": "upload"},
        **source_options(),
        **{
            name: {"type": "str"}
            for name in ("commit", "image", "release", "deployment", "healthcheck_path", "pre_deploy_command")
        },
        **{name: {"type": "int"} for name in ("healthcheck_timeout", "overlap_seconds", "draining_seconds")},
        "pinned_variables": {"type": "list", "elements": "str", "default": []},
        "auto_deploy": {"type": "bool"},
        "regions": {"type": "dict"},
        **{name: {"type": "int"} for name in ("replicas", "replicas_limit")},
        **wait_options(),
        **lease_options(),
    }


def build_client(params: dict[str, Any], runtime: Runtime) -> Railway:
    return connect(params, heartbeat=runtime.heartbeat, warn=runtime.warn, before_write=runtime.before_write)


def plan(params: dict[str, Any], client: Railway) -> Plan:
    state = params["state"]
    refuse_misplaced(params)
    listed = client.deployments()
    serving = live(listed)
    previous = serving.describe() if serving else None
    coming = [deployment for deployment in listed if deployment.in_progress]
    if state in SETTINGS:
        was, then, change, details = SETTINGS[state](params, client)
        return Plan(
            was,
            then,
            Change(params["wait"], change),
            {**details, "settings": then, "previous_settings": was, "deployment": previous, "previous": previous},
        )
    before: dict[str, Any] = {"live": brief(serving), "in_progress": [brief(deployment) for deployment in coming]}
    if state in ENDS:
        ended = {**previous, "status": state} if previous else None
        left = [deployment for deployment in listed if deployment.word == "stopped"] if state == "removed" else []
        before["stopped"] = [brief(deployment) for deployment in left]
        return Plan(
            before,
            {"live": None, "in_progress": [], "stopped": []},
            End(params["wait"], state, coming),
            {"deployment": ended, "previous": previous},
        )
    course = decide(listed, GOALS[state](params, client, listed))
    goal, found = course.goal, course.found
    predicted = (
        {**found.describe(goal.predicted.get("release")), "status": "success" if params["wait"] else found.word}
        if found
        else goal.predicted
    )
    after = {"live": {key: predicted[key] for key in ("id", "release", "status")}, "in_progress": [], **goal.summary}
    if course.is_complete and found and found.is_live:
        after = before
    result = {
        "deployment": predicted,
        "previous": previous,
        **course.details,
        **({"service": settings_summary(client)} if state == "deployed" else {}),
    }
    if course.is_complete:
        result["changed"] = False  # a deployment in progress is only waited for
    return Plan(before, after, Reach(params["wait"], course), result)


def apply(intent: Plan, client: Railway) -> dict[str, Any]:
    work: Work = intent.todo
    return work.do(client)


def main() -> None:
    run(
        argument_spec(),
        build_client,
        plan,
        apply,
        guard=guard,
        libraries={"requests": REQUESTS_ERROR},
        required_if=[("state", "rolled_back", ("deployment",))],
    )


if __name__ == "__main__":
    main()
