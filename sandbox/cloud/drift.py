# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers that a vendor may give although nothing is wrong: a stale read, and a state that clients do not know yet."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.responses import Response

from .context import Context
from .faults import STATES
from .state import Storefront


class Past:
    """The storefronts as they were before the last write to one vendor, while its stale reads are asked for."""

    def __init__(self, context: Context, vendor: str) -> None:
        self.context, self.vendor = context, vendor
        self._before: dict[str, dict[str, Any]] = {}

    def remember(self, storefront: str | None) -> None:
        wanted = any(
            fault.kind == "stale_read" and fault.vendor == self.vendor and fault.times
            for fault in self.context.faults.active
        )
        if storefront and wanted:
            self._before[storefront] = self.context.storefronts[storefront].dump()

    def knows(self, storefront: str | None) -> bool:
        return storefront in self._before

    async def answer(self, storefront: str, call: Callable[[], Awaitable[Response]]) -> Response:
        """Answer a read as if the write had not happened. A read never waits, so no other request sees the
        old state.
        """
        present = self.context.storefronts[storefront]
        self.context.storefronts[storefront] = Storefront.load(self._before[storefront])
        try:
            return await call()
        finally:
            self.context.storefronts[storefront] = present


def with_unknown_state(response: Response, vendor: str, word: str) -> Response:
    """Return the answer with every state in it replaced by ``word``."""
    changed = Response(
        json.dumps(_replaced(json.loads(bytes(response.body)), STATES[vendor], word)),
        response.status_code,
        media_type="application/json",
    )
    changed.headers.update(
        {name: value for name, value in response.headers.items() if name not in ("content-length", "content-type")}
    )
    return changed


def _replaced(item: Any, names: set[str], word: str) -> Any:
    if isinstance(item, list):
        return [_replaced(part, names, word) for part in item]
    if not isinstance(item, dict):
        return item
    return {
        key: word if key in names and isinstance(value, str) else _replaced(value, names, word)
        for key, value in item.items()
    }
