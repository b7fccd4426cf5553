# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two ACL users with which a shop logs in, in turn: one has a new password before the other's login ends.

The server gets the password's hash only, and its users are saved so that a restart does not bring old ones back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

with suppress(ImportError):  # connection.py reports it
    import redis

from ..core.errors import ConfigError
from .connection import Server, explained

DEFAULT = "default"
RIGHTS = ("categories", "commands", "keys", "channels", "selectors")
STATE = ("on", "off", "nopass", "sanitize-payload", "skip-sanitize-payload")  # flags that are no rights


@dataclass(frozen=True)
class User:
    """``rights`` are what the user may do, comparable with another's."""

    can_login: bool
    no_password: bool
    rights: str


@dataclass(frozen=True)
class Found:
    """``saves`` is the command that saves the users, empty where the server has no file for them."""

    users: Mapping[str, User]
    admin: str
    mode: str
    saves: str


def read(server: Server, names: list[str]) -> Found:
    with explained(server.address):
        found = {name: server.client.acl_getuser(name) for name in names}
        users = {name: _user(one) for name, one in found.items() if one}
        return Found(users, _text(server.client.acl_whoami()), server.mode, _saves(server.client))


def _user(found: Mapping[str, Any]) -> User:
    flags = [_text(flag) for flag in found["flags"]]
    rights = {name: found.get(name) for name in RIGHTS}
    return User("on" in flags, "nopass" in flags, repr([rights, sorted(flag for flag in flags if flag not in STATE)]))


def _saves(client: Any) -> str:
    settings = client.config_get("aclfile")
    if settings.get("aclfile") or settings.get(b"aclfile"):
        return "ACL SAVE"
    return "CONFIG REWRITE" if client.info("server").get("config_file") else ""


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def problems(user: str, peer: str, found: Found) -> list[str]:
    """Return why the two cannot be used in turn, each with its remedy."""
    if found.mode != "standalone":
        return [
            f"This Redis is behind {found.mode}, and users exist on one server only: the others would not get the"
            " new password. Change it by hand, as the vendor of that Redis describes"
        ]
    if user == peer:
        return [f"user and peer are both {user}. Give two users that are used in turn"]
    if missing := [name for name in (user, peer) if name not in found.users]:
        return [
            f"Redis has no user {name}. Create it: ACL SETUSER {name} off resetpass, and the rights of the other user"
            for name in missing
        ]
    return list(_wrong(user, peer, found))


def _wrong(user: str, peer: str, found: Found) -> Iterator[str]:
    for name in (user, peer):
        if name == DEFAULT:
            yield f"{DEFAULT} is the user of every client that names no user. Give the shop two users of its own"
        if found.users[name].no_password:
            yield f"{name} accepts any password (nopass). ACL SETUSER {name} resetpass, then give it a password"
    if found.users[user].rights != found.users[peer].rights:
        yield f"{user} and {peer} have different rights (ACL GETUSER). Make them equal with ACL SETUSER"
    if found.admin in (user, peer):
        yield (
            f"secrets_redis_url logs in as {found.admin}, whose own login would stop working. Give it a user that is"
            " neither of the two"
        )
    if not found.saves:
        yield (
            "This Redis has neither an ACL file nor a configuration file, so it would lose the new password when"
            " it restarts. Start it with aclfile"
        )


def sessions(server: Server, names: list[str]) -> dict[str, int]:
    """Return how many connections each user has."""
    with explained(server.address):
        listed = [_text(one.get("user", "")) for one in server.client.client_list()]
    return {name: listed.count(name) for name in names}


def enable(server: Server, params: Mapping[str, Any], saves: str) -> None:
    """Let a user log in with a password, and log in with it. Raises ConfigError."""
    user, password = params["user"], params["password"]
    _set(server, user, "on", "resetpass", f"#{hashlib.sha256(password.encode()).hexdigest()}")
    _save(server, saves)
    place = server.client.connection_pool.connection_kwargs
    tls = {name: value for name, value in place.items() if name.startswith("ssl_")}
    with explained(server.address):
        client: Any = redis.Redis(
            place["host"],
            place.get("port", server.address.port),
            username=user,
            password=password,
            ssl=server.address.tls,
            socket_timeout=place.get("socket_timeout"),
            protocol=2,
            **tls,
        )
        try:
            client.execute_command("AUTH", user, password)
        except redis.exceptions.NoPermissionError:
            pass  # logged in, which is all that is asked
        finally:
            client.close()


def disable(server: Server, user: str, saves: str) -> None:
    """End a user's login. Its connections would stay, so wait for them first."""
    _set(server, user, "off", "resetpass")
    _save(server, saves)


def _set(server: Server, user: str, *rules: str) -> None:
    with explained(server.address):
        server.client.execute_command("ACL", "SETUSER", user, *rules)


def _save(server: Server, saves: str) -> None:
    if not saves:
        raise ConfigError("The users of this Redis cannot be saved. Start it with aclfile.", code="not_saved")
    with explained(server.address):
        server.client.execute_command(*saves.split())
