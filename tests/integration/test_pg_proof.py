# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pg_proof against a real PostgreSQL: what it proves and keeps, what it refuses, and that no scratch database stays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg2
import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.backup.manifest import read_proof
from ansible_collections.storefront.runbook.plugins.module_utils.backup.reader import open_backup
from ansible_collections.storefront.runbook.plugins.module_utils.store.open import open_store
from ansible_collections.storefront.runbook.plugins.modules import pg_backup, pg_backup_info

from sandbox.process import wait_until
from sandbox.storefront import Sandbox
from tests.integration.restored_shop import OTHER_ROLE, Shop, killed
from tests.unit.support import run_module

SAME = {"same_server": True}


@pytest.fixture(scope="module")
def shop(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    shop = Shop(sandbox, "test-proof", tmp_path_factory.mktemp("store") / "store").fill()
    shop.back_up("first", encryption="off")
    yield shop
    shop.drop()


@pytest.fixture
def unproven(shop: Shop) -> Shop:
    """The shop, whose backup nobody has proven yet."""
    for proof in (shop.folder / "backups" / "first").glob("proof*"):
        proof.unlink()
    return shop


def proofs(shop: Shop) -> list[str]:
    return sorted(path.name for path in (shop.folder / "backups" / "first").glob("proof*"))


def test_the_newest_backup_is_proven_once_and_the_time_to_recover_is_kept_beside_it(unproven: Shop) -> None:
    predicted = unproven.prove(**SAME, check=True)
    assert (predicted["changed"], predicted["proof"]["backup"], predicted["proof"]["recovery_seconds"]) == (
        True,
        "first",
        None,
    )
    assert proofs(unproven) == []

    made = unproven.prove(**SAME)
    proof = made["proof"]
    assert made["changed"] is True
    assert (proof["level"], proof["tables"], proof["rows"], proof["unproven"], proof["separate_server"]) == (
        "restore",
        6,
        6204,
        [],
        False,
    )
    assert proof["compared"] == proof["tables"]  # with what was counted in the snapshot that was dumped
    assert proof["recovery_seconds"] >= sum(proof["seconds"].values()) * 0.9 > 0
    assert unproven.family() == []
    assert [name.partition("-")[0] for name in proofs(unproven)] == ["proof", "proof.json"]
    assert json.loads((unproven.folder / "backups" / "first" / proofs(unproven)[0]).read_text()) == proof
    assert (read_proof(open_store(unproven.store), "first") or {})["duration"] == proof["recovery_seconds"]

    again = unproven.prove()
    assert (again["changed"], again["proof"]) == (False, proof)
    assert unproven.restore("restored", check=True)["restore"]["expected_seconds"] == proof["recovery_seconds"]


def test_a_backup_that_lacks_a_row_that_was_counted_is_not_proven(unproven: Shop) -> None:
    manifest = unproven.folder / "backups" / "first.json"
    text = manifest.read_text()
    manifest.write_text(json.dumps({**json.loads(text), "tables": {"public.note": 4, "public.item": 2000}}))
    try:
        refused = unproven.prove(**SAME)
    finally:
        manifest.write_text(text)
    assert refused["error"]["code"] == "not_what_was_backed_up"
    assert "public.note has 3 rows and not 4" in refused["msg"]
    assert (proofs(unproven), unproven.family()) == ([], [])


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ({}, "no_scratch", "Set scratch_url to a database on another server"),
        ({"same_server": True, "same_server_limit": 1000}, "too_large", "same_server_limit allows 1000"),
        ({"same_server": True, "same_server_volume": 1000}, "no_room", "of which a fifth has to stay free"),
        ({"same_server": True, "database_url": None}, "no_scratch", "same_server needs database_url"),
        ({"backup": "none-such", **SAME}, "no_backup", "none-such"),
        ({"scratch_url": "postgresql://shop:pw@127.0.0.1:1/postgres"}, "connection", "No server listens there"),
    ],
)
def test_what_cannot_work_is_refused_in_check_mode_already(
    unproven: Shop, options: dict[str, Any], code: str, words: str
) -> None:
    refused = unproven.prove(**options, check=True)
    assert refused["error"]["code"] == code
    assert words in refused["msg"]


def test_a_scratch_server_that_is_the_live_one_needs_the_permission_for_that(unproven: Shop) -> None:
    refused = unproven.prove(scratch_url=unproven.url_of("postgres"))
    assert refused["error"]["code"] == "no_scratch"
    assert "on the live database's own server" in refused["msg"]


def test_another_server_or_one_that_is_started_here_needs_neither_the_live_one_nor_its_roles(unproven: Shop) -> None:
    unproven.database.sql(
        "DROP POLICY readers ON customer; ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE SELECT ON TABLES FROM"
        f' "{OTHER_ROLE}"'
    )
    unproven.back_up("second", encryption="off")
    unproven.admin(f'ALTER ROLE "{OTHER_ROLE}" RENAME TO "test-restore-renamed"')
    try:
        proof = unproven.prove(scratch_url=unproven.url_of("postgres"), database_url=None, backup="second")["proof"]
    finally:
        unproven.admin(f'ALTER ROLE "test-restore-renamed" RENAME TO "{OTHER_ROLE}"')
    assert (proof["separate_server"], proof["unproven"], proof["rows"]) == (
        True,
        [f"owners and grants: the server lacks the roles {OTHER_ROLE}"],
        6204,
    )
    assert unproven.family() == []
    here = unproven.prove(local_server=True, database_url=None, backup="second", again=True)["proof"]
    assert (here["separate_server"], here["unproven"], here["rows"]) == (
        True,
        [f"owners and grants: the server lacks the roles shop, {OTHER_ROLE}"],
        6204,
    )


PROVING = [
    "!CREATE DATABASE",
    "!pg_restore', '--exit",
    "ANALYZE",
    "DROP DATABASE",
    "!DROP DATABASE",
    "!'recovery_seconds'",
]


@pytest.mark.parametrize("step", PROVING)
def test_a_proof_that_is_killed_at_any_step_proves_nothing_and_the_next_run_drops_what_it_left(
    unproven: Shop, step: str
) -> None:
    parameters = {
        "postgres_bin": unproven.bin,
        "database_url": unproven.database.url,
        **unproven.store,
        "backup": "first",
        **SAME,
    }
    left = [] if PROVING.index(step) > PROVING.index("DROP DATABASE") else ["scratch"]
    assert (killed(parameters, step, "pg_proof"), unproven.family()) == (True, left)
    let_go(unproven)
    made = unproven.prove(**SAME, backup="first")
    assert (made["changed"], len(made["leftovers"]), unproven.family(), len(proofs(unproven))) == (
        True,
        len(left),
        [],
        2,
    )


def let_go(shop: Shop) -> None:
    """Wait until the server knows that a killed run is gone."""
    mine = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted"
    assert wait_until(
        lambda: (
            not shop.admin(
                f"{mine} UNION ALL SELECT 1 FROM pg_stat_activity WHERE starts_with(datname, %s)", f"{shop.name}@"
            )
        ),
        10,
    )


def test_a_scratch_database_that_another_run_uses_is_left_to_it(unproven: Shop) -> None:
    unproven.admin(f'CREATE DATABASE "{unproven.name}@scratch-20200101T000000Z" OWNER shop')
    with closing(psycopg2.connect(unproven.url_of("postgres"))) as other, other.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_lock(hashtextextended(%s, 0))",
            [f"storefront.runbook {unproven.name}@scratch-20200101T000000Z"],
        )
        assert unproven.prove(**SAME, backup="first")["leftovers"] == []
    assert unproven.family() == ["scratch"]
    unproven.drop_family()


def listed(shop: Shop) -> dict[str, Any]:
    return run_module(pg_backup_info, shop.store)


STEPS = [
    "!pg_export_snapshot",
    "pg_dump', '--format",
    "!pg_dump', '--format",
    "'globals.json'",
    "!'globals.json'",
    "'finished_at'",
    "!'finished_at'",
]


@pytest.mark.parametrize("step", STEPS)
def test_a_backup_that_is_killed_at_any_step_is_none_and_the_next_run_makes_it(unproven: Shop, step: str) -> None:
    assert killed(unproven.backing_up(f"killed-{STEPS.index(step)}", encryption="off"), step, "pg_backup")
    name, whole = f"killed-{STEPS.index(step)}", step == "!'finished_at'"
    assert (name in [backup["name"] for backup in listed(unproven)["backups"]]) == whole
    again = run_module(pg_backup, unproven.backing_up(name, encryption="off"))
    assert (again["failed"], again["changed"]) == (False, not whole)
    assert listed(unproven)["leftovers"] == []
    with open_backup(open_store(unproven.store), name) as backup:
        backup.verify()
