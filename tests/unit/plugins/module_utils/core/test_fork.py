# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A function in a fork: what comes back, however it ends; and how many of its progress lines are shown."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core import progress
from ansible_collections.storefront.runbook.plugins.module_utils.core.fork import LIVENESS, Lines

from conftest import COLLECTIONS
from tests.unit.support import Clock

# In a process of its own: a fork of the tests' process would inherit their threads.
PROGRAM = """
import atexit, os, signal, sys, threading, time
from ansible_collections.storefront.runbook.plugins.module_utils.core import fork, progress
atexit.register(lambda: print("parent left"))

def echo():
    print("out"); print("err", file=sys.stderr); os.write(1, b"raw\\n"); print(repr(sys.stdin.read()))

def threads():
    def say(name):
        for number in range(200):
            progress.report(f"{name} {number} " + name * 50)
    several = [threading.Thread(target=say, args=(name,)) for name in "abcd"]
    [thread.start() for thread in several]
    [thread.join() for thread in several]

def leave(code): sys.exit(code)
def crash(): raise ValueError("boom")
def die(): os.kill(os.getpid(), signal.SIGKILL)
def last_words(): atexit.register(lambda: print("child left"))
def surrogate(): print("\\udce4")

lines = []
ended = fork.run(eval(sys.argv[1]), lines.append if "show" in sys.argv else None)
for line in lines:
    name, number, rest = line.split()
    assert rest == name * 50, line
print([ended.code, ended.stdout, ended.stderr.splitlines()[-1:], len(lines) > 0])
"""


def run(work: str, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, work, *words], cwd=COLLECTIONS, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout.endswith("parent left\n"), "an exit handler of the parent runs once, in the parent"
    return done.stdout.removesuffix("parent left\n").strip()


@pytest.mark.parametrize(
    ("work", "came_back"),
    [
        ("echo", [0, b"out\nraw\n''\n", [b"err"], False]),
        ("lambda: leave(3)", [3, b"", [], False]),
        ("lambda: leave('why')", [1, b"", [b"why"], False]),
        ("lambda: leave(None)", [0, b"", [], False]),
        ("crash", [1, b"", [b"ValueError: boom"], False]),
        ("die", [-9, b"", [], False]),
        ("last_words", [0, b"child left\n", [], False]),
        ("surrogate", [0, b"\xe4\n", [], False]),
        ("threads", [0, b"", [], False]),
    ],
)
def test_what_a_program_would_leave_comes_back(work: str, came_back: list[object]) -> None:
    code, stdout, stderr, shown = eval(run(work))
    if work == "echo":  # what Python buffers comes after what was written past it
        assert sorted(stdout.splitlines()) == sorted([b"out", b"raw", b"''"])
        stdout = came_back[1]
    assert [code, stdout, stderr, shown] == came_back


def test_lines_of_several_threads_stay_whole() -> None:
    assert eval(run("threads", "show"))[3] is True


def test_lines_are_shown_four_times_a_second_and_the_last_one_always(clock: Clock) -> None:
    shown: list[str] = []
    lines = Lines(shown.append, clock)
    for number in range(80):
        lines.add(f"line {number}")
        clock.now += 1 / 16
    lines.flush()
    assert shown[:3] == ["line 0", "line 4", "line 8"]
    assert shown[-1] == "line 79"
    assert len(shown) == 21


def test_a_line_that_stays_is_never_held_back(clock: Clock) -> None:
    shown: list[str] = []
    lines = Lines(shown.append, clock)
    for number in range(50):
        lines.add(f"{progress.LASTING}line {number}")
        lines.add(f"note {number}")
    assert [line for line in shown if line.startswith(progress.LASTING)] == [
        f"{progress.LASTING}line {number}" for number in range(50)
    ]
    assert len(shown) == 51


def test_a_long_task_shows_fewer_lines_the_longer_it_takes(clock: Clock) -> None:
    shown: list[str] = []
    lines = Lines(shown.append, clock)
    for number in range(3600):
        lines.add(f"line {number}")
        clock.now += 1
    assert len(shown) < 800
    before, last = (int(line.split()[1]) for line in shown[-2:])
    assert last - before == 5


def test_a_line_that_was_held_back_shows_when_its_time_has_come(clock: Clock) -> None:
    shown: list[str] = []
    lines = Lines(shown.append, clock)
    lines.add("one")
    lines.add("two")
    assert (shown, lines.pause) == (["one"], 0.25)
    clock.now += lines.pause
    lines.turn()
    assert (shown, lines.pause) == (["one", "two"], LIVENESS)
    lines.flush()
    assert shown == ["one", "two"]


def test_nothing_of_it_is_left(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "echo"],
        cwd=COLLECTIONS,
        env={"TMPDIR": str(tmp_path)},
        capture_output=True,
        check=True,
    )
    assert done.stdout
    assert list(tmp_path.iterdir()) == []
