# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command below a refusal does not repeat what the refusal is about."""

from __future__ import annotations

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release import remedies
from ansible_collections.storefront.runbook.plugins.plugin_utils.screen.about import About
from ansible_collections.storefront.runbook.plugins.plugin_utils.screen.corrected import corrected

HEAD = "Nothing was changed. 1 to correct in the inventory or on the command line:\n- "


@pytest.mark.parametrize(
    ("options", "why", "left"),
    [
        (["level=eror"], "level must be one of error, info, and is 'eror': did you mean error?", ["level=error"]),
        (["level=9"], "level must be one of error, info, and is '9'", ["level=LEVEL"]),
        (
            ["unit=apii", "level=error"],
            "unit is 'apii': did you mean api? Its units are api.",
            ["unit=api", "level=error"],
        ),
        (["unit=apii,web"], "unit is 'apii': did you mean api? Its units are api.", ["unit=UNIT"]),
        (
            ["to=v1", "release=v2"],
            "to is for rollback.yml, and deploy.yml does not read it: leave it out",
            ["release=v2"],
        ),
        (
            ["to=v1"],
            "to is for rollback.yml, and deploy.yml does not read it: name it with -e release=<release>",
            ["release=v1"],
        ),
        (
            ["relase=v1", "release=v2"],
            "relase is not a variable of this collection: did you mean release? Nothing",
            ["release=v2"],
        ),
        (["to=v1"], "to is set, but nothing reads it. Set x, or leave to out", []),
        (["output_path=/a/x.json"], "Destination directory /a does not exist", ["output_path=OUTPUT_PATH"]),
        (["output_path=/ab/x.json"], "Destination directory /a does not exist", ["output_path=/ab/x.json"]),
        (["remedy=restart"], "Name the unit to restart with -e unit=NAME: api.", ["remedy=restart", "unit=UNIT"]),
        (["to=v9"], "A rollback to v9 is not possible. Name one of them with -e to=<release>.", ["to=TO"]),
        (["since=1h", "grep=x"], "since (1h) is not before until (99h)", ["since=SINCE", "grep=x"]),
        (["flush=*"], "pattern is '*', which has no literal beginning or part", ["flush=FLUSH"]),
        (["compare=v1..v9"], "The release 'v9' is unknown in /shop: no tag has that name", ["compare=COMPARE"]),
        (["release=v1"], "The release 'v1' has 2 failed checks", ["release=v1"]),
        (["relase=v1"], "relase is not a variable of this collection: did you mean release? Nothing", ["release=v1"]),
        (["frontend_x=1"], "frontend_x is not a variable of this collection, and nothing reads it. Correct", []),
        (
            ["environment_role=staging"],
            "environment_role belongs to the inventory: it would do so. Leave it out here, and",
            [],
        ),
        (["surfaces="], "surfaces is empty: give it a value, or leave it out. It is a list", ["surfaces=SURFACES"]),
        (
            ["compare_with=b", "unset=A", "unit=api"],
            "compare_with changes nothing: leave out variable_values, from_env and unset, or compare_with",
            ["unit=api"],
        ),
        (["release=v1", "unit=api"], "release api: the build failed", ["release=v1", "unit=api"]),
        (["scale=api"], "scale: it must be a mapping of units to numbers", ["scale=SCALE"]),
    ],
)
def test_a_pair_is_corrected_or_left_out(options, why, left) -> None:
    given = [f"-e {option}" for option in options]
    assert corrected(given, HEAD + why) == [f"-e {option}" for option in left]


def test_a_mapping_loses_what_is_wrong_alone() -> None:
    given = ['-e \'{"level": "eror", "unit": "api"}\'', "-e @values.yml", "-e '{unit: api}'"]
    why = f"{HEAD}level is 'eror': did you mean error?"
    assert corrected(given, why) == ['-e \'{"unit": "api"}\'', "-e level=error", *given[1:]]


def test_a_target_that_the_remedy_does_not_take_is_left_out() -> None:
    units = [{"name": "api"}]
    why = remedies.target_problem("purge_stale", "api", "", units)
    assert corrected(["-e remedy=purge_stale", "-e unit=api"], why) == ["-e remedy=purge_stale"]
    why = remedies.target_problem("restart", "apii", "", units)
    assert corrected(["-e remedy=restart", "-e unit=apii"], why) == ["-e remedy=restart", "-e unit=api"]


def test_a_release_that_is_wrong_is_not_named_again() -> None:
    about = About("shop", "deploy.yml", release="-v1", options=["-e release=-v1"])
    assert about.refused("release is '-v1', which is no tag") == "ansible-playbook deploy.yml -e release=RELEASE"
