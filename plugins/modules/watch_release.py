#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare a new release with the old one for a while, and judge it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: watch_release
short_description: Compare a new release with the old one for a while, and judge it
version_added: 1.0.0
author:
  - Contributors to storefront.runbook (@storefront)
description:
  - Asks the sites of a new release and of the old one for a bake time, and compares how many answers failed and how
    long the others took. It may run a journey on both and compare the sessions that Sentry counted by release.
  - Where the old release is still served at a URL of its own (O(sites[].old_url)), both are asked at the same time.
    Otherwise the new one is compared with the time before the deploy, which O(state=before) measured. The result names
    which it was.
  - Rates are compared by Newcombe's interval of the difference of two rates, times by the rank sum test of Mann and
    Whitney. The level of 1 % is shared by all comparisons (Bonferroni). Before the end only what exceeds 3.29 standard
    errors ends a watch (Haybittle and Peto).
  - A release is V(bad) if it is worse by more than is tolerated and by more than chance explains. It is
    V(inconclusive) if there were too few answers, or if it is worse but chance may explain it. Otherwise it is V(good).
  - What was seen is kept in the store. A run that continues a killed one (O(resumed=true)) watches for the rest of the
    time.
  - In check mode the options are checked, and nothing is asked but Sentry, for its projects.
extends_documentation_fragment:
  - storefront.runbook.lease
  - storefront.runbook.store
attributes:
  check_mode:
    description: Predicts the changes without making them.
    support: full
    details:
      - The options are checked, and no site is asked.
  diff_mode:
    description: Shows the changes.
    support: none
options:
  store:
    description:
      - URL of the store in which the state of the watch is kept. Use C(s3://bucket/prefix), or C(file:///path) of a
        folder that every controller shares.
    type: str
    required: true
  state:
    description:
      - V(before) measures the old release before anything changes. V(watched) watches the new one. V(decided) records
        what an operator decided about a watch that was inconclusive and waits.
    type: str
    choices: [before, watched, decided]
    required: true
  release:
    description:
      - Name of the new release. Required unless O(state=decided).
    type: str
  previous:
    description:
      - Name of the old release.
    type: str
  watch:
    description:
      - What is compared, and for how long.
    type: dict
    default: {}
    suboptions:
      bake:
        description:
          - How long the release is watched, such as V(10 min).
        type: str
      before:
        description:
          - How long the old release is measured before the deploy. By default as long as O(watch.bake), and at most 2
            minutes.
        type: str
      interval:
        description:
          - Time between two rounds, of which each asks every check once. By default V(5 s).
        type: str
      errors:
        description:
          - Tolerated increase of the error rate in percentage points. By default V(1 %).
        type: str
      latency:
        description:
          - Tolerated increase of the median, such as V(25 %) (differences up to 20 ms are ignored) or V(200 ms). By
            default V(25 %).
        type: str
      traffic:
        description:
          - Minimum number of answers of a site, and of sessions, on each side. By default 20.
        type: int
      journey:
        description:
          - Name of one of O(journeys) that runs as well.
        type: str
      sentry:
        description:
          - Compares the sessions that Sentry counted, too.
        type: bool
      platform:
        description:
          - Whether to compare the answers with 5xx that the backend's platform counted, too.
        type: bool
      inconclusive:
        description:
          - V(hold) waits for a decision. V(extend) watches once more as long, and then waits for a decision.
            V(continue) lets the release stay. By default V(hold).
        type: str
        choices: [hold, extend, continue]
      hold:
        description:
          - Time to wait for a decision. Without one the watch fails. By default V(30 min).
        type: str
  stage:
    description:
      - Stage of a rolling release under way. Each stage is watched for the whole bake time, and the stages share the
        chance of a false alarm.
    type: dict
    suboptions:
      number:
        description:
          - Its number, from 1.
        type: int
      share:
        description:
          - Share of the visitors that get the new release, in percent.
        type: float
      lasts:
        description:
          - Minimum number of seconds that the stage lasts. The module waits for its end after the bake time.
        type: float
      shares:
        description:
          - Shares of all stages, in percent.
        type: list
        elements: float
  sites:
    description:
      - The sites to ask.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - Name of the site, which O(checks[].site) refers to.
        type: str
        required: true
      url:
        description:
          - URL of the new release. For O(state=before), of what is live.
        type: str
        required: true
      old_url:
        description:
          - URL at which the old release is still served.
        type: str
  checks:
    description:
      - What to ask. Suboptions are those of O(storefront.runbook.health_check#module:checks).
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - Name of the check.
        type: str
        required: true
      url:
        description:
          - Path of the page or the endpoint, or a whole URL.
        type: str
        required: true
      site:
        description:
          - Name of the site.
        type: str
      method:
        description:
          - HTTP method.
        type: str
        choices: [GET, HEAD, POST]
        default: GET
      body:
        description:
          - Text to send as the body.
        type: str
      json_body:
        description:
          - Value to send as a JSON body.
        type: raw
      secret_headers:
        description:
          - Secret headers that only this check sends.
        type: dict
        default: {}
      status:
        description:
          - Status codes that are healthy.
        type: list
        elements: int
        default: [200]
      json:
        description:
          - Expected values in a JSON response.
        type: dict
        default: {}
      headers:
        description:
          - Expected response headers.
        type: dict
        default: {}
      contains:
        description:
          - Text that the response must contain.
        type: str
      release:
        description:
          - Where the response reports its release.
        type: dict
        suboptions:
          meta:
            description:
              - Name of a meta element.
            type: str
          json:
            description:
              - Path of a value.
            type: str
          header:
            description:
              - Name of a header.
            type: str
          regex:
            description:
              - Regular expression with a group.
            type: str
      release_optional:
        description:
          - Accepts a response that reports no release.
        type: bool
        default: false
      max_latency_ms:
        description:
          - Maximum time for the response in milliseconds.
        type: float
  headers:
    description:
      - Secret headers to send to the sites.
    type: dict
    default: {}
  journeys:
    description:
      - Journeys as O(storefront.runbook.http_journey#module:journeys), of which O(watch.journey) names one.
    type: list
    elements: dict
    default: []
  hosts:
    description:
      - Further hosts that the journey may ask.
    type: list
    elements: str
    default: []
  variables:
    description:
      - Values for the journey.
    type: dict
    default: {}
  secrets:
    description:
      - Secret values for the journey.
    type: dict
    default: {}
  test_customers:
    description:
      - Confirms that the shop offers test customers, which a journey that writes needs.
    type: bool
    default: false
  sentry:
    description:
      - The organization of Sentry whose sessions are compared.
    type: dict
    default: {}
    suboptions:
      api_token:
        description:
          - Token with the scope C(org:read).
        type: str
      api_url:
        description:
          - Address of Sentry.
        type: str
      organization:
        description:
          - Slug of the organization.
        type: str
      projects:
        description:
          - Slugs of the projects.
        type: list
        elements: str
      environment:
        description:
          - Name of the environment in Sentry.
        type: str
  backend:
    description:
      - The platform that counts the answers of the backend, with C(platform) in O(watch).
    type: dict
    default: {}
    suboptions:
      platform:
        description:
          - The platform.
        type: str
        choices: [railway, render]
      api_token:
        description:
          - Token of the platform.
        type: str
      api_url:
        description:
          - URL of the platform's API, for tests and proxies.
        type: str
      token_type:
        description:
          - Kind of the token, at Railway.
        type: str
        choices: [account, project]
        default: account
      project:
        description:
          - Id of the project, at Railway.
        type: str
      environment:
        description:
          - Name or id of the environment, at Railway.
        type: str
      units:
        description:
          - The units of the backend with their C(name), C(service) and C(kind). Those whose kind is not V(web) are left
            out.
        type: list
        elements: dict
  slack:
    description:
      - Where the module asks for a decision if the watch is inconclusive and waits for one. It posts with a token and a
        channel, or by a webhook. If that fails, it warns and waits anyway.
    type: dict
    default: {}
    suboptions:
      api_token:
        description:
          - Token of a bot with the scope C(chat:write).
        type: str
      api_url:
        description:
          - URL of Slack's API, for tests and proxies.
        type: str
      webhook_url:
        description:
          - URL of an incoming webhook. It is used if there is no token.
        type: str
      channel:
        description:
          - Id or name of the channel.
        type: str
      thread_ts:
        description:
          - Message of the run, in whose thread the question appears.
        type: str
  timeout:
    description:
      - Seconds for one response, up to its last byte.
    type: float
    default: 10.0
  resumed:
    description:
      - Whether the run continues one that did not end.
    type: bool
    default: false
  alone:
    description:
      - Whether the watch runs outside of a deploy. Then it records nothing, and waits for no decision.
    type: bool
    default: false
  decide:
    description:
      - The decision, for O(state=decided).
    type: str
    choices: [continue, put_back]
  by:
    description:
      - Who decided.
    type: str
  reason:
    description:
      - Reason for the decision.
    type: str
"""

EXAMPLES = r"""
- name: Measure the release that is live
  storefront.runbook.watch_release:
    store: s3://shop-releases/production
    state: before
    release: v1.2.3
    watch: {bake: 10 min, errors: 1 %, latency: 25 %}
    sites: [{name: backend, url: https://api.shop.example}]
    checks: [{name: health, site: backend, url: /health}]

- name: Watch the new release
  storefront.runbook.watch_release:
    store: s3://shop-releases/production
    state: watched
    release: v1.2.3
    watch: {bake: 10 min, errors: 1 %, latency: 25 %}
    sites: [{name: backend, url: https://api.shop.example}]
    checks: [{name: health, site: backend, url: /health}]
"""

RETURN = r"""
verdict:
  description: V(good), V(bad), V(inconclusive), or V(continued) where an inconclusive release stays.
  returned: for O(state=watched)
  type: str
  sample: good
comparisons:
  description: Each measure on both sides with its verdict.
  returned: for O(state=watched)
  type: list
  elements: dict
  contains:
    what:
      description: The site, the check or the journey.
      type: str
      sample: frontend
    measure:
      description: V(errors) or V(latency).
      type: str
      sample: errors
    against:
      description: V(at the same time) or V(with the time before).
      type: str
      sample: at the same time
    old:
      description: What the old release answered.
      type: str
      sample: 0 of 120
    new:
      description: What the new release answered.
      type: str
      sample: 14 of 120
    verdict:
      description: V(good), V(bad) or V(inconclusive).
      type: str
      sample: bad
    text:
      description: The comparison in words.
      type: str
      sample: "frontend: 14 of 120 of the new release failed, 0 of 120 of the old one at the same time"
stage:
  description: The stage of a rolling release that was watched. Empty outside of one.
  returned: for O(state=watched)
  type: str
  sample: at 10 % of the visitors (stage 1 of 2)
notes:
  description: Reasons for which something could not be compared as intended.
  returned: for O(state=watched)
  type: list
  elements: str
  sample: []
points:
  description: "Up to 60 points of a plot: milliseconds and failures of the new release, and of the old one."
  returned: for O(state=watched)
  type: list
  elements: list
  sample: [[12, 0, 11, 0]]
rounds:
  description: Number of rounds in which every check ran once.
  returned: for O(state=watched)
  type: int
  sample: 120
seconds:
  description: Seconds of the watch, without the time between two runs.
  returned: for O(state=watched)
  type: float
  sample: 600.0
extended:
  description: Whether the watch was extended.
  returned: for O(state=watched)
  type: bool
  sample: false
summary:
  description: The verdict and its numbers. It is also the message when the task fails.
  returned: success
  type: str
  sample: The watch of v1.2.3 is good.
elapsed:
  description: Run time of the module in seconds.
  returned: always
  type: float
  sample: 600.4
error:
  description: The error in machine-readable form.
  returned: failure
  type: dict
  contains:
    kind:
      description: V(unhealthy), V(config), V(api), V(unreachable) or V(lease_lost).
      type: str
      sample: unhealthy
    message:
      description: Same text as C(msg).
      type: str
"""

from typing import Any

from ..module_utils.core.http import REQUESTS_ERROR
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import lease_options, store_options
from ..module_utils.core.plan import Plan, carry_out
from ..module_utils.release.lease import guard
from ..module_utils.release.watch_settings import POLICIES
from ..module_utils.site.check_options import CHECK
from ..module_utils.site.journeys.queries import LIBRARIES
from ..module_utils.store.open import open_store
from ..module_utils.watch.options import Request, hidden
from ..module_utils.watch.state import DECISIONS

WATCH = {name: {"type": "str"} for name in ("bake", "before", "interval", "errors", "latency", "journey", "hold")}
SHARES = {"type": "list", "elements": "float"}
STAGE = {"number": {"type": "int"}, "share": {"type": "float"}, "lasts": {"type": "float"}, "shares": SHARES}
BACKEND: dict[str, Any] = {name: {"type": "str"} for name in ("api_url", "project", "environment")}
BACKEND |= {
    "platform": {"type": "str", "choices": ["railway", "render"]},
    "api_token": {"type": "str", "no_log": True},
    "token_type": {"type": "str", "choices": ["account", "project"], "default": "account"},
    "units": {"type": "list", "elements": "dict"},
}
SLACK: dict[str, Any] = {name: {"type": "str"} for name in ("api_url", "channel", "thread_ts")}
SLACK |= {name: {"type": "str", "no_log": True} for name in ("api_token", "webhook_url")}
SENTRY = {name: {"type": "str"} for name in ("api_url", "organization", "environment")}


def argument_spec() -> dict[str, Any]:
    site = {"name": {"type": "str", "required": True}, "url": {"type": "str", "required": True}}
    more = {"traffic": {"type": "int"}, "sentry": {"type": "bool"}, "platform": {"type": "bool"}}
    sentry = {"api_token": {"type": "str", "no_log": True}, "projects": {"type": "list", "elements": "str"}}
    return {
        **lease_options(),
        **store_options(),
        "state": {"type": "str", "choices": ["before", "watched", "decided"], "required": True},
        **{name: {"type": "str"} for name in ("release", "previous", "by", "reason")},
        "watch": {
            **{"type": "dict", "default": {}},
            "options": {**WATCH, **more, "inconclusive": {"type": "str", "choices": list(POLICIES)}},
        },
        "stage": {"type": "dict", "options": STAGE},
        "sites": {
            **{"type": "list", "elements": "dict", "default": []},
            "options": {**site, "old_url": {"type": "str"}},
        },
        "checks": {"type": "list", "elements": "dict", "default": [], **CHECK},
        "headers": {"type": "dict", "default": {}, "no_log": True},
        "journeys": {"type": "list", "elements": "dict", "default": []},
        "hosts": {"type": "list", "elements": "str", "default": []},
        "variables": {"type": "dict", "default": {}},
        "secrets": {"type": "dict", "default": {}, "no_log": True},
        **{name: {"type": "bool", "default": False} for name in ("test_customers", "resumed", "alone")},
        "sentry": {"type": "dict", "default": {}, "options": {**SENTRY, **sentry}},
        "slack": {"type": "dict", "default": {}, "options": SLACK},
        "backend": {"type": "dict", "default": {}, "options": BACKEND},
        "timeout": {"type": "float", "default": 10.0},
        "decide": {"type": "str", "choices": list(DECISIONS)},
    }


def build_client(params: dict[str, Any], runtime: Runtime) -> Request:
    store = open_store(params, runtime.permit)
    return Request(params, store, runtime.check_mode, runtime.heartbeat, runtime.warn)


def plan(params: dict[str, Any], client: Request) -> Plan:
    if params["state"] != "decided":
        client.check()
    if client.check_mode:
        return Plan(before={}, after={}, result={"summary": "The options of the watch are right."})
    return Plan(before={}, after={"watch": params["state"]}, todo=client.carried_out)


def main() -> None:
    libraries = {"requests": REQUESTS_ERROR, **LIBRARIES}
    needed = [
        ("state", "decided", ["decide", "reason"]),
        *(("state", state, ["release"]) for state in ("before", "watched")),
    ]
    how: dict[str, Any] = {"guard": guard, "secrets": hidden, "libraries": libraries, "required_if": needed}
    run(argument_spec(), build_client, plan, carry_out, **how)


if __name__ == "__main__":
    main()
