# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The units of a storefront, from the platforms' answers: snapshot, release, rollback, and the problems before a
deploy.

A unit's state, as in the ledger, is {platform, id, release, status, …, variables} by the name of the unit. A unit
without a live deployment has id None.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .results import failure_message

State = Mapping[str, Any]
ABSENT = {"id": None, "status": "absent"}
PUSH = (
    "{unit}: a push to its branch deploys it without any check. Turn off the service's automatic deployments, or let"
    " this deploy turn them off with -e take_over=true"
)

WITHOUT_RELEASE = {
    "backend": (
        "the API does not report its release ({checks}): it is verified by its deployment's id, so that an old answer"
        ' would not be noticed. Add release: "v" + the version in package.json to the answer of /health (docs/shop.md'
        " has the lines)"
    ),
    "frontend": (
        "the pages do not report their release ({checks}): they are verified by their deployment's id, so that an old"
        ' page would not be noticed. Add <meta name="release" content="v1.2.3"> to the layout (docs/shop.md has the'
        " lines)"
    ),
}


def backend_check(results: Sequence[Mapping[str, Any]], *, take_over: bool) -> dict[str, Any]:
    """Return problems, unguarded units, commands and live deployments. ``results`` are those of the
    platform's module in check mode, one per unit.
    """
    described = [one for one in results if one.get("service")]
    pushed = [str(one["unit"]["name"]) for one in described if one["service"].get("auto_deploy")]
    problems = [f"backend: {failure_message(one)}" for one in results if "deployment" not in one]
    if not take_over:
        problems += [PUSH.format(unit=unit) for unit in pushed]
    commands = [one["service"].get(name) for name in ("start_command", "pre_deploy_command") for one in described]
    return {
        "problems": problems,
        "unguarded": pushed,
        "commands": list(dict.fromkeys(command for command in commands if command)),
        "live": [one["previous"] for one in results if one.get("previous")],
    }


def snapshot(infos: Sequence[Mapping[str, Any]], platform: str) -> dict[str, State]:
    """Return the live state of each unit, with the digests of its variables: a rollback compares them."""
    return {
        one["unit"]["name"]: {
            "platform": platform,
            "variables": one.get("variables") or [],
            **(one.get("live") or ABSENT),
        }
        for one in infos
    }


def with_variable(snapshot: Mapping[str, State], name: str) -> list[str]:
    """Return the units that have a variable."""
    return [
        unit
        for unit, state in snapshot.items()
        if any(variable["name"] == name for variable in state.get("variables") or [])
    ]


def released(results: Sequence[Mapping[str, Any]], platform: str) -> dict[str, State]:
    """Return the state of each released unit."""
    return {
        one["unit"]["name"]: {
            "platform": platform,
            **_variables(one.get("variables")),
            **_replicas(one.get("service") or {}),
            **one["deployment"],
        }
        for one in results
        if one.get("deployment")
    }


def put_back(unit: str, platform: str, target: State, result: Mapping[str, Any]) -> dict[str, State]:
    """Return a unit's state after its rollback. A new deployment of the old release has today's variables,
    otherwise it has those of then.
    """
    digests = result.get("variables") if result.get("way") == "redeploy" else target.get("variables")
    return {unit: {"platform": platform, **(_variables(digests) if digests else {}), **result["deployment"]}}


def offered(infos: Sequence[Mapping[str, Any]], platform: str, release: str = "") -> dict[str, list[State]]:
    """Return, by unit, the deployments that can run again, the newest first; with a release, only those of
    this release.
    """
    return {
        one["unit"]["name"]: [
            {**candidate, "platform": platform}
            for candidate in one["candidates"]
            if not release or candidate.get("release") == release
        ]
        for one in infos
    }


def _variables(digests: Any) -> dict[str, Any]:
    return {} if digests is None else {"variables": digests}


def _replicas(service: Mapping[str, Any]) -> dict[str, int]:
    """Return the number of replicas that a service is set to: a change of it outside of a deploy is drift."""
    count = service.get("replicas") or sum((service.get("regions") or {}).values())
    return {"replicas": count} if count else {}


def movable(surfaces: Sequence[str], backend_units: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return the units that can be rolled back, as {role, unit}. The last surface of a deploy is the first
    of a rollback.
    """
    frontend = [{"role": "frontend", "unit": "frontend"}] if "frontend" in surfaces else []
    backend = (
        [{"role": "backend", "unit": str(unit["name"])} for unit in backend_units] if "backend" in surfaces else []
    )
    return frontend + backend


def baseline_problems(
    found: Mapping[str, Mapping[str, Any]], *, frontend_live: bool, backend_live: bool, accepted: bool
) -> list[str]:
    """Return the live sites that are unhealthy before anything changes; none when ``accepted`` is set."""
    live = {"frontend": frontend_live, "backend": backend_live}
    remedy = "Repair the site or the check; for the hotfix of a broken site continue with -e baseline_broken=<reason>."
    sick = [site["summary"] for name, site in found.items() if live.get(name) and not site["healthy"]]
    return [] if accepted else [f"before anything changed: {summary} {remedy}" for summary in sick]


def reported_releases(
    found: Mapping[str, Mapping[str, Any]], frontend_live: bool, backend_live: bool
) -> dict[str, Any]:
    """Return the checks of each live site that found no release where they look for one, and notes on them."""
    live = [
        name
        for name, is_live in (("frontend", frontend_live), ("backend", backend_live))
        if is_live and (found.get(name) or {}).get("healthy")
    ]
    silent = {name: list(found[name].get("without_release") or []) for name in live}
    return {
        "silent": silent,
        "notes": [WITHOUT_RELEASE[name].format(checks=", ".join(checks)) for name, checks in silent.items() if checks],
    }


def site_checks(
    checks: Sequence[Mapping[str, Any]], site: str, silent: Mapping[str, Sequence[str]]
) -> list[dict[str, Any]]:
    """Return the checks of a site, each with its release required or optional, depending on the live site.

    A check that found a release on the live site has to find the right one. One that found none passes without a
    release; the id of the deployment is verified instead. Where nothing is live, the check itself decides. An empty
    ``site`` is the frontend's staged build.
    """
    known = silent.get(site or "frontend")
    strict = [{} if known is None else {"release_optional": check.get("name") in known} for check in checks]
    return [{**check, **({"site": site} if site else {}), **more} for check, more in zip(checks, strict, strict=True)]


def releases(snapshot: Mapping[str, State]) -> dict[str, str]:
    """Return the release of each unit, or the text ``nothing``."""
    return {name: str(unit.get("release") or "nothing") for name, unit in snapshot.items()}


def frontend_problems(plan: Mapping[str, Any]) -> list[str]:
    """Return the problems of a deploy's frontend. ``plan`` is the result of vercel_deploy in check mode."""
    if "deployment" in plan:
        return []
    served_by_a_push = (plan.get("error") or {}).get("code") == "push_serves_production"
    return [
        f"frontend: {failure_message(plan)}"
        + (" Or let this deploy turn that off: -e take_over=true" if served_by_a_push else "")
    ]


def frontend_snapshot(info: Mapping[str, Any]) -> dict[str, State]:
    """Return the live state of the frontend. ``info`` is the result of vercel_info, empty before it ran."""
    if "live" not in info:
        return {}
    variables = _variables(info.get("variable_changes"))
    return {"frontend": {"platform": "vercel", **variables, **(info["live"] or ABSENT)}}


def frontend_served(promoted: Mapping[str, Any], staged: Mapping[str, Any]) -> dict[str, State]:
    """Return the state of the frontend once it is promoted, empty before. ``promoted`` and ``staged`` are results of
    vercel_deploy; check mode promotes nothing, so that what is staged stands for it.
    """
    result = staged if promoted.get("skipped") else promoted
    return {"frontend": {"platform": "vercel", **result["deployment"]}} if result.get("deployment") else {}


def took_over(result: Mapping[str, Any]) -> bool:
    """Return whether vercel_deploy turned off the automatic assignment of the production domains."""
    assigned = result.get("auto_assign_domains") or {}
    return bool(assigned.get("before")) and not assigned.get("after")
