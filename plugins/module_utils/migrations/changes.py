# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What prisma_migrate changes: it marks migrations in Prisma's table, or applies the pending ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ..core.errors import RunbookError
from ..core.plan import Plan
from . import resolve, runner_cli
from .history import State, inspect, read_state
from .lock_holders import lock_holders
from .migration import Migration
from .pending import as_text
from .project import Project
from .report import history
from .runner_builtin import Builtin
from .runner_elsewhere import apply_by_cli, noted


@contextmanager
def results_kept(result: Mapping[str, Any]) -> Any:
    """Add ``result`` to an error that passes, so that a failed task still returns what was found."""
    try:
        yield
    except RunbookError as error:
        error.result = {**result, **error.result}
        raise


@dataclass
class Marking:
    """Rows of Prisma's table that are written or ended; the schema stays as it is."""

    project: Project
    migrations: Sequence[Migration]

    def marks(self, connection: Any) -> resolve.Marks:
        params = self.project.params
        reason = params["reason"] if params["force"] else None
        schema = self.project.database.schema
        return resolve.marks_for(
            connection, self.migrations, schema, state=params["state"], name=params["migration"], reason=reason
        )

    def plan(self, connection: Any, found: dict[str, Any]) -> Plan:
        marks = self.marks(connection)
        result = {**found, "resolved": list(marks.after)}
        return Plan(before=marks.before, after=marks.after, todo=partial(self.apply, result), result=result)

    def apply(self, known: Mapping[str, Any]) -> dict[str, Any]:
        connection = self.project.connect()
        with results_kept(known):
            resolved = resolve.write(connection, lambda: self.marks(connection))
        return {"resolved": resolved, "migrations": history(inspect(connection, self.migrations), self.migrations)}


@dataclass
class Applying:
    """The pending migrations of a release: by the project's own Prisma (``runner: cli``), by us, or by
    somebody else.
    """

    project: Project
    files: Path
    migrations: Sequence[Migration]
    state: State
    cli: runner_cli.Prisma | None = None

    def plan(self, found: Mapping[str, Any]) -> Plan:
        params, state = self.project.params, self.state
        self.project.warn_of_drift(state)
        applies = params["state"] == "applied" and params["runner"] != "platform" and state.pending
        # an older release, which is only asked about, may lock another Prisma than is installed
        if applies and params["runner"] == "cli":
            self.cli = runner_cli.find(Path(params["path"]).resolve(), params["root_directory"], self.files)
        pending = found["pending"]
        before = "".join(f"{name}\n" for name in state.applied)
        after = before + as_text(pending, state.pending)
        result = {**found, "applied": [], "backward_compatible": all(each["backward_compatible"] for each in pending)}
        if not applies:  # what others will apply is shown, and is no change of this task
            return Plan(before=before, after=before, result={**result, "diff": {"before": before, "after": after}})
        return Plan(before=before, after=after, todo=partial(self.apply, result), result=result)

    def apply(self, known: Mapping[str, Any]) -> dict[str, Any]:
        connection = self.project.connect()
        with results_kept(known):
            applied = self._by_cli(connection, self.cli) if self.cli else self._by_us(connection)
        return {"applied": applied, "migrations": history(inspect(connection, self.migrations), self.migrations)}

    def _by_cli(self, connection: Any, cli: runner_cli.Prisma) -> list[str]:
        project, inspected = self.project, self._inspect(connection)
        url = runner_cli.with_options(project.params["direct_url"] or project.params["database_url"], project.settings)
        with noted(connection, project.database.schema, inspected()):
            holders = partial(lock_holders, connection)
            return apply_by_cli(
                cli, self.files, url, project.waiter, inspect=inspected, pending=self.state.pending, holders=holders
            )

    def _by_us(self, connection: Any) -> list[str]:
        project, schema = self.project, self.project.database.schema
        builtin = Builtin(
            connection,
            project.waiter,
            schema=schema,
            settings=project.settings,
            lock_retries=project.params["lock_retries"],
        )
        return builtin.apply(lambda: read_state(connection, self.migrations, schema))

    def _inspect(self, connection: Any) -> Callable[[], State]:
        return lambda: inspect(connection, self.migrations)
