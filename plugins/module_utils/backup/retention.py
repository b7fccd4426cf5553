# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which backups are kept, and which may go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ..core.errors import ConfigError
from ..release import ledger, ledger_history
from ..store.base import Store
from .listing import Backup

RECORDS = 200  # of the ledger that are read in any case; older ones until the target to go back to is known


@dataclass(frozen=True)
class Rules:
    """How many to keep: the newest ones, and the newest of each of the last days, weeks and months that
    have any, in UTC. ``max_age`` in days.
    """

    last: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    max_age: float | None = None
    minimum: int = 1

    def check(self) -> None:
        """Raise ConfigError for rules that say nothing, or nonsense."""
        if self.max_age is None and not self._periods():
            raise ConfigError(
                "No rule says which backups to keep. Set one or more of keep_last, keep_daily, keep_weekly,"
                " keep_monthly and max_age."
            )
        if (
            min(self.last, self.daily, self.weekly, self.monthly) < 0
            or (self.max_age is not None and self.max_age <= 0)
            or self.minimum < 1
        ):
            raise ConfigError(
                "A rule is below zero, or keep_minimum below 1, so the last backup could be removed. Correct keep_*,"
                " max_age or keep_minimum."
            )

    def _periods(self) -> dict[str, tuple[int, Any]]:
        """Each rule's name, its number, and what two backups of one period have in common."""
        periods = {
            "last": (self.last, lambda at: at),
            "daily": (self.daily, lambda at: at.date()),
            "weekly": (self.weekly, lambda at: at.isocalendar()[:2]),
            "monthly": (self.monthly, lambda at: (at.year, at.month)),
        }
        return {name: rule for name, rule in periods.items() if rule[0]}

    def reasons(self, backups: Sequence[Backup], protected: Mapping[str, str], now: datetime) -> dict[str, list[str]]:
        """Return why each backup of one database is kept (newest first, none damaged); no reason means that
        it may go.
        """
        found: dict[str, list[str]] = {backup.name: [] for backup in backups}
        periods = self._periods()
        for rule, (number, period) in periods.items():
            seen: set[Any] = set()
            for backup in backups:
                key = (period(backup.finished.astimezone(UTC)), backup.name if rule == "last" else "")
                if key not in seen and len(seen) < number:
                    seen.add(key)
                    found[backup.name].append(rule)
        for index, backup in enumerate(backups):
            if self.max_age is not None:
                if now - backup.finished > timedelta(days=self.max_age):
                    found[backup.name] = []
                elif not periods:
                    found[backup.name].append("younger than max_age")
            if index < self.minimum:
                found[backup.name].append("minimum")
            if backup.name in protected:
                found[backup.name].append(protected[backup.name])
        return found


def depended_on(store: Store) -> dict[str, str]:
    """Return the backups of the releases that are live or may be gone back to, and of all that was tried since, with
    the reason for each.

    Raises ConfigError if a record of the ledger cannot be read: it may depend on a backup.
    """
    records = ledger_history.read(store, RECORDS, every=True, warn=_refuse).records
    verified = [index for index, record in enumerate(records) if ledger.verified(record)]
    target, _message = ledger.target(records)
    live = records[verified[0]]["release"] if verified else None
    deployed = next(
        (index for index in verified if records[index]["kind"] == "deploy" and records[index]["release"] == live), 0
    )
    needed = records[: max(deployed, target or 0) + 1]
    return {
        record["backup"]: f"made for the {record['kind']} of {record['release']}"
        for record in reversed(needed)
        if record["backup"]
    }


def _refuse(text: str) -> None:
    raise ConfigError(f"Nothing is removed, since the ledger does not say which backups a release depends on. {text}")
