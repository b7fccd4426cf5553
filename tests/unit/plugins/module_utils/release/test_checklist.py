# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checklist takes from the inventory, how a run is refused, and what the ledger keeps of the answers."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.checks.check import Context
from ansible_collections.storefront.runbook.plugins.module_utils.checks.register import CHECKS
from ansible_collections.storefront.runbook.plugins.module_utils.checks.settings import Reader
from ansible_collections.storefront.runbook.plugins.module_utils.core.options import validated
from ansible_collections.storefront.runbook.plugins.module_utils.release.checklist import refusal, saved
from ansible_collections.storefront.runbook.plugins.module_utils.release.checklist_systems import Seen, seen_of, systems

ALL = ["database", "backend", "frontend", "edge"]
LIVE = {"live": {"id": "1", "release": "v1.0.0"}, "candidates": [], "variables": [{"name": "A", "digest": "x"}]}
WHOLE: dict[str, Any] = {
    **{"surfaces": ALL, "frontend_url": "https://shop.example/", "backend_url": "https://api.shop.example:8443"},
    **{"github": {"api_token": "t", "repository": "acme/shop", "api_url": ""}, "headers": {"x-probe": "s"}},
    **{"backend_platform": "railway", "backend_token": "rt", "backend_root_directory": "apps/backend"},
    **{"backend": [{"unit": {"name": "api"}, **LIVE}], "frontend_token": "vt", "frontend": LIVE},
    **{"frontend_root_directory": "apps/frontend", "staged_url": "https://staged.example"},
}
RUN: dict[str, Any] = {
    "store": {"store": "s3://shop", "store_region": "", "store_is_shared": None},
    "sentry": {"token": "st", "organization": "acme", "url": ""},
    "thread": {"channel": "C1", "ts": "1767225600.000100"},
}
FACTS: dict[str, Any] = {
    **{"surfaces": ALL, "frontend_url": "https://shop.example", "backend_url": "https://api.shop.example"},
    **{"broken": ["", {}], "slack": {"channel": "C1", "token": "t"}},
    "backup": {"source": "controller", "backs_up": True, "proves": False, "rehearsal_copy": ""},
}


def test_what_the_variables_of_a_run_mean() -> None:
    seen = seen_of(FACTS)
    assert (seen.frontend_url, seen.backend_url) == (FACTS["frontend_url"], FACTS["backend_url"])
    assert (seen.broken, seen.slack_channel) == (False, "C1")
    assert seen.backup == {"ours": True, "backs_up": True, "proves": False}
    alone = seen_of({**FACTS, "surfaces": ["frontend"]})
    assert (alone.frontend_url, alone.backend_url) == (FACTS["frontend_url"], ""), "nobody releases the API"
    assert seen_of({**FACTS, "broken": ["", {"api": "v1.0.0"}]}).broken
    assert seen_of({**FACTS, "broken": ["the old one fails", {}]}).broken
    assert seen_of({**FACTS, "slack": {"channel": "C1", "token": ""}}).slack_channel == ""
    assert seen_of({**FACTS, "backup": {**FACTS["backup"], "source": "platform"}}).backup["ours"] is False
    assert seen_of({**FACTS, "backup": {**FACTS["backup"], "proves": True}}).backup["proves"] is True
    assert seen_of({**FACTS, "backup": {**FACTS["backup"], "rehearsal_copy": "backup"}}).backup["proves"] is True


def test_the_inventory_configures_what_it_knows() -> None:
    found = systems(Seen(**WHOLE))
    assert found["github"] == {"api_token": "t", "repository": "acme/shop"}
    assert found["edge"]["hosts"] == ["shop.example", "api.shop.example:8443"]
    assert found["edge"]["allowed_origins"] == ["https://shop.example"]
    assert [(one["name"], one["platform"], one["root_directory"]) for one in found["environment"]["units"]] == [
        ("api", "railway", "apps/backend"),
        ("frontend", "vercel", "apps/frontend"),
    ]
    assert [one["live"] for one in found["rollback"]["units"]] == ["v1.0.0", "v1.0.0"]
    assert found["rollback"]["schema_is"] == "unchanged"
    assert "staging" not in found, "its address is known to the inventory alone"


def test_each_option_is_one_of_a_check() -> None:
    """So that nothing that a run knows is refused as an option that there is not."""
    given = {"staging": {"staging_url": "postgresql://staging"}, "dashboards": {}}
    more = {"maintenance": True, "allow_plain_http": True, "slack_channel": "C1"}
    more |= {"store": {"store": "s3://bucket/shop"}, "links": [{"name": "Sentry", "url": "https://sentry.example"}]}
    found = systems(Seen(**{**WHOLE, "given": given, **more}))
    _settings, problems = Reader(CHECKS, found, Context(), ZoneInfo("UTC"), validated).read([])
    assert problems == []


def test_the_baseline_of_dashboards_is_taken() -> None:
    found = systems(Seen(**{**WHOLE, **RUN}))["dashboards"]
    assert found["probes"] == ["https://shop.example/"]
    assert (found["sentry_token"], found["sentry_organization"]) == ("st", "acme")
    assert "probes" not in systems(Seen(**{**WHOLE, **RUN, "broken": True}))["dashboards"], "it may be broken"
    assert systems(Seen(**{**WHOLE, "backend": [], "frontend": {}}))["dashboards"]["live"] is False


def test_the_files_and_the_packages_of_the_release_are_scanned() -> None:
    found = systems(Seen(**WHOLE))
    assert found["secrets"]["folders"] == ["."]
    assert found["dependencies"]["folders"] == ["apps/backend", "apps/frontend"]
    assert systems(Seen(**{**WHOLE, "surfaces": ["frontend"], "backend": []}))["dependencies"]["folders"] == [
        "apps/frontend"
    ]
    single = {**WHOLE, "backend_root_directory": "", "frontend_root_directory": ""}
    assert systems(Seen(**single))["dependencies"]["folders"] == ["."]
    off = {"secrets": {"folders": []}, "dependencies": {"folders": []}, "lighthouse": {"thresholds": {}}}
    left = systems(Seen(**{**WHOLE, "given": off}))
    assert [left["secrets"]["folders"], left["dependencies"]["folders"], left["lighthouse"]["thresholds"]] == [
        [],
        [],
        {},
    ]


def test_lighthouse_asks_for_more_than_90_in_each_category() -> None:
    found = systems(Seen(**WHOLE))["lighthouse"]
    assert found["thresholds"] == {"performance": 90, "accessibility": 90, "best-practices": 90, "seo": 90}
    assert found["url"] == "https://staged.example"
    assert "url" not in systems(Seen(**{**WHOLE, "staged_url": ""}))["lighthouse"], "it is due later"
    assert "lighthouse" not in systems(Seen(**{**WHOLE, "surfaces": ["backend"]}))


def test_pages_ask_the_api_where_it_has_an_origin_of_its_own() -> None:
    health = {"health_url": "/health"}
    assert systems(Seen(**WHOLE, **health))["edge"]["cors_url"] == "https://api.shop.example:8443/health"
    assert "cors_url" not in systems(Seen(**{**WHOLE, "backend_url": "https://shop.example/api"}))["edge"]
    assert "cors_url" not in systems(Seen(**WHOLE, **health, broken=True))["edge"]
    given = {"edge": {"rate_limit_url": "/api/auth/login", "cors_url": "https://other.example/"}}
    edge = systems(Seen(**{**WHOLE, "given": given}))["edge"]
    assert edge["rate_limit_url"] == "https://api.shop.example:8443/api/auth/login", "a path is one of the API"
    assert edge["cors_url"] == "https://other.example/"


@pytest.mark.parametrize(
    ("backup", "expected"),
    [
        ({"ours": True, "backs_up": True}, {"deploy_creates": True}),
        ({"ours": True, "proves": True}, {"deploy_proves": True}),
        ({}, {}),
    ],
)
def test_backups_are_asked_about_as_the_deploy_protects_the_database(backup: Any, expected: Any) -> None:
    assert systems(Seen(**{**WHOLE, **RUN, "backup": backup}))["backups"] == {
        "store": "s3://shop",
        "restored_days": 0,
        **expected,
    }


def test_a_restore_is_asked_for_where_the_inventory_names_backups() -> None:
    found = systems(Seen(**{**WHOLE, **RUN, "given": {"backups": {"database": "shop"}}}))["backups"]
    assert found == {"store": "s3://shop", "database": "shop"}


def test_backups_of_others_and_a_run_without_the_database_are_not_asked_about() -> None:
    assert "backups" not in systems(Seen(**{**WHOLE, **RUN, "backup": {"ours": False}}))
    assert "backups" not in systems(Seen(**{**WHOLE, **RUN, "surfaces": ["frontend"]}))
    named = {"backup": {"ours": False}, "given": {"backups": {}}}
    assert systems(Seen(**{**WHOLE, **RUN, **named}))["backups"]["store"] == "s3://shop", "unless they are named"


def test_the_inventory_s_own_options_win() -> None:
    given = {"github": {"repository": "acme/other"}, "edge": {"hosts": ["a.example"]}, "docs": {"changelog": "NEWS.md"}}
    found = systems(Seen(**{**WHOLE, "given": given}))
    assert (found["github"]["repository"], found["github"]["api_token"]) == ("acme/other", "t")
    assert found["edge"]["hosts"] == ["a.example"]
    assert found["docs"] == {"changelog": "NEWS.md"}


@pytest.mark.parametrize("wrong", ["token", ["token"], 3])
def test_a_system_that_is_not_a_mapping_is_refused_with_the_others(wrong: Any) -> None:
    found = systems(Seen(**{**WHOLE, "given": {"github": wrong, "staging": wrong}}))
    _settings, problems = Reader(CHECKS, found, Context(), ZoneInfo("UTC"), validated).read([{"id": "C99"}])
    assert [one for one in problems if "mapping" in one] == [
        "systems: github is not a mapping: write its options as name: value",
        "systems: staging is not a mapping: write its options as name: value",
    ]
    assert any("no check 'C99'" in one for one in problems)


@pytest.mark.parametrize("left_out", ["api_token", "repository"])
def test_half_a_repository_is_none(left_out: str) -> None:
    github = {**WHOLE["github"], left_out: ""}
    assert "github" not in systems(Seen(**{**WHOLE, "github": github}))


def test_a_platform_that_did_not_answer_has_no_units() -> None:
    found = systems(Seen(**{**WHOLE, "backend": [{"unit": {"name": "api"}, "msg": "no"}], "frontend": {"msg": "no"}}))
    assert "rollback" not in found
    assert "environment" not in found


def test_what_a_run_does_not_move_is_not_asked() -> None:
    found = systems(Seen(**{**WHOLE, "surfaces": ["backend"]}))
    assert [one["name"] for one in found["rollback"]["units"]] == ["api"]


@pytest.mark.parametrize(
    ("pending", "schema"),
    [
        ([{"name": "a", "backward_compatible": True}], "safe"),
        ([{"name": "a", "backward_compatible": False}], "accepted"),
    ],
)
def test_the_schema_of_a_rollback(pending: list[Any], schema: str) -> None:
    assert systems(Seen(**{**WHOLE, "pending": pending}))["rollback"]["schema_is"] == schema


def test_a_first_deploy_has_no_live_site() -> None:
    nothing: dict[str, Any] = {"unit": {"name": "api"}, "live": None, "candidates": []}
    assert systems(Seen(**{**WHOLE, "backend": [nothing], "frontend": {}}))["edge"]["live"] is False
    assert "live" not in systems(Seen(**WHOLE))["edge"]


def test_the_message_of_a_run_is_due_at_the_gate_and_known_afterwards() -> None:
    slack = {"slack_channel": "C1"}
    assert "notifications" not in systems(Seen(**WHOLE))
    assert systems(Seen(**WHOLE, **slack))["notifications"] == {"channel": "C1", "ts": "0.000000"}
    thread = {"channel": "C1", "ts": "1767225600.000100"}
    assert systems(Seen(**WHOLE, **slack, thread=thread, point="after"))["notifications"] == thread
    assert "notifications" not in systems(Seen(**WHOLE, **slack, point="after")), "Slack failed, and no deploy does"


def test_the_dashboards_are_those_of_the_notifications() -> None:
    links = [{"name": "Sentry", "url": "https://sentry.example"}]
    assert systems(Seen(**WHOLE, links=links))["dashboards"]["links"] == {"Sentry": "https://sentry.example"}


# Refusals

ANSWERS = {"problems": ["C1 CI: no"], "message": "1 check says no, 14 say go.\n  C1 CI: no"}
WRONG = {"error": {"kind": "config"}, "msg": "Nothing was asked."}


@pytest.mark.parametrize(
    ("problems", "answers", "said"),
    [
        ([], {"problems": [], "verdict": "go"}, ""),
        ([], {}, ""),
        ([], ANSWERS, "Nothing was changed. 1 check says no, 14 say go.\n- C1 CI: no"),
        (["a"], {"problems": [], "verdict": "go"}, "Nothing was changed. 1 in the way:\n- a"),
        (["a"], ANSWERS, "Nothing was changed. 1 in the way, and 1 check says no, 14 say go.\n- a\n- C1 CI: no"),
        ([], WRONG, "Nothing was changed. 1 in the way:\n- Nothing was asked."),
        (["a"], WRONG, "Nothing was changed. 2 in the way:\n- a\n- Nothing was asked."),
    ],
)
def test_a_run_is_refused_with_everything_in_its_way(problems: list[str], answers: dict[str, Any], said: str) -> None:
    assert refusal(problems, answers) == said


def test_a_checklist_or_approvals_without_an_answer_are_never_a_yes() -> None:
    """Ansible itself refuses an option without any of the module's results, and a crash has none either."""
    shape = {"failed": False, "msg": "value of severity must be one of: stop, warn"}
    went, approved = {"verdict": "go"}, {"missing": 0}
    assert shape["msg"] in refusal([], shape)
    assert shape["msg"] in refusal([], went, shape)
    assert "gave no answer" in refusal([], {"failed": False}, approved)
    assert "0 of 1 approvals" in refusal([], went, {"error": {}, "missing": 1, "msg": "0 of 1 approvals"})
    assert (refusal([], went, approved), refusal([], went), refusal([], {})) == ("", "", "")


def test_the_ledger_keeps_the_answers_and_where_their_statement_is() -> None:
    answers = {"evidence": [{"name": "C1 ci", "outcome": "passed", "at": "2026-03-03T15:42:13Z"}]}
    assert [one["name"] for one in saved(answers, {"key": None}, "gate")] == ["C1 ci"]
    assert saved(answers, {"key": "evidence/v1/x.json"}, "gate")[1] == {
        "name": "evidence",
        "asked": "Where are the answers of the checklist at gate?",
        "answered": "evidence/v1/x.json",
        "outcome": "saved",
        "at": "2026-03-03T15:42:13Z",
    }
