# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The encoding and locale of a database: read from a database or a backup, and given to a new database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

with suppress(ImportError):  # connection.py reports it
    from psycopg2 import sql

from ..core.errors import ConfigError, MigrationFailed, RunbookError
from .connection import Database, query

# SQLSTATEs of CREATE DATABASE for a locale, a provider or an encoding that the server does not have.
LACKS_LOCALE = ("42809", "22023", "42601", "0A000", "42704", "22P02")
PROVIDERS = {"c": "libc", "i": "icu", "b": "builtin"}
HAS_PROVIDERS = 150000  # the first server version whose databases have a locale provider
REMEDY = "Install the locale on that server, or set scratch_url to a server that has it."


@dataclass(frozen=True)
class Locale:
    """``provider`` is c, i or b, as in pg_database; ``name`` and ``rules`` belong to the providers i and b."""

    encoding: str
    collate: str
    ctype: str
    provider: str
    name: str | None
    rules: str | None

    def describe(self) -> str:
        kind = {"i": "ICU"}.get(self.provider) or PROVIDERS.get(self.provider, self.provider)
        return f"{self.name or self.collate} ({kind}, {self.encoding})"

    def clauses(self, server_version: int) -> list[Any]:
        """Return the clauses of CREATE DATABASE. All of them are explicit: what is left out comes from
        template0, which may have another provider.
        """
        named = self.provider in ("i", "b")
        wanted = {
            "ENCODING": sql.Literal(self.encoding),
            "LOCALE_PROVIDER": sql.SQL(PROVIDERS[self.provider]) if named or server_version >= HAS_PROVIDERS else None,
            "LC_COLLATE": sql.Literal(self.collate),
            "LC_CTYPE": sql.Literal(self.ctype),
            {"i": "ICU_LOCALE", "b": "BUILTIN_LOCALE"}.get(self.provider, ""): (
                sql.Literal(self.name) if named and self.name else None
            ),
            "ICU_RULES": sql.Literal(self.rules) if self.rules else None,
        }
        return [sql.SQL(clause + " {}").format(value) for clause, value in wanted.items() if value is not None]


PLAIN = Locale("UTF8", "C", "C", "c", None, None)  # every server has it


def locale_of(found: Mapping[str, Any]) -> Locale | None:
    """Return the locale that globals.json (globals.py) records; None for an older backup, which records none."""
    known = found["database"]
    if "locale_provider" not in known:
        return None
    return Locale(
        known["encoding"],
        known["collate"],
        known["ctype"],
        known["locale_provider"],
        known["locale"],
        known["icu_rules"],
    )


def locale_like(connection: Any, name: str) -> Locale:
    """Return the locale of a database on the server of ``connection``."""
    ((row, encoding),) = query(
        connection, "SELECT to_jsonb(d), pg_encoding_to_char(encoding) FROM pg_database d WHERE datname = %s", [name]
    )
    provider = row.get("datlocprovider") or "c"
    return Locale(
        encoding,
        row["datcollate"],
        row["datctype"],
        provider,
        row.get("datlocale") or row.get("daticulocale"),
        row.get("daticurules"),
    )


def create_with(connection: Any, name: str, clauses: Sequence[Any]) -> None:
    query(
        connection,
        sql.SQL("CREATE DATABASE {} TEMPLATE template0 {}").format(sql.Identifier(name), sql.SQL(" ").join(clauses)),
    )


@dataclass(frozen=True)
class Lack:
    """``server`` lacks ``locale`` for the ``reason`` that it gave, so a scratch database there has the locale C."""

    server: Database
    locale: Locale
    reason: str

    def describe(self) -> str:
        return f"the locale {self.locale.describe()}, which this server lacks"

    def explain(self, error: RunbookError) -> RunbookError:
        """Return the error to raise where ``error`` happened in the scratch database: one of its own where
        the locale may be the reason.
        """
        where = (
            f"PostgreSQL at {self.server.host}:{self.server.port} lacks the locale {self.locale.describe()}"
            f" ({self.reason})"
        )
        if isinstance(error, MigrationFailed):
            error.advise(f"{where}, so the copy has the locale C, which may be the reason. {REMEDY}")
        elif (
            error.__class__ is RunbookError
            or error.kind == "command_failed"
            or error.details.get("code") == "not_what_was_backed_up"
        ):
            explained = ConfigError(
                f"{where}, so it was tried with the locale C, and failed. The locale may be the reason, so this says"
                f" nothing against the backup or the original. {REMEDY} What failed: {error}",
                code="no_locale",
            )
            explained.result = error.result
            return explained
        return error


def create_in_locale(connection: Any, server: Database, name: str, locale: Locale) -> Lack | None:
    """Create an empty database with a locale, or with C where the server lacks it. Return what it lacks, if
    anything.
    """
    version = connection.server_version
    try:
        create_with(connection, name, locale.clauses(version))
    except RunbookError as error:
        if error.details.get("code") not in LACKS_LOCALE:
            raise
        create_with(connection, name, PLAIN.clauses(version))
        return Lack(server, locale, str(error.details["reason"]))
    return None
