# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pg_restore against a real PostgreSQL, as a role that is no superuser: what it keeps, what it refuses, and
what is live when it is killed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psycopg2
import pyrage
import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.backup.archive import fetch
from ansible_collections.storefront.runbook.plugins.module_utils.backup.reader import open_backup
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import nothing
from ansible_collections.storefront.runbook.plugins.module_utils.postgres import databases, row_diff
from ansible_collections.storefront.runbook.plugins.module_utils.release import lease
from ansible_collections.storefront.runbook.plugins.module_utils.restore import load as restore
from ansible_collections.storefront.runbook.plugins.module_utils.restore import program
from ansible_collections.storefront.runbook.plugins.module_utils.store.base import unguarded
from ansible_collections.storefront.runbook.plugins.module_utils.store.open import open_store

from sandbox.process import wait_until
from sandbox.storefront import Sandbox
from tests.integration.restored_shop import OTHER_ROLE, Shop, killed

LATE = """
INSERT INTO item VALUES (5000, 1, 'late'), (5001, 2, 'later');
UPDATE item SET price = 7 WHERE id = 3;
DELETE FROM "order" WHERE id = 17;
UPDATE note SET text = 'never' WHERE text = 'once';
CREATE TABLE review (id int); INSERT INTO review VALUES (1);
SELECT lo_from_bytea(0, 'new');
"""
LOST = {
    "large objects": {"inserted": 1, "updated": 0, "deleted": 0},
    'public."order"': {"inserted": 0, "updated": 0, "deleted": 1},
    "public.item": {"inserted": 2, "updated": 1, "deleted": 0},
    "public.note": {"inserted": 1, "updated": 0, "deleted": 1},
    "public.review": {"inserted": 1, "updated": 0, "deleted": 0},
}


@pytest.fixture(scope="module")
def template(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop and its backup, which each test gets a copy of."""
    shop = Shop(sandbox, "test-restore-origin", tmp_path_factory.mktemp("store") / "store").fill()
    shop.back_up("first", encryption="off")
    yield shop
    shop.drop()


@pytest.fixture
def shop(template: Shop, tmp_path: Path) -> Iterator[Shop]:
    copy = template.copied("test-restore", tmp_path / "store")
    yield copy
    copy.drop()


def test_a_restore_brings_everything_back_as_it_was_and_undo_undoes_it(shop: Shop) -> None:
    backed_up, properties, oid = shop.contents(), shop.properties(), shop.oid()
    shop.database.sql(LATE)
    later = shop.contents()

    predicted = shop.restore(check=True)
    assert (predicted["changed"], predicted["restore"]["backup"], shop.family(), shop.oid()) == (True, "first", [], oid)

    staged = shop.restore("staged")["restore"]
    assert (staged["losses"], staged["lost_rows"]) == (LOST, 8)
    assert (shop.family(), shop.oid(), shop.contents()) == (["incoming"], oid, later)
    assert shop.restore("staged")["changed"] is False

    restored = shop.restore()
    assert restored["changed"] is True
    assert (restored["restore"]["staged"], restored["restore"]["losses"]) == (staged["staged"], LOST)
    assert restored["restore"]["verified"]["constraints"]["foreign_keys"] == 2
    assert (shop.contents(), shop.properties(), shop.family()) == (backed_up, properties, ["before"])
    again = shop.restore()
    assert (again["changed"], again["restore"]["already"], again["restore"]["kept"]) == (
        False,
        True,
        restored["restore"]["kept"],
    )

    undone = shop.restore("undone")
    assert undone["changed"] is True
    assert (shop.oid(), shop.contents(), shop.properties(), shop.family()) == (oid, later, properties, ["undone"])
    assert shop.restore("undone")["changed"] is False


TYPES = """
CREATE TYPE size AS ENUM ('s', 'm'); CREATE TYPE measure AS (height int, size size); CREATE DOMAIN code AS char(4);
CREATE TABLE odd (id int PRIMARY KEY, "50% off {}" size, sizes size[], measure measure, code code, fixed char(5), kind regtype, kinds regtype[],
    prices numeric[], price numeric, span tsrange, note json, notes jsonb, at timetz, tag "char", ip inet, secret bytea, part float8, words tsvector);
CREATE TABLE bare ();
INSERT INTO bare DEFAULT VALUES;
INSERT INTO odd VALUES (1, 'm', '{s,m}', (3, 's'), 'a', 'b', 'size', '{size}', '{1.0,2.00}', 1.0, '[2026-01-01,2026-02-01)', '{"a": 1}', '{"a": 1}',
    '10:00+02', 'x', '10.0.0.1/8', '\\x00ff', 'NaN', 'a b');
INSERT INTO odd VALUES (2);
"""  # noqa: E501


@pytest.mark.own_process
def test_the_same_values_of_any_type_are_the_same_in_another_database_and_distinguished_to_the_last_digit(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.database.sql(TYPES)
    shop.back_up("odd", encryption="off")
    looked_at: list[tuple[str, str]] = []
    compare = row_diff._compare

    def noted(live: Any, other: Any, table: tuple[str, str], *columns: Any) -> dict[str, int]:
        looked_at.append(table)
        return compare(live, other, table, *columns)

    monkeypatch.setattr(row_diff, "_compare", noted)
    assert (shop.restore("staged", backup="odd")["restore"]["lost_rows"], looked_at) == (0, [])
    shop.database.sql("UPDATE odd SET price = 1.00 WHERE id = 1; INSERT INTO bare DEFAULT VALUES")
    losses = {
        "public.odd": {"inserted": 0, "updated": 1, "deleted": 0},
        "public.bare": {"inserted": 1, "updated": 0, "deleted": 0},
    }
    assert (shop.restore(backup="odd")["restore"]["losses"], looked_at) == (
        losses,
        [("public", "bare"), ("public", "odd")],
    )


def test_an_archive_is_the_one_that_pg_dump_wrote_and_reports_where_each_table_begins(
    template: Shop, tmp_path: Path
) -> None:
    dumped, laid_out = tmp_path / "dumped", tmp_path / "laid-out"
    with fetch(open_store(template.store, unguarded), "first", "backups/", None, nothing) as archive:
        laid_out.write_bytes(Path(archive.path).read_bytes())
    with open_backup(open_store(template.store, unguarded), "first") as backup:
        dumped.write_bytes(b"".join(backup.pieces()))
    assert laid_out.stat().st_size < dumped.stat().st_size

    def script(path: Path, *options: str) -> list[str]:
        argv = [str(Path(template.bin, "pg_restore")), "--file=-", *options, str(path)]
        lines = subprocess.run(argv, capture_output=True, check=True, text=True).stdout.splitlines()
        return [line for line in lines if "restrict " not in line]

    assert script(laid_out) == script(dumped)
    only = ("--data-only", "--table=order")
    assert sum("\tpaid\t" in line for line in script(laid_out, *only)) == 3000


def test_names_that_read_like_grants_are_taken_for_no_roles(shop: Shop) -> None:
    shop.database.sql(f"""
        CREATE TABLE "GRANT x TO ghost;" (id int); COMMENT ON TABLE "GRANT x TO ghost;" IS 'ALTER TABLE x OWNER TO ghost;
        CREATE EXTENSION ghost;';
        CREATE POLICY "Members belong TO own org" ON customer USING (name <> 'a TO b, c');
        CREATE POLICY "a ""TO b"" c" ON customer AS RESTRICTIVE FOR UPDATE TO "{OTHER_ROLE}" USING (true) WITH CHECK (name <> ' TO ghost');
        CREATE FUNCTION grants() RETURNS text LANGUAGE sql AS $$ SELECT '
GRANT SELECT ON x TO ghost;
ALTER TABLE x OWNER TO ghost;
' $$;
        """)  # noqa: E501
    shop.back_up("named", encryption="off")
    restored = shop.restore(backup="named")
    assert (restored["failed"], restored.get("msg")) == (False, None)
    assert shop.database.sql("SELECT count(*) FROM pg_policy") == [(3,)]


def test_a_file_of_pg_dump_is_restored_as_well(shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "by-hand.dump"
    subprocess.run([Path(shop.bin, "pg_dump"), "-Fc", "-f", file, shop.database.url.partition("?")[0]], check=True)
    backed_up = shop.contents()
    shop.database.sql(LATE)
    assert shop.restore(file=str(file), sha256="0" * 64)["error"]["code"] == "checksum"
    assert shop.restore(file=str(file), store=None)["restore"]["losses"] == LOST
    assert shop.contents() == backed_up


def test_nothing_is_swapped_without_an_approval_and_the_refusal_reports_what_would_be_lost(shop: Shop) -> None:
    oid = shop.oid()
    shop.database.sql(LATE)
    assert "Run it with state: staged to count" in shop.restore(approve=None)["msg"]
    shop.restore("staged")
    refused = shop.restore(approve=None)
    assert (refused["error"]["code"], refused["restore"]["lost_rows"]) == ("not_approved", 8)
    assert "public.item: 2 inserted, 1 updated" in refused["msg"]
    assert "approve names shop" in shop.restore(approve="shop")["msg"]
    assert shop.restore(approve=None, check=True)["restore"]["losses"] == LOST
    assert (shop.oid(), shop.family()) == (oid, ["incoming"])


def test_sessions_are_ended_and_every_acknowledged_write_is_counted_or_in_the_new_database(shop: Shop) -> None:
    reader = shop.database.connect()
    shop.restore("staged")
    acknowledged: list[int] = []
    stop = threading.Event()

    def write(first: int) -> None:
        connection: Any = None
        for number in range(first, first + 1_000_000):
            if stop.is_set():
                break
            with suppress(psycopg2.Error):  # what was not acknowledged may be anywhere
                if connection is None or connection.closed:
                    connection = shop.database.connect()
                with connection.cursor() as cursor:
                    cursor.execute("INSERT INTO item VALUES (%s, 1, 'hammered')", [number])
                acknowledged.append(number)
        if connection:
            connection.close()

    writers = [threading.Thread(target=write, args=(first * 10_000_000,)) for first in range(1, 3)]
    for writer in writers:
        writer.start()
    assert wait_until(lambda: len(acknowledged) > 100, 30)
    result = shop.restore()
    count = len(acknowledged)
    assert wait_until(lambda: len(acknowledged) > count + 100, 30)
    stop.set()
    for writer in writers:
        writer.join()
    assert not result["failed"], result["msg"]
    assert shop.accepts_connections()
    with pytest.raises(psycopg2.Error), reader.cursor() as cursor:
        cursor.execute("SELECT 1")
    reader.close()
    with closing(psycopg2.connect(shop.url_of(result["restore"]["kept"]))) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id FROM item WHERE name = 'hammered'")
        old = {number for (number,) in cursor.fetchall()}
    new = {number for (number,) in shop.database.sql("SELECT id FROM item WHERE name = 'hammered'")}
    assert set(acknowledged) - old - new == set()
    assert old & new == set()
    assert len(old) > 100 < len(new)
    assert result["restore"]["losses"] == {"public.item": {"inserted": len(old), "updated": 0, "deleted": 0}}


STEPS = ["!CREATE DATABASE", "!pg_restore', '--exit", "!COMMENT", "!LOCK TABLE", "DO $swap$", "!DO $swap$"]


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_one_of_the_two_is_live_and_the_next_run_finishes(shop: Shop, step: str) -> None:
    oid = shop.oid()
    shop.database.sql("DELETE FROM note")
    assert killed(shop.parameters("restored"), step)
    assert shop.accepts_connections()
    done = step == "!DO $swap$"
    assert (shop.oid() != oid) == done
    assert shop.database.sql("SELECT count(*) FROM note") == [(3 if done else 0,)]

    again = shop.restore()
    assert not again["failed"], again["msg"]
    assert again["restore"]["already"] == done
    assert (shop.database.sql("SELECT count(*) FROM note"), shop.family()) == ([(3,)], ["before"])


def test_a_database_that_a_crash_of_the_server_left_shut_is_opened_again(shop: Shop) -> None:
    shop.restore("staged")
    shop.admin(f'ALTER DATABASE "{shop.name}" ALLOW_CONNECTIONS false')
    result = shop.restore()
    assert "accepts no connections" in result["warnings"][0]
    assert (result["changed"], shop.accepts_connections(), shop.family()) == (True, True, ["before"])


def test_nobody_gets_in_while_the_databases_change_places(shop: Shop) -> None:
    shop.restore("staged")
    results: list[dict[str, Any]] = []
    swap = threading.Thread(target=lambda: results.append(shop.restore()), daemon=True)
    with closing(psycopg2.connect(shop.url_of("postgres", admin=True))) as holder, holder.cursor() as cursor:
        cursor.execute(f'COMMENT ON DATABASE "{shop.name}" IS NULL')  # a rename waits for the end of this transaction
        swap.start()
        assert wait_until(lambda: not shop.accepts_connections(), 30)
        holder.rollback()
    swap.join()
    assert (results[0]["changed"], shop.accepts_connections(), shop.family()) == (True, True, ["before"])


@pytest.mark.own_process
def test_a_swap_that_the_server_refuses_leaves_the_live_database_open(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    oid = shop.oid()
    shop.restore("staged")
    monkeypatch.setattr(databases, "label", lambda *_: "postgres")
    refused = shop.restore()
    assert "is still live and open" in refused["msg"]
    assert "already exists" in refused["msg"]
    assert (shop.oid(), shop.accepts_connections(), shop.family()) == (oid, True, ["incoming"])


def test_a_right_that_it_lacks_is_named_before_anything_changes(shop: Shop) -> None:
    shop.admin("ALTER ROLE shop NOCREATEDB")
    try:
        refused = shop.restore()
    finally:
        shop.admin("ALTER ROLE shop CREATEDB")
    assert "ALTER ROLE shop CREATEDB" in refused["msg"]
    assert shop.family() == []


def test_a_session_that_it_may_not_end_is_named_before_anything_changes(shop: Shop) -> None:
    superuser = shop.sandbox.state["postgres"]["user"]
    with closing(psycopg2.connect(shop.url_of(shop.name, admin=True))):
        refused = shop.restore()
    assert refused["error"]["code"] == "no_rights"
    assert f"the right to end the sessions of {superuser} in it" in refused["msg"]
    assert shop.family() == []


def test_a_writer_that_does_not_end_stops_it_and_continues(shop: Shop) -> None:
    shop.restore("staged")
    with closing(shop.database.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("BEGIN; DELETE FROM note")
        refused = shop.restore(lock_timeout=0.1)
        cursor.execute("COMMIT")
        assert f"the processes {connection.info.backend_pid} of shop hold" in refused["msg"]
    assert refused["error"]["code"] == "55P03"
    assert shop.accepts_connections()
    assert shop.restore()["restore"]["losses"] == {"public.note": {"inserted": 0, "updated": 0, "deleted": 3}}


def damaged(shop: Shop, how: str) -> None:
    path = shop.folder / "backups" / "first" / "dump.zst"
    content = bytearray(path.read_bytes())
    if how == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif how == "flipped":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    else:
        shop.database.sql("DELETE FROM note")
        shop.back_up("other", encryption="off")
        path.write_bytes((shop.folder / "backups" / "other" / "dump.zst").read_bytes())


@pytest.mark.parametrize("how", ["cut", "flipped", "swapped for another"])
def test_a_damaged_backup_is_refused_before_anything_changes(shop: Shop, how: str) -> None:
    oid = shop.oid()
    damaged(shop, how)
    refused = shop.restore()
    assert refused["error"]["code"] in ("checksum", "damaged")
    assert "backup first" in refused["msg"]
    assert (shop.oid(), shop.family()) == (oid, [])


def test_an_encrypted_backup_needs_the_right_key(shop: Shop) -> None:
    key, other = pyrage.x25519.Identity.generate(), str(pyrage.x25519.Identity.generate())
    shop.back_up("sealed", recipients=[str(key.to_public())])
    assert shop.restore(backup="sealed")["error"]["code"] == "no_identity"
    refused = shop.restore(backup="sealed", identity=other)
    assert refused["error"]["code"] == "wrong_identity"
    assert other not in json.dumps(refused)
    assert shop.family() == []
    assert shop.restore("staged", backup="sealed", identity=str(key))["restore"]["verified"]["rows"] > 6000


def test_a_backup_in_directory_format_is_restored(shop: Shop) -> None:
    backed_up = shop.contents()
    shop.back_up("parallel", encryption="off", format="directory")
    shop.database.sql(LATE)
    assert shop.restore(backup="parallel")["restore"]["losses"] == LOST
    assert shop.contents() == backed_up


def test_a_role_that_the_server_lacks_is_named_before_anything_changes(shop: Shop) -> None:
    shop.admin(f'ALTER ROLE "{OTHER_ROLE}" RENAME TO "test-restore-renamed"')
    try:
        refused = shop.restore(check=True)
    finally:
        shop.admin(f'ALTER ROLE "test-restore-renamed" RENAME TO "{OTHER_ROLE}"')
    assert refused["error"]["code"] == "no_roles"
    assert f"lack of roles: {OTHER_ROLE}" in refused["msg"]


def test_an_owner_whose_things_it_may_not_make_is_named_before_anything_changes(shop: Shop) -> None:
    shop.admin(f'ALTER TABLE note OWNER TO "{OTHER_ROLE}"; GRANT SELECT ON note TO shop', database=shop.name)
    shop.back_up("second", encryption="off")
    refused = shop.restore(backup="second", check=True)
    assert refused["error"]["code"] == "no_memberships"
    assert f"lack of memberships: {OTHER_ROLE}" in refused["msg"]


def test_a_setting_that_it_may_not_copy_is_named_and_nothing_is_left(shop: Shop) -> None:
    shop.admin(f"ALTER DATABASE \"{shop.name}\" SET app.greeting TO 'good day'")
    refused = shop.restore()
    assert refused["error"]["code"] == "no_setting"
    assert "GRANT SET ON PARAMETER app.greeting" in refused["msg"]
    assert shop.family() == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"backup": "none-such"}, "none-such"),
        ({"jobs": 0}, "jobs is 0"),
        ({"maintenance_database": "test-restore-origin"}, "no session may be connected to it"),
        ({"postgres_bin": "/nonexistent"}, "no pg_restore here in /nonexistent"),
        ({"store": None}, "No store is named"),
        ({"backup": None, "file": "/nonexistent"}, "There is no file /nonexistent"),
        ({"state": "undone", "backup": None}, "nothing to undo"),
    ],
)
def test_what_cannot_work_is_refused_in_check_mode_already(template: Shop, options: dict[str, Any], words: str) -> None:
    refused = template.restore(**{"state": "restored", **options}, check=True)
    assert refused["failed"]
    assert words in refused["msg"]


def test_what_is_past_its_time_is_dropped_when_asked_and_not_before(shop: Shop) -> None:
    shop.restore(keep=0)
    assert "was kept until" in shop.restore("undone")["msg"]
    assert shop.family() == ["before"]
    predicted = shop.restore("dropped", check=True)
    dropped = shop.restore("dropped")
    assert predicted["dropped"] == dropped["dropped"] == [dropped["dropped"][0]]
    assert (dropped["changed"], shop.family(), shop.restore("dropped")["changed"]) == (True, [], False)

    shop.restore("undone", backup=None)
    shop.restore(backup="first", keep=1)
    assert shop.restore("dropped")["changed"] is False


def test_a_lost_lease_stops_it_and_leaves_nothing(shop: Shop) -> None:
    store = open_store(shop.store, unguarded)
    held, _loser = lease.take(store, holder="this run")
    lease.take(store, holder="another run", reason="a test")
    assert shop.restore(lease=held.token)["error"]["kind"] == "lease_lost"
    assert shop.family() == []


@pytest.mark.own_process
def test_a_lease_that_is_lost_in_the_middle_of_it_stops_it_and_leaves_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, oid = open_store(shop.store, unguarded), shop.oid()
    held, _loser = lease.take(store, holder="this run")
    spawn, begun = program.spawn, list[Any]()

    def taken_over_meanwhile(argv: Any, **options: Any) -> Any:
        process = spawn(argv, **options)
        if "--exit-on-error" in argv:
            begun.append(process)
            process.send_signal(signal.SIGSTOP)  # it lasts longer than the lease
            lease.take(store, holder="another run", reason="a test")
        return process

    monkeypatch.setattr(program, "spawn", taken_over_meanwhile)
    monkeypatch.setattr(program, "BEAT_INTERVAL", 0.05)
    refused = shop.restore(lease=held.token)
    assert (len(begun), refused["error"]["kind"]) == (1, "lease_lost")
    assert begun[0].poll() is not None
    assert (shop.oid(), shop.accepts_connections(), shop.family()) == (oid, True, [])


@pytest.mark.own_process
def test_a_restore_that_takes_too_long_is_stopped_and_leaves_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    oid, load = shop.oid(), restore.load

    def slow(*values: Any, heartbeat: Any, **options: Any) -> None:
        load(*values, heartbeat=heartbeat, **options)
        wait_until(lambda: heartbeat() or False, 30)

    monkeypatch.setattr(restore, "load", slow)
    refused = shop.restore(wait_timeout=3)
    assert refused["error"]["kind"] == "wait_timeout"
    assert (shop.oid(), shop.family()) == (oid, [])


@pytest.mark.own_process
def test_no_process_shows_a_password_while_it_runs(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    key = pyrage.x25519.Identity.generate()
    shop.back_up("sealed", recipients=[str(key.to_public())])
    shown: dict[str, bytes] = {}
    spawn = program.spawn

    def watched(argv: Any, **options: Any) -> Any:
        process = spawn(argv, **options)
        process.send_signal(signal.SIGSTOP)
        for pid in (process.pid, os.getpid()):
            shown[f"{pid} {argv[1]}"] = b"".join(
                Path(f"/proc/{pid}/{file}").read_bytes() for file in ("cmdline", "environ")
            )
        process.send_signal(signal.SIGCONT)
        return process

    monkeypatch.setattr(program, "spawn", watched)
    result = shop.restore("staged", backup="sealed", identity=str(key))
    assert not result["failed"], result["msg"]
    assert len([text for text in shown.values() if b"PGPASSFILE=/dev/fd/" in text and b"--exit-on-error" in text]) == 1
    for secret in (shop.database.password, str(key)):
        assert secret.encode() not in b"".join(shown.values()) + json.dumps(result).encode()


def test_a_server_without_room_for_another_database_leaves_the_live_one_and_nothing_else(
    shop: Shop, tmp_path: Path
) -> None:
    program = tmp_path / "bin" / "pg_restore"
    program.parent.mkdir()
    full = 'ERROR:  could not extend file "base/1/2": No space left on device'
    program.write_text(
        f'#!/bin/sh\n{shop.bin}/pg_restore "$@" || exit\ncase "$*" in *--exit-on-error*) echo \'{full}\' >&2; exit 1;'
        " esac\n"
    )
    program.chmod(0o700)
    oid = shop.oid()
    refused = shop.restore(postgres_bin=str(program.parent))
    assert (refused["error"]["kind"], full in refused["msg"]) == ("command_failed", True)
    assert (shop.oid(), shop.accepts_connections(), shop.family()) == (oid, True, [])


def test_two_runs_do_not_restore_one_database_at_a_time(shop: Shop) -> None:
    with closing(psycopg2.connect(shop.url_of("postgres"))) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [f"storefront.runbook restore {shop.name}"])
        assert shop.restore()["error"]["code"] == "busy"
