# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL by the URL that the shop has: Prisma's dialect of it, and connections that can be interrupted."""

from __future__ import annotations

import os
import re
import select
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

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
from . import session
from .sql_states import advice as advice_for
from .tls import libpq_settings
from .url import Database, parse_url

__all__ = [
    "PSYCOPG2_ERROR",
    "Connection",
    "Database",
    "connect",
    "direct",
    "execute",
    "parse_url",
    "query",
    "quote_name",
]

LIBPQ = "PG"  # how the variables of the environment begin that PostgreSQL's programs and its library read
_environment = threading.RLock()  # which all threads share

BEAT_INTERVAL = 2.0  # seconds between two beats while the server works


def direct(
    database_url: str, direct_url: str | None = None, *, option: str = "database_url", remedy: str = "direct_url"
) -> Database:
    """Return the database as it is reached past a connection pooler. Raises ConfigError where only the
    pooler is known.
    """
    database = parse_url(direct_url, "direct_url") if direct_url else parse_url(database_url, option)
    if database.pooled:
        raise ConfigError(
            f"{database.option} goes through a connection pooler (pgbouncer=true), where locks and settings of a"
            f" session get lost. Give the server's own address as {remedy}.",
            code="pooled_url",
        )
    return database


class Connection(ServerConnection):
    """A connection that calls ``heartbeat`` while the server works. ``stopped`` is what ``heartbeat``
    raised, after which the statement was cancelled.

    ``give_up`` is when the server has to have answered the login, on the monotonic clock: libpq applies connect_timeout
    only where it waits itself, and here ``_wait`` does.
    """

    heartbeat: Callable[[], None] = staticmethod(nothing)
    stopped: BaseException | None = None
    give_up: float | None = None

    def __init__(self, dsn: str) -> None:
        seconds = int(extensions.parse_dsn(dsn).get("connect_timeout") or 0)
        self.give_up = time.monotonic() + seconds if seconds > 0 else None
        super().__init__(dsn)
        self.give_up = None


def connect(database: Database, *, heartbeat: Callable[[], None] = nothing) -> Any:
    """Connect, each statement a transaction of its own, with Prisma's schema as the search path. Raises Unreachable or
    ConfigError.

    Settings of the database and of the user do not stop the session: see session.py. A statement ends early when
    ``heartbeat``, called every two seconds, raises: so a lost lease or a deadline stops it on the server too.
    """
    extensions.set_wait_callback(_wait)
    connection = _connect(database)
    major = connection.server_version // 10000
    later = session.later(major)
    values = ", ".join(f"current_setting('{name}')" for name in later) or "NULL"
    known = query(connection, f"RESET DateStyle; SELECT {values}")  # psycopg2 has set that one already
    dates = connection.info.parameter_status("DateStyle") or ""
    if known[0] != (tuple(later.values()) or (None,)) or not dates.startswith("ISO"):
        connection.close()  # by options and not by SET, which RESET ALL would undo
        connection = _connect(database, major, DateStyle=session.readable_dates(dates))
    connection.heartbeat = heartbeat
    return connection


def _connect(database: Database, server_major: int = 0, **more: str) -> Any:
    schema = session.escaped(database.schema).replace('"', '""')
    try:
        with libpq_settings(database) as (settings, _descriptors), _without_libpq_variables():
            connection = psycopg2.connect(
                host=database.host,
                port=database.port,
                user=database.user,
                password=database.password,
                dbname=database.name,
                options=f'{session.startup_options(database.options, server_major, **more)} -c search_path="{schema}"',
                client_encoding=session.CLIENT_ENCODING,
                connect_timeout=database.connect_timeout,
                application_name=database.application,
                connection_factory=Connection,
                **dict[str, Any](settings),
            )
    except psycopg2.OperationalError as error:
        raise _refusal(database, str(error)) from None
    connection.autocommit = True
    return connection


@contextmanager
def _without_libpq_variables() -> Iterator[None]:
    """Keep from libpq what it would take from the environment of this process: PGHOSTADDR or PGSERVICE
    would lead to another server than the URL.
    """
    with _environment:
        found = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(LIBPQ)}
        try:
            yield
        finally:
            os.environ.update(found)


def _wait(connection: Any) -> None:
    """Wait for the server without blocking signals, and cancel the statement when there is a reason to.

    The statement's end is awaited even then: psycopg2 closes a connection whose wait callback raises, and the server
    would continue.
    """
    while True:
        state = connection.poll()
        if state == extensions.POLL_OK:
            return
        mine = [connection.fileno()]
        left = _left(connection)
        try:
            ready = select.select(
                mine if state == extensions.POLL_READ else [],
                mine if state == extensions.POLL_WRITE else [],
                [],
                min(BEAT_INTERVAL, left),
            )
            if not any(ready) and not getattr(connection, "stopped", None):
                getattr(connection, "heartbeat", nothing)()
        except BaseException as reason:
            if not isinstance(connection, Connection):
                raise
            connection.stopped = reason
            connection.cancel()


def _left(connection: Any) -> float:
    """Return the seconds that are left for the login. Raises OperationalError, worded as libpq does, after them."""
    give_up = getattr(connection, "give_up", None)
    left = give_up - time.monotonic() if give_up is not None else BEAT_INTERVAL
    if left <= 0:
        raise psycopg2.OperationalError("timeout expired")
    return left


def execute(connection: Any, statement: Any, values: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
    """Run a statement and return its rows. Raises psycopg2.Error, or what made ``heartbeat`` stop it."""
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
        message = error.diag.message_primary or str(error).strip() or type(error).__name__
        raise RunbookError(
            f"PostgreSQL did not answer a query of this module: {message}. {advice_for(error.pgcode)}",
            code=error.pgcode,
            reason=message,
        ) from None


UNTRUSTED = (
    "The server's certificate is from an authority that this machine does not trust: set the authority's certificate"
    " as sslcert. If the certificate has expired, renew it, or correct this machine's clock."
)
# What libpq or the server say, as a regular expression, with what that is to the operator. The first that fits counts.
REFUSALS = (
    ("certificate verify failed", ConfigError, "tls", UNTRUSTED),
    (
        "does not match host name",
        ConfigError,
        "tls",
        "The server's certificate is for another name: give in {option} the host that the certificate names.",
    ),
    (
        "server does not support SSL",
        ConfigError,
        "tls",
        "The server offers no TLS, and {option} asks for it: set ssl=on there, or sslmode=prefer here.",
    ),
    (
        "root certificate file|could not read root certificate",
        ConfigError,
        "tls",
        "The certificate of the authority cannot be read: correct sslcert.",
    ),
    (
        "connection requires a valid client certificate|certificate required",
        ConfigError,
        "tls",
        "The server asks for a certificate: give sslidentity.",
    ),
    ("certificate authentication failed", ConfigError, "tls", "The certificate in sslidentity is not this user's."),
    ("unknown ca|bad certificate", ConfigError, "tls", "The server does not trust the certificate in sslidentity."),
    (
        "channel binding",
        ConfigError,
        "tls",
        "channel_binding=require takes TLS and a password of the kind scram-sha-256.",
    ),
    (
        "password authentication failed",
        ConfigError,
        "auth_failed",
        "The user or the password is wrong: correct {option}.",
    ),
    (
        "no password supplied",
        ConfigError,
        "auth_failed",
        "The server asks for a password and the URL has none: correct {option}.",
    ),
    (
        "no pg_hba.conf entry",
        ConfigError,
        "auth_failed",
        "The server does not let this user connect from this machine (pg_hba.conf, or TLS is required:"
        " sslmode=require).",
    ),
    ('role ".*" does not exist', ConfigError, "auth_failed", "There is no such user: correct {option}."),
    ('database ".*" does not exist', ConfigError, "no_database", "Create it, or correct {option}."),
    ("permission denied for database", ConfigError, "auth_failed", "Grant the user CONNECT on it."),
    (
        "too many clients|remaining connection slots|too many connections for",
        Unreachable,
        "too_many_connections",
        "All its connections are taken: end some, or raise max_connections.",
    ),
    ("revoked", ConfigError, "tls", "The server's certificate is revoked: have a new one issued."),
    (
        "wrong version number|packet length too long|record layer failure",
        ConfigError,
        "tls",
        "The server at this address does not speak TLS: check the port in {option}.",
    ),
    (
        "unsupported protocol|alert protocol version|alert handshake failure|no shared cipher",
        *(
            ConfigError,
            "tls",
            (
                "The server and this machine have no TLS version or cipher in common: let the server speak TLS 1.2 or"
                " newer."
            ),
        ),
    ),
    (
        "SSL connection has been closed|SSL SYSCALL error|SSL error: unexpected eof",
        *(Unreachable, "tls_closed", "The TLS handshake was closed: try again, and check any proxy in between."),
    ),
    ("SSL", ConfigError, "tls", "Set sslmode in the URL to what the server offers."),
    (
        "could not translate host name",
        Unreachable,
        "unknown_host",
        "The host name is unknown here: correct {option}, or check the DNS.",
    ),
    (
        "timeout expired",
        Unreachable,
        "timeout",
        "Nothing answered in time: check the address, the firewall and the server's allow-list.",
    ),
    ("Connection refused", Unreachable, "connection", "No server listens there: start it, or correct {option}."),
    (
        "No such file or directory",
        Unreachable,
        "connection",
        "There is no socket of a server in that folder: start the server, or correct host in {option}.",
    ),
)


def _refusal(database: Database, message: str) -> Exception:
    where = f"PostgreSQL cannot be reached: {database.describe()}"
    if database.host.endswith(".railway.internal"):
        return Unreachable(
            f"{where}. {database.host} is on Railway's private network, which only its own services reach. Give the"
            f" public address of the TCP proxy (DATABASE_PUBLIC_URL) as {database.option}, or run the play inside of"
            " that network.",
            code="private_network",
        )
    reason = redact(
        message.strip().partition("\n")[0].partition(" failed: ")[2] or message.strip().partition("\n")[0] or "none",
        [database.password],
    )
    for words, kind, code, advice in REFUSALS:
        if re.search(words, message):
            return kind(f"{where}. {advice.format(option=database.option)} The server's message: {reason}", code=code)
    return Unreachable(f"{where}. Check the address and the server. Its message: {reason}", code="connection")
