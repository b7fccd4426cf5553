#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Approve a release with a signature, for its commit and its migrations, until an end."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_approval
version_added: 1.0.0
short_description: Approve a release
description:
  - Writes an approval to the store, an in-toto statement that is signed by C(ssh-keygen). It is for one commit and the
    checksums of its migrations, and it ends.
  - Refuses a key that the inventory does not list, and an approval by the person whose deploy waits for it.
  - An approval that still counts is not given again.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  store:
    description:
      - Where the approval is stored, as C(s3://bucket/prefix), or C(file:///path) for development.
    type: str
    required: true
  signing_key:
    description:
      - File with the approver's private key of ssh without a passphrase, or with the public key of one that
        C(ssh-agent) has. With O(awx_user), AWX's key.
    type: path
    required: true
  awx_user:
    description:
      - The user for whom AWX vouches, where this runs in AWX.
    type: str
  expires:
    description:
      - Hours after which the approval ends.
    type: float
    default: 24.0
  comment:
    description:
      - What the approver wants to add.
    type: str
extends_documentation_fragment:
  - storefront.runbook.approvals
  - storefront.runbook.store
attributes:
  check_mode:
    description: Predicts whether it would be written, and signs nothing.
    support: full
  diff_mode:
    description: Shows what is approved.
    support: full
requirements:
  - ssh-keygen of OpenSSH 8.2 or later
seealso:
  - module: storefront.runbook.release_approvals
"""

EXAMPLES = r"""
- name: Approve v1.2.3
  storefront.runbook.release_approval:
    store: s3://backups/shop
    storefront: shop
    release: v1.2.3
    path: /srv/shop
    approvers: [{name: bob, keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHvZ bob@laptop"]}]
    signing_key: ~/.ssh/id_ed25519
"""

RETURN = r"""
by:
  description: The approver, by the inventory's name.
  returned: success
  type: str
  sample: bob
key:
  description: Where it is in the store; null in check mode, when it would be written, and where it is there already.
  returned: success
  type: str
expires:
  description: When it ends, in UTC.
  returned: success
  type: str
  sample: "2026-03-04T15:42:13Z"
message:
  description: What was approved.
  returned: success
  type: str
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
      description: Such as V(config), or V(no_go) where the person may not approve.
      type: str
    message:
      description: The same as C(msg).
      type: str
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ..module_utils.checks import approval_give, approval_store
from ..module_utils.checks.approval import stamp, subject_of
from ..module_utils.checks.approvers import approvers_of
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import approval_options, store_options
from ..module_utils.core.plan import Plan
from ..module_utils.store.base import Store
from ..module_utils.store.open import open_store


def argument_spec() -> dict[str, Any]:
    return {
        **approval_options(),
        "signing_key": {"type": "path", "required": True, "no_log": False},
        "awx_user": {"type": "str"},
        "expires": {"type": "float", "default": 24.0},
        "comment": {"type": "str"},
        **store_options(),
    }


@dataclass(frozen=True)
class Client:
    store: Store

    def close(self) -> None:
        self.store.close()


def build_client(params: dict[str, Any], runtime: Runtime) -> Client:
    return Client(open_store(params, runtime.permit))


def plan(params: dict[str, Any], client: Client) -> Plan:
    approvers, subject, now = approvers_of(params), subject_of(params), datetime.now(UTC)
    wanted = approval_give.wanted(params, approvers, subject, now)
    given = approval_store.given(client.store, subject.release, approvers)
    waiting = approval_store.requested(client.store, subject) or {}
    name = approval_give.name_of(wanted, approvers)
    counted = approval_give.counted(given, wanted, approvers, waiting, by_others=params["by_others"])
    until = counted.expires if counted else now + timedelta(hours=params["expires"])
    shown = {"release": subject.shown, "migrations": len(subject.migrations), "by": name, "expires": stamp(until)}
    verb = "has approved already, and counts once," if counted else "approves"
    return Plan(
        shown if counted else {},
        shown,
        {"approval": wanted, "key": params["signing_key"]},
        {
            "by": name,
            "key": None,
            "expires": stamp(until),
            "message": f"{name} {verb} {subject.shown} until {stamp(until)}",
        },
    )


def apply(plan: Plan, client: Client) -> dict[str, Any]:
    data = approval_give.signed(plan.todo["approval"], plan.todo["key"])
    return {"key": approval_store.give(client.store, plan.todo["approval"], data)}


def main() -> None:
    run(argument_spec(), build_client, plan, apply)


if __name__ == "__main__":
    main()
