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
  - Makes a service run a release, run an older deployment again, or stop, and waits until Railway says that it is so.
    For a web service that is after its health check; a worker has none and is taken for healthy once it runs.
  - Deployments that Railway still builds or starts for the service, and that are not what was asked for, are cancelled
    first, so that none of them takes over afterwards.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  state:
    description:
      - V(deployed) deploys the release from what O(source) says and waits until it is healthy. A deployment of the same
        release, commit and files, of the same commit or of the same image that is live or on its way is used again, so
        a second run makes no second one.
      - V(rolled_back) runs the image of O(deployment) again. Railway's own rollback brings the variables of that
        deployment back, too, all of them, so it is used only where that leaves O(pinned_variables) as they are today.
        Else the image is deployed anew with all variables of today; in both ways the image is the old one, and nothing
        is built. Nothing is done when it is live, or is on its way, with the pinned variables of today.
      - V(stopped) stops what runs. The service keeps its image and can be started again.
      - V(started) runs what was stopped, removed or has crashed again. What was stopped starts with the variables that
        it had, unless a variable of O(pinned_variables) has another value today; then it is deployed anew from its
        image, and so is what runs with another value.
      - V(restarted) starts the process of what runs anew, every time, with the variables that it had.
      - V(removed) takes what runs or was stopped out of service. Railway keeps the image for a rollback, as long as it
        does.
      - V(scaled) runs as many replicas as O(regions) says. Railway deploys the live image anew with that.
      - V(configured) changes settings and deploys nothing, that is O(auto_deploy), O(healthcheck_path),
        O(healthcheck_timeout), O(overlap_seconds), O(draining_seconds) and O(pre_deploy_command). All but the first
        hold from the next deployment on. What is not set stays as it is.
    type: str
    choices: [configured, deployed, removed, restarted, rolled_back, scaled, started, stopped]
    required: true
  source:
    description:
      - Where the deployment of O(state=deployed) comes from.
      - V(upload) sends the files in O(path).
      - V(commit) has Railway build O(commit) from the repository that the service is connected to.
      - V(adopt) makes no deployment. It takes the one that Railway made by itself of exactly O(commit), waits for it,
        and fails when there is none.
      - V(image) runs O(image). Refused where the service is connected to a repository, since that would disconnect it.
    type: str
    choices: [adopt, commit, image, upload]
    default: upload
  commit:
    description:
      - Full SHA of the commit for O(source=commit) and O(source=adopt); by default the one that O(ref) stands for in
        O(path). With O(source=upload) it is what O(ref) must stand for.
    type: str
  image:
    description:
      - The image for O(source=image), best with a digest, since a tag may stand for another image tomorrow.
    type: str
  path:
    description:
      - A folder with the files, or with O(ref) a git repository on the controller. Required with O(source=upload).
      - What C(.railwayignore) names is left out, and C(.git) and C(node_modules) always, as Railway's own client does.
        Of a folder, what C(.gitignore) names is left out too, unless C(.railwayignore) takes it back. A file such as
        C(.env) is sent unless one of them names it.
      - Executable files stay executable. A link to a file is sent as that file. A link to a folder, or out of the
        source, is refused.
    type: path
  root_directory:
    description:
      - Folder inside of O(path) that holds the application; it becomes the root of the upload. Where the service has a
        root directory at Railway, leave it out to upload the whole of O(path).
    type: str
    default: ""
  release:
    description:
      - Name of the release, such as V(v1.1.0), without blanks. It is the O(ref) by default, or the tag of the O(image),
        and required where O(path) is uploaded without a ref.
      - Railway keeps it with an upload only. A deployment of a commit or an image has no name in a later look.
    type: str
  deployment:
    description:
      - Id of the deployment to go back to. Required with O(state=rolled_back).
    type: str
  pinned_variables:
    description:
      - Names of the variables that keep today's values with O(state=rolled_back) and O(state=started), such as the
        address of a database that has moved since.
      - What Railway says that the old deployment was made with is compared with the service's variables before anything
        is written. A value that cannot be compared counts as different, that of a sealed variable and a reference to
        another variable among them. A new deployment is looked at as soon as it is asked for, and cancelled should it
        have another value after all.
      - Without names a rollback is Railway's own.
    type: list
    elements: str
    default: []
  auto_deploy:
    description:
      - Whether pushes to the repository that the service is connected to deploy it by themselves, past every check.
    type: bool
  healthcheck_path:
    description:
      - Path that has to answer 200 before a deployment serves; empty for none.
    type: str
  healthcheck_timeout:
    description:
      - Seconds within which it has to.
    type: int
  overlap_seconds:
    description:
      - Seconds for which the old process serves beside the new one.
    type: int
  draining_seconds:
    description:
      - Seconds between SIGTERM and SIGKILL to the old process.
    type: int
  pre_deploy_command:
    description:
      - What Railway runs before a deployment starts; empty for nothing.
    type: str
  regions:
    description:
      - How many replicas run in which region, by the names of regions. Regions that are not named keep theirs, and a
        region with 0 is left. Required with O(state=scaled).
    type: dict
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
    description: Shows which deployment is live and which are on their way, before and after.
    support: full
notes:
  - The module reads the last 50 deployments; O(deployment) may be older.
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

- name: Have Railway build the commit of the release
  storefront.runbook.railway_service:
    api_token: "{{ vault_railway_token }}"
    project: 5a1b9c3e-1111-4222-8333-444455556666
    environment: production
    service: api
    state: deployed
    source: commit
    commit: 0123456789abcdef0123456789abcdef01234567
    release: v1.1.0

- name: Run two replicas in Europe, and as many as before elsewhere
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
  description: The deployment that was asked for; with V(stopped), V(removed), V(configured) and V(scaled) as O(state)
    the one that ran, or null when none did.
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
      description: Railway's word for its state in lower case, or V(stopped) for one that was stopped, which Railway
        lists as a success.
      type: str
      sample: success
    release:
      description: Name of the release; null for one that this module neither made nor was told the name of.
      type: str
      sample: v1.1.0
    commit:
      description: Full SHA of the commit it was built from; null for a plain folder and for an image.
      type: str
      sample: 0123456789abcdef0123456789abcdef01234567
    created_at:
      description: Creation time in UTC.
      type: str
      sample: "2026-01-31T12:00:00+00:00"
previous:
  description: What was live before, in the shape of RV(deployment); null when nothing was.
  returned: success
  type: dict
way:
  description:
    - How the image of O(deployment) is made to run again. V(rollback) is Railway's own, which brings the old variables
      back; V(redeploy) deploys the image anew with today's variables; V(start) starts what was stopped. Check mode
      tells it, too. Null where nothing has to be made.
  returned: with O(state=rolled_back) or O(state=started)
  type: str
  sample: redeploy
differing_variables:
  description: Names of O(pinned_variables) that had another value in O(deployment), or one that cannot be compared.
  returned: with O(state=rolled_back) or O(state=started)
  type: list
  elements: str
  sample: [DATABASE_URL]
service:
  description:
    - How the service is set up, in the words of M(storefront.runbook.railway_info), such as
      RV(storefront.runbook.railway_info#module:auto_deploy) and
      RV(storefront.runbook.railway_info#module:start_command). Each is null, with a warning, where Railway does not
      tell.
  returned: with O(state=deployed)
  type: dict
  sample: {"auto_deploy": false, "start_command": "npm start", "pre_deploy_command": null}
settings:
  description: The settings that can be changed, as they are afterwards.
  returned: with O(state=configured) or O(state=scaled)
  type: dict
  sample: {"auto_deploy": false}
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
      description: Railway's own code.
      type: str
    status:
      description: The HTTP status; V(200) also where Railway answered with errors.
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
from ..module_utils.core.module import Plan, Runtime, run
from ..module_utils.core.options import api_options, lease_options, source_options, wait_options
from ..module_utils.platforms.common import decide
from ..module_utils.platforms.railway.client import API_URL, PLACE_OPTIONS, Railway, connect
from ..module_utils.platforms.railway.goals import restarted, rolled_back, started
from ..module_utils.platforms.railway.scaling import scaled
from ..module_utils.platforms.railway.settings import configured, refuse_misplaced, told_settings
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
        **{name: {"type": "str"} for name in ("commit", "image", "release", "deployment", "healthcheck_path", "pre_deploy_command")},
        **{name: {"type": "int"} for name in ("healthcheck_timeout", "overlap_seconds", "draining_seconds")},
        "pinned_variables": {"type": "list", "elements": "str", "default": []},
        "auto_deploy": {"type": "bool"},
        "regions": {"type": "dict"},
        **wait_options(),
        **lease_options(),
    }


def build_client(params: dict[str, Any], runtime: Runtime) -> Railway:
    return connect(params, beat=runtime.beat, warn=runtime.warn, before_write=runtime.before_write)


def plan(params: dict[str, Any], client: Railway) -> Plan:
    state = params["state"]
    refuse_misplaced(params)
    listed = client.deployments()
    serving = live(listed)
    previous = serving.describe() if serving else None
    coming = [deployment for deployment in listed if deployment.in_progress]
    if state in SETTINGS:
        was, shall, change = SETTINGS[state](params, client)
        return Plan(was, shall, Change(params["wait"], change), {"settings": shall, "deployment": previous, "previous": previous})
    before: dict[str, Any] = {"live": brief(serving), "in_progress": [brief(deployment) for deployment in coming]}
    if state in ENDS:
        ended = {**previous, "status": state} if previous else None
        left = [deployment for deployment in listed if deployment.word == "stopped"] if state == "removed" else []
        before["stopped"] = [brief(deployment) for deployment in left]
        return Plan(before, {"live": None, "in_progress": [], "stopped": []}, End(params["wait"], state, coming), {"deployment": ended, "previous": previous})
    course = decide(listed, GOALS[state](params, client, listed))
    goal, found = course.goal, course.found
    predicted = {**found.describe(goal.predicted.get("release")), "status": "success" if params["wait"] else found.word} if found else goal.predicted
    after = {"live": {key: predicted[key] for key in ("id", "release", "status")}, "in_progress": [], **goal.shown}
    if course.is_complete and found and found.is_live:
        after = before
    result = {"deployment": predicted, "previous": previous, **course.told, **({"service": told_settings(client)} if state == "deployed" else {})}
    if course.is_complete:
        result["changed"] = False  # what is on its way already is only waited for
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
