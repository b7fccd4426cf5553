# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rollback goes back to."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release.target import Known, changes, choose, refusal


def unit(release: str | None, number: int = 1) -> dict[str, Any]:
    return {"id": f"{release}-{number}", "release": release}


LIVE = {"api": unit("v2"), "worker": unit("v2"), "frontend": unit("v2")}
BEFORE = {name: unit("v1") for name in LIVE}
LEDGER = {"target": {"units": BEFORE}, "message": "v1 is the newest verified release before v2."}
OFFERED = {"api": [unit("v2"), unit("v1"), unit("v0")], "worker": [unit("v0")], "frontend": [unit("v1"), unit("v0")]}


def chosen(**known: Any) -> tuple[dict[str, Any], str]:
    target = choose(Known(live=LIVE, **known))
    return {name: found["release"] for name, found in target.units.items()}, target.reason


def test_an_unfinished_deploy_says_what_was_live_before_it() -> None:
    journal = {"kind": "deploy", "release": "v2", "snapshot": {"api": unit("v1"), "gone": unit("v1")}}
    assert chosen(journal=journal, ledger=LEDGER) == (
        {"api": "v1"},
        "The deploy of v2 did not finish; the target is the state before it.",
    )


def test_an_unfinished_rollback_says_what_it_was_going_back_to() -> None:
    journal = {"kind": "rollback", "snapshot": {"api": unit("v2")}, "target": {"api": unit("v0")}}
    assert chosen(journal=journal)[0] == {"api": "v0"}
    assert chosen(journal={**journal, "target": None}, ledger=LEDGER)[0] == {
        "api": "v1",
        "worker": "v1",
        "frontend": "v1",
    }


def test_a_named_release_comes_before_an_unfinished_run() -> None:
    journal = {"snapshot": {"api": unit("v2")}}
    assert chosen(journal=journal, ledger=LEDGER, to="v1") == (
        {"api": "v1", "worker": "v1", "frontend": "v1"},
        LEDGER["message"],
    )


def test_without_a_ledger_the_platforms_offer_the_newest_release_that_every_unit_has() -> None:
    units, reason = chosen(ledger={"msg": "the store did not answer"}, offered=OFFERED)
    assert units == {"api": "v0", "worker": "v0", "frontend": "v0"}
    assert reason == "The ledger has no target (the store did not answer), so the platforms decide."
    assert chosen()[1] == "The ledger has no target (it is empty), so the platforms decide."


def test_without_a_common_release_each_unit_takes_its_newest() -> None:
    offered = {"api": [unit("v1")], "worker": [unit("v0")], "frontend": []}
    assert chosen(offered=offered)[0] == {"api": "v1", "worker": "v0"}
    nameless = {"api": [unit(None)], "worker": [unit(None)]}
    assert chosen(offered=nameless)[0] == {"api": None, "worker": None}


def test_a_release_that_the_ledger_calls_unverified_is_not_taken_unless_it_is_named() -> None:
    offered = {"api": [unit("v1"), unit("v0")]}
    assert chosen(ledger={"unverified": ["v1"]}, offered=offered)[0] == {"api": "v0"}
    assert chosen(ledger={"unverified": ["v1"]}, offered=offered, to="v1")[0] == {"api": "v1"}


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (
            {"ledger": {"message": "Every release failed."}},
            "There is no release to roll back to. Every release failed. The platforms have no older",
        ),
        (
            {"to": "v9"},
            (
                "A rollback to v9 is not possible. The platforms have no older deployment that could run again. Deploy"
                " a release"
            ),
        ),
        (
            {"to": "v9", "offered": {"api": [unit("v2"), unit("v1")], "frontend": [unit("v1"), unit(None)]}},
            "A rollback to v9 is not possible. Possible targets: v2, v1. Name one of them with -e to=<release>.",
        ),
    ],
)
def test_a_rollback_without_a_target_names_those_that_there_are(known: dict[str, Any], words: str) -> None:
    assert refusal(Known(live=LIVE, **known)).startswith(f"Nothing was changed. {words}")


@pytest.mark.parametrize(
    ("target", "differs", "release", "withdrawn"),
    [
        (BEFORE, True, "v1", "v2"),
        (LIVE, False, "v2", ""),
        ({"api": unit("v2", 7)}, False, "v2", ""),  # another deployment of the same release
        ({"api": {**unit("v1"), "id": LIVE["api"]["id"]}}, False, "v1", "v2"),  # the same deployment by another name
        ({"api": unit(None)}, True, "", "v2"),
    ],
)
def test_a_rollback_changes_something_only_where_release_and_deployment_differ(
    target: dict[str, Any], differs: bool, release: str, withdrawn: str
) -> None:
    assert changes(target, LIVE) == {"changes": differs, "release": release, "withdrawn": withdrawn}
