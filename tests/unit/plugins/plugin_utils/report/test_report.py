# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page of a run shows: the outcome, the times, and nothing that a hostile text could do."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest
from ansible_collections.storefront.runbook.plugins.action import run_report
from ansible_collections.storefront.runbook.plugins.plugin_utils.report import (
    files,
    index,
    model,
    pages,
    plain,
    plots,
    timeline,
)
from ansible_collections.storefront.runbook.plugins.plugin_utils.screen.history import History

from tests.unit.plugins.plugin_utils.report.facts import EVIL, failed_deploy

NOW = "2026-03-03T10:44:01+00:00"


class Page(HTMLParser):
    """The elements, the text and the attributes of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("href", "src")]
        self.handlers += [name for name, _value in attrs if name.startswith("on")]

    def handle_data(self, data):
        self.text += data


def shown(facts=None) -> Page:
    return Page(pages.run_page(model.model(facts or failed_deploy())))


def test_hostile_text_is_shown_and_does_nothing():
    page = shown()
    assert page.text.count(EVIL) == 7, "the message, a note, an answer, a probe, the watch, a journey and the log"
    assert not {"script", "img", "iframe", "object", "link"} & set(page.tags)
    assert page.handlers == []
    assert not [link for link in page.links if not re.match(r"#|https://|index\.html$", link)]


def test_the_screenshot_of_a_failed_step_is_on_the_page(tmp_path):
    picture = tmp_path / "find-a-mug.png"
    picture.write_bytes(b"\x89PNG")
    seen = {"state": "failed", "summary": "browse: step 'find a mug'", "screenshots": [str(picture), "/gone.png"]}
    page = shown({**failed_deploy(), "verified": {"uat": seen}})
    assert [link for link in page.links if link.startswith("data:")] == ["data:image/png;base64,iVBORw=="]
    assert page.tags.count("img") == 1


def test_each_fact_may_be_hostile():
    def poisoned(value):
        if isinstance(value, dict):
            return {key: poisoned(nested) for key, nested in value.items()}
        if isinstance(value, list):
            return [poisoned(nested) for nested in value]
        return f"{value}{EVIL}" if isinstance(value, str) else value

    facts = poisoned(failed_deploy())
    for page in (
        shown(facts),
        Page(pages.index_page(index.model_of(EVIL, [poisoned({"storefront": "a", "kind": "deploy"})]))),
    ):
        assert not {"script", "img"} & set(page.tags)
        assert page.handlers == []


def test_the_page_names_the_outcome_once_and_what_is_live():
    page = shown()
    assert page.text.count("Rolled back") == 2, "in the title and in the headline"
    assert "ROLLED BACK" not in page.text
    for text in (
        "v1.0.0 (unchanged)",
        "2 min (usually 3 min)",
        "by alice",
        "put back",
        "waived (by bob: hotfix)",
        "wait",
    ):
        assert text in page.text
    assert 'AccessExclusiveLock on public."Product", blocks reads, writes' in page.text
    assert "restored in 4 s" in page.text
    assert "312 MB" in page.text


def test_the_end_of_a_log_is_shown_without_colours():
    page = shown()
    assert "\x1b" not in page.text
    assert "first" not in page.text
    assert page.text.count("line\n") == model.LOG_LINES - 1


def test_a_page_has_no_more_than_it_has_room_for():
    def huge(value, size=3000):
        if isinstance(value, dict):
            return {key: huge(nested) for key, nested in value.items()}
        if isinstance(value, list):
            return [huge(nested) for nested in value] * 30
        return '"' * size if isinstance(value, str) else value

    facts = failed_deploy()
    big = [{"title": '"' * 5000, "text": '"' * 5_000_000}] * 20
    kept = {key: facts[key] for key in ("report", "history", "probes")}
    html = pages.of_facts(
        {**huge({key: facts[key] for key in ("checklist", "pending", "evidence")}), **kept, "logs": big}
    )
    assert len(html.encode()) <= 500_000
    assert "Rolled back" in html


@pytest.mark.parametrize(
    ("outcome", "kind", "tone"),
    [
        ("released", "deploy", "good"),
        ("rolled_back", "deploy", "attention"),
        ("rolled_back", "rollback", "good"),
        ("incomplete", "rollback", "bad"),
        ("unsafe", "deploy", "bad"),
        ("lost", "deploy", "bad"),
        ("restored", "restore", "good"),
        ("failed", "restore", "bad"),
    ],
)
def test_the_tone_of_a_run(outcome, kind, tone):
    facts = failed_deploy()
    run = model.model({**facts, "report": {**facts["report"], "outcome": outcome, "kind": kind}})
    assert run["tone"] == tone
    assert f'class="verdict {tone}"' in pages.run_page(run)


def test_a_run_that_has_nothing_still_has_a_page():
    run = model.model({})
    assert (run["headline"], run["tone"], run["bars"], run["back"]) == ("Failed", "bad", [], [])
    assert "About this run" in Page(pages.run_page(run)).text
    assert plain.text(run).startswith("Deploy, ")


def test_what_is_not_back_is_named_with_its_reason():
    facts = failed_deploy(
        not_back=[{"what": "api", "why": "Railway is down"}, {"what": "the edge", "why": "no answer"}]
    )
    facts["report"]["outcome"] = "incomplete"
    back = model.model(facts)["back"]
    assert [(one["what"], one["done"], one["why"]) for one in back] == [
        ("api", False, "Railway is down"),
        ("frontend", True, ""),
        ("worker", True, ""),
        ("the edge", False, "no answer"),
    ]
    assert "NOT put back: Railway is down" in shown(facts).text


def test_a_good_deploy_puts_nothing_back():
    facts = failed_deploy()
    facts["report"]["outcome"] = "released"
    assert model.model(facts)["back"] == []


def test_a_step_is_compared_with_its_usual_time():
    history = History()
    history.read(failed_deploy()["history"])
    before, backup, migrate, release = timeline.bars(failed_deploy()["report"]["steps"], 120.0, history)
    assert (before.label, round(before.seconds, 1)) == ("check, lease, snapshot", 49.6)
    assert (backup.against, backup.slow) == ("0.2 s longer", False)
    assert (migrate.planned, migrate.against) == ("not known", "")
    assert (release.against, release.slow) == ("31.0 s longer", True)
    assert round(release.left + release.width) == 100
    assert timeline.critical([before, backup, migrate, release]).endswith(
        "The longest: release the backend (61.0 s, 51 %), check, lease, snapshot (49.6 s, 41 %), back up the database"
        " (8.2 s, 7 %)."
    )


@pytest.mark.parametrize("seconds", [None, "soon", True, -3])
def test_a_step_without_a_time_has_no_width(seconds):
    (step,) = timeline.bars([{"name": "edge.purge", "outcome": "ok", "seconds": seconds}], 0.0, History())
    assert (step.seconds, step.width) in ((0.0, 0.0), (-3.0, 0.0))


def test_a_run_has_a_page_a_twin_a_text_and_a_line_in_both_indexes(tmp_path):
    written = run_report.write(tmp_path, failed_deploy(), NOW)
    again = run_report.write(tmp_path, failed_deploy(), NOW)
    assert written == again
    assert written["place"] == "shop/20260303T104200Z-deploy-v1.1.0.html"
    assert (
        json.loads((tmp_path / "shop" / "20260303T104200Z-deploy-v1.1.0.json").read_text())["report"]["release"]
        == "v1.1.0"
    )
    assert (
        "release the backend: 61.0 s, failed" in (tmp_path / "shop" / "20260303T104200Z-deploy-v1.1.0.txt").read_text()
    )
    assert Page((tmp_path / "shop" / "index.html").read_text()).links.count("20260303T104200Z-deploy-v1.1.0.html") == 1
    assert written["place"] in Page((tmp_path / "index.html").read_text()).links
    assert {oct(path.stat().st_mode & 0o777) for path in tmp_path.rglob("*.*")} == {"0o600"}


def test_an_index_that_is_broken_is_written_again(tmp_path):
    run_report.write(tmp_path, failed_deploy(), NOW)
    (tmp_path / "shop" / files.ROWS).write_text("{half of")
    run_report.write(tmp_path, failed_deploy(), NOW)
    assert [row["release"] for row in files.rows(tmp_path / "shop")] == ["v1.1.0"]


@pytest.mark.parametrize("name", ["../../etc", "/etc/passwd", "..", "a/b", "", "-x", "ünïcode shop"])
def test_no_name_leads_out_of_the_folder(tmp_path, name):
    facts = failed_deploy()
    facts["report"] |= {"storefront": name, "release": name, "kind": "deploy"}
    written = run_report.write(tmp_path / "top", facts, NOW)
    inside = (tmp_path / "top").resolve()
    assert all((tmp_path / "top" / written["place"]).resolve().is_relative_to(inside) for _one in written)
    assert {path.name for path in tmp_path.iterdir()} == {"top"}


def test_a_folder_inside_of_an_inventory_is_refused(tmp_path):
    with pytest.raises(Exception, match="inside of the inventory"):
        run_report.refuse_inventory(tmp_path / "production" / "reports", [str(_made(tmp_path / "production"))])
    run_report.refuse_inventory(tmp_path / "reports", [str(tmp_path / "production"), "localhost,"])


def _made(folder):
    folder.mkdir()
    return folder


def test_a_run_of_the_ledger_and_its_page_are_one_line():
    ledger = {
        "storefront": "shop",
        "kind": "deploy",
        "began": "2026-03-03T10:42:00+00:00",
        "record": "abc",
        "release": "v1",
    }
    page = {
        "storefront": "shop",
        "kind": "deploy",
        "began": "2026-03-03T10:42:00+00:00",
        "page": "x.html",
        "record": "",
    }
    (row,) = files.merged([page], [ledger])
    assert (row["page"], row["record"]) == ("x.html", "abc")


def test_only_pages_of_the_web_become_links():
    assert pages.is_web("https://ci.example/1")
    for url in ("javascript:alert(1)", "data:text/html,x", "//host", "https://", "http://[", None, 3):
        assert not pages.is_web(url)


def test_a_plot_has_a_bar_for_what_failed_and_words_for_a_reader():
    weeks = [
        {"ends": "2026-02-24", "deployments": 4, "failed": 1, "lead_time_seconds": 7200.0, "deploy_seconds": 60.0},
        {"ends": "2026-03-03", "deployments": 0, "failed": 0, "lead_time_seconds": None, "deploy_seconds": None},
    ]
    (plot,) = plots.of_weeks(weeks)
    assert plot["words"] == "4 in 2 weeks, 1 of them failed, at most 4 in a week"
    assert [(one["colour"], one["height"]) for one in plot["bars"]] == [("bar", 81.0), ("bad", 27.0)]
    assert plots.of_weeks(weeks[1:]) == []


def test_the_watch_is_shown_with_its_numbers_and_plots():
    page = shown()
    for words in ("Watch: bad after 10 min", "0 of 120", "14 of 120", "at the same time", "Median of the good answers"):
        assert words in page.text, words
    (made,) = model.model(failed_deploy())["watches"]
    latency, failures = made["plots"]
    assert (latency["words"], failures["words"]) == ("from 12 ms to 14 ms, last 14 ms", "from 0 to 9, last 9")
    assert (latency["first"], latency["last"]) == ("0 s", "10 min")
    assert [line["dashed"] for line in latency["lines"]] == [False, True]
    assert "watch: bad after 10 min" in plain.text(model.model(failed_deploy()))


@pytest.mark.parametrize("watched", [{}, {"skipped": True}, {"comparisons": []}, None, "nothing"])
def test_a_run_without_a_watch_has_no_section_for_it(watched):
    assert model.model(failed_deploy(watch=watched))["watches"] == []


def test_each_stage_of_a_rolling_release_has_its_watch():
    bad = {**failed_deploy()["watch"], "stage": "at 50 % of the visitors (stage 2 of 2)"}
    good = {**bad, "verdict": "good", "stage": "at 10 % of the visitors (stage 1 of 2)"}
    for stages in ([good], [good, bad]):  # a stage that fails is not among the stages that ended
        facts = failed_deploy(watch=bad, stages=stages)
        page = shown(facts).text
        first, second = (page.index(f"Watch {one['stage']}: {one['verdict']} after 10 min") for one in (good, bad))
        assert first < second
        assert page.count("Watch at") == 2
        assert "watch at 10 % of the visitors (stage 1 of 2): good" in plain.text(model.model(facts))


def test_a_watch_of_one_side_has_one_line():
    alone = plots.of_watch([[10, 0, None, None], [12, 1, None, None]], "2.0 s")
    assert [len(plot["lines"]) for plot in alone] == [1, 1]
    assert plots.of_watch([[10, 0, None, None]], "2.0 s") == []


def test_the_planned_times_are_those_of_the_dress_rehearsal():
    rehearsal = {"storefront": "stage", "inventory": "staging", "release": "v1.1.0", "seconds": 90.0, "record": "ab12"}
    facts = failed_deploy(rehearsal={**rehearsal, "planned": {"backend.release": 50.0}})
    page = shown(facts).text
    assert "v1.1.0 was deployed to stage of staging first, in 90.0 s (record ab12)." in page
    assert "the planned time, which the step took in the dress rehearsal" in page
    made = model.model(facts)
    (row,) = [one for one in made["bars"] if one.name == "backend.release"]
    assert (row.word, row.planned) == ("planned", "50.0 s")
    assert "(planned 50.0 s)" in plain.text(made)
    assert "Dress rehearsal" not in shown().text
