# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a backup may be restored for a try."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.connection import parse_url
from ansible_collections.storefront.runbook.plugins.module_utils.restore import scratch_database
from ansible_collections.storefront.runbook.plugins.module_utils.restore.scratch_database import ScratchServer, choose

LIVE = parse_url("postgresql://shop:hunter22@db.example/shop")
SEPARATE = parse_url("postgresql://prover:hunter22@other.example/postgres", "scratch_url")
GIB = 1 << 30


def place(separate: Any = None, live: Any = LIVE, *, allowed: bool = False, size: int | None = 1000) -> ScratchServer:
    return choose(separate, live, "postgres", allowed=allowed, size=size, limit=GIB)


def test_another_server_needs_no_permission_and_has_no_limit() -> None:
    assert place(SEPARATE, size=None) == ScratchServer(SEPARATE)
    assert place(SEPARATE, None).is_separate


def test_the_live_server_is_used_where_that_is_allowed_and_the_database_is_small_enough() -> None:
    found = place(allowed=True, size=GIB)
    assert (found.server.describe(), found.like, found.is_separate) == (
        "postgres on db.example:5432 as shop",
        "shop",
        False,
    )


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ({}, "no_scratch", "No server for a scratch database is set. Set scratch_url"),
        (
            {"separate": parse_url("postgresql://shop:pw@db.example/postgres")},
            "no_scratch",
            "scratch_url is on the live database's own server",
        ),
        (
            {"separate": parse_url("postgresql://shop:pw@pool.example/x?pgbouncer=true")},
            "pooled_url",
            "scratch_url goes through a connection pooler",
        ),
        ({"allowed": True, "live": None}, "no_scratch", "same_server needs database_url"),
        ({"allowed": True, "size": GIB + 1}, "too_large", "raise same_server_limit"),
        ({"allowed": True, "size": None}, "too_large", "an unknown number of bytes"),
    ],
)
def test_it_is_refused_otherwise_with_the_remedy(options: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as refused:
        place(**options)
    assert refused.value.details["code"] == code


@pytest.mark.parametrize(("used", "size", "allowed"), [(700, 100, True), (700, 101, False), (900, 0, False)])
def test_a_copy_leaves_a_fifth_of_the_live_servers_volume_free(
    monkeypatch: pytest.MonkeyPatch, used: int, size: int, allowed: bool
) -> None:
    monkeypatch.setattr(scratch_database, "query", lambda *_: [(used,)])
    if allowed:
        scratch_database.refuse_without_room(None, size, 1000)
        return
    with pytest.raises(ConfigError, match="would leave too little room on the live database's own server") as refused:
        scratch_database.refuse_without_room(None, size, 1000)
    assert refused.value.details["code"] == "no_room"
