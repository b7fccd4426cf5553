# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What vercel_deploy plans: to stage a build, to serve one, or to cancel one. Nothing is written here.

``before`` is what is live now, as the diff shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...core.plan import Plan
from ...core.wait import Outcome
from .client import Vercel
from .git import refuse_unguarded
from .rolling import refuse_plan
from .stage import choose
from .states import BESIDE, ROLLING, Project, brief, named, on_its_way, state_of
from .work import Cancel, Serve, Stage


def staged(params: Mapping[str, Any], client: Vercel, project: Project, before: dict[str, Any]) -> Plan:
    guarded = params["environment"] == "production"  # Vercel serves only production builds automatically
    if guarded:
        refuse_unguarded(project, before["auto_assign_domains"], params["auto_assign_domains"])
        if params["stages"]:
            refuse_plan(client, project)
    turned_off = guarded and before["auto_assign_domains"]
    build = choose(client, project, params)
    found, release = build.found, build.meta["release"]
    status = state_of(found)[1] if found and not params["wait"] else "ready"
    was = {**brief(found), "release": release} if found else {}
    after = {
        **before,
        "auto_assign_domains": before["auto_assign_domains"] and not turned_off,
        "staged": {**was, "release": release, "status": status},
        **({} if found else build.details),
    }
    deployment = {**named(found or {"meta": build.meta}, release), "status": status}
    result = {
        "deployment": deployment,
        "changed": not found or turned_off,
        **({"upload": build.size} if build.files else {}),
    }
    work = Stage(project, release, params["wait"], build, turns_off=bool(turned_off))
    return Plan({**before, "staged": was}, after, work, result)  # waiting alone is not a change


def served(params: Mapping[str, Any], client: Vercel, project: Project, before: dict[str, Any]) -> Plan:
    target = client.deployment(project, params["deployment"])
    verb = "rollback" if params["state"] == "rolled_back" else "promote"
    outcome, word = client.status(project, target["id"])
    rolls = outcome is Outcome.PENDING and word.startswith(ROLLING)
    under_way = rolls or on_its_way(project) == target["id"]
    before["serving"] = word
    after = dict(before)
    if outcome is not Outcome.READY:
        if not under_way:
            client.refuse_unservable(project, target, verb)
        after.update(live={**brief(target), "status": "ready"}, serving="served")
        after["auto_assign_domains"] = before["auto_assign_domains"] and verb == "promote"
    if params["auto_assign_domains"] is not None:
        after["auto_assign_domains"] = params["auto_assign_domains"]
    completes = rolls and params["complete"] and verb == "promote"
    only_waits = under_way and not completes and before["auto_assign_domains"] == after["auto_assign_domains"]
    work = Serve(
        project,
        params["release"] or params["ref"],
        params["wait"],
        target,
        # a rollback to the deployment that is replaced is what ends a rolling release at Vercel
        "rollback" if word.startswith(BESIDE) else verb,
        asks=outcome is not Outcome.READY and not under_way,
        assigns=before["auto_assign_domains"],
        assigns_after=after["auto_assign_domains"],
        completes=params["complete"] and verb == "promote",
    )
    return Plan(
        before,
        after,
        work,
        {"deployment": named(target, params["release"]), "changed": before != after and not only_waits},
    )


def canceled(params: Mapping[str, Any], client: Vercel, project: Project, before: dict[str, Any]) -> Plan:
    target = client.deployment(project, params["deployment"])
    deployment = named(target, params["release"])
    if state_of(target)[0] not in (Outcome.READY, Outcome.FAILED):
        deployment["status"] = "canceled"
    after = {**before, "canceled": brief(target) | {"status": deployment["status"]}}
    return Plan(
        {**before, "canceled": brief(target)},
        after,
        Cancel(params["release"] or params["ref"], target),
        {"deployment": deployment},
    )
