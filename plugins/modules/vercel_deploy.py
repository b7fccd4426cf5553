#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stage a release on Vercel, roll it out, promote it, roll back to an older one, or cancel a build."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vercel_deploy
version_added: 1.0.0
short_description: Stage, roll out, promote, roll back or cancel a deployment on Vercel
description:
  - Builds the frontend for production without serving it, points the production domains to a build, or points them back
    to an older one.
  - Vercel's C(READY) means that a build is finished, not that it is served. The module waits until every production
    domain serves the deployment. Domains behind a cache serve the new deployment only after a purge.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  state:
    description:
      - V(staged) builds the release from O(source) for production without serving it. The module first turns off the
        project's setting I(auto-assign custom production domains). If the project is linked to Git, it does so only
        with O(auto_assign_domains=false). If a deployment of the same release and source exists or is being built, the
        module reuses it. So a second run starts no second build.
      - V(rolling) serves O(deployment) to O(share) percent of the visitors. It starts a rolling release with the
        O(stages), or approves the next stages of the one under way, until the share is reached. The other visitors get
        the deployment that was live. Where nothing is live yet, it does nothing, and V(promoted) serves the deployment
        to all.
      - V(promoted) serves O(deployment) on every production domain. The project's auto-assignment stays as it was,
        although Vercel turns it on with each promotion.
      - V(rolled_back) serves O(deployment), which must be an older deployment that was live in production before.
        Nothing is built, and changed variables have no effect. Vercel turns auto-assignment off with a rollback. With
        the deployment that a rolling release is replacing, it ends that release, so that no visitor gets the new one.
        O(auto_assign_domains=true) turns it on again.
      - V(canceled) cancels the build of O(deployment). A finished build stays as it is.
    type: str
    choices: [staged, rolling, promoted, rolled_back, canceled]
    required: true
  source:
    description:
      - Source of the build for O(state=staged).
      - V(upload) sends the files in O(path). This is the default.
      - V(commit) lets Vercel build O(commit) from the Git repository that the project is linked to.
      - V(redeploy) lets Vercel build O(deployment) again with the current variables. This also brings a preview to
        production. The module reuses a build of the same deployment that is newer than the last change of a variable.
        It cannot detect that a variable was removed.
      - V(adopt) starts no build. It finds the production build that Vercel started automatically for exactly O(commit),
        and waits for it. It fails if there is none. It searches for a few seconds, since a push takes a moment to
        appear.
    type: str
    choices: [upload, commit, redeploy, adopt]
  environment:
    description:
      - Environment that O(state=staged) builds for, which is V(production), V(preview) or the slug of a custom
        environment. Only a build for production can be promoted.
    type: str
    default: production
  prebuilt:
    description:
      - Whether to send the output of C(vercel build) instead of the sources. The output is in C(.vercel/output) below
        O(path) and O(root_directory). Vercel then builds nothing. With O(environment=production) it must be the output
        of C(vercel build --prod). Cannot be combined with O(ref).
    type: bool
    default: false
  force:
    description:
      - Whether O(state=staged) always starts a new build without Vercel's cache, even if a build of the same release
        and source exists.
    type: bool
    default: false
  commit:
    description:
      - Full SHA of the commit. Required with O(source=commit) and O(source=adopt). With O(source=upload), O(ref) must
        resolve to it. With O(prebuilt) it is the commit that the output was built from.
    type: str
  auto_assign_domains:
    description:
      - Whether Vercel, after this run, serves each production build as soon as it is built, without any checks. If the
        project is linked to Git, this applies to each push to the production branch.
      - If not set, O(state=staged) turns the setting off, O(state=promoted) leaves it as it was, and
        O(state=rolled_back) leaves it off as Vercel does.
      - If the project is linked to Git and has the setting on, O(state=staged) requires V(false) here. It refuses
        V(true).
    type: bool
  path:
    description:
      - Folder with the files. With O(ref) it is a git repository on the controller. Required with O(state=staged) and
        O(source=upload).
      - The upload leaves out the same files as Vercel's own client, such as C(node_modules), C(.git) and C(.env.local),
        but not C(.env). C(.vercelignore) can exclude further files and include these again (C(!.env.local)). Its
        patterns work as in Vercel's client. The module reads the C(.vercelignore) files in O(root_directory) and in the
        folders above it, up to O(path) or the top of the commit.
      - If O(path) is a plain folder, files that C(.gitignore) names are left out too, unless C(.vercelignore) includes
        them again.
      - Executable files stay executable, and links stay links. The module refuses a link that points out of the folder.
        Vercel accepts at most 15,000 files.
    type: path
  root_directory:
    description:
      - Folder inside O(path) that holds the application. If the project has a root directory at Vercel, set the same
        one, or leave this option out to upload the whole of O(path).
    type: str
    default: ""
  release:
    description:
      - Name of the release, such as V(v1.1.0). The default is O(ref). Required with O(state=staged) without O(ref).
      - With another O(state) it is the release name of a deployment that this module did not create.
    type: str
  deployment:
    description:
      - Id of the deployment (C(dpl_...)). Required with every O(state) but V(staged), and with O(source=redeploy).
    type: str
  meta:
    description:
      - Extra metadata to store with the deployment at Vercel. It must not contain secrets. The module sets C(release),
        C(commit) and C(source_digest).
    type: dict
    default: {}
  stages:
    description:
      - Shares of the visitors, in percent, at which a rolling release stops until the next stage is approved. They must
        rise, and all visitors follow after the last one. Required with O(state=rolling), which sets them in the
        project's settings.
      - With O(state=staged) the module only checks that the team's plan has rolling releases.
    type: list
    elements: float
    default: []
  share:
    description:
      - Share of the visitors to reach with O(state=rolling), in percent. It must be one of O(stages). A larger share
        stays as it is.
    type: float
  complete:
    description:
      - Whether O(state=promoted) ends a rolling release of O(deployment) under way, so that all visitors get it at
        once. Without, the module waits until its last stage.
    type: bool
    default: false
  wait_interval:
    description:
      - Seconds between two checks. The default is the schedule of Vercel's own client, every second at first and every
        30 seconds after 5 minutes, but with shorter intervals in the first five seconds.
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
    description: Shows the live and the staged deployment, before and after.
    support: full
notes:
  - Vercel turns auto-assignment on with each promotion. If it was off before, the module turns it off again at once. A
    push whose build finishes in that moment may still be served.
  - Vercel keeps files from earlier uploads, so the number of files to send is known only when the deployment is
    created. Check mode returns the number and size of all files.
  - If the project has rolling releases, V(promoted) waits until all visitors get the deployment. So O(wait_timeout)
    must be longer than all stages together. Without O(complete) the module also waits for stages that need an approval.
  - Rolling releases are a feature of Vercel's Pro and Enterprise plans. They stay on in the project's settings.
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

- name: Let Vercel build the commit of the release
  storefront.runbook.vercel_deploy:
    api_token: "{{ vault_vercel_token }}"
    team: team_1a2b3c
    project: shop
    state: staged
    source: commit
    commit: 0123456789abcdef0123456789abcdef01234567
    release: v1.1.0

- name: Use the build that the push of the release has started
  storefront.runbook.vercel_deploy:
    api_token: "{{ vault_vercel_token }}"
    team: team_1a2b3c
    project: shop
    state: staged
    source: adopt
    commit: 0123456789abcdef0123456789abcdef01234567
    release: v1.1.0
    auto_assign_domains: false

- name: Let a tenth of the visitors have the verified deployment
  storefront.runbook.vercel_deploy:
    api_token: "{{ vault_vercel_token }}"
    team: team_1a2b3c
    project: shop
    state: rolling
    deployment: "{{ staged.deployment.id }}"
    stages: [10, 50]
    share: 10

- name: Promote the verified deployment
  storefront.runbook.vercel_deploy:
    api_token: "{{ vault_vercel_token }}"
    team: team_1a2b3c
    project: shop
    state: promoted
    deployment: "{{ staged.deployment.id }}"
  register: promoted

- name: Roll back to the previous deployment
  storefront.runbook.vercel_deploy:
    api_token: "{{ vault_vercel_token }}"
    team: team_1a2b3c
    project: shop
    state: rolled_back
    deployment: "{{ promoted.previous.id }}"
"""

RETURN = r"""
deployment:
  description: The requested deployment.
  returned: success
  type: dict
  contains:
    id:
      description: Id. Null in check mode if it does not exist yet.
      type: str
      sample: dpl_89qyp1cskzkLrVicDaZoDbjyHuDJ
    url:
      description: Its own URL, which always serves this deployment.
      type: str
      sample: https://shop-9f2kq1x.vercel.app
    status:
      description: Vercel's status of the build, in lower case.
      type: str
      sample: ready
    release:
      description: Name of the release. Null if this module did not create the deployment.
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
  description: The deployment that was live before, in the shape of RV(deployment). Null before the first promotion.
  returned: success
  type: dict
share:
  description: Share of the visitors that get the deployment, in percent. Null where nothing is live beside it.
  returned: with O(state=rolling)
  type: float
  sample: 10.0
auto_assign_domains:
  description: Whether Vercel serves each production build as soon as it is built.
  returned: success
  type: dict
  contains:
    before:
      description: Value before the run.
      type: bool
    after:
      description: Value after the run.
      type: bool
upload:
  description: Size of the release and of the part that had to be sent.
  returned: with O(state=staged) and O(source=upload)
  type: dict
  contains:
    files:
      description: Number of files.
      type: int
    bytes:
      description: Total size of the files in bytes.
      type: int
    sent_files:
      description: Number of files that Vercel did not have yet. Files with the same content count once. Not returned in
        check mode.
      type: int
    sent_bytes:
      description: Total size of the sent files in bytes. Not returned in check mode.
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
      description: Vercel's error code.
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
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import api_options, lease_options, source_options, wait_options
from ..module_utils.core.plan import Plan
from ..module_utils.platforms.vercel import plans, rolling
from ..module_utils.platforms.vercel.client import API_URL, Vercel, connect
from ..module_utils.platforms.vercel.states import auto_assigns, brief, describe, production
from ..module_utils.platforms.vercel.work import Work
from ..module_utils.release.lease import guard

PLANS = {
    "staged": plans.staged,
    "rolling": rolling.rolled,
    "promoted": plans.served,
    "rolled_back": plans.served,
    "canceled": plans.canceled,
}


def argument_spec() -> dict[str, Any]:
    return {
        **api_options(API_URL, "VERCEL_TOKEN"),
        "team": {"type": "str"},
        "project": {"type": "str", "required": True},
        "state": {"type": "str", "required": True, "choices": list(PLANS)},
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
        "stages": {"type": "list", "elements": "float", "default": []},
        "share": {"type": "float"},
        "complete": {"type": "bool", "default": False},
        **wait_options(),
        "wait_interval": {"type": "float"},
        **lease_options(),
    }


def build_client(params: dict[str, Any], runtime: Runtime) -> Vercel:
    return connect(params, heartbeat=runtime.heartbeat, warn=runtime.warn, before_write=runtime.before_write)


def plan(params: dict[str, Any], client: Vercel) -> Plan:
    project = client.project(params["project"])
    live = production(project)
    before = {"live": brief(live), "auto_assign_domains": auto_assigns(project)}
    intent = PLANS[params["state"]](params, client, project, before)
    intent.result["previous"] = describe(live) if live else None
    intent.result["auto_assign_domains"] = {
        "before": before["auto_assign_domains"],
        "after": intent.after["auto_assign_domains"],
    }
    return intent


def apply(intent: Plan, client: Vercel) -> dict[str, Any]:
    work: Work = intent.todo
    return work.do(client)


def main() -> None:
    required = [("state", state, ["deployment"]) for state in ("promoted", "rolled_back", "canceled")]
    required += [("state", "rolling", ["deployment", "stages", "share"])]
    required += [("source", source, ["commit"]) for source in ("commit", "adopt")] + [
        ("source", "redeploy", ["deployment"])
    ]
    run(
        argument_spec(),
        build_client,
        plan,
        apply,
        guard=guard,
        libraries={"requests": REQUESTS_ERROR},
        required_if=required,
    )


if __name__ == "__main__":
    main()
