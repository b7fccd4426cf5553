# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the tests ran and passed on the exact commit: check-runs and statuses by name. One that was
skipped did not run.
"""

from __future__ import annotations

from typing import Any

from . import github_runs
from .answer import Answer, passed
from .check import Context, Options

OPTIONS: dict[str, dict[str, Any]] = {
    **github_runs.OPTIONS,
    "tests": {"type": "list", "elements": "str", "default": []},
}


wrong = github_runs.wrong


def missing(options: Options) -> str:
    return github_runs.missing(options) or ("" if options["tests"] else "set tests to the names of their check-runs")


def ask(context: Context, options: Options) -> Answer:
    sha = context.need_commit()
    asked = f"did {', '.join(options['tests'])} run and succeed on {sha[:7]} in {options['repository']}?"
    found = github_runs.runs_of(options, sha)
    tests = {name: github_runs.matching(found, name) for name in options["tests"]}
    runs = sorted({run for named in tests.values() for run in named}, key=lambda run: run.name)
    bad = [run for run in runs if run.state != github_runs.SUCCESS]
    no = github_runs.no(bad, [name for name, named in tests.items() if not named], asked, sha)
    return no or passed(
        f"{', '.join(run.name for run in runs)} passed on {sha[:7]}", asked=asked, facts=github_runs.facts(runs)
    )
