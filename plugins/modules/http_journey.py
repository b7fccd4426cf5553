#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Walk through a shop as its customers do."""

from __future__ import annotations

DOCUMENTATION = r"""
module: http_journey
short_description: Walk through a shop as its customers do
version_added: 1.0.0
author:
  - Contributors to storefront.runbook (@storefront)
description:
  - Runs journeys, each a list of HTTP requests in order, with captured values, expectations, retries and cookies, as
    data. The words are those of Hurl (U(https://hurl.dev)).
  - A text may hold C(${name}), which is a variable, a secret or a captured value. A text that is one name alone becomes
    the value itself, so that a number stays a number. C($${) stands for C(${).
  - Every journey is checked as a whole before anything is requested. An unknown word, a name that is used before it is
    captured, a wrong selector or an address of an undeclared host is refused.
  - The first failure ends a journey. It names the step, the expected value and the value that came.
  - Redirects are followed only where a step asks for it. Secrets never go to an undeclared host.
  - In check mode the journeys are checked and not run.
extends_documentation_fragment:
  - storefront.runbook.lease
  - storefront.runbook.store
attributes:
  check_mode:
    description: Predicts the changes without making them.
    support: full
    details:
      - The journeys are checked, and none is run.
  diff_mode:
    description: Shows the changes.
    support: none
options:
  journeys:
    description:
      - The journeys to run, one after the other.
      - Each has O(journeys[].name) and O(journeys[].steps), and optionally O(journeys[].cleanup),
        O(journeys[].variables), O(journeys[].site) and O(journeys[].places).
      - "A step has C(name) and C(request) (C(method), C(url), C(site), C(query), C(headers), C(cookies), C(basic_auth),
        and one of C(json), C(form) and C(body)), or only C(request: URL)."
      - "A step may have C(status) (a number or a list; by default any 2xx), C(captures), C(asserts), C(options)
        (C(retry), C(retry_interval) and C(delay) in seconds, C(location) to follow redirects, C(max_redirects)), and
        C(reads: true) if a request other than GET changes nothing."
      - "A capture is C(name: QUERY), a query one of C(jsonpath), C(css) (with C(attribute)), C(regex), C(header),
        C(cookie), C(variable), C(status), C(url), C(body) and C(duration). C(secret: true) masks the captured value.
        C(count: true) gives the number of matches."
      - "An assertion is a query with one of C(equals), C(not_equals), C(greater_than), C(greater_or_equal),
        C(less_than), C(less_or_equal), C(contains), C(starts_with), C(ends_with), C(matches), C(exists), C(is_empty),
        C(is_string), C(is_number), C(is_integer), C(is_float), C(is_boolean) and C(is_collection). C(not: true) inverts
        it. C(duration: 1000) alone requires at most 1000 milliseconds."
      - "A step with C(browser: true) has C(actions) instead of a request: C(open: URL), C(fill: SELECTOR) with
        C(with: TEXT), C(click: SELECTOR), and C(expect: TEXT), perhaps C(in: SELECTOR). It runs in the Chromium of the
        machine and needs the Python package C(playwright)."
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - Name of the journey in messages and reports.
        type: str
      site:
        description:
          - Site of the steps that name none.
        type: str
      steps:
        description:
          - Steps in order.
        type: raw
      cleanup:
        description:
          - Steps that remove what the journey makes. They run before the steps, as far as their values are known then,
            to remove what a killed run has left, and after the steps, however these ended.
          - The answers 404 and 410 count as removed, unless the step has its own C(status).
        type: raw
      variables:
        description:
          - Values of this journey.
        type: raw
      places:
        description:
          - Values of O(place) at which the journey runs. By default it runs at each.
        type: raw
  sites:
    description:
      - URL of each site by its name, such as C(frontend) and C(backend).
    type: dict
    required: true
  hosts:
    description:
      - Further hosts that journeys may ask, such as C(mail.shop.example) or C(mail.shop.example:8443).
    type: list
    elements: str
    default: []
  place:
    description:
      - Where this run stands, such as V(staged) or V(public), for O(journeys[].places).
    type: str
  caller:
    description:
      - Who runs the journeys, as C(${caller}). A test customer whose address contains it is the same in each run of one
        caller, so that the clean-up of a run finds what a killed one has left.
    type: str
    default: run
  clean_callers:
    description:
      - Other callers, such as V(deploy). The clean-up also removes what a killed run of theirs has left, unless
        somebody holds the deploy lease in O(store).
    type: list
    elements: str
    default: []
  public_sites:
    description:
      - URL at which customers see a site whose URL in O(sites) is that of a staged build. A browser shows the staged
        pages at this URL, so that the API accepts their requests as it does those of the public site.
    type: dict
    default: {}
  variables:
    description:
      - Values for all journeys. One may use C(${run}), C(${place}), C(${caller}), a secret or a variable before it.
    type: dict
    default: {}
  secrets:
    description:
      - Values for all journeys that are masked in everything that is reported, also URL-encoded and in base64.
    type: dict
    default: {}
  headers:
    description:
      - Secret headers to send to the sites, such as C(x-vercel-protection-bypass). They are never sent to O(hosts).
    type: dict
    default: {}
  test_customers:
    description:
      - Confirms that the shop offers what a journey that writes needs, which are test customers that can be removed,
        and payments in a test mode. Without it only journeys run whose requests change nothing.
    type: bool
    default: false
  run:
    description:
      - Name of this run, which journeys use as C(${run}). By default it is random.
    type: str
  timeout:
    description:
      - Seconds for one step, up to the last byte and with its redirects.
    type: float
    default: 10.0
  screenshots:
    description:
      - Folder for the screenshot of a failed browser step.
    type: path
  browser_path:
    description:
      - Program file of Chromium. By default it is searched.
    type: path
  require:
    description:
      - V(passed) fails the task unless every journey passes. V(none) only reports.
    type: str
    choices: [passed, none]
    default: passed
"""

EXAMPLES = r"""
- name: Customers can register and buy
  storefront.runbook.http_journey:
    sites: {frontend: https://shop.example, backend: https://api.shop.example}
    test_customers: true
    variables: {email: journey@test.shop.example}
    secrets: {password: "{{ vault_journey_password }}", removal: "{{ vault_removal_token }}"}
    journeys:
      - name: buy
        site: backend
        steps:
          - name: register
            request: {method: POST, url: /api/auth/register, json: {email: "${email}", password: "${password}"}}
            status: 201
            captures: {token: {jsonpath: $.token, secret: true}}
          - name: pay
            request: {method: POST, url: /api/checkout, headers: {authorization: "Bearer ${token}"}}
            status: 201
            asserts:
              - {jsonpath: $.status, equals: paid}
              - {duration: 1000}
        cleanup:
          - name: remove the customer
            request: {method: DELETE, url: "/api/test-customers/${email}", headers: {x-removal: "${removal}"}}

- name: The search finds something, and the page renders
  storefront.runbook.http_journey:
    sites: {frontend: https://shop.example, backend: https://api.shop.example}
    journeys:
      - name: search
        site: backend
        steps:
          - name: search for a mug
            request: {url: /api/search, query: {q: mug}}
            asserts: [{jsonpath: $.items, count: true, greater_than: 0}]
      - name: page
        site: frontend
        steps:
          - name: open the products
            browser: true
            actions: [{open: /products}, {expect: Mug}]
"""

RETURN = r"""
journeys:
  description: One report per journey that ran. Also returned when the task fails.
  returned: when they ran
  type: list
  elements: dict
  contains:
    name:
      description: Name of the journey.
      type: str
      sample: buy
    outcome:
      description: V(passed), V(failed), or V(skipped) if it writes and O(test_customers) is not set.
      type: str
      sample: passed
    elapsed_ms:
      description: Milliseconds of the whole journey.
      type: int
      sample: 412
    cleaned:
      description: Whether its clean-up succeeded.
      type: bool
      sample: true
    steps:
      description: Name, outcome, status, milliseconds and tries of each step that ran.
      type: list
      elements: dict
      sample: [{"name": "register", "outcome": "passed", "status": 201, "duration_ms": 96, "tries": 1}]
    failure:
      description: Step, expected value, value that came and screenshot of the failure. Null if it passed.
      type: dict
      sample: null
passed:
  description: Whether every journey that ran passed.
  returned: when they ran
  type: bool
  sample: true
summary:
  description: One line per failed or skipped journey. It is also the message when the task fails.
  returned: always
  type: str
  sample: 8 of 8 journeys passed.
run:
  description: Name of the run.
  returned: when they ran
  type: str
  sample: 3f9a1c20
elapsed:
  description: Run time of the module in seconds.
  returned: always
  type: float
  sample: 3.1
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

from typing import Any

from ..module_utils.core.amounts import number
from ..module_utils.core.errors import Unhealthy
from ..module_utils.core.http import REQUESTS_ERROR
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import lease_options
from ..module_utils.core.plan import Plan
from ..module_utils.core.wait import nothing
from ..module_utils.release.lease import guard
from ..module_utils.release.lease_document import obstacle, read
from ..module_utils.release.store_clock import compare
from ..module_utils.site.journeys.options import hidden, runner_of, selected, summary_of, world_of
from ..module_utils.site.journeys.queries import LIBRARIES
from ..module_utils.site.journeys.reader import journeys_of
from ..module_utils.store.open import open_store


def argument_spec() -> dict[str, Any]:
    return {
        "journeys": {
            **{"type": "list", "elements": "dict", "required": True},
            "options": {
                **{name: {"type": "str"} for name in ("name", "site")},
                **{name: {"type": "raw"} for name in ("steps", "cleanup", "variables", "places")},
            },
        },
        "sites": {"type": "dict", "required": True},
        "hosts": {"type": "list", "elements": "str", "default": []},
        "place": {"type": "str"},
        "caller": {"type": "str", "default": "run"},
        "clean_callers": {"type": "list", "elements": "str", "default": []},
        "public_sites": {"type": "dict", "default": {}},
        "variables": {"type": "dict", "default": {}},
        "secrets": {"type": "dict", "default": {}, "no_log": True},
        "headers": {"type": "dict", "default": {}, "no_log": True},
        "test_customers": {"type": "bool", "default": False},
        "run": {"type": "str"},
        "timeout": {"type": "float", "default": 10.0},
        "screenshots": {"type": "path"},
        "browser_path": {"type": "path"},
        "require": {"type": "str", "choices": ["passed", "none"], "default": "passed"},
        **lease_options(),
    }


class Walk:
    """What a run needs of the module: whether it only checks the journeys, and the hook that renews the lease."""

    def __init__(self, params: dict[str, Any], runtime: Runtime) -> None:
        self.params, self.runtime = params, runtime


def build_client(params: dict[str, Any], runtime: Runtime) -> Walk:
    return Walk(params, runtime)


def plan(params: dict[str, Any], client: Walk) -> Plan:
    world = world_of(params)
    journeys = journeys_of(params["journeys"], world)
    wanted, skipped = selected(journeys, params)
    if client.runtime.check_mode:
        return Plan(
            before={},
            after={},
            result={"summary": f"{number(len(journeys), 'journey is', 'journeys are')} right. None was run."},
        )
    runner = runner_of(params, world, client.runtime.heartbeat, also_cleaned(params))
    reports = [runner.run(journey) for journey in wanted]
    passed = all(report["outcome"] == "passed" for report in reports)
    found: dict[str, Any] = {
        "journeys": [*reports, *skipped],
        "passed": passed,
        "summary": summary_of(reports, skipped),
    }
    found["run"] = runner.values["run"]
    if not passed and params["require"] == "passed":
        error = Unhealthy(found["summary"])
        error.result = found
        raise error
    return Plan(before={}, after={}, result=found)


def also_cleaned(params: dict[str, Any]) -> list[str]:
    """Return the callers in clean_callers if no run of theirs can be under way: nobody holds the deploy lease."""
    if not (params["clean_callers"] and params["store"]):
        return []
    store = open_store(params)
    lease = read(store)
    return [] if lease and obstacle(lease[0], store, compare(store)()) else params["clean_callers"]


def main() -> None:
    libraries = {"requests": REQUESTS_ERROR, **LIBRARIES}
    run(argument_spec(), build_client, plan, nothing, guard=guard, secrets=hidden, libraries=libraries)


if __name__ == "__main__":
    main()
