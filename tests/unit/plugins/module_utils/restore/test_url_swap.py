# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the shop leaves a database for another one: in which order, so that no write is lost, and which other
one is refused.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError, LeaseLost
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import nothing
from ansible_collections.storefront.runbook.plugins.module_utils.postgres import session
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.connection import Database, parse_url
from ansible_collections.storefront.runbook.plugins.module_utils.restore import url_swap

from tests.unit.plugins.fake_postgres import FakePostgres

OLD, NEW = (
    parse_url(f"postgresql://shop:hunter22@db.example/{name}?options=-c%20jit%3Doff") for name in ("old", "new")
)
LOST = {"public.order": {"inserted": 3, "updated": 0, "deleted": 0}}
OWN = 4711


class Session(FakePostgres):
    """A session in a database. What it sends is in ``said`` of the server, after the database's name."""

    def __init__(self, server: Server, database: Database) -> None:
        super().__init__()
        self.server, self.database = server, database
        self.info = SimpleNamespace(backend_pid=OWN)
        self.answers = server.answers

    def answer(self, statement: Any, values: Any) -> list[tuple[Any, ...]] | None:
        if "|| %s" in str(statement):  # the server quotes its own names
            return [(f"ALTER ROLE shop IN DATABASE {self.database.name} {values[0]}",)]
        self.server.said.append((self.database.name, statement.strip(), values))
        return super().answer(statement, values)

    def close(self) -> None:
        self.server.said.append((self.database.name, "closed", None))


class Server:
    """``said`` has what each session said, ``opened`` the databases as they were connected to."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str, Any]] = []
        self.opened: list[Database] = []
        self.answers: dict[str, Any] = {}

    def connect(self, database: Database, heartbeat: Any = nothing) -> Session:
        self.opened.append(database)
        return Session(self, database)

    def done(self) -> list[str]:
        """What was done, in order."""
        return [
            f"{name}: {statement.splitlines()[0]}" for name, statement, _values in self.said if statement != "closed"
        ]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server()
    monkeypatch.setattr(url_swap, "connect", server.connect)
    monkeypatch.setattr(url_swap, "open_side", server.connect)
    monkeypatch.setattr(url_swap, "hold_writes", lambda side, seconds: side.answer(f"HOLD for {seconds:g} s", None))
    monkeypatch.setattr(url_swap, "differences", lambda here, there: here.answer("COUNT", None) or LOST)
    monkeypatch.setattr(url_swap, "refuse_same_database", lambda *_: None)
    return server


def test_writers_wait_while_it_is_counted_and_are_sent_away_only_when_nobody_can_write_there_any_more(
    server: Server,
) -> None:
    lost, seconds = url_swap.leave(OLD, NEW, nothing, 10)
    assert (lost, seconds >= 0) == (LOST, True)
    assert server.done() == [
        "new: ALTER ROLE shop IN DATABASE new RESET default_transaction_read_only",
        "old: HOLD for 10 s",
        "old: COUNT",
        "old: ALTER ROLE shop IN DATABASE old SET default_transaction_read_only TO 'on'",
        (
            "old: SELECT pg_terminate_backend(pid) FROM pg_stat_activity a JOIN pg_roles s ON s.oid = usesysid,"
            " pg_roles me"
        ),
    ]
    assert [values for _name, statement, values in server.said if "pg_terminate_backend" in statement] == [[[OWN]]], (
        "not the one that holds the writers"
    )
    assert server.said[-1] == ("old", "closed", None), "they are held until then"


def test_a_lease_that_is_lost_while_it_is_counted_leaves_the_old_one_to_its_writers(server: Server) -> None:
    def lost() -> None:
        raise LeaseLost("it is gone")

    with pytest.raises(LeaseLost):
        url_swap.leave(OLD, NEW, lost, 10)
    assert not [line for line in server.done() if "TO 'on'" in line or "terminate" in line]
    assert server.said[-1] == ("old", "closed", None)


def test_the_fence_does_not_hold_the_user_who_moves_the_shop_nor_change_other_settings(server: Server) -> None:
    url_swap.leave(OLD, NEW, nothing, 10)
    url_swap.compare(OLD, NEW, nothing)
    assert {
        session.startup_options(database.options).partition(" -c default_transaction_isolation")[0]
        for database in server.opened
    } == {"-c jit=off -c default_transaction_read_only=off"}


@pytest.mark.parametrize(("rows", "left"), [([(True,)], True), ([(False,)], False), ([], False)])
def test_a_database_is_left_when_its_user_may_only_read_there(server: Server, rows: Any, left: bool) -> None:
    server.answers["default_transaction_read_only=on"] = lambda: rows
    assert url_swap.is_left(server.connect(OLD), "old") is left
    assert server.said[-1][2] == ["old"]


def test_the_address_of_a_database_that_was_left_is_refused_with_both_remedies() -> None:
    error = url_swap.already_left("shop")
    assert error.details["code"] == "left"
    assert "Give its URL as database_url, or undo that" in str(error)


def target(server: Server, *, owns: bool = True, tables: tuple[str, ...] = ()) -> Session:
    server.answers.update(
        {
            "pg_has_role(datdba": lambda: [(owns, "shop", "admin")],
            "array(SELECT attname": lambda: [
                ("public", table, table, [], [], table == "public.of_extension", True, True) for table in tables
            ],
        }
    )
    return server.connect(NEW)


def test_an_empty_database_of_ones_own_takes_the_live_ones_place(server: Server) -> None:
    session = target(server)
    url_swap.refuse_unfit_target(OLD, session, adopt=False, known=False)
    assert url_swap.is_empty(session)


def test_tables_of_extensions_do_not_make_one_full(server: Server) -> None:
    assert url_swap.is_empty(target(server, tables=("public.of_extension",)))


def test_one_that_holds_something_else_is_refused_by_what_it_holds(server: Server) -> None:
    session = target(server, tables=tuple(f"public.{letter}" for letter in "fedcba"))
    assert not url_swap.is_empty(session)
    with pytest.raises(
        ConfigError, match=r"not empty, it has public\.a, .*public\.e\. Name an empty one; or set adopt"
    ) as refused:
        url_swap.refuse_unfit_target(OLD, session, adopt=False, known=False)
    assert refused.value.details["code"] == "not_empty"


def test_one_of_somebody_elses_is_refused_with_whose_url_to_give(server: Server) -> None:
    with pytest.raises(
        ConfigError, match=r"shop does not own the database in target_url, admin does.* Give the URL of admin"
    ):
        url_swap.refuse_unfit_target(OLD, target(server, owns=False), adopt=False, known=False)


@pytest.mark.parametrize("options", [{"adopt": True, "known": False}, {"adopt": False, "known": True}])
def test_one_that_is_adopted_or_was_begun_may_hold_something(server: Server, options: dict[str, bool]) -> None:
    url_swap.refuse_unfit_target(OLD, target(server, owns=False, tables=("public.a",)), **options)


def test_the_live_one_itself_is_refused_even_to_be_adopted(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def same(production: Session, other: Session, option: str, never: str) -> None:
        raise ConfigError(f"{option} is {production.database.name}. {never}")

    monkeypatch.setattr(url_swap, "refuse_same_database", same)
    with pytest.raises(ConfigError, match=r"target_url is old\. Nothing was changed"):
        url_swap.refuse_unfit_target(OLD, target(server), adopt=True, known=False)
