# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waivers, attestations, severities, points, an emergency, and what is refused before anything is asked."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.checks.answer import (
    due,
    failed,
    not_applicable,
    not_configured,
    passed,
    unasked,
)
from ansible_collections.storefront.runbook.plugins.module_utils.checks.check import Check, Context
from ansible_collections.storefront.runbook.plugins.module_utils.checks.run import Wanted, context_of, run_checks
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError, NoGo, Unreachable
from ansible_collections.storefront.runbook.plugins.module_utils.core.options import validated

COMMIT, OTHER = "a" * 40, "b" * 40
NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
CONTEXT = Context(storefront="shop", release="v1.1.0", commit=COMMIT, started_by="alice", now=NOON)
WAIVER = {"by": "bob", "reason": "flaky", "until": "2026-03-03"}


def check(identity: str, answer: Any, *, point: str = "gate", **more: Any) -> Check:
    """A check that gives this answer, raises this error, or does what this function does."""

    def ask(context: Context, options: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer(context, options) if callable(answer) else answer

    options = more.pop("options", {"limit": {"type": "int", "default": 3}})
    return Check(identity, f"check_{identity.lower()}", f"Question {identity}", point, ask, options, **more)


def run(*checks: Check, entries: Any = (), **more: Any) -> dict[str, Any]:
    return run_checks(checks, Wanted(more.pop("context", CONTEXT), entries=entries, stop=False, **more), validated)


def outcome(result: dict[str, Any]) -> tuple[str, str]:
    return result["answers"][0]["outcome"], result["verdict"]


NO = failed("e2e failed", "Rerun it", url="https://ci.example/1")


def test_every_no_is_shown_at_once_with_what_to_do_about_it() -> None:
    result = run(
        check("C1", NO), check("C2", passed("ok")), check("C3", unasked("no answer")), check("C4", due("the backup"))
    )
    assert result["verdict"] == "no_go"
    assert result["message"].splitlines() == [
        "2 checks say no, 1 says go, 1 is due later.",
        "  C1 Question C1: e2e failed. Rerun it. https://ci.example/1",
        "  C3 Question C3: could not be asked: no answer",
    ]
    assert result["summary"] == "1 passed, 1 failed, 1 could not be asked, 1 due later"
    assert [one["stops"] for one in result["answers"]] == [True, False, True, False]


def test_a_no_fails_the_task_with_all_answers_in_its_result() -> None:
    with pytest.raises(NoGo, match="e2e failed") as raised:
        run_checks([check("C1", NO)], Wanted(CONTEXT), validated)
    assert raised.value.result["answers"][0]["outcome"] == "failed"


def test_what_could_not_be_asked_is_never_go() -> None:
    assert outcome(run(check("C1", Unreachable("no answer")))) == ("could_not_be_asked", "inconclusive")


def test_a_fault_of_one_check_hides_neither_its_name_nor_the_others() -> None:
    result = run(check("C1", KeyError("sk_live_secret")), check("C2", passed("ok")))
    assert [one["outcome"] for one in result["answers"]] == ["could_not_be_asked", "passed"]
    assert "sk_live_secret" not in str(result)
    assert "KeyError" in result["answers"][0]["answered"]


@pytest.mark.parametrize("answer", [not_configured("set x"), not_applicable("a first deploy"), due("the backup")])
def test_what_has_no_answer_stops_nothing(answer: Any) -> None:
    assert run(check("C1", answer))["verdict"] == "go"


def test_what_is_not_configured_is_listed_with_what_it_lacks() -> None:
    lacks = not_configured("set api_token and repository of github")
    result = run(check("C1", lacks), check("C2", lacks), check("C3", not_configured("set staging_url")))
    assert result["summary"] == "0 passed, 3 not configured"
    assert result["unconfigured"] == ["C1, C2: set api_token and repository of github", "C3: set staging_url"]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"assumed": ["scans"]}, ("not_configured", "go")),
        ({}, ("passed", "go")),
        ({"assumed": ["others"]}, ("passed", "go")),
        ({"assumed": ["scans"], "entries": [{"id": "C1", "options": {"limit": 4}}]}, ("passed", "go")),
        ({"assumed": ["scans"], "entries": [{"id": "C1", "required": True}]}, ("failed", "no_go")),
    ],
)
def test_a_program_that_is_not_installed_leaves_a_check_that_nobody_named_unconfigured(
    wanted: Any, expected: tuple[str, str]
) -> None:
    one = check("C1", passed("asked"), system="scans", lacking=lambda options: "install it")
    assert outcome(run(one, **wanted)) == expected


def test_a_check_of_a_later_point_lacks_its_program_at_the_gate_already() -> None:
    one = check("C1", passed("asked"), system="scans", lacking=lambda options: "install it", point="staged")
    assert outcome(run(one, assumed=["scans"])) == ("not_configured", "go")


def test_a_check_that_only_observes_warns_unless_the_inventory_says_otherwise() -> None:
    observer = check("C8", failed("it is broken"), severity="warn")
    assert outcome(run(observer)) == ("failed", "go")
    assert outcome(run(observer, entries=[{"id": "C8", "severity": "stop"}])) == ("failed", "no_go")


def test_a_required_check_that_is_not_configured_fails() -> None:
    result = run(check("C1", not_configured("set x")), entries=[{"id": "C1", "required": True}])
    assert outcome(result) == ("failed", "no_go")
    assert "it is required and not configured: set x" in result["message"]


def test_a_required_check_that_is_not_applicable_passes() -> None:
    assert (
        run(check("C1", not_applicable("a first deploy")), entries=[{"id": "C1", "required": True}])["verdict"] == "go"
    )


def test_a_warning_is_shown_and_stops_nothing() -> None:
    result = run(check("C1", NO), entries=[{"id": "C1", "severity": "warn"}])
    assert outcome(result) == ("failed", "go")
    assert "(only a warning) C1" in result["message"]
    assert result["problems"] == []


@pytest.mark.parametrize("answer", [NO, Unreachable("no answer")])
def test_a_waiver_counts_on_its_last_day(answer: Any) -> None:
    result = run(check("C1", answer), entries=[{"id": "C1", "waiver": WAIVER}])
    assert outcome(result) == ("waived", "go")
    assert result["summary"] == "0 passed, 1 waived (C1 by bob until 3 Mar)"
    assert (result["answers"][0]["by"], result["answers"][0]["reason"]) == ("bob", "flaky")
    assert "e2e failed" in result["answers"][0]["answered"] or "no answer" in result["answers"][0]["answered"]


def test_a_waiver_that_ran_out_yesterday_is_reported_and_does_not_count() -> None:
    result = run(check("C1", NO), entries=[{"id": "C1", "waiver": {**WAIVER, "until": "2026-03-02"}}])
    assert outcome(result) == ("failed", "no_go")
    assert "the waiver by bob ran out on 2026-03-02" in result["message"]


@pytest.mark.parametrize(("zone", "expected"), [("UTC", "failed"), ("America/New_York", "waived")])
def test_a_waivers_day_ends_in_the_storefronts_zone(zone: str, expected: str) -> None:
    night = Context(commit=COMMIT, now=datetime(2026, 3, 4, 2, tzinfo=UTC))  # in New York it is still the third
    result = run(check("C1", NO), entries=[{"id": "C1", "waiver": WAIVER}], context=night, timezone=zone)
    assert result["answers"][0]["outcome"] == expected


def test_a_check_that_passes_needs_no_waiver() -> None:
    assert outcome(run(check("C1", passed("ok")), entries=[{"id": "C1", "waiver": WAIVER}])) == ("passed", "go")


def test_a_waiver_of_the_command_line_is_by_who_starts_the_run() -> None:
    result = run(check("C1", NO), waive=["check_c1"], waive_reason="known to be flaky")
    assert (result["answers"][0]["outcome"], result["answers"][0]["by"]) == ("waived", "alice")


@pytest.mark.parametrize("answer", [NO, not_configured("set x"), Unreachable("no answer")])
def test_an_attestation_answers_for_its_own_commit(answer: Any) -> None:
    entry = {"id": "C1", "attested": {"by": "carol", "commit": COMMIT, "note": "read it"}}
    assert outcome(run(check("C1", answer, attestable=True), entries=[entry])) == ("attested", "go")


def test_an_attestation_of_another_commit_does_not_count() -> None:
    entry = {"id": "C1", "attested": {"by": "carol", "commit": OTHER}}
    result = run(check("C1", NO, attestable=True), entries=[entry])
    assert outcome(result) == ("failed", "no_go")
    assert "the attestation by carol is for commit bbbbbbb, not for this one" in result["message"]


def test_an_attestation_without_a_commit_to_ask_about_does_not_count() -> None:
    entry = {"id": "C1", "attested": {"by": "carol", "commit": OTHER}}
    assert run(check("C1", NO, attestable=True), entries=[entry], context=Context(now=NOON))["verdict"] == "no_go"


def test_an_emergency_passes_over_what_yields_and_over_nothing_else() -> None:
    result = run(
        check("C19", NO, yields=True), check("C15", NO), emergency="checkout is down", emergency_approvers=["bob"]
    )
    assert [one["outcome"] for one in result["answers"]] == ["waived", "failed"]
    assert (result["answers"][0]["by"], result["answers"][0]["reason"]) == ("bob", "emergency: checkout is down")


@pytest.mark.parametrize(
    ("approvers", "reason", "said"),
    [
        ([], "checkout is down", "needs the approval of somebody else"),
        (["alice"], "checkout is down", "alice started it"),
        ([" Alice "], "checkout is down", "alice started it"),
        (["bob"], " ", "no reason is given"),
    ],
)
def test_an_emergency_without_a_reason_or_by_its_starter_alone_is_refused(
    approvers: list[str], reason: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        run(check("C19", NO, yields=True), emergency=reason, emergency_approvers=approvers)


def test_the_starter_may_be_one_of_two_approvers_and_does_not_count() -> None:
    result = run(check("C19", NO, yields=True), emergency="down", emergency_approvers=["alice", "bob"])
    assert result["answers"][0]["by"] == "bob"


def test_a_check_of_a_later_point_is_due_and_one_of_an_earlier_is_left_out() -> None:
    checks = (check("C1", NO), check("C14", passed("96"), point="staged"), check("C8", passed("ok"), point="after"))
    at_gate, staged = run(*checks), run(*checks, point="staged")
    assert [one["outcome"] for one in at_gate["answers"]] == ["failed", "due_later", "due_later"]
    assert [(one["id"], one["outcome"]) for one in staged["answers"]] == [("C14", "passed"), ("C8", "due_later")]


def test_evidence_names_its_commit_and_its_time() -> None:
    answer = run(check("C1", passed("ok", facts={"runs": 3})))["answers"][0]
    assert (answer["commit"], answer["release"], answer["facts"], answer["asked"]) == (
        COMMIT,
        "v1.1.0",
        {"runs": 3},
        "Question C1",
    )
    assert datetime.fromisoformat(answer["at"]).tzinfo is not None


def test_checks_run_side_by_side_and_keep_their_order() -> None:
    together = threading.Barrier(8, timeout=20)

    def meet(context: Context, options: Any) -> Any:
        together.wait()
        return passed("all eight were asked at once")

    result = run(*(check(f"C{number}", meet) for number in range(8)))
    assert [one["id"] for one in result["answers"]] == [f"C{number}" for number in range(8)]
    assert result["verdict"] == "go"


def test_a_check_that_hangs_holds_up_nothing() -> None:
    end = threading.Event()
    result = run(
        check("C1", lambda context, options: end.wait(60) and passed("late")), check("C2", passed("ok")), timeout=0.3
    )
    end.set()
    assert [one["outcome"] for one in result["answers"]] == ["could_not_be_asked", "passed"]
    assert "no answer within 0.3 s" in result["message"]


def test_options_come_from_the_entry_from_the_shared_system_and_from_the_defaults() -> None:
    seen: list[Any] = []
    spec = {name: {"type": "str", "default": "default"} for name in ("a", "b", "c")}

    def see(context: Context, options: Any) -> Any:
        seen.append(dict(options))
        return passed("ok")

    one = check("C1", see, options=spec, system="github")
    run(one, entries=[{"id": "C1", "options": {"a": "own"}}], systems={"github": {"a": "shared", "b": "shared"}})
    assert seen == [{"a": "own", "b": "shared", "c": "default"}]


def test_relative_paths_start_at_the_folder_those_in_lists_and_defaults_too() -> None:
    seen: list[Any] = []
    spec = {
        "file": {"type": "path"},
        "files": {"type": "list", "elements": "path", "default": []},
        "reports": {"type": "path", "default": "reports"},
        "word": {"type": "str", "default": "word"},
    }

    def see(context: Context, options: Any) -> Any:
        seen.append(dict(options))
        return passed("ok")

    one = check("C1", see, options=spec)
    run(one, entries=[{"id": "C1", "options": {"files": "a.sarif,/b.sarif"}}], folder="/shop")
    run(one)
    assert seen[0] == {"file": None, "files": ["/shop/a.sarif", "/b.sarif"], "reports": "/shop/reports", "word": "word"}
    assert seen[1] == {"file": None, "files": [], "reports": "reports", "word": "word"}


def test_a_check_that_lacks_an_option_is_not_configured() -> None:
    one = check("C1", NO, missing=lambda options: "set repository")
    assert outcome(run(one)) == ("not_configured", "go")


CHECKS = (
    check("C1", NO),
    check("C10", NO, attestable=True),
    check("C19", NO, options={"windows": {"type": "list"}}, system="calendar"),
)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"id": "C91"}, "there is no check 'C91': choose from C1 check_c1"),
        ({"id": "chek_c19"}, "there is no check 'chek_c19': did you mean check_c19?"),
        ({"id": "lighthouse_audit"}, "there is no check 'lighthouse_audit': choose from C1 check_c1"),
        ({"id": "C1", "options": {"windows": []}}, "it has no option windows, which is one of C19 check_c19"),
        ({"id": "C1", "options": {"retries": 3}}, "C1 check_c1: it has no option retries"),
        ({"id": "C1", "options": {"limit": "many"}}, "limit"),
        ({"id": "C1", "severity": "ignore"}, "neither stop nor warn"),
        ({"id": "C1", "waiver": {"by": "bob", "until": "2026-04-01"}}, "the waiver has no reason"),
        ({"id": "C1", "waiver": {**WAIVER, "reason": " "}}, "the waiver has no reason"),
        ({"id": "C1", "waiver": {"by": "bob", "reason": "flaky"}}, "the waiver has no until"),
        ({"id": "C1", "waiver": {"reason": "flaky", "until": "2026-04-01"}}, "the waiver has no by"),
        ({"id": "C1", "waiver": {}}, "the waiver has no by"),
        ({"id": "C1", "waiver": {**WAIVER, "until": "soon"}}, "is not a date"),
        ({"id": "C1", "waiver": {**WAIVER, "util": "2026-04-01"}}, "a waiver has no util"),
        ({"id": "C1", "attested": {"by": "carol", "commit": COMMIT}}, "it cannot be attested"),
        ({"id": "C10", "attested": {"commit": COMMIT}}, "the attestation has no by"),
        ({"id": "C10", "attested": {"by": "carol"}}, "the attestation has no commit"),
        ({"id": "C10", "attested": {"by": "carol", "commit": "v1.1.0"}}, "not a full SHA"),
    ],
)
def test_a_wrong_entry_is_refused_before_anything_is_asked(entry: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        run(*CHECKS, entries=[entry])
    assert said in str(raised.value)


@pytest.mark.parametrize(
    "until",
    ["01.04.2026", "2026/04/01", "2026-4-1", "20260401", "2026-W14-3", "2026-02-30", "9999-12-31", "tomorrow", "never"],
)
def test_a_date_in_another_form_is_refused(until: str) -> None:
    with pytest.raises(ConfigError, match="is not a date: write it as 2026-04-01"):
        run(*CHECKS, entries=[{"id": "C1", "waiver": {**WAIVER, "until": until}}])


@pytest.mark.parametrize(("word", "meant"), [("c1", "C1"), ("C1 ", "C1"), ("Check_C1x", "check_c1")])
def test_an_unknown_check_is_answered_with_the_one_that_was_meant(word: str, meant: str) -> None:
    with pytest.raises(ConfigError, match=f"did you mean {meant}"):
        run(*CHECKS, entries=[{"id": word}])


def test_everything_that_is_wrong_is_reported_at_once() -> None:
    with pytest.raises(ConfigError, match="4 to correct") as raised:
        run(
            *CHECKS,
            entries=[
                {"id": "C7"},
                {"id": "C1", "severity": "ignore", "waiver": {"by": "bob", "reason": "x"}},
                {"id": "C1"},
            ],
        )
    assert "listed twice" in str(raised.value)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"systems": {"github": {}}}, "there is no system 'github': choose from calendar"),
        ({"systems": {"calendar": {"token": "x"}}}, "systems: calendar has no option token"),
        ({"timezone": "Eastern"}, "timezone 'Eastern' is not known"),
        ({"waive": ["C1"]}, "waive has no reason"),
        ({"waive": ["C77"], "waive_reason": "x"}, "waive: there is no check 'C77'"),
        ({"waive": ["C1"], "waive_reason": "x", "context": Context(now=NOON)}, "waive has no name"),
    ],
)
def test_wrong_settings_of_the_whole_are_refused(more: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        run(*CHECKS, **more)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    "params",
    [
        {"commit": "main"},
        {"commit": "abc1234"},
        {"live_commit": "A" * 40},
        {"at": "noon"},
        {"at": "2026-03-03T10:00:00"},
    ],
)
def test_a_commit_is_a_full_sha_and_a_time_has_a_zone(params: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        context_of(params)


@pytest.mark.parametrize("shared", [True, False])
def test_a_relative_path_in_the_settings_starts_at_their_folder(shared: bool) -> None:
    seen: list[Any] = []

    def ask(context: Context, options: Any) -> Any:
        seen.append(options["calendar"])
        return passed("ok")

    options = {"calendar": {"type": "path"}, "limit": {"type": "str", "default": "a/b"}}
    given = {"calendar": "calendars/freeze.ics"}
    entries = [] if shared else [{"id": "C1", "options": given}]
    run(
        check("C1", ask, options=options, system="office"),
        entries=entries,
        systems={"office": given} if shared else {},
        folder="/srv/ops",
    )
    assert seen == ["/srv/ops/calendars/freeze.ics"]
    run(check("C1", ask, options=options), entries=[{"id": "C1", "options": {"calendar": "/etc/x.ics"}}], folder="/srv")
    assert seen[1:] == ["/etc/x.ics"]


# Points


def points(**wanted: Any) -> dict[str, str]:
    staged = check("C14", passed("ok"), point="staged")
    after = check("C20", passed("ok"), point="after", missing=lambda options: "set a url")
    result = run(check("C1", passed("ok")), staged, after, **wanted)
    return {one["id"]: one["outcome"] for one in result["answers"]}


def test_checks_of_later_points_are_due_or_not_configured() -> None:
    assert points() == {"C1": "passed", "C14": "due_later", "C20": "not_configured"}


def test_at_their_point_they_are_asked_and_earlier_ones_are_not() -> None:
    assert points(point="staged") == {"C14": "passed", "C20": "not_configured"}
    assert points(point="after") == {"C20": "not_configured"}


def test_a_point_that_the_run_does_not_come_to_is_not_applicable() -> None:
    assert points(reached=["gate"])["C14"] == "not_applicable"


def test_the_result_names_the_points_at_which_something_is_due() -> None:
    checks = [check("C1", passed("ok")), check("C14", passed("ok"), point="staged")]
    result = run(*checks)
    assert result["due"] == ["staged"]
    assert [one["name"] for one in result["evidence"]] == ["C1 check_c1"], "the answer comes later"
    assert run(checks[0])["due"] == []


def test_a_no_of_a_deploy_says_how_to_pass_over_it() -> None:
    said = run(check("C1", NO), check("C2", NO, yields=True), deploys=True)["problems"]
    assert "To waive it: -e waive=C1 -e waive_reason=…" in said[0]
    assert "emergency" not in said[0]
    assert "In an emergency: approve.yml -e release=v1.1.0, and deploy.yml with -e emergency=…" in said[1]
    assert "waive" not in run(check("C1", NO))["problems"][0], "a module alone has no such option"


@pytest.mark.parametrize("until", ["2026-04-01", "2027-04-01"])
def test_the_summary_has_the_year_of_a_waiver_that_is_far_away(until: str) -> None:
    summary = run(check("C1", NO), entries=[{"id": "C1", "waiver": {**WAIVER, "until": until}}])["summary"]
    assert summary.endswith("(C1 by bob until 1 Apr 2027)" if "2027" in until else "(C1 by bob until 1 Apr)")
