# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the vendors' APIs a whole run of the tests has exercised: an operation that a module can send and
that no test exercises fails the run.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from sandbox.cloud.faults import OPERATIONS

FOLDER = "RUNBOOK_OPERATIONS"  # where each worker says what it has exercised
WANTED = "CHECK_OPERATIONS"  # judges a run of some of the tests, too
# What the double serves, and no module sends. Why: for the vendor's own client, for the tests, or as what an owner does
# in the dashboard.
OTHERS = {
    "vercel": {
        "user": "the vendor's own client asks who it is",
        "team": "the vendor's own client asks for its scope",
        "get_env": (
            "modules ask only where the list keeps a value back, and the double's list has all that may be shown"
        ),
    },
    "railway": {
        "me": "the vendor's own client asks who it is",
        "environment": "modules ask for it only beside serviceInstance, in one document",
        "serviceInstanceAutoDeployStatus": "modules ask for it only beside serviceInstance, in one document",
        "service": "the vendor's own client asks for it",
        "serviceInstanceDeploy": "older than serviceInstanceDeployV2, which modules send",
        "serviceInstanceRedeploy": "the dashboard's button; modules name the deployment",
        "variableUpsert": "how somebody else changes a variable in the tests",
        "variableDelete": "it deploys each time; modules stage the removal",
        "serviceConnect": "the dashboard's button",
    },
    "render": {
        "replace_env": "it would remove what others have set; modules set one by one",
        "get_env": "modules read the list",
        "owners": "the service reports the owner",
    },
    "cloudflare": {
        "update_setting": "development mode is the operator's to turn on",
    },
    "github": {
        "repository": "for those who try a token by hand",
        "commit": "for those who try a token by hand",
        "commit_statuses": "modules read the newest of each context in the combined status",
        "create_commit_status": "what a CI does",
        "rate_limit": "modules read the limit in the answers",
        "deployment": "modules read the list",
    },
    "slack": {"auth_test": "for those who try a token by hand", "api_test": "for those who try the address by hand"},
    "stripe": {
        "payment": "the shop pays with one request, and reads its answer",
        "confirm_payment": "the shop confirms what it creates in the same request",
        "cancel_payment": "the shop creates no payment that waits",
    },
    "sentry": {
        "list_projects": "for those who try a token by hand",
        "list_releases": "modules ask for the one that they mean",
    },
}
# No vendor's API with a contract: what the store, visitors and npm ask, and the shop's mail.
BESIDE = {"objects", "edge", "npm", "mail"}


def begin(config: pytest.Config) -> None:
    """Prepare to receive reports of the workers, which inherit the environment."""
    if not hasattr(config, "workerinput"):
        os.environ[FOLDER] = tempfile.mkdtemp(prefix="operations-")


def keep(listing: list[dict[str, Any]]) -> None:
    """Say what a sandbox was asked for and has answered."""
    asked = sorted({(one["vendor"], one["operation"]) for one in listing if one["status"] < 400})
    handle, _path = tempfile.mkstemp(suffix=".json", dir=os.environ[FOLDER])
    with os.fdopen(handle, "w") as file:
        json.dump(asked, file)


def missing(exercised: set[tuple[str, str]]) -> list[str]:
    """Return the operations that a module can send and that are not among ``exercised``."""
    sent = {
        (vendor, name)
        for vendor, names in OPERATIONS.items()
        if vendor not in BESIDE
        for name in names - OTHERS.get(vendor, {}).keys()
    }
    return sorted(" ".join(pair) for pair in sent - exercised)


def judge(session: pytest.Session) -> None:
    """Fail a whole run, and any run where CHECK_OPERATIONS is set, by the names of what was not exercised."""
    config = session.config
    if hasattr(config, "workerinput"):
        return
    folder = Path(os.environ.pop(FOLDER))
    exercised = {(vendor, name) for file in folder.glob("*.json") for vendor, name in json.loads(file.read_text())}
    for file in folder.glob("*.json"):
        file.unlink()
    folder.rmdir()
    ended = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    if not ended or not (is_whole(config) or os.environ.get(WANTED)):
        return
    if names := missing(exercised):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        if reporter:
            reporter.write_line(
                f"\nNo test exercises: {', '.join(names)}. Write one, or say in {Path(__file__).name} why no module"
                " sends it.",
                red=True,
            )


def is_whole(config: pytest.Config) -> bool:
    """Whether this run is one of all tests: nothing is named, chosen or left out."""
    chosen = [
        config.getoption(name, None)
        for name in ("keyword", "markexpr", "deselect", "lf", "collectonly", "ignore", "ignore_glob")
    ]
    return config.args_source is pytest.Config.ArgsSource.TESTPATHS and not any(chosen)
