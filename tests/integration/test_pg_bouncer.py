# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pg_restore while the shop is connected through a real PgBouncer, whose clients stay connected to it
whatever becomes of its own sessions.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from conftest import ROOT
from sandbox.cloud.server import free_port
from sandbox.process import wait_until
from sandbox.storefront import Sandbox
from sandbox.unprivileged import unprivileged
from tests.integration.restored_shop import Shop

PROGRAM = os.environ.get("PGBOUNCER") or shutil.which(
    "pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin:{ROOT}/.cache/pgbouncer"
)
pytestmark = pytest.mark.skipif(
    not PROGRAM, reason="There is no PgBouncer: install it (apt-get install pgbouncer), or name it in PGBOUNCER"
)


@pytest.fixture
def shop(sandbox: Sandbox, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(sandbox, "test-bouncer", tmp_path / "store").fill()
    shop.back_up("first", encryption="off")
    shop.database.sql("DELETE FROM note")
    yield shop
    shop.drop()


@pytest.fixture
def pooler(shop: Shop, tmp_path: Path) -> Iterator[int]:
    """The port of a PgBouncer that pools by transaction, and takes a database's name from its client."""
    port = free_port()
    folder = tmp_path / "pooler"
    folder.mkdir()
    server = shop.sandbox.state["postgres"]
    (folder / "users").write_text(f'"shop" "{shop.database.password}"\n')
    (folder / "ini").write_text(
        f"[databases]\n* = host=127.0.0.1 port={server['port']}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port ="
        f" {port}\nunix_socket_dir =\nauth_type = plain\nauth_file = {folder / 'users'}\npool_mode ="
        " transaction\nserver_login_retry = 0\n"
    )
    assert PROGRAM
    argv = [*unprivileged(folder, Path(PROGRAM)), PROGRAM, str(folder / "ini")]
    with (folder / "log").open("wb") as log, subprocess.Popen(argv, cwd=folder, stdout=log, stderr=log) as running:
        try:
            assert wait_until(lambda: answers(port), 10), (folder / "log").read_text()
            yield port
        finally:
            running.kill()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def connected(shop: Shop, port: int, name: str) -> Any:
    connection = psycopg2.connect(
        host="127.0.0.1", port=port, user="shop", password=shop.database.password, dbname=name
    )
    connection.autocommit = True
    return connection


def notes(connection: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM note")
        ((count,),) = cursor.fetchall()
        return count


def test_clients_of_a_pooler_read_the_restored_database_without_connecting_again(shop: Shop, pooler: int) -> None:
    with closing(connected(shop, pooler, shop.name)) as client:
        assert notes(client) == 0
        restored = shop.restore()
        assert not restored["failed"], restored["msg"]
        assert notes(client) == 3
        shop.restore("undone")
        assert notes(client) == 0


def test_a_pooler_reaches_the_database_that_has_another_name_and_writes_nothing_to_the_one_that_was_left(
    shop: Shop, pooler: int
) -> None:
    with closing(connected(shop, pooler, shop.name)) as client:
        assert notes(client) == 0
        moved = shop.restore(swap="url")["restore"]
        # Either the pooler asks the database that was left, or its session there was just terminated.
        with (
            pytest.raises((psycopg2.errors.ReadOnlySqlTransaction, psycopg2.OperationalError)) as refused,
            client.cursor() as cursor,
        ):
            cursor.execute("INSERT INTO note VALUES ('lost')")
        if not isinstance(refused.value, psycopg2.errors.ReadOnlySqlTransaction):
            assert "terminating connection" in str(refused.value)
            with (
                closing(connected(shop, pooler, shop.name)) as again,
                pytest.raises(psycopg2.errors.ReadOnlySqlTransaction),
                again.cursor() as cursor,
            ):
                cursor.execute("INSERT INTO note VALUES ('lost')")
        with closing(connected(shop, pooler, moved["serves"])) as reconnected:
            assert notes(reconnected) == 3


def test_a_restore_bypasses_the_pooler_that_the_url_names(shop: Shop, pooler: int) -> None:
    pooled = shop.database.url.replace(f":{shop.sandbox.state['postgres']['port']}/", f":{pooler}/") + "&pgbouncer=true"
    assert shop.restore(database_url=pooled)["error"]["code"] == "pooled_url"
