# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address of a store, and the proof that it honours conditions."""

from __future__ import annotations

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.store import s3
from ansible_collections.storefront.runbook.plugins.module_utils.store.base import Conflict
from ansible_collections.storefront.runbook.plugins.module_utils.store.conditional_writes import (
    prove_conditional_writes,
)
from ansible_collections.storefront.runbook.plugins.module_utils.store.folder import FolderStore
from ansible_collections.storefront.runbook.plugins.module_utils.store.open import open_later, open_store
from ansible_collections.storefront.runbook.plugins.module_utils.store.s3 import S3Store

from tests.unit.memory_store import MemoryStore


@pytest.mark.parametrize(
    ("address", "bucket", "key"),
    [
        ("s3://backups/shop", "backups", "shop/lease.json"),
        ("s3://backups/shop/production/", "backups", "shop/production/lease.json"),
        ("s3://backups", "backups", "lease.json"),
    ],
)
def test_an_s3_address_is_a_bucket_and_a_prefix(address, bucket, key):
    store = open_store({"store": address, "store_region": "us-east-1"})
    assert isinstance(store, S3Store)
    assert (store.bucket, store.key("lease.json")) == (bucket, key)


def test_a_folder_that_every_controller_sees_is_a_store(tmp_path):
    store = open_store({"store": f"{(tmp_path / 'with blank').as_uri()}", "store_is_shared": True})
    assert isinstance(store, FolderStore)
    assert store.path("ledger/a.json") == tmp_path / "with blank" / "ledger" / "a.json"


def test_a_bucket_that_is_opened_later_is_opened_when_it_is_first_asked(monkeypatch):
    opened: list[tuple[str, str]] = []

    def take_note(bucket, prefix, **options):
        opened.append((bucket, prefix))
        return MemoryStore()

    monkeypatch.setattr(s3, "S3Store", take_note)
    store = open_later({"store": "s3://backups/shop"})
    assert opened == []
    assert (store.get("lease.json"), store.list()) == (None, [])
    assert opened == [("backups", "shop")]


@pytest.mark.parametrize("address", [None, "gs://bucket", "file:///srv/store"])
def test_an_address_that_is_not_of_a_bucket_is_not_checked_later(address):
    with pytest.raises(ConfigError):
        open_later({"store": address})


def test_a_folder_is_refused_unless_it_is_said_to_be_shared():
    with pytest.raises(ConfigError, match="set store_is_shared: true"):
        open_store({"store": "file:///srv/store"})


@pytest.mark.parametrize(
    "address",
    [
        "/srv/store",
        "s3:/bucket",
        "s3:///prefix",
        "file://host/srv",
        "file:///",
        "gs://bucket",
        "https://bucket",
        "s3://[x",
    ],
)
def test_any_other_address_is_refused_with_the_two_that_are_right(address):
    with pytest.raises(ConfigError, match=r"neither s3://bucket/prefix nor file:///path\. Correct store"):
        open_store({"store": address, "store_is_shared": True})


def test_credentials_in_the_address_are_refused_and_not_repeated():
    with pytest.raises(ConfigError, match="store_access_key") as refused:
        open_store({"store": "s3://key:very-secret@bucket/shop"})
    assert "very-secret" not in str(refused.value)


def test_a_missing_address_is_named():
    with pytest.raises(ConfigError, match="Set store to"):
        open_store({"store": None})


def test_half_of_the_credentials_is_refused():
    with pytest.raises(ConfigError, match="Set both, or neither"):
        open_store({"store": "s3://bucket", "store_access_key": "only"})


def test_the_proof_leaves_nothing_behind():
    store = MemoryStore()
    prove_conditional_writes(store)
    assert store.writes == 2
    assert store.objects == {}


@pytest.mark.parametrize(
    "ignored",
    [{"If-None-Match"}, {"If-Match"}, {"If-None-Match", "If-Match"}],
    ids=lambda ignored: " and ".join(sorted(ignored)),
)
def test_a_store_without_conditional_writes_is_refused_by_name_and_left_clean(ignored):
    store = MemoryStore()
    store.ignored = ignored
    with pytest.raises(ConfigError, match="s3://bucket/shop is a store without conditional writes"):
        prove_conditional_writes(store)
    assert store.objects == {}


def test_a_probe_whose_answer_was_lost_proves_as_much(monkeypatch):
    store = MemoryStore()
    put, tries = store.put_if_absent, []

    def lose(key, data):
        tries.append(key)
        etag = put(key, data)
        if len(tries) == 1:
            raise Conflict(f"{key} was written by another process")
        return etag

    monkeypatch.setattr(store, "put_if_absent", lose)
    prove_conditional_writes(store)
    assert store.objects == {}
