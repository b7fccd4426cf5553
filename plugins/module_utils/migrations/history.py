# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prisma's migrations: the folder, the table ``_prisma_migrations``, and what follows from the difference."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import ConfigError
from ..postgres.connection import query
from . import notes as migration_notes
from .failure import explain
from .migration import Migration, Row

if TYPE_CHECKING:
    from .schema_evidence import Fate


@dataclass(frozen=True)
class State:
    """What the table and the folder say together. ``known`` is False before the first migration; ``missing`` are
    applied, but not in the folder.

    ``rows`` is the table as it is, those that were rolled back too, in the order in which they were begun. ``fates``
    says of each failed migration, by name, its state.
    """

    known: bool
    rows: list[Row]
    applied: list[str]
    pending: list[Migration]
    failed: list[Row]
    edited: list[str]
    missing: list[str]
    fates: Mapping[str, Fate] = field(default_factory=dict)


def read_folder(folder: Path, shown: str) -> list[Migration]:
    """Return the migrations in the order in which they are applied; ``shown`` names the folder to the
    operator. Raises ConfigError.
    """
    if not folder.is_dir():
        raise ConfigError(
            f"There is no folder of migrations at {shown}. Correct migrations or root_directory.", code="no_migrations"
        )
    lock = folder / "migration_lock.toml"
    provider = re.search(r'^\s*provider\s*=\s*"([^"]*)"', lock.read_text(), re.MULTILINE) if lock.is_file() else None
    if provider and provider[1] not in ("postgresql", "postgres"):
        raise ConfigError(
            f"The migrations in {shown} are for {provider[1]}, not for PostgreSQL (migration_lock.toml). Correct"
            " migrations.",
            code="P3019",
        )
    found = []
    for path in sorted(entry for entry in folder.iterdir() if entry.is_dir()):
        try:
            text = (path / "migration.sql").read_bytes().decode()
        except (FileNotFoundError, IsADirectoryError):
            raise ConfigError(
                f"{shown}/{path.name} has no migration.sql. Restore the file, or remove the folder.", code="P3015"
            ) from None
        except UnicodeDecodeError:
            raise ConfigError(
                f"{shown}/{path.name}/migration.sql is not UTF-8 text. Save it as UTF-8.", code="bad_migration"
            ) from None
        if "\0" in text:  # where PostgreSQL's parser ends: what follows would be judged by nobody
            raise ConfigError(
                f"{shown}/{path.name}/migration.sql has a NUL character. Remove it.", code="bad_migration"
            )
        found.append(Migration(path.name, text))
    if not found:
        raise ConfigError(
            f"The folder {shown} holds no migrations. Correct migrations or root_directory.", code="no_migrations"
        )
    return found


def inspect(connection: Any, migrations: Sequence[Migration]) -> State:
    """Compare the folder with the database, as ``prisma migrate deploy`` does."""
    rows = _history(connection)
    standing = [row for row in rows or () if row.rolled_back_at is None]
    applied = {row.name: row for row in standing if row.finished_at is not None}
    names = {migration.name for migration in migrations}
    begun = {row.name for row in standing}
    failed = [row for row in standing if row.finished_at is None]
    return State(
        known=rows is not None,
        rows=rows or [],
        applied=list(applied),
        pending=[migration for migration in migrations if migration.name not in begun],
        failed=failed,
        edited=[
            migration.name
            for migration in migrations
            if migration.name in applied and not migration.fits(applied[migration.name].checksum)
        ],
        missing=[name for name in applied if name not in names],
        fates=_fates(connection, failed, migrations) if failed else {},
    )


def _fates(connection: Any, failed: Sequence[Row], migrations: Sequence[Migration]) -> dict[str, Fate]:
    # PostgreSQL's parser takes long to load, and most callers never have a failed migration
    from .schema_evidence import fate_of

    notes, files = migration_notes.read(connection), {migration.name: migration for migration in migrations}
    scripts = {
        row.name: files[row.name].sql for row in failed if row.name in files and files[row.name].fits(row.checksum)
    }
    return {
        row.name: fate_of(connection, migration_notes.note_of(row, notes), scripts.get(row.name), logged=bool(row.logs))
        for row in failed
    }


def _history(connection: Any) -> list[Row] | None:
    if query(connection, "SELECT to_regclass('_prisma_migrations')") == [(None,)]:
        return None
    columns = "migration_name, checksum, started_at, finished_at, rolled_back_at, logs"
    rows = query(connection, f"SELECT {columns} FROM _prisma_migrations ORDER BY started_at")  # noqa: S608
    return [
        replace(row, logs=logs, note=note)
        for row in (Row(*each) for each in rows)
        for logs, note in [migration_notes.split(row.logs)]
    ]


TABLES = """
SELECT tablename FROM pg_tables WHERE schemaname = %s AND tablename <> 'spatial_ref_sys' AND NOT EXISTS (
    SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND deptype = 'e' AND objid = to_regclass(format('%%I.%%I', schemaname, tablename))
) ORDER BY tablename
"""  # noqa: E501


def list_tables(connection: Any, schema: str) -> list[str]:
    """The tables of a schema, without those of extensions. Like Prisma's CLI it overlooks PostGIS's
    spatial_ref_sys also where that was created by hand.
    """
    return [name for (name,) in query(connection, TABLES.strip(), [schema])]


def refuse_strangers(connection: Any, schema: str) -> None:
    """Raise ConfigError when the schema has tables, but no migration was ever applied to it."""
    tables = list_tables(connection, schema)
    if tables:
        raise ConfigError(
            f"The schema {schema!r} has tables ({', '.join(tables[:3])}{', …' if len(tables) > 3 else ''}) but no"
            " _prisma_migrations, so it is unknown which migrations it has. Correct database_url, or mark those that"
            " it has as applied: state: baselined.",
            code="P3005",
        )


def refuse_failed(state: State, migrations: Sequence[Migration]) -> None:
    """Raise ConfigError when an earlier migration failed: as with Prisma nothing more is applied until it
    is resolved.
    """
    if not state.failed:
        return
    files = {migration.name: migration for migration in migrations}
    failed = [explain(row, files.get(row.name), state.fates.get(row.name)) for row in state.failed]
    error = ConfigError(
        f"The migration {failed[0]['name']}, begun at {failed[0]['started_at']}, failed and was not resolved, so no"
        f" other is applied. {failed[0]['explanation']}",
        code="P3009",
    )
    error.result = {"unresolved": failed, "applied": []}
    raise error


def refuse(connection: Any, state: State, migrations: Sequence[Migration], schema: str) -> None:
    """Raise ConfigError for a database that must not be migrated as it is: for a failed migration, and for
    a schema that is not Prisma's.
    """
    refuse_failed(state, migrations)
    if not state.known:
        refuse_strangers(connection, schema)


def read_state(connection: Any, migrations: Sequence[Migration], schema: str) -> State:
    """Return the state of a database that may be migrated. Raises ConfigError, see ``refuse``."""
    state = inspect(connection, migrations)
    refuse(connection, state, migrations, schema)
    return state
