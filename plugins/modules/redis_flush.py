#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remove the keys of a Redis server that match a pattern."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_flush
version_added: 1.0.0
short_description: Remove the keys of a Redis server that match a pattern
description:
  - Finds keys with C(SCAN) and removes them with C(UNLINK), in batches of at most 500, so that no other client waits.
  - A pattern without a literal part, such as V(*), is refused. It would remove everybody's sessions and carts.
  - Check mode counts the keys and removes none.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  pattern:
    description:
      - Pattern of the keys, such as V(product:*). It needs at least two letters or digits besides its wildcards.
    type: str
    required: true
  scan_limit:
    description:
      - Number of keys that are read at most, up to 100 million. Run it again where RV(complete) is false.
    type: int
    default: 1000000
extends_documentation_fragment:
  - storefront.runbook.redis
attributes:
  check_mode:
    description: Counts the keys that would be removed.
    support: full
  diff_mode:
    description: Shows the number of keys before and after.
    support: full
seealso:
  - module: storefront.runbook.redis_info
"""

EXAMPLES = r"""
- name: Remove the cached products
  storefront.runbook.redis_flush:
    url: "{{ vault_redis_url }}"
    pattern: "product:*"
"""

RETURN = r"""
pattern:
  description: The pattern.
  returned: success
  type: str
  sample: "product:*"
count:
  description: Number of keys that were removed; in check mode of those that would be.
  returned: success
  type: int
  sample: 42
sample:
  description: Ten of these keys.
  returned: success
  type: list
  elements: str
  sample: ["product:v1.0.0:17"]
scanned:
  description: Number of keys that were read.
  returned: success
  type: int
  sample: 500
complete:
  description: Whether all keys were read.
  returned: success
  type: bool
mode:
  description: V(standalone), V(sentinel) or V(cluster).
  returned: success
  type: str
  sample: standalone
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
      description: Such as V(no_literal), or Redis' own code.
      type: str
    message:
      description: Same text as C(msg).
      type: str
"""

from dataclasses import asdict
from typing import Any

from ..module_utils.core.bounds import refuse_outside
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.plan import Plan, carry_out
from ..module_utils.redis.connection import REDIS_ERROR, Server, connect, redis_options, secrets_of
from ..module_utils.redis.keys import MOST_SCANNED, count, unlink
from ..module_utils.redis.limits import refuse_unbounded


def argument_spec() -> dict[str, Any]:
    return {
        **redis_options(),
        "pattern": {"type": "str", "required": True},
        "scan_limit": {"type": "int", "default": 1_000_000},
    }


def build_client(params: dict[str, Any], runtime: Runtime) -> Server:
    refuse_unbounded(params["pattern"])
    refuse_outside("scan_limit", params["scan_limit"], 1, MOST_SCANNED, "keys")
    return connect(params)


def plan(params: dict[str, Any], client: Server) -> Plan:
    pattern, limit = params["pattern"], params["scan_limit"]
    found = count(client, pattern, limit)

    def remove() -> dict[str, Any]:
        return asdict(unlink(client, pattern, limit))

    result = {"pattern": pattern, "mode": client.mode, **asdict(found)}
    return Plan({"keys": found.count}, {"keys": 0}, todo=remove, result=result)


def main() -> None:
    run(argument_spec(), build_client, plan, carry_out, secrets=secrets_of, libraries={"redis": REDIS_ERROR})


if __name__ == "__main__":
    main()
