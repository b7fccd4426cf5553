# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""redis_info and redis_flush refuse wrong options before they connect. test_redis.py of integration has a server."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.modules import redis_flush, redis_info

from tests.unit.support import run_module

NOBODY = "redis://127.0.0.1:1/0"
NAN = float("nan")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"interval": -1}, "interval is -1."),
        ({"interval": NAN}, "interval is nan."),
        ({"interval": 61}, "Set it to 0 to 60 seconds."),
        ({"biggest": -1}, "biggest is -1."),
        ({"biggest": 1001}, "Set it to 0 to 1000 keys."),
        ({"scan_limit": 0}, "scan_limit is 0."),
        ({"timeout": 0}, "timeout is 0."),
        ({"timeout": -1}, "timeout is -1."),
        ({"timeout": NAN}, "timeout is nan."),
        ({"sentinels": [""]}, "sentinels has ''."),
        ({"sentinels": [":26379"]}, "Write each as host:26379."),
        ({"sentinels": ["sentinel:x"]}, "Write each as host:26379."),
        ({"ca_file": "/nowhere/ca.pem"}, "there is no such file"),
        ({"url": "redis://"}, "names no host"),
        ({"url": "redis://127.0.0.1:0"}, "the port 0"),
        ({"url": "redis://127.0.0.1:70000"}, "host or port is wrong"),
        ({"url": "http://127.0.0.1"}, "begins with http"),
        ({"url": "redis://127.0.0.1/shop"}, "not the number of a database"),
    ],
)
def test_a_wrong_option_is_named(given: dict[str, Any], words: str) -> None:
    refused = run_module(redis_info, {"url": NOBODY, **given})
    assert (refused["failed"], refused["error"]["kind"]) == (True, "config"), refused
    assert words in refused["msg"]


@pytest.mark.parametrize(
    "pattern", ["", "*", "**", "?", "??*", "a*", "[a-z]*", "[product]*", "[product", r"\*\*", "*:*", "_*"]
)
def test_a_pattern_without_a_literal_part_removes_nothing(pattern: str) -> None:
    refused = run_module(redis_flush, {"url": NOBODY, "pattern": pattern})
    assert (refused["failed"], refused["error"]["code"]) == (True, "no_literal"), refused


@pytest.mark.parametrize("given", [{"scan_limit": 0}, {"scan_limit": -1}, {"timeout": -1}, {"timeout": NAN}])
def test_nothing_is_removed_with_a_wrong_bound(given: dict[str, Any]) -> None:
    refused = run_module(redis_flush, {"url": NOBODY, "pattern": "product:*", **given})
    assert (refused["failed"], refused["error"]["code"]) == (True, "out_of_range"), refused
