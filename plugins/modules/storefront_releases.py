#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""List the releases to which a storefront can return, or compare two of them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: storefront_releases
version_added: 1.0.0
short_description: List the releases to which a storefront can return
description:
  - Asks the platforms which deployments they could serve again, and the ledger which releases were verified. Shows for
    each release and unit whether a rollback to it is possible, and why not.
  - With O(compare) it compares two releases instead, by their commits, migrations, files and size, and by the digests
    of their variables in the ledger.
  - Changes nothing.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  compare:
    description:
      - Two releases with two dots between them, such as V(v1.0.0..v1.1.0).
    type: str
extends_documentation_fragment:
  - storefront.runbook.storefront
  - storefront.runbook.store
attributes:
  check_mode:
    description: The module only reads, so check mode makes no difference.
    support: full
  diff_mode:
    description: The module changes nothing, so there is no diff.
    support: none
seealso:
  - module: storefront.runbook.release_info
"""

EXAMPLES = r"""
- name: Compare two releases
  storefront.runbook.storefront_releases:
    storefront: shop
    store: s3://acme-deploys/shop
    path: /srv/shop
    compare: v1.0.0..v1.1.0
  register: releases
"""

RETURN = r"""
report:
  description:
    - The page as data, with C(level), C(verdict), the C(next) commands, and C(releases) (each with its C(units),
      whether it is C(possible), and C(why_not)) or the C(comparison).
  returned: success
  type: dict
  sample: {level: ok, verdict: A rollback is possible to 1 of 2 releases.}
page:
  description: The rows of the page for the screen.
  returned: success
  type: list
  elements: dict
lines:
  description: The page as plain lines.
  returned: success
  type: list
  elements: str
elapsed:
  description: Run time of the module in seconds.
  returned: always
  type: float
"""

from typing import Any

from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import store_options
from ..module_utils.core.plan import Plan
from ..module_utils.core.wait import nothing
from ..module_utils.desk import platforms, systems
from ..module_utils.desk.board import board
from ..module_utils.desk.compare import compare
from ..module_utils.desk.gather import gather
from ..module_utils.desk.releases_page import board_page, compare_page
from ..module_utils.desk.storefront import refuse_unfit, secrets, storefront_options, unit_names
from ..module_utils.desk.unsafe import unsafe
from ..module_utils.release.page_options import two_releases

NEEDED = ("ledger", "database")


def argument_spec() -> dict[str, Any]:
    return {"compare": {"type": "str"}, **storefront_options(), **store_options(required=False)}


def build_client(params: dict[str, Any], runtime: Runtime) -> None:
    refuse_unfit(params)


def plan(params: dict[str, Any], client: None) -> Plan:
    known = systems.sources(params)
    asked = {name: known[name] for name in NEEDED if name in known}
    if params["compare"]:
        old, new = two_releases(params["compare"])
        facts = gather({name: source for name, source in asked.items() if name == "ledger"}, params["timeout"])
        return Plan({}, {}, result=compare_page(params, compare(params, facts, old, new)))
    facts = gather({**platforms.sources(params), **asked}, params["timeout"])
    names = unit_names(params)
    entries = board(facts, names, unsafe(params, facts, names))
    return Plan({}, {}, result=board_page(params, facts, entries, names))


def main() -> None:
    run(argument_spec(), build_client, plan, nothing, secrets=secrets)


if __name__ == "__main__":
    main()
