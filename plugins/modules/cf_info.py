#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the settings of a Cloudflare zone and the hit rate of its cache."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cf_info
version_added: 1.0.0
short_description: Read the settings and the cache hit rate of a Cloudflare zone
description:
  - Reads the zone's plan and status, whether development mode bypasses the cache, and the share of requests that the
    cache answered. Writes nothing.
  - A value that the token cannot read, or that the plan does not provide, is null. A warning names the missing
    permission.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  api_token:
    description:
      - API token with the permissions Zone Read, Zone Settings Read and Zone Analytics Read. Never shown, logged or
        written to disk.
      - The environment variable E(CLOUDFLARE_API_TOKEN) is used when this option is not set.
    type: str
    required: true
  cache_window:
    description:
      - Number of seconds to look back when counting requests, up to a day. With V(0) nothing is counted.
    type: int
    default: 3600
  hosts:
    description:
      - Count only requests to these hosts, such as V(www.shop.example). If empty, count all requests of the zone.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - storefront.runbook.cloudflare
  - storefront.runbook.api
attributes:
  check_mode:
    description: The module only reads, so check mode makes no difference.
    support: full
  diff_mode:
    description: The module changes nothing, so there is no diff.
    support: none
notes:
  - Cloudflare's counts are sampled and lag by a minute or more.
seealso:
  - module: storefront.runbook.cf_purge
"""

EXAMPLES = r"""
- name: Read the hit rate of the cache
  storefront.runbook.cf_info:
    api_token: "{{ vault_cloudflare_token }}"
    zone: shop.example
    hosts: [www.shop.example]
    cache_window: 900
  register: edge

- name: Show that the cache is bypassed
  ansible.builtin.debug:
    msg: "Development mode is on for another {{ edge.development_mode.seconds_left }} s"
  when: edge.development_mode.enabled
"""

RETURN = r"""
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
    status:
      description: Status at Cloudflare. V(active) means that Cloudflare serves the zone.
      type: str
      sample: active
    paused:
      description: Whether requests bypass Cloudflare and reach the origin directly.
      type: bool
      sample: false
    plan:
      description: Name of the plan.
      type: str
      sample: Pro Website
development_mode:
  description: State of development mode, which bypasses the cache. Null if the token cannot read it.
  returned: success
  type: dict
  contains:
    enabled:
      description: Whether it is on.
      type: bool
      sample: false
    seconds_left:
      description: Seconds until it ends automatically.
      type: int
      sample: 0
cache:
  description: Statistics of the cache. Null if they were not requested or are not available.
  returned: success
  type: dict
  contains:
    since:
      description: Start of the counted period, in UTC.
      type: str
      sample: "2026-01-31T11:00:00Z"
    until:
      description: End of the counted period, in UTC.
      type: str
      sample: "2026-01-31T12:00:00Z"
    requests:
      description: Number of requests in the period.
      type: int
      sample: 1200
    cached:
      description: Number of requests that were answered from the cache.
      type: int
      sample: 900
    hit_rate:
      description: Share of all requests that were answered from the cache, from 0 to 1. Null if there were no requests.
      type: float
      sample: 0.75
    cacheable_hit_rate:
      description: Share of cacheable requests that were answered from the cache. Null if there were none.
      type: float
      sample: 0.9
    bytes:
      description: Bytes sent in the period.
      type: int
      sample: 52428800
    statuses:
      description: Number of requests for each of Cloudflare's cache statuses.
      type: dict
      sample: {hit: 900, miss: 100, dynamic: 200}
elapsed:
  description: Run time of the module in seconds.
  returned: always
  type: float
  sample: 0.412
error:
  description: The error in machine-readable form.
  returned: failure
  type: dict
  contains:
    kind:
      description: Kind of the error, such as V(config), V(api) or V(unreachable).
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
      description: Id of the request, if the vendor returns one.
      type: str
    message:
      description: Same text as C(msg).
      type: str
    retryable:
      description: Whether a later retry of the same request may succeed.
      type: bool
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from ..module_utils.core.errors import ApiError, ConfigError
from ..module_utils.core.http import REQUESTS_ERROR
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import api_options
from ..module_utils.core.plan import Plan
from ..module_utils.platforms.cloudflare.client import API_URL, Cloudflare

# answered from the cache, possibly after revalidation with the origin
CACHED = {"hit", "stale", "updating", "revalidated"}
UNCACHEABLE = {"dynamic", "bypass", "none", "unknown"}  # these requests never use the cache
DAY = 86_400


def argument_spec() -> dict[str, Any]:
    return {
        **api_options(API_URL, "CLOUDFLARE_API_TOKEN"),
        "zone": {"type": "str", "required": True},
        "cache_window": {"type": "int", "default": 3600},
        "hosts": {"type": "list", "elements": "str", "default": []},
    }


class Teller:
    """Cloudflare's client, and the function that warns of values that the token cannot read."""

    def __init__(self, params: dict[str, Any], runtime: Runtime) -> None:
        options = {"timeout": params["timeout"], "allow_plain_http": params["allow_plain_http"]}
        options["unreachable"] = params["unreachable_timeout"]
        self.cloudflare = Cloudflare(params["api_token"], params["api_url"], warn=runtime.warn, **options)
        self.warn, self.close = runtime.warn, self.cloudflare.close

    def try_read(self, ask: Any, *what: Any) -> Any:
        """Return the answer, or None with a warning if the token cannot read it."""
        try:
            return ask(*what)
        except ApiError as error:
            if error.status not in (200, 403) or error.code == "malformed_body":
                raise
            self.warn(str(error))
            return None


def build_client(params: dict[str, Any], runtime: Runtime) -> Teller:
    if not 0 <= params["cache_window"] <= DAY:
        raise ConfigError(f"cache_window is {params['cache_window']}. Set it to 0 to {DAY} seconds.")
    return Teller(params, runtime)


def plan(params: dict[str, Any], client: Teller) -> Plan:
    zone = client.cloudflare.zone(params["zone"])
    known = (client.try_read(client.cloudflare.details, zone.id) if zone.name else None) or {}
    mode = client.try_read(development_mode, client.cloudflare, zone.id)
    cache = None
    if params["cache_window"]:
        until = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)  # include the current second
        since = until - timedelta(seconds=params["cache_window"])
        between = [moment.isoformat().replace("+00:00", "Z") for moment in (since, until)]
        statuses = client.try_read(client.cloudflare.cache_statuses, zone.id, *between, params["hosts"])
        cache = None if statuses is None else {"since": between[0], "until": between[1], **rates(statuses)}
    return Plan(
        before={},
        after={},
        result={
            "zone": {
                **{"id": zone.id, "name": zone.name, "status": known.get("status"), "paused": known.get("paused")},
                "plan": (known.get("plan") or {}).get("name"),
            },
            "development_mode": mode,
            "cache": cache,
        },
    )


def development_mode(cloudflare: Cloudflare, zone: str) -> dict[str, Any]:
    left = cloudflare.development_mode(zone)
    return {"enabled": left is not None, "seconds_left": left or 0}


def rates(statuses: dict[str, dict[str, int]]) -> dict[str, Any]:
    counts = {status: group["requests"] for status, group in statuses.items()}
    total, cached = sum(counts.values()), sum(count for status, count in counts.items() if status in CACHED)
    cacheable = sum(count for status, count in counts.items() if status not in UNCACHEABLE)
    return {
        **{
            "requests": total,
            "cached": cached,
            "bytes": sum(group["bytes"] for group in statuses.values()),
            "statuses": counts,
        },
        **{
            "hit_rate": round(cached / total, 4) if total else None,
            "cacheable_hit_rate": round(cached / cacheable, 4) if cacheable else None,
        },
    }


def apply(intent: Plan, client: Teller) -> None:
    """Never called: there is nothing to change."""


def main() -> None:
    run(argument_spec(), build_client, plan, apply, libraries={"requests": REQUESTS_ERROR})


if __name__ == "__main__":
    main()
