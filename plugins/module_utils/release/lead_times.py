# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lead times: how long each commit took from its commit to its deployment in production."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ..core.errors import CommandFailed
from ..core.process import run
from .figures import Deployment


class Commit(NamedTuple):
    """``at`` is the committer's time in seconds since the epoch."""

    at: float
    parents: tuple[str, ...]


def read(path: Path | str) -> dict[str, Commit]:
    """Return every commit of the repository at ``path`` by its SHA; none where it is no repository."""
    try:
        text = run(["git", "-C", str(path), "log", "--all", "--format=%H %ct %P"]).stdout
    except CommandFailed:
        return {}
    rows = (line.split() for line in text.splitlines())
    return {row[0]: Commit(float(row[1]), tuple(row[2:])) for row in rows if len(row) >= 2}


def assign(deployments: Sequence[Deployment], commits: Mapping[str, Commit]) -> None:
    """Add to each deployment, oldest first, the lead times of the commits that it was the first to bring.

    The first one only shows what was there before the ledger. A merge is no change of its own.
    """
    deployed: set[str] = set()
    first = True
    for deployment in deployments:
        if deployment.commit not in commits:
            continue
        brought = new_ones(deployment.commit, commits, deployed)
        deployed |= brought
        if not first:
            changes = [commits[sha] for sha in brought if len(commits[sha].parents) < 2]
            deployment.leads += [max(deployment.at - change.at, 0.0) for change in changes]
        first = False


def new_ones(tip: str, commits: Mapping[str, Commit], known: set[str]) -> set[str]:
    """Return the commits that ``tip`` has and ``known`` has not."""
    found: set[str] = set()
    waiting = [tip]
    while waiting:
        sha = waiting.pop()
        if sha in commits and sha not in known and sha not in found:
            found.add(sha)
            waiting += commits[sha].parents
    return found
