# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store on a real service and in a real folder: one suite for both."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError, LeaseHeld, Unreachable
from ansible_collections.storefront.runbook.plugins.module_utils.release.lease import take
from ansible_collections.storefront.runbook.plugins.module_utils.release.lease_document import KEY, read
from ansible_collections.storefront.runbook.plugins.module_utils.store.base import Conflict, unguarded
from ansible_collections.storefront.runbook.plugins.module_utils.store.conditional_writes import (
    prove_conditional_writes,
)
from ansible_collections.storefront.runbook.plugins.module_utils.store.open import open_store

from tests.integration.object_service import unconditional

RIVALS = 6


@pytest.fixture
def store(store_options: dict[str, Any]):
    opened = open_store(store_options, unguarded)
    yield opened
    opened.close()


def test_an_object_is_written_once_replaced_when_seen_listed_and_removed(store):
    assert store.get("ledger/a.json") is None
    assert store.list() == []
    first = store.put_if_absent("ledger/a.json", b"one")
    with pytest.raises(Conflict):
        store.put_if_absent("ledger/a.json", b"two")
    second = store.put_if_match("ledger/a.json", b"three", first)
    with pytest.raises(Conflict):
        store.put_if_match("ledger/a.json", b"four", first)
    assert store.get("ledger/a.json") == (b"three", second)
    store.put_if_absent("lease.json", b"")
    assert [(entry.key, entry.size) for entry in store.list("ledger/")] == [("ledger/a.json", 5)]
    assert [entry.key for entry in store.list()] == ["lease.json", "ledger/a.json"]
    store.delete("ledger/a.json")
    store.delete("ledger/a.json")
    assert store.get("ledger/a.json") is None
    with pytest.raises(Conflict):
        store.put_if_match("ledger/a.json", b"five", second)


def test_it_honours_conditions_and_the_proof_leaves_nothing(store):
    prove_conditional_writes(store)
    assert store.list() == []


def test_one_of_many_wins_each_race_for_the_lease(store_options):
    start = Barrier(RIVALS)

    def attempt(number: int) -> str | None:
        own = open_store(store_options, unguarded)
        start.wait()
        try:
            return take(own, holder=str(number))[0].token
        except LeaseHeld:
            return None
        finally:
            own.close()

    with ThreadPoolExecutor(RIVALS) as pool:
        for _unused in range(5):
            tokens = [token for token in pool.map(attempt, range(RIVALS)) if token]
            store = open_store(store_options, unguarded)
            found = read(store)
            assert found is not None
            assert tokens == [found[0]["token"]]
            store.delete(KEY)
            store.close()


def test_no_renewal_is_lost_when_a_holder_writes_from_many_threads(store_options):
    lease, _unused = take(open_store(store_options, unguarded), holder="anna")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: lease.renew({str(number): number}), range(8)))
    assert lease.read()[0]["journal"] == {str(number): number for number in range(8)}


def test_a_service_without_conditional_writes_is_refused_and_left_clean(s3_options):
    honest = open_store(s3_options, unguarded)
    with unconditional(s3_options["store_endpoint_url"]) as url:
        store = open_store({**s3_options, "store_endpoint_url": url}, unguarded)
        with pytest.raises(ConfigError, match="is a store without conditional writes") as refused:
            take(store, holder="anna")
        store.close()
    assert s3_options["store"] in str(refused.value)
    assert honest.list() == []
    honest.close()


def test_a_bucket_that_is_not_there_is_named_with_the_remedy(s3_options):
    store = open_store({**s3_options, "store": "s3://no-such-bucket/shop"}, unguarded)
    with pytest.raises(ConfigError, match=r"There is no bucket 'no-such-bucket' .* Create it, or correct store"):
        store.get(KEY)
    store.close()


def test_a_service_that_is_not_there_is_named_with_the_remedy(s3_options):
    store = open_store({**s3_options, "store_endpoint_url": "http://127.0.0.1:1"}, unguarded)
    with pytest.raises(
        Unreachable,
        match=r"at http://127.0.0.1:1 could not be read: no answer .* Check the network, store_endpoint_url",
    ):
        store.get(KEY)
    store.close()
