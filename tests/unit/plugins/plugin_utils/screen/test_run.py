# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run on the screen: what is printed of recorded runs, and of results of every kind."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.plugin_utils.screen.doing import live
from ansible_collections.storefront.runbook.plugins.plugin_utils.screen.event import Event
from ansible_collections.storefront.runbook.plugins.plugin_utils.screen.headline import FIXED
from ansible_collections.storefront.runbook.plugins.plugin_utils.screen.page import Line, Page
from ansible_collections.storefront.runbook.plugins.plugin_utils.screen.results import MODULES, words
from ansible_collections.storefront.runbook.plugins.plugin_utils.screen.text import columns

from tests.unit.plugins.plugin_utils.screen.recorded import BEGAN, recorded, run_of, shown

COLLECTION = "storefront.runbook."


def at(seconds: float, action: str, kind: str = "ok", **result: Any) -> Event:
    return Event(kind, action, result, at=BEGAN + seconds, began=BEGAN + seconds - 1)


def fact(seconds: float, **facts: Any) -> Event:
    return at(seconds, "ansible.builtin.set_fact", ansible_facts=facts)


def report(seconds: float = 60, **report: Any) -> Event:
    summary = {
        "storefront": "shop",
        "kind": "deploy",
        "outcome": "released",
        "message": "",
        "notes": [],
        "record": "",
        **report,
    }
    return at(seconds, "ansible.builtin.debug", msg=summary)


def begun(step: str, seconds: float = 10) -> list[Event]:
    return [fact(seconds - 1, release_lease="t", release_unfinished={}), fact(seconds, release_step={"name": step})]


@pytest.mark.parametrize("width", [80, 100, 120])
def test_a_good_deploy_is_a_line_for_each_step_and_ends_with_what_is_live(width):
    lines = shown(run_of(), recorded("good"), Page(width))
    assert len(lines) <= 40
    assert max(map(columns, lines)) <= width
    text = "\n".join(lines)
    for step in (
        "back up the database",
        "migrate",
        "release api",
        "release worker",
        "verify the API",
        "stage the frontend",
        "promote",
        "purge the edge",
    ):
        assert text.count(f"\n  {step} ") == 1, step
    assert "20260302090000_reviews" in text
    assert "if it fails             api, worker, frontend: back to v1.0.0 · schema: safe" in text
    ending = text.partition("\n\nRELEASED")[2]
    assert "live                    api v1.1.0 · worker v1.1.0 · frontend v1.1.0" in ending
    assert "ansible-playbook playbooks/rollback.yml -i production" in ending
    assert "record aad92459ed3a" in ending


@pytest.mark.parametrize("width", [80, 120])
def test_a_failed_deploy_shows_the_log_once_and_then_what_was_put_back(width):
    kept: list[str] = []

    def keep(unit: str, log: str) -> str:
        kept.append(log)
        return f"reports/{unit}.log"

    run = run_of("v1.2.0", keep_log=keep)
    lines = shown(run, recorded("failed"), Page(width))
    assert len(lines) <= 60
    assert max(map(columns, lines)) <= width
    text = "\n".join(lines)
    assert text.count("FAILED") == 1
    assert text.count("never became healthy") == 1
    assert "reports/api.log" in text
    assert len(kept) == 1
    assert kept[0].count("A service is disconnected") == 14
    assert text.index("FAILED") < text.index("put back api") < text.index("ROLLED BACK to v1.1.0: release api failed.")
    assert lines[-1].endswith("record 13c280fe88a4")


def test_every_word_of_a_failed_watch_is_on_a_narrow_screen():
    row = "- backend: 14 of 120 of the new release failed, 0 of 120 of the old one with the time before (difference"
    row += " +11.7 points, interval +4.1 to +20.0, 5 tolerated). The last failure: the status is 500"
    failed = at(20, "watch_release", "failed", msg=f"The watch of v1.1.0 is bad:\n{row}")
    lines = shown(run_of("v1.1.0"), [*begun("verify.watch"), failed], Page(80))
    assert max(map(columns, lines)) <= 80
    assert row in " ".join(" ".join(lines).split())


def test_a_preflight_lists_every_check_that_is_not_configured():
    lacks = [f"C{number}: set option {number}" for number in range(1, 9)]
    lines = shown(run_of(), [report(kind="preflight", outcome="go", message="GO", not_asked=lacks)])
    assert [line.split(maxsplit=2)[2] for line in lines if line.startswith("  not asked ")] == lacks


def test_a_service_is_called_by_our_name_for_the_unit():
    text = " ".join(" ".join(shown(run_of("v1.2.0"), recorded("failed"))).split())
    assert "of v1.2.0 to api failed." in text
    assert "1124a104" not in text


@pytest.mark.parametrize(
    ("outcome", "message", "word"),
    [
        ("released", "RELEASED v1.1.0.", "RELEASED"),
        ("rolled_back", "ROLLED BACK. backend.release failed. why Live again: api v1.0.0.", "ROLLED BACK"),
        ("incomplete", "ROLLBACK INCOMPLETE: worker. backend.release failed. why", "ROLLBACK INCOMPLETE"),
        ("unsafe", "ROLLBACK UNSAFE: schema. frontend.stage failed. Choose: mend it; or restore.", "ROLLBACK UNSAFE"),
        ("lost", "LEASE LOST in frontend.stage: nothing more was written.", "LEASE LOST"),
    ],
)
def test_the_outcome_begins_with_a_word_that_programs_look_for(outcome, message, word):
    assert word in FIXED
    lines = shown(
        run_of(), [*begun("backend.release"), fact(20, release_step={}), report(outcome=outcome, message=message)]
    )
    assert sum(line.startswith(FIXED) for line in lines) == 1
    assert [line for line in lines if line.startswith(word)]


@pytest.mark.parametrize(
    ("units", "words"),
    [
        (("frontend",), "Nothing was live before."),
        (("api", "frontend"), "Nothing was live before, and the backend is stopped again."),
    ],
)
def test_a_rollback_to_nothing_speaks_of_the_backend_where_there_is_one(units, words):
    events = [
        fact(5, release_snapshot={name: {"id": None} for name in units}),
        *begun("verify.staged"),
        fact(20, release_step={}),
    ]
    rolled_back = report(outcome="rolled_back", message="ROLLED BACK. verify.staged failed. why")
    text = " ".join(" ".join(shown(run_of(), [*events, rolled_back])).split())
    assert f"failed. {words}" in text, text


def test_choices_of_an_unsafe_rollback_are_all_there():
    choices = (
        "ROLLBACK UNSAFE: schema. The migration x was applied. Choose: mend the new release; or rollback.yml -e"
        " accept_schema=x; or restore the backup b."
    )
    text = " ".join(shown(run_of(), [*begun("frontend.stage"), report(outcome="unsafe", message=choices)]))
    assert " ".join(text.split()).count(choices) == 1


def test_preflight_names_all_that_is_in_the_way():
    refused = at(
        5, "ansible.builtin.assert", "failed", msg="Nothing was changed. 2 in the way:\n- edge: no\n- frontend: no"
    )
    lines = shown(run_of(playbook="playbooks/preflight.yml"), [refused], bad=True)
    assert [line.strip() for line in lines if "edge: no" in line or "frontend: no" in line] == [
        "- edge: no",
        "- frontend: no",
    ]
    assert "Nothing was changed. 2 in the way:" in lines


def test_without_a_report_the_failure_is_the_outcome():
    failed = at(
        5, f"{COLLECTION}deploy_lease", "failed", msg="The store did not answer.", error={"kind": "unreachable"}
    )
    text = "\n".join(shown(run_of(), [failed], bad=True))
    assert "FAILED: The store did not answer." in text
    assert "Nothing was changed." in text


def test_an_unreachable_host_is_named_and_ends_the_run():
    lines = shown(run_of(), [at(5, f"{COLLECTION}pg_backup", "unreachable", msg="Connection timed out")], bad=True)
    assert any("UNREACHABLE" in line and "Connection timed out" in line for line in lines)


def test_what_the_play_forgives_is_no_failure():
    slack = at(30, f"{COLLECTION}slack_message", "failed", msg="channel_not_found")
    text = "\n".join(shown(run_of(), [*begun("verify.public"), fact(20, release_step={}), slack, report()]))
    assert "notify Slack            not done: channel_not_found" in text
    assert "FAILED" not in text
    assert "RELEASED" in text


def test_a_check_says_what_would_happen():
    events = [replace(event, args={**event.args}) for event in recorded("good")]
    text = "\n".join(shown(run_of(check=True), events))
    assert "--check: nothing is changed" in text
    assert "would go from v1.0.0 to v1.1.0" in text
    assert "would serve v1.1.0" in text
    assert "would be written to the ledger" in text


def test_a_result_of_another_shape_does_not_end_the_screen():
    odd = [
        at(11, f"{COLLECTION}{module}", backup=7, checks="x", proof=[], restore=1, purged="y", upload=3, deployment="z")
        for module in ("pg_backup", "cf_purge")
    ]
    lines = shown(run_of(), [*begun("database.backup"), *odd, fact(12, release_step={})])
    assert any("back up the database" in line for line in lines)


def test_an_unknown_step_goes_by_its_id():
    lines = shown(run_of(), [*begun("cdn.warm"), fact(12, release_step={})])
    assert any(line.startswith("  cdn.warm  ") for line in lines)


def test_a_warning_is_shown_once():
    run = run_of()
    assert len(run.warn("Railway brings back\nthe variables.")) == 1
    assert run.warn("Railway brings  back the variables.") == []


def test_an_interruption_says_what_is_left_and_how_to_continue():
    run = run_of()
    run.begin()
    before = [line.text for line in run.breaks_off("INTERRUPTED")]
    assert "INTERRUPTED before anything was changed." in before
    run = run_of()
    for event in begun("backend.release"):
        run.take(event)
    text = " ".join(line.text for line in run.breaks_off("INTERRUPTED"))
    assert "INTERRUPTED in release the backend: nothing was put back." in text
    assert "playbooks/rollback.yml" in text
    assert run.breaks_off("INTERRUPTED") == []
    assert run.end(bad=True) == []


def test_the_usual_time_comes_from_the_ledger():
    run = run_of()
    steps = [{"name": "backend.release", "outcome": "ok", "seconds": seconds} for seconds in (40, 41, 90)]
    run.take(at(2, f"{COLLECTION}release_info", records=[{"steps": [step]} for step in steps] + [None, {"steps": "x"}]))
    for event in begun("backend.release"):
        run.take(event)
    assert run.doing() == ("release the backend", BEGAN + 10, 41)


def test_a_rollback_that_was_issued_first_and_awaited_later_shows_what_was_put_back():
    api: dict[str, Any] = {"ansible_loop_var": "unit", "unit": {"name": "api"}}
    issued = at(
        20,
        f"{COLLECTION}railway_service",
        changed=True,
        previous={"release": "v1.1.0"},
        deployment={"release": "v1.0.0"},
        **api,
    )
    awaited = at(
        30,
        f"{COLLECTION}railway_service",
        changed=False,
        previous={"release": "v1.0.0"},
        deployment={"release": "v1.0.0"},
        **api,
    )
    events = [
        replace(issued, args={"state": "rolled_back", "wait": False}),
        replace(awaited, args={"state": "rolled_back"}),
    ]
    run = run_of(playbook="playbooks/rollback.yml")
    lines = shown(run, [fact(5, release_lease="t", release_unfinished={}), *events])
    assert [line for line in lines if line.startswith("  put back api            back on v1.0.0  ")]
    again = shown(
        run_of(playbook="playbooks/rollback.yml"), [fact(5, release_lease="t", release_unfinished={}), events[1]]
    )
    assert [line for line in again if "put back api" in line and "unchanged, v1.0.0" in line]


@pytest.mark.parametrize(("live", "undo"), [({"id": "d1", "release": "v1.0.0"}, True), ({}, False)])
def test_undo_is_offered_where_something_was_live_before(live, undo):
    looked = replace(
        at(3, f"{COLLECTION}railway_service", previous=live, ansible_loop_var="unit", unit={"name": "api"}),
        args={"state": "deployed"},
        asked=True,
    )
    probed = at(4, f"{COLLECTION}health_check", checks=[{"outcome": "unreachable", "passes": 0}] * 4)
    text = "\n".join(shown(run_of(), [looked, probed, *begun("backend.release"), fact(20, release_step={}), report()]))
    assert ("undo" in text) is undo
    assert ("0 of 4 checks passed" in text) is undo
    assert ("nothing is live yet" in text) is not undo


@pytest.mark.parametrize(
    ("kind", "module", "outcome"),
    [
        ("backup", "pg_backup", "NOT BACKED UP: back up the database failed."),
        ("prove", "pg_proof", "NOT PROVEN: prove the backup failed."),
        ("database", "pg_info", "FAILED: database."),
        ("backups", "pg_backup_info", "FAILED: backups."),
        ("preflight", "cf_purge", "FAILED: purge the edge."),
        ("deploy", "deploy_lease", "FAILED: lease. Nothing was changed."),
    ],
)
def test_a_failure_is_shown_once_and_the_outcome_says_what_was_not_done(kind, module, outcome):
    why = "The service did not answer."
    failed, closing = (
        at(5, f"{COLLECTION}{module}", "failed", msg=why),
        at(6, "ansible.builtin.fail", "failed", msg="FAILED: Ask it. See its error above."),
    )
    lines = shown(run_of(playbook=f"playbooks/{kind}.yml"), [failed, closing], bad=True)
    assert sum(why in line for line in lines) == 1
    assert outcome in lines
    assert f"playbooks/{kind}.yml" in " ".join(lines[-2:])


def test_a_backup_that_was_made_is_not_denied_when_an_old_one_could_not_be_removed():
    made = at(5, f"{COLLECTION}pg_backup", changed=True, backup={"name": "shop-1", "size": 686})
    failed = at(6, f"{COLLECTION}pg_backup_prune", "failed", msg="The store did not answer.")
    lines = shown(run_of(playbook="playbooks/backup.yml"), [made, failed], bad=True)
    assert "BACKED UP, but FAILED: remove old backups." in lines


def test_what_a_check_of_the_play_stops_within_a_step_is_shown():
    lines = shown(
        run_of(),
        [*begun("database.verify"), at(20, "ansible.builtin.assert", "failed", msg="A migration is missing.")],
        bad=True,
    )
    assert any("verify the migrations   FAILED: A migration is missing." in line for line in lines)


def test_a_restore_that_waits_for_an_approval_has_stopped_and_not_failed():
    why = "3 rows of the live database are not in it. Continue with -e approve_restore=shop"
    events = [*begun("database.stage"), at(20, "ansible.builtin.assert", "failed", msg=why)]
    summary = report(kind="restore", outcome="failed", message="The database was not changed.")
    lines = shown(run_of(playbook="playbooks/restore.yml", options=["-e backup=latest"]), [*events, summary])
    assert not any("FAILED" in line for line in lines)
    assert "NOT RESTORED: it waits for an approval. The database was not changed." in lines
    assert "-e backup=latest -e approve_restore=shop" in " ".join(" ".join(lines).replace("\\", "").split())


@pytest.mark.parametrize(
    ("kind", "summary", "outcome"),
    [
        (
            "restore",
            {"outcome": "restored", "message": "It is kept until 2026-12-07T08:49:02+00:00."},
            r"RESTORED in 60\.0 s\. It is kept until Mon 7 Dec ",
        ),
        ("restore", {"outcome": "undone", "message": "It is back."}, r"RESTORE UNDONE in 60\.0 s\. It is back\."),
        (
            "migrate",
            {"outcome": "migrated", "message": "Nothing was pending."},
            r"MIGRATED in 60\.0 s\. Nothing was pending\.",
        ),
        (
            "rollback",
            {"outcome": "rolled_back", "message": "ROLLED BACK to v1.0.0. INCOMPLETE: store: no answer"},
            r"ROLLED BACK to v1\.0\.0 in 60\.0 s\. INCOM",
        ),
    ],
)
def test_every_playbook_ends_with_its_outcome_and_how_long_it_took(kind, summary, outcome):
    lines = shown(
        run_of(playbook=f"playbooks/{kind}.yml"),
        [fact(5, release_lease="t", release_unfinished={}), report(60, kind=kind, **summary)],
    )
    assert [line for line in lines if re.match(outcome, line)], lines


def test_the_outcome_of_a_deploy_has_the_usual_time_of_those_that_went_out():
    took = [("released", "00:10"), ("released", "00:30"), ("rolled_back", "50:00")]
    records = [
        {"kind": "deploy", "outcome": how, "started_at": "2026-03-02T10:00:00Z", "finished_at": f"2026-03-02T10:{end}Z"}
        for how, end in took
    ]
    ledger = at(
        2,
        f"{COLLECTION}release_info",
        records=[*records, {"kind": "deploy", "outcome": "released", "started_at": None, "finished_at": "x"}],
    )
    lines = shown(run_of(), [ledger, *begun("backend.release"), fact(20, release_step={}), report(60)])
    assert "RELEASED v1.1.0 in 60.0 s (usually 20.0 s)." in lines


def test_a_long_warning_ends_with_a_whole_sentence():
    (line,) = run_of().warn(
        "The extension is missing. " * 8
        + "Add it to the libraries that the server loads, and restart the server, which ends sessions " * 4
    )
    assert line.text.endswith("The extension is missing.")
    (line,) = run_of().warn("word " * 200)
    assert line.text.endswith("word …")


def test_a_command_keeps_an_option_and_its_value_on_one_line():
    line = Line(
        "ansible-playbook playbooks/deploy.yml -i inventories/production --limit shop -e release=v1.1.0",
        "next",
        command=True,
    )
    for width in range(40, 100):
        rows = Page(width).lines(line)
        assert not [row for row in rows if re.search(r"(-e|-i|--limit) \\$", row)]


@pytest.mark.parametrize("missing", [None, "", 0, [], {}])
@pytest.mark.parametrize("module", sorted(MODULES))
def test_what_a_module_did_not_return_is_not_printed(module, missing):
    names = (
        "backup",
        "proof",
        "rehearsed",
        "pending",
        "applied",
        "deployment",
        "previous",
        "upload",
        "purged",
        "zone",
        "checks",
        "record",
        "restore",
        "server",
    )
    for state in ("deployed", "staged", "rolled_back", "stopped", "promoted"):
        for changed in (False, True):
            event = replace(
                at(5, f"{COLLECTION}{module}", changed=changed, **dict.fromkeys(names, missing)), args={"state": state}
            )
            for check in (False, True):
                assert not re.search(r"\b(None|inf|nan)\b|\{\}|\[\]", words(event, check)), (
                    state,
                    changed,
                    check,
                    words(event, check),
                )


def test_what_ansible_puts_before_a_message_is_not_shown():
    failed = at(5, f"{COLLECTION}pg_backup", "failed", msg="Task failed: Module failed: The server is away.")
    lines = shown(run_of(playbook="playbooks/backup.yml"), [failed], bad=True)
    assert any("FAILED: The server is away." in line for line in lines)
    away = at(5, f"{COLLECTION}deploy_lease", "unreachable", msg="Task failed: Data could not be sent.")
    lines = shown(run_of(), [away], bad=True)
    assert any("UNREACHABLE             FAILED: Data could not be sent." in line for line in lines)
    assert "UNREACHABLE: shop. Nothing was changed." in lines


def test_a_release_that_was_not_named_has_its_place_in_the_next_command():
    refused = at(5, "ansible.builtin.fail", "failed", msg="Nothing was changed. 1 to correct:\n- release is missing")
    assert "-e release=RELEASE" in " ".join(shown(run_of(release=""), [refused], bad=True))


def test_the_times_of_a_dress_rehearsal_are_the_plan():
    rehearsal = {"storefront": "stage", "inventory": "staging", "release": "v1.1.0", "seconds": 30.0}
    rehearsal |= {"planned": {"database.backup": 3.0, "backend.release": 12.5}}
    run = run_of("v1.1.0")
    run.starts("storefront.runbook.dress_rehearsal", BEGAN)
    assert run.doing()[0] == "dress rehearsal"
    done = at(31, f"{COLLECTION}dress_rehearsal", rehearsal=rehearsal)
    text = " ".join(line.text for event in (done, *begun("backend.release", 32)) for line in run.take(event))
    assert "v1.1.0 is live in stage of staging; planned: release the backend 12.5 s, back up the database 3.0 s" in text
    assert live({"shop": run}, {}, BEGAN + 36) == "release the backend     (4 s, planned 12 s)"
    ended = shown(run, [report(62, release="v1.1.0")], Page(100))
    assert any(line.startswith("RELEASED v1.1.0 in 32") for line in ended), "without the rehearsal"


def test_the_remedy_of_a_diagnosis_is_on_the_screen_after_the_page():
    page = at(3, f"{COLLECTION}storefront_diagnosis", page=[{"text": "1. Stopped"}])
    purged = at(5, f"{COLLECTION}cf_purge", changed=True, zone="shop.example", everything=True)
    lines = shown(run_of(playbook="playbooks/diagnose.yml"), [page, purged])
    at_page = next(number for number, line in enumerate(lines) if "1. Stopped" in line)
    assert any("purge" in line for line in lines[at_page + 1 :]), lines


def test_what_fills_the_file_of_a_command_is_below_a_page_and_below_a_failure():
    secret: dict[str, Any] = {"options": ["-e @FILE"], "secrets": ["redis_url", "store"]}
    failed = at(5, "ansible.builtin.fail", "failed", msg="unit is 'x'")
    needed = "a file of yours that sets redis_url, store; encrypt it with ansible-vault"
    assert needed in " ".join(" ".join(shown(run_of(**secret), [failed], bad=True)).split())
    row = {"text": "ansible-playbook diagnose.yml -e @FILE", "command": True}
    page = at(3, f"{COLLECTION}storefront_status", page=[row])
    assert needed in " ".join(" ".join(shown(run_of(playbook="playbooks/status.yml", **secret), [page])).split())
