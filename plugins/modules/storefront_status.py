#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask every system of a storefront how it is, and judge the answers."""

from __future__ import annotations

DOCUMENTATION = r"""
module: storefront_status
version_added: 1.0.0
short_description: Report the state of every system of a storefront
description:
  - Asks the platforms, the store, the database, Redis, the edge and the public sites at the same time, and judges the
    answers.
  - Compares what is live with the last record of the ledger. What somebody changed in a dashboard since then is drift.
  - A system that does not answer within O(timeout) is reported as such. The others are still reported.
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
  - module: storefront.runbook.storefront_diagnosis
"""

EXAMPLES = r"""
- name: Report how the shop is
  storefront.runbook.storefront_status:
    storefront: shop
    store: s3://acme-deploys/shop
    frontend: {api_token: "{{ vault_vercel_token }}", project: prj_1a2b3c, url: https://shop.example}
    database: {url: "{{ vault_database_url }}"}
  register: status

- name: Fail if something is down
  ansible.builtin.assert:
    that: status.report.level != 'down'
"""

RETURN = r"""
report:
  description:
    - The page as data, with the C(level) (V(ok), V(attention) or V(down)), the C(verdict), the C(surfaces), C(drift),
      C(lease), C(windows), C(expiring), what is C(unreachable), and the C(next) commands.
  returned: success
  type: dict
  sample: {level: down, verdict: "DOWN: api."}
page:
  description: The rows of the page for the screen, each with C(label), C(text), C(level), C(indent) and whether it is a
    C(command).
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

from datetime import UTC, datetime
from typing import Any

from ..module_utils.checks import deploy_window
from ..module_utils.checks.check import Context
from ..module_utils.core.errors import ConfigError
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import store_options, validated
from ..module_utils.core.plan import Plan
from ..module_utils.core.wait import nothing
from ..module_utils.desk import platforms, systems
from ..module_utils.desk.gather import gather
from ..module_utils.desk.pending import pending
from ..module_utils.desk.status_page import build
from ..module_utils.desk.storefront import refuse_unfit, secrets, storefront_options


def argument_spec() -> dict[str, Any]:
    return {**storefront_options(), **store_options(required=False)}


def build_client(params: dict[str, Any], runtime: Runtime) -> None:
    refuse_unfit(params)
    if params["windows"]:
        params["windows"], wrong = validated(deploy_window.OPTIONS, params["windows"])
        # a calendar that cannot be read is a system that does not answer; a word that is wrong is corrected first
        wrong = wrong or deploy_window.wrong(
            params["windows"], Context(now=datetime.now(UTC)), ("calendar", "freeze_c")
        )
        if wrong:
            raise ConfigError(f"windows: {'; '.join(wrong)}. Correct the options of the check C19.", code="bad_windows")


def plan(params: dict[str, Any], client: None) -> Plan:
    sources = {**platforms.sources(params), **systems.sources(params)}
    facts = gather(sources, params["timeout"])
    facts["pending"] = pending(params, facts)
    return Plan({}, {}, result=build(params, facts, datetime.now(UTC)))


def main() -> None:
    run(argument_spec(), build_client, plan, nothing, secrets=secrets)


if __name__ == "__main__":
    main()
