# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Detached processes are recorded before they run, and only the recorded one is ever stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.process import Record, is_alive, launch, started, stop, wait_until


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Record]:
    records: list[Record] = []
    record = launch(["sleep", "60"], log=tmp_path / "log", cwd=tmp_path, keep=records.append)
    assert records == [record]
    yield record
    stop(record, by=signal.SIGKILL)


def test_a_launched_process_lives_in_a_session_of_its_own(sleeper: Record) -> None:
    assert is_alive(sleeper)
    assert os.getsid(sleeper["pid"]) == sleeper["pid"]


def test_a_stopped_process_is_gone(sleeper: Record) -> None:
    assert stop(sleeper)
    assert not is_alive(sleeper)
    assert not stop(sleeper)


def test_a_process_that_ignores_the_signal_is_killed_with_its_children(tmp_path: Path) -> None:
    script = "trap '' TERM; sleep 60 & echo $!; wait; wait"
    record = launch(["sh", "-c", script], log=tmp_path / "log", cwd=tmp_path, keep=lambda record: None)
    assert wait_until(lambda: (tmp_path / "log").read_text().endswith("\n"), 10)
    child = int((tmp_path / "log").read_text())
    assert stop(record, patience=0.1)
    assert wait_until(lambda: started(child) is None, 10)


def test_a_process_that_took_over_the_pid_is_not_touched(sleeper: Record) -> None:
    earlier = {**sleeper, "started": sleeper["started"] - 1}
    assert not is_alive(earlier)
    assert not stop(earlier)
    assert is_alive(sleeper)


def test_nothing_runs_when_the_launcher_is_killed_before_it_could_record(tmp_path: Path) -> None:
    code = """
import os, signal, sys
from pathlib import Path
from sandbox.process import launch

def keep(record):
    print(record["pid"], record["started"], flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

here = Path(sys.argv[1])
launch(["touch", str(here / "ran")], log=here / "log", cwd=here, keep=keep)
"""
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    pid, start = map(int, done.stdout.split())
    assert wait_until(lambda: not is_alive({"pid": pid, "started": start}), 10)
    assert not (tmp_path / "ran").exists()
