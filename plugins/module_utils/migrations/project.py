# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A project's database and the files of its releases, as the options of prisma_migrate and prisma_rehearse
name them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from ..core.errors import ConfigError
from ..core.wait import Waiter, nothing
from ..postgres.connection import Database, connect, direct
from ..source.checkout import checkout
from .folder import refuse_another_folder
from .history import State, read_folder
from .migration import Migration
from .unknown import unknown_to_release


class Project:
    """``params`` are the module's options. What it opens is closed by ``close``. Raises ConfigError."""

    def __init__(
        self,
        params: Mapping[str, Any],
        *,
        warn: Callable[[str], None] = nothing,
        heartbeat: Callable[[], None] = nothing,
    ) -> None:
        self.params, self.warn = params, warn
        self.held = ExitStack()
        self.close = self.held.close
        self.database = direct(params["database_url"], params["direct_url"])
        self.waiter = Waiter(timeout=params["wait_timeout"], interval=1.0, heartbeat=heartbeat, warn=warn)
        self.settings = {name: params[name] for name in ("lock_timeout", "statement_timeout")}

    def connect(self, database: Database | None = None) -> Any:
        return self.held.enter_context(closing(connect(database or self.database)))

    def files(self, ref: str | None) -> Path:
        """Return the folder that holds the files of ``ref``."""
        return self.held.enter_context(checkout(self.params["path"], ref, self.params["root_directory"])).root

    def migrations(self, files: Path, ref: str | None) -> list[Migration]:
        """Return the migrations of ``ref``, whose files are in ``files``."""
        where = "/".join(
            part for part in (self.params["root_directory"] or self.params["path"], self.params["migrations"]) if part
        )
        return read_folder(files / self.params["migrations"], f"{where} of {ref}" if ref else where)

    def release(self) -> tuple[Path, list[Migration]]:
        """Return the release's files and migrations. Raises ConfigError where the project itself names
        another folder of migrations.
        """
        files = self.files(self.params["ref"])
        refuse_another_folder(files, self.params["migrations"], self.warn)
        return files, self.migrations(files, self.params["ref"])

    def unknown(self, state: State, migrations: Sequence[Migration]) -> list[dict[str, Any]]:
        """Return the migrations that the database has and the release has not, judged by the files of
        ``known_from``.
        """
        ref = self.params["known_from"]
        if not ref:
            return unknown_to_release(
                state, migrations, None, "known_from is not set, so what it did is not known", self.params["migrations"]
            )
        newer, why_not = None, f"it is not in {ref} (known_from), so what it did is not known"
        try:
            newer = self.migrations(self.files(ref), ref)
        except ConfigError as error:
            why_not = f"known_from cannot be read, so what it did is not known: {error}"
            self.warn(f"The migrations of {ref} (known_from) cannot be read: {error}")
        return unknown_to_release(state, migrations, newer, why_not, self.params["migrations"])

    def warn_of_drift(self, state: State) -> None:
        if state.edited:
            self.warn(
                "Migrations were edited after they were applied, which changes nothing in the database:"
                f" {', '.join(state.edited)}."
            )
        if state.missing:
            self.warn(
                "The database has migrations that this release does not know, as an older release would:"
                f" {', '.join(state.missing)}."
            )
