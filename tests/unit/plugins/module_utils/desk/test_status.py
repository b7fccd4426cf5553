# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The status page, drift and the board, on facts as they are gathered."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.desk import recorded
from ansible_collections.storefront.runbook.plugins.module_utils.desk.board import board
from ansible_collections.storefront.runbook.plugins.module_utils.desk.clues import made_indexes
from ansible_collections.storefront.runbook.plugins.module_utils.desk.drift import drift
from ansible_collections.storefront.runbook.plugins.module_utils.desk.gather import gather
from ansible_collections.storefront.runbook.plugins.module_utils.desk.held import Held
from ansible_collections.storefront.runbook.plugins.module_utils.desk.status_page import build
from ansible_collections.storefront.runbook.plugins.module_utils.release import maintenance, pages

from tests.unit.plugins.module_utils.desk.facts import (
    LIVE,
    NOW,
    OLD,
    PARAMS,
    VARIABLES,
    check,
    database,
    down,
    facts,
    redis,
    unit,
    well,
)


def status(**changed: Any) -> dict[str, Any]:
    return build(PARAMS, facts(**changed), NOW)


def test_a_shop_that_is_well_needs_nothing() -> None:
    page = status()
    assert page["report"]["level"] == "ok"
    assert page["report"]["next"] == []
    assert page["report"]["contacts"] == []
    assert len(page["lines"]) <= 12


@pytest.mark.parametrize(
    ("surface", "level", "word", "changed"),
    [
        (
            "api",
            "down",
            "status 503",
            {"site__backend": [check("health", "/h", outcome="unhealthy", reasons=["status 503"])]},
        ),
        (
            "frontend",
            "attention",
            "challenge",
            {"site__frontend": [check("home", "/", outcome="probe_blocked", reasons=["a challenge"])]},
        ),
        ("worker", "down", "nothing of it runs", {"unit__worker": unit(live=None)}),
        ("worker", "down", "suspended", {"unit__worker": unit(suspended=True)}),
        ("api", "attention", "maintenance", {"unit__api": unit(maintenance=True)}),
        ("api", "attention", "could not be asked", {"unit__api": down("no answer within 6 s")}),
        (
            "api",
            "attention",
            "2.0 % errors",
            {"unit__api": unit(http={"requests": 100, "errors_5xx": 2}, http_usual={"requests": 900, "errors_5xx": 1})},
        ),
        ("api", "attention", "crashed", {"unit__api": unit(newest={**LIVE, "id": "d3", "status": "crashed"})}),
        ("database", "down", "refused", {"database": down("it refused", "connection")}),
        ("database", "attention", "failed", {"database": database(migrations={"failed": ["2_x"], "history": []})}),
        ("database", "attention", "pending", {"pending": ["2_x"]}),
        ("database", "attention", "no backup", {"backups": {"count": 0, "latest": None, "proven": None}}),
        (
            "database",
            "attention",
            "2 days old",
            {"backups": {"count": 1, "latest": {"age": 180000, "proof": "none"}, "proven": None}},
        ),
        ("redis", "down", "refused", {"redis": down("it refused")}),
        ("redis", "attention", "full", {"redis": redis(memory={"used": 99, "limit": 100, "share": 0.99})}),
        ("edge", "attention", "paused", {"edge": {"zone": "z", "paused": True, "status": "active"}}),
        ("edge", "attention", "development mode", {"edge": {"zone": "z", "development_mode": 600}}),
        ("edge", "attention", "fell", {"edge": {"zone": "z", "hit_rate": 0.3, "usual_hit_rate": 0.9}}),
        ("store", "attention", "no such bucket", {"ledger": down("no such bucket.")}),
    ],
)
def test_what_is_not_well_is_named(surface: str, level: str, word: str, changed: dict[str, Any]) -> None:
    report = status(**changed)["report"]
    assert report["surfaces"][surface]["level"] == level
    assert any(word in why for why in report["surfaces"][surface]["why"])
    assert report["level"] == level
    assert report["next"][0].startswith("ansible-playbook playbooks/diagnose.yml -i production")
    assert report["contacts"] == ["on call: +1 555 0100"]


RECORD = {
    "since": "2026-03-01T11:30:00Z",
    "by": "alice",
    "way": "edge",
    "units": ["worker"],
    "expected_at": "2026-03-01T12:30:00Z",
    "opens_at": None,
    "reason": "the database moves",
}
CLOSED = {"outcome": "unhealthy", "status": 503, "reasons": ["status 503 instead of 200"]}


def in_maintenance(**changed: Any) -> dict[str, Any]:
    """The shop is closed at the edge, and its worker was stopped for that."""
    usual = {
        "maintenance": RECORD,
        "unit__worker": unit(live=None, newest={**LIVE, "status": "stopped"}),
        "site__backend": [check("health", "/health", **CLOSED)],
        "site__frontend": [check("homepage", "/", **CLOSED)],
    }
    return {**usual, **changed}


def test_a_shop_in_maintenance_is_closed_and_not_broken() -> None:
    page = status(**in_maintenance())
    report = page["report"]
    assert report["level"] == "attention"
    assert report["maintenance"]["by"] == "alice"
    assert report["surfaces"]["worker"]["why"] == ["stopped for the maintenance"]
    assert report["surfaces"]["api"]["why"] == ["closed for maintenance"]
    assert report["drift"] == []
    assert report["next"][1].endswith("maintenance.yml -i production -e maintenance_state=off")
    assert not any("rollback" in command for command in report["next"])
    (row,) = [line for line in page["lines"] if "maintenance on since" in line]
    assert "by alice, by a Worker at Cloudflare's edge, because the database moves; expected back" in row


@pytest.mark.parametrize(
    ("changed", "level", "why"),
    [
        ({"unit__api": unit(live=None)}, "down", "nothing of it runs"),
        (
            {"site__backend": [check("health", "/health", outcome="unhealthy", status=500, reasons=["500"])]},
            "down",
            "500",
        ),
        ({"maintenance": {**RECORD, "units": []}}, "attention", "closed for maintenance"),
    ],
)
def test_what_is_broken_in_a_maintenance_is_still_named(changed: dict[str, Any], level: str, why: str) -> None:
    surface = status(**in_maintenance(**changed))["report"]["surfaces"]["api"]
    assert surface["level"] == level
    assert any(why in text for text in surface["why"])


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"maintenance": {**RECORD, "expected_at": "2026-03-01T11:45:00Z"}}, "it was expected to end"),
        ({"maintenance": {}, "edge_maintenance": {"on": True, "since": None}}, "no record says why"),
        ({"maintenance": {}, "lease": {"state": "free", "journal": {"held": True}}}, "by an unfinished deploy"),
    ],
)
def test_each_kind_of_maintenance_is_named(changed: dict[str, Any], words: str) -> None:
    page = status(**in_maintenance(**changed))
    assert any(words in line for line in page["lines"] if "maintenance on" in line), page["lines"]


def test_an_open_shop_is_in_no_maintenance() -> None:
    assert status(maintenance={}, edge_maintenance={"on": False})["report"]["maintenance"] is None


def test_a_deployment_with_which_the_run_itself_ended_is_no_drift() -> None:
    again = {**LIVE, "id": "d3", "created_at": "2026-03-01T09:01:00+00:00"}
    assert drift(facts(unit__api=unit(live=again))) == []
    (found,) = drift(facts(unit__api=unit(live={**again, "created_at": "2026-03-01T09:03:00+00:00"})))
    assert found.kind == "redeployed"


def test_a_deploy_under_way_is_shown_with_its_step() -> None:
    held = {
        "state": "held",
        "holder": "alice on ci-17",
        "release": "v1.2.0",
        "acquired_at": "2026-03-01T11:50:00Z",
        "journal": {"step": "backend.release"},
    }
    page = status(lease=held)
    assert page["report"]["lease"]["step"] == "backend.release"
    assert any("alice on ci-17 for v1.2.0 since 10 min, at backend.release" in line for line in page["lines"])


def test_a_deploy_that_did_not_finish_needs_attention() -> None:
    page = status(lease={"state": "free", "journal": {"kind": "deploy", "release": "v1.2.0", "step": "migrate"}})
    assert page["report"]["level"] == "attention"
    assert any("the deploy of v1.2.0 did not finish" in line for line in page["lines"])


def test_a_certificate_that_ends_soon_needs_attention() -> None:
    page = status(tls={"hosts": {"shop.example": [{"days_left": 12}, {"days_left": 61}]}})
    assert page["report"]["expiring"] == [
        {"what": "certificate of shop.example", "days_left": 12, "level": "attention"}
    ]
    assert page["report"]["level"] == "attention"


@pytest.mark.parametrize(
    ("kind", "exact", "changed"),
    [
        ("deployed", True, {"unit__api": unit(live={**LIVE, "id": "d9", "release": "v9"})}),
        ("redeployed", True, {"unit__api": unit(live={**LIVE, "id": "d9", "created_at": "2026-03-01T10:00:00+00:00"})}),
        ("rolled back", True, {"unit__api": unit(live={**LIVE, "id": "d9", "release": "v9"}, rolled_back=True)}),
        ("stopped", False, {"unit__api": unit(live=None)}),
        ("scaled", False, {"unit__api": unit(replicas=3)}),
        ("variables", False, {"unit__api": unit(variables=VARIABLES[:1])}),
        ("variables", False, {"unit__api": unit(variables=[*VARIABLES, {"name": "X", "digest": "c"}])}),
        ("variables", False, {"unit__api": unit(variables=[VARIABLES[0], {**VARIABLES[1], "digest": "c"}])}),
        ("auto_deploy", False, {"unit__api": unit(auto_deploy=True)}),
    ],
)
def test_what_somebody_changed_is_drift(kind: str, exact: bool, changed: dict[str, Any]) -> None:
    (found,) = drift(facts(**changed))
    assert (found.unit, found.kind, found.exact) == ("api", kind, exact)
    assert found.since
    assert found.text()


def test_a_unit_that_render_started_again_is_no_drift_unless_it_serves_something_else() -> None:
    again = {**LIVE, "id": "d9", "created_at": "2026-03-01T10:00:00+00:00"}
    assert drift(facts(unit__api=unit(live=again, resumed=True))) == []
    (found,) = drift(facts(unit__api=unit(live={**again, "release": "v9"}, resumed=True)))
    assert found.kind == "deployed"


def test_a_rollback_at_vercel_differs_from_a_promotion() -> None:
    site = well()["unit:frontend"]
    moved = {"type": "rollback", "at": "2026-03-01T10:00:00+00:00", "to": "d1", "from": "d2", "status": "succeeded"}
    (found,) = drift(facts(unit__frontend={**site, "live": OLD, "moved": moved}))
    assert (found.kind, found.since, found.exact) == ("rolled back", "2026-03-01T10:00:00+00:00", True)
    (found,) = drift(facts(unit__frontend={**site, "live": OLD, "moved": {**moved, "type": "promote"}}))
    assert found.kind == "promoted"


def test_a_variable_of_vercel_that_was_set_before_our_deploy_is_no_drift() -> None:
    site = well()["unit:frontend"]
    before = [{"name": "A", "at": 1_740_000_000_000}]
    late = [{"name": "B", "at": 1_772_366_400_000}]
    assert drift(facts(unit__frontend={**site, "variables": before})) == []
    (found,) = drift(facts(unit__frontend={**site, "variables": before + late}))
    assert "B was set" in found.what


def test_each_change_of_a_variable_at_vercel_shows_however_soon_after_our_deploy() -> None:
    site, at = well()["unit:frontend"], 1_740_000_000_000
    then = [{"name": "A", "digest": "a"}, {"name": "B", "digest": "b"}]
    state = {"units": {"frontend": {"id": site["live"]["id"], "variables": then}}, "since": "2026-03-01T00:00:00+00:00"}
    now = [{"name": "B", "digest": "c", "at": at}, {"name": "C", "digest": "d", "at": at}]
    ledger = {**well()["ledger"], "live": state}
    found = drift(facts(ledger=ledger, unit__frontend={**site, "variables": now}))
    assert [one.what for one in found] == [
        "frontend: A was removed",
        "frontend: C was added",
        "frontend: B was changed",
    ]
    assert [one.exact for one in found] == [False, True, True]
    assert drift(facts(ledger=ledger, unit__frontend={**site, "variables": then})) == []


def record(kind: str, at: str, **more: Any) -> dict[str, Any]:
    """Return a record of the ledger; that of a deploy has the units of a shop that is well."""
    units = well()["ledger"]["live"]["units"] if kind == "deploy" else {}
    usual: dict[str, Any] = {
        "id": at,
        "outcome": "released" if kind == "deploy" else "changed",
        "snapshot": {},
        "release": "v1.1.0",
    }
    return {"kind": kind, "finished_at": f"2026-03-01T{at}:00+00:00", "commit": "c2", "units": units, **usual, **more}


def switched(state: str, at: str, **more: Any) -> dict[str, Any]:
    """Return the record of a maintenance by variable, for which the worker is stopped."""
    held = {"way": "variable", "units": ["worker"], "had_variable": [], **more}
    return record("maintenance", at, change=maintenance.change(state, held, PARAMS["backend"]["units"]))


MODE = {"name": maintenance.VARIABLE, "digest": "c" * 64}
HELD = Held("variable", "2026-03-01T10:00:00+00:00", units=("worker",))


def again(at: str) -> dict[str, Any]:
    """Return the live deployment of a unit that was deployed again."""
    return {**LIVE, "id": "d9", "created_at": f"2026-03-01T{at}:00+00:00"}


def drift_after(*records: dict[str, Any], closed: Held | None = None, **now: Any) -> list[str]:
    """Return what drifted of the units ``now`` since the records, the newest first."""
    ledger = {**well()["ledger"], "live": recorded.live([*records, record("deploy", "09:02")])}
    return [one.what for one in drift(facts(ledger=ledger, **now), closed)]


def test_what_a_maintenance_changed_is_no_drift() -> None:
    closed = {"unit__api": unit(live=again("10:01"), variables=[*VARIABLES, MODE]), "unit__worker": unit(live=None)}
    assert drift_after(switched("on", "10:02"), closed=HELD, **closed) == []
    assert drift_after(closed=HELD, **closed) == [], "a run that was killed has written no record"
    assert drift_after(**closed) != []
    opened = {"unit__api": unit(live=again("10:31")), "unit__worker": unit(live=again("10:30"))}
    ended = (switched("off", "10:32"), switched("on", "10:02"))
    assert drift_after(*ended, **opened) == []
    assert drift_after(record("restore", "10:32"), **opened) == []


def test_what_somebody_changed_after_a_maintenance_is_drift() -> None:
    ended = (switched("off", "10:32"), switched("on", "10:02"))
    mode = unit(live=again("10:31"), variables=[*VARIABLES, MODE])
    assert drift_after(*ended, unit__api=mode) == ["api: MAINTENANCE_MODE was added"]
    had = (switched("off", "10:32", had_variable=["api"]), ended[1])
    assert drift_after(*had, unit__api=mode) == [], "it has another value than before"
    assert drift_after(*ended, unit__api=unit(live=again("11:00"))) == ["api was deployed again (v1.1.0)"]
    other = unit(live=again("10:01"), variables=[*VARIABLES, MODE, {"name": "FLAG", "digest": "d"}])
    assert drift_after(switched("on", "10:02"), closed=HELD, unit__api=other) == ["api: FLAG was added"]
    moved = unit(live={**again("10:01"), "release": "v9"})
    assert drift_after(switched("on", "10:02"), closed=HELD, unit__api=moved) == ["api was moved from v1.1.0 to v9"]


def test_without_a_ledger_there_is_no_drift() -> None:
    assert drift(facts(ledger=down("no"), unit__api=unit(replicas=3))) == []


def test_the_board_says_why_not() -> None:
    ledger = {
        "live": None,
        "records": [{"release": "v0.9.0", "finished_at": "2026-01-01T00:00:00Z"}],
        "unfit": ["v1.0.0"],
    }
    found = {one.release: one for one in board(facts(ledger=ledger), ["api", "worker"], {"v1.0.0": ["2_drop"]})}
    assert found["v1.1.0"].why_not == ["it is live"]
    assert not found["v1.0.0"].possible
    assert any("2_drop" in why for why in found["v1.0.0"].why_not)
    assert any("withdrawn" in why for why in found["v1.0.0"].why_not)
    assert found["v0.9.0"].units == {"api": "gone", "worker": "gone"}
    unknown = board(facts(unit__api=down("no answer")), ["api", "worker"], {})
    assert all(one.units["api"] == "not known" for one in unknown)


def test_an_index_counts_until_it_is_taken_away() -> None:
    files = {
        "1": 'CREATE INDEX "a" ON "t" ("x"); CREATE UNIQUE INDEX b ON public."u"(y); -- CREATE INDEX "c" ON "t" ("x");',
        "2": 'CREATE INDEX CONCURRENTLY IF NOT EXISTS "d" ON "t" ("z"); DROP INDEX "a";',
        "3": 'DROP TABLE "u";',
    }
    assert [(one["name"], one["table"], one["migration"]) for one in made_indexes(files)] == [("d", "t", "2")]


def test_a_system_that_does_not_answer_holds_nobody_up() -> None:
    forever = threading.Event()
    found = gather({"slow": forever.wait, "quick": lambda: 1, "broken": lambda: 1 / 0}, 0.2)
    forever.set()
    assert found["quick"].value == 1
    assert found["slow"].problem == "no answer within 0.2 s"
    assert found["broken"].kind == "internal"


@pytest.mark.parametrize(
    ("level", "fail_on", "fails"),
    [
        ("down", "down", True),
        ("attention", "down", False),
        ("attention", "attention", True),
        ("ok", "attention", False),
        ("down", "never", False),
        ("refused", "down", True),
    ],
)
def test_a_page_ends_the_run_by_its_level(level: str, fail_on: str, fails: bool) -> None:
    assert pages.fails(level, fail_on) is fails


def test_the_document_has_the_worst_level_and_who_was_refused() -> None:
    hosts = {"a": {"desk_report": {"level": "attention"}}, "b": {"rollout_failure": "no token"}}
    found = pages.document("status", ["a", "b"], hosts)
    assert found["level"] == "down"
    assert found["storefronts"]["b"] == {"level": "refused", "error": "no token"}
    assert pages.document("status", ["a"], hosts)["level"] == "attention"
