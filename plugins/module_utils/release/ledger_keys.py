# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of the ledger's records: they order the records without a clock, and say what a record is before it is read.

ledger/f00000007-0002-deploy-released-<id>.json is the second record of the lease's seventh holder. Holders are counted by conditional writes, so a record that
a holder wrote after it had lost the lease comes before those of the next one. Records from before this order, ledger/<time>-<id>.json, come first.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ..store.base import Store

PREFIX = "ledger/"
ORDERED = re.compile(r"f(\d{8,15})-(\d{4,9})-([a-z]+)-([a-z_]+)-(.+)\.json")
TIMED = re.compile(r"\d{8}T\d{9}Z-(.+)\.json")
# What a deploy, or a rollback, ended as when its release was seen live and well.
VERIFIED = frozenset({("deploy", "released"), ("rollback", "rolled_back")})


class Key(NamedTuple):
    """``fence`` and ``number`` order the records, 0 for those from before; ``kind`` and ``outcome`` are empty for them."""

    fence: int
    number: int
    key: str
    identity: str
    kind: str = ""
    outcome: str = ""

    def matters(self) -> bool:
        """Whether the record may say what is live, or what was withdrawn."""
        return not self.kind or self.kind == "rollback" or (self.kind, self.outcome) in VERIFIED


def compose(fence: int, number: int, kind: str, outcome: str, identity: str) -> str:
    return f"{PREFIX}f{fence:08d}-{number:04d}-{kind}-{outcome}-{identity}.json"


def newest_first(store: Store) -> list[Key]:
    """Return the key of every record."""
    return sorted((_parse(entry.key) for entry in store.list(PREFIX) if entry.key.endswith(".json")), reverse=True)


def last_fence(store: Store) -> int:
    """Return the fence of the newest record, 0 where there is none."""
    return max((key.fence for key in newest_first(store)), default=0)


def _parse(key: str) -> Key:
    name = key.removeprefix(PREFIX)
    ordered, timed = ORDERED.fullmatch(name), TIMED.fullmatch(name)
    if ordered:
        fence, number, kind, outcome, identity = ordered.groups()
        return Key(int(fence), int(number), key, identity, kind, outcome)
    return Key(0, 0, key, timed[1] if timed else "")
