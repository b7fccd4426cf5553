# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages of a rolling release: what is refused before a deploy, and the stage that follows."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release.stages import following, problems

WATCH = {"bake": "10 min"}
STAGES = [{"share": "10 %"}, {"share": "50%", "lasts": "30 min"}]


def test_right_stages_have_no_problem() -> None:
    assert list(problems(STAGES, WATCH)) == []
    assert list(problems([], {})) == []
    assert list(problems([{"share": "0.5 %", "lasts": "10 min"}], WATCH)) == []


@pytest.mark.parametrize(
    ("stages", "watch", "text"),
    [
        ([{"share": "10"}], WATCH, "stage 1: share is '10', which has no unit. Write the share of the visitors with %"),
        ([{"share": "ten %"}], WATCH, "stage 1: share is 'ten %'. Write"),
        ([{"share": "-5 %"}], WATCH, "stage 1: share is '-5 %'. Write"),
        ([{"share": "0 %"}], WATCH, "Set it above 0 % and below 100 %"),
        ([{"share": "10 %"}, {"share": "100 %"}], WATCH, "stage 2: share is 100 %. Set it above 0 % and below 100 %"),
        ([{"share": "120 %"}], WATCH, "below 100 %"),
        ([{"share": "10 %", "lasts": "30"}], WATCH, "stage 1: lasts is '30', which has no unit"),
        ([{"share": "10 %", "lasts": "0 s"}], WATCH, "Set it above 0 s"),
        ([{"share": "10 %", "lasts": "200 h"}], WATCH, "at most 167 h"),
        ([{"share": "50 %"}, {"share": "10 %"}], WATCH, "each stage must have a larger share"),
        ([{"share": "50 %"}, {"share": "50 %"}], WATCH, "each stage must have a larger share"),
        ([{"share": f"{share} %"} for share in range(1, 11)], WATCH, "has 10 stages. Vercel takes 9"),
        ([{"share": "10 %"}], {}, "frontend_stages needs a watch"),
        ([{"share": "10 %", "lasts": "5 min"}], WATCH, "verify_watch.bake is 10 min, which is longer than stage 1"),
        (
            [{"share": "10 %"}, {"share": "20 %", "lasts": "599 s"}],
            WATCH,
            "longer than stage 2 of frontend_stages (599 s)",
        ),
    ],
)
def test_stages_that_cannot_be_right_are_refused(
    stages: list[dict[str, Any]], watch: dict[str, Any], text: str
) -> None:
    (problem,) = problems(stages, watch)
    assert text in problem


def test_each_stage_follows_the_one_before_it() -> None:
    first = following(STAGES, {})
    assert first == {"number": 1, "share": 10.0, "lasts": 0.0, "shares": [10.0, 50.0]}
    assert following(STAGES, first) == {"number": 2, "share": 50.0, "lasts": 1800.0, "shares": [10.0, 50.0]}
    assert following([], {}) == {}
