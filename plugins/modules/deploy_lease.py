#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take, renew and release the deploy lease of a storefront, and write the journal of the current deploy."""

from __future__ import annotations

DOCUMENTATION = r"""
module: deploy_lease
version_added: 1.0.0
short_description: Hold the deploy lease of a storefront and write its journal
description:
  - Takes a lease in the store, so that two deploys never write to one storefront at the same time. The deadline of
    the lease is at most 5 minutes ahead. Every module that has the token in its option C(lease) renews the lease
    while it works. After a play was killed, its lease expires, and another play can take it over.
  - Before it takes the lease, the module verifies that the store refuses a conditional write whose condition is false.
    It writes a probe object for this and removes it again. The module refuses a store that fails this test.
  - The journal is part of the lease. A play records in it what was live and which steps it has done. The journal is
    emptied when the lease is released, unless O(unfinished=true). If the next holder finds entries in the journal, it
    must settle them first.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  state:
    description:
      - V(held) takes the lease. With O(token) it renews the held lease and writes O(journal). It fails if another run
        holds the lease.
      - V(released) releases the lease. If O(token) no longer holds the lease, the module leaves it as it is and reports
        that without failing.
    type: str
    choices: [held, released]
    required: true
  store:
    description:
      - URL of the store that holds the lease. Use C(s3://bucket/prefix), or C(file:///path) of a folder that every
        controller shares. Each storefront needs its own prefix.
    type: str
    required: true
  token:
    description:
      - Token that the module returned when it took the lease. It identifies the run and is not a credential.
    type: str
  holder:
    description:
      - Name of the lease's holder, for other users to read. By default it is the user, the host and the process.
    type: str
  release:
    description:
      - Release that the lease is taken for, such as V(v1.1.0), for other users to read.
    type: str
    default: ""
  ttl:
    description:
      - Seconds from each renewal to the deadline. With less than the default, the lease may expire during the retries
        of one slow request to a vendor.
    type: float
    default: 300.0
  tolerate_clock:
    description:
      - Takes the lease with a warning even if the clocks of the controller and of the store differ by more than 60 s.
        By default the module refuses this. Use it in an emergency only.
    type: bool
    default: false
  break_lease:
    description:
      - Reason for taking the lease from its holder before the deadline. If it is set, the module takes the lease, and
        the old holder stops before its next write.
    type: str
  journal:
    description:
      - Entries to merge into the journal, key by key. They must not contain secrets. Requires O(token).
    type: dict
  unfinished:
    description:
      - Keeps the journal when the lease is released, because the recorded deploy is unfinished.
    type: bool
    default: false
extends_documentation_fragment:
  - storefront.runbook.store
attributes:
  check_mode:
    description: Checks whether the lease could be taken. It does not take or renew the lease and does not test the
      store.
    support: full
  diff_mode:
    description: Shows the holder, the deadline and the journal before and after.
    support: full
notes:
  - Deadlines use the store's clock, which is the C(Date) header of its responses or the modification time of a file
    in the folder. So a controller whose clock is ahead cannot take the lease too early. If the store reports no time,
    the module uses the controller's clock and warns.
  - A renewal that adds nothing to the journal is not reported as a change.
  - The vendors support no fencing tokens. So a module checks the lease right before each write, but cannot do both in
    one atomic step.
seealso:
  - module: storefront.runbook.release_record
"""

EXAMPLES = r"""
- name: Take the lease
  storefront.runbook.deploy_lease:
    store: s3://backups/shop
    state: held
    release: v1.1.0
  register: lease

- name: Record the current step of the deploy
  storefront.runbook.deploy_lease:
    store: s3://backups/shop
    state: held
    token: "{{ lease.token }}"
    journal:
      step: backend.release

- name: Release the lease
  storefront.runbook.deploy_lease:
    store: s3://backups/shop
    state: released
    token: "{{ lease.token }}"
"""

RETURN = r"""
token:
  description: Token that identifies this run as the holder. Null in check mode if the lease would be taken.
  returned: success
  type: str
  sample: 7b1c4a52-6a41-4a6e-8f9d-0f1f6f7f3c11
lease:
  description: The lease as it is now, or as it would be in check mode. Null if no lease was ever taken.
  returned: success
  type: dict
  contains:
    state:
      description: V(held) or V(released).
      type: str
    holder:
      description: The current or the last holder.
      type: str
      sample: deploy@ci-1 (process 4711)
    release:
      description: Release that the lease was taken for.
      type: str
    reason:
      description: Reason for which it was taken from its holder before the deadline. Null if it was not.
      type: str
    acquired_at:
      description: Time at which it was taken, in UTC.
      type: str
      sample: "2026-01-31T12:00:00.000Z"
    deadline:
      description: Time at which it expires, in UTC.
      type: str
      sample: "2026-01-31T12:05:00.000Z"
    ttl:
      description: Seconds from each renewal to the deadline.
      type: float
    fence:
      description: Number of the holder. It increases by one with each new holder.
      type: int
taken_over:
  description: The previous holder that lost the lease. Null if nobody held it.
  returned: when the lease was taken
  type: dict
  contains:
    holder:
      description: Name of the previous holder.
      type: str
    release:
      description: Release that the previous holder had taken it for.
      type: str
    since:
      description: Time at which the previous holder took it, in UTC.
      type: str
    journal:
      description: Journal of the previous holder's deploy.
      type: dict
journal:
  description: Journal of the current deploy. If the lease was just taken, the journal shows the unfinished deploy that
    must be settled first. It is empty if there is none.
  returned: success
  type: dict
lost:
  description: Whether another run took or removed the lease. If so, the changes of this run may no longer be live.
  returned: with O(state=released) if O(token) does not hold the lease
  type: bool
remarks:
  description: Problems with a clock. The module also warns about them.
  returned: when the lease was taken
  type: list
  elements: str
msg:
  description: Reason why no lease was released.
  returned: with O(state=released) if O(token) does not hold the lease
  type: str
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
      description: Kind of the error, such as V(config), V(lease_held), V(lease_lost) or V(unreachable).
      type: str
    holder:
      description: The run that holds the lease instead.
      type: str
    release:
      description: Release that it is held for.
      type: str
    message:
      description: Same text as C(msg).
      type: str
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import store_options
from ..module_utils.core.plan import Plan
from ..module_utils.release import lease_plan
from ..module_utils.release.lease import TTL_MAX
from ..module_utils.release.lease_work import Work
from ..module_utils.store.base import Store, unguarded
from ..module_utils.store.open import open_store


def argument_spec() -> dict[str, Any]:
    return {
        "state": {"type": "str", "required": True, "choices": ["held", "released"]},
        "token": {"type": "str", "no_log": False},
        "holder": {"type": "str"},
        "release": {"type": "str", "default": ""},
        "ttl": {"type": "float", "default": TTL_MAX},
        "tolerate_clock": {"type": "bool", "default": False},
        "break_lease": {"type": "str"},
        "journal": {"type": "dict"},
        "unfinished": {"type": "bool", "default": False},
        **store_options(),
    }


@dataclass(frozen=True)
class Client:
    store: Store
    warn: Callable[[str], None]

    def close(self) -> None:
        self.store.close()


def build_client(params: dict[str, Any], runtime: Runtime) -> Client:
    return Client(open_store(params, None if runtime.check_mode else unguarded), runtime.warn)


def plan(params: dict[str, Any], client: Client) -> Plan:
    if params["state"] == "released":
        return lease_plan.released(params, client.store)
    if params["token"]:
        return lease_plan.renewed(params, client.store)
    return lease_plan.taken(params, client.store, client.warn)


def apply(plan: Plan, client: Client) -> dict[str, Any]:
    work: Work | None = plan.todo
    return work.do(client.store) if work else {}


def main() -> None:
    run(
        argument_spec(),
        build_client,
        plan,
        apply,
        required_if=[("state", "released", ["token"])],
        required_by={"journal": ["token"]},
        mutually_exclusive=[("token", "break_lease")],
    )


if __name__ == "__main__":
    main()
