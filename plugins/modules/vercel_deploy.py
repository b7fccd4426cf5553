#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stage a release on Vercel, promote it, roll back to an older one, or cancel a build."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vercel_deploy
version_added: 1.0.0
short_description: Stage, promote, roll back or cancel a deployment on Vercel
description:
  - Builds the frontend for production without serving it, points the production domains at a build, or points them back to an older one.
  - Vercel's C(READY) says that a build is done, not that it is served. The module waits until every production domain serves the deployment.
    Domains with a cache in front of them serve the new deployment only after a purge.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  api_token:
    description:
      - Token of Vercel's API, from its account settings. Never shown, logged or written to disk.
      - The environment variable E(VERCEL_TOKEN) is used when it is not set.
    type: str
    required: true
  api_url:
    description:
      - Address of Vercel's API; another one than the default is for tests and proxies.
    type: str
    default: https://api.vercel.com
  team:
    description:
      - Team that owns the project, as its id (C(team_...)) or its slug. Leave it out for a personal account.
    type: str
  project:
    description:
      - Id (C(prj_...)) or name of the project.
    type: str
    required: true
  state:
    description:
      - V(staged) builds the release for production and does not serve it. The project's I(auto-assign custom production domains) is turned off
        first. A deployment of the same release and source that is built or being built is used again, so a second run makes no second build.
      - V(promoted) serves O(deployment) on every production domain. The project's auto-assignment stays as it was, although Vercel turns it
        on with each promotion.
      - V(rolled_back) serves O(deployment), an older one that has served production already. Nothing is built and changed variables do not
        apply. Vercel turns auto-assignment off with it.
      - V(canceled) stops the build of O(deployment). One that is over already is left as it is.
    type: str
    choices: [staged, promoted, rolled_back, canceled]
    required: true
  path:
    description:
      - A folder with the files, or with O(ref) a git repository on the controller. Required with O(state=staged).
    type: path
  root_directory:
    description:
      - Folder inside of O(path) that holds the application. Where the project has a root directory at Vercel, give the same one, or leave it
        out to upload the whole of O(path).
    type: str
    default: ""
  release:
    description:
      - What the release is called, such as V(v1.1.0). It is the O(ref) by default, and required where O(path) is used without one.
    type: str
  deployment:
    description:
      - Id of the deployment (C(dpl_...)). Required with every O(state) but V(staged).
    type: str
  meta:
    description:
      - More words to keep with the deployment at Vercel; never a secret. C(release), C(commit) and C(source_digest) are set by the module.
    type: dict
    default: {}
  wait_interval:
    description:
      - Seconds between two looks. By default as often as Vercel's own client, every second at first and every 30 seconds after 5 minutes.
    type: float
    default: null
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
    description: Shows which deployment is live and staged, before and after.
    support: full
notes:
  - How many files a deployment needs to send shows only when it is made, since Vercel keeps what it was sent before. Check mode tells the
    number and size of all files.
  - A look at the list of deployments goes back 100 production deployments.
seealso:
  - module: storefront.runbook.vercel_info
"""

EXAMPLES = r"""
- name: Build the release without serving it
  storefront.runbook.vercel_deploy:
    api_token: "{{ vault_vercel_token }}"
    team: team_1a2b3c
    project: shop
    state: staged
    path: /srv/shop
    ref: v1.1.0
    root_directory: apps/frontend
  register: staged

- name: Serve what was verified
  storefront.runbook.vercel_deploy:
    api_token: "{{ vault_vercel_token }}"
    team: team_1a2b3c
    project: shop
    state: promoted
    deployment: "{{ staged.deployment.id }}"
  register: promoted

- name: Serve the one from before again
  storefront.runbook.vercel_deploy:
    api_token: "{{ vault_vercel_token }}"
    team: team_1a2b3c
    project: shop
    state: rolled_back
    deployment: "{{ promoted.previous.id }}"
"""

RETURN = r"""
deployment:
  description: The deployment that was asked for.
  returned: success
  type: dict
  contains:
    id:
      description: Its id; null in check mode when it is not made yet.
      type: str
      sample: dpl_89qyp1cskzkLrVicDaZoDbjyHuDJ
    url:
      description: Its own URL, which serves it whatever production serves.
      type: str
      sample: https://shop-9f2kq1x.vercel.app
    status:
      description: Vercel's word for the state of its build, in lower case.
      type: str
      sample: ready
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
  description: What production served before, in the shape of RV(deployment); null before the first promotion.
  returned: success
  type: dict
upload:
  description: What the release consists of, and what of it had to be sent.
  returned: with O(state=staged)
  type: dict
  contains:
    files:
      description: Number of files.
      type: int
    bytes:
      description: Their size.
      type: int
    sent_files:
      description: Number of files that Vercel did not hold yet; files of the same content count once. Not returned in check mode.
      type: int
    sent_bytes:
      description: Their size. Not returned in check mode.
      type: int
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
      description: Vercel's own code.
      type: str
    status:
      description: The HTTP status.
      type: int
    request_id:
      description: What Vercel's support asks for.
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
from ..module_utils.core.source import checkout, list_files
from ..module_utils.core.wait import Outcome
from ..module_utils.data.lease import guard as lease_guard
from ..module_utils.platforms.vercel import API_URL, Vercel, connect
from ..module_utils.platforms.vercel_states import auto_assigns, describe, on_its_way, production, state_of
from ..module_utils.platforms.vercel_upload import create, digest, layout


def argument_spec() -> dict[str, Any]:
    return {
        **api_options(API_URL, "VERCEL_TOKEN"),
        "team": {"type": "str"},
        "project": {"type": "str", "required": True},
        "state": {"type": "str", "required": True, "choices": ["staged", "promoted", "rolled_back", "canceled"]},
        **source_options(),
        "release": {"type": "str"},
        "deployment": {"type": "str"},
        "meta": {"type": "dict", "default": {}},
        **wait_options(),
        "wait_interval": {"type": "float"},
        **lease_options(),
    }


def build_client(params: dict[str, Any], runtime: Runtime) -> Vercel:
    return connect(params, beat=runtime.beat, warn=runtime.warn)


def plan(params: dict[str, Any], client: Vercel) -> Plan:
    project = client.project(params["project"])
    live = production(project)
    before = {"live": shown(live), "auto_assign_domains": auto_assigns(project)}
    choose = {"staged": plan_staged, "canceled": plan_canceled}.get(params["state"], plan_served)
    intent = choose(params, client, project, before)
    intent.todo.update(state=params["state"], project=project, wait=params["wait"])
    intent.result["previous"] = describe(live) if live else None
    return intent


def shown(deployment: Any) -> dict[str, Any]:
    """Return what the diff tells of a deployment."""
    return {key: value for key, value in describe(deployment).items() if key in ("id", "release", "status")} if deployment else {}


def plan_staged(params: dict[str, Any], client: Vercel, project: Any, before: dict[str, Any]) -> Plan:
    release = params["release"] or params["ref"]
    if not release:
        raise ConfigError("With path alone nothing says what the release is called. Set release, or set ref to its tag.", code="no_release")
    source = client.held.enter_context(checkout(params["path"], params["ref"], params["root_directory"]))
    files = layout(list_files(source.root), project, params["root_directory"])
    meta = {**{key: str(value) for key, value in params["meta"].items()}, "release": release, "source_digest": digest(files)}
    if source.commit:
        meta["commit"] = source.commit
    found = client.find(project, meta)
    status = state_of(found)[1] if found and not params["wait"] else "ready"
    upload = {"files": len(files), "bytes": sum(file.size for _unused, file in files.values())}
    deployment = {**describe(found or {"meta": meta}), "status": status}
    after = {**before, "auto_assign_domains": False, "staged": {**shown(found), "release": release, "status": status}}
    if not found:
        after["upload"] = f"{upload['files']} files, {upload['bytes']} bytes, less what Vercel holds already"
    result = {"deployment": deployment, "upload": upload, "changed": not found or before["auto_assign_domains"]}  # only to wait is no change
    return Plan({**before, "staged": shown(found)}, after, {"files": files, "meta": meta, "found": found}, result)


def plan_served(params: dict[str, Any], client: Vercel, project: Any, before: dict[str, Any]) -> Plan:
    target = client.deployment(project, params["deployment"])
    verb = "rollback" if params["state"] == "rolled_back" else "promote"
    under_way = on_its_way(project) == target["id"]
    outcome, word = client.look(project, target["id"])
    before["serving"] = word
    after = dict(before)
    if outcome is not Outcome.READY:
        if not under_way:
            client.refuse_unservable(project, target, verb)
        after.update(live={**shown(target), "status": "ready"}, serving="served")
        after["auto_assign_domains"] = before["auto_assign_domains"] and verb == "promote"
    result = {"deployment": describe(target), "changed": before != after and not under_way}  # only to wait is no change
    return Plan(before, after, {"target": target, "verb": verb, "under_way": under_way}, result)


def plan_canceled(params: dict[str, Any], client: Vercel, project: Any, before: dict[str, Any]) -> Plan:
    target = client.deployment(project, params["deployment"])
    deployment = describe(target)
    if state_of(target)[0] not in (Outcome.READY, Outcome.FAILED):
        deployment["status"] = "canceled"
    after = {**before, "canceled": shown(target) | {"status": deployment["status"]}}
    return Plan({**before, "canceled": shown(target)}, after, {"target": target}, {"deployment": deployment})


def apply(intent: Plan, client: Vercel) -> dict[str, Any]:
    return {"staged": apply_staged, "canceled": apply_canceled}.get(intent.todo["state"], apply_served)(intent, client)


def apply_staged(intent: Plan, client: Vercel) -> dict[str, Any]:
    project, made, sent = intent.todo["project"], intent.todo["found"], {"files": 0, "bytes": 0}
    if intent.before["auto_assign_domains"]:
        client.set_auto_assign(project, False)
    if not made:
        made, sent = create(client, project, intent.todo["files"], intent.todo["meta"])
    if intent.todo["wait"]:
        made = client.wait_ready(project, made)
    return {"deployment": describe(made), "upload": {**intent.result["upload"], **{f"sent_{key}": value for key, value in sent.items()}}}


def apply_served(intent: Plan, client: Vercel) -> dict[str, Any]:
    project, target, verb, stale = intent.todo["project"], intent.todo["target"], intent.todo["verb"], None
    if state_of(target)[0] is not Outcome.READY:
        target = client.wait_ready(project, target)
    if not intent.todo["under_way"]:
        client.waiter.beat()
        stale = client.point(project, target["id"], verb)
    if intent.todo["wait"]:
        project = client.wait_served(project, target["id"], stale)
    if auto_assigns(project) and not intent.before["auto_assign_domains"]:
        client.waiter.beat()
        client.set_auto_assign(project, False)
    if verb == "rollback":
        client.waiter.warn("Vercel turns auto-assignment off with a rollback: what is built from now on is served only once it is promoted.")
    return {"deployment": describe(target)}


def apply_canceled(intent: Plan, client: Vercel) -> dict[str, Any]:
    return {"deployment": describe(client.cancel(intent.todo["target"]["id"]))}


def main() -> None:
    required = [("state", "staged", ["path"]), *[("state", state, ["deployment"]) for state in ("promoted", "rolled_back", "canceled")]]
    run(argument_spec(), build_client, plan, apply, guard=lease_guard, libraries={"requests": REQUESTS_ERROR}, required_if=required)


if __name__ == "__main__":
    main()
