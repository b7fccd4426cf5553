# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL's URL as Prisma reads it (quaint, ``PostgresNativeUrl``), and what that is to libpq."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from ..core.errors import ConfigError
from ..core.redact import is_torn

APPLICATION = "storefront.runbook"
CONNECT_TIMEOUT = 10  # seconds; Prisma's default is 5
NOT_A_SERVER = (
    "It names no PostgreSQL server that migrations and backups could reach: give the database's own postgresql:// URL."
)
ESCAPE = "Percent-encode the special characters of the password: / is %2F, # is %23, ? is %3F, @ is %40, % is %25."

# Options of Prisma's that concern its pool. They mean nothing for one connection, but one that Prisma would refuse is
# refused.
NUMBERS = (
    "connection_limit",
    "pool_timeout",
    "socket_timeout",
    "connect_timeout",
    "statement_cache_size",
    "max_connection_lifetime",
    "max_idle_connection_lifetime",
)
SSL_MODES = ("disable", "prefer", "require")
# not Prisma's, which reads them as prefer: who writes them wants what libpq does
VERIFYING = ("verify-ca", "verify-full")
CHANNEL_BINDINGS = ("disable", "prefer", "require")
LIBPQ_ALONE = ("target_session_attrs", "sslrootcert")


@dataclass(frozen=True)
class Tls:
    """What Prisma's TLS options ask for. ``authority`` and ``identity`` are files: a certificate that is trusted too,
    and a PKCS#12 with ``password``.

    ``plain``: a server that offers no TLS at all is connected to without it, also where its certificate would be
    verified.
    """

    authority: str = ""
    identity: str = ""
    password: str = ""
    plain: bool = False


@dataclass(frozen=True)
class Database:
    """What the URL in ``option`` says. ``schema`` is where Prisma's tables live; ``settings`` are libpq's; ``pooled``
    is Prisma's pgbouncer=true.

    ``connect_timeout`` is in seconds, 0 for no limit.
    """

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
    tls: Tls = Tls()
    connect_timeout: int = CONNECT_TIMEOUT
    application: str = APPLICATION

    def describe(self) -> str:
        """The address as an operator would write it, without the password."""
        return f"{self.name} on {self.host}:{self.port} as {self.user}"


def parse_url(url: str, option: str = "database_url") -> Database:
    """Read a URL as Prisma writes it. Raises ConfigError that names ``option`` and never holds the password."""
    try:
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        port = parts.port or 5432
    except ValueError:
        several = " Prisma reaches one host, not several: give one." if re.search(r"@[^/@]*,[^/@]*/", url) else ""
        raise ConfigError(
            f"{option} is not a URL: its host or port cannot be read.{several} {ESCAPE}", code="bad_url"
        ) from None
    if parts.scheme.startswith("prisma"):
        raise ConfigError(
            f"{option} is an address of Prisma's own service ({parts.scheme}://). {NOT_A_SERVER}", code="bad_url"
        )
    if parts.scheme not in ("postgresql", "postgres"):
        scheme = parts.scheme if "://" in url else ""  # without :// it may be anything, such as a password
        raise ConfigError(
            f"{option} begins with {scheme or 'no scheme'!r}, not with postgresql://. {NOT_A_SERVER}", code="bad_url"
        )
    if is_torn(url):
        raise ConfigError(
            f"{option} cannot be read: what follows its host is not one database's name and options. {ESCAPE}",
            code="bad_url",
        )
    host, user, name = (
        query.get("host") or unquote(parts.hostname or ""),
        _decoded(parts.username),
        _decoded(parts.path.lstrip("/")),
    )
    missing = [what for what, value in (("host", host), ("user", user), ("database", name)) if not value]
    if missing:
        raise ConfigError(
            f"{option} lacks its {' and '.join(missing)}. Write it as postgresql://user:password@host:port/database.",
            code="bad_url",
        )
    if "," in host and not host.startswith("/"):
        raise ConfigError(
            f"{option} names several hosts, and Prisma reaches one. Give the one that can be written to.",
            code="bad_url",
        )
    _refuse_values(query, option)
    return Database(
        host=host,
        port=port,
        user=user,
        password=_decoded(parts.password),
        name=name,
        schema=query.get("schema") or "public",
        pooled=query.get("pgbouncer", "").lower() == "true",
        options=query.get("options", ""),
        settings=_settings(query, host),
        option=option,
        tls=Tls(
            query.get("sslcert", ""),
            query.get("sslidentity", ""),
            query.get("sslpassword", ""),
            plain=_mode(query) == "prefer",
        ),
        connect_timeout=int(query.get("connect_timeout") or CONNECT_TIMEOUT),
        application=query.get("application_name") or APPLICATION,
    )


def _decoded(text: str | None) -> str:
    """Percent-decoded; what is no UTF-8 then is left as it is, as Prisma does."""
    try:
        return unquote(text or "", errors="strict")
    except UnicodeDecodeError:
        return text or ""


def _refuse_values(query: Mapping[str, str], option: str) -> None:
    for name in NUMBERS:
        if name in query and not re.fullmatch(r"\d{1,9}", query[name]):
            raise ConfigError(
                f"{option} has a {name} that is not a whole number, which Prisma refuses too. Correct it.",
                code="bad_url",
            )
    if query.get("pgbouncer", "true").lower() not in ("true", "false"):
        raise ConfigError(
            f"{option} has a pgbouncer that is neither true nor false, which Prisma refuses too. Correct it.",
            code="bad_url",
        )


def _mode(query: Mapping[str, str]) -> str:
    mode = query.get("sslmode", "")
    return mode if mode in SSL_MODES + VERIFYING else "prefer"


def _settings(query: Mapping[str, str], host: str) -> dict[str, str]:
    """The settings for libpq. Files whose meaning differs between Prisma and libpq are in ``Tls``."""
    settings = {key: query[key] for key in LIBPQ_ALONE if query.get(key)}
    if query.get("channel_binding") in CHANNEL_BINDINGS:
        settings["channel_binding"] = query["channel_binding"]
    mode = _mode(query)
    # Prisma takes what it does not know for strict
    strict = query.get("sslaccept", "accept_invalid_certs") != "accept_invalid_certs"
    if host.startswith("/"):
        return {**settings, **({"sslmode": "disable"} if "sslmode" in query or strict else {})}
    if mode in VERIFYING or (strict and mode != "disable"):
        authority = {"sslrootcert": query["sslcert"]} if query.get("sslcert") else {}
        return {"sslmode": mode if mode in VERIFYING and not strict else "verify-full", **authority, **settings}
    settings.pop("sslrootcert", None)  # with it libpq verifies, and Prisma does not
    return {**settings, **({"sslmode": mode} if "sslmode" in query else {})}
