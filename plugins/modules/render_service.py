#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deploy a release to a Render service, roll it back, stop, start, restart, scale or configure it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: render_service
version_added: 1.0.0
short_description: Deploy, roll back, stop, start or scale a service on Render
description:
  - Deploys a release to a service, rolls it back to an older deploy, stops it or starts it, and waits until Render
    reports the result. A web service is ready after its health check. A worker has no health check and counts as
    healthy once it runs.
  - Render builds from Git or pulls an image, and accepts no uploads. So a release is a commit in the service's
    repository or an image.
  - The module first cancels other deploys of the service that Render is still building or starting, so that none of
    them becomes live afterwards.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  state:
    description:
      - V(deployed) deploys the commit or the image and waits until it is live. If a deploy of the same commit or image
        is live or in progress, the module reuses it, even if its variables are different. So a second run creates no
        second deploy.
      - V(redeployed) redeploys the live commit or image with the current variables and settings. It does so on every
        run and takes a build.
      - V(rolled_back) runs the build of O(deployment) again. The module does nothing if this deploy is live, or if a
        rollback to it is live or in progress. It turns off automatic deploys of pushes, since Render leaves them on
        after a rollback by API.
      - V(stopped) suspends the service. It keeps its builds and can be started again.
      - V(started) resumes it.
      - V(restarted) replaces the instances by new ones of the same deploy. It does so on every run.
      - V(scaled) runs O(replicas) instances.
      - V(configured) sets O(auto_deploy) and O(maintenance_mode) and deploys nothing.
    type: str
    choices: [configured, deployed, redeployed, restarted, rolled_back, scaled, started, stopped]
    required: true
  source:
    description:
      - Source of the deploy for O(state=deployed).
      - V(commit) lets Render build O(commit), or the commit that O(ref) resolves to.
      - V(image) runs O(image).
      - V(adopt) creates no deploy. It finds the one that Render created automatically for exactly that commit, and
        waits for it. It fails if there is none.
    type: str
    choices: [adopt, commit, image]
    default: commit
  path:
    description:
      - Git repository on the controller that has the release. The module resolves O(ref) in it, and uses its tags as
        names of releases. It uploads nothing from it.
    type: path
  ref:
    description:
      - Tag, branch or commit in the git repository at O(path).
    type: str
  commit:
    description:
      - Full SHA of the commit to deploy, if there is no repository at O(path).
    type: str
  image:
    description:
      - Image to deploy to an image-backed service. Host, repository and name must be those of the service. Only a
        reference with a digest always means the same image.
    type: str
  release:
    description:
      - Name of the release, such as V(v1.1.0), without spaces. The default is O(ref) or the tag of O(image).
      - Render stores no name for a deploy. The module finds the name by the commit or the image, so a deploy of a
        commit without a tag in O(path) has no release name.
    type: str
  clear_cache:
    description:
      - Whether Render clears its build cache before the build.
    type: bool
    default: false
  deployment:
    description:
      - Id of the deploy to roll back to (C(dep-...)). Required with O(state=rolled_back).
    type: str
  pinned_variables:
    description:
      - Names of variables that must keep their current values, such as V(DATABASE_URL). A Render rollback runs with the
        old variables of its target, and does not change the variables of later deploys.
      - Render does not report which variables a deploy runs with. If one of these variables has changed since
        O(known_variables), or is missing there, the module redeploys the commit or image of O(deployment) with the
        current variables instead. This takes a build.
      - If the list is empty, the module uses Render's own rollback.
    type: list
    elements: str
    default: []
  known_variables:
    description:
      - Value of RV(storefront.runbook.render_info#module:variables) or RV(variables) when O(deployment) was live, with
        the same O(digest_key).
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - Name of the variable.
        type: str
        required: true
      digest:
        description:
          - Keyed digest of its value.
        type: str
        required: true
  digest_key:
    description:
      - Key for the digests in RV(variables) and O(known_variables). The default is the API token. Only digests of the
        same key can be compared.
    type: str
  replicas:
    description:
      - Number of instances to run. O(state=scaled) needs it, or O(regions). The module refuses it while Render's
        autoscaling is on, since Render then ignores the number.
    type: int
  regions:
    description:
      - Number of instances by region, instead of O(replicas). A service at Render runs in one region only.
    type: dict
  replicas_limit:
    description:
      - Most instances of a service that Render has agreed to. The default is 100, and 1 for a free service. A service
        with a disk has one.
    type: int
  auto_deploy:
    description:
      - Whether Render deploys each push automatically, without any checks. If it is not set, O(state=deployed) refuses
        a service with automatic deploys, O(state=rolled_back) turns them off, and the other states leave the setting as
        it is.
    type: bool
  maintenance_mode:
    description:
      - Whether Render shows a maintenance page instead of the web service. Used with O(state=configured). If not set,
        it stays as it is.
    type: bool
  maintenance_uri:
    description:
      - URL of the maintenance page. If empty, Render shows its own page. If not set, it stays as it is.
    type: str
extends_documentation_fragment:
  - storefront.runbook.render
  - storefront.runbook.api
  - storefront.runbook.wait
  - storefront.runbook.lease
  - storefront.runbook.store
attributes:
  check_mode:
    description: Reads the live state and predicts the result without writing. It cannot verify that Render has the
      commit.
    support: full
  diff_mode:
    description: Shows the live deploy, the deploys in progress and the settings, before and after.
    support: full
notes:
  - The module reads the last 50 deploys; O(deployment) may be older.
  - Render keeps a limited number of builds for rollbacks, depending on the plan, and does not report which. It refuses
    a rollback to a build that it no longer has.
  - Render does not roll back linked environment groups, and O(pinned_variables) covers only the service's own
    variables.
  - The module resumes a suspended service before it deploys or rolls back, so the old deploy may be live for a moment.
seealso:
  - module: storefront.runbook.render_info
  - module: storefront.runbook.render_env
"""

EXAMPLES = r"""
- name: Deploy the API from a tag
  storefront.runbook.render_service:
    api_token: "{{ vault_render_token }}"
    service: srv-d1a2b3c4d5e6f7g8h9i0
    state: deployed
    path: /srv/shop
    ref: v1.1.0
  register: api

- name: Roll back to the previous deploy, with the current database
  storefront.runbook.render_service:
    api_token: "{{ vault_render_token }}"
    service: srv-d1a2b3c4d5e6f7g8h9i0
    state: rolled_back
    deployment: "{{ api.previous.id }}"
    pinned_variables: [DATABASE_URL]
    known_variables: "{{ before.variables }}"
    digest_key: "{{ vault_digest_key }}"

- name: Run three instances
  storefront.runbook.render_service:
    api_token: "{{ vault_render_token }}"
    service: shop-api
    state: scaled
    replicas: 3

- name: Show the maintenance page
  storefront.runbook.render_service:
    api_token: "{{ vault_render_token }}"
    service: shop-api
    state: configured
    maintenance_mode: true
"""

RETURN = r"""
deployment:
  description:
    - The requested deploy. With O(state=stopped) it is the deploy that ran, and with states that deploy nothing it is
      the live deploy. Null if there is none.
  returned: success
  type: dict
  contains:
    id:
      description: Id. Null in check mode if it does not exist yet.
      type: str
      sample: dep-d1a2b3c4d5e6f7g8h9i0
    url:
      description: Public URL of the service. Null for a worker.
      type: str
      sample: https://shop-api.onrender.com
    status:
      description: Render's status, or V(stopped) if the service is suspended.
      type: str
      sample: live
    release:
      description: Name of the release. Null for a commit without a tag in O(path).
      type: str
      sample: v1.1.0
    commit:
      description: Full SHA of the commit that it was built from. Null for an image.
      type: str
      sample: 0123456789abcdef0123456789abcdef01234567
    created_at:
      description: Creation time in UTC.
      type: str
      sample: "2026-01-31T12:00:00+00:00"
previous:
  description: The deploy that was live before, in the shape of RV(deployment). Null if there was none.
  returned: success
  type: dict
variables:
  description:
    - The service's own current variables, each with its name and keyed digest, as in
      RV(storefront.runbook.render_info#module:variables). A new deploy runs with these variables.
  returned: with O(state=deployed), O(state=redeployed) or O(pinned_variables)
  type: list
  elements: dict
  sample: [{"name": "DATABASE_URL", "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}]
way:
  description:
    - How O(deployment) is started again. V(rollback) is Render's own rollback with the old variables. V(redeploy)
      redeploys its source with the current variables. V(resume) resumes the service. Also returned in check mode. Null
      if nothing has to be done.
  returned: with O(state=rolled_back) or O(state=started)
  type: str
  sample: rollback
differing_variables:
  description: Names of the O(pinned_variables) whose current value may differ from O(known_variables).
  returned: with O(state=rolled_back)
  type: list
  elements: str
  sample: [DATABASE_URL]
service:
  description:
    - Settings of the service before the run, with the same keys as M(storefront.runbook.render_info), such as
      RV(storefront.runbook.render_info#module:auto_deploy) and RV(storefront.runbook.render_info#module:start_command).
  returned: with O(state=deployed)
  type: dict
  sample: {"auto_deploy": false, "start_command": "npm start", "pre_deploy_command": ""}
auto_deploy:
  description: Whether Render deploys each push automatically after the run.
  returned: success
  type: bool
settings:
  description: Number of instances after the run in the region of the service, as C(regions).
  returned: with O(state=scaled)
  type: dict
  sample: {"regions": {"frankfurt": 3}}
previous_settings:
  description: The same before the run.
  returned: with O(state=scaled)
  type: dict
  sample: {"regions": {"frankfurt": 1}}
limit:
  description: The plan of the service, and the most instances that it allows.
  returned: with O(state=scaled)
  type: dict
  sample: {"plan": "standard", "replicas": 100}
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
      description: Render's error code.
      type: str
    status:
      description: HTTP status of the response.
      type: int
    request_id:
      description: Id of the request. Render's support asks for it.
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
from ..module_utils.core.options import api_options, lease_options, wait_options
from ..module_utils.core.plan import Plan
from ..module_utils.platforms.common import decide
from ..module_utils.platforms.render.client import API_URL, Render, connect, named, releases_in
from ..module_utils.platforms.render.goals import goal_of
from ..module_utils.platforms.render.settings import changes, configured, restarted, scaled, scaling, settings_summary
from ..module_utils.platforms.render.states import auto_deploys, brief, is_suspended, live
from ..module_utils.platforms.render.variables import digests, variables
from ..module_utils.platforms.render.work import Work
from ..module_utils.release.lease import guard
from ..module_utils.source.checkout import resolve

SETTINGS = {"configured": configured, "restarted": restarted, "scaled": scaled}
STATES = sorted([*SETTINGS, "deployed", "redeployed", "rolled_back", "started", "stopped"])


def argument_spec() -> dict[str, Any]:
    return {
        **api_options(API_URL, "RENDER_API_KEY"),
        "service": {"type": "str", "required": True},
        "state": {"type": "str", "required": True, "choices": STATES},
        "source": {"type": "str", "choices": ["adopt", "commit", "image"], "default": "commit"},
        **{name: {"type": "str"} for name in ("ref", "commit", "image", "release", "deployment", "maintenance_uri")},
        "path": {"type": "path"},
        "clear_cache": {"type": "bool", "default": False},
        "pinned_variables": {"type": "list", "elements": "str", "default": []},
        "known_variables": {
            **{"type": "list", "elements": "dict", "default": []},
            "options": {"name": {"type": "str", "required": True}, "digest": {"type": "str", "required": True}},
        },
        "digest_key": {"type": "str", "no_log": True},
        **{name: {"type": "int"} for name in ("replicas", "replicas_limit")},
        "regions": {"type": "dict"},
        "auto_deploy": {"type": "bool"},
        "maintenance_mode": {"type": "bool"},
        **wait_options(),
        **lease_options(),
    }


def build_client(params: dict[str, Any], runtime: Runtime) -> Render:
    if params["ref"]:
        params["commit"] = resolve(params["path"], params["ref"])
    release = params["release"] or params["ref"]
    releases = named(releases_in(params["path"], runtime.warn), [params["commit"], params["image"]], release)
    return connect(
        params, releases=releases, heartbeat=runtime.heartbeat, warn=runtime.warn, before_write=runtime.before_write
    )


def plan(params: dict[str, Any], client: Render) -> Plan:
    state, listed = params["state"], client.deploys()
    serving = live(listed)
    previous = serving.describe() if serving else None
    before: dict[str, Any] = {
        "live": brief(serving),
        "in_progress": [brief(deploy) for deploy in listed if deploy.in_progress],
    }
    before |= {"suspended": is_suspended(client.service), "auto_deploy": auto_deploys(client.service)}
    wanted = False if state == "rolled_back" and params["auto_deploy"] is None else params["auto_deploy"]
    result: dict[str, Any] = {
        "deployment": previous,
        "previous": previous,
        "auto_deploy": before["auto_deploy"] if wanted is None else wanted,
    }
    work = Work(params["wait"], changes(client, auto_deploy=wanted), settings_may_fail=state == "rolled_back")
    after = {**before, "auto_deploy": result["auto_deploy"]}
    if state in SETTINGS:
        SETTINGS[state](params, client, before, after, work)
        if state == "scaled":
            result |= scaling(client, before, after, params["replicas_limit"])
        return Plan(before, after, work, result)
    if state == "stopped":
        work.stop = [deploy for deploy in listed if deploy.in_progress]
        result["deployment"] = {**previous, "status": "stopped"} if previous else None
        return Plan(before, {**after, "live": None, "in_progress": [], "suspended": True}, work, result)
    if state in ("deployed", "redeployed") or params["pinned_variables"]:
        result["variables"] = digests(variables(client), params["digest_key"] or params["api_token"])
    if state == "deployed":
        result["service"] = settings_summary(client.service)
    work.course = course = decide(listed, goal_of(params, client, listed, result.get("variables", [])))
    found = course.found
    predicted = (
        {**found.describe(), "status": "live" if params["wait"] else found.word} if found else course.goal.predicted
    )
    if not (course.is_complete and found and found.is_live):
        after |= {
            "live": {key: predicted[key] for key in ("id", "release", "status")},
            "in_progress": [],
            "suspended": False,
        }
    if course.is_complete:
        result["changed"] = bool(work.settings)  # a deploy in progress is only waited for
    return Plan(before, after, work, {**result, **course.details, "deployment": predicted})


def apply(intent: Plan, client: Render) -> dict[str, Any]:
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
        required_if=[
            ("state", "deployed", ("ref", "commit", "image"), True),
            ("state", "rolled_back", ("deployment",)),
        ],
        required_by={"ref": ("path",)},
        mutually_exclusive=[("ref", "commit", "image")],
    )


if __name__ == "__main__":
    main()
