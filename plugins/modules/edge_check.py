#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask the public site about CORS, its rate limit and its certificates."""

from __future__ import annotations

DOCUMENTATION = r"""
module: edge_check
version_added: 1.0.0
short_description: Check CORS, the rate limit and TLS of the public site
description:
  - Sends preflights and requests of allowed and of foreign origins to the API. Besides the given origins it tries
    some that a careless comparison would accept.
  - Sends a bounded burst to an address that is declared for it, and stops at the first V(429).
  - Checks at each address of each public host how many days its certificate is still valid, and whether the host
    still accepts versions of TLS that are too old.
  - Each part runs if its options are set. The burst writes nothing except what the site itself counts.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  live:
    description:
      - Whether anything is live yet. Without it nothing is asked.
    type: bool
    default: true
  headers:
    description:
      - Secret headers with which a probe passes an access protection. Never sent to another host, shown, logged or
        written to
        disk.
    type: dict
    default: {}
  timeout:
    description:
      - Seconds for one answer, or for one handshake.
    type: float
    default: 10.0
  allow_plain_http:
    description:
      - Allows the secret headers to be sent over plain HTTP to another machine.
    type: bool
    default: false
  cors_url:
    description:
      - Address of the API that the shop's pages ask.
    type: str
  allowed_origins:
    description:
      - Origins of the shop's pages, such as V(https://shop.example).
    type: list
    elements: str
    default: []
  foreign_origins:
    description:
      - Origins that must not be allowed, beside those that are always tried.
    type: list
    elements: str
    default: []
  method:
    description:
      - The method that a page asks for.
    type: str
    default: POST
  request_headers:
    description:
      - The headers that a page asks for.
    type: list
    elements: str
    default: [content-type, authorization]
  credentials:
    description:
      - Whether pages send cookies. Without it, the API must not allow that.
    type: bool
    default: false
  max_age:
    description:
      - Minimum number of seconds for which browsers may cache a preflight. V(0) skips this check.
    type: int
    default: 0
  cors_optional:
    description:
      - Declares that the API accepts no requests of pages of another origin, so that the check of origins does not
        apply.
    type: bool
    default: false
  rate_limit_url:
    description:
      - URL to which the burst is sent, such as the one for logins.
    type: str
  rate_limit_method:
    description:
      - The method of the burst.
    type: str
    choices: [GET, HEAD, POST]
    default: GET
  rate_limit_body:
    description:
      - JSON to post.
    type: dict
  burst:
    description:
      - Maximum number of requests, from V(2) to V(500).
    type: int
    default: 50
  hosts:
    description:
      - Public hosts, as V(shop.example), V(shop.example:8443) or addresses.
    type: list
    elements: str
    default: []
  days_left:
    description:
      - Minimum number of days for which certificates must still be valid.
    type: int
    default: 21
  oldest_tls:
    description:
      - Oldest version of TLS that a host may accept.
    type: str
    choices: ["1.2", "1.3"]
    default: "1.2"
  ca_file:
    description:
      - File with the authorities that are trusted. Without it, E(REQUESTS_CA_BUNDLE) or the usual public ones.
    type: path
extends_documentation_fragment:
  - storefront.runbook.checks
attributes:
  check_mode:
    description: Changes nothing, so it runs as without check mode.
    support: full
  diff_mode:
    description: Changes nothing, so there is no difference to show.
    support: none
seealso:
  - module: storefront.runbook.preflight_checks
  - module: storefront.runbook.health_check
"""

EXAMPLES = r"""
- name: Ask the edge of the shop
  storefront.runbook.edge_check:
    cors_url: https://api.shop.example/api/products
    allowed_origins: [https://shop.example, https://www.shop.example]
    max_age: 600
    rate_limit_url: https://api.shop.example/api/auth/login
    rate_limit_method: POST
    rate_limit_body: {email: nobody@shop.example, password: not-a-password}
    burst: 150
    hosts: [shop.example, www.shop.example, api.shop.example]
"""

RETURN = r"""
verdict:
  description: V(go), V(no_go), or V(inconclusive) where nothing failed and something could not be asked.
  returned: success or a no
  type: str
  sample: go
answers:
  description: The evidence, one item for each check.
  returned: success or a no
  type: list
  elements: dict
  contains:
    id:
      description: The check, such as V(C19).
      type: str
    name:
      description: Its name, such as V(deploy_window).
      type: str
    outcome:
      description:
        - One of V(passed), V(failed), V(waived), V(attested), V(could_not_be_asked), V(due_later), V(not_applicable)
          and V(not_configured).
      type: str
    stops:
      description: Whether it stops the deploy.
      type: bool
    asked:
      description: What was asked.
      type: str
    answered:
      description: What was answered.
      type: str
    advice:
      description: What to do about a failed check.
      type: str
    url:
      description: URL at which the answer can be seen.
      type: str
    facts:
      description: What the answer is based on.
      type: dict
    by:
      description: Who waived or attested it.
      type: str
    reason:
      description: Why it was waived, or the note of the attestation.
      type: str
    until:
      description: The end of the waiver, in UTC.
      type: str
    commit:
      description: The commit that the answer is for.
      type: str
    at:
      description: When it was asked, in UTC.
      type: str
    seconds:
      description: How long the check took.
      type: float
summary:
  description: One line with the number of answers of each kind.
  returned: success or a no
  type: str
  sample: 15 passed, 1 waived (C10 by bob until 1 Apr), 2 due later
message:
  description: The failed checks, and what to do about each.
  returned: success or a no
  type: str
problems:
  description: The lines of RV(message) that stop the deploy.
  returned: success or a no
  type: list
  elements: str
unconfigured:
  description: What each check that is not configured lacks. Checks that lack the same share a line.
  returned: success or a no
  type: list
  elements: str
  sample: ["C1, C2, C12: set api_token and repository of github"]
due:
  description: The later points at which checks are due.
  returned: success or a no
  type: list
  elements: str
  sample: [staged]
evidence:
  description: The answers as the option C(evidence) of M(storefront.runbook.release_record) takes them, without
    those that are due later.
  returned: success or a no
  type: list
  elements: dict
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
      description: V(config) where nothing was asked, V(no_go) where a check stops the deploy.
      type: str
    message:
      description: The same as C(msg).
      type: str
"""

from typing import Any

from ..module_utils.checks.register import CHECKS
from ..module_utils.checks.run import run_one
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import checks_options, validated
from ..module_utils.core.plan import Plan

MINE = [check for check in CHECKS if check.name in ("cors", "rate_limit", "certificates")]


def argument_spec() -> dict[str, Any]:
    return {**{name: spec for check in MINE for name, spec in check.options.items()}, **checks_options()}


def secrets(params: dict[str, Any]) -> list[str]:
    """Return what somebody wrote before a host: it is refused, and must not show."""
    before = [host.rpartition("@")[0] for host in params["hosts"]]
    return [*before, *(text.rpartition(":")[2] for text in before)]


def build_client(params: dict[str, Any], runtime: Runtime) -> None:
    return None


def plan(params: dict[str, Any], client: None) -> Plan:
    return Plan({}, {}, result=run_one(MINE, params, validated))


def apply(plan: Plan, client: None) -> None:
    """Nothing to write."""


def main() -> None:
    run(argument_spec(), build_client, plan, apply, secrets=secrets)


if __name__ == "__main__":
    main()
