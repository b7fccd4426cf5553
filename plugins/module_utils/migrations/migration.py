# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A migration of Prisma's: its file in the release, and its row in the database."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Migration:
    """A folder of the migrations' folder, and the text of its migration.sql."""

    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()

    def fits(self, checksum: str) -> bool:
        """Whether this is the file that was applied, however git wrote its line ends."""
        unix = self.sql.replace("\r\n", "\n")
        return checksum in {
            hashlib.sha256(text.encode()).hexdigest() for text in (self.sql, unix, unix.replace("\n", "\r\n"))
        }


@dataclass(frozen=True)
class Row:
    """A row of ``_prisma_migrations``. ``note`` is the state before the migration, where its logs have it."""

    name: str
    checksum: str
    started_at: datetime
    finished_at: datetime | None
    rolled_back_at: datetime | None
    logs: str | None
    note: Mapping[str, Any] | None = field(default=None, compare=False)
