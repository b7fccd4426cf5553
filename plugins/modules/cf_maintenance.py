#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold a shop in maintenance at Cloudflare's edge."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cf_maintenance
version_added: 1.0.0
short_description: Hold a shop in maintenance at Cloudflare's edge
description:
  - Puts a Worker on the routes of the shop's public hosts. It answers 503 with C(Retry-After) and a page, or JSON to
    clients of the API, and no answer is cached. The Worker stands before the cache, so cached pages are covered too.
  - The Worker passes O(let_through), C(/.well-known/acme-challenge/), O(health_path) with its secret header, and
    operators with a signed pass in the header C(X-Storefront-Operator) or in the cookie that they get at
    C(/.well-known/storefront-operator).
  - The script stays in the account. V(off) deletes the routes that lead to it and no others, so the zone is as it was
    before. The module waits until the public site shows the new state.
author:
  - Contributors to storefront.runbook (@storefront)
extends_documentation_fragment:
  - storefront.runbook.cloudflare
  - storefront.runbook.api
  - storefront.runbook.lease
  - storefront.runbook.store
attributes:
  check_mode:
    description: Predicts the changes without making them.
    support: full
  diff_mode:
    description: Shows the routes and the times. Secrets are not shown.
    support: full
options:
  api_token:
    description:
      - API token with the permissions Zone Read, Workers Routes Edit and Account Workers Scripts Edit. Never shown,
        logged or written to disk.
      - The environment variable E(CLOUDFLARE_API_TOKEN) is used when this option is not set.
    type: str
    required: true
  state:
    description:
      - V(on) and V(off) switch the maintenance, and V(status) only reports it.
    type: str
    choices: ['on', 'off', status]
    required: true
  shop:
    description:
      - Name of the storefront. The script is named after it and the zone, so storefronts of one account do not meet.
    type: str
    required: true
  urls:
    description:
      - The shop's public URLs. The module holds their hosts, and requests the URLs to see whether they show the
        maintenance. It reports a host outside of the zone, such as one of C(vercel.app), which no route can cover.
    type: list
    elements: str
    default: []
  api_urls:
    description:
      - Those of O(urls) whose clients get JSON. Paths that begin with C(/api/), and requests that accept only JSON, get
        it on every host.
    type: list
    elements: str
    default: []
  let_through:
    description:
      - Paths that stay open, such as those of payment webhooks. A star at the end of a path stands for any rest.
    type: list
    elements: str
    default: [/webhooks/*, /api/webhooks/*]
  operator_key:
    description:
      - Key that signs the passes of operators, at least 32 characters. Required for V(on).
    type: str
  health_path:
    description:
      - Path of the health check that stays open to requests with O(health_secret) in the header O(health_header).
    type: str
  health_header:
    description:
      - Name of that header.
    type: str
    default: X-Storefront-Health
  health_secret:
    description:
      - Value of that header.
    type: str
  page_message:
    description:
      - Text of the page and of the JSON.
    type: str
  page:
    description:
      - HTML of the page, instead of the collection's own.
    type: str
  minutes:
    description:
      - Expected duration in minutes. C(Retry-After) is the time that is left of it. The maintenance does not end with
        it.
    type: int
    default: 30
  opens_at:
    description:
      - Time at which the Worker stops answering 503 automatically, such as V(2026-01-31T04:00:00Z). Its routes stay
        until V(off). Without this option the maintenance lasts until V(off).
    type: str
  foreign_routes:
    description:
      - What to do where the zone has routes of other Workers on the shop's hosts, which take their requests first.
        V(refuse) fails and V(keep) leaves their requests as they are. The module never changes such a route.
    type: str
    choices: [refuse, keep]
    default: refuse
  account:
    description:
      - Id of the Cloudflare account. By default it is that of the zone.
    type: str
  worker:
    description:
      - File with the Worker's source, instead of the collection's own.
    type: path
  wait:
    description:
      - Whether to wait until every one of O(urls) in the zone shows the new state.
    type: bool
    default: true
  wait_timeout:
    description:
      - Seconds to wait for that. A change of routes may take half a minute to arrive everywhere, and other places may
        see it later than this machine.
    type: float
    default: 120
  wait_interval:
    description:
      - Seconds between two requests.
    type: float
    default: 1
seealso:
  - module: storefront.runbook.cf_purge
"""

EXAMPLES = r"""
- name: Hold the shop
  storefront.runbook.cf_maintenance:
    api_token: "{{ vault_cloudflare_token }}"
    zone: shop.example
    state: 'on'
    shop: production
    urls: [https://www.shop.example, https://api.shop.example]
    api_urls: [https://api.shop.example]
    let_through: [/webhooks/stripe]
    operator_key: "{{ vault_operator_key }}"
    minutes: 20

- name: Open it again
  storefront.runbook.cf_maintenance:
    api_token: "{{ vault_cloudflare_token }}"
    zone: shop.example
    state: 'off'
    shop: production
    urls: [https://www.shop.example, https://api.shop.example]
"""

RETURN = r"""
maintenance:
  description: The maintenance at the edge.
  returned: success
  type: dict
  contains:
    'on':
      description: Whether the shop is held.
      type: bool
      sample: true
    ended_by_itself:
      description: Whether O(opens_at) is over. The routes are still there, but all requests go to the shop.
      type: bool
      sample: false
    routes:
      description: Patterns of the routes that lead to the Worker.
      type: list
      elements: str
      sample: [www.shop.example/*]
    since:
      description: Time at which it began, in UTC.
      type: str
      sample: "2026-01-31T03:00:00Z"
    expected_at:
      description: Time at which the shop is expected to open, in UTC.
      type: str
      sample: "2026-01-31T03:20:00Z"
    opens_at:
      description: Time at which it opens automatically, in UTC.
      type: str
script:
  description: Name of the Worker's script.
  returned: success
  type: str
  sample: maintenance-production-0a1b2c3d
not_covered:
  description: Public hosts and routes that the maintenance does not reach, each with the reason.
  returned: success
  type: list
  elements: str
public:
  description: What each URL shows now, V(maintenance), V(open) or V(no answer).
  returned: O(state=status)
  type: dict
  sample: {"https://www.shop.example": maintenance}
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
      description: Kind of the error, such as V(config), V(api), V(wait_timeout) or V(lease_lost).
      type: str
    code:
      description: Cloudflare's own code.
      type: str
    status:
      description: HTTP status of the response.
      type: int
    message:
      description: Same text as C(msg).
      type: str
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..module_utils.core.errors import ConfigError
from ..module_utils.core.http import REQUESTS_ERROR
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import api_options, lease_options, wait_options
from ..module_utils.core.plan import Plan
from ..module_utils.core.wait import Waiter, nothing
from ..module_utils.platforms.cloudflare import maintenance, maintenance_switch
from ..module_utils.platforms.cloudflare.client import API_URL
from ..module_utils.platforms.cloudflare.maintenance_switch import Switch
from ..module_utils.platforms.cloudflare.workers import Workers
from ..module_utils.release.lease import guard

WORKER = Path(maintenance.__file__).with_name("maintenance.mjs")


def argument_spec() -> dict[str, Any]:
    return {
        **api_options(API_URL, "CLOUDFLARE_API_TOKEN"),
        "zone": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["on", "off", "status"], "required": True},
        "shop": {"type": "str", "required": True},
        "urls": {"type": "list", "elements": "str", "default": []},
        "api_urls": {"type": "list", "elements": "str", "default": []},
        "let_through": {"type": "list", "elements": "str", "default": ["/webhooks/*", "/api/webhooks/*"]},
        "operator_key": {"type": "str", "no_log": True},
        "health_path": {"type": "str"},
        "health_header": {"type": "str", "default": "X-Storefront-Health"},
        "health_secret": {"type": "str", "no_log": True},
        "page_message": {"type": "str"},
        "page": {"type": "str"},
        "minutes": {"type": "int", "default": 30},
        "opens_at": {"type": "str"},
        "foreign_routes": {"type": "str", "choices": ["refuse", "keep"], "default": "refuse"},
        "account": {"type": "str"},
        "worker": {"type": "path"},
        **wait_options(120.0, 1.0),
        **lease_options(),
    }


@dataclass(frozen=True)
class Client:
    """Cloudflare's client, and how to wait for the public site."""

    workers: Workers
    params: dict[str, Any]
    waiter: Waiter
    warn: Any

    def close(self) -> None:
        self.workers.close()


def build_client(params: dict[str, Any], runtime: Runtime) -> Client:
    hooks: dict[str, Any] = {"before_write": runtime.before_write, "tick": runtime.heartbeat, "warn": runtime.warn}
    limits = {"timeout": params["timeout"], "allow_plain_http": params["allow_plain_http"]}
    limits["unreachable"] = params["unreachable_timeout"]
    if params["state"] == "status":  # somebody waits for it
        limits["deadline"] = params["timeout"]
    waiter = Waiter(
        timeout=params["wait_timeout"],
        interval=params["wait_interval"],
        heartbeat=runtime.heartbeat,
        warn=runtime.warn,
    )
    warn = (
        nothing if runtime.check_mode else runtime.warn
    )  # every deploy asks in check mode whether the edge could hold
    return Client(Workers(params["api_token"], params["api_url"], **limits, **hooks), params, waiter, warn)


def plan(params: dict[str, Any], client: Client) -> Plan:
    now, state = maintenance_switch.now(), params["state"]
    if state == "on":
        maintenance.refuse_wrong(params, now)
    given = (params["zone"], params["account"], params["shop"])
    found, seen = maintenance_switch.asked(
        lambda: maintenance_switch.read_state(client.workers, *given),
        params["urls"] if state == "status" else [],
        params["shop"],
        params["timeout"] if state == "status" else None,
    )
    hosts = maintenance.hosts_of(params["urls"], found.zone_name)
    own = [route.pattern for route in found.own]
    before = maintenance_switch.describe(own, found.config, now)
    others = maintenance.foreign(found.routes, found.name, hosts)
    not_covered = [f"{host}: not in the zone" for host in hosts.outside]
    not_covered += [f"{route.pattern}: a route of {route.script or 'no Worker'}" for route in others]
    result: dict[str, Any] = {"script": found.name, "not_covered": not_covered}
    if state == "status":
        words = {True: "maintenance", False: "open", None: "no answer"}
        return Plan({}, {}, None, {**result, "maintenance": before, "public": {url: words[seen[url]] for url in seen}})
    switch, config = Switch(found, delete=found.own), found.config
    if state == "on":
        for what in not_covered:
            client.warn(f"The maintenance does not reach {what}.")
        switch, config = maintenance_switch.switch_on(found, params, hosts, source(params["worker"]), now)
        own = [*(set(own) - {route.pattern for route in switch.delete}), *switch.create]
    after = maintenance_switch.describe(own if state == "on" else [], config, now)
    # a page or a key may differ although nothing that is shown does
    settings = {"settings": "changed"} if switch.upload and before["on"] else {}
    return Plan(before, {**after, **settings}, switch, {**result, "maintenance": after})


def source(path: str | None) -> str:
    try:
        return Path(path or WORKER).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"The Worker's source {path or WORKER} cannot be read: {error.strerror}. Set worker to the file"
            " plugins/module_utils/platforms/cloudflare/maintenance.mjs of the collection."
        ) from None


def apply(plan: Plan, client: Client) -> dict[str, Any]:
    params = client.params
    maintenance_switch.carry_out(client.workers, plan.todo)
    if params["wait"]:
        on = params["state"] == "on"
        urls = maintenance_switch.held_urls(params["urls"], (plan.after if on else plan.before)["routes"])
        maintenance_switch.await_public(urls, params["shop"], on=on, seconds=params["timeout"], waiter=client.waiter)
    return {}


def main() -> None:
    run(argument_spec(), build_client, plan, apply, guard=guard, libraries={"requests": REQUESTS_ERROR})


if __name__ == "__main__":
    main()
