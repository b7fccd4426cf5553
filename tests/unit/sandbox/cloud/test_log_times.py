# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The times of a process's lines at the double."""

from __future__ import annotations

from sandbox.cloud.log_times import timed


def test_a_json_line_has_its_own_time_and_another_follows_the_line_before() -> None:
    lines = [
        "starting",
        '{"time":5000,"msg":"a"}',
        "plain",
        '{"time":5000}',
        '{"time":"x"}',
        "{broken",
        '{"time":9000}',
    ]
    assert [at for at, _line in timed(lines, 7777)] == [4994, 5000, 5001, 5002, 5003, 5004, 9000]


def test_without_a_time_the_lines_end_when_the_deployment_changed() -> None:
    assert timed(["a", "b", "c"], 1000) == [(998, "a"), (999, "b"), (1000, "c")]
    assert timed([], 1000) == []
