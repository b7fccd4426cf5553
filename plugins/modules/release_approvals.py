#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Count the approvals of a release, and wait until there are enough."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_approvals
version_added: 1.0.0
short_description: Wait for the approvals of a release
description:
  - Counts the approvals of a release that were given for its commit and the checksums of its migrations and have not
    ended, one for each person, by identities that a key of ssh, AWX or GitHub vouches for.
  - Where some are missing, it writes the request to the store and waits. It holds no lease. A run that is killed leaves
    the request, and the next run waits for the same one.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  store:
    description:
      - Where the approvals are, as C(s3://bucket/prefix), or C(file:///path) for development.
    type: str
    required: true
  needed:
    description:
      - How many people have to approve. An emergency needs at least one.
    type: int
    default: 1
  started_by:
    description:
      - Who starts the deploy.
    type: str
  github:
    description:
      - Counts the reviews of a GitHub environment, too, with C(api_token), C(repository), C(environment), and C(run),
        the id of the run of the workflow.
    type: dict
  expires:
    description:
      - Hours after the begin of the run of the workflow at which a review of GitHub ends.
    type: float
    default: 24.0
  wait_timeout:
    description:
      - Seconds to wait. With V(0), it fails at once where approvals are missing.
    type: float
    default: 0.0
  wait_interval:
    description:
      - Seconds between two checks.
    type: float
    default: 5.0
extends_documentation_fragment:
  - storefront.runbook.approvals
  - storefront.runbook.store
attributes:
  check_mode:
    description: Counts the approvals, writes no request and does not wait.
    support: full
  diff_mode:
    description: Shows how many approvals there are and how many are needed.
    support: full
requirements:
  - ssh-keygen of OpenSSH 8.2 or later
seealso:
  - module: storefront.runbook.release_approval
"""

EXAMPLES = r"""
- name: Wait up to an hour for two approvals of v1.2.3
  storefront.runbook.release_approvals:
    store: s3://backups/shop
    storefront: shop
    release: v1.2.3
    path: /srv/shop
    needed: 2
    started_by: alice
    approvers:
      - {name: bob, keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHvZ bob@laptop"]}
      - {name: carol, github: carol-codes}
    github: {api_token: "{{ vault_github_token }}", repository: acme/shop, environment: production, run: 30433642}
    wait_timeout: 3600
"""

RETURN = r"""
request:
  description: The name of what is approved, the same in every run for this commit and these migrations.
  returned: success or approvals are missing
  type: str
  sample: 2f530c63e5ad
approved_by:
  description: Who has approved it.
  returned: success or approvals are missing
  type: list
  elements: str
  sample: [bob]
approvals:
  description: The approvals that count, with C(by), C(system), C(expires), C(emergency) and C(comment).
  returned: success or approvals are missing
  type: list
  elements: dict
refused:
  description: What is wrong with each of the others.
  returned: success or approvals are missing
  type: list
  elements: str
missing:
  description: How many approvals are missing.
  returned: success or approvals are missing
  type: int
  sample: 0
summary:
  description: The same in a line.
  returned: success or approvals are missing
  type: str
  sample: 1 of 1 approvals (bob until 2026-03-04T15:42:13Z)
evidence:
  description: The approvals as the option C(evidence) of M(storefront.runbook.release_record) takes them.
  returned: success or approvals are missing
  type: list
  elements: dict
elapsed:
  description: Seconds that the module took.
  returned: always
  type: float
error:
  description: What went wrong, for programs.
  returned: failure
  type: dict
  contains:
    kind:
      description: Such as V(config), or V(no_go) where approvals are missing.
      type: str
    message:
      description: The same as C(msg).
      type: str
"""

from typing import Any

from ..module_utils.checks.approval import subject_of
from ..module_utils.checks.approval_wait import Client, missing, result, rules_of, wait
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import approval_options, store_options, validated
from ..module_utils.core.plan import Plan
from ..module_utils.core.wait import Waiter
from ..module_utils.store.open import open_store


def argument_spec() -> dict[str, Any]:
    return {
        **approval_options(),
        "needed": {"type": "int", "default": 1},
        "started_by": {"type": "str"},
        "github": {"type": "dict"},
        "expires": {"type": "float", "default": 24.0},
        "wait_timeout": {"type": "float", "default": 0.0},
        "wait_interval": {"type": "float", "default": 5.0},
        **store_options(),
    }


def secrets(params: dict[str, Any]) -> list[str]:
    return [str(token) for token in [(params["github"] or {}).get("api_token")] if token]


def build_client(params: dict[str, Any], runtime: Runtime) -> Client:
    waiter = Waiter(params["wait_timeout"], params["wait_interval"], runtime.heartbeat, runtime.warn)
    return Client(open_store(params, runtime.permit), validated, waiter)


def plan(params: dict[str, Any], client: Client) -> Plan:
    rules, subject = rules_of(params), subject_of(params)
    found = client.standing(params, subject, rules)
    before, after = {"approvals": len(found.counted)}, {"approvals": max(rules.needed, len(found.counted))}
    return Plan(before, after, (params, subject, rules), result(found, subject))


def apply(plan: Plan, client: Client) -> dict[str, Any]:
    params, subject, rules = plan.todo
    found = wait(client, params, subject, rules)
    if found.missing:
        raise missing(found, subject, rules)
    return result(found, subject)


def main() -> None:
    run(argument_spec(), build_client, plan, apply, secrets=secrets)


if __name__ == "__main__":
    main()
