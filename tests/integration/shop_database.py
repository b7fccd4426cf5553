# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A database of its own for a test, on the sandbox's server, and folders of migrations to apply to it."""

from __future__ import annotations

import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
from ansible_collections.storefront.runbook.plugins.modules import prisma_migrate

from sandbox.storefront import Sandbox
from tests.unit.support import run_module


class Database:
    """Owned by the shop's role, who is no superuser; a copy of the database ``template``."""

    def __init__(self, sandbox: Sandbox, name: str, template: str = "template1") -> None:
        self.sandbox, self.name = sandbox, name
        self._server = sandbox.storefront()["database_url"].rpartition("/")[0]
        self.password = self._server.rpartition("@")[0].rpartition(":")[2]
        self.url = f"{self._server}/{name}?schema=public"
        self.drop()
        self._admin(f'CREATE DATABASE "{name}" TEMPLATE "{template}" OWNER shop')

    def drop(self) -> None:
        self._admin(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')

    def connect(self) -> Any:
        connection = psycopg2.connect(self.url.partition("?")[0])
        connection.autocommit = True
        return connection

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def rows(self) -> list[tuple[Any, ...]]:
        """What the migrations' table says, but for ids and times: (name, checksum, finished, rolled back,
        has logs, steps).
        """
        return self.sql(
            "SELECT migration_name, checksum, finished_at IS NOT NULL, rolled_back_at IS NOT NULL, logs IS NOT NULL,"
            " applied_steps_count FROM _prisma_migrations ORDER BY started_at"
        )

    def outcomes(self) -> list[tuple[str, str]]:
        """Each row's (name, outcome)."""
        return [
            (name, "applied" if finished else "rolled back" if back else "failed")
            for name, _sum, finished, back, _logs, _steps in self.rows()
        ]

    def tables(self) -> list[str]:
        return [
            name
            for (name,) in self.sql(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> '_prisma_migrations'"
                " ORDER BY 1"
            )
        ]

    def schema(self) -> list[str]:
        """What ``pg_dump --schema-only`` prints, without its random tokens."""
        program = Path(self.sandbox.state["postgres"]["bin"], "pg_dump")
        done = subprocess.run(
            [program, "--schema-only", self.url.partition("?")[0]], capture_output=True, text=True, check=True
        )
        return [line for line in done.stdout.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]

    def migrate(self, path: Path | str, *, check: bool = False, **options: Any) -> dict[str, Any]:
        """Run prisma_migrate."""
        return run_module(
            prisma_migrate, {"database_url": self.url, "path": str(path), "runner": "builtin", **options}, check=check
        )

    def _admin(self, statement: str) -> None:
        with closing(psycopg2.connect(self.sandbox.state["postgres"]["url"])) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)


def write_migrations(folder: Path, **scripts: str) -> Path:
    """Write ``prisma/migrations/<name>/migration.sql`` for each script below ``folder`` and return that."""
    for name, script in scripts.items():
        path = folder / "prisma" / "migrations" / name / "migration.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(script)
    return folder
