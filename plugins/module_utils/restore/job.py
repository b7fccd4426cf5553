# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restore as it was asked for, and what it reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from ..backup.manifest import folder
from ..backup.request import read_identity
from ..core.amounts import number
from ..core.errors import ConfigError, WaitTimeout
from ..core.plan import Plan
from ..core.wait import Waiter, nothing
from ..postgres.connection import direct
from ..postgres.row_diff import Losses, total
from ..store.open import open_store


class Job:
    """The live database, the target and the store, and the module's options in ``params``. ``held`` is
    closed at the end. Raises ConfigError.
    """

    def __init__(
        self,
        params: Mapping[str, Any],
        *,
        warn: Callable[[str], None],
        heartbeat: Callable[[], None] = nothing,
        check_mode: bool = False,
    ) -> None:
        self.params, self.state, self.warn, self.check_mode = params, params["state"], warn, check_mode
        self.live = direct(params["database_url"], remedy="database_url")
        self.target = (
            direct(params["target_url"], option="target_url", remedy="target_url") if params["target_url"] else None
        )
        self.prefix, self.identity = folder(params["prefix"]), read_identity(params)
        self.now = datetime.now(UTC)
        self.held = ExitStack()
        self.close = self.held.close
        self.store: Any = open_store(params) if params["store"] or params["backup"] else None  # a file needs none
        if self.store:
            self.held.callback(self.store.close)
        self._waiter = Waiter(timeout=params["wait_timeout"], heartbeat=heartbeat)
        self._began = self._waiter.clock()

    def heartbeat(self) -> None:
        self._waiter.check("the restore")
        if self._waiter.clock() - self._began > self._waiter.timeout:
            raise WaitTimeout(
                f"The restore was not done after {self._waiter.timeout:g} s (wait_timeout). The live database is"
                " unchanged. Increase wait_timeout."
            )

    @property
    def counts_losses_first(self) -> bool:
        """Whether nothing is swapped yet, so that what would be lost is reported now."""
        return self.check_mode or self.state == "staged" or not self.params["approve"]

    @property
    def swap_options(self) -> dict[str, Any]:
        return {"keep": timedelta(hours=self.params["keep"]), "lock_timeout": self.params["lock_timeout"]}

    def refuse_bad_options(self) -> None:
        """Raise ConfigError for what is wrong whatever the server says."""
        params, live = self.params, self.live.name
        if params["adopt"] and not params["target_url"]:
            raise ConfigError("adopt is for a database that target_url names. Set that too.", code="bad_option")
        if params["target_url"] and params["swap"] == "rename" and params["state"] == "dropped":
            raise ConfigError(
                "The database in target_url must not be dropped by this module. Leave target_url out.",
                code="bad_option",
            )
        if (
            params["state"] in ("staged", "restored")
            and not params["adopt"]
            and not (params["backup"] or params["file"])
        ):
            raise ConfigError(
                "No backup to restore was named. Set backup, or file; or adopt with target_url.", code="bad_option"
            )
        for option, least in (("jobs", 1), ("keep", 0), ("lock_timeout", 0)):
            if params[option] < least:
                raise ConfigError(f"{option} is {params[option]}. Give {least} or more.")
        if params["approve"] not in (None, "", live):
            raise ConfigError(
                f"approve names {params['approve']}, and the live database is {live}. Check whether this is the right"
                " database.",
                code="not_approved",
            )


@dataclass
class Report:
    """The result ``restore`` of pg_restore; the module documents each field."""

    database: str
    swap: str
    swap_reason: str | None
    serves: str
    backup: str | None = None
    already: bool = False
    left_out: list[str] = field(default_factory=list)
    staged: str | None = None
    kept: str | None = None
    kept_until: str | None = None
    expected_seconds: float | None = None
    verified: dict[str, Any] | None = None
    losses: dict[str, dict[str, int]] | None = None
    lost_rows: int | None = None
    sequences: list[str] | None = None
    not_counted: dict[str, list[str]] | None = None
    held_seconds: float | None = None
    shut_seconds: float | None = None

    def update(self, **known: Any) -> None:
        for name, value in known.items():
            setattr(self, name, value)

    def count(self, found: Losses) -> None:
        self.update(
            losses=found.rows, lost_rows=total(found.rows), sequences=found.sequences, not_counted=found.not_counted
        )

    def as_result(self) -> dict[str, Any]:
        return {"restore": {each.name: getattr(self, each.name) for each in fields(self)}}

    def losses_in_words(self) -> str:
        if self.losses is None:
            text = "Run it with state: staged to count what would be lost."
        else:
            tables = "; ".join(
                f"{table}: {', '.join(f'{rows} {how}' for how, rows in counted.items() if rows)}"
                for table, counted in self.losses.items()
            )
            text = f"{number(self.lost_rows, 'row')} would differ from their present state ({tables or 'none'})."
        if self.sequences:
            text += (
                " These sequences would assign numbers again that were assigned since the backup:"
                f" {', '.join(self.sequences)}."
            )
        if self.not_counted:
            kinds = [f"{kind.replace('_', ' ')} ({', '.join(names)})" for kind, names in self.not_counted.items()]
            text += f" Not counted: {'; '.join(kinds)}."
        return text


def nothing_to_do(report: Report, serves: str) -> Plan:
    return Plan({"database": serves}, {"database": serves}, result=report.as_result())


def approved(plan: Plan, report: Report, job: Job) -> Plan:
    """Return the plan. Raises ConfigError with what would be lost when it was not approved; check mode
    warns instead.
    """
    if job.params["approve"]:
        return plan
    live = job.live.name
    error = ConfigError(
        f"Replacing {live} has not been approved. {report.losses_in_words()} Set approve: {live} to do it.",
        code="not_approved",
    )
    error.result.update(report.as_result())
    if not job.check_mode:
        raise error
    job.warn(str(error))
    return plan
