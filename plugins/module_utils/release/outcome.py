# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The final messages of a deploy or a rollback. The first words of a message are fixed, because programs match them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from .results import failure_message, names

Units = Mapping[str, Mapping[str, Any]]  # a snapshot, by the name of the unit
Missing = Sequence[Mapping[str, str]]  # parts that could not be rolled back: {what, why}
BEFORE_MIGRATION = ("database.backup", "database.prove", "database.rehearse")


def failure(task: str, result: Mapping[str, Any] | None) -> str:
    return f"{task or 'an unnamed task'}: {failure_message(result)}"


def error_kinds(result: Mapping[str, Any] | None) -> list[str]:
    """Return the error kinds of a failed task and of its items."""
    results = [result or {}, *((result or {}).get("results") or [])]
    return [
        str(one["error"]["kind"])
        for one in results
        if isinstance(one.get("error"), Mapping) and one["error"].get("kind")
    ]


def logs(result: Mapping[str, Any] | None) -> list[dict[str, str]]:
    """Return the vendors' logs of a failed task and of its items: {title, text}."""
    result = result or {}
    found = []
    for one in [result, *(result.get("results") or [])]:
        error = one.get("error")
        if isinstance(error, Mapping) and error.get("log"):
            item = one.get(str(one.get("ansible_loop_var") or "item"))
            title = item.get("name") if isinstance(item, Mapping) else item
            found.append({"title": str(title or "the failed step"), "text": str(error["log"])})
    return found


def timed_step(step: Mapping[str, Any], outcome: str, now: datetime) -> dict[str, Any]:
    """Return a step with its duration in seconds. ``step`` is {name, began}, in seconds since the epoch."""
    return {"name": step["name"], "outcome": outcome, "seconds": round(now.timestamp() - float(step["began"]), 1)}


def incompatible(
    earlier: Sequence[str], applied: Sequence[str], accept_schema: str | None, snapshot: Units | None = None
) -> list[str]:
    """Return the applied migrations that the old release cannot run on and that were not accepted; none
    where there is no old release.
    """
    if nothing_was_live(snapshot):
        return []
    return [name for name in dict.fromkeys([*earlier, *applied]) if name not in names(accept_schema)]


def nothing_was_live(snapshot: Units | None) -> bool:
    """Return whether no release was live: only a snapshot that has units of the backend can show that."""
    units = dict(snapshot or {})
    return bool(units.keys() - {"frontend"}) and not any(unit.get("id") for unit in units.values())


def live_now(
    snapshot: Units,
    *,
    outcome: str,
    released: Units,
    target: Units,
    not_back: Missing,
    frontend_url: str,
    backend_url: str,
) -> dict[str, dict[str, str]]:
    """Return the release that each unit serves after a run, and the public URLs. What is not known for sure
    is left out.
    """
    units: dict[str, Mapping[str, Any]] = dict(snapshot)
    if outcome == "released":
        units |= released
    elif outcome in ("rolled_back", "incomplete"):
        units |= target
    elif outcome not in ("checked", "failed", "migrated", "restored", "undone"):
        units = {}
    missing = {part["what"] for part in not_back}
    live = {
        name: str(unit.get("release") or unit.get("id"))
        for name, unit in units.items()
        if unit.get("id") and name not in missing
    }
    urls = {
        "frontend": frontend_url if "frontend" in live else "",
        "backend": backend_url if live.keys() - {"frontend"} else "",
    }
    return {"units": live, "urls": {name: url for name, url in urls.items() if url}}


def live_again(snapshot: Mapping[str, Mapping[str, Any]], not_back: Missing) -> str:
    """Return the units of a snapshot that serve again, without those that could not be rolled back."""
    missing = {part["what"] for part in not_back}
    units = {name: unit for name, unit in snapshot.items() if name not in missing}
    back = [f"{name} {unit.get('release') or unit['id']}" for name, unit in units.items() if unit.get("id")]
    stopped = [name for name, unit in units.items() if not unit.get("id")]
    texts = [f"Live again: {', '.join(back)}."] if back else []
    if stopped:
        texts.append(
            f"Nothing was live before in {', '.join(stopped)}: a unit of the backend is stopped again, a promoted"
            " frontend stays."
        )
    return " ".join(texts)


def put_back_message(not_back: Missing, *, step: str, why: str, live: str, broken_before: str = "") -> str:
    """Return the message of a deploy that was rolled back. ``broken_before`` is the reason why the site was
    broken before; then nothing is verified.
    """
    if not_back:
        head = f"ROLLBACK INCOMPLETE: {_list(not_back)}."
    elif broken_before:
        head = f"ROLLED BACK (not verified: the site was broken before, {broken_before})."
    else:
        head = "ROLLED BACK."
    untouched = "Nothing was migrated." if step in BEFORE_MIGRATION else ""
    return _joined(head, f"{step or 'The deploy'} failed.", why, untouched, _reasons(not_back), live)


def unsafe_message(
    migrations: Sequence[str], *, step: str, why: str, held: bool, not_held: Missing, backup: str
) -> str:
    """Return the choices after a migration that the old release cannot run on. ``backup`` is the name of
    the backup before it.
    """
    which = ", ".join(migrations)
    holding = "The shop is in maintenance."
    if not held:
        holding = (
            f"The shop could not be set to maintenance: {_reasons(not_held) or 'this run does not move the backend.'}"
        )
    return _joined(
        "ROLLBACK UNSAFE: schema.",
        f"{step or 'The deploy'} failed.",
        why,
        f"The migration {which} was applied and is not backward compatible, so the old release was not restored on it.",
        holding,
        "Choose: fix the new release and deploy it, which ends the maintenance; or roll back although the old code may"
        f" not fit the schema, with rollback.yml -e accept_schema={','.join(migrations)}; or restore the backup"
        f" {backup or 'from before the migration'}, which loses the data written since.",
    )


def lost_message(where: str, why: str, *, put_nothing_back: bool) -> str:
    """Return the message of a run that lost the lease: the new holder decides what is live."""
    untouched = ", and nothing was rolled back" if put_nothing_back else ""
    return _joined(
        f"LEASE LOST in {where}: nothing more was written{untouched}.",
        why,
        "The holder of the lease settles what was left. If there is no holder, run deploy.yml or rollback.yml.",
    )


def rollback_message(not_back: Missing, *, release: str, changed: bool, reason: str) -> str:
    if not_back:
        return _joined(f"ROLLBACK INCOMPLETE: {_list(not_back)}.", _reasons(not_back))
    return f"ROLLED BACK to {release}." if changed else _joined("Nothing to change.", reason)


def settling_message(journal: Mapping[str, Any], *, forward: bool) -> str:
    """Return the message about an unfinished run and how it is settled."""
    kind, release, step = (
        journal.get("kind", "deploy"),
        journal.get("release") or "an unknown release",
        journal.get("step") or "its first step",
    )
    settling = "It is continued." if forward else "The release that was live before it is restored first."
    return f"The {kind} of {release} did not finish: it stopped in {step}. {settling}"


def unsettled_message(not_back: Missing, release: str) -> str:
    return _joined(
        f"ROLLBACK INCOMPLETE: {_list(not_back)}.",
        f"The unfinished deploy of {release} could not be rolled back, so nothing new was started.",
        _reasons(not_back),
    )


def _list(not_back: Missing) -> str:
    return ", ".join(part["what"] for part in not_back)


def _reasons(not_back: Missing) -> str:
    return " ".join(part["why"] for part in not_back)


def _joined(*parts: str) -> str:
    return " ".join(part.strip() for part in parts if part and part.strip())
