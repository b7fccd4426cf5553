#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check that the sites of a storefront are healthy."""

from __future__ import annotations

DOCUMENTATION = r"""
module: health_check
short_description: Check that the sites of a storefront are healthy
version_added: 1.0.0
author:
  - Contributors to storefront.runbook (@storefront)
description:
  - Requests many URLs in parallel in one task, and compares status, JSON, headers, text, release and latency with the
    expected values.
  - The module repeats a check until it is healthy O(passes) times in a row. The check fails if this does not happen
    within O(wait_timeout) seconds.
  - The module distinguishes a challenge or a login page in front of the site from an unhealthy site. Its message names
    the secret header that lets the check through.
  - Each try uses a new connection and measures the time to the last byte. It reads at most 5 MB of a body and follows
    at most 5 redirects.
  - The module only reads. It runs the checks in check mode as well, and never reports a change.
extends_documentation_fragment:
  - storefront.runbook.lease
  - storefront.runbook.store
attributes:
  check_mode:
    description: Predicts the changes without making them.
    support: full
    details:
      - The checks run in check mode too, since they change nothing.
  diff_mode:
    description: Shows the changes.
    support: none
options:
  checks:
    description:
      - Checks to run, each with a request and the expected response.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - Name of the check in messages and reports.
        type: str
        required: true
      url:
        description:
          - URL to request, or a path below the URL of its O(checks[].site) or O(base_url). A user and password in the
            URL are sent as basic authentication and never shown.
        type: str
        required: true
      site:
        description:
          - Name of the site in O(sites) that the check belongs to.
        type: str
      method:
        description:
          - HTTP method.
        type: str
        choices: [GET, HEAD, POST]
        default: GET
      body:
        description:
          - Text to send as the body of the request.
        type: str
      json_body:
        description:
          - Value to send as a JSON body.
        type: raw
      secret_headers:
        description:
          - Headers to send with this check only, in addition to O(headers). They are treated as secrets.
        type: dict
        default: {}
      status:
        description:
          - Expected status codes. If one of them is a redirect, the check follows no redirects.
        type: list
        elements: int
        default: [200]
      json:
        description:
          - Expected values in a JSON response, by dotted path, such as C(services.database) or C(items.0.name).
        type: dict
        default: {}
      headers:
        description:
          - Text that each of these response headers must contain, ignoring case. With an empty text the header only has
            to exist.
        type: dict
        default: {}
      contains:
        description:
          - Text that the body must contain.
        type: str
      release:
        description:
          - Where to find the release in the response. Set exactly one of these.
        type: dict
        suboptions:
          json:
            description:
              - Dotted path in a JSON response.
            type: str
          header:
            description:
              - Name of a header.
            type: str
          meta:
            description:
              - Name of a C(<meta>) element of the page.
            type: str
          regex:
            description:
              - Regular expression. The release is its first group, or the whole match if it has no group.
            type: str
      release_optional:
        description: Accepts a response that reports no release. A response that reports a different release still
          fails.
        type: bool
        default: false
      max_latency_ms:
        description:
          - Maximum time for the response in milliseconds, from the connection to the last byte.
        type: float
  sites:
    description:
      - Several sites to check in parallel, each with its own URL and release. RV(sites) has the result for each.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - Name that O(checks[].site) refers to.
        type: str
        required: true
      url:
        description:
          - Base URL for the paths of its checks.
        type: str
        required: true
      release:
        description:
          - Release that its checks expect. If empty, they do not compare the release.
        type: str
  base_url:
    description:
      - Base URL for the paths of checks without a site, such as V(https://shop.example).
    type: str
  release:
    description:
      - Release that each check with C(release) and without a site expects, such as V(v1.1.0).
    type: str
  headers:
    description:
      - Secret headers to send with each check, such as C(x-vercel-protection-bypass) or the token of a firewall rule.
        They are never sent to another host after a redirect.
    type: dict
    default: {}
  passes:
    description:
      - Number of times in a row that a check must be healthy.
    type: int
    default: 1
  interval:
    description:
      - Seconds between two tries of a check.
    type: float
    default: 2.0
  timeout:
    description:
      - Seconds for one response, up to its last byte.
    type: float
    default: 10.0
  wait_timeout:
    description:
      - Seconds from the start within which a check must become healthy. With V(0) the check fails at its first failure.
    type: float
    default: 60.0
  require:
    description:
      - V(healthy) fails the task unless every check is healthy.
      - V(none) only reports the results, for example before a deploy.
    type: str
    choices: [healthy, none]
    default: healthy
"""

EXAMPLES = r"""
- name: The public site serves the new release
  storefront.runbook.health_check:
    release: v1.1.0
    passes: 3
    checks:
      - name: API
        url: https://api.shop.example/health
        json:
          status: healthy
          services.database: connected
        release:
          json: release
      - name: Home page
        url: https://www.shop.example/
        contains: Shop
        release:
          meta: release
        max_latency_ms: 2000

- name: The staged deployment works, behind Vercel's deployment protection
  storefront.runbook.health_check:
    headers:
      x-vercel-protection-bypass: "{{ vault_vercel_bypass }}"
    checks:
      - name: Staged home page
        url: "{{ staged.deployment.url }}"

- name: Record the state of the site before a change
  storefront.runbook.health_check:
    require: none
    wait_timeout: 0
    checks:
      - name: API
        url: https://api.shop.example/health
  register: baseline
"""

RETURN = r"""
checks:
  description: One result per check, in the same order. Also returned when the task fails.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: Name of the check.
      type: str
      sample: API
    url:
      description: Requested URL, without a password.
      type: str
      sample: https://api.shop.example/health
    outcome:
      description:
        - V(healthy), V(unhealthy), V(probe_blocked) if something in front of the site answered, or V(unreachable) if
          there was no response.
        - If an edge answers itself, because it cannot reach the site or has no site at this address, the outcome is
          V(unhealthy). The reason names the edge and the next step.
      type: str
      sample: healthy
    status:
      description: HTTP status of the last response. Null if there was none.
      type: int
      sample: 200
    latency_ms:
      description: Milliseconds to the last byte of the last response.
      type: int
      sample: 43
    release:
      description: Release in the last response.
      type: str
      sample: v1.1.0
    cf_cache_status:
      description: Status of Cloudflare's cache, such as V(HIT). Null if Cloudflare is not in front of the site.
      type: str
      sample: HIT
    reasons:
      description: Differences between the expected and the actual response.
      type: list
      elements: str
      sample: []
    passes:
      description: Number of times in a row that it was healthy at the end.
      type: int
      sample: 3
    tries:
      description: Number of tries.
      type: int
      sample: 3
sites:
  description: For each site in O(sites), whether its checks are healthy, a summary of the failed ones, and the checks
    that found no release.
  returned: always
  type: dict
  sample: {"frontend": {"healthy": true, "summary": "All of 2 checks are healthy.", "without_release": []}}
healthy:
  description: Whether every check is healthy.
  returned: always
  type: bool
  sample: true
summary:
  description: Summary of the failed checks. It is also the message when the task fails.
  returned: always
  type: str
  sample: All of 2 checks are healthy.
blocked:
  description: Names of the checks whose probe was blocked.
  returned: always
  type: list
  elements: str
  sample: []
elapsed:
  description: Run time of the module in seconds.
  returned: always
  type: float
  sample: 1.204
error:
  description: The error in machine-readable form.
  returned: failure
  type: dict
  contains:
    kind:
      description: V(unhealthy), V(config) or V(lease_lost).
      type: str
      sample: unhealthy
    message:
      description: Same text as C(msg).
      type: str
"""

from dataclasses import asdict
from typing import Any

from ..module_utils.core.errors import ConfigError, Unhealthy
from ..module_utils.core.http import REQUESTS_ERROR
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import lease_options
from ..module_utils.core.plan import Plan
from ..module_utils.core.redact import secrets_of_url
from ..module_utils.core.wait import Waiter, nothing
from ..module_utils.release.lease import guard
from ..module_utils.site.check_options import CHECK, to_check
from ..module_utils.site.probe import Prober
from ..module_utils.site.summary import describe, of_site


def argument_spec() -> dict[str, Any]:
    return {
        "checks": {"type": "list", "elements": "dict", "required": True, **CHECK},
        "sites": {
            **{"type": "list", "elements": "dict", "default": []},
            "options": {
                "name": {"type": "str", "required": True},
                "url": {"type": "str", "required": True},
                "release": {"type": "str"},
            },
        },
        "base_url": {"type": "str"},
        "release": {"type": "str"},
        "headers": {"type": "dict", "default": {}, "no_log": True},
        "passes": {"type": "int", "default": 1, "no_log": False},
        "interval": {"type": "float", "default": 2.0},
        "timeout": {"type": "float", "default": 10.0},
        "wait_timeout": {"type": "float", "default": 60.0},
        "require": {"type": "str", "choices": ["healthy", "none"], "default": "healthy"},
        **lease_options(),
    }


def build_client(params: dict[str, Any], runtime: Runtime) -> Prober:
    waiter = Waiter(
        timeout=params["wait_timeout"], interval=params["interval"], heartbeat=runtime.heartbeat, warn=runtime.warn
    )
    return Prober(waiter, passes=params["passes"], timeout=params["timeout"])


def plan(params: dict[str, Any], client: Prober) -> Plan:
    for option in ("passes", "interval", "timeout"):
        if params[option] <= 0:
            raise ConfigError(f"{option} is {params[option]:g}. Set it to more than 0.")
    if not params["checks"]:
        raise ConfigError("checks is empty, so nothing would be checked. Add at least one URL.")
    checks = [to_check(option, params) for option in params["checks"]]
    results = client.run(checks)
    failed = [result for result in results if result.outcome != "healthy"]
    found: dict[str, Any] = {
        "checks": [asdict(result) for result in results],
        "sites": {site["name"]: of_site(site["name"], checks, results) for site in params["sites"]},
        "healthy": not failed,
        "blocked": [result.name for result in results if result.outcome == "probe_blocked"],
        "summary": describe(results),
    }
    if failed and params["require"] == "healthy":
        error = Unhealthy(found["summary"])
        error.result = found
        raise error
    return Plan(before={}, after={}, result=found)


def secrets(params: dict[str, Any]) -> list[str]:
    urls = [params["base_url"], *(entry["url"] for entry in [*params["checks"], *params["sites"]])]
    return [secret for url in urls for secret in secrets_of_url(url)]


def main() -> None:
    run(
        argument_spec(),
        build_client,
        plan,
        nothing,
        guard=guard,
        secrets=secrets,
        libraries={"requests": REQUESTS_ERROR},
    )


if __name__ == "__main__":
    main()
