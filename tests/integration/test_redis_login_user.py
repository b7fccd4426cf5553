# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""redis_login_user against a real server: two ACL users in turn, by a user with the least rights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis
from ansible_collections.storefront.runbook.plugins.modules import redis_login_user

from tests.integration.redis_server import server
from tests.unit.support import run_module

OLD, NEW, ADMIN = "shop_a", "shop_b", "rotator"
PASSWORD = "a-new-password-of-43-letters-and-some-more1"
RIGHTS = "~* &* +@all -@dangerous"
LEAST = "+acl|getuser +acl|setuser +acl|whoami +acl|save +client|list +config|get +info +ping"


class Turn:
    """A server with an ACL file, on which ``OLD`` logs in, and ``NEW`` may not yet."""

    def __init__(self, port: int, file: Path) -> None:
        self.port, self.file = port, file

    def root(self) -> Any:
        return redis.Redis("127.0.0.1", self.port, username="root", password="root")

    def acl(self, *words: str) -> None:
        with self.root() as client:
            client.execute_command("ACL", *words)

    def client(self, user: str, password: str) -> Any:
        return redis.Redis("127.0.0.1", self.port, username=user, password=password)

    def can_login(self, user: str, password: str) -> bool:
        try:
            with self.client(user, password) as client:
                return bool(client.ping())
        except redis.AuthenticationError:
            return False

    def run(self, state: str, user: str = NEW, peer: str = OLD, check: bool = False, **options: Any) -> dict[str, Any]:
        secret = {"password": PASSWORD} if state == "enabled" else {}
        given = {"user": user, "peer": peer, "state": state, "wait_timeout": 0.2, "wait_interval": 0.05, **secret}
        url = f"redis://{ADMIN}:rotator@127.0.0.1:{self.port}/0"
        return run_module(redis_login_user, {"url": url, **given, **options}, check=check)


@pytest.fixture
def turn(tmp_path: Path) -> Iterator[Turn]:
    file = tmp_path / "users.acl"
    rows = [f"user {OLD} on >old {RIGHTS}", f"user {NEW} off {RIGHTS}", f"user {ADMIN} on >rotator {LEAST}"]
    file.write_text("\n".join([*rows, "user root on >root ~* &* +@all", "user default off", ""]))
    with server(tmp_path, f"aclfile {file}") as port:
        yield Turn(port, file)


def test_the_users_take_turns_and_nobody_is_cut_off(turn: Turn) -> None:
    checked = turn.run("enabled", check=True)
    assert (checked["failed"], checked["changed"], turn.can_login(NEW, PASSWORD)) == (False, True, False), checked
    made = turn.run("enabled")
    assert not made["failed"], made
    assert (made["can_login"], turn.can_login(NEW, PASSWORD), turn.can_login(OLD, "old")) == (False, True, True)
    assert PASSWORD not in str(made) + turn.file.read_text()
    assert f"user {NEW} on" in turn.file.read_text()  # so that a restart knows it
    assert not turn.run("enabled")["failed"]  # a rerun sets the same password again
    with closing(turn.client(OLD, "old")) as old, closing(turn.client(NEW, PASSWORD)) as new:
        assert old.ping() and new.ping()
        held = turn.run("disabled", OLD, NEW)
        assert "was still used by 1 session" in held["msg"]
    assert f"{NEW} has no session yet" in turn.run("disabled", OLD, NEW)["msg"]
    assert turn.run("disabled", NEW, OLD, peer_in_use=False, wait_timeout=20)["peer_can_login"]  # it is removed
    assert not turn.can_login(NEW, PASSWORD)
    assert not turn.run("enabled")["failed"]
    with closing(turn.client(NEW, PASSWORD)) as new:
        new.ping()
        ended = turn.run("disabled", OLD, NEW, wait_timeout=20)  # the server ends a closed connection in its own time
        assert not ended["failed"], ended
        new.set("key", "value")
    assert not turn.can_login(OLD, "old")
    assert f"user {OLD} off" in turn.file.read_text()
    assert not turn.run("disabled", OLD, NEW)["changed"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("SETUSER", NEW, "-@write"), "have different rights"),
        (("SETUSER", NEW, "nopass"), f"{NEW} accepts any password"),
        (("DELUSER", NEW), f"Redis has no user {NEW}. Create it: ACL SETUSER {NEW} off"),
        (("SETUSER", ADMIN, "-config"), "Give the user the right with ACL SETUSER"),
    ],
)
def test_users_that_cannot_take_turns_are_refused(turn: Turn, words: tuple[str, ...], said: str) -> None:
    turn.acl(*words)
    refused = turn.run("enabled")
    assert said in refused["msg"], refused
    assert "user shop_b on" not in turn.file.read_text()


def test_wrong_names_and_short_passwords_are_refused(turn: Turn) -> None:
    assert "are both" in turn.run("enabled", OLD, OLD)["msg"]
    assert "the user of every client that names no user" in turn.run("enabled", "default", OLD)["msg"]
    assert "whose own login would stop working" in turn.run("enabled", ADMIN, OLD)["msg"]
    assert "less than 32 characters" in turn.run("enabled", password="short")["msg"]


def test_without_an_acl_file_the_users_are_saved_in_the_configuration(tmp_path: Path) -> None:
    users = [f"user {OLD} on >old {RIGHTS}", f"user {NEW} off {RIGHTS}", f"user {ADMIN} on >rotator +@all ~*"]
    with server(tmp_path, *users) as port:
        turn = Turn(port, tmp_path / f"{port}.conf")
        assert not turn.run("enabled")["failed"]  # by CONFIG REWRITE
        assert f"user {NEW} on" in turn.file.read_text()
