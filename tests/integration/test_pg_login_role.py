# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pg_login_role against a real server: two roles in turn, by a user with the least rights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg2
import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.postgres import login_roles
from ansible_collections.storefront.runbook.plugins.modules import pg_login_role

from sandbox.storefront import Sandbox
from tests.integration.shop_database import Database
from tests.unit.support import run_module

OLD, NEW, OWNER, ADMIN = "test_turn_a", "test_turn_b", "test_turn_owner", "test_turn_admin"
ROLES = (OLD, NEW, ADMIN, OWNER)
PASSWORD = "a-new-password-of-43-letters-and-some-more1"


class Turn:
    """A database whose tables belong to a third role; ``OLD`` logs in, and ``NEW`` may not yet."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.database = Database(sandbox, "test-turn")
        self.base = self.database.url.partition("?")[0]
        self.drop_roles()
        self.sql(
            f"CREATE ROLE {OWNER}; CREATE ROLE {OLD} LOGIN PASSWORD 'old'; CREATE ROLE {NEW};"
            f"CREATE ROLE {ADMIN} LOGIN CREATEROLE PASSWORD 'least-rights'; GRANT {OWNER} TO {OLD}, {NEW};"
            f'GRANT ALL ON SCHEMA public TO {OWNER}; GRANT ALL ON DATABASE "test-turn" TO {OWNER};'
            f"SET ROLE {OWNER}; CREATE TABLE item (id int)"
        )
        self.version = int(self.sql("SHOW server_version_num")[0][0])
        if self.version >= login_roles.ADMIN_OPTION_SINCE:
            self.sql(f"GRANT {OLD}, {NEW} TO {ADMIN} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE")

    def url(self, user: str, password: str) -> str:
        return f"postgresql://{user}:{password}@{self.base.rpartition('@')[2]}"

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        admin = self.database.sandbox.state["postgres"]["url"].rpartition("/")[0]
        with closing(psycopg2.connect(f"{admin}/{self.database.name}")) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def run(self, state: str, role: str = NEW, peer: str = OLD, check: bool = False, **options: Any) -> dict[str, Any]:
        secret = {"password": PASSWORD} if state == "enabled" else {}
        given = {"role": role, "peer": peer, "state": state, "wait_timeout": 0.2, "wait_interval": 0.05, **secret}
        url = self.url(ADMIN, "least-rights")
        return run_module(pg_login_role, {"database_url": url, **given, **options}, check=check)

    def can_login(self, user: str, password: str) -> bool:
        try:
            psycopg2.connect(self.url(user, password)).close()
        except psycopg2.OperationalError:
            return False
        return True

    def drop_roles(self) -> None:
        for role in ROLES:
            if self.sql(f"SELECT 1 FROM pg_roles WHERE rolname = '{role}'"):
                self.sql(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")


@pytest.fixture
def turn(sandbox: Sandbox) -> Iterator[Turn]:
    turn = Turn(sandbox)
    yield turn
    turn.drop_roles()
    turn.database.drop()


def test_the_roles_take_turns_and_nobody_is_cut_off(turn: Turn) -> None:
    checked = turn.run("enabled", check=True)
    assert (checked["failed"], checked["changed"], turn.can_login(NEW, PASSWORD)) == (False, True, False), checked
    made = turn.run("enabled")
    assert not made["failed"], made
    assert (made["can_login"], turn.can_login(NEW, PASSWORD), turn.can_login(OLD, "old")) == (False, True, True)
    assert PASSWORD not in str(made)
    stored = turn.sql(f"SELECT rolpassword FROM pg_authid WHERE rolname = '{NEW}'")[0][0]
    assert stored.startswith("SCRAM-SHA-256$")
    assert not turn.run("enabled")["failed"]  # a rerun sets the same password again
    with closing(psycopg2.connect(turn.url(OLD, "old"))), closing(psycopg2.connect(turn.url(NEW, PASSWORD))):
        held = turn.run("disabled", OLD, NEW)
        assert "was still used by 1 session" in held["msg"]
        assert "a consumer that the secret does not name" in held["msg"]
    assert turn.can_login(OLD, "old")
    nobody = turn.run("disabled", OLD, NEW)
    assert f"{NEW} has no session yet" in nobody["msg"]
    assert turn.run("disabled", NEW, OLD, peer_in_use=False)["peer_can_login"]  # a new login is removed
    assert not turn.can_login(NEW, PASSWORD)
    assert not turn.run("enabled")["failed"]
    with closing(psycopg2.connect(turn.url(NEW, PASSWORD))) as connection, connection.cursor() as cursor:
        ended = turn.run("disabled", OLD, NEW, wait_timeout=20)  # the server ends a closed session in its own time
        assert not ended["failed"], ended
        cursor.execute("SELECT count(*) FROM item")
    assert not turn.can_login(OLD, "old")
    assert not turn.run("disabled", OLD, NEW)["changed"]


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (f"ALTER ROLE {NEW} SUPERUSER", f"{NEW} is a superuser"),
        (f"REVOKE {OWNER} FROM {NEW}", f"{NEW} is not a member of {OWNER} as {OLD} is. GRANT {OWNER} TO {NEW}"),
        (f"ALTER TABLE item OWNER TO {OLD}", f"{OLD} owns table item"),
        (f"GRANT SELECT ON item TO {OLD}", f"{OLD} has rights of its own on table item, and {NEW} has none"),
        (f"ALTER ROLE {NEW} BYPASSRLS", "differ in BYPASSRLS"),
        (f"ALTER ROLE {OLD} SET statement_timeout = '5s'", "have different settings"),
        (f"ALTER ROLE {NEW} VALID UNTIL '2020-01-01'", f"{NEW} is past its VALID UNTIL"),
        (f"ALTER ROLE {ADMIN} NOCREATEROLE", f"{ADMIN} may not change roles. ALTER ROLE {ADMIN} CREATEROLE"),
    ],
)
def test_roles_that_cannot_take_turns_are_refused(turn: Turn, statement: str, said: str) -> None:
    turn.sql(statement)
    refused = turn.run("enabled")
    assert said in refused["msg"], refused
    assert not turn.can_login(NEW, PASSWORD)


def test_a_user_without_the_admin_option_is_refused(turn: Turn) -> None:
    if turn.version < login_roles.ADMIN_OPTION_SINCE:
        pytest.skip("CREATEROLE is enough before PostgreSQL 16")
    turn.sql(f"REVOKE {NEW} FROM {ADMIN}")
    assert f"{ADMIN} has no ADMIN OPTION on {NEW}. GRANT {NEW} TO {ADMIN} WITH ADMIN TRUE" in turn.run("enabled")["msg"]


def test_wrong_names_and_short_passwords_are_refused(turn: Turn) -> None:
    assert "PostgreSQL has no role nobody" in turn.run("enabled", "nobody")["msg"]
    assert "are both" in turn.run("enabled", OLD, OLD)["msg"]
    assert "whose own login would stop working" in turn.run("enabled", ADMIN, OLD)["msg"]
    assert "less than 32 characters" in turn.run("enabled", password="short")["msg"]
