# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What deploy_lease plans: to take the lease, to renew it, or to give it back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..core.errors import ConfigError
from ..core.plan import Plan
from ..core.process import this_process
from ..store.base import Store
from .lease import TTL_MAX, Lease
from .lease_document import iso, obstacle, taken_by, taken_from
from .lease_work import GiveBack, Renew, Take, read_document, shown, why_not_given_back
from .ledger_keys import last_fence
from .store_clock import compare


def taken(params: Mapping[str, Any], store: Store, warn: Callable[[str], None]) -> Plan:
    """Plan to take the lease. Raises ConfigError, and LeaseHeld while another run holds it."""
    reason = params["break_lease"]
    if reason is not None and not reason.strip():
        raise ConfigError(
            "break_lease is empty. Set it to the reason for taking the lease from its holder. Other users read it."
        )
    if not 1 <= params["ttl"] <= TTL_MAX:
        raise ConfigError(
            f"ttl is {params['ttl']:g} s. Set it to 1 to {TTL_MAX:g}. A killed deploy blocks the next one for that"
            " long."
        )
    remarks: list[str] = []
    current = read_document(store)
    now = compare(store, tolerate=params["tolerate_clock"], warn=remarks.append)()
    for remark in remarks:
        warn(remark)
    held = obstacle(current, store, now) if current and not reason else None
    if held:
        raise held
    wanted = {
        "holder": params["holder"] or this_process(),
        "release": params["release"],
        "ttl": params["ttl"],
        "reason": reason,
    }
    after = taken_by(current, token="", now=now, first=1 if current else last_fence(store) + 1, **wanted)
    result = {
        "token": None,
        "lease": shown(after),
        "taken_over": taken_from(current),
        "journal": after["journal"],
        "remarks": remarks,
    }
    return Plan(
        shown(current) or {}, shown(after) or {}, Take({**wanted, "tolerate_clock": params["tolerate_clock"]}), result
    )


def renewed(params: Mapping[str, Any], store: Store) -> Plan:
    """Plan to renew the lease of this run and to write its journal. Raises LeaseLost."""
    lease = Lease(store, params["token"])
    current, _unused = lease.read()
    after = {
        **current,
        "deadline": iso(lease.now() + current["ttl"]),
        "journal": {**current["journal"], **(params["journal"] or {})},
    }
    result = {
        "token": lease.token,
        "lease": shown(after),
        "journal": after["journal"],
        "changed": after["journal"] != current["journal"],
    }
    fields = ("deadline", "journal")
    return Plan(
        {name: current[name] for name in fields},
        {name: after[name] for name in fields},
        Renew(lease, params["journal"]),
        result,
    )


def released(params: Mapping[str, Any], store: Store) -> Plan:
    """Plan to give the lease back. Where this run does not hold it, nothing is to do, and the result says why."""
    current = read_document(store)
    result = {"token": params["token"], "lease": shown(current), "journal": current["journal"] if current else {}}
    before = {"state": current["state"], "holder": current["holder"]} if current else {}
    if not current or current["token"] != params["token"] or current["state"] != "held":
        lost = not current or current["token"] != params["token"]
        why = f"No lease was released: the lease in {store.describe()} {why_not_given_back(current, lost)}."
        return Plan(before, before, None, {**result, "lost": lost, "msg": why})
    result.update(
        lease=shown({**current, "state": "released"}), journal=current["journal"] if params["unfinished"] else {}
    )
    return Plan(
        before, {**before, "state": "released"}, GiveBack(Lease(store, params["token"]), params["unfinished"]), result
    )
