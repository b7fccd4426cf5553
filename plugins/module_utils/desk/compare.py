# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two releases compared: commits, migrations with their verdict, variables by digest, files and size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from ..core.errors import ConfigError
from ..migrations.migration import Migration
from ..migrations.pending import judge_pending
from . import repository
from .gather import Facts, value
from .recorded import digests
from .storefront import Params

COMMITS, FILES = 30, 2000


def compare(params: Params, facts: Facts, old: str, new: str) -> dict[str, Any]:
    """Return what ``new`` has and ``old`` has not, and the other way round."""
    path = params.get("path")
    if not path:
        raise ConfigError("source_path is not set, so two releases cannot be compared. Set it.", code="no_path")
    commits, count = repository.commits(path, old, new, COMMITS)
    back, missing = repository.commits(path, new, old, COMMITS)
    changed = repository.files(path, old, new)
    return {
        "old": old,
        "new": new,
        "commits": commits,
        "commit_count": count,
        "commits_missing": back,
        "commits_missing_count": missing,
        "files": changed[:FILES],
        "file_count": len(changed),
        "size": {"old": repository.size(path, old), "new": repository.size(path, new)},
        "migrations": migrations(params, old, new),
        "variables": variables(facts, old, new),
    }


def migrations(params: Params, old: str, new: str) -> list[dict[str, Any]]:
    """Return each migration that one of the releases has and the other has not, with its verdict."""
    path, folder = params["path"], _folder(params)
    before, after = (repository.migration_files(path, ref, folder) for ref in (old, new))
    found = [{**one, "in": new} for one in judged(before, after)]
    return found + [{**one, "in": old} for one in judged(before=after, after=before)]


def judged(before: Mapping[str, str], after: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return what ``after`` adds to ``before``, each with whether code that does not know it still runs."""
    fresh = [Migration(name, sql) for name, sql in after.items() if name not in before]
    verdicts = judge_pending(fresh, [Migration(name, sql) for name, sql in before.items()])
    return [
        {
            "name": one.name,
            "backward_compatible": verdict.backward_compatible,
            "reasons": [reason.reason for reason in verdict.breaking],
        }
        for one, verdict in zip(fresh, verdicts, strict=True)
    ]


def unsafe_for(params: Params, applied: Sequence[str], release: str, newest: str) -> list[str]:
    """Return the migrations of the database that ``release`` does not know and on which its code cannot run."""
    path, folder = params["path"], _folder(params)
    before, after = (repository.migration_files(path, ref, folder) for ref in (release, newest))
    there = {name: sql for name, sql in after.items() if name in applied}
    unknown = [name for name in applied if name not in before and name not in after]
    return [one["name"] for one in judged(before, there) if not one["backward_compatible"]] + unknown


def variables(facts: Facts, old: str, new: str) -> dict[str, Any]:
    """Return, by unit, the names that were added, removed or changed between the deploys of the releases."""
    then, now = (_recorded(facts, release) for release in (old, new))
    found: dict[str, Any] = {}
    for unit in sorted({*then, *now}):
        if unit not in then or unit not in now:
            found[unit] = None  # the ledger has no digests of one of them
            continue
        before, after = then[unit], now[unit]
        found[unit] = {
            "added": sorted(after.keys() - before.keys()),
            "removed": sorted(before.keys() - after.keys()),
            "changed": sorted(name for name in before.keys() & after.keys() if before[name] != after[name]),
        }
    return found


def _recorded(facts: Facts, release: str) -> dict[str, dict[str, str]]:
    """Return the digests of each unit from the newest record of a release."""
    for record in (value(facts, "ledger") or {}).get("records", []):
        if record["release"] == release:
            found = {name: digests(record, name) for name in record["units"]}
            return {name: {one["name"]: one["digest"] for one in listed} for name, listed in found.items() if listed}
    return {}


def _folder(params: Params) -> str:
    given = params["database"]
    return str(PurePosixPath(given.get("root_directory") or "", given["migrations"]))
