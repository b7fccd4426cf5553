#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take, renew and give back the lease under which a storefront may be written to, and keep the journal of the deploy under way."""

from __future__ import annotations

DOCUMENTATION = r"""
module: deploy_lease
version_added: 1.0.0
short_description: Hold the deploy lease of a storefront and keep its journal
description:
  - Takes a lease in the store, so that two deploys never write to one storefront at the same time. Its deadline is at
    most 5 minutes ahead, and every module that was given the token as its option C(lease) moves it on while it works. A
    play that was killed lets it run out, and another one takes it over.
  - Before it takes the lease, the module proves with a probe object, which it removes again, that the store refuses a
    write whose condition does not hold. A store that does not is refused.
  - The journal is kept in the lease. A play notes in it what was live and how far it is; it is emptied when the lease
    is given back, unless O(unfinished=true). What the next holder finds in it has still to be settled.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  state:
    description:
      - V(held) takes the lease, or with O(token) renews the one that is held and writes O(journal). It fails when
        somebody else holds it.
      - V(released) gives the lease back. One that O(token) does not hold any more is left as it is, and the module says
        so without failing.
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
      - What the module returned when it took the lease. It is no credential; it tells one run from another.
    type: str
  holder:
    description:
      - Who holds the lease, for others to read. By default the user, the host and the process.
    type: str
  release:
    description:
      - What the lease is taken for, such as V(v1.1.0), for others to read.
    type: str
    default: ""
  ttl:
    description:
      - Seconds from each renewal to the deadline. A shorter time than the default may end while one slow request to a
        vendor is tried again.
    type: float
    default: 300.0
  tolerate_clock:
    description:
      - Takes the lease although the clock of this controller and that of the store are more than 60 s apart, and warns
        of it. For an emergency; the module refuses it otherwise.
    type: bool
    default: false
  break_lease:
    description:
      - Takes the lease from its holder before the deadline, and says why. The holder stops before its next write.
    type: str
  journal:
    description:
      - Is merged into the journal, key by key. Never a secret. Needs O(token).
    type: dict
  unfinished:
    description:
      - Keeps the journal when the lease is given back, because what it tells of did not end.
    type: bool
    default: false
extends_documentation_fragment:
  - storefront.runbook.store
attributes:
  check_mode:
    description: Looks at the lease and says whether it could be taken; takes, renews and proves nothing.
    support: full
  diff_mode:
    description: Shows the holder, the deadline and the journal, before and after.
    support: full
notes:
  - Deadlines go by the store's clock (the C(Date) of its answers, or the time of a file that is written to a folder),
    so no controller takes the lease too early because its own clock is ahead. Where the store does not tell the time,
    the controller's clock is used, and the module warns of it.
  - A renewal that adds nothing to the journal is not reported as a change.
  - Vendors take no fencing token, so a module looks at the lease before it writes, and cannot do both in one step.
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

- name: Note how far the deploy is
  storefront.runbook.deploy_lease:
    store: s3://backups/shop
    state: held
    token: "{{ lease.token }}"
    journal:
      step: backend.release

- name: Give the lease back
  storefront.runbook.deploy_lease:
    store: s3://backups/shop
    state: released
    token: "{{ lease.token }}"
"""

RETURN = r"""
token:
  description: What names this run as the holder; null in check mode when the lease would be taken.
  returned: success
  type: str
  sample: 7b1c4a52-6a41-4a6e-8f9d-0f1f6f7f3c11
lease:
  description: The lease as it is now, or in check mode as it would be; null when none was ever taken.
  returned: success
  type: dict
  contains:
    state:
      description: V(held) or V(released).
      type: str
    holder:
      description: Who holds it, or held it last.
      type: str
      sample: deploy@ci-1 (process 4711)
    release:
      description: What it was taken for.
      type: str
    reason:
      description: Why it was taken from one whose deadline had not passed; null when nobody lost it.
      type: str
    acquired_at:
      description: When it was taken, in UTC.
      type: str
      sample: "2026-01-31T12:00:00.000Z"
    deadline:
      description: When it runs out, in UTC.
      type: str
      sample: "2026-01-31T12:05:00.000Z"
    ttl:
      description: Seconds from each renewal to the deadline.
      type: float
    fence:
      description: Counts up with each holder.
      type: int
taken_over:
  description: From whom the lease was taken; null when nobody held it.
  returned: when the lease was taken
  type: dict
  contains:
    holder:
      description: Who held it.
      type: str
    release:
      description: What it was held for.
      type: str
    since:
      description: When it was taken, in UTC.
      type: str
    journal:
      description: The journal of that deploy.
      type: dict
journal:
  description: What was noted of the deploy under way. When the lease was just taken, what is in it did not end and has
    to be settled; empty when nothing has.
  returned: success
  type: dict
lost:
  description: Whether somebody else has taken the lease, or removed it, so that what this run did may not be live any
    more.
  returned: with O(state=released), when O(token) does not hold the lease
  type: bool
remarks:
  description: What is wrong with a clock. It is warned of, too.
  returned: when the lease was taken
  type: list
  elements: str
msg:
  description: Why nothing was given back.
  returned: with O(state=released), when O(token) does not hold the lease
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
      description: Who holds the lease instead.
      type: str
    release:
      description: What it is held for.
      type: str
    message:
      description: Same text as C(msg).
      type: str
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..module_utils.core.errors import ConfigError
from ..module_utils.core.module import Plan, Runtime, run
from ..module_utils.core.options import store_options
from ..module_utils.core.process import this_process
from ..module_utils.release.lease import TTL_MAX, Lease
from ..module_utils.release.lease_document import iso, obstacle, taken_by, taken_from
from ..module_utils.release.lease_work import GiveBack, Renew, Take, Work, read_document, shown, why_not_given_back
from ..module_utils.release.ledger_keys import last_fence
from ..module_utils.release.store_clock import compare
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
        return plan_released(params, client.store)
    return plan_renewed(params, client.store) if params["token"] else plan_taken(params, client)


def plan_taken(params: dict[str, Any], client: Client) -> Plan:
    reason = params["break_lease"]
    if reason is not None and not reason.strip():
        raise ConfigError("break_lease is empty. Say why the lease is taken from its holder: others read it.")
    if not 1 <= params["ttl"] <= TTL_MAX:
        raise ConfigError(f"ttl is {params['ttl']:g} s. Set it between 1 and {TTL_MAX:g}: a killed deploy blocks the next one for that long.")
    store, remarks = client.store, list[str]()
    current = read_document(store)
    now = compare(store, tolerate=params["tolerate_clock"], warn=remarks.append)()
    for remark in remarks:
        client.warn(remark)
    held = obstacle(current, store, now) if current and not reason else None
    if held:
        raise held
    wanted = {"holder": params["holder"] or this_process(), "release": params["release"], "ttl": params["ttl"], "reason": reason}
    after = taken_by(current, token="", now=now, first=1 if current else last_fence(store) + 1, **wanted)
    result = {"token": None, "lease": shown(after), "taken_over": taken_from(current), "journal": after["journal"], "remarks": remarks}
    return Plan(shown(current) or {}, shown(after) or {}, Take({**wanted, "tolerate_clock": params["tolerate_clock"]}), result)


def plan_renewed(params: dict[str, Any], store: Store) -> Plan:
    lease = Lease(store, params["token"])
    current, _unused = lease.read()
    after = {**current, "deadline": iso(lease.now() + current["ttl"]), "journal": {**current["journal"], **(params["journal"] or {})}}
    result = {"token": lease.token, "lease": shown(after), "journal": after["journal"], "changed": after["journal"] != current["journal"]}
    fields = ("deadline", "journal")
    return Plan({name: current[name] for name in fields}, {name: after[name] for name in fields}, Renew(lease, params["journal"]), result)


def plan_released(params: dict[str, Any], store: Store) -> Plan:
    current = read_document(store)
    result = {"token": params["token"], "lease": shown(current), "journal": current["journal"] if current else {}}
    before = {"state": current["state"], "holder": current["holder"]} if current else {}
    if not current or current["token"] != params["token"] or current["state"] != "held":
        lost = not current or current["token"] != params["token"]
        why = f"Nothing was given back: the lease in {store.describe()} {why_not_given_back(current, lost)}."
        return Plan(before, before, None, {**result, "lost": lost, "msg": why})
    result.update(lease=shown({**current, "state": "released"}), journal=current["journal"] if params["unfinished"] else {})
    return Plan(before, {**before, "state": "released"}, GiveBack(Lease(store, params["token"]), params["unfinished"]), result)


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
