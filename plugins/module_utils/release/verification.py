# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What verify.yml and the verification within a deploy amount to: which steps run, how each ended, and the change since
the last run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .spelling import suggestion

STEPS = ("frontend", "backend", "database", "performance", "uat")
TITLES = {"uat": "journeys of customers"}


def steps(asked: str | Sequence[str] | None) -> list[str]:
    """Return the steps to run, in their order; all where none is asked for. Raises ValueError for an unknown one."""
    words = asked.split(",") if isinstance(asked, str) else list(asked or STEPS)
    named = [str(word).strip() for word in words if str(word).strip()]
    for word in named:
        if word not in STEPS:
            raise ValueError(
                f"verify names {word!r}, which is no step of the verification{suggestion(word, STEPS)}. Use"
                f" {', '.join(STEPS)}."
            )
    return [step for step in STEPS if step in (named or STEPS)]


def result(task: Mapping[str, Any], good: str, option: str = "") -> dict[str, Any]:
    """Return how a step ended, by the result of its task: ``good`` is the key that says whether all is well, ``option``
    is what is not set where the task was skipped.
    """
    if task.get("skipped") or good not in task:
        return {"state": "not configured", "summary": f"{option or 'nothing'} is not set"}
    summary = str(task.get("summary") or "")
    if mixed := mixed_releases(task.get("checks") or []):
        return {"state": "failed", "summary": mixed if task[good] else f"{summary}\n{mixed}"}
    return {"state": "passed" if task[good] else "failed", "summary": summary}


def mixed_releases(checks: Sequence[Mapping[str, Any]]) -> str:
    """Return what to do when the pages of one site report different releases; empty when they agree."""
    found = {str(check["name"]): str(check["release"]) for check in checks if check.get("release")}
    if len(set(found.values())) < 2:
        return ""
    listed = ", ".join(f"{name} {release}" for name, release in found.items())
    return f"The pages serve different releases ({listed}), so some come from a cache. Purge the edge."


def results_of(parts: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """Return how a step ended that consists of several tasks: (result, key that says whether all is well, option)."""
    ended = [result(*part) for part in parts]
    ran = [one for one in ended if one["state"] != "not configured"]
    if not ran:
        return ended[0]
    state = "failed" if any(one["state"] == "failed" for one in ran) else "passed"
    summaries = [one["summary"] for one in ran if one["state"] == state]
    return {"state": state, "summary": "\n".join(summaries)}


def database(task: Mapping[str, Any], least: Mapping[str, Any]) -> dict[str, Any]:
    """Return how the database is, by the result of pg_info: ``least`` maps tables to the rows that they need."""
    if task.get("skipped"):
        return {"state": "not configured", "summary": "database_url is not set"}
    migrations, counts = task.get("migrations"), task.get("counts") or {}
    problems = [f"{what} is not known: {why}" for what, why in (task.get("unavailable") or {}).items()]
    if migrations:
        problems += [f"the migration {name} has failed" for name in migrations.get("failed") or []]
        problems += [] if migrations.get("known") else ["there is no table of migrations"]
    for table, rows in least.items():
        names = [name for name in counts if name == table or name.partition(".")[2] == table]
        have = counts.get(names[0]) if names else None
        if not names:
            problems.append(f"there is no table {table}")
        elif have is None or have < int(rows):
            problems.append(
                f"the table {table} has {'unknown' if have is None else have} rows instead of {rows} or more"
            )
    summary = f"{(migrations or {}).get('applied', 'unknown')} migrations are applied"
    known = {name.partition(".")[2]: rows for name, rows in counts.items() if name.partition(".")[2] in least}
    summary += "".join(f", {table} has {rows} rows" for table, rows in known.items())
    state = "failed" if problems else "passed"
    return {"state": state, "summary": "\n".join(problems) if problems else f"{summary}."}


def targets(urls: Mapping[str, str], checks: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, str]]:
    """Return what to measure: the checks that read a path of a site, by GET and without a body."""
    return [
        {"name": f"{site} {check['name']}", "url": f"{url.rstrip('/')}{check['url']}"}
        for site, url in urls.items()
        for check in checks[site]
        if url and check.get("method", "GET") in (None, "GET") and str(check["url"]).startswith("/")
    ]


def lines(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return a line for each step that ran, and what did not pass below it."""
    found = []
    for step, ended in results.items():
        first, *more = ended["summary"].splitlines() or [""]
        found.append(f"{TITLES.get(step, step)}: {ended['state']}. {first}".strip())
        found += [f"  {line}" for line in more]
    return found


def verdict(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the message of a failed verification; empty where everything passed."""
    failed = {step: ended for step, ended in results.items() if ended["state"] == "failed"}
    if not failed:
        return ""
    details = [f"{TITLES.get(step, step)}: {ended['summary']}" for step, ended in failed.items()]
    return "\n".join([f"The verification failed: {', '.join(TITLES.get(step, step) for step in failed)}.", *details])


def change(before: Mapping[str, Any] | None, failed: str, storefront: str) -> str:
    """Return the message for a storefront whose state has changed since the last notification; empty where it has not.

    ``before`` is {outcome, notified}: an outcome whose message was not delivered counts as not notified.
    """
    outcome = "failed" if failed else "passed"
    known = dict(before or {"outcome": "passed", "notified": True})
    if known.get("outcome") == outcome and known.get("notified"):
        return ""
    if outcome == "failed":
        return f"{storefront}: {failed}"
    return f"{storefront}: the verification passes again."
