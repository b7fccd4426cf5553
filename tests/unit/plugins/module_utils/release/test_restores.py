# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restore concludes: the addresses that the units get, there and back, its problems and its messages."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release import restores
from ansible_collections.storefront.runbook.plugins.module_utils.release.restores import Urls

LIVE = "postgresql://shop:pw%2F1@pooler.example:6432/shop?schema=public&pgbouncer=true"
DIRECT = "postgresql://shop:pw%2F1@db.example/shop?schema=public"
OTHER = "postgresql://shop:pw@other-pooler.example/instance?pgbouncer=true"
OTHER_DIRECT = "postgresql://shop:pw@other.example/instance"
RESTORED = "shop%40restored-20260202T090000Z"
THERE = {"serves": "shop@restored-20260202T090000Z", "left": "shop", "returns": False}
BACK = {"serves": "shop", "left": "shop@restored-20260202T090000Z", "returns": True}


def addresses(move: dict[str, Any], **urls: str) -> list[str]:
    return list(restores.addresses(Urls(LIVE, **urls), **move).values())


@pytest.mark.parametrize(
    ("move", "direct", "expected"),
    [
        (THERE, "", [LIVE.replace("/shop?", f"/{RESTORED}?"), "", LIVE]),
        (BACK, "", [LIVE, "", LIVE.replace("/shop?", f"/{RESTORED}?")]),
        (THERE, DIRECT, [LIVE.replace("/shop?", f"/{RESTORED}?"), DIRECT.replace("/shop?", f"/{RESTORED}?"), DIRECT]),
        (BACK, DIRECT, [LIVE, DIRECT, DIRECT.replace("/shop?", f"/{RESTORED}?")]),
    ],
)
def test_another_database_of_the_same_server_keeps_the_rest_of_the_address(
    move: dict[str, Any], direct: str, expected: list[str]
) -> None:
    assert addresses(move, direct=direct) == expected


@pytest.mark.parametrize(
    ("returns", "direct", "restore_direct", "expected"),
    [
        (False, "", "", [OTHER, "", LIVE]),
        (True, "", "", [LIVE, "", OTHER]),
        (False, DIRECT, OTHER_DIRECT, [OTHER, OTHER_DIRECT, DIRECT]),
        (True, DIRECT, OTHER_DIRECT, [LIVE, DIRECT, OTHER_DIRECT]),
    ],
)
def test_an_address_that_was_named_is_used_as_it_is(
    returns: bool, direct: str, restore_direct: str, expected: list[str]
) -> None:
    serves, left = ("shop", "instance") if returns else ("instance", "shop")
    assert (
        addresses(
            {"serves": serves, "left": left, "returns": returns},
            direct=direct,
            restore=OTHER,
            restore_direct=restore_direct,
        )
        == expected
    )


@pytest.mark.parametrize(
    ("urls", "half"),
    [
        ({"direct": DIRECT, "restore": OTHER}, True),
        ({"direct": DIRECT, "restore": OTHER, "restore_direct": OTHER_DIRECT}, False),
        ({"restore": OTHER}, False),
        ({"direct": DIRECT}, False),
    ],
)
def test_no_unit_keeps_a_direct_address_of_the_database_that_is_left(urls: dict[str, str], half: bool) -> None:
    problem = restores.half_moved(Urls(LIVE, **urls))
    assert ("database_restore_direct_url is not" in problem) is half
    assert bool(problem) is half


PLAN = {"restore": {"already": False, "swap": "rename", "lost_rows": 3, "losses": {"Order": 3}, "database": "shop"}}


def problems(plan: dict[str, Any] | None = None, urls: Urls | None = None, **seen: Any) -> list[str]:
    return restores.check_problems(
        plan or PLAN,
        urls or Urls(LIVE),
        **{"surfaces": ["database", "backend"], "undo": False, "approved": False, **seen},
    )


@pytest.mark.parametrize(
    ("seen", "problem"),
    [
        ({}, None),
        ({"plan": {"msg": "no such backup"}}, "database: no such backup"),
        ({"surfaces": ["backend"]}, "surfaces does not name the database"),
        (
            {"plan": {"restore": {**PLAN["restore"], "swap_reason": "it cannot rename"}}, "surfaces": ["database"]},
            "surfaces does not name the backend",
        ),
        ({"urls": Urls(LIVE, DIRECT, OTHER)}, "database_restore_direct_url is not"),
        (
            {"undo": True},
            (
                'Replacing the database has not been approved. 3 of its rows are not in the other one: {"Order": 3}.'
                " Approve it with -e approve_restore=shop"
            ),
        ),
        ({"undo": True, "plan": {"restore": {**PLAN["restore"], "lost_rows": None}}}, "An unknown number of its rows"),
        ({"undo": True, "approved": True}, None),
        ({"undo": True, "plan": {"restore": {"already": True}}}, None),
        ({"undo": True, "plan": {"msg": "gone"}}, "database: gone"),
    ],
)
def test_a_restore_is_refused_with_what_is_wrong(seen: dict[str, Any], problem: str | None) -> None:
    found = problems(**seen)
    assert [problem in one for one in found if problem] == ([True] if problem else [])
    assert bool(found) is bool(problem)


def test_an_approval_names_what_would_be_lost() -> None:
    restore = {
        "staged": "shop@restored",
        "backup": "shop/1",
        "lost_rows": 2,
        "losses": {"Order": 2},
        "database": "shop",
    }
    assert (
        restores.approval_message(restore, adopted=False)
        == "The backup shop/1 is restored as shop@restored and verified, and nothing else was changed. 2 rows of the"
        ' live database are not in it: {"Order": 2}. Continue with -e approve_restore=shop'
    )
    assert restores.approval_message(restore, adopted=True).startswith(
        "The database shop@restored is verified, and nothing was changed."
    )


SHOP = {"application": "api", "user": "shop", "count": 2}
OURS = {"application": "storefront.runbook", "user": "shop", "count": 1}
OPERATOR = {"application": "psql", "user": "operator", "count": 1}
JOINED = {"connections": [SHOP, OURS], "server": {"user": "shop"}}


def test_only_the_shops_own_sessions_count() -> None:
    assert restores.sessions({"connections": [SHOP, OURS, OPERATOR]}) == [SHOP, OPERATOR]
    assert restores.strays({"connections": [SHOP, OURS, OPERATOR], "server": {"user": "shop"}}) == [SHOP]
    assert restores.strays({"msg": "no answer"}) == []


@pytest.mark.parametrize(
    ("joined", "parted", "message"),
    [
        ({"msg": "no such database"}, None, "no such database"),
        ({**JOINED, "failed": True}, None, "No unit was connected to new within 30 tries"),
        (JOINED, {"msg": "no answer"}, "no answer"),
        (JOINED, {**JOINED, "failed": True}, "A unit is still connected to old"),
    ],
)
def test_a_move_that_failed_says_which_connection_is_wrong(
    joined: dict[str, Any], parted: dict[str, Any] | None, message: str
) -> None:
    assert message in restores.connection_failure(joined, parted, serves="new", left="old", tries=30)


def test_the_note_of_a_move_counts_the_sessions_of_the_shop() -> None:
    assert (
        restores.serving_note(JOINED, "new", "old")
        == "database: new serves 2 sessions of the shop, and old serves none. Set database_url in the inventory to the"
        " database that serves."
    )
