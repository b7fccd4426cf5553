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
  - Builds the frontend for production without serving it, points the production domains at a build, or points them back
    to an older one.
  - Vercel's C(READY) says that a build is done, not that it is served. The module waits until every production domain
    serves the deployment. Domains with a cache in front of them serve the new deployment only after a purge.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  state:
    description:
      - V(staged) builds the release for production and does not serve it, from what O(source) says. The project's
        I(auto-assign custom production domains) is turned off first; in a project that is linked to Git only where
        O(auto_assign_domains=false) says so. A deployment of the same release and source that is built or being built
        is used again, so a second run makes no second build.
      - V(promoted) serves O(deployment) on every production domain. The project's auto-assignment stays as it was,
        although Vercel turns it on with each promotion.
      - V(rolled_back) serves O(deployment), an older one that has served production already. Nothing is built and
        changed variables do not apply. Vercel turns auto-assignment off with it; O(auto_assign_domains=true) turns it
        on again.
      - V(canceled) stops the build of O(deployment). One that is over already is left as it is.
    type: str
    choices: [staged, promoted, rolled_back, canceled]
    required: true
  source:
    description:
      - Where the build of O(state=staged) comes from.
      - V(upload) sends the files in O(path). It is what happens where O(source) is not set.
      - V(commit) has Vercel build O(commit) from the Git repository that the project is linked to.
      - V(redeploy) has Vercel build O(deployment) again, with the variables of today. That is also how a preview comes
        to production. A build of the same that is newer than the last change of a variable is used again; that a
        variable was removed does not show.
      - V(adopt) makes no build. It takes the production build that Vercel made by itself of exactly O(commit), waits
        for it, and fails when there is none. It looks for a few seconds, since a push takes a moment to show.
    type: str
    choices: [upload, commit, redeploy, adopt]
  environment:
    description:
      - What O(state=staged) builds for. V(production), V(preview), or the slug of a custom environment. Only what is
        built for production can be promoted.
    type: str
    default: production
  prebuilt:
    description:
      - Whether to send what C(vercel build) has made in C(.vercel/output) below O(path) and O(root_directory), instead
        of the sources. Vercel then builds nothing. With O(environment=production) it must come from C(vercel build
        --prod). Not with O(ref).
    type: bool
    default: false
  force:
    description:
      - Whether O(state=staged) makes another build, past Vercel's cache, even where there is one of the same release
        and source.
    type: bool
    default: false
  commit:
    description:
      - Full SHA of the commit. Required with O(source=commit) and O(source=adopt). With O(source=upload) it is what
        O(ref) must stand for, and with O(prebuilt) what the output was built from.
    type: str
  auto_assign_domains:
    description:
      - Whether Vercel shall serve each production build as soon as it is built, past every check, once the module is
        through. With a Git link that means each push to the production branch.
      - Without it, O(state=staged) turns it off, O(state=promoted) leaves it as it was, O(state=rolled_back) leaves it
        off as Vercel does.
      - In a project that is linked to Git and has it on, O(state=staged) is refused unless this is V(false). V(true) is
        refused there.
    type: bool
  path:
    description:
      - A folder with the files, or with O(ref) a git repository on the controller. Required with O(state=staged) and
        O(source=upload).
      - What Vercel's own client leaves out is left out, such as C(node_modules), C(.git) and C(.env.local), but not
        C(.env). Then C(.vercelignore) decides, which can take each of them back (C(!.env.local)). Its patterns mean
        what they mean to that client. The files in O(root_directory) and in the folders above it count, up to O(path)
        or to the top of the commit.
      - Of a folder, what C(.gitignore) names is left out too, unless C(.vercelignore) takes it back.
      - An executable file is sent as one, and a link as a link. A link that leads out of the folder is refused. Vercel
        takes 15,000 files at most.
    type: path
  root_directory:
    description:
      - Folder inside of O(path) that holds the application. Where the project has a root directory at Vercel, give the
        same one, or leave it out to upload the whole of O(path).
    type: str
    default: ""
  release:
    description:
      - Name of the release, such as V(v1.1.0). It is the O(ref) by default, and required with O(state=staged) where
        there is none.
      - With another O(state) it names a deployment that this module did not make.
    type: str
  deployment:
    description:
      - Id of the deployment (C(dpl_...)). Required with every O(state) but V(staged), and with O(source=redeploy).
    type: str
  meta:
    description:
      - More words to keep with the deployment at Vercel; never a secret. C(release), C(commit) and C(source_digest) are
        set by the module.
    type: dict
    default: {}
  wait_interval:
    description:
      - Seconds between two looks. By default as often as Vercel's own client, every second at first and every 30
        seconds after 5 minutes, but sooner in the first five seconds.
    type: float
    default: null
extends_documentation_fragment:
  - storefront.runbook.vercel
  - storefront.runbook.api
  - storefront.runbook.wait
  - storefront.runbook.source
  - storefront.runbook.lease
  - storefront.runbook.store
attributes:
  check_mode:
    description: Reads the live state and predicts the result without writing.
    support: full
  diff_mode:
    description: Shows which deployment is live and staged, before and after.
    support: full
notes:
  - Vercel turns auto-assignment on with each promotion. Where it was off, the module turns it off again at once, so a
    push that is built in just that moment may be served.
  - How many files a deployment needs to send shows only when it is made, since Vercel keeps what it was sent before.
    Check mode tells the number and size of all files.
  - Where the project has rolling releases, V(promoted) waits until all visitors get the deployment, so O(wait_timeout)
    must be longer than all stages together. A stage that asks for approval is waited for.
  - The module reads the last 100 production deployments.
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

- name: Have Vercel build the commit of the release
  storefront.runbook.vercel_deploy:
    api_token: "{{ vault_vercel_token }}"
    team: team_1a2b3c
    project: shop
    state: staged
    source: commit
    commit: 0123456789abcdef0123456789abcdef01234567
    release: v1.1.0

- name: Take the build that the push of the release has begun
  storefront.runbook.vercel_deploy:
    api_token: "{{ vault_vercel_token }}"
    team: team_1a2b3c
    project: shop
    state: staged
    source: adopt
    commit: 0123456789abcdef0123456789abcdef01234567
    release: v1.1.0
    auto_assign_domains: false

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
      description: Id. Null in check mode if it does not exist yet.
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
      description: Name of the release; null for one that this module did not make.
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
previous:
  description: What production served before, in the shape of RV(deployment); null before the first promotion.
  returned: success
  type: dict
auto_assign_domains:
  description: Whether Vercel serves each production build as soon as it is built.
  returned: success
  type: dict
  contains:
    before:
      description: Before the module ran.
      type: bool
    after:
      description: Once it was through.
      type: bool
upload:
  description: What the release consists of, and what of it had to be sent.
  returned: with O(state=staged) and O(source=upload)
  type: dict
  contains:
    files:
      description: Number of files.
      type: int
    bytes:
      description: Their size.
      type: int
    sent_files:
      description: Number of files that Vercel did not hold yet; files of the same content count once. Not returned in
        check mode.
      type: int
    sent_bytes:
      description: Their size. Not returned in check mode.
      type: int
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
      description: Vercel's own code.
      type: str
    status:
      description: HTTP status of the response.
      type: int
    request_id:
      description: Id of the request. Vercel's support asks for it.
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
from ..module_utils.core.wait import Outcome
from ..module_utils.platforms.vercel.client import API_URL, Vercel, connect
from ..module_utils.platforms.vercel.git import refuse_unguarded
from ..module_utils.platforms.vercel.stage import choose
from ..module_utils.platforms.vercel.states import ROLLING, auto_assigns, brief, describe, named, on_its_way, production, state_of
from ..module_utils.platforms.vercel.work import Cancel, Serve, Stage, Work
from ..module_utils.release.lease import guard


def argument_spec() -> dict[str, Any]:
    return {
        **api_options(API_URL, "VERCEL_TOKEN"),
        "team": {"type": "str"},
        "project": {"type": "str", "required": True},
        "state": {"type": "str", "required": True, "choices": ["staged", "promoted", "rolled_back", "canceled"]},
        "source": {"type": "str", "choices": ["upload", "commit", "redeploy", "adopt"]},
        "environment": {"type": "str", "default": "production"},
        "prebuilt": {"type": "bool", "default": False},
        "force": {"type": "bool", "default": False},
        "commit": {"type": "str"},
        "auto_assign_domains": {"type": "bool"},
        **source_options(),
        "release": {"type": "str"},
        "deployment": {"type": "str"},
        "meta": {"type": "dict", "default": {}},
        **wait_options(),
        "wait_interval": {"type": "float"},
        **lease_options(),
    }


def build_client(params: dict[str, Any], runtime: Runtime) -> Vercel:
    return connect(params, beat=runtime.beat, warn=runtime.warn, before_write=runtime.before_write)


def plan(params: dict[str, Any], client: Vercel) -> Plan:
    project = client.project(params["project"])
    live = production(project)
    before = {"live": brief(live), "auto_assign_domains": auto_assigns(project)}
    plans = {"staged": plan_staged, "canceled": plan_canceled}
    intent = plans.get(params["state"], plan_served)(params, client, project, before)
    intent.result["previous"] = describe(live) if live else None
    intent.result["auto_assign_domains"] = {"before": before["auto_assign_domains"], "after": intent.after["auto_assign_domains"]}
    return intent


def plan_staged(params: dict[str, Any], client: Vercel, project: Any, before: dict[str, Any]) -> Plan:
    guarded = params["environment"] == "production"  # nothing else is ever served by itself
    if guarded:
        refuse_unguarded(project, before["auto_assign_domains"], params["auto_assign_domains"])
    turned_off = guarded and before["auto_assign_domains"]
    build = choose(client, project, params)
    found, release = build.found, build.meta["release"]
    status = state_of(found)[1] if found and not params["wait"] else "ready"
    was = {**brief(found), "release": release} if found else {}
    after = {
        **before,
        "auto_assign_domains": before["auto_assign_domains"] and not turned_off,
        "staged": {**was, "release": release, "status": status},
        **({} if found else build.told),
    }
    deployment = {**named(found or {"meta": build.meta}, release), "status": status}
    result = {"deployment": deployment, "changed": not found or turned_off, **({"upload": build.size} if build.files else {})}
    work = Stage(project, release, params["wait"], build, turns_off=bool(turned_off))
    return Plan({**before, "staged": was}, after, work, result)  # only to wait is no change


def plan_served(params: dict[str, Any], client: Vercel, project: Any, before: dict[str, Any]) -> Plan:
    target = client.deployment(project, params["deployment"])
    verb = "rollback" if params["state"] == "rolled_back" else "promote"
    outcome, word = client.status(project, target["id"])
    under_way = on_its_way(project) == target["id"] or (outcome is Outcome.PENDING and word.startswith(ROLLING))
    before["serving"] = word
    after = dict(before)
    if outcome is not Outcome.READY:
        if not under_way:
            client.refuse_unservable(project, target, verb)
        after.update(live={**brief(target), "status": "ready"}, serving="served")
        after["auto_assign_domains"] = before["auto_assign_domains"] and verb == "promote"
    if params["auto_assign_domains"] is not None:
        after["auto_assign_domains"] = params["auto_assign_domains"]
    only_waits = under_way and before["auto_assign_domains"] == after["auto_assign_domains"]
    assigns = {"assigns": before["auto_assign_domains"], "shall_assign": after["auto_assign_domains"]}
    work = Serve(project, params["release"] or params["ref"], params["wait"], target, verb, asks=outcome is not Outcome.READY and not under_way, **assigns)
    return Plan(before, after, work, {"deployment": named(target, params["release"]), "changed": before != after and not only_waits})


def plan_canceled(params: dict[str, Any], client: Vercel, project: Any, before: dict[str, Any]) -> Plan:
    target = client.deployment(project, params["deployment"])
    deployment = named(target, params["release"])
    if state_of(target)[0] not in (Outcome.READY, Outcome.FAILED):
        deployment["status"] = "canceled"
    after = {**before, "canceled": brief(target) | {"status": deployment["status"]}}
    return Plan({**before, "canceled": brief(target)}, after, Cancel(params["release"] or params["ref"], target), {"deployment": deployment})


def apply(intent: Plan, client: Vercel) -> dict[str, Any]:
    work: Work = intent.todo
    return work.do(client)


def main() -> None:
    required = [("state", state, ["deployment"]) for state in ("promoted", "rolled_back", "canceled")]
    required += [("source", source, ["commit"]) for source in ("commit", "adopt")] + [("source", "redeploy", ["deployment"])]
    run(argument_spec(), build_client, plan, apply, guard=guard, libraries={"requests": REQUESTS_ERROR}, required_if=required)


if __name__ == "__main__":
    main()
