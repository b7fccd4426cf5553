#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find out what is wrong with a storefront, and say what to do next."""

from __future__ import annotations

DOCUMENTATION = r"""
module: storefront_diagnosis
version_added: 1.0.0
short_description: Find out what is wrong with a storefront
description:
  - Asks every system at the same time, as M(storefront.runbook.storefront_status) does, and in addition logs, slow
    statements, indexes and the variables that the release needs.
  - Judges the answers by rules, one for each troubleshooting section of the runbook, and returns the findings ranked,
    each with its evidence, the likely cause, the next command and how certain the finding is.
  - Changes nothing and never fails because of what it finds.
author:
  - Contributors to storefront.runbook (@storefront)
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
  - module: storefront.runbook.storefront_status
"""

EXAMPLES = r"""
- name: Find out what is wrong
  storefront.runbook.storefront_diagnosis:
    storefront: shop
    store: s3://acme-deploys/shop
    frontend: {api_token: "{{ vault_vercel_token }}", project: prj_1a2b3c, url: https://shop.example}
    database: {url: "{{ vault_database_url }}"}
  register: diagnosis

- name: Show the first finding
  ansible.builtin.debug:
    msg: "{{ diagnosis.report.findings[0].what }}"
  when: diagnosis.report.findings | length > 0
"""

RETURN = r"""
report:
  description:
    - The page as data, with C(level), C(verdict) and the C(findings), the worst and most certain first. Each has C(id),
      C(section) (T1 to T6), C(what), C(evidence), C(cause), C(certainty), C(do), C(advice), C(remedy) and C(target).
    - C(clear) is what was checked and is fine, and C(unreachable) what could not be asked.
  returned: success
  type: dict
  sample: {level: down, verdict: The database cannot be reached.}
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
stale_urls:
  description: Public pages that show another release than the one that is served.
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
from ..module_utils.desk import clues, platforms, systems
from ..module_utils.desk.diagnosis import build, find
from ..module_utils.desk.findings.edge import stale_urls
from ..module_utils.desk.findings.finding import View
from ..module_utils.desk.gather import gather
from ..module_utils.desk.pending import pending
from ..module_utils.desk.storefront import refuse_unfit, secrets, storefront_options


def argument_spec() -> dict[str, Any]:
    return {**storefront_options(), **store_options(required=False)}


def build_client(params: dict[str, Any], runtime: Runtime) -> None:
    refuse_unfit(params)


def plan(params: dict[str, Any], client: None) -> Plan:
    facts = gather(
        {**platforms.sources(params), **systems.sources({**params, "windows": {}}), **clues.sources(params)},
        params["timeout"],
    )
    facts |= {
        "pending": pending(params, facts),
        "indexes": clues.missing_indexes(params, facts),
        "needs": clues.needs(params, facts),
    }
    view = View(params, facts)
    found, wrong = find(view)
    return Plan({}, {}, result={**build(view, found, wrong), "stale_urls": stale_urls(view)})


def main() -> None:
    run(argument_spec(), build_client, plan, nothing, secrets=secrets)


if __name__ == "__main__":
    main()
