# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reviews of a GitHub environment, as approvals: GitHub itself says who approved a run of a workflow, and of which
commit.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from ..platforms.github import API_URL, GitHub
from .approval import Approval, Subject
from .approval_judge import GITHUB, Given

OPTIONS: dict[str, dict[str, Any]] = {
    "api_token": {"type": "str", "required": True, "no_log": True},
    "api_url": {"type": "str", "default": API_URL},
    "repository": {"type": "str", "required": True},
    "run": {"type": "int", "required": True},
    "environment": {"type": "str", "required": True},
    "allow_plain_http": {"type": "bool", "default": False},
}


def given(options: Mapping[str, Any], subject: Subject, hours: float) -> list[Given]:
    """Return the approvals of a run's environment. They end ``hours`` after the run began. Raises ApiError."""
    more = {"allow_plain_http": options["allow_plain_http"]}
    with closing(GitHub(options["api_token"], options["repository"], options["api_url"], **more)) as github:
        run = github.workflow_run(options["run"])
        reviews = github.run_approvals(options["run"])
    at = datetime.fromisoformat(run.get("run_started_at") or run["created_at"])
    what = replace(subject, commit=run["head_sha"])
    return [
        Given(
            Approval(
                what,
                one["user"]["login"],
                "github",
                at,
                at + timedelta(hours=hours),
                one["comment"] or "approved at GitHub",  # the run that was approved is the emergency's
                one["comment"] or "",
            ),
            f"run {options['run']}",
            [GITHUB],
        )
        for one in reviews
        if one["state"] == "approved" and options["environment"] in [place["name"] for place in one["environments"]]
    ]
