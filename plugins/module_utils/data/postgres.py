# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL by the URL that the shop has: Prisma's dialect of it, and connections that can be interrupted."""

from __future__ import annotations

import select
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

try:
    import psycopg2
    from psycopg2 import extensions

    PSYCOPG2_ERROR: str | None = None
    ServerConnection: Any = extensions.connection
except ImportError as error:  # reported by core.module.run through missing_required_lib
    PSYCOPG2_ERROR = str(error)
    ServerConnection = object

from ..core.errors import ConfigError, RunbookError, Unreachable
from ..core.redact import redact
from ..core.wait import nothing

APPLICATION = "storefront.runbook"
CONNECT_TIMEOUT = 10  # seconds
BEAT_INTERVAL = 2.0  # seconds between two beats while the server works

# What libpq takes from a URL, by the name of its environment variable. All else in a URL is for Prisma alone, and libpq would refuse it.
LIBPQ = {
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslkey": "PGSSLKEY",
    "channel_binding": "PGCHANNELBINDING",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
}
NOT_A_SERVER = "It names no PostgreSQL server that migrations and backups could reach: give the database's own postgresql:// URL."


@dataclass(frozen=True)
class Database:
    """What the URL in ``option`` says. ``schema`` is where Prisma's tables live; ``settings`` are libpq's; ``pooled`` is Prisma's pgbouncer=true."""

    host: str
    port: int
    user: str
    password: str
    name: str
    schema: str
    pooled: bool
    options: str
    settings: Mapping[str, str]
    option: str = "database_url"

    def describe(self) -> str:
        """The address as an operator would tell it, without the password."""
        return f"{self.name} on {self.host}:{self.port} as {self.user}"


def parse_url(url: str, option: str = "database_url") -> Database:
    """Read a URL as Prisma writes it. Raises ConfigError that names ``option`` and never holds the password."""
    try:
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        port = parts.port or 5432
    except ValueError:
        raise ConfigError(
            f"{option} is not a URL: its host or port cannot be read. Percent-encode the special characters of the password.", code="bad_url"
        ) from None
    host, user, name = query.get("host") or parts.hostname or "", unquote(parts.username or ""), unquote(parts.path.lstrip("/"))
    if parts.scheme.startswith("prisma"):
        raise ConfigError(f"{option} is an address of Prisma's own service ({parts.scheme}://). {NOT_A_SERVER}", code="bad_url")
    if parts.scheme not in ("postgresql", "postgres"):
        raise ConfigError(f"{option} begins with {parts.scheme or 'no scheme'!r}, not with postgresql://. {NOT_A_SERVER}", code="bad_url")
    missing = [what for what, value in (("host", host), ("user", user), ("database", name)) if not value]
    if missing:
        raise ConfigError(f"{option} lacks its {' and '.join(missing)}. Write it as postgresql://user:password@host:port/database.", code="bad_url")
    return Database(
        host=unquote(host),
        port=port,
        user=user,
        password=unquote(parts.password or ""),
        name=name,
        schema=query.get("schema") or "public",
        pooled=query.get("pgbouncer", "").lower() == "true",
        options=query.get("options", ""),
        settings=_settings(query),
        option=option,
    )


def _settings(query: Mapping[str, str]) -> dict[str, str]:
    settings = {key: query[key] for key in LIBPQ if query.get(key)}
    if query.get("sslcert") and "sslkey" not in settings:  # to Prisma the certificate that signed the server's
        settings.setdefault("sslrootcert", query["sslcert"])
    if query.get("sslaccept") == "strict":
        settings["sslmode"] = "verify-full"
    return settings


def direct(database_url: str, direct_url: str | None = None, *, option: str = "database_url", remedy: str = "direct_url") -> Database:
    """Return the database as it is reached past a connection pooler. Raises ConfigError where only the pooler is known."""
    database = parse_url(direct_url, "direct_url") if direct_url else parse_url(database_url, option)
    if database.pooled:
        raise ConfigError(
            f"{database.option} goes through a connection pooler (pgbouncer=true), where locks and settings of a session get lost. "
            f"Give the server's own address as {remedy}.",
            code="pooled_url",
        )
    return database


class Connection(ServerConnection):
    """A connection that calls ``beat`` while the server works. ``stopped`` is what ``beat`` raised, after which the statement was cancelled."""

    beat: Callable[[], None] = staticmethod(nothing)
    stopped: BaseException | None = None


def connect(database: Database, *, beat: Callable[[], None] = nothing) -> Any:
    """Connect, each statement a transaction of its own, with Prisma's schema as the search path. Raises Unreachable or ConfigError.

    A statement ends early when ``beat``, called every two seconds, raises: so a lost lease or a deadline stops it on the server too.
    """
    schema = database.schema.replace("\\", "\\\\").replace(" ", "\\ ").replace('"', '""')
    extensions.set_wait_callback(_wait)
    try:
        connection = psycopg2.connect(
            host=database.host,
            port=database.port,
            user=database.user,
            password=database.password,
            dbname=database.name,
            options=f'{database.options} -c search_path="{schema}"'.strip(),
            connect_timeout=CONNECT_TIMEOUT,
            application_name=APPLICATION,
            connection_factory=Connection,
            **dict[str, Any](database.settings),
        )
    except psycopg2.OperationalError as error:
        raise _refusal(database, str(error)) from None
    connection.autocommit = True
    connection.beat = beat
    return connection


def _wait(connection: Any) -> None:
    """Wait for the server without blocking signals, and cancel the statement when there is a reason to.

    The statement's end is awaited even then: psycopg2 closes a connection whose wait callback raises, and the server would go on.
    """
    while True:
        state = connection.poll()
        if state == extensions.POLL_OK:
            return
        mine = [connection.fileno()]
        try:
            ready = select.select(mine if state == extensions.POLL_READ else [], mine if state == extensions.POLL_WRITE else [], [], BEAT_INTERVAL)
            if not any(ready) and not getattr(connection, "stopped", None):
                getattr(connection, "beat", nothing)()
        except BaseException as reason:
            if not isinstance(connection, Connection):
                raise
            connection.stopped = reason
            connection.cancel()


def execute(connection: Any, statement: Any, values: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
    """Run a statement and return its rows. Raises psycopg2.Error, or what made ``beat`` stop it."""
    with closing(connection.cursor()) as cursor:
        try:
            cursor.execute(statement, values)
        except extensions.QueryCanceledError:
            if connection.stopped is None:
                raise
            reason, connection.stopped = connection.stopped, None
            raise reason from None
        return cursor.fetchall() if cursor.description else []


def quote_name(name: str) -> str:
    """A name as to_regnamespace and its like take it."""
    return '"' + name.replace('"', '""') + '"'


def query(connection: Any, statement: Any, values: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
    """Run a statement of our own and return its rows. Raises RunbookError."""
    try:
        return execute(connection, statement, values)
    except psycopg2.Error as error:
        said = error.diag.message_primary or str(error).strip() or type(error).__name__
        raise RunbookError(
            f"PostgreSQL did not answer a question of this module: {said}. Check the rights of the user in the URL, and the server's log.",
            code=error.pgcode,
            reason=said,
        ) from None


REFUSALS = (
    ("password authentication failed", ConfigError, "auth_failed", "The user or the password is wrong: correct {option}."),
    ("no password supplied", ConfigError, "auth_failed", "The server asks for a password and the URL has none: correct {option}."),
    ("no pg_hba.conf entry", ConfigError, "auth_failed", "The server does not admit this user from here (pg_hba.conf, or TLS is required: sslmode=require)."),
    ("does not exist", ConfigError, "no_database", "Create it, or correct {option}."),
    ("permission denied for database", ConfigError, "auth_failed", "Grant the user CONNECT on it."),
    ("too many clients", Unreachable, "too_many_connections", "All its connections are taken: end some, or raise max_connections."),
    ("remaining connection slots", Unreachable, "too_many_connections", "All its connections are taken: end some, or raise max_connections."),
    ("SSL", ConfigError, "tls", "Set sslmode in the URL to what the server offers."),
    ("could not translate host name", Unreachable, "unknown_host", "The host name is unknown here: correct {option}, or check the DNS."),
    ("timeout expired", Unreachable, "timeout", "Nothing answered in time: check the address, the firewall and the server's allow-list."),
    ("Connection refused", Unreachable, "connection", "Nothing listens there: start the server, or correct {option}."),
)


def _refusal(database: Database, said: str) -> Exception:
    where = f"PostgreSQL cannot be reached: {database.describe()}"
    if database.host.endswith(".railway.internal"):
        return Unreachable(
            f"{where}. {database.host} is on Railway's private network, which only its own services reach. Give the public address of the TCP proxy "
            f"(DATABASE_PUBLIC_URL) as {database.option}, or run the play inside of that network.",
            code="private_network",
        )
    reason = redact(said.strip().partition("\n")[0].rpartition("failed: ")[2] or "none", [database.password])
    for words, kind, code, advice in REFUSALS:
        if words in said:
            return kind(f"{where}. {advice.format(option=database.option)} The server's words: {reason}", code=code)
    return Unreachable(f"{where}. Check the address and the server. Its words: {reason}", code="connection")
