#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Purge Cloudflare's cache."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cf_purge
short_description: Purge Cloudflare's cache
version_added: 1.0.0
author:
  - Contributors to storefront.runbook (@storefront)
description:
  - Purges from Cloudflare's cache a whole zone, certain URLs, cache tags, hosts or prefixes, or the pages that a
    release has changed. Set exactly one of O(everything), O(files), O(tags), O(hosts), O(prefixes) and O(changed).
  - Cloudflare does not report what it has cached, so a purge always counts as a change. Check mode predicts the
    requests. The module purges nothing only if O(changed) finds no change that visitors can see.
  - The module waits for rate limits as Cloudflare requests. It resends a request whose response was lost, since purging
    twice does no harm.
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
      - Seconds during which the module retries one request while Cloudflare is unreachable, does not answer or limits
        the rate. The maximum is six times O(timeout).
    type: float
    default: 180.0
  api_token:
    description:
      - API token with the permission Zone Cache Purge. With Zone Read as well, O(zone) may be a name, which the module
        resolves before it purges anything. Never shown, logged or written to disk.
      - The environment variable E(CLOUDFLARE_API_TOKEN) is used when this option is not set.
    type: str
    required: true
  everything:
    description:
      - Purge everything that is cached for the zone. The shop's own servers receive every request until the cache is
        filled again.
    type: bool
    default: false
  files:
    description:
      - URLs to purge, as visitors request them, with scheme and host and without a fragment. Characters outside ASCII
        are encoded as browsers encode them, with the host in punycode and the rest percent-encoded.
      - For a URL that is cached by request headers, use a dictionary with C(url) and C(headers).
    type: list
    elements: raw
  tags:
    description:
      - Cache tags to purge, one per item. The module refuses a tag with a comma or a space in it.
    type: list
    elements: str
  hosts:
    description:
      - Host names to purge.
    type: list
    elements: str
  prefixes:
    description:
      - URL prefixes to purge, as host and path without scheme, query or fragment, such as V(www.shop.example/products).
    type: list
    elements: str
  changed:
    description:
      - Purge the pages that a release has changed. The module compares the files in git, and O(changed.routes) maps
        each file to the public paths that it affects. By default a changed file without a route purges everything, so
        that no old page stays in the cache.
    type: dict
    suboptions:
      path:
        description: Checkout of the repository on the controller.
        type: path
        required: true
      from:
        description: Ref of the release that was live. If it is missing or unknown, the module cannot determine the
          changes.
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
        description: Public paths that a changed file affects. The first route whose source matches the file applies.
        type: list
        elements: dict
        required: true
        suboptions:
          source:
            description:
              - Pattern for file paths relative to the repository's root. C(*) matches a part of a name, C(**) matches
                anything.
            type: str
            required: true
          urls:
            description:
              - Public paths to purge, such as V(/about). C({rest}) is replaced by what C(**) matched.
              - A route with neither C(urls) nor C(prefixes) is for files that visitors never see, such as tests.
            type: list
            elements: str
          prefixes:
            description:
              - Prefixes of public paths to purge, such as V(/products).
            type: list
            elements: str
      otherwise:
        description: What to do if the changes, or the paths that a file affects, cannot be determined.
        type: str
        choices: [everything, fail]
        default: everything
  batch_size:
    description:
      - Maximum number of URLs, tags, hosts or prefixes in one request. Every plan accepts 100, and Enterprise accepts
        500 URLs. If Cloudflare accepts fewer for this zone, the module sends smaller requests.
    type: int
    default: 100
"""

EXAMPLES = r"""
- name: Purge the whole cache of the shop
  storefront.runbook.cf_purge:
    api_token: "{{ vault_cloudflare_token }}"
    zone: shop.example
    everything: true

- name: Purge the catalogue
  storefront.runbook.cf_purge:
    zone: shop.example
    prefixes:
      - www.shop.example/products

- name: Purge the pages that v1.3.0 has changed
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
  description: What was purged, or would be purged in check mode. If a purge fails halfway, it has C(count), C(requests)
    and C(items), with the first ten of each kind.
  returned: success, and when a purge failed halfway
  type: dict
  contains:
    kind:
      description: V(everything), V(files), V(tags), V(hosts), V(prefixes), V(changed), or V(nothing) if nothing that
        visitors see has changed.
      type: str
      sample: prefixes
    count:
      description: Number of URLs, tags, hosts or prefixes. With O(changed) it is the sum of URLs and prefixes. Null for
        everything.
      type: int
      sample: 1
    requests:
      description: Number of requests.
      type: int
      sample: 1
not_purged:
  description: What was not purged, or may not have been purged, when a purge failed halfway.
  returned: when a purge failed halfway
  type: dict
  contains:
    count:
      description: Number of URLs, tags, hosts and prefixes.
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
  description: The changes that O(changed) found.
  returned: when O(changed) is given
  type: dict
  contains:
    files:
      description: Number of files that differ. Null if unknown.
      type: int
      sample: 3
    unmatched:
      description: The first ten changed files that match no route.
      type: list
      elements: str
      sample: [apps/frontend/lib/api.ts]
    urls:
      description: Purged URLs.
      type: list
      elements: str
      sample: [https://www.shop.example/logo.svg]
    prefixes:
      description: Purged prefixes.
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
      description: Cloudflare's ray id. Cloudflare's support asks for it.
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
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import api_options, lease_options
from ..module_utils.core.plan import Plan
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
    hooks: dict[str, Any] = {"before_write": runtime.before_write, "tick": runtime.heartbeat, "warn": runtime.warn}
    hooks |= {"allow_plain_http": params["allow_plain_http"], "unreachable": params["unreachable_timeout"]}
    return Cloudflare(params["api_token"], params["api_url"], **limits, **hooks)


def plan(params: dict[str, Any], client: Cloudflare) -> Plan:
    given = [kind for kind in ("everything", *SHAPES, "changed") if params[kind]]
    if len(given) != 1:
        raise ConfigError(
            "Set exactly one of everything, files, tags, hosts, prefixes and changed, and do not leave it empty. Set"
            f" now: {' and '.join(given) or 'none'}."
        )
    size = params["batch_size"]
    if size < 1:
        raise ConfigError(f"batch_size is {size}. Set it to at least 1.")
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
