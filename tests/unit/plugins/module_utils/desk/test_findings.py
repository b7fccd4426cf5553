# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of the diagnosis, on facts as they are gathered: the first finding names what is wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.desk.diagnosis import build, find
from ansible_collections.storefront.runbook.plugins.module_utils.desk.findings.finding import View
from ansible_collections.storefront.runbook.plugins.module_utils.desk.gather import ABSENT

from tests.unit.plugins.module_utils.desk.facts import (
    LIVE,
    PARAMS,
    check,
    database,
    down,
    facts,
    findings,
    redis,
    unit,
)

FAILED = {**LIVE, "id": "d3", "release": "v1.2.0", "status": "failed"}
LOCK = {
    "pid": 11,
    "seconds": 40.0,
    "relation": '"Order"',
    "query": "ALTER TABLE",
    "blocked_by": 12,
    "blocker_user": "shop",
    "blocker_application": "report",
    "blocker_state": "idle in transaction",
    "blocker_query": "SELECT ?",
}


def broken_build(log: str) -> dict[str, Any]:
    return {"unit__api": unit(newest=FAILED), "logs__api": {"build": log, "runtime": []}}


def failed_migration(resolve: str | None) -> dict[str, Any]:
    row = {
        "name": "2_price",
        "state": "failed",
        "started_at": "2026-03-01T09:00",
        "logs": "ERROR: no",
        "resolve": resolve,
    }
    return {
        "database": database(
            migrations={"known": True, "failed": ["2_price"], "history": [{**row, "explanation": "Look."}]}
        )
    }


def counted(requests: int, errors: int) -> dict[str, int]:
    return {"requests": requests, "errors_4xx": 0, "errors_5xx": errors}


def statement(query: str, calls: int, mean: float = 1.0) -> dict[str, Any]:
    return {"query": query, "calls": calls, "mean_ms": mean, "total_ms": calls * mean, "rows": calls}


def issue(first_seen: str, events: int, title: str = "TypeError: null (reading 'price')") -> dict[str, Any]:
    """An issue of the day on which v1.1.0 was deployed at 9:00."""
    return {"title": title, "events": events, "first_seen": f"2026-03-01T{first_seen}:00Z", "url": "https://sentry/1"}


def reported(*issues: dict[str, Any], sessions: dict[str, tuple[int, int]] | None = None) -> dict[str, Any]:
    counted = {name: {"total": total, "bad": bad} for name, (total, bad) in (sessions or {}).items()}
    return {"issues": list(issues), "sessions": counted}


N_PLUS_ONE = [
    statement('SELECT * FROM "Product" LIMIT $?', 10),
    statement('SELECT * FROM "Review" WHERE "productId" = $?', 240),
]
SILENT = {"unit__api": unit()}  # of a platform that counts no answers, such as Render
SICK = [
    check(
        "health",
        "https://api.shop.example/health",
        outcome="unhealthy",
        release=None,
        reasons=["status 503 instead of 200"],
    )
]
CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("build_npm", "T1", broken_build("npm ERR! code ELIFECYCLE\nnpm ERR! errno 1")),
    ("build_npm", "T1", broken_build("npm error code ERESOLVE\nnpm error ERESOLVE could not resolve")),
    ("build_typescript", "T1", broken_build("src/app.ts(3,7): error TS2322: no\nnpm ERR! code ELIFECYCLE")),
    ("build_typescript", "T1", broken_build("./app/page.tsx:3:7\nType error: Type 'string' is not assignable")),
    ("build_node_version", "T1", broken_build("npm error code EBADENGINE\nnpm error Not compatible")),
    (
        "build_node_version",
        "T1",
        broken_build('You are using Node.js 18.1.0. For Next.js, Node.js version ">=20.9.0" is required.'),
    ),
    (
        "build_memory",
        "T1",
        broken_build("FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"),
    ),
    ("build_memory", "T1", broken_build('Error: Command "npm run build" exited with code 137\nnpm ERR! code 137')),
    ("build_variable", "T1", broken_build("Error: Missing environment variable STRIPE_KEY")),
    ("build_other", "T1", broken_build("something strange")),
    ("migration_failed", "T2", failed_migration("rolled-back")),
    ("migration_failed", "T2", failed_migration("applied")),
    ("migration_half_applied", "T2", failed_migration(None)),
    ("migrations_pending", "T2", {"pending": ["2_price"]}),
    ("variable_missing", "T3", {"needs": {"api": ["STRIPE_KEY"]}}),
    ("variable_missing", "T3", {"needs": {"api": ["STRIPE_KEY"]}, "site__backend": SICK}),
    ("database_down", "T3", {"database": down("PostgreSQL cannot be reached", "connection"), "site__backend": SICK}),
    ("database_connections", "T3", {"database": down("too many", "too_many_connections"), "site__backend": SICK}),
    ("database_connections", "T3", {"database": down('FATAL: too many connections for role "shop"', "connection")}),
    ("database_password", "T3", {"database": down("no", "auth_failed", "config"), "site__backend": SICK}),
    (
        "database_full",
        "T3",
        {
            "logs__api": {"build": "", "runtime": ["could not extend file: No space left on device"]},
            "site__backend": SICK,
        },
    ),
    ("database_locked", "T3", {"database": database(locks=[LOCK])}),
    ("redis_down", "T3", {"redis": down("Redis does not answer"), "site__backend": SICK}),
    ("redis_full", "T3", {"redis": redis(memory={"used": 100, "limit": 100, "share": 1.0, "policy": "noeviction"})}),
    (
        "redis_evicting",
        "T3",
        {"redis": redis(stats={"hits": 1, "misses": 9, "hit_rate": 0.1, "evicted": 40, "seconds": 1.0})},
    ),
    (
        "unit_crashed",
        "T3",
        {
            "unit__api": unit(newest={**FAILED, "status": "crashed"}),
            "logs__api": {"build": "", "runtime": ["PAYMENT_PROVIDER is required"]},
        },
    ),
    ("unit_stopped", "T3", {"unit__worker": unit(live=None, newest={**LIVE, "status": "stopped"})}),
    ("unhealthy", "T3", {"site__backend": SICK}),
    ("edge_old_page", "T4", {"site__frontend": [check("homepage", "https://shop.example/", release="v1.0.0")]}),
    (
        "domain_old_page",
        "T4",
        {"site__frontend": [check("homepage", "https://shop.example/", release="v1.0.0", cf_cache_status="MISS")]},
    ),
    ("errors_with_release", "T5", {"unit__api": unit(http_since=counted(500, 40), http_before=counted(500, 1))}),
    (
        "errors_without_release",
        "T5",
        {
            "unit__api": unit(
                http_since=counted(900, 41),
                http_before=counted(900, 40),
                http=counted(100, 30),
                http_usual=counted(800, 5),
            )
        },
    ),
    ("errors_with_release", "T5", {"sentry": reported(issue("09:12", 214))}),
    ("errors_with_release", "T5", {"sentry": reported(sessions={"v1.1.0": (400, 40), "v1.0.0": (900, 4)})}),
    ("errors_with_release", "T5", {"sentry": reported(sessions={"shop@v1.1.0": (400, 40), "shop@v1.0.0": (900, 4)})}),
    ("errors_without_release", "T5", {"sentry": reported(issue("11:40", 214))}),
    (
        "in_maintenance",
        "T3",
        {"edge_maintenance": {"on": True}, "site__backend": [{**SICK[0], "status": 503}]},
    ),
    ("n_plus_one", "T6", {"database": database(slow_queries=N_PLUS_ONE)}),
    ("slow_query", "T6", {"database": database(slow_queries=[statement("SELECT 1", 3, 900.0)])}),
    (
        "index_missing",
        "T6",
        {"indexes": [{"name": "i", "table": "Review", "migration": "1_init", "sql": "CREATE INDEX CONCURRENTLY i"}]},
    ),
    ("index_invalid", "T6", {"database": database(bloat={"invalid_indexes": [{"name": "i", "table": "t"}]})}),
    (
        "redis_cold",
        "T6",
        {"redis": redis(stats={"hits": 10, "misses": 190, "hit_rate": 0.05, "evicted": 0, "seconds": 1.0})},
    ),
]


def test_a_shop_that_is_well_has_no_finding() -> None:
    assert findings() == []


@pytest.mark.parametrize(("name", "section", "changed"), CASES, ids=[f"{one[0]}-{at}" for at, one in enumerate(CASES)])
def test_the_first_finding_names_what_is_wrong(name: str, section: str, changed: dict[str, Any]) -> None:
    first = findings(**changed)[0]
    assert (first.id, first.section) == (name, section)
    assert first.evidence
    assert first.cause
    assert first.do.startswith("ansible-playbook playbooks/")
    assert " -i production" in first.do


@pytest.mark.parametrize(
    ("since", "before"),
    [((500, 4), (500, 4)), ((19, 19), (500, 0)), ((500, 30), (500, 29)), ((500, 5), (500, 0)), ((500, 30), (10, 0))],
)
def test_no_spike_is_seen_where_there_is_none(since: tuple[int, int], before: tuple[int, int]) -> None:
    assert findings(unit__api=unit(http_since=counted(*since), http_before=counted(*before))) == []


@pytest.mark.parametrize(
    "sentry",
    [
        reported(),
        reported(issue("08:00", 5000)),
        reported(issue("09:12", 19)),
        reported(sessions={"v1.1.0": (400, 40), "v1.0.0": (900, 80)}),
        reported(sessions={"v1.1.0": (10, 10), "v1.0.0": (900, 4)}),
    ],
)
def test_what_sentry_had_before_or_has_little_of_is_no_finding(sentry: dict[str, Any]) -> None:
    assert findings(sentry=sentry) == []


def test_the_evidence_of_sentry_has_counts_and_the_issue() -> None:
    (found,) = findings(sentry=reported(issue("09:01", 3, "rare"), issue("09:12", 214)))
    assert "2 new issues, 217 events since" in found.evidence
    assert "TypeError: null (reading 'price') (https://sentry/1)" in found.evidence
    assert (found.certainty, found.remedy) == ("likely", "rollback")
    (sure,) = findings(sentry=reported(sessions={"v1.1.0": (400, 40), "v1.0.0": (900, 4)}))
    assert sure.certainty == "sure"
    assert "40 of 400 sessions failed (10.0 %), of other releases 4 of 900 (0.4 %)" in sure.evidence


def clear(**changed: Any) -> list[str]:
    view = View(PARAMS, facts(**changed))
    found, wrong = find(view)
    return build(view, found, wrong)["report"]["clear"]


def test_errors_are_fine_only_where_something_counts_them() -> None:
    assert "errors" in clear(unit__api=unit(http=counted(100, 0)))
    assert "errors" in clear(sentry=reported())
    assert "errors" not in clear(sentry=down("no such organization"), **SILENT)
    (found,) = findings(**SILENT)
    assert (found.id, found.weight) == ("errors_unknown", 2)
    assert "it is not configured" in found.evidence
    (found,) = findings(sentry=down("Sentry answered 401"), **SILENT)
    assert "Sentry answered 401" in found.evidence


def test_what_was_not_asked_is_not_called_fine() -> None:
    assert "pages at the edge" not in clear(site__frontend=down("no answer"))
    assert "migrations" not in clear(database=ABSENT)


def test_a_maintenance_hides_nothing_that_it_does_not_explain() -> None:
    closed = {"edge_maintenance": {"on": True}, "site__backend": [{**SICK[0], "status": 500}]}
    assert [one.id for one in findings(**closed)] == ["unhealthy", "in_maintenance"]
    record = {"since": "2026-03-01T11:30:00Z", "by": "alice", "way": "edge", "units": ["worker"]}
    record |= {"expected_at": "2026-03-01T12:30:00Z"}
    stopped = {"unit__worker": unit(live=None, newest={**LIVE, "status": "stopped"}), "maintenance": record}
    (found,) = findings(**stopped)
    assert found.do.endswith("maintenance.yml -i production -e maintenance_state=off")
    (found,) = findings(lease={"state": "free", "journal": {"held": True}})
    assert "Deploy again or roll back" in found.advice


def test_a_lock_of_sessions_that_are_not_visible_is_named() -> None:
    hidden = {**LOCK, "seconds": None, "query": None, "blocker_query": None, "blocker_state": None}
    (found,) = findings(database=database(locks=[hidden]))
    assert (found.id, found.target) == ("database_locked", "12")


def test_a_lock_that_is_short_is_none() -> None:
    assert findings(database=database(locks=[{**LOCK, "seconds": 0.2}])) == []


def test_a_cause_comes_before_what_follows_from_it() -> None:
    found = findings(database=down("refused", "connection"), site__backend=SICK)
    assert [one.id for one in found][:2] == ["database_down", "unhealthy"]


def test_many_calls_of_one_statement_alone_are_no_n_plus_one() -> None:
    lookups = [
        statement('SELECT * FROM "User" WHERE "id" = $?', 500),
        statement('SELECT * FROM "Cart" WHERE "id" = $?', 400),
    ]
    assert findings(database=database(slow_queries=lookups)) == []


def test_what_could_not_be_asked_is_said_and_the_rest_is_judged() -> None:
    view = View(PARAMS, facts(unit__api=down("Railway does not answer"), redis=down("Redis does not answer")))
    found, wrong = find(view)
    page = build(view, found, wrong)
    assert page["report"]["unreachable"] == {"unit:api": "Railway does not answer", "redis": "Redis does not answer"}
    assert page["report"]["level"] == "down"
    assert page["report"]["contacts"] == ["on call: +1 555 0100"]
    assert any("Railway does not answer" in line for line in page["lines"])


def test_a_rule_that_fails_hides_no_other() -> None:
    def broken(view: View) -> Any:
        raise ValueError("secret")

    found, wrong = find(View(PARAMS, facts(redis=down("no"))), [broken, *[]])
    assert found == []
    assert "broken" in wrong[0]
    assert "secret" not in wrong[0]


NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def first_of(**changed: Any) -> tuple[str, str]:
    found, wrong = find(View(PARAMS, facts(**changed), NOW))
    assert wrong == []
    return found[0].id, found[0].certainty


def full_disk(minutes: float) -> dict[str, Any]:
    at = (NOW - timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")
    return {"build": "", "runtime": [{"at": at, "message": "could not extend file: No space left on device"}]}


def test_a_line_that_was_logged_before_the_checks_passed_is_not_the_cause_of_today() -> None:
    evicting = redis(stats={"hits": 1, "misses": 9, "hit_rate": 0.1, "evicted": 40, "seconds": 1.0})
    assert first_of(redis=evicting, logs__api=full_disk(1)) == ("database_full", "likely")
    assert first_of(redis=evicting, logs__api=full_disk(30))[0] == "redis_evicting"
    assert first_of(logs__api=full_disk(30)) == ("database_full", "for your information"), "it is still shown"


@pytest.mark.parametrize(
    ("line", "full"),
    [
        ('{"level":50,"code":"53100","msg":"request errored"}', True),
        ("PostgresError { code: 53100, message: ... }", True),
        ("ERROR:  53100: out of room", True),
        ("SQLSTATE 53100", True),
        (
            '{"level":30,"time":1796153100123,"remotePort":53100,"responseTime":53100.2,"msg":"request completed"}',
            False,
        ),
        ("request 1f53100c from 127.0.0.1:53100", False),
    ],
)
def test_the_code_of_a_full_disk_is_not_found_in_a_port_or_a_time(line: str, full: bool) -> None:
    found, _wrong = find(View(PARAMS, facts(logs__api={"build": "", "runtime": [line]}), NOW))
    assert ("database_full" in {one.id for one in found}) is full


def test_while_the_checks_fail_an_older_line_counts_for_an_hour() -> None:
    failing = {"site__backend": [{**facts()["site:backend"].value[0], "outcome": "unhealthy", "reasons": ["503"]}]}
    assert first_of(**failing, logs__api=full_disk(30))[0] == "database_full"
    assert first_of(**failing, logs__api=full_disk(90))[0] == "unhealthy"


def test_the_newest_line_counts_and_one_without_a_time_is_of_now() -> None:
    newest = {"at": NOW.isoformat(), "message": "request completed"}
    lines = [*full_disk(90)["runtime"], *full_disk(1)["runtime"], newest]
    assert first_of(logs__api={"build": "", "runtime": lines}) == ("database_full", "likely")
    undated = {"build": "", "runtime": ["No space left on device"]}
    assert first_of(logs__api=undated) == ("database_full", "likely")


def test_a_build_that_failed_days_ago_comes_behind_what_is_wrong_now() -> None:
    def failed(days: float) -> dict[str, Any]:
        return {**FAILED, "created_at": (NOW - timedelta(days=days)).isoformat()}

    log = {"build": "npm ERR! code 1", "runtime": []}
    assert first_of(unit__api=unit(newest=failed(0.1)), logs__api=log) == ("build_npm", "sure")
    assert first_of(unit__api=unit(newest=failed(3)), logs__api=log) == ("build_npm", "for your information")
