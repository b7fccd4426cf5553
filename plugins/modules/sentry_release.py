#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Create a release at Sentry, with its commits and its deploy."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sentry_release
version_added: 1.0.0
short_description: Create a release and its deploy at Sentry
description:
  - Creates a release at Sentry, so that Sentry groups errors by release. It links the release with its commits, marks
    it as released, and records its deploy to an environment.
  - The module writes only the data that Sentry does not have yet. An existing release keeps its data. Projects are
    added but never removed.
  - A deploy is identified by its environment and its name. Without a name, the module records one deploy of the release
    for each environment.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  api_token:
    description:
      - API token of the organization, or of an integration with the scope C(project:releases). Never shown, logged or
        written to disk.
      - The environment variable E(SENTRY_AUTH_TOKEN) is used when this option is not set.
    type: str
    required: true
  api_url:
    description:
      - URL of Sentry, such as V(https://de.sentry.io) for an organization in the EU, or the URL of your own server.
    type: str
    default: https://sentry.io
  organization:
    description:
      - Slug of the organization.
    type: str
    required: true
  projects:
    description:
      - Slugs of the projects whose errors report this release.
    type: list
    elements: str
    required: true
  version:
    description:
      - Name of the release. It must be the name that the application passes to Sentry's SDK.
    type: str
    required: true
  url:
    description:
      - URL of a page about the release.
    type: str
  ref:
    description:
      - Commit or tag, as text for readers.
    type: str
  commits:
    description:
      - Commits of the release, newest first. Sentry uses them to suggest who can resolve an error.
    type: list
    elements: dict
    suboptions:
      id:
        description: Full SHA.
        type: str
        required: true
      repository:
        description: Name of the repository at Sentry.
        type: str
      subject:
        description: Subject line of the commit message.
        type: str
      author_name:
        description: Name of the author.
        type: str
      author_email:
        description: Email address of the author.
        type: str
      timestamp:
        description: Time of the commit, in ISO 8601.
        type: str
  refs:
    description:
      - The newest commit of each repository, instead of O(commits). Sentry reads the commits in between from the
        repository's host, so it must be connected to that host.
    type: list
    elements: dict
    suboptions:
      repository:
        description: Name of the repository at Sentry.
        type: str
        required: true
      commit:
        description: Full SHA of the newest commit.
        type: str
        required: true
      previous_commit:
        description: Full SHA of the last release's newest commit.
        type: str
  released_at:
    description:
      - Time of the release, in ISO 8601. Without it Sentry treats the release as not released yet. The module does not
        change a time that is already set.
    type: str
  deploy:
    description:
      - Deploy of the release.
    type: dict
    suboptions:
      environment:
        description: Name of the environment. It must be the name that the application passes to Sentry's SDK.
        type: str
        required: true
      name:
        description: Unique name of this deploy, such as a record's id. It may have up to 64 characters.
        type: str
      url:
        description: URL of the deployed site.
        type: str
      started_at:
        description: Start time of the deploy, in ISO 8601.
        type: str
      finished_at:
        description: End time of the deploy, in ISO 8601. Sentry uses the current time by default.
        type: str
extends_documentation_fragment:
  - storefront.runbook.api
attributes:
  check_mode:
    description: Predicts the changes without making them.
    support: full
  diff_mode:
    description: Shows the changes.
    support: full
"""

EXAMPLES = r"""
- name: Record at Sentry that v1.2.3 is live
  storefront.runbook.sentry_release:
    api_token: "{{ vault_sentry_token }}"
    organization: acme
    projects: [shop, shop-api]
    version: v1.2.3
    refs:
      - {repository: acme/shop, commit: 0123456789abcdef0123456789abcdef01234567}
    released_at: "2026-01-31T12:00:00Z"
    deploy: {environment: production, name: 20260131T120000Z, url: "https://www.shop.example"}
"""

RETURN = r"""
release:
  description: The Sentry release, or the predicted release in check mode.
  returned: success
  type: dict
  contains:
    version:
      description: Name.
      type: str
      sample: v1.2.3
    projects:
      description: Slugs of the projects.
      type: list
      elements: str
      sample: [shop, shop-api]
    released_at:
      description: Time of the release. Null if it is not released yet.
      type: str
      sample: "2026-01-31T12:00:00Z"
    last_commit:
      description: SHA of the newest commit. Null if Sentry has none.
      type: str
      sample: 0123456789abcdef0123456789abcdef01234567
deploy:
  description: The Sentry deploy.
  returned: when O(deploy) is given
  type: dict
  contains:
    id:
      description: Id. Null in check mode if it would be created.
      type: str
      sample: "4711"
    environment:
      description: Name of the environment.
      type: str
      sample: production
    name:
      description: Name.
      type: str
      sample: 20260131T120000Z
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
      description: Sentry's error code.
      type: str
    status:
      description: HTTP status of the response.
      type: int
      sample: 400
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
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import api_options
from ..module_utils.core.plan import Plan
from ..module_utils.platforms.sentry.client import API_URL, Sentry
from ..module_utils.platforms.sentry.release import (
    Work,
    asked,
    commits_of,
    described,
    newest_commit,
    refuse_unfit,
    shown,
)

COMMIT = {
    "id": {"type": "str", "required": True},
    **{name: {"type": "str"} for name in ("repository", "subject", "author_name", "author_email", "timestamp")},
}
REF = {
    "repository": {"type": "str", "required": True},
    "commit": {"type": "str", "required": True},
    "previous_commit": {"type": "str"},
}
DEPLOY = {
    "environment": {"type": "str", "required": True},
    **{name: {"type": "str"} for name in ("name", "url", "started_at", "finished_at")},
}


def argument_spec() -> dict[str, Any]:
    return {
        **api_options(API_URL, "SENTRY_AUTH_TOKEN"),
        "organization": {"type": "str", "required": True},
        "projects": {"type": "list", "elements": "str", "required": True},
        "version": {"type": "str", "required": True},
        "url": {"type": "str"},
        "ref": {"type": "str"},
        "commits": {"type": "list", "elements": "dict", "options": COMMIT},
        "refs": {"type": "list", "elements": "dict", "options": REF},
        "released_at": {"type": "str"},
        "deploy": {"type": "dict", "options": DEPLOY},
    }


def build_client(params: dict[str, Any], runtime: Runtime) -> Sentry:
    refuse_unfit(params)
    hooks: dict[str, Any] = {
        "before_write": runtime.before_write,
        "tick": runtime.heartbeat,
        "allow_plain_http": params["allow_plain_http"],
        "unreachable": params["unreachable_timeout"],
    }
    return Sentry(params["api_token"], params["organization"], params["api_url"], timeout=params["timeout"], **hooks)


def plan(params: dict[str, Any], client: Sentry) -> Plan:
    version, deploy = params["version"], params["deploy"]
    known = client.release(version)
    before, wanted = shown(known or {}), asked(params)
    existing = client.find_deploy(version, deploy["environment"], deploy["name"]) if deploy and known else None
    fields = {key: value for key, value in wanted.items() if value and not (known and known.get(key))}
    commit = newest_commit(params)
    if commit and commit != before["last_commit"]:
        fields.update(commits_of(params))
    missing = [slug for slug in params["projects"] if slug not in before["projects"]]
    after = {
        **{
            "version": version,
            "projects": before["projects"] + missing,
            "last_commit": commit or before["last_commit"],
        },
        **{"released_at": before["released_at"] or params["released_at"]},
        **{key: before.get(key) or params[key] for key in ("url", "ref")},
    }
    place = {"deployed_to": f"{deploy['environment']} {deploy['name'] or ''}".strip()} if deploy else {}
    return Plan(
        before={**before, **(place if existing else {})} if known else {},
        after={**after, **place},
        todo=Work(version, bool(known), missing, fields, deploy if deploy and not existing else None),
        result={
            "release": {key: after[key] for key in ("version", "projects", "released_at", "last_commit")},
            **described(deploy, existing),
        },
    )


def apply(intent: Plan, client: Sentry) -> dict[str, Any]:
    work: Work = intent.todo
    return work.do(client)


def main() -> None:
    run(
        argument_spec(),
        build_client,
        plan,
        apply,
        libraries={"requests": REQUESTS_ERROR},
        mutually_exclusive=[("commits", "refs")],
    )


if __name__ == "__main__":
    main()
