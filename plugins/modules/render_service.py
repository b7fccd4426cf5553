#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deploy a release to a Render service, roll it back, stop, start, restart, scale or set it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: render_service
version_added: 1.0.0
short_description: Deploy, roll back, stop, start or scale a service on Render
description:
  - Makes a service run a release, run an older deploy again, or stop, and waits until Render says that it is so. For a
    web service that is after its health check; a worker has none and is taken for healthy once it runs.
  - Render builds from Git or pulls an image, and takes no upload. So a release is a commit that Render finds in the
    service's repository, or an image.
  - Deploys that Render still builds or starts for the service, and that are not what was asked for, are canceled first,
    so that none of them takes over afterwards.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  state:
    description:
      - V(deployed) deploys the commit or the image and waits until it is live. A deploy of the same one that is live or
        on its way is used again, so a second run makes no second one, with whichever variables it runs.
      - V(redeployed) deploys what serves anew, every time, with the variables and settings of today, which takes a
        build.
      - V(rolled_back) runs the build of O(deployment) again. Nothing is done when it is live, or when a rollback to it
        is live or on its way. What is deployed on each push is turned off, since Render leaves that on with a rollback
        by API.
      - V(stopped) suspends the service. It keeps its builds and can be started again.
      - V(started) resumes it.
      - V(restarted) replaces its instances by new ones of the same deploy, every time.
      - V(scaled) runs O(replicas) instances.
      - V(configured) sets O(auto_deploy) and O(maintenance_mode) and deploys nothing.
    type: str
    choices: [configured, deployed, redeployed, restarted, rolled_back, scaled, started, stopped]
    required: true
  source:
    description:
      - Where the deploy of O(state=deployed) comes from.
      - V(commit) has Render build O(commit), or the one that O(ref) stands for.
      - V(image) runs O(image).
      - V(adopt) makes no deploy. It takes the one that Render made by itself of exactly that commit, waits for it, and
        fails when there is none.
    type: str
    choices: [adopt, commit, image]
    default: commit
  path:
    description:
      - A git repository on the controller that has the release. Commits are looked up in it, by O(ref), and so is what
        releases are called, by their tags. Nothing of it is uploaded.
    type: path
  ref:
    description:
      - Tag, branch or commit in the git repository at O(path).
    type: str
  commit:
    description:
      - The full SHA of the commit to deploy, where there is no repository at O(path).
    type: str
  image:
    description:
      - The image to deploy to an image-backed service. Host, repository and name must be the service's own. A reference
        with a digest always is the same image.
    type: str
  release:
    description:
      - Name of the release, such as V(v1.1.0), without blanks. It is the O(ref) by default, or the tag of the O(image).
      - Render keeps no name for a deploy. What releases are called is found by their commits or images, so a deploy of
        a commit that has no tag at O(path) has no release.
    type: str
  clear_cache:
    description:
      - Whether Render clears its build cache first.
    type: bool
    default: false
  deployment:
    description:
      - Id of the deploy to go back to (C(dep-...)). Required with O(state=rolled_back).
    type: str
  pinned_variables:
    description:
      - Names of variables that must not come back from the past, such as V(DATABASE_URL). A rollback at Render runs
        with the variables that its target had, and leaves what is set for later deploys as it is.
      - Render does not tell which variables a deploy runs with. Where one of these was changed since
        O(known_variables), or where they do not tell it, the commit or image of O(deployment) is deployed anew with
        today's variables instead, which takes a build.
      - Without names a rollback is Render's own.
    type: list
    elements: str
    default: []
  known_variables:
    description:
      - What RV(storefront.runbook.render_info#module:variables) or RV(variables) was when O(deployment) was live, with
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
          - Its digest.
        type: str
        required: true
  digest_key:
    description:
      - Key of the digests in RV(variables) and O(known_variables), the API token by default. Digests compare only with
        digests of the same key.
    type: str
  replicas:
    description:
      - How many instances shall run. Required with O(state=scaled); refused while Render scales the service by itself,
        since it ignores the number then.
    type: int
  auto_deploy:
    description:
      - Whether Render deploys each push by itself, past every check. When it is not set O(state=deployed) refuses a
        service that does that, and O(state=rolled_back) turns it off; the others leave it as it is.
    type: bool
  maintenance_mode:
    description:
      - Whether Render answers for the web service with a maintenance page, with O(state=configured). Left as it is when
        not set.
    type: bool
  maintenance_uri:
    description:
      - The page that is shown meanwhile; Render's own when empty. Left as it is when not set.
    type: str
extends_documentation_fragment:
  - storefront.runbook.render
  - storefront.runbook.api
  - storefront.runbook.wait
  - storefront.runbook.lease
  - storefront.runbook.store
attributes:
  check_mode:
    description: Reads the live state and predicts the result without writing. It cannot know whether Render has the
      commit.
    support: full
  diff_mode:
    description: Shows which deploy is live, which are on their way, and the settings, before and after.
    support: full
notes:
  - The module reads the last 50 deploys; O(deployment) may be older.
  - Render keeps a number of builds for rollbacks, by the plan, and does not tell which; it refuses the rollback to
    another one.
  - Linked environment groups are not rolled back by Render, and O(pinned_variables) knows the service's own variables
    only.
  - A suspended service is resumed before it is deployed to or rolled back, so what it ran before may serve for a
    moment.
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

- name: Run the one from before again, with today's database
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
    - The deploy that was asked for; with O(state=stopped) the one that ran, with the states that deploy nothing the one
      that serves. Null when none does.
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
      description: Render's word for its state, or V(stopped) for one whose service is suspended.
      type: str
      sample: live
    release:
      description: Name of the release; null for a commit without a tag at O(path).
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
  description: What was live before, in the shape of RV(deployment); null when nothing was.
  returned: success
  type: dict
variables:
  description:
    - The service's own variables of today by name and keyed digest, as in
      RV(storefront.runbook.render_info#module:variables). A deploy that was made now runs with them.
  returned: with O(state=deployed), O(state=redeployed) or O(pinned_variables)
  type: list
  elements: dict
  sample: [{"name": "DATABASE_URL", "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}]
way:
  description:
    - How O(deployment) is made to run again. V(rollback) is Render's own, with the variables of then; V(redeploy)
      deploys its source anew with those of today; V(resume) resumes the service. Check mode tells it, too. Null where
      nothing has to be made.
  returned: with O(state=rolled_back) or O(state=started)
  type: str
  sample: rollback
differing_variables:
  description: Names of O(pinned_variables) that may have another value today than O(known_variables) tell.
  returned: with O(state=rolled_back)
  type: list
  elements: str
  sample: [DATABASE_URL]
service:
  description:
    - How the service was set up before, in the words of M(storefront.runbook.render_info), such as
      RV(storefront.runbook.render_info#module:auto_deploy) and RV(storefront.runbook.render_info#module:start_command).
  returned: with O(state=deployed)
  type: dict
  sample: {"auto_deploy": false, "start_command": "npm start", "pre_deploy_command": ""}
auto_deploy:
  description: Whether Render deploys each push by itself from now on.
  returned: success
  type: bool
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
      description: Render's own code.
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
from ..module_utils.core.module import Plan, Runtime, run
from ..module_utils.core.options import api_options, lease_options, wait_options
from ..module_utils.platforms.common import decide
from ..module_utils.platforms.render.client import API_URL, Render, connect, named, releases_in
from ..module_utils.platforms.render.goals import goal_of
from ..module_utils.platforms.render.settings import changes, configured, restarted, scaled, told_settings
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
        "replicas": {"type": "int"},
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
    return connect(params, releases=releases, beat=runtime.beat, warn=runtime.warn, before_write=runtime.before_write)


def plan(params: dict[str, Any], client: Render) -> Plan:
    state, listed = params["state"], client.deploys()
    serving = live(listed)
    previous = serving.describe() if serving else None
    before: dict[str, Any] = {"live": brief(serving), "in_progress": [brief(deploy) for deploy in listed if deploy.in_progress]}
    before |= {"suspended": is_suspended(client.service), "auto_deploy": auto_deploys(client.service)}
    wanted = False if state == "rolled_back" and params["auto_deploy"] is None else params["auto_deploy"]
    result: dict[str, Any] = {"deployment": previous, "previous": previous, "auto_deploy": before["auto_deploy"] if wanted is None else wanted}
    work = Work(params["wait"], changes(client, auto_deploy=wanted), settings_may_fail=state == "rolled_back")
    after = {**before, "auto_deploy": result["auto_deploy"]}
    if state in SETTINGS:
        SETTINGS[state](params, client, before, after, work)
        return Plan(before, after, work, result)
    if state == "stopped":
        work.stop = [deploy for deploy in listed if deploy.in_progress]
        result["deployment"] = {**previous, "status": "stopped"} if previous else None
        return Plan(before, {**after, "live": None, "in_progress": [], "suspended": True}, work, result)
    if state in ("deployed", "redeployed") or params["pinned_variables"]:
        result["variables"] = digests(variables(client), params["digest_key"] or params["api_token"])
    if state == "deployed":
        result["service"] = told_settings(client.service)
    work.course = course = decide(listed, goal_of(params, client, listed, result.get("variables", [])))
    found = course.found
    predicted = {**found.describe(), "status": "live" if params["wait"] else found.word} if found else course.goal.predicted
    if not (course.is_complete and found and found.is_live):
        after |= {"live": {key: predicted[key] for key in ("id", "release", "status")}, "in_progress": [], "suspended": False}
    if course.is_complete:
        result["changed"] = bool(work.settings)  # what is on its way already is only waited for
    return Plan(before, after, work, {**result, **course.told, "deployment": predicted})


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
            ("state", "scaled", ("replicas",)),
        ],
        required_by={"ref": ("path",)},
        mutually_exclusive=[("ref", "commit", "image")],
    )


if __name__ == "__main__":
    main()
