# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A playbook that writes is killed at any point while customers buy, and a run after it loses nothing. Of many deploys
at once one runs.

``make test`` tries one point of the first playbook in SAMPLE, ``make test-long`` one of the others, and ``make soak``
all of all playbooks, for MINUTES. What was tried is kept in .cache/soak, a file for each commit: the next run continues
where the last one ended.
SEED is the order of the points, PLAYBOOKS names some of them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from conftest import ROOT
from molecule.conftest import Shop
from molecule.soak import walk
from molecule.soak.kill import learn, try_point
from molecule.soak.plays import NEW, PLAYS
from molecule.soak.points import in_order, points_of
from molecule.soak.results import Results, figures
from molecule.soak.secrecy import SCENARIOS, Recorder, install_ara
from molecule.test_lost_lease import stopped
from sandbox.process import wait_until
from tests.event_receiver import Receiver

PATIENCE = 1800  # seconds for all deploys at once on one machine
SAMPLE = ("backup.yml", "restore.yml", "rollback.yml")
LENGTH = 8  # steps of a random walk
MINUTES = float(os.environ.get("MINUTES") or 0)
SEED = int(os.environ.get("SEED") or 1)
WRITES = [{"vendor": "objects", "operation": name} for name in ("put_lease", "put_ledger", "put_lease")]


@pytest.mark.parametrize(
    "playbook", [pytest.param(one, marks=[] if one == SAMPLE[0] else [pytest.mark.long]) for one in SAMPLE]
)
def test_a_run_that_is_killed_at_a_write_loses_nothing(released, sandbox, tmp_path, playbook: str) -> None:
    shop = Shop(sandbox, "shop", tmp_path)
    point = next(one for one in in_order(learn(shop, playbook), SEED) if one.at == "write")
    assert try_point(shop, point) == [], str(point)


@pytest.mark.skipif(not MINUTES, reason="The whole kill matrix takes hours: make soak MINUTES=60 tries a part of it.")
def test_the_kill_matrix(released, sandbox, tmp_path) -> None:
    shop, results = Shop(sandbox, "shop", tmp_path), Results(ROOT / f".cache/soak/{commit()}.jsonl")
    give_up = time.monotonic() + MINUTES * 60
    playbooks = (os.environ.get("PLAYBOOKS") or " ".join(PLAYS)).split()
    points = [point for each in playbooks for point in results.learned(each) or results.learn(each, learn(shop, each))]
    for point in in_order(points, SEED):
        if time.monotonic() < give_up and not results.has(point):
            wrong = try_point(shop, point)
            results.keep(point, wrong)
            print("\n        ".join([f"{'FAILED' if wrong else 'held  '}  {point}", *wrong]), flush=True)
    print("\n" + figures(results, commit()))
    assert results.failed() == []


@pytest.mark.skipif(not MINUTES, reason="Twenty deploys at once take minutes: make soak tries them.")
def test_the_soak_of_deploys_at_once(shop: Shop) -> None:
    """All of them start together. The one that got the lease stops before its record until the others have ended."""
    count = int(os.environ.get("DEPLOYS") or 20)
    before = shop.ledger()
    stop = {"task": "Begin release.record", "signal": signal.SIGSTOP}
    runs = [shop.begin("deploy.yml", at=[stop], release=NEW) for _unused in range(count)]
    stood = wait_until(lambda: any(map(stopped, runs)), PATIENCE)
    shop.age_the_lease("2100-01-01T00:00:00.000Z")  # however long the others take on this machine
    ended = wait_until(lambda: sum(run.future.done() for run in runs) == count - 1, PATIENCE)
    holder = shop.lease()["holder"]
    for run in filter(stopped, runs):
        run.send(signal.SIGCONT)
    played = [run.end() for run in runs]
    assert stood, [one.message for one in played]
    assert ended, [one.message for one in played]
    refused = [one for one in played if one.rc]
    assert len(refused) == count - 1
    assert [one.message for one in refused if f"is held by {holder}" not in one.message] == []
    assert shop.live() == {"frontend": NEW, "backend": NEW}
    assert shop.built(NEW) == 1
    assert [record["release"] for record in shop.ledger()[len(before) :]] == [NEW]
    print(f"\nheld  {count} deploys at once: one ran, {len(refused)} were refused and named {holder}", flush=True)


@pytest.mark.skipif(not MINUTES, reason="Each playbook with each recorder takes minutes: make soak tries them.")
def test_the_soak_of_secrets(shop: Shop, tmp_path: Path, receiver: Receiver) -> None:
    """Every file, event, message, record and process of each run is searched for every secret that it had."""
    ara = install_ara()
    recorder, leaks = Recorder(shop, tmp_path, receiver.url("")), []
    wanted = os.environ.get("SCENARIOS", "")
    for scenario in [one for one in SCENARIOS if wanted in one.name]:
        result, found = recorder.found(scenario, ara)
        found += [f"the webhook: {name}" for _path, _headers, body in receiver.got for name in recorder.within(body)]
        if scenario.succeeds is not None and result.ok is not scenario.succeeds:
            found.append(f"ended with {result.code}: {result.reports or result.output[-3000:]}")
        print("\n        ".join([f"{'FAILED' if found else 'held  '}  {scenario.name}", *found]), flush=True)
        leaks += [f"{scenario.name}: {each}" for each in found]
        if shop.lease()["state"] != "released":
            shop.age_the_lease()
    print(f"{len(recorder.secrets)} secrets in {len(SCENARIOS)} runs, {'with' if ara else 'without'} ARA", flush=True)
    assert leaks == []


@pytest.mark.skipif(not MINUTES, reason="A random soak takes as long as one lets it: make soak MINUTES=60.")
def test_the_random_soak(released, sandbox, tmp_path: Path) -> None:
    """Walks of LENGTH steps from SEED on, for MINUTES. One that fails is made as short as it can be."""
    give_up, seed, tried = time.monotonic() + MINUTES * 60, SEED, 0
    given, wrong = walk.parsed(os.environ.get("STEPS", "")), list[str]()

    def wrong_of(steps: Sequence[walk.Step]) -> list[str]:
        shop = walk.Walk(Shop(sandbox, "shop", tmp_path))
        shop.begin()
        for step in steps:
            wrong = shop.take(step)
            print(f"{'FAILED' if wrong else 'held  '}  {step}", *wrong, sep="\n        ", flush=True)
            if wrong:
                return wrong
        return shop.end()

    while time.monotonic() < give_up:
        steps = given or walk.steps_of(seed, LENGTH)
        print(f"seed {seed}: {' '.join(map(str, steps))}", flush=True)
        wrong = wrong_of(steps)
        if wrong:
            break
        seed, tried = seed + 1, tried + len(steps)
    if wrong:
        longest = time.monotonic() + MINUTES * 60
        least = walk.minimised(steps, lambda some: time.monotonic() < longest and wrong_of(some) != [])
        pytest.fail(f"seed {seed}: {wrong}\nSTEPS='{' '.join(map(str, least))}' shows it again")
    print(f"\nAt commit {commit()}: {tried} random steps from seed {SEED}, {tried} held", flush=True)


def test_a_walk_is_that_of_its_seed_and_a_failing_one_is_minimised() -> None:
    steps = walk.steps_of(7, 9)
    assert steps == walk.steps_of(7, 9) != walk.steps_of(8, 9)
    assert walk.parsed(" ".join(map(str, steps))) == steps
    assert {step.action for seed in range(9) for step in walk.steps_of(seed, 20)} == set(walk.ACTIONS)
    assert walk.minimised(steps, lambda some: steps[2] in some and steps[7] in some) == [steps[2], steps[7]]


def commit() -> str:
    argv = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()


def test_every_write_and_every_task_is_a_point() -> None:
    points = points_of("backup.yml", WRITES, [f"task {number}" for number in range(1, 21)])
    assert [(point.name, point.nth) for point in points if point.at == "write"] == [
        ("put_lease", 1),
        ("put_ledger", 1),
        ("put_lease", 2),
    ]
    ways = [point.way for point in points if point.at == "task"]
    assert [ways.count(way) for way in ("SIGKILL", "SIGTERM", "SIGINT", "cancel")] == [20, 5, 5, 5]
    assert in_order(points, 1) == in_order(reversed(points), 1) != in_order(points, 2)


def test_what_was_tried_is_kept_and_counted(tmp_path: Path) -> None:
    points = points_of("backup.yml", WRITES, [])
    kept = Results(tmp_path / "new" / "c0ffee.jsonl")
    kept.learn("backup.yml", points)
    kept.keep(points[0], [])
    kept.keep(points[1], ["the lease is held"])
    again = Results(kept.file)
    assert (again.learned("backup.yml"), again.has(points[0]), again.has(points[2])) == (points, True, False)
    table = figures(again, "c0ffee")
    assert "| `backup.yml` | 3 | 2 | 1 |" in table
    assert "- backup.yml: SIGKILL during objects put_ledger 1: the lease is held" in table
