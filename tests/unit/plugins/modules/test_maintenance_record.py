# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""maintenance_record, read by somebody who waits: what there is, and within seconds that the store does not answer."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from ansible_collections.storefront.runbook.plugins.modules import maintenance_record

from tests.unit.support import run_module

SOON: dict[str, Any] = {"state": "read", "patience": 0.3}
KEYS = {"store_access_key": "a", "store_secret_key": "b", "store_region": "here"}


def test_a_shop_that_is_open_has_no_record_and_no_journal(tmp_path: Path) -> None:
    store = {"store": f"file://{tmp_path}", "store_is_shared": True}
    found = run_module(maintenance_record, {**store, **SOON, "patience": 30.0})
    assert (found["failed"], found["record"], found["journal"]) == (False, {}, {}), found


def test_the_record_is_read(tmp_path: Path) -> None:
    store = {"store": f"file://{tmp_path}", "store_is_shared": True}
    written = run_module(maintenance_record, {**store, "state": "present", "way": "edge", "units": ["worker"]})
    assert not written["failed"], written
    found = run_module(maintenance_record, {**store, **SOON, "patience": 30.0})
    assert found["record"] == json.loads((tmp_path / "maintenance.json").read_text())
    assert not found["changed"]


def test_a_store_that_never_answers_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        found = run_module(maintenance_record, {"store": "s3://bucket/shop", "store_endpoint_url": url, **KEYS, **SOON})
    assert (found["failed"], found["error"]["kind"]) == (True, "unreachable"), found
    assert found["msg"] == f"s3://bucket/shop at {url}: no answer within 0.3 s"
