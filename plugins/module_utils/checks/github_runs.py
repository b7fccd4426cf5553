# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What GitHub knows of a commit's check-runs and statuses, and how each of them stands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from ..core.errors import ConfigError
from ..platforms.github import API_URL, GitHub
from .answer import Answer, failed
from .check import Context, Options
from .web import url_problem

OPTIONS: dict[str, dict[str, Any]] = {
    "api_token": {"type": "str", "no_log": True},
    "api_url": {"type": "str", "default": API_URL},
    "repository": {"type": "str"},
    "timeout": {"type": "float", "default": 30.0},
    "allow_plain_http": {"type": "bool", "default": False},
}
SUCCESS, NEUTRAL, PENDING, FAILURE = "success", "neutral", "pending", "failure"
CONCLUSIONS = {"success": SUCCESS, "neutral": NEUTRAL, "skipped": NEUTRAL}  # any other is a failure
STATES = {"success": SUCCESS, "pending": PENDING}
SHOWN = 50


@dataclass(frozen=True)
class Run:
    """A check-run or a status: ``state`` is success, neutral, pending or failure, ``word`` GitHub's own."""

    name: str
    state: str
    word: str
    url: str = ""


def missing(options: Options) -> str:
    lacking = [name for name in ("api_token", "repository") if not options[name]]
    return f"set {' and '.join(lacking)} of github" if lacking else ""


def wrong(options: Options, context: Context) -> list[str]:
    """Say what is wrong with the address and the repository, before anything is asked."""
    try:
        client(options).close()
    except ConfigError as error:
        return [str(error)]
    return []


def client(options: Options) -> GitHub:
    """Return a client of the repository. Raises ConfigError for an address or a repository that is none."""
    more = {name: options[name] for name in ("timeout", "allow_plain_http")}
    more["unreachable"] = options.get("unreachable_timeout")
    made = GitHub(options["api_token"], options["repository"], options["api_url"], **more)
    if problem := url_problem("api_url", options["api_url"]):
        raise ConfigError(f"{problem}. Correct api_url.", code="bad_api_url")
    return made


def runs_of(options: Options, sha: str) -> list[Run]:
    """Return how each check-run and each status of a commit stands, by the newest of each name."""
    with closing(client(options)) as github:
        runs = [_run(found) for found in newest(github.check_runs(sha))]
        statuses = [
            Run(one["context"], STATES.get(one["state"], FAILURE), one["state"], one.get("target_url") or "")
            for one in github.commit_statuses(sha)
        ]
    return sorted([*runs, *statuses], key=lambda run: run.name)


def newest(runs: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the newest check-run of each app and name: one that was run again counts as it ended then. One
    that has not begun is the newest.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for run in sorted(runs, key=lambda run: (_began(run), run["id"])):
        found[str((run.get("app") or {}).get("slug")), run["name"]] = run
    return list(found.values())


def _began(run: dict[str, Any]) -> float:
    return datetime.fromisoformat(run["started_at"]).timestamp() if run.get("started_at") else float("inf")


def _run(found: dict[str, Any]) -> Run:
    url = found.get("html_url") or ""
    if found["status"] != "completed":
        return Run(found["name"], PENDING, found["status"].replace("_", " "), url)
    word = str(found["conclusion"])
    return Run(found["name"], CONCLUSIONS.get(word, FAILURE), word.replace("_", " "), url)


def matching(runs: Sequence[Run], pattern: str) -> list[Run]:
    """Return the runs of a name, in which * stands for anything: a job's matrix gives it many names."""
    return [run for run in runs if run.name == pattern or fnmatchcase(run.name, pattern)]


def no(runs: Sequence[Run], absent: Sequence[str], asked: str, sha: str) -> Answer | None:
    """Say no because of runs that are not successful and of names that are not there; None where there are neither."""
    words = [f'"{run.name}" {_state(run)}' for run in runs] + [f'"{name}" did not run' for name in absent]
    if not words:
        return None
    shown = ", ".join(words[:SHOWN]) + (f" and {len(words) - SHOWN} more" if len(words) > SHOWN else "")
    waits = all(run.state == PENDING for run in runs) and not absent
    advice = (
        "Wait until it has ended, then ask again"
        if waits
        else f"Rerun what failed on {sha[:7]}, or deploy a commit that passed"
    )
    return failed(
        shown,
        advice,
        url=next((run.url for run in runs if run.url), ""),
        asked=asked,
        facts=facts(runs) | {"absent": list(absent)},
    )


def facts(runs: Sequence[Run]) -> dict[str, Any]:
    return {
        "count": len(runs),
        "runs": [{"name": run.name, "state": run.word, "url": run.url or None} for run in runs[:SHOWN]],
    }


def _state(run: Run) -> str:
    if run.state == PENDING:
        return f"is still {run.word}" if run.word != "pending" else "has not ended"
    return (
        f"was {run.word}"
        if run.word in ("cancelled", "skipped", "timed out")
        else "failed"
        if run.word == "failure"
        else f"has the result {run.word}"
    )
