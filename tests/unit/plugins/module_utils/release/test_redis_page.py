# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of Redis says what was removed, and that nothing was."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release import redis_page

FOUND: dict[str, Any] = {"version": "7.2", "mode": "standalone", "role": "master", "ping_ms": 0.4}
FLUSHED = {"pattern": "product:*", "count": 2, "complete": True}


@pytest.mark.parametrize(
    ("flushed", "flush", "first"),
    [
        ({}, None, "server     Redis 7.2"),
        ({"skipped": True}, "", "removed    nothing: flush is empty."),
        ({"skipped": True}, " ", "removed    nothing: flush is empty."),
        (FLUSHED, "product:*", "removed    2 keys of product:*"),
        ({**FLUSHED, "complete": False}, "product:*", "removed    2 keys of product:*, and more are left"),
    ],
)
def test_the_first_row_says_what_was_removed(flushed: dict[str, Any], flush: str | None, first: str) -> None:
    assert redis_page.report(FOUND, flushed, flush)["rows"][0].startswith(first)
