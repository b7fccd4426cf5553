# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection to a PostgreSQL that knows what the modules say to it, and keeps the rows of _prisma_migrations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import nothing
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.migration import Migration, Row
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.traces import Trace
from psycopg2 import extensions

NOW = datetime(2026, 2, 2, 9, tzinfo=UTC)


class FakePostgres:
    """``rows`` maps an id to a row, and is None before the first migration; ``tables`` are the schema's own. ``there``
    maps what migrations make, such as ``the table item``, to whether the catalogue has it.

    ``sent`` has every statement in order. ``scripts`` maps a statement to what is done when it comes, such as raising
    the server's error; ``answers`` maps a piece of a statement to what returns its rows.
    """

    def __init__(self, *applied: Migration) -> None:
        self.rows: dict[str, dict[str, Any]] | None = None
        self.tables: list[str] = []
        self.there: dict[str, bool | None] = {}
        self.sent: list[str] = []
        self.scripts: dict[str, Callable[[], Any]] = {}
        self.answers: dict[str, Callable[[], list[tuple[Any, ...]]]] = {}
        self.closed = False
        self.autocommit = True
        self.stopped: BaseException | None = None
        self.heartbeat: Callable[[], None] = nothing
        self.info = SimpleNamespace(transaction_status=extensions.TRANSACTION_STATUS_IDLE)
        for migration in applied:
            self.begun(migration, finished_at=NOW)

    def begun(self, migration: Migration, **fields: Any) -> None:
        """Add a row; one with nothing more to it failed."""
        self.rows = self.rows or {}
        self.rows[str(len(self.rows))] = {"name": migration.name, "checksum": migration.checksum, **fields}

    def table(self) -> list[Row]:
        empty = {"started_at": NOW, "finished_at": None, "rolled_back_at": None, "logs": None}
        return [Row(**{**empty, **row}) for row in (self.rows or {}).values()]

    def outcomes(self) -> list[tuple[str, str]]:
        """Each row's (name, outcome)."""
        return [
            (row.name, "applied" if row.finished_at else "rolled back" if row.rolled_back_at else "failed")
            for row in self.table()
        ]

    def refuses(self, script: str, error: Exception) -> None:
        """Answer ``script`` with an error from now on."""

        def refuse() -> None:
            raise error

        self.scripts[script] = refuse

    def cursor(self) -> Cursor:
        return Cursor(self)

    def close(self) -> None:
        pass

    def answer(self, statement: Any, values: Any) -> list[tuple[Any, ...]] | None:
        text = (statement if isinstance(statement, str) else repr(statement)).strip()
        self.sent.append(text)
        if text in self.scripts:
            self.scripts[text]()
        for piece, tell in self.answers.items():
            if piece in text:
                return tell()
        for beginning, reply in self._replies(values).items():
            if text.startswith(beginning):
                return reply()
        return None

    def _replies(self, values: Any) -> Mapping[str, Callable[[], Any]]:
        return {
            "SELECT to_regclass('_prisma_migrations')": lambda: [
                (None if self.rows is None else "_prisma_migrations",)
            ],
            "SELECT migration_name, checksum": lambda: [tuple(vars(row).values()) for row in self.table()],
            "SELECT tablename FROM pg_tables": lambda: [(name,) for name in self.tables],
            "SELECT current_setting('server_version')": lambda: [("15.20 (Debian 15.20-0)", 4000)],
            "SELECT pg_export_snapshot()": lambda: [("00000003-1", "UTF8")],
            "SELECT jsonb_build_object('database'": lambda: [
                ({"database": {"name": "shop", "owner": "shop"}, "roles": []},)
            ],
            "SELECT pid, application_name": lambda: [(4242, "prisma", "2026-02-02 08:59:00+00")],
            "CREATE TABLE _prisma_migrations": lambda: setattr(self, "rows", {}),
            "SELECT CASE kind": lambda: [
                (self.there.get(str(Trace(*trace)), False),) for trace in zip(*values, strict=True)
            ],
            "INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at": lambda: self._set(
                values[0], checksum=values[1], name=values[2], finished_at=NOW
            ),
            "UPDATE _prisma_migrations SET rolled_back_at = now() WHERE migration_name": lambda: self._end(values[0]),
            "UPDATE _prisma_migrations SET rolled_back_at = now(), logs = concat_ws": lambda: self._end(values[1]),
            "INSERT INTO _prisma_migrations": lambda: self._set(values[0], checksum=values[1], name=values[2]),
            "UPDATE _prisma_migrations SET applied_steps_count": lambda: self._set(values[0], finished_at=NOW),
            "UPDATE _prisma_migrations SET rolled_back_at": lambda: self._set(
                values[1], rolled_back_at=NOW, logs=values[0]
            ),
            "UPDATE _prisma_migrations SET logs": lambda: self._set(values[1], logs=values[0]),
        }

    def _end(self, name: str) -> None:
        for row in (self.rows or {}).values():
            if row["name"] == name and not row.get("finished_at"):
                row.setdefault("rolled_back_at", NOW)

    def _set(self, row: str, **fields: Any) -> None:
        assert self.rows is not None
        self.rows.setdefault(row, {}).update(fields)


class Cursor:
    def __init__(self, server: FakePostgres) -> None:
        self._server = server
        self._rows: list[tuple[Any, ...]] | None = None

    @property
    def description(self) -> bool:
        return self._rows is not None

    def execute(self, statement: Any, values: Any = None) -> None:
        self._rows = self._server.answer(statement, values)

    def fetchall(self) -> list[tuple[Any, ...]] | None:
        return self._rows

    def close(self) -> None:
        pass
