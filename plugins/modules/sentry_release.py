#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell Sentry of a release: its commits, and where it is deployed."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sentry_release
version_added: 1.0.0
short_description: Tell Sentry of a release and where it is deployed
description:
  - Makes a release at Sentry, so that errors are counted by it, links it with its commits, marks it as released, and tells of its deploy to an environment.
  - Only what Sentry does not know yet is written. A release that exists keeps what it has; projects are added and none is taken away.
  - A deploy is the same one when its environment and its name are; without a name the release is deployed to an environment once.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  api_token:
    description:
      - Token of the organization, or of an integration with C(project:releases). Never shown, logged or written to disk.
      - The environment variable E(SENTRY_AUTH_TOKEN) is used when it is not set.
    type: str
    required: true
  api_url:
    description:
      - Address of Sentry, such as V(https://de.sentry.io) for an organization in the EU, or one's own.
    type: str
    default: https://sentry.io
  organization:
    description:
      - Slug of the organization.
    type: str
    required: true
  projects:
    description:
      - Slugs of the projects whose errors tell this release.
    type: list
    elements: str
    required: true
  version:
    description:
      - Name of the release, the same one that the application gives to Sentry's SDK.
    type: str
    required: true
  url:
    description:
      - Where people read about the release.
    type: str
  ref:
    description:
      - The commit or tag, as a line for people.
    type: str
  commits:
    description:
      - The release's commits, the newest first. Sentry finds by them who may know about an error.
    type: list
    elements: dict
    suboptions:
      id:
        description: Full SHA.
        type: str
        required: true
      repository:
        description: Name of the repository, as Sentry knows it.
        type: str
      subject:
        description: What it says it does.
        type: str
      author_name:
        description: Name of its author.
        type: str
      author_email:
        description: Address of its author.
        type: str
      timestamp:
        description: When it was made, in the form of ISO 8601.
        type: str
  refs:
    description:
      - Instead of O(commits), the newest commit of each repository. Sentry asks the repository's host for those in between, which it must be connected with.
    type: list
    elements: dict
    suboptions:
      repository:
        description: Name of the repository, as Sentry knows it.
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
      - When the release went out, in the form of ISO 8601. A release without it counts as one that is not out yet. One that is set is not changed.
    type: str
  deploy:
    description:
      - Where the release is deployed.
    type: dict
    suboptions:
      environment:
        description: Name of the environment, the same one that the application gives to Sentry's SDK.
        type: str
        required: true
      name:
        description: What tells this deploy from others of the release, such as a record's id; up to 64 characters.
        type: str
      url:
        description: Where the deployed site is.
        type: str
      started_at:
        description: When the deploy began, in the form of ISO 8601.
        type: str
      finished_at:
        description: When it ended; Sentry takes the present when it is not set.
        type: str
extends_documentation_fragment:
  - storefront.runbook.api
attributes:
  check_mode:
    description: Can run in check mode and predict what would change.
    support: full
  diff_mode:
    description: Shows what changes.
    support: full
"""

EXAMPLES = r"""
- name: Tell Sentry that v1.2.3 is live
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
  description: The release at Sentry; in check mode what it would be.
  returned: success
  type: dict
  contains:
    version:
      description: Its name.
      type: str
      sample: v1.2.3
    projects:
      description: Slugs of its projects.
      type: list
      elements: str
      sample: [shop, shop-api]
    released_at:
      description: When it went out; null for one that is not out yet.
      type: str
      sample: "2026-01-31T12:00:00Z"
    last_commit:
      description: SHA of its newest commit; null where Sentry knows none.
      type: str
      sample: 0123456789abcdef0123456789abcdef01234567
deploy:
  description: The deploy.
  returned: when O(deploy) is given
  type: dict
  contains:
    id:
      description: Its id; null in check mode where it would be made.
      type: str
      sample: "4711"
    environment:
      description: The environment.
      type: str
      sample: production
    name:
      description: Its name.
      type: str
      sample: 20260131T120000Z
elapsed:
  description: Seconds that the module took.
  returned: always
  type: float
  sample: 0.412
error:
  description: What went wrong, for programs.
  returned: failure
  type: dict
  contains:
    kind:
      description: Such as V(config), V(api) or V(unreachable).
      type: str
      sample: api
    code:
      description: Sentry's own code.
      type: str
    status:
      description: The HTTP status.
      type: int
      sample: 400
    request_id:
      description: The request's id, where the vendor gives one.
      type: str
    message:
      description: The same as C(msg).
      type: str
    retryable:
      description: Whether the same request may succeed later.
      type: bool
"""

from datetime import datetime
from typing import Any

from ..module_utils.core.errors import ConfigError
from ..module_utils.core.http import REQUESTS_ERROR
from ..module_utils.core.module import Plan, Runtime, run
from ..module_utils.core.options import api_options
from ..module_utils.platforms.sentry import API_URL, Sentry, check_version

COMMIT = {"id": {"type": "str", "required": True}, **{name: {"type": "str"} for name in ("repository", "subject", "author_name", "author_email", "timestamp")}}
REF = {"repository": {"type": "str", "required": True}, "commit": {"type": "str", "required": True}, "previous_commit": {"type": "str"}}
DEPLOY = {"environment": {"type": "str", "required": True}, **{name: {"type": "str"} for name in ("name", "url", "started_at", "finished_at")}}


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
    hooks: dict[str, Any] = {"before_write": runtime.before_write, "tick": runtime.beat, "allow_plain_http": params["allow_plain_http"]}
    return Sentry(params["api_token"], params["organization"], params["api_url"], timeout=params["timeout"], **hooks)


def refuse_unfit(params: dict[str, Any]) -> None:
    check_version(params["version"])
    if not params["projects"]:
        raise ConfigError("projects is empty. Give the slug of at least one project.")
    deploy = params["deploy"] or {}
    times = {"released_at": params["released_at"], **{f"deploy.{key}": deploy.get(key) for key in ("started_at", "finished_at")}}
    for name, value in times.items():
        try:
            datetime.fromisoformat(value or "2026-01-01")
        except ValueError:
            raise ConfigError(f"{name} is {value!r}, which is no time in the form of ISO 8601. Give one such as 2026-01-31T12:00:00Z.") from None
    for name, longest in (("environment", 64), ("name", 64)):
        if len(deploy.get(name) or "") > longest:
            raise ConfigError(f"deploy.{name} is longer than the {longest} characters that Sentry takes. Shorten it.")
    if "/" in deploy.get("environment", ""):
        raise ConfigError("deploy.environment holds a slash, which Sentry does not take. Correct it.")


def plan(params: dict[str, Any], client: Sentry) -> Plan:
    version, deploy = params["version"], params["deploy"]
    known = client.release(version)
    before, wanted = shown(known or {}), asked(params)
    told = client.find_deploy(version, deploy["environment"], deploy["name"]) if deploy and known else None
    fields = {key: value for key, value in wanted.items() if value and not (known and known.get(key))}
    commit = newest_commit(params)
    if commit and commit != before["last_commit"]:
        fields.update(commits_of(params))
    missing = [slug for slug in params["projects"] if slug not in before["projects"]]
    after = {
        **{"version": version, "projects": before["projects"] + missing, "last_commit": commit or before["last_commit"]},
        **{"released_at": before["released_at"] or params["released_at"]},
        **{key: before.get(key) or params[key] for key in ("url", "ref")},
    }
    place = {"deployed_to": f"{deploy['environment']} {deploy['name'] or ''}".strip()} if deploy else {}
    return Plan(
        before={**before, **(place if told else {})} if known else {},
        after={**after, **place},
        todo={"version": version, "known": bool(known), "missing": missing, "fields": fields, "deploy": deploy if deploy and not told else None},
        result={"release": {key: after[key] for key in ("version", "projects", "released_at", "last_commit")}, **described(deploy, told)},
    )


def asked(params: dict[str, Any]) -> dict[str, Any]:
    return {"url": params["url"], "ref": params["ref"], "dateReleased": params["released_at"]}


def newest_commit(params: dict[str, Any]) -> str | None:
    if params["commits"]:
        return params["commits"][0]["id"]
    return params["refs"][0]["commit"] if params["refs"] else None


def commits_of(params: dict[str, Any]) -> dict[str, Any]:
    if params["commits"]:
        # Ansible keeps the name message of an option for itself.
        return {"commits": [without_none({"message" if key == "subject" else key: value for key, value in commit.items()}) for commit in params["commits"]]}
    names = {"repository": "repository", "commit": "commit", "previous_commit": "previousCommit"}
    return {"refs": [without_none({names[key]: value for key, value in ref.items()}) for ref in params["refs"]]}


def without_none(item: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if value is not None}


def shown(release: dict[str, Any]) -> dict[str, Any]:
    return {
        **{"version": release.get("version"), "projects": [project["slug"] for project in release.get("projects", [])]},
        **{"last_commit": (release.get("lastCommit") or {}).get("id"), "released_at": release.get("dateReleased")},
        **{"url": release.get("url"), "ref": release.get("ref")},
    }


def described(deploy: dict[str, Any] | None, told: dict[str, Any] | None) -> dict[str, Any]:
    return {"deploy": {"id": (told or {}).get("id"), "environment": deploy["environment"], "name": deploy["name"]}} if deploy else {}


def apply(intent: Plan, client: Sentry) -> dict[str, Any]:
    todo = intent.todo
    version, fields, deploy = todo["version"], todo["fields"], todo["deploy"]
    if not todo["known"]:
        client.create(version, todo["missing"], fields)
    else:
        if todo["missing"]:
            client.create(version, todo["missing"], {})
        if fields:
            client.update(version, fields)
    if deploy:
        names = {"environment": "environment", "name": "name", "url": "url", "started_at": "dateStarted", "finished_at": "dateFinished"}
        made = client.create_deploy(version, without_none({names[key]: value for key, value in deploy.items()}))
        return described(deploy, made)
    return {}


def main() -> None:
    run(argument_spec(), build_client, plan, apply, libraries={"requests": REQUESTS_ERROR}, mutually_exclusive=[("commits", "refs")])


if __name__ == "__main__":
    main()
