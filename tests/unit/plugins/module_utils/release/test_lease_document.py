# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""release/lease_document.py: who may write by what the document says, at a time that is given."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import LeaseLost
from ansible_collections.storefront.runbook.plugins.module_utils.release import lease_document

from tests.unit.memory_store import MemoryStore

NOW = 1_770_000_000.0


def taken(current: lease_document.Document | None = None, **changes: Any) -> lease_document.Document:
    given = {"token": "t1", "holder": "anna", "release": "v1.1.0", "ttl": 100.0, "reason": None, "now": NOW, **changes}
    return lease_document.taken_by(current, **given)


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A controller whose own time is nine hours ahead of UTC."""
    monkeypatch.setenv("TZ", "JST-9")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("tokyo")
@pytest.mark.parametrize("text", ["2026-02-02T02:40:00.000Z", "2026-02-02T03:40:00+01:00", "2026-02-02T02:40:00"])
def test_a_time_is_read_with_any_offset_and_written_in_utc(text: str) -> None:
    assert lease_document.timestamp(text) == NOW
    assert lease_document.iso(lease_document.timestamp(text)) == "2026-02-02T02:40:00.000Z"


def test_what_is_written_is_read_again() -> None:
    store = MemoryStore()
    etag = store.put_if_absent(lease_document.KEY, lease_document.encode(taken()))
    assert lease_document.read(store) == (taken(), etag)


@pytest.mark.parametrize(
    ("seconds", "mine", "free"), [(94, True, False), (95, False, False), (104, False, False), (105, False, True)]
)
def test_the_holder_stops_a_margin_before_the_deadline_and_others_come_a_margin_after_it(
    seconds: float, mine: bool, free: bool
) -> None:
    now = NOW + seconds
    assert (lease_document.obstacle(taken(), MemoryStore(), now) is None) is free
    if mine:
        assert lease_document.still_held(taken(), "t1", MemoryStore(), now) == taken()
    else:
        with pytest.raises(LeaseLost, match="expired"):
            lease_document.still_held(taken(), "t1", MemoryStore(), now)


def test_the_next_holder_counts_on_and_keeps_the_journal_to_settle_it() -> None:
    first = {**taken(), "journal": {"step": "backend.release"}}
    second = taken(first, token="t2", holder="bob", reason="anna is away")
    assert (first["fence"], second["fence"]) == (1, 2)
    assert (second["reason"], second["journal"]) == ("anna is away", {"step": "backend.release"})
    assert lease_document.taken_from(first) == {
        "holder": "anna",
        "release": "v1.1.0",
        "since": first["acquired_at"],
        "journal": first["journal"],
    }


def test_a_lease_that_was_given_back_is_taken_from_nobody_and_needs_no_reason() -> None:
    released = {**taken(), "state": "released"}
    assert lease_document.taken_from(released) is None
    assert lease_document.obstacle(released, MemoryStore(), NOW) is None
    assert taken(released, token="t2", reason="just in case")["reason"] is None
