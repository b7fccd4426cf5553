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
  - Removes from Cloudflare's cache everything of a zone, or what belongs to URLs, cache tags, hosts or prefixes, or
    what a release has changed. Give exactly one of O(everything), O(files), O(tags), O(hosts), O(prefixes) and
    O(changed).
  - What a cache holds cannot be asked for, so a purge is always a change, and check mode predicts the requests. Only
    where O(changed) finds nothing that anybody could have seen, nothing is purged.
  - Rate limits are waited for as Cloudflare asks. A request whose answer was lost is sent again, since purging twice
    does no harm.
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
    description: Shows the changes.
    support: full
options:
  retry_timeout:
    description:
      - Seconds for which one request is sent again while Cloudflare cannot be reached, does not answer or asks for
        patience; at most six times O(timeout).
    type: float
    default: 180.0
  api_token:
    description:
      - API token with the right Zone, Cache Purge. With Zone, Read as well the zone can be given by its name, and is
        looked up before anything is purged. Never shown, logged or written to disk.
      - The environment variable E(CLOUDFLARE_API_TOKEN) is used when this option is not set.
    type: str
    required: true
  everything:
    description:
      - Purge all that is cached of the zone. The shop's own servers get every request until the cache is filled again.
    type: bool
    default: false
  files:
    description:
      - URLs to purge, as they are asked for, with scheme and host and without a fragment. Letters outside ASCII are
        sent as browsers send them, the host in punycode, the rest percent-encoded.
      - One that is cached by request headers is a dictionary with C(url) and C(headers).
    type: list
    elements: raw
  tags:
    description:
      - Cache tags to purge, each an item of its own. One with a comma or a blank in it is refused.
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
  changed:
    description:
      - Purge what a release has changed, by the files that differ in git. Which public paths a file reaches only you
        can know, so O(changed.routes) says it. A file that no route knows of purges everything, so that nothing old is
        left.
    type: dict
    suboptions:
      path:
        description: The repository's checkout on this controller.
        type: path
        required: true
      from:
        description: Ref of the release that was live. Where it is missing or unknown, what changed is not known either.
        type: str
      to:
        description: Ref of the release that is live now.
        type: str
        required: true
      base_urls:
        description: The public hosts, such as V(https://www.shop.example).
        type: list
        elements: str
        required: true
      routes:
        description: What a changed file reaches. The first route whose source matches the file counts.
        type: list
        elements: dict
        required: true
        suboptions:
          source:
            description:
              - Path of files from the repository's root. C(*) stands for a part of a name, C(**) for anything.
            type: str
            required: true
          urls:
            description:
              - Public paths to purge, such as V(/about). C({rest}) is what C(**) stands for.
              - A route with neither this nor C(prefixes) says that the files are seen by nobody, such as tests.
            type: list
            elements: str
          prefixes:
            description:
              - Beginnings of public paths to purge, such as V(/products).
            type: list
            elements: str
      otherwise:
        description: What to do where it is not known what changed, or what a file reaches.
        type: str
        choices: [everything, fail]
        default: everything
  batch_size:
    description:
      - How many URLs, tags, hosts or prefixes go into one request. Every plan takes 100; Enterprise takes 500 URLs.
        Where Cloudflare takes fewer in this zone, the requests are made smaller.
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

- name: Purge what v1.3.0 has changed
  storefront.runbook.cf_purge:
    zone: shop.example
    changed:
      path: /srv/shop
      from: v1.2.3
      to: v1.3.0
      base_urls: [https://www.shop.example]
      routes:
        - {source: "apps/frontend/public/**", urls: ["/{rest}"]}
        - {source: "apps/frontend/app/products/**", prefixes: [/products]}
        - {source: "apps/frontend/app/page.tsx", urls: [/]}
        - {source: "apps/backend/**"}
        - {source: "docs/**"}

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
  description: What was purged; in check mode what would be. After a failure in between C(count), C(requests) and
    C(items), the first ten of each kind.
  returned: success, and when a purge failed in between
  type: dict
  contains:
    kind:
      description: V(everything), V(files), V(tags), V(hosts), V(prefixes), V(changed), or V(nothing) where nothing that
        is seen has changed.
      type: str
      sample: prefixes
    count:
      description: How many URLs, tags, hosts or prefixes, with O(changed) the URLs and prefixes together; null for
        everything.
      type: int
      sample: 1
    requests:
      description: How many requests it takes.
      type: int
      sample: 1
not_purged:
  description: What was not purged, or perhaps not, when a purge failed in between.
  returned: when a purge failed in between
  type: dict
  contains:
    count:
      description: How many URLs, tags, hosts and prefixes.
      type: int
      sample: 150
    items:
      description: The first ten of each kind.
      type: dict
      sample: {tags: [products]}
zone:
  description: The zone.
  returned: success
  type: dict
  contains:
    id:
      description: Id.
      type: str
      sample: 023e105f4ecef8ad9ca31a8372d0c353
    name:
      description: Its name; null where the token may not read the zone.
      type: str
      sample: shop.example
changes:
  description: What was found out for O(changed).
  returned: when O(changed) is given
  type: dict
  contains:
    files:
      description: How many files differ; null where that is not known.
      type: int
      sample: 3
    unmatched:
      description: Files of which no route tells what they reach, the first ten.
      type: list
      elements: str
      sample: [apps/frontend/lib/api.ts]
    urls:
      description: URLs that are purged.
      type: list
      elements: str
      sample: [https://www.shop.example/logo.svg]
    prefixes:
      description: Prefixes that are purged.
      type: list
      elements: str
      sample: [www.shop.example/products]
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
      description: Kind of the error, such as V(config), V(api), V(unreachable) or V(lease_lost).
      type: str
      sample: api
    code:
      description: Cloudflare's own code.
      type: str
      sample: "10000"
    status:
      description: HTTP status of the response.
      type: int
      sample: 403
    request_id:
      description: Cloudflare's ray id, which its support asks for.
      type: str
    message:
      description: Same text as C(msg).
      type: str
    retryable:
      description: Whether a later retry of the same request may succeed.
      type: bool
"""

from typing import Any

from ..module_utils.core.errors import ConfigError
from ..module_utils.core.http import ATTEMPTS, REQUESTS_ERROR
from ..module_utils.core.module import Plan, Runtime, run
from ..module_utils.core.options import api_options, lease_options
from ..module_utils.platforms.cloudflare.changed import changed
from ..module_utils.platforms.cloudflare.client import API_URL, BATCH_SIZE, Cloudflare
from ..module_utils.platforms.cloudflare.items import SHAPES, accepted
from ..module_utils.platforms.cloudflare.purge import Order, Purge
from ..module_utils.release.lease import guard

PATHS = {"type": "list", "elements": "str"}
ROUTE = {"source": {"type": "str", "required": True}, "urls": PATHS, "prefixes": PATHS}
CHANGED = {
    "path": {"type": "path", "required": True},
    "from": {"type": "str"},
    "to": {"type": "str", "required": True},
    "base_urls": {"type": "list", "elements": "str", "required": True},
    "routes": {"type": "list", "elements": "dict", "required": True, "options": ROUTE},
    "otherwise": {"type": "str", "choices": ["everything", "fail"], "default": "everything"},
}


def argument_spec() -> dict[str, Any]:
    return {
        **api_options(API_URL, "CLOUDFLARE_API_TOKEN"),
        "retry_timeout": {"type": "float", "default": 180.0},
        "zone": {"type": "str", "required": True},
        "everything": {"type": "bool", "default": False},
        "files": {"type": "list", "elements": "raw"},
        "tags": {"type": "list", "elements": "str"},
        "hosts": {"type": "list", "elements": "str"},
        "prefixes": {"type": "list", "elements": "str"},
        "changed": {"type": "dict", "options": CHANGED},
        "batch_size": {"type": "int", "default": BATCH_SIZE},
        **lease_options(),
    }


def build_client(params: dict[str, Any], runtime: Runtime) -> Cloudflare:
    limits = {"timeout": params["timeout"], "deadline": min(params["retry_timeout"], ATTEMPTS * params["timeout"])}
    hooks: dict[str, Any] = {"before_write": runtime.before_write, "tick": runtime.beat, "warn": runtime.warn}
    hooks["allow_plain_http"] = params["allow_plain_http"]
    return Cloudflare(params["api_token"], params["api_url"], **limits, **hooks)


def plan(params: dict[str, Any], client: Cloudflare) -> Plan:
    given = [kind for kind in ("everything", *SHAPES, "changed") if params[kind]]
    if len(given) != 1:
        raise ConfigError(f"Give exactly one of everything, files, tags, hosts, prefixes and changed that is not empty, not {' and '.join(given) or 'none'}.")
    size = params["batch_size"]
    if size < 1:
        raise ConfigError(f"batch_size is {size}. Give at least 1.")
    (kind,) = given
    changes: dict[str, Any] = {}
    if kind == "changed":
        kind, wanted, changes = changed(params["changed"])
    else:
        wanted = {} if kind == "everything" else {kind: accepted(kind, params[kind])}
    items = [item for some in wanted.values() for item in some]
    batches = {some: [wanted[some][start:][:size] for start in range(0, len(wanted[some]), size)] for some in wanted}
    zone = client.zone(params["zone"])
    return Plan(
        before={},
        after={} if kind == "nothing" else {"zone": zone.name or zone.id, "purged": items or kind},
        todo=Order(zone.id, kind == "everything", batches),
        result={
            "purged": {
                **{"kind": kind, "count": None if kind == "everything" else len(items)},
                "requests": 1 if kind == "everything" else sum(map(len, batches.values())),
            },
            "zone": {"id": zone.id, "name": zone.name},
            **changes,
        },
    )


def apply(plan: Plan, client: Cloudflare) -> dict[str, Any]:
    order: Order = plan.todo
    if order.everything:
        client.purge_everything(order.zone)
        return {}
    purge = Purge(client, order.zone)
    purge.run(order.batches)
    return {"purged": {**plan.result["purged"], "requests": purge.requests}}


def main() -> None:
    run(argument_spec(), build_client, plan, apply, guard=guard, libraries={"requests": REQUESTS_ERROR})


if __name__ == "__main__":
    main()
