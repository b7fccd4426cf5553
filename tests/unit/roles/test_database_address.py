# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which addresses the units get when the database they use is another one, there and back: the role's vars, rendered as Ansible does."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.roles.rendering import render

LIVE = "postgresql://shop:pw%2F1@pooler.example:6432/shop?schema=public&pgbouncer=true"
DIRECT = "postgresql://shop:pw%2F1@db.example/shop?schema=public"
NAMED = {"database_restore_url": "postgresql://shop:pw@other-pooler.example/instance?pgbouncer=true"}
NAMED_DIRECT = {"database_restore_direct_url": "postgresql://shop:pw@other.example/instance"}
THERE = {"database_serves": "shop@restored-20260202T090000Z", "database_left": "shop", "database_returns": False}
BACK = {"database_serves": "shop", "database_left": "shop@restored-20260202T090000Z", "database_returns": True}
RESTORED = "shop%40restored-20260202T090000Z"


def addresses(**options: Any) -> list[str]:
    """What serves, what serves past a pooler, and what was left, past a pooler."""
    given = {"database_url": LIVE, **options}
    return [render("database", f"__database_{name}", given) for name in ("moved_to", "direct_moved_to", "moved_from")]


@pytest.mark.parametrize(
    ("options", "serves", "direct", "left"),
    [
        (THERE, LIVE.replace("/shop?", f"/{RESTORED}?"), "", LIVE),
        (BACK, LIVE, "", LIVE.replace("/shop?", f"/{RESTORED}?")),
        ({**THERE, "database_direct_url": DIRECT}, LIVE.replace("/shop?", f"/{RESTORED}?"), DIRECT.replace("/shop?", f"/{RESTORED}?"), DIRECT),
        ({**BACK, "database_direct_url": DIRECT}, LIVE, DIRECT, DIRECT.replace("/shop?", f"/{RESTORED}?")),
    ],
)
def test_another_name_of_the_same_server_goes_into_the_address_that_there_was(options: dict[str, Any], serves: str, direct: str, left: str) -> None:
    assert addresses(**options) == [serves, direct, left]


@pytest.mark.parametrize(
    ("options", "serves", "direct", "left"),
    [
        ({**THERE, **NAMED}, NAMED["database_restore_url"], "", LIVE),
        ({**BACK, **NAMED}, LIVE, "", NAMED["database_restore_url"]),
        ({**THERE, **NAMED, **NAMED_DIRECT, "database_direct_url": DIRECT}, NAMED["database_restore_url"], NAMED_DIRECT["database_restore_direct_url"], DIRECT),
        ({**BACK, **NAMED, **NAMED_DIRECT, "database_direct_url": DIRECT}, LIVE, DIRECT, NAMED_DIRECT["database_restore_direct_url"]),
    ],
)
def test_an_address_that_was_named_is_given_as_it_is(options: dict[str, Any], serves: str, direct: str, left: str) -> None:
    serving, leaving = ("shop", "instance") if options["database_returns"] else ("instance", "shop")
    assert addresses(**{**options, "database_serves": serving, "database_left": leaving}) == [serves, direct, left]


@pytest.mark.parametrize(
    ("options", "half"),
    [
        ({"database_direct_url": DIRECT, **NAMED}, True),
        ({"database_direct_url": DIRECT, **NAMED, **NAMED_DIRECT}, False),
        ({**NAMED}, False),
        ({"database_direct_url": DIRECT}, False),
    ],
)
def test_no_unit_keeps_a_direct_address_of_the_database_that_is_left(options: dict[str, Any], half: bool) -> None:
    problem = render("database", "__database_half_moved", options)
    assert ("database_restore_direct_url is not" in problem) is half
    assert bool(problem) is half
