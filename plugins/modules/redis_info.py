#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Report how a Redis server is, and which keys it holds."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_info
version_added: 1.0.0
short_description: Report how a Redis server is, and which keys it holds
description:
  - Reads role, memory, clients and statistics, counts keys by pattern and finds the biggest ones. Writes nothing.
  - Statistics are the difference between two readings, O(interval) seconds apart. C(INFO) counts since the server
    started, which hides what happens now.
  - Keys are read with C(SCAN) in small batches, and at most O(scan_limit) of them. C(KEYS) is never used.
  - What the user of O(url) may not ask is null, and RV(unavailable) has the reason.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  interval:
    description:
      - Seconds between the two readings of the statistics, up to 60. With V(0) they are those since the server started.
    type: float
    default: 1.0
  patterns:
    description:
      - Patterns of keys to count, such as V(product:*).
    type: list
    elements: str
    default: []
  biggest:
    description:
      - Number of the biggest keys to return, up to 1000. V(0) does not look for them.
    type: int
    default: 0
  scan_limit:
    description:
      - Number of keys that are read at most for each pattern, up to 100 million.
    type: int
    default: 100000
extends_documentation_fragment:
  - storefront.runbook.redis
attributes:
  check_mode:
    description: The module only reads, so check mode makes no difference.
    support: full
  diff_mode:
    description: The module changes nothing, so there is no diff.
    support: none
notes:
  - A user needs the commands C(PING), C(INFO), C(SCAN), and for O(biggest) C(MEMORY), C(TYPE) and C(TTL). The category
    C(-@dangerous) takes C(INFO) away.
seealso:
  - module: storefront.runbook.redis_flush
"""

EXAMPLES = r"""
- name: Read the hit rate of ten seconds, and count the cached products
  storefront.runbook.redis_info:
    url: "{{ vault_redis_url }}"
    interval: 10
    patterns: ["product:*"]
    biggest: 5
  register: cache

- name: Fail if keys are evicted
  ansible.builtin.assert:
    that: cache.stats.evicted == 0
"""

RETURN = r"""
mode:
  description: V(standalone), V(sentinel) or V(cluster).
  returned: success
  type: str
  sample: standalone
ping_ms:
  description: Milliseconds of a C(PING); in a cluster those of the slowest server.
  returned: success
  type: float
  sample: 0.4
role:
  description: V(master) or V(slave), as Redis calls it.
  returned: success
  type: str
  sample: master
version:
  description: Version of the server.
  returned: success
  type: str
  sample: 7.2.4
uptime:
  description: Seconds since the server started.
  returned: success
  type: int
  sample: 86400
replicas:
  description: Number of connected replicas.
  returned: success
  type: int
  sample: 1
memory:
  description:
    - Bytes C(used), C(peak), C(resident) and the C(limit) (0 for none), the C(share) of the limit that is used, the
      eviction C(policy) and the C(fragmentation).
  returned: success
  type: dict
  sample: {used: 1048576, peak: 2097152, resident: 4194304, limit: 0, share: null, policy: noeviction}
clients:
  description: Number of clients that are C(connected) and C(blocked), and the C(limit).
  returned: success
  type: dict
  sample: {connected: 12, blocked: 0, limit: 10000}
keys:
  description: Number of C(keys), and of those that expire, by database.
  returned: success
  type: dict
  sample: {db0: {keys: 120, expires: 100}}
stats:
  description:
    - What was counted in C(seconds), C(since) V(interval) or V(start) - C(hits), C(misses), C(hit_rate) (null without
      requests), C(evicted), C(expired), C(commands), C(connections), C(rejected) and C(errors).
  returned: success
  type: dict
  sample: {seconds: 1.0, since: interval, hits: 90, misses: 10, hit_rate: 0.9, evicted: 0, expired: 1}
patterns:
  description:
    - For each of O(patterns) the C(count) of keys that match, a C(sample) of ten, how many keys were C(scanned), and
      whether all were (C(complete)).
  returned: success
  type: dict
  sample: {"product:*": {count: 42, scanned: 500, complete: true, sample: ["product:v1.0.0:17"]}}
biggest:
  description: The biggest keys, with C(bytes), C(type) and the seconds to live (C(ttl), null for ever).
  returned: when O(biggest) is not 0
  type: list
  elements: dict
  sample: [{key: "product:v1.0.0:17", bytes: 4096, type: string, ttl: 30}]
unavailable:
  description: What could not be read, with the reason.
  returned: success
  type: dict
  sample: {}
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
      description: V(config), V(api) or V(unreachable).
      type: str
    code:
      description: Redis' own code, such as V(NOAUTH).
      type: str
    message:
      description: Same text as C(msg).
      type: str
"""

from dataclasses import asdict
from typing import Any

from ..module_utils.core.bounds import refuse_outside
from ..module_utils.core.errors import ApiError
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.plan import Plan
from ..module_utils.core.wait import Waiter, nothing
from ..module_utils.redis.connection import REDIS_ERROR, Server, connect, redis_options, secrets_of
from ..module_utils.redis.keys import MOST_SCANNED, biggest, count
from ..module_utils.redis.limits import LONGEST_INTERVAL, MOST_KEYS
from ..module_utils.redis.report import described, ping


def argument_spec() -> dict[str, Any]:
    return {
        **redis_options(),
        "interval": {"type": "float", "default": 1.0},
        "patterns": {"type": "list", "elements": "str", "default": []},
        "biggest": {"type": "int", "default": 0},
        "scan_limit": {"type": "int", "default": 100_000},
    }


def build_client(params: dict[str, Any], runtime: Runtime) -> Server:
    refuse_outside("interval", params["interval"], 0, LONGEST_INTERVAL, "seconds")
    refuse_outside("biggest", params["biggest"], 0, MOST_KEYS, "keys")
    refuse_outside("scan_limit", params["scan_limit"], 1, MOST_SCANNED, "keys")
    return connect(params)


def plan(params: dict[str, Any], client: Server) -> Plan:
    unavailable: dict[str, str] = {}
    limit = params["scan_limit"]
    result: dict[str, Any] = {
        "mode": client.mode,
        "ping_ms": ping(client),
        **described(client, params["interval"], Waiter().sleep, unavailable),
        "patterns": {},
    }
    try:
        result["patterns"] = {pattern: asdict(count(client, pattern, limit)) for pattern in params["patterns"]}
        if params["biggest"]:
            result["biggest"] = biggest(client, "*", limit, params["biggest"])
    except ApiError as error:
        if error.code != "NOPERM":
            raise
        unavailable["keys by pattern"] = str(error)
    return Plan({}, {}, result={**result, "unavailable": unavailable})


def main() -> None:
    run(argument_spec(), build_client, plan, nothing, secrets=secrets_of, libraries={"redis": REDIS_ERROR})


if __name__ == "__main__":
    main()
