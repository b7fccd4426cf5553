# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pg_restore in process, with a server that is faked: what is planned, approved, refused and kept to itself."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.backup.archive import Archive
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import nothing
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.connection import parse_url
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.databases import DatabaseRow
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.row_diff import Losses
from ansible_collections.storefront.runbook.plugins.module_utils.restore import by_rename, source
from ansible_collections.storefront.runbook.plugins.module_utils.restore.replace_live import Site
from ansible_collections.storefront.runbook.plugins.modules import pg_restore

from tests.unit.support import run_module

URL = "postgresql://shop:hunter22@db.example/shop"
LATER = (datetime.now(UTC) + timedelta(days=1)).isoformat()
ROWS = {"public.order": {"inserted": 3, "updated": 1, "deleted": 0}}
LOSSES = Losses(ROWS, {"public.ticket": {"live": 9, "other": 7}}, {"foreign_tables": ["public.feed"]})
STAGED = DatabaseRow(
    7, "shop@incoming-20260202T090000Z", True, None, {"state": "verified", "sha256": "abc", "verified": {"rows": 9}}
)
BEFORE = DatabaseRow(
    8, "shop@before-20260202T090000Z", True, None, {"live": 10, "sha256": "abc", "backup": "sale", "kept_until": LATER}
)

Restore = Callable[..., dict[str, Any]]


class Server:
    """The databases that there are, and what was done to them."""

    def __init__(self) -> None:
        self.related: list[DatabaseRow] = []
        self.done: list[str] = []
        self.open = True

    def site(self) -> Site:
        return Site(
            parse_url(URL), parse_url(URL), None, DatabaseRow(10, "shop", self.open, None, {}), self.related, nothing
        )


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server()

    def stage(
        site: Site, archive: Archive, tool: Any, note: dict[str, Any], *, name: str, jobs: int, **_: Any
    ) -> tuple[DatabaseRow, dict[str, Any]]:
        server.done.append(f"stage {name.partition('-')[0]} with {jobs}")
        return DatabaseRow(7, name, True, None, note), {"rows": 9}

    def put_in_place(
        site: Site, successor: DatabaseRow, note: dict[str, Any], *, kind: str, keep: timedelta, lock_timeout: float
    ) -> Any:
        server.done.append(
            f"put {successor.name.partition('-')[0]} in place, keep {keep.total_seconds():g} s as {kind}"
        )
        site.related = [DatabaseRow(1, f"shop@{kind}-20260202T100000Z", True, None, {"live": 10, "kept_until": LATER})]
        return site.related[0].name, LOSSES, {"held_seconds": 0.2, "shut_seconds": 0.1}

    @contextmanager
    def fetched(*_: Any, **_frozen: Any) -> Any:
        server.done.append("fetch")
        yield Archive({"name": "sale", "sha256": "abc"}, "/dev/null")

    real = by_rename.replace_live
    live = SimpleNamespace(
        inspect_server=lambda *_: server.site(),
        choose_swap=lambda *_, **__: ("rename", None),
        begin=lambda site: server.done.append("begin"),
        compare=lambda *_: LOSSES,
        stage=stage,
        put_in_place=put_in_place,
        undoable=real.undoable,
        expired=real.expired,
    )
    monkeypatch.setattr(pg_restore, "replace_live", live)
    monkeypatch.setattr(by_rename, "replace_live", live)
    monkeypatch.setattr(
        by_rename, "choose", lambda store, name, prefix, database, warn: {"name": name, "sha256": "abc"}
    )
    monkeypatch.setattr(source, "fetch", fetched)
    monkeypatch.setattr(by_rename, "proofs", lambda *_: [{"recovery_seconds": 41.2}])
    monkeypatch.setattr(by_rename.load, "fit", lambda *_: SimpleNamespace(path="pg_restore"))
    monkeypatch.setattr(by_rename.load, "loads_frozen", lambda *_: False)
    monkeypatch.setattr(by_rename, "connect", lambda *_, **__: SimpleNamespace(close=nothing))
    monkeypatch.setattr(by_rename.rights, "refuse_without", lambda *_: None)
    monkeypatch.setattr(by_rename.databases, "refuse_uncopyable", lambda *_: None)
    monkeypatch.setattr(by_rename, "drop", lambda connection, _server, name: server.done.append(f"drop {name}"))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    return server


@pytest.fixture
def restore(server: Server, tmp_path: Any) -> Restore:
    def call(state: str = "restored", *, check: bool = False, **params: Any) -> dict[str, Any]:
        given = {
            "database_url": URL,
            "state": state,
            "store": tmp_path.as_uri(),
            "store_is_shared": True,
            "backup": "sale",
            "approve": "shop",
            **params,
        }
        return run_module(pg_restore, {key: value for key, value in given.items() if value is not None}, check=check)

    return call


def test_check_mode_fetches_the_backup_and_does_nothing_else(restore: Restore, server: Server) -> None:
    predicted = restore(check=True)
    assert (predicted["changed"], server.done) == (True, ["fetch"])
    assert (predicted["restore"]["expected_seconds"], predicted["restore"]["lost_rows"]) == (41.2, None)
    assert predicted["diff"] == {"before": {"database": "shop"}, "after": {"database": "shop from sale"}}


def test_it_is_staged_first_then_put_in_place(restore: Restore, server: Server) -> None:
    made = restore(jobs=2, keep=2)
    assert server.done == [
        "fetch",
        "begin",
        "stage shop@incoming with 2",
        "put shop@incoming in place, keep 7200 s as before",
    ]
    found = made["restore"]
    assert (found["lost_rows"], found["kept"], found["kept_until"], found["shut_seconds"]) == (
        4,
        "shop@before-20260202T100000Z",
        LATER,
        0.1,
    )


def test_what_is_staged_is_not_fetched_again(restore: Restore, server: Server) -> None:
    server.related = [STAGED]
    assert restore()["changed"] is True
    assert server.done == ["begin", "put shop@incoming in place, keep 604800 s as before"]
    server.done.clear()
    again = restore("staged")
    assert (again["changed"], again["restore"]["lost_rows"], server.done) == (False, 4, [])


def test_staging_counts_what_would_be_lost(restore: Restore, server: Server) -> None:
    staged = restore("staged", approve=None)
    assert (staged["restore"]["sequences"], staged["restore"]["not_counted"]) == (LOSSES.sequences, LOSSES.not_counted)
    assert (staged["restore"]["losses"], server.done) == (ROWS, ["fetch", "begin", "stage shop@incoming with 3"])


def test_a_database_that_was_made_from_this_backup_is_not_restored_again(restore: Restore, server: Server) -> None:
    server.related = [BEFORE]
    for state in ("staged", "restored"):
        again = restore(state)
        assert (again["changed"], again["restore"]["already"], again["restore"]["kept"], server.done) == (
            False,
            True,
            BEFORE.name,
            [],
        )


def test_without_an_approval_it_fails_and_reports_what_would_be_lost(restore: Restore, server: Server) -> None:
    server.related = [STAGED]
    refused = restore(approve=None)
    assert (refused["error"]["code"], refused["restore"]["losses"], server.done) == ("not_approved", ROWS, [])
    lost = "4 rows would differ from their present state (public.order: 3 inserted, 1 updated)."
    named = (
        "These sequences would assign numbers again that were assigned since the backup: public.ticket. Not counted:"
        " foreign tables (public.feed)."
    )
    assert f"{lost} {named} Set approve: shop" in refused["msg"]
    (warning,) = restore(approve=None, check=True)["warnings"]
    assert "has not been approved" in warning


def test_undo_puts_the_predecessor_back(restore: Restore, server: Server) -> None:
    server.related = [BEFORE]
    assert restore("undone", backup=None, approve=None)["error"]["code"] == "not_approved"
    undone = restore("undone", backup=None)
    assert (undone["restore"]["backup"], server.done) == (
        "sale",
        ["begin", "put shop@before in place, keep 604800 s as undone"],
    )


def test_what_may_go_is_dropped(restore: Restore, server: Server) -> None:
    server.related = [STAGED, BEFORE]
    assert restore("dropped", backup=None, check=True)["dropped"] == [STAGED.name]
    assert server.done == []
    assert restore("dropped", backup=None)["changed"] is True
    assert server.done == ["begin", f"drop {STAGED.name}"]


def test_a_database_that_is_shut_is_reported(restore: Restore, server: Server) -> None:
    server.open = False
    assert "accepts no connections" in restore()["warnings"][0]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"database_url": None}, "missing required arguments: database_url"),
        ({"database_url": f"{URL}?pgbouncer=true"}, "Give the server's own address as database_url"),
        ({"backup": None}, "Set backup, or file; or adopt with target_url"),
        ({"file": "/tmp/x"}, "mutually exclusive: backup|file"),
        ({"store": None}, "No store is named"),
        ({"swap": "by hand"}, "value of swap must be one of"),
        ({"adopt": True}, "adopt is for a database that target_url names"),
        ({"target_url": f"{URL}?pgbouncer=true"}, "Give the server's own address as target_url"),
        ({"target_url": URL, "state": "dropped", "backup": None}, "must not be dropped by this module"),
        ({"jobs": 0}, "jobs is 0. Give 1 or more"),
        ({"keep": -1}, "keep is -1"),
        ({"lock_timeout": -1}, "lock_timeout is -1"),
        ({"approve": "warehouse"}, "approve names warehouse, and the live database is shop"),
        ({"identity": "not a key"}, "identity holds no secret key of age"),
        ({"state": "erased"}, "value of state must be one of"),
    ],
)
def test_bad_input_is_refused_before_anything_is_done(
    restore: Restore, server: Server, params: dict[str, Any], said: str
) -> None:
    result = restore(**{"state": "restored", **params})
    assert result["failed"]
    assert said in result["msg"]
    assert "hunter22" not in repr(result)
    assert server.done == []
