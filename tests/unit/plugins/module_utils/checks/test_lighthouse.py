# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused before Lighthouse runs, and what its scores amount to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.checks import lighthouse as check
from ansible_collections.storefront.runbook.plugins.module_utils.checks.check import Context
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.site import lighthouse

URL = "https://staged.example/"
DEFAULTS = {name: spec.get("default") for name, spec in check.OPTIONS.items()}


def wrong(**given: Any) -> str:
    return "; ".join(check.wrong({**DEFAULTS, "url": URL, **given}, Context()))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"thresholds": {"pwa": 90}}, "no category 'pwa': choose from performance"),
        ({"thresholds": {"seo": 100}}, "the threshold of seo is 100: give 0 to 99"),
        ({"thresholds": {"seo": -1}}, "give 0 to 99"),
        ({"thresholds": {"seo": "high"}}, "give 0 to 99"),
        ({"thresholds": {"seo": None}}, "give 0 to 99"),
        ({"thresholds": {"seo": "nan"}}, "give 0 to 99"),
        ({"runs": 0}, "runs is 0: give 1 to 15"),
        ({"runs": 99}, "runs is 99"),
        ({"url": "staged.example"}, "not an address"),
        ({"url": "https://me:secret@staged.example/"}, "holds credentials"),
        ({"budget": "/nowhere/budget.json"}, "it cannot be read"),
        ({"budget": "budget.json"}, "No commit was given"),
    ],
)
def test_a_wrong_option_is_refused(given: dict[str, Any], said: str) -> None:
    assert said in wrong(**given)


def test_right_options_are_not() -> None:
    assert wrong(thresholds={"performance": 90, "seo": "89.5"}) == ""


def test_a_budget_of_the_releases_commit_is_read(repository: Any) -> None:
    commit = repository.commit({"budget.json": "[{}]"})
    context = repository.context(commit)
    assert check.wrong({**DEFAULTS, "budget": "budget.json"}, context) == [
        "the budget budget.json: a budget limits nothing: give it resourceSizes, resourceCounts, timings"
    ]
    assert "no such file" in check.wrong({**DEFAULTS, "budget": "other.json"}, context)[0]


def test_without_thresholds_it_is_not_configured() -> None:
    assert "set thresholds" in check.missing(DEFAULTS)


def judged(tmp_path: Path, scores: list[int | None], **given: Any) -> Any:
    options = {**DEFAULTS, "url": URL, "reports": str(tmp_path), **given}
    found = lighthouse.Found({"performance": scores}, {"finalDisplayedUrl": URL})
    return check._judge(Context(), options, found, {"performance": 90.0}, "asked")


@pytest.mark.parametrize(
    ("scores", "outcome"),
    [
        ([91], "passed"),
        ([90], "failed"),
        ([10, 91, 95, 92, 20], "passed"),
        ([10, 90, 95, 99, 20], "failed"),
        ([90, 99], "failed"),
        ([95, None, 99], "could_not_be_asked"),
        ([0], "failed"),
    ],
)
def test_the_median_has_to_be_above_the_threshold(
    tmp_path: Path, scores: list[int | None], outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lighthouse, "save", lambda *words: tmp_path / "lighthouse.json")
    assert judged(tmp_path, scores).outcome == outcome


@pytest.mark.parametrize("version", ["11.7.1", "9"])
def test_a_lighthouse_that_is_too_old_is_refused(tmp_path: Path, version: str) -> None:
    program = tmp_path / "lighthouse" / "cli" / "index.js"
    program.parent.mkdir(parents=True)
    program.write_text("#!/usr/bin/env node\n")
    program.chmod(0o755)
    (tmp_path / "lighthouse" / "package.json").write_text(f'{{"name": "lighthouse", "version": "{version}"}}')
    with pytest.raises(ConfigError, match="too old"):
        lighthouse.find(str(program))


def test_where_there_is_no_lighthouse_it_is_said_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="npm install --global lighthouse@12"):
        lighthouse.find()
    with pytest.raises(ConfigError, match=r"lighthouse is '/nowhere'"):
        lighthouse.find("/nowhere")
    (tmp_path / "lighthouse").write_text("#!/bin/sh\n")
    (tmp_path / "lighthouse").chmod(0o755)
    with pytest.raises(ConfigError, match="does not belong to the npm package"):
        lighthouse.find()
