#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""List the live deploy of a Render service, its rollback candidates, its settings and its log."""

from __future__ import annotations

DOCUMENTATION = r"""
module: render_info
version_added: 1.0.0
short_description: List the live deploy of a Render service and its rollback candidates
description:
  - Reads the live deploy, the deploys in progress, the ones that Render can roll back to, the service's settings and
    its log. Writes nothing.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  path:
    description:
      - Git repository on the controller. Its tags are the names of the releases. Without it, or if it cannot be read, a
        deploy of a commit has no release name.
    type: path
  digest_key:
    description:
      - Key for the digests in RV(variables). The default is the API token. Only digests of the same key can be
        compared. So set a key if the token may change or if you use several tokens. Use a long random value.
    type: str
  log_lines:
    description:
      - Number of the newest lines of the service's log to return.
    type: int
    default: 0
  log_minutes:
    description:
      - Maximum age of these lines in minutes.
    type: int
    default: 60
  log_types:
    description:
      - Types of lines to return, such as V(app), V(build) or V(request). If empty, all types.
    type: list
    elements: str
    default: []
  log_text:
    description:
      - Return only lines with this text. Render supports wildcards and regular expressions in it.
    type: str
extends_documentation_fragment:
  - storefront.runbook.render
  - storefront.runbook.api
attributes:
  check_mode:
    description: The module only reads, so check mode makes no difference.
    support: full
  diff_mode:
    description: The module changes nothing, so there is no diff.
    support: none
notes:
  - The module reads the last 50 deploys.
  - Render keeps a limited number of builds for rollbacks, depending on the plan, and does not report which. So the
    older ones of RV(candidates) may no longer exist.
seealso:
  - module: storefront.runbook.render_service
"""

EXAMPLES = r"""
- name: Read the live deploy of the API
  storefront.runbook.render_info:
    api_token: "{{ vault_render_token }}"
    service: srv-d1a2b3c4d5e6f7g8h9i0
    path: /srv/shop
    digest_key: "{{ vault_digest_key }}"
  register: api

- name: Show what a rollback would run
  ansible.builtin.debug:
    msg: "{{ api.candidates | map(attribute='release') | first | default('nothing to roll back to') }}"

- name: Read the end of the log
  storefront.runbook.render_info:
    api_token: "{{ vault_render_token }}"
    service: shop-api
    log_lines: 50
    log_types: [app]
"""

RETURN = r"""
live:
  description: The live deploy. Null if there is none.
  returned: success
  type: dict
  contains: &deployment
    id:
      description: Id.
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
candidates:
  description:
    - Deploys that M(storefront.runbook.render_service) can roll back to. The list starts with those older than the live
      build. Newer ones follow, such as a deploy that was rolled back. Each group has the newest first.
  returned: success
  type: list
  elements: dict
  contains: *deployment
in_progress:
  description: The deploys that Render is building or starting, newest first.
  returned: success
  type: list
  elements: dict
  contains: *deployment
variables:
  description:
    - The service's own current variables, sorted by name, without those of linked environment groups.
    - A digest is an HMAC-SHA256 of name and value. Its key is derived from O(digest_key), or else from the API token.
      The digest shows whether a value has changed. Without the key it reveals nothing about the value.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name.
      type: str
      sample: DATABASE_URL
    digest:
      description: Keyed digest of the value.
      type: str
      sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
source:
  description: Source of the service's code.
  returned: success
  type: dict
  contains:
    repository:
      description: Git repository that it is built from. Null for an image.
      type: str
      sample: https://github.com/example/shop
    branch:
      description: Branch whose pushes are deployed if RV(auto_deploy) is true.
      type: str
      sample: main
    image:
      description: Image that it runs instead of a build.
      type: str
      sample: ghcr.io/example/shop:1.1.0
    root_directory:
      description: Folder of the repository that holds the application.
      type: str
      sample: apps/backend
auto_deploy:
  description: Whether a push to RV(source.branch) deploys the service automatically, without any checks.
  returned: success
  type: bool
  sample: false
suspended:
  description: Whether the service is stopped.
  returned: success
  type: bool
  sample: false
replicas:
  description: Configured number of instances. Null if the service has no such setting.
  returned: success
  type: int
  sample: 1
maintenance_mode:
  description: Whether a maintenance page is shown (C(enabled)) and its URL (C(uri)). Null if the service is not a web
    service.
  returned: success
  type: dict
  sample: {"enabled": false, "uri": ""}
pre_deploy_command:
  description: Command that Render runs before a deploy starts, such as migrations. Empty for none.
  returned: success
  type: str
  sample: npx prisma migrate deploy
start_command:
  description: Start command. Null for an image, which defines its own.
  returned: success
  type: str
  sample: npm start
healthcheck_path:
  description: Path that must answer before a deploy receives traffic. Null for none.
  returned: success
  type: str
  sample: /health
logs:
  description: The newest lines of the log, with the oldest line first. Passwords in URLs are masked.
  returned: when O(log_lines) is not 0
  type: list
  elements: dict
  contains:
    at:
      description: Time of the line.
      type: str
    type:
      description: Type of the line, such as V(app) or V(build).
      type: str
    level:
      description: Severity.
      type: str
    instance:
      description: Instance that wrote the line.
      type: str
    message:
      description: Text of the line.
      type: str
elapsed:
  description: Run time of the module in seconds.
  returned: always
  type: float
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from ..module_utils.core.http import REQUESTS_ERROR
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import api_options
from ..module_utils.core.plan import Plan
from ..module_utils.platforms.render import logs
from ..module_utils.platforms.render.client import API_URL, Render, connect, releases_in
from ..module_utils.platforms.render.settings import settings_summary
from ..module_utils.platforms.render.states import candidates, live
from ..module_utils.platforms.render.variables import digests, variables


def argument_spec() -> dict[str, Any]:
    return {
        **api_options(API_URL, "RENDER_API_KEY"),
        "service": {"type": "str", "required": True},
        "path": {"type": "path"},
        "digest_key": {"type": "str", "no_log": True},
        "log_lines": {"type": "int", "default": 0},
        "log_minutes": {"type": "int", "default": 60},
        "log_types": {"type": "list", "elements": "str", "default": []},
        "log_text": {"type": "str"},
    }


def build_client(params: dict[str, Any], runtime: Runtime) -> Render:
    return connect(params, releases=releases_in(params["path"], runtime.warn), warn=runtime.warn)


def plan(params: dict[str, Any], client: Render) -> Plan:
    listed, service = client.deploys(), client.service
    serving = live(listed)
    result: dict[str, Any] = {
        "live": serving.describe() if serving else None,
        "candidates": [deploy.describe() for deploy in candidates(listed)],
        "in_progress": [deploy.describe() for deploy in listed if deploy.in_progress],
        "variables": digests(variables(client), params["digest_key"] or params["api_token"]),
        **settings_summary(service),
    }
    if params["log_lines"]:
        since = datetime.now(UTC) - timedelta(minutes=params["log_minutes"])
        result["logs"] = logs.read(
            client, params["log_lines"], since=since, types=params["log_types"], text=params["log_text"]
        )
    return Plan({}, {}, result=result)


def apply(intent: Plan, client: Render) -> None:
    """Never called: there is nothing to change."""


def main() -> None:
    run(argument_spec(), build_client, plan, apply, libraries={"requests": REQUESTS_ERROR})


if __name__ == "__main__":
    main()
