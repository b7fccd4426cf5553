#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Purges Cloudflare's cache."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cf_purge
short_description: Purge Cloudflare's cache
version_added: 1.0.0
author:
  - Contributors to storefront.runbook (@storefront)
description:
  - Removes from Cloudflare's cache everything of a zone, or what belongs to URLs, cache tags, hosts or prefixes. Give exactly one of O(everything),
    O(files), O(tags), O(hosts) and O(prefixes).
  - What a cache holds cannot be asked for, so a purge is always a change, and check mode predicts the requests.
  - Rate limits are waited for as Cloudflare asks. A request whose answer was lost is sent again, since purging twice does no harm.
extends_documentation_fragment:
  - storefront.runbook.api
  - storefront.runbook.lease
  - storefront.runbook.store
attributes:
  check_mode:
    description: Can run in check mode and predict what would change.
    support: full
  diff_mode:
    description: Shows what changes.
    support: full
options:
  api_token:
    description:
      - API token with the right Zone, Cache Purge. With Zone, Read as well the zone can be given by its name, and is looked up before anything is
        purged. Never shown, logged or written to disk.
      - The environment variable E(CLOUDFLARE_API_TOKEN) is used when it is not set.
    type: str
    required: true
  api_url:
    description:
      - Address of Cloudflare's API; another one than the default is for tests and proxies.
    type: str
    default: https://api.cloudflare.com/client/v4
  zone:
    description:
      - Name of the zone, such as V(shop.example), or its id.
    type: str
    required: true
  everything:
    description:
      - Purge all that is cached of the zone. The shop's own servers get every request until the cache is filled again.
    type: bool
    default: false
  files:
    description:
      - URLs to purge, as they are asked for, with scheme and host.
      - One that is cached by request headers is a dictionary with C(url) and C(headers).
    type: list
    elements: raw
  tags:
    description:
      - Cache tags to purge.
    type: list
    elements: str
  hosts:
    description:
      - Host names whose cache to purge.
    type: list
    elements: str
  prefixes:
    description:
      - Prefixes to purge, as host and path without scheme, query or fragment, such as V(www.shop.example/products).
    type: list
    elements: str
  batch_size:
    description:
      - How many URLs, tags, hosts or prefixes go into one request. Every plan takes 100; Enterprise takes 500 URLs.
    type: int
    default: 100
"""

EXAMPLES = r"""
- name: Purge all that is cached of the shop
  storefront.runbook.cf_purge:
    api_token: "{{ vault_cloudflare_token }}"
    zone: shop.example
    everything: true

- name: Purge the catalogue
  storefront.runbook.cf_purge:
    zone: shop.example
    prefixes:
      - www.shop.example/products

- name: Purge two pages, one of them cached by language
  storefront.runbook.cf_purge:
    zone: 023e105f4ecef8ad9ca31a8372d0c353
    files:
      - https://www.shop.example/
      - url: https://www.shop.example/terms
        headers:
          Accept-Language: de
"""

RETURN = r"""
purged:
  description: What was purged; in check mode what would be.
  returned: success
  type: dict
  contains:
    kind:
      description: V(everything), V(files), V(tags), V(hosts) or V(prefixes).
      type: str
      sample: prefixes
    count:
      description: How many URLs, tags, hosts or prefixes; null for everything.
      type: int
      sample: 1
    requests:
      description: How many requests it takes.
      type: int
      sample: 1
zone:
  description: The zone.
  returned: success
  type: dict
  contains:
    id:
      description: Its id.
      type: str
      sample: 023e105f4ecef8ad9ca31a8372d0c353
    name:
      description: Its name; null where the token may not read the zone.
      type: str
      sample: shop.example
elapsed:
  description: Seconds that the module took.
  returned: always
  type: float
  sample: 1.204
error:
  description: What went wrong, for programs.
  returned: failure
  type: dict
  contains:
    kind:
      description: Such as V(config), V(api), V(unreachable) or V(lease_lost).
      type: str
      sample: api
    code:
      description: Cloudflare's own code.
      type: str
      sample: "10000"
    status:
      description: The HTTP status.
      type: int
      sample: 403
    request_id:
      description: Cloudflare's ray id, which its support asks for.
      type: str
    message:
      description: The same as C(msg).
      type: str
    retryable:
      description: Whether the same request may succeed later.
      type: bool
"""

import re
from typing import Any

from ..module_utils.core.errors import ConfigError
from ..module_utils.core.http import REQUESTS_ERROR
from ..module_utils.core.module import Plan, Runtime, run
from ..module_utils.core.options import api_options, lease_options
from ..module_utils.data.lease import guard as lease_guard
from ..module_utils.platforms.cloudflare import API_URL, BATCH_SIZE, Cloudflare

# What each kind looks like, and how to say it.
SHAPES = {
    "files": (r"https?://[^/\s]+\S*", "a URL that begins with https:// or http://, or a dictionary of url and headers"),
    "tags": (r"\S+", "a tag without blanks"),
    "hosts": (r"[^\s/:?#]+(:\d+)?", "a host name without scheme and path"),
    "prefixes": (r"[^\s/:?#]+(:\d+)?(/[^\s?#]*)?", "host and path without scheme, query and fragment, such as www.shop.example/products"),
}


def argument_spec() -> dict[str, Any]:
    return {
        **api_options(API_URL, "CLOUDFLARE_API_TOKEN"),
        "zone": {"type": "str", "required": True},
        "everything": {"type": "bool", "default": False},
        "files": {"type": "list", "elements": "raw"},
        "tags": {"type": "list", "elements": "str"},
        "hosts": {"type": "list", "elements": "str"},
        "prefixes": {"type": "list", "elements": "str"},
        "batch_size": {"type": "int", "default": BATCH_SIZE},
        **lease_options(),
    }


def build_client(params: dict[str, Any], runtime: Runtime) -> Cloudflare:
    return Cloudflare(params["api_token"], params["api_url"], timeout=params["timeout"], beat=runtime.beat, warn=runtime.warn)


def plan(params: dict[str, Any], client: Cloudflare) -> Plan:
    given = [kind for kind in ("everything", *SHAPES) if params[kind]]
    if len(given) != 1:
        raise ConfigError(f"Give exactly one of everything, files, tags, hosts and prefixes that is not empty, not {' and '.join(given) or 'none'}.")
    if params["batch_size"] < 1:
        raise ConfigError(f"batch_size is {params['batch_size']}. Give at least 1.")
    (kind,) = given
    items = [] if kind == "everything" else accepted(kind, params[kind])
    size = params["batch_size"]
    batches = [items[start:][:size] for start in range(0, len(items), size)]
    zone = client.zone(params["zone"])
    return Plan(
        before={},
        after={"zone": zone.name or zone.id, "purged": items or kind},
        todo={"zone": zone.id, "kind": kind, "batches": batches},
        result={
            "purged": {"kind": kind, "count": len(items) or None, "requests": len(batches) or 1},
            "zone": {"id": zone.id, "name": zone.name},
        },
    )


def accepted(kind: str, items: list[Any]) -> list[Any]:
    """Return the items once each, all of one form; raises ConfigError for one that Cloudflare would refuse."""
    shape, meaning = SHAPES[kind]
    for item in items:
        url = item.get("url") if isinstance(item, dict) and set(item) <= {"url", "headers"} else item
        if not isinstance(url, str) or not re.fullmatch(shape, url):
            raise ConfigError(f"{item!r} in {kind} is not what Cloudflare takes. Give {meaning}.")
    if any(isinstance(item, dict) for item in items):
        items = [item if isinstance(item, dict) else {"url": item, "headers": {}} for item in items]
    return [item for number, item in enumerate(items) if item not in items[:number]]


def apply(plan: Plan, client: Cloudflare) -> None:
    todo = plan.todo
    if todo["kind"] == "everything":
        client.purge_everything(todo["zone"])
    else:
        client.purge(todo["zone"], todo["kind"], todo["batches"])


def main() -> None:
    run(argument_spec(), build_client, plan, apply, guard=lease_guard, libraries={"requests": REQUESTS_ERROR})


if __name__ == "__main__":
    main()
