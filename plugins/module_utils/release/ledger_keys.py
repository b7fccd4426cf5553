# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of the ledger's records: they order the records without a clock, and show the kind and outcome of a record.

ledger/f00000007-0002-deploy-released-<id>.json is the second record of the lease's seventh holder. Conditional writes
count the holders, so a record that a holder wrote after it had lost the lease comes before those of the next holder.
Older records, which have keys without this order, ledger/<time>-<id>.json, come first.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ..store.base import Store

PREFIX = "ledger/"
ORDERED = re.compile(r"f(\d{8,15})-(\d{4,9})-([a-z]+)-([a-z_]+)-(.+)\.json")
TIMED = re.compile(r"\d{8}T\d{9}Z-(.+)\.json")
# The outcomes of a deploy or a rollback whose release was verified live.
VERIFIED = frozenset({("deploy", "released"), ("rollback", "rolled_back")})
HOLDING = ("variables", "secrets")  # levers whose variables a rollback keeps


class Key(NamedTuple):
    """``fence`` and ``number`` order the records. For keys without this order both are 0, and ``kind`` and
    ``outcome`` are empty.
    """

    fence: int
    number: int
    key: str
    identity: str
    kind: str = ""
    outcome: str = ""

    def matters(self) -> bool:
        """Whether the record may show what is live, what was withdrawn, or which variables an operator has set."""
        return not self.kind or self.kind in ("rollback", *HOLDING) or (self.kind, self.outcome) in VERIFIED


def compose(fence: int, number: int, kind: str, outcome: str, identity: str) -> str:
    return f"{PREFIX}f{fence:08d}-{number:04d}-{kind}-{outcome}-{identity}.json"


def newest_first(store: Store) -> list[Key]:
    """Return the key of every record."""
    return sorted((_parse(item.key) for item in store.list(PREFIX) if item.key.endswith(".json")), reverse=True)


def last_fence(store: Store) -> int:
    """Return the fence of the newest record; 0 where there is none."""
    return max((key.fence for key in newest_first(store)), default=0)


def _parse(key: str) -> Key:
    name = key.removeprefix(PREFIX)
    ordered, timed = ORDERED.fullmatch(name), TIMED.fullmatch(name)
    if ordered:
        fence, number, kind, outcome, identity = ordered.groups()
        return Key(int(fence), int(number), key, identity, kind, outcome)
    return Key(0, 0, key, timed[1] if timed else "")
