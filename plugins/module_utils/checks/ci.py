# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether CI passed on the exact commit: every check-run and every status of it, and those that are
required by name.
"""

from __future__ import annotations

from typing import Any

from ..core.amounts import number
from . import github_runs
from .answer import Answer, failed, passed
from .check import Context, Options

OPTIONS: dict[str, dict[str, Any]] = {
    **github_runs.OPTIONS,
    "required": {"type": "list", "elements": "str", "default": []},
    "ignore": {"type": "list", "elements": "str", "default": []},
}
missing, wrong = github_runs.missing, github_runs.wrong


def ask(context: Context, options: Options) -> Answer:
    sha = context.need_commit()
    asked = f"did every check-run and status of {sha[:7]} in {options['repository']} succeed?"
    found = github_runs.runs_of(options, sha)
    ignored = {run.name for pattern in options["ignore"] for run in github_runs.matching(found, pattern)}
    runs = [run for run in found if run.name not in ignored]
    required = {name: github_runs.matching(runs, name) for name in options["required"]}
    skipped = {run for named in required.values() for run in named if run.state == github_runs.NEUTRAL}
    bad = [run for run in runs if run.state in (github_runs.FAILURE, github_runs.PENDING) or run in skipped]
    no = github_runs.no(bad, [name for name, named in required.items() if not named], asked, sha)
    if no:
        return no
    if not any(run.state == github_runs.SUCCESS for run in runs):
        advice = "Run CI on this commit, or correct repository and commit"
        return failed(
            f"no check succeeded on {sha[:7]}: it has"
            f" {number(len(runs), 'check-run or status', 'check-runs and statuses')}",
            advice,
            asked=asked,
            facts=github_runs.facts(runs),
        )
    return passed(
        f"{number(len(runs), 'check-run or status', 'check-runs and statuses')} of {sha[:7]} ended well",
        asked=asked,
        facts=github_runs.facts(runs),
    )
