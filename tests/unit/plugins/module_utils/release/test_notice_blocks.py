# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The blocks of a message about a run: the progress, and buttons that are links."""

from __future__ import annotations

from ansible_collections.storefront.runbook.plugins.module_utils.release.notice_blocks import (
    buttons,
    progress,
    section,
)
from ansible_collections.storefront.runbook.plugins.module_utils.release.notices import Run, blocks, texts

STEPS = [{"name": "database.backup", "outcome": "ok", "seconds": 3.2}, {"name": "verify.public", "outcome": "failed"}]


def test_the_progress_has_each_step_and_the_one_that_runs() -> None:
    assert progress(STEPS, "edge.purge").splitlines() == [
        ":heavy_check_mark: database.backup in 3.2 s",
        ":x: verify.public",
        ":hourglass_flowing_sand: edge.purge",
    ]
    assert progress([]) == ""


def test_a_button_is_a_link_to_an_address() -> None:
    (row,) = buttons([{"name": "Report", "url": "https://r.example"}, {"name": "Log", "url": "javascript:x"}])
    assert [(one["type"], one["url"]) for one in row["elements"]] == [("button", "https://r.example")]
    assert buttons([{"name": "Log", "url": ""}]) == []


def test_a_long_text_is_cut_to_what_slack_takes() -> None:
    assert len(section("x" * 9000)["text"]["text"]) == 3000


def test_each_message_of_a_run_has_blocks_with_its_report() -> None:
    run = Run(
        "production", "deploy", outcome="rolled_back", message="a <b>", report_url="https://r.example/1", steps=STEPS
    )
    found = blocks(run)
    assert [block["type"] for block in found["began"]] == ["section", "section"]
    assert [block["type"] for block in found["headline"]] == ["section", "section", "actions"]
    assert found["ended"][1]["text"]["text"] == "a &lt;b&gt;"
    assert found["ended"][-1]["elements"][0]["url"] == "https://r.example/1"


def test_the_text_beside_the_blocks_changes_with_the_progress() -> None:
    assert texts(Run("production", "deploy", running="edge.purge"))["began"].endswith("edge.purge")
