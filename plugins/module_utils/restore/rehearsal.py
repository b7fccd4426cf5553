# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rehearsal of migrations on a copy of the database that was given, or that is made for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from dataclasses import dataclass
from typing import Any

from ..core.amounts import number
from ..core.errors import RunbookError, WaitTimeout
from ..core.progress import report
from ..migrations.history import State, read_state
from ..migrations.migration import Migration
from ..migrations.project import Project
from ..migrations.rehearsal import Rehearsal, refuse_another_state
from ..postgres.connection import Database, connect, direct
from ..postgres.identity import refuse_same_address, refuse_same_database
from ..store.base import Permit
from . import rehearsal_copy


class RehearsedProject(Project):
    """The production database and the copy that was given, if any, both without a pooler. Raises ConfigError."""

    def __init__(
        self,
        params: Mapping[str, Any],
        *,
        warn: Callable[[str], None],
        heartbeat: Callable[[], None],
        permit: Permit | None,
    ) -> None:
        super().__init__(params, warn=warn, heartbeat=heartbeat)
        self.permit = permit
        self.given: Database | None = None
        if params["copy"] == "given":
            self.given = direct(params["scratch_url"], option="scratch_url", remedy="scratch_url")
            refuse_same_address(self.database, self.given)
        self.began = self.waiter.clock()

    def heartbeat(self) -> None:
        self.waiter.check("the rehearsal")
        if self.waiter.clock() - self.began > self.waiter.timeout:
            raise WaitTimeout(
                f"The copy was not ready after {self.waiter.timeout:g} s (wait_timeout), so nothing was rehearsed."
                " Increase wait_timeout."
            )

    def copied(self, connection: Any, state: State) -> rehearsal_copy.Planned:
        """Return the copy, where it is or will be, and what is known of it beforehand."""
        if self.given:
            refuse_same_database(connection, self.connect(self.given))
            return nullcontext((self.given, {})), self.given.describe(), {}
        return rehearsal_copy.planned(
            self.params,
            self.database,
            connection,
            state,
            held=self.held,
            heartbeat=self.heartbeat,
            warn=self.warn,
            permit=self.permit,
        )


@dataclass(frozen=True)
class Rehearse:
    """The migrations of the release, the copy that they are applied to, and the state that it must have."""

    migrations: list[Migration]
    copy: AbstractContextManager[tuple[Database, dict[str, Any]]] | None
    state: State

    def do(self, project: RehearsedProject, planned: Mapping[str, Any]) -> dict[str, Any]:
        """Rehearse; return what was seen. An error has what was ``planned`` and seen so far in its result."""
        if self.copy is None:
            raise AssertionError("a rehearsal has pending migrations, and so a copy")
        details: dict[str, Any] = {}
        try:
            report("The rehearsal waits for its copy of the database")
            with self.copy as (database, details):
                report(f"The rehearsal applies {number(len(planned['pending']), 'migration')} to {database.name}")
                seen = self._apply(project, database)
        except RunbookError as error:
            error.result = {**planned, **details, **error.result}
            raise
        return {**details, **seen}

    def _apply(self, project: RehearsedProject, copy: Database) -> dict[str, Any]:
        with ExitStack() as stack:
            scratch, watcher = (stack.enter_context(closing(connect(copy))) for _unused in range(2))
            refuse_another_state(self.state, read_state(scratch, self.migrations, copy.schema))
            rehearsal = Rehearsal(scratch, watcher, project.waiter, schema=copy.schema, settings=project.settings)
            rehearsal.apply(lambda: read_state(scratch, self.migrations, copy.schema))
            return {"scratch": copy.describe(), "rehearsed": rehearsal.rehearsed}
