# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the shop moves to, what is read from the databases about it, and what is written on them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.backup.archive import Archive
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError, RunbookError
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import nothing
from ansible_collections.storefront.runbook.plugins.module_utils.postgres import databases
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.connection import Database, parse_url
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.databases import DatabaseRow
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.programs import Tool
from ansible_collections.storefront.runbook.plugins.module_utils.restore import target as new_place
from ansible_collections.storefront.runbook.plugins.module_utils.restore.replace_live import Site
from ansible_collections.storefront.runbook.plugins.module_utils.restore.target import RestoreTarget

from tests.unit.plugins.fake_postgres import FakePostgres

LIVE = parse_url("postgresql://shop:hunter22@db.example/shop")
TARGET = parse_url("postgresql://shop:hunter22@other.example/instance", "target_url")
NOTE = {"backup": "sale", "sha256": "abc"}
LOST = {"public.order": {"inserted": 3, "updated": 0, "deleted": 0}}
KEEP: dict[str, Any] = {"keep": timedelta(hours=1), "lock_timeout": 10}


class World(FakePostgres):
    """Every server at once: ``notes`` is what is written on each database, ``done`` what was done, ``left``
    the one that the shop has moved away from.
    """

    def __init__(self) -> None:
        super().__init__()
        self.notes: dict[str, dict[str, Any]] = {"shop": {}, "instance": {}}
        self.done: list[str] = []
        self.left: str | None = None
        self.fits = True
        self.empty = True
        self.mine = True

    def answer(self, statement: Any, values: Any) -> list[tuple[Any, ...]] | None:
        if "FROM pg_database ORDER BY" in str(statement):
            return [
                (number, name, True, databases.noted(note)) for number, (name, note) in enumerate(self.notes.items())
            ]
        parts = list(statement) if not isinstance(statement, str) else []
        if parts and "COMMENT" in parts[0].string:
            if not self.mine:
                raise psycopg2.errors.InsufficientPrivilege("must be owner of database instance")
            self.notes[parts[1].string] = json.loads(parts[3].wrapped.removeprefix(databases.MARK))
            self.done.append(f"mark {parts[1].string} {self.notes[parts[1].string]['state']}")
        elif parts and "RENAME" in parts[2].string:
            self.notes[parts[3].string] = self.notes.pop(parts[1].string)
            self.done.append(f"rename {parts[1].string} to {parts[3].string.partition('-')[0]}")
        return None

    def related(self) -> list[DatabaseRow]:
        return databases.family(self, "shop")[1]

    def leave(self, old: Database, new: Database, heartbeat: Any, lock_timeout: float) -> Any:
        self.done.append(f"leave {old.name} for {new.name.partition('-')[0]}")
        self.left = old.name
        return LOST, 0.2

    def fitness(self, live: Database, connection: Any, *, adopt: bool, known: bool) -> None:
        self.done.append(f"check whether it is fit, adopt {adopt}, known {known}")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    monkeypatch.setattr(new_place, "connect", lambda database, *, heartbeat: world)
    monkeypatch.setattr(new_place.url_swap, "is_left", lambda connection, name: world.left == name)
    monkeypatch.setattr(new_place.url_swap, "is_empty", lambda connection: world.empty)
    monkeypatch.setattr(new_place.url_swap, "leave", world.leave)
    monkeypatch.setattr(new_place.url_swap, "refuse_unfit_target", world.fitness)
    monkeypatch.setattr(new_place, "fits_one_transaction", lambda connection, archive: world.fits)
    monkeypatch.setattr(
        new_place.restore,
        "load",
        lambda archive, tool, target, **how: world.done.append(f"load {target.name} in {how['jobs']}"),
    )
    monkeypatch.setattr(new_place.verify, "verify", lambda target, manifest, heartbeat: {"rows": 9})
    return world


@pytest.fixture
def elsewhere(world: World) -> RestoreTarget:
    """An empty database at another address that was named."""
    return place(world, TARGET)


def place(world: World, target: Database | None, *, adopt: bool = False) -> RestoreTarget:
    return RestoreTarget(
        Site(LIVE, LIVE, world, DatabaseRow(10, "shop", True, None, {}), world.related(), nothing),
        target,
        adopt,
        nothing,
    )


def load(where: RestoreTarget) -> Any:
    return where.load(
        Archive({"name": "sale"}, "/dev/null"),
        Tool("pg_restore", (18, 0)),
        NOTE,
        name="shop@incoming-20260202T090000Z",
        jobs=3,
        ownership=True,
    )


@pytest.mark.parametrize(
    ("note", "known", "ready"),
    [
        ({}, False, False),
        ({"state": "loading", **NOTE}, True, False),  # a killed run's, which is finished
        ({"state": "verified", **NOTE}, True, True),
        ({"state": "serving", **NOTE}, True, True),
        ({"state": "undone", **NOTE}, False, False),  # it has been written to since
        ({"state": "verified", "sha256": "other"}, False, False),
    ],
)
def test_a_named_database_is_ready_once_this_backup_was_verified_in_it(
    elsewhere: RestoreTarget, world: World, note: Any, known: bool, ready: bool
) -> None:
    world.notes["instance"] = note
    found = elsewhere.find_restored("abc")
    assert (found.name if found else None) == ("instance" if ready else None)
    assert world.done == [f"check whether it is fit, adopt False, known {known}"]


def test_one_that_somebody_else_restored_is_ready_as_it_is(world: World) -> None:
    adopted = place(world, TARGET, adopt=True).find_restored(None)
    assert adopted
    assert (adopted.name, world.done) == ("instance", ["check whether it is fit, adopt True, known False"])


def test_an_address_at_which_there_is_no_such_database_is_reported(elsewhere: RestoreTarget, world: World) -> None:
    del world.notes["instance"]
    with pytest.raises(ConfigError, match=r"no database instance at target_url.*a pooler may be in front of it"):
        elsewhere.find_restored("abc")


def test_beside_the_live_one_it_is_what_was_staged_of_this_backup(world: World) -> None:
    assert place(world, None).find_restored("abc") is None
    world.notes |= {
        "shop@incoming-20260202T090000Z": {"state": "loading", **NOTE},
        "shop@restored-20260202T080000Z": {"state": "serving", **NOTE},
    }
    found = place(world, None).find_restored("abc")
    assert found
    assert found.name == "shop@restored-20260202T080000Z"
    assert place(world, None).find_restored(None) is None


def test_what_serves_is_known_from_the_one_that_was_left(world: World) -> None:
    world.notes |= {
        "shop@restored-20260202T090000Z": {"state": "undone"},
        "shop@restored-20260202T080000Z": {"state": "serving"},
    }
    assert (place(world, None).serving(), place(world, TARGET).serving()) == (None, None)
    world.left = "shop"
    here, there = place(world, None).serving(), place(world, TARGET).serving()
    assert here
    assert there
    assert (here.name, there.name) == ("shop@restored-20260202T080000Z", "instance")


def test_a_backup_is_loaded_into_a_named_database_in_one_transaction_and_marked_before_and_after(
    elsewhere: RestoreTarget, world: World
) -> None:
    entry, found = load(elsewhere)
    assert world.done == ["mark instance loading", "load instance in None", "mark instance verified"]
    assert (entry.note, found) == ({"state": "verified", "verified": {"rows": 9}, **NOTE}, {"rows": 9})


@pytest.mark.parametrize(("empty", "loaded"), [(True, ["load instance in None"]), (False, [])])
def test_after_a_killed_run_it_is_loaded_again_only_when_nothing_of_it_is_there(
    elsewhere: RestoreTarget, world: World, empty: bool, loaded: list[str]
) -> None:
    world.notes["instance"] = {"state": "loading", **NOTE}
    world.empty = empty
    load(elsewhere)
    assert world.done == [*loaded, "mark instance verified"]


def test_one_with_too_many_tables_for_one_transaction_is_loaded_in_many_and_a_killed_run_is_refused_with_the_way_out(
    elsewhere: RestoreTarget, world: World
) -> None:
    world.fits = False
    load(elsewhere)
    assert world.done == ["mark instance loading", "load instance in 1", "mark instance verified"]
    world.notes["instance"] = {"state": "loading", "whole": False, **NOTE}
    world.empty = False
    with pytest.raises(
        ConfigError, match=r"holds a part of a restore that was killed. Drop that database and create it again"
    ):
        load(elsewhere)
    world.empty = True
    world.done.clear()
    load(elsewhere)
    assert world.done == ["load instance in 1", "mark instance verified"]


def test_the_shop_moves_to_a_new_name_and_only_then_is_that_reported(world: World) -> None:
    world.notes["shop@incoming-20260202T090000Z"] = {"state": "verified", **NOTE}
    where = place(world, None)
    ready = where.find_restored("abc")
    assert ready
    entry, lost, facts = where.go(ready, NOTE, **KEEP)
    assert world.done == [
        "rename shop@incoming-20260202T090000Z to shop@restored",
        "leave shop for shop@restored",
        f"mark {entry.name} serving",
    ]
    assert (lost, facts["held_seconds"]) == (LOST, 0.2)
    kept = datetime.fromisoformat(facts["kept_until"]) - datetime.now(UTC)
    assert timedelta(minutes=59) < kept <= timedelta(hours=1)
    assert world.notes[entry.name] == {
        "kind": "restored",
        "of": "shop",
        "state": "serving",
        "kept_until": facts["kept_until"],
        **NOTE,
    }


def test_a_killed_move_is_continued_under_the_name_that_it_had(world: World) -> None:
    world.notes["shop@restored-20260202T080000Z"] = {"state": "verified", **NOTE}
    where = place(world, None)
    ready = where.find_restored("abc")
    assert ready
    entry, _lost, _facts = where.go(ready, NOTE, **KEEP)
    assert (entry.name, world.done[0]) == ("shop@restored-20260202T080000Z", "leave shop for shop@restored")


def test_the_way_back_leaves_the_restored_database_and_says_that_it_was_undone(
    elsewhere: RestoreTarget, world: World
) -> None:
    world.notes["instance"], world.left = {"state": "serving", **NOTE}, "shop"
    serving = elsewhere.serving()
    assert serving
    lost, facts = elsewhere.go_back(serving, **KEEP)
    assert (lost, world.done) == (LOST, ["leave instance for shop", "mark instance undone"])
    assert world.notes["instance"] == {"of": "shop", "state": "undone", "kept_until": facts["kept_until"], **NOTE}


@pytest.mark.parametrize("adopt", [True, False])
def test_no_note_is_left_on_somebody_elses_database_that_is_adopted(world: World, adopt: bool) -> None:
    world.mine = False
    where, entry = place(world, TARGET, adopt=adopt), DatabaseRow(1, "instance", True, None, {})
    if adopt:
        assert where.go(entry, NOTE, **KEEP)[0] == entry
    else:
        with pytest.raises(RunbookError, match="must be owner"):
            where.go(entry, NOTE, **KEEP)
    assert world.done == ["leave shop for instance"]
