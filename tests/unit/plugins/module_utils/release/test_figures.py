# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures of a ledger that was made by hand, and of its parts."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from ansible_collections.storefront.runbook.plugins.action import figures_report
from ansible_collections.storefront.runbook.plugins.module_utils.release import figures, lead_times, prometheus
from ansible_collections.storefront.runbook.plugins.module_utils.release.lead_times import Commit

NOW = datetime(2026, 3, 31, tzinfo=UTC).timestamp()
SERVED = [
    {"name": "database.backup", "outcome": "ok", "seconds": 20.0},
    {"name": "backend.release", "outcome": "ok", "seconds": 40.0},
]
FAILED = [
    {"name": "database.backup", "outcome": "ok", "seconds": 20.0},
    {"name": "backend.release", "outcome": "failed", "seconds": 60.0},
]
BACKUP = [{"name": "database.backup", "outcome": "failed", "seconds": 5.0}]


def run(
    day, outcome="released", kind="deploy", *, release="", minutes=5, steps=None, withdrawn=None, commit="", hour=12
):
    return {
        "storefront": "shop",
        "kind": kind,
        "outcome": outcome,
        "release": release or f"v{day}",
        "commit": commit,
        "withdrawn": withdrawn,
        "started_at": f"2026-03-{day:02}T{hour:02}:00:00Z",
        "finished_at": f"2026-03-{day:02}T{hour:02}:{minutes:02}:00Z",
        "steps": SERVED if steps is None else steps,
        "id": f"r{day}",
    }


def counted(*records):
    return figures.tally(list(reversed(records)))


def test_a_ledger_made_by_hand():
    # 28 days: six deployments, of which the ones of the 3rd, the 10th and the 20th failed
    ledger = [
        run(3, "rolled_back", steps=FAILED, minutes=10),  # exposed from 12:00:20: recovered after 580 s
        run(4),  # rework
        run(6, "rolled_back", steps=BACKUP),  # it never reached production
        run(10),
        run(10, "rolled_back", "rollback", withdrawn="v10", release="v4", steps=[], hour=13),  # 12:05 to 13:05: 3600 s
        run(12),  # rework
        run(20, "incomplete", steps=FAILED),
        run(20, "rolled_back", "rollback", release="v12", steps=[], hour=14),  # 12:00:20 to 14:05: 7480 s
        run(22, "restored", "restore", steps=[], minutes=8),  # 480 s
        run(25),  # rework
    ]
    found = figures.figures(counted(*ledger), NOW, 90)
    weeks = (NOW - datetime(2026, 3, 3, 12, 10, tzinfo=UTC).timestamp()) / figures.WEEK
    assert {key: found[key] for key in found if key not in ("phases", "weeks")} == {
        "days": 90,
        "deployments": 6,
        "deployments_per_week": round(6 / weeks, 2),
        "lead_time_seconds": None,
        "change_fail_rate": 0.5,
        "recovery_seconds": 3600.0,
        "rework_rate": 0.5,
        "not_recovered": 0,
        "rollbacks": 5,
        "rollback_success_rate": 0.8,
        "restores": 1,
        "restore_seconds": 480.0,
        "deploy_seconds": 300.0,
    }
    assert found["phases"]["backend.release"] == {"median": 40.0, "p90": 40.0, "count": 4}
    assert sum(week["deployments"] for week in found["weeks"]) == 6
    assert sum(week["failed"] for week in found["weeks"]) == 3


def test_nothing_is_none_and_not_a_hundred_per_cent():
    found = figures.figures(counted(), NOW, 90)
    assert (found["deployments"], found["deployments_per_week"]) == (0, 0.0)
    rates = ("change_fail_rate", "rework_rate", "rollback_success_rate", "lead_time_seconds", "recovery_seconds")
    assert [found[name] for name in rates] == [None] * 5


def test_what_is_older_than_the_window_is_not_counted_and_still_explains_what_is_in_it():
    ledger = (run(1), run(2, "incomplete", steps=FAILED), run(30))
    found = figures.figures(counted(*ledger), NOW, 7)
    assert (found["deployments"], found["change_fail_rate"], found["rework_rate"]) == (1, 0.0, 1.0)


def test_a_failure_without_a_way_back_is_not_recovered():
    found = figures.figures(counted(run(2), run(3, "unsafe", steps=FAILED)), NOW, 90)
    assert (found["not_recovered"], found["recovery_seconds"], found["rollback_success_rate"]) == (1, None, 0.0)


def test_two_failures_in_a_row_are_recovered_together():
    found = counted(run(2, "incomplete", steps=FAILED), run(3, "incomplete", steps=FAILED), run(4))
    assert [one.recovery for one in found.deployments[:2]] == [2 * 86400 + 280.0, 86400 + 280.0]


def test_a_rollback_that_did_not_succeed_leaves_its_release_broken():
    found = counted(run(2), run(3, "incomplete", "rollback", withdrawn="v2", steps=[]), run(4))
    assert [(one.failed, one.recovery) for one in found.deployments] == [(True, 2 * 86400.0), (False, None)]


def test_records_of_every_age_are_read():
    broken = {"kind": "deploy", "outcome": "released", "finished_at": "soon"}
    assert counted(broken, {"finished_at": "2026-03-01T00:00:00"}, run(2)).deployments[0].release == "v2"


def test_a_commit_counts_with_the_first_deployment_that_has_it():
    at = datetime(2026, 3, 10, 12, 5, tzinfo=UTC).timestamp()
    commits = {
        "a": Commit(at - 900_000, ()),
        "b": Commit(at - 7200, ("a",)),
        "side": Commit(at - 10_800, ("a",)),
        "m": Commit(at - 60, ("b", "side")),
        "c": Commit(at + 86400 - 600, ("m",)),
    }
    found = counted(run(9, commit="a"), run(10, commit="m"), run(11, commit="c"), run(12, commit="unknown"))
    lead_times.assign(found.deployments, commits)
    assert [sorted(one.leads) for one in found.deployments] == [[], [7200.0, 10_800.0], [600.0], []]


def test_the_commits_of_a_repository_are_read(tmp_path):
    assert lead_times.read(tmp_path) == {}


def test_a_fleet_adds_up():
    one, two = counted(run(4), run(5, "incomplete", steps=FAILED)), counted(run(6), run(7))
    fleet = figures.figures(figures.merged([one, two]), NOW, 90)
    assert (fleet["deployments"], fleet["change_fail_rate"]) == (4, 0.25)


def test_a_tally_survives_its_way_through_a_module():
    known = counted(run(3), run(4, "rolled_back", steps=FAILED), run(5, "restored", "restore"))
    again = figures.from_dict(json.loads(json.dumps(figures.as_dict(known))))
    assert figures.figures(again, NOW, 90) == figures.figures(known, NOW, 90)


@pytest.mark.parametrize("name", ["shop", 'a "quoted" \\ name\nin two lines'])
def test_prometheus_reads_the_figures(name):
    parser = pytest.importorskip("prometheus_client.parser")
    found = figures.figures(counted(run(4), run(5, "incomplete", steps=FAILED)), NOW, 90)
    families = {one.name: one for one in parser.text_string_to_metric_families(prometheus.text({name: found}))}
    assert families["storefront_change_fail_ratio"].samples[0].value == 0.5
    assert families["storefront_change_fail_ratio"].samples[0].labels == {"storefront": name}
    assert "storefront_lead_time_seconds" not in families, "what is not known has no line"
    assert {one.labels["quantile"] for one in families["storefront_phase_seconds"].samples} == {"0.5", "0.9"}


def test_the_files_of_a_fleet_name_each_storefront(tmp_path):
    def of(*records):
        known = counted(*records)
        return {
            "figures": figures.figures(known, NOW, 90),
            "tally": figures.as_dict(known),
            "runs": [figures.brief(one) for one in reversed(records)],
        }

    found = {"shop": of(run(4)), "books": of(run(5, "incomplete", steps=FAILED), run(6))}
    known = figures_report.of_fleet(found, NOW)
    assert known[""]["deployments"] == 3
    printed = figures_report.lines(known)
    heads = ["shop, 90 days:", "books, 90 days:", "the fleet, 90 days:"]
    assert [line for line in printed if not line.startswith("  ")] == heads
    assert [" ".join(line.split()) for line in printed].count("change fail rate 50.0 %") == 1
    figures_report.write(tmp_path, found, known, "2026-03-31T00:00:00+00:00")
    assert json.loads((tmp_path / "figures.json").read_text())["storefronts"]["books"]["change_fail_rate"] == 0.5
    assert 'storefront="books"' in (tmp_path / "figures.prom").read_text()
    page = (tmp_path / "index.html").read_text()
    for text in ("books/index.html", "shop/index.html", "Change fail rate", "33.3 %", "Deployments per week"):
        assert text in page


def test_the_fleet_of_one_storefront_is_not_shown_twice():
    known = {"shop": figures.figures(counted(run(4)), NOW, 90)}
    assert figures_report.lines({**known, "": known["shop"]}) == figures_report.lines(known)
