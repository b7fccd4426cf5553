# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What verify.yml and the verification within a deploy amount to: which steps run, how each ended, and the change since
the last run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..core.amounts import number
from .spelling import suggestion

STEPS = ("frontend", "backend", "database", "performance", "uat")
TITLES = {"uat": "journeys of customers"}
EVERY_TAG = ("all", "tagged", "untagged", "always", "never")  # Ansible's own


def steps(asked: str | Sequence[str] | None, tags: Sequence[str] = ("all",), skipped: Sequence[str] = ()) -> list[str]:
    """Return the steps to run, in their order: those that are ``asked`` for, all without it, as far as --tags and
    --skip-tags choose them. Raises ValueError for what ``steps_problem`` returns.
    """
    if problem := steps_problem(asked, tags, skipped):
        raise ValueError(problem)
    return _chosen(_named(asked), tags, skipped)


def steps_problem(
    asked: str | Sequence[str] | None, tags: Sequence[str] = ("all",), skipped: Sequence[str] = ()
) -> str:
    """Return what is wrong with the steps that a run names: an unknown one, or none at all; empty where all is well."""
    named, every = _named(asked), f"The steps are {', '.join(STEPS)}."
    for source, known, given in (("verify", STEPS, named), ("--tags", (*STEPS, *EVERY_TAG), tags)):
        for word in given:
            if word not in known:
                near = suggestion(word, STEPS) or "."
                return f"{source} names {word!r}, which is not a step of the verification{near} {every}"
    if not named:
        return f"verify is empty, so nothing would be verified. Leave it out to verify everything. {every}"
    if not _chosen(named, tags, skipped):
        return f"--tags and --skip-tags leave none of {', '.join(named)}, so nothing would be verified. {every}"
    return ""


def _named(asked: str | Sequence[str] | None) -> list[str]:
    words = asked.split(",") if isinstance(asked, str) else list(STEPS if asked is None else asked)
    return [str(word).strip() for word in words if str(word).strip()]


def _chosen(named: Sequence[str], tags: Sequence[str], skipped: Sequence[str]) -> list[str]:
    return [step for step in STEPS if step in named and _has(tags, step) and not _has(skipped, step)]


def _has(tags: Sequence[str], step: str) -> bool:
    return bool({step, "all", "tagged"}.intersection(tags))


def result(task: Mapping[str, Any], good: str, option: str = "") -> dict[str, Any]:
    """Return how a step ended, by the result of its task: ``good`` is the key that says whether all is well, ``option``
    is what is not set where the task was skipped.
    """
    if task.get("skipped") or good not in task:
        return {"state": "not configured", "summary": f"{option or 'nothing'} is not set"}
    summary = str(task.get("summary") or "")
    failures = [journey.get("failure") or {} for journey in task.get("journeys") or []]
    pictures = [failure["screenshot"] for failure in failures if failure.get("screenshot")]
    seen = {"screenshots": pictures} if pictures else {}
    if mixed := mixed_releases(task.get("checks") or []):
        return {"state": "failed", "summary": mixed if task[good] else f"{summary}\n{mixed}"}
    return {"state": "passed" if task[good] else "failed", "summary": summary, **seen}


def past_the_cache(checks: Sequence[Mapping[str, Any]], mark: str) -> list[dict[str, Any]]:
    """Return the checks, and the first page that reports its release once more under an address that no cache knows.

    Where every cached page is old, they agree with each other, and only the origin shows it.
    """
    fresh = [
        {**check, "name": f"{check['name']} past the cache", "url": f"{url}{'&' if '?' in url else '?'}verify={mark}"}
        for check in checks
        if (url := str(check["url"])) and check.get("release") and check.get("method", "GET") in (None, "GET")
    ]
    return [*map(dict, checks), *fresh[:1]]


def mixed_releases(checks: Sequence[Mapping[str, Any]]) -> str:
    """Return what to do when the pages of one site report different releases; empty when they agree."""
    found = {str(check["name"]): str(check["release"]) for check in checks if check.get("release")}
    if len(set(found.values())) < 2:
        return ""
    listed = ", ".join(f"{name} {release}" for name, release in found.items())
    return f"The pages serve different releases ({listed}), so some are old pages from a cache. Purge the edge."


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
                f"the table {table} has {'unknown rows' if have is None else number(have, 'row')} instead of {rows:,}"
                " or more"
            )
    summary = f"{number((migrations or {}).get('applied', 'unknown'), 'migration is', 'migrations are')} applied"
    known = {name.partition(".")[2]: rows for name, rows in counts.items() if name.partition(".")[2] in least}
    summary += "".join(f", {table} has {number(rows, 'row')}" for table, rows in known.items())
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


def edge_window(baseline: Mapping[str, Any], now: float) -> int:
    """Return how many seconds back Cloudflare's requests are counted: to the last measurement, at most a day, and an
    hour without one. ``now`` is in seconds since 1970. Cloudflare's counts lag, so the shortest window is a minute.
    """
    try:
        last = datetime.fromisoformat(str((baseline.get("edge") or {})["until"])).timestamp()
    except (KeyError, ValueError):
        return 3600
    return round(min(max(now - last, 60), 86_400))


def lines(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return a line for each step that ran, and what did not pass below it."""
    found = []
    for step, ended in results.items():
        first, *more = ended["summary"].splitlines() or [""]
        found.append(f"{TITLES.get(step, step)}: {ended['state']}. {first}".strip())
        found += [f"  {line}" for line in more]
    return found


def verdict(results: Mapping[str, Mapping[str, Any]], alone: bool = False) -> str:
    """Return the message of a failed verification; empty where everything passed. ``alone`` is a run that only
    verifies: one in which nothing is configured fails, since nobody would notice that it verifies nothing.
    """
    failed = {step: ended for step, ended in results.items() if ended["state"] == "failed"}
    if not failed:
        nothing = alone and results and all(ended["state"] == "not configured" for ended in results.values())
        return (
            "\n".join(["Nothing was verified. Configure it, or choose another step.", *lines(results)])
            if nothing
            else ""
        )
    details = [f"{TITLES.get(step, step)}: {ended['summary']}" for step, ended in failed.items()]
    return "\n".join([f"The verification failed: {', '.join(TITLES.get(step, step) for step in failed)}.", *details])


def state(
    before: Mapping[str, Any] | None,
    failed: str,
    results: Mapping[str, Mapping[str, Any]],
    chosen: Sequence[str],
) -> dict[str, Any]:
    """Return {outcome, failing}: the steps that fail, among them those that failed before and did not run now.

    A run that ended early fails for the steps that it did not come to as well, unless one of them is known to fail.
    """
    wrong = {step for step, ended in results.items() if ended["state"] == "failed"}
    if failed and not wrong:
        wrong = set(chosen) - set(results) or set(chosen)
    open_before = set((before or {}).get("failing") or []) - set(chosen)
    failing = [step for step in STEPS if step in wrong | open_before]
    return {"outcome": "failed" if failed or failing else "passed", "failing": failing}


def change(before: Mapping[str, Any] | None, failed: str, storefront: str, now: Mapping[str, Any]) -> str:
    """Return the message for a storefront whose state has changed since the last notification; empty where it has not.

    ``before`` is the last state with ``notified``: one whose message was not delivered counts as not notified. ``now``
    is the state of this run. A step that did not fail before is a change, too.
    """
    known = dict(before or {"outcome": "passed", "notified": True})
    same = known.get("outcome") == now["outcome"]
    more = set(now["failing"]) - set(known.get("failing") or now["failing"])
    if same and not more and known.get("notified"):
        return ""
    if now["outcome"] == "passed":
        return f"{storefront}: the verification passes again."
    left = ", ".join(TITLES.get(step, step) for step in now["failing"])
    return f"{storefront}: {failed or f'the verification still fails: {left}.'}"
