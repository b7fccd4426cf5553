# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many processes want one lease, with clocks that are minutes apart: one of them writes, and a process that stood still
past its deadline writes nothing more.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.process import wait_until
from tests.integration.contenders import (
    PATIENCE,
    TABLES,
    Contender,
    Rivalry,
    deploys_once,
    stands_still,
    started,
    waits_for_its_turn,
)
from tests.integration.shop_database import Database
from tests.integration.test_deploy_lease import kept, run_out

MINUTE = 60.0


@pytest.fixture
def database(sandbox) -> Iterator[Database]:
    database = Database(sandbox, "contention")
    database.sql(TABLES)
    yield database
    database.drop()


@pytest.fixture
def rivalry(store_options: dict[str, Any], database: Database) -> Rivalry:
    return Rivalry(store_options, database.url.partition("?")[0])


def clocks(count: int) -> dict[str, float]:
    """Give each of ``count`` holders a clock, from nine minutes behind to nine minutes ahead."""
    return {f"holder-{n}@ci": (n / (count - 1) * 18 - 9) * MINUTE for n in range(count)}


def all_at_once(contenders: list[Contender]) -> list[Any]:
    """Let those that are ready begin, and return their answers."""
    assert [each.answer() for each in contenders] == ["ready"] * len(contenders)
    for each in contenders:
        each.go()
    return [each.answer() for each in contenders]


def test_one_of_them_runs_and_the_errors_of_the_others_name_the_holder(rivalry, database, store_options):
    count = 20 if store_options["store"].startswith("s3:") else 2
    with started(deploys_once, rivalry, clocks(count)) as contenders:
        answers = all_at_once(contenders)
        (winner,) = [holder for word, holder, *_unused in answers if word == "runs"]
        refused = [answer for answer in answers if answer[0] == "refused"]
        assert len(refused) == count - 1
        assert {holder for _word, _message, holder in refused} == {winner}
        assert all(f"is held by {winner}" in message for _word, message, _holder in refused)
        assert database.sql("SELECT holder, fence FROM written") == [(winner, 1)]
        assert kept(store_options)["holder"] == winner
    # The winner was killed. When its time has passed, one of them takes the lease over.
    run_out(store_options)
    with started(deploys_once, rivalry, clocks(min(count, 5))) as contenders:
        runs = [answer for answer in all_at_once(contenders) if answer[0] == "runs"]
    assert [fence for _word, _holder, fence in runs] == [2]
    assert database.sql("SELECT fence FROM written ORDER BY at") == [(1,), (2,)]


def test_those_that_wait_write_one_after_the_other_and_each_has_a_number_of_its_own(rivalry, database):
    with started(waits_for_its_turn, rivalry, clocks(6)) as contenders:
        fences = all_at_once(contenders)
    assert sorted(fences) == [1, 2, 3, 4, 5, 6]
    assert [fence for (fence,) in database.sql("SELECT fence FROM written ORDER BY at")] == sorted(fences)


@pytest.mark.parametrize("ahead", [-9 * MINUTE, 9 * MINUTE])
@pytest.mark.parametrize("where", ["before its write", "in its renewal", "in its release"])
def test_one_that_stood_still_past_its_deadline_writes_nothing_more(rivalry, database, store_options, where, ahead):
    with started(stands_still, rivalry, {"sleeper@ci": ahead}, where) as (sleeper,):
        assert sleeper.answer() == "written"
        assert wait_until(lambda: is_stopped(sleeper.process.pid), PATIENCE)
        run_out(store_options)
        store = rivalry.open()
        lease = rivalry.take(store, "next@ci", -ahead)
        rivalry.write(lease)
        before = kept(store_options)
        os.kill(sleeper.process.pid, signal.SIGCONT)
        assert "next@ci" in sleeper.answer()
        store.close()
    assert kept(store_options) == before
    assert database.sql("SELECT holder FROM written ORDER BY at") == [("sleeper@ci",), ("next@ci",)]


def is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
