# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redis by the URL that the shop has: one server, the master that Sentinels name, or a cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

try:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    REDIS_ERROR: str | None = None
    REDIS_ERRORS: tuple[type[Exception], ...] = (redis.RedisError, OSError)
except ImportError as error:  # reported by core.module.run through missing_required_lib
    REDIS_ERROR = str(error)
    REDIS_ERRORS = (OSError,)

from ..core.bounds import refuse_time_limit
from ..core.errors import ApiError, ConfigError, RunbookError, Unreachable
from ..core.parallel import bounded
from ..core.redact import redact

SCHEMES = ("redis", "rediss")
SENTINEL_PORT = 26379
MOST_SECONDS = 60.0
LATE = "there was no answer in time"


@dataclass(frozen=True)
class Address:
    """Where Redis is, without its password."""

    host: str
    port: int
    database: int
    user: str
    tls: bool

    def describe(self) -> str:
        whose = f" as {self.user}" if self.user else ""
        return f"Redis at {self.host}:{self.port}/{self.database}{whose}"


def address_of(url: str) -> Address:
    """Read a Redis URL. Raises ConfigError, which never holds the password."""
    try:
        parts = urlsplit(url)
        port = 6379 if parts.port is None else parts.port
    except ValueError:
        raise ConfigError(
            "The Redis URL cannot be read: its host or port is wrong. Percent-encode special characters of the"
            " password: / is %2F, # is %23, @ is %40.",
            code="bad_url",
        ) from None
    if port == 0:
        raise ConfigError("The Redis URL has the port 0, which no server has. Correct it.", code="bad_url")
    if parts.scheme in SCHEMES and not parts.hostname:
        raise ConfigError("The Redis URL names no host. Write it as redis://host:6379/0.", code="bad_url")
    if parts.scheme not in SCHEMES:
        raise ConfigError(
            f"The Redis URL begins with {parts.scheme if '://' in url else 'no scheme'}. Write it as"
            " redis://user:password@host:6379/0, or rediss:// for TLS.",
            code="bad_url",
        )
    database = parts.path.strip("/") or "0"
    if not database.isdecimal():
        raise ConfigError(
            "The Redis URL has a path that is not the number of a database. Write it as redis://host:6379/0.",
            code="bad_url",
        )
    return Address(parts.hostname or "", port, int(database), unquote(parts.username or ""), parts.scheme == "rediss")


class Server:
    """A connection to Redis. ``mode`` is standalone, sentinel or cluster; ``masters`` are the servers that hold keys.

    Everything that the server refuses is raised as a RunbookError that says what to do.
    """

    def __init__(self, client: Any, address: Address, mode: str) -> None:
        self.client, self.address, self.mode = client, address, mode

    @property
    def masters(self) -> list[Any]:
        if self.mode != "cluster":
            return [self.client]
        return [self.client.get_redis_connection(node) for node in self.client.get_primaries()]

    def close(self) -> None:
        with explained(self.address):
            self.client.close()


def connect(params: Mapping[str, Any]) -> Server:
    """Connect by a module's options: url, sentinels, sentinel_service, sentinel_password, ca_file, timeout.

    The server itself says whether it belongs to a cluster, or is a Sentinel. Raises Unreachable, ConfigError or
    ApiError; within ``timeout``, however many servers and names have to be waited for.
    """
    refuse_time_limit("timeout", params["timeout"], MOST_SECONDS)
    address = address_of(params["url"])
    options = _options(params, address)
    found = bounded(lambda: _connect(params, address, options), params["timeout"])
    if found is None:
        raise Unreachable(
            f"{address.describe()} does not answer: {LATE}. Check that it runs and that this machine may reach it."
        )
    return found.value


def _connect(params: Mapping[str, Any], address: Address, options: dict[str, Any]) -> Server:
    with explained(address):
        if params.get("sentinels"):
            master = _master(params, options)
            _mode(master)  # asks the Sentinels
            return Server(master, address, "sentinel")
        client = redis.Redis.from_url(params["url"], **options)
        mode = _mode(client)
        if mode == "sentinel":
            raise ConfigError(
                f"{address.describe()} is a Sentinel, which holds no keys. Set sentinels to its address and"
                " sentinel_service to the name of the service.",
                code="is_sentinel",
            )
        if mode != "cluster":
            return Server(client, address, "standalone")
        client.close()
        return Server(redis.RedisCluster.from_url(params["url"], **options), address, "cluster")


def _options(params: Mapping[str, Any], address: Address) -> dict[str, Any]:
    if params.get("ca_file") and not Path(params["ca_file"]).is_file():
        raise ConfigError(f"ca_file is {params['ca_file']}, and there is no such file. Correct it.", code="no_ca_file")
    authority = params.get("ca_file") or os.environ.get("REQUESTS_CA_BUNDLE")
    tls = {"ssl_ca_certs": authority} if address.tls and authority else {}
    return {
        "socket_timeout": params["timeout"],
        "socket_connect_timeout": params["timeout"],
        "decode_responses": False,  # a key may be any bytes
        "protocol": 2,  # servers before Redis 6 know no other
        # a connection that broke is made again; a server that does not answer in time would take that time twice
        "retry": Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
        **tls,
    }


def _mode(client: Any) -> str:
    """Ask the server what it is. A user who may not ask for INFO gets no answer: it is taken for one server."""
    try:
        client.ping()
        return str(client.info("server").get("redis_mode", "standalone"))
    except redis.exceptions.NoPermissionError:
        return "standalone"
    except redis.exceptions.ResponseError as error:
        if "NOPERM" in str(error):
            return "standalone"
        raise


def _master(params: Mapping[str, Any], options: dict[str, Any]) -> Any:
    parts = urlsplit(params["url"])
    known = [(host, int(port or SENTINEL_PORT)) for host, _colon, port in map(_split, params["sentinels"])]
    limits = {name: options[name] for name in ("retry", "protocol")}
    each = params["timeout"] / (len(known) + 1)  # Sentinels that are down leave the others, and the master, their time
    limits |= {"socket_timeout": each, "socket_connect_timeout": each}
    guards = {**limits, "password": params.get("sentinel_password")}
    library: Any = redis.sentinel
    sentinel = library.Sentinel(known, sentinel_kwargs={k: v for k, v in guards.items() if v})
    login = {
        "username": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password else None,
        "db": address_of(params["url"]).database,
        "ssl": parts.scheme == "rediss",
    }
    return sentinel.master_for(params["sentinel_service"], **login, **options)


def _split(text: str) -> tuple[str, str, str]:
    host, colon, port = text.strip().rpartition(":")
    if not colon and port:
        return port, "", ""
    if not host or not port.isdecimal():
        raise ConfigError(f"sentinels has {text!r}. Write each as host:26379.", code="bad_sentinel")
    return host, colon, port


@contextmanager
def explained(address: Address) -> Iterator[None]:
    """Turn what the library raises into our errors; no text of it holds a password."""
    try:
        yield
    except RunbookError:
        raise
    except REDIS_ERRORS as error:
        raise explain(error, address) from None


def explain(error: Exception, address: Address) -> RunbookError:
    text, where = redact(" ".join(str(error).split())), address.describe()
    if "WRONGPASS" in text or "invalid username-password" in text or "invalid password" in text:
        return ConfigError(f"{where} refuses the password. Correct the user and password in url.", code="WRONGPASS")
    if "NOAUTH" in text or "Authentication required" in text:
        return ConfigError(f"{where} asks for a password. Add it to url.", code="NOAUTH")
    if "NOPERM" in text or "no permissions" in text or "has no permissions" in text:
        return ApiError(
            f"{where} refuses it: {text}. Give the user the right with ACL SETUSER, or use another user.", code="NOPERM"
        )
    if "LOADING" in text or "loading the dataset" in text:
        return ApiError(f"{where} is still loading its data. Try again in a moment.", code="LOADING", retryable=True)
    if "max number of clients" in text:
        return ApiError(
            f"{where} has no free connection: maxclients is reached. Restart the clients that leak them, or raise"
            " maxclients.",
            code="maxclients",
        )
    if text.startswith("OOM") or "maxmemory" in text:
        return ApiError(f"{where} is full: {text}. Raise maxmemory, or set an eviction policy.", code="OOM")
    if "No master found" in text:
        return Unreachable(
            "No Sentinel knows a master of this service, or none of them answers. Correct sentinels and"
            " sentinel_service, and check that the Sentinels run."
        )
    return Unreachable(f"{where} does not answer: {_why(text)}. Check that it runs and that this machine may reach it.")


def _why(text: str) -> str:
    if "Connection refused" in text:
        return "the connection was refused"
    if "imed out" in text or "Timeout" in text:
        return LATE
    if "Name or service not known" in text or "name resolution" in text:
        return "the host name does not resolve"
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return "its certificate is not trusted: set ca_file to the certificate of the authority"
    return text.rstrip(".") or "the connection failed"


def redis_options() -> dict[str, dict[str, Any]]:
    """The options of modules that reach Redis; their documentation is in plugins/doc_fragments/redis.py."""
    return {
        "url": {"type": "str", "required": True, "no_log": True},
        "sentinels": {"type": "list", "elements": "str", "default": []},
        "sentinel_service": {"type": "str", "default": "mymaster"},
        "sentinel_password": {"type": "str", "no_log": True},
        "ca_file": {"type": "path"},
        "timeout": {"type": "float", "default": 5.0},
    }


def secrets_of(params: Mapping[str, Any]) -> Sequence[str]:
    """Return the password that the URL holds, as written and decoded."""
    try:
        password = urlsplit(params.get("url") or "").password
    except ValueError:
        return [params["url"]]
    return [password, unquote(password)] if password else []
