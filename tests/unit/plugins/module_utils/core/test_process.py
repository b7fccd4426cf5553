# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that end with their parent: seen on real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core import process
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import (
    CommandFailed,
    ConfigError,
    WaitTimeout,
)

COLLECTIONS = next(path for path in sys.path if path.endswith(".ansible/collections"))
IMPORT = "from ansible_collections.storefront.runbook.plugins.module_utils.core import process\n"


def until(is_so: Callable[[], object]) -> bool:
    """Look again until it is so, for 10 seconds at most."""
    deadline = time.monotonic() + 10
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def is_gone(pid: int) -> bool:
    return process.started(pid) is None


def test_output_comes_back_as_text_with_the_environment_added() -> None:
    done = process.run(
        ["sh", "-c", 'printf "%s %s" "$GREETING" "$(cat)"; printf oops >&2'],
        env={"GREETING": "hello"},
        stdin="wörld".encode(),
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello wörld", "oops")
    assert process.run(["sh", "-c", "echo $PATH"]).stdout.strip() == os.environ["PATH"]


def test_a_failure_gives_the_end_of_what_was_said_without_its_secrets() -> None:
    with pytest.raises(CommandFailed, match=r"sh ended with exit code 3: cannot log in with \*{8}") as caught:
        process.run(["sh", "-c", "echo cannot log in with hunter2 >&2; exit 3"], secrets=["hunter2"])
    assert caught.value.details["code"] == "3"
    assert process.run(["sh", "-c", "exit 3"], check=False).returncode == 3


def test_a_missing_program_and_a_missing_folder_are_distinguished(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="The program no-such-program was not found"):
        process.run(["no-such-program"])
    with pytest.raises(ConfigError, match=f"The folder {tmp_path}/gone, where true should run, does not exist"):
        process.run(["true"], cwd=tmp_path / "gone")


def test_a_timeout_kills_the_program_with_its_children(tmp_path: Path) -> None:
    child = tmp_path / "pid"
    with pytest.raises(WaitTimeout, match=r"sh was still running after 0\.5 s"):
        process.run(["sh", "-c", "sleep 60 & echo $! >$CHILD; wait"], timeout=0.5, env={"CHILD": str(child)})
    assert until(lambda: is_gone(int(child.read_text())))


def test_a_timeout_also_kills_children_that_outlive_the_program(tmp_path: Path) -> None:
    child = tmp_path / "pid"
    with pytest.raises(WaitTimeout):
        process.run(["sh", "-c", "sleep 60 & echo $! >$CHILD"], timeout=0.5, env={"CHILD": str(child)})
    assert until(lambda: is_gone(int(child.read_text())))


def test_kill_reaps_and_may_be_called_twice() -> None:
    running = process.spawn(["sleep", "60"])
    process.kill(running)
    process.kill(running)
    assert running.returncode == -signal.SIGKILL


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a parent's death is signalled on Linux only")
def test_a_program_ends_with_the_parent_that_was_killed() -> None:
    script = IMPORT + "import time; print(process.spawn(['sleep', '60']).pid, flush=True); time.sleep(60)"
    parent = subprocess.Popen(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": COLLECTIONS}, stdout=subprocess.PIPE, text=True
    )
    with parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        assert not is_gone(child)
        parent.kill()
    assert until(lambda: is_gone(child))


def test_a_process_is_named_by_its_pid_and_its_start() -> None:
    running = process.spawn(["sleep", "60"])
    start = process.started(running.pid)
    assert start is not None
    assert process.is_alive(running.pid, start)
    assert not process.is_alive(running.pid, start - 1)
    os.kill(running.pid, signal.SIGKILL)
    assert until(lambda: not process.is_alive(running.pid, start))  # a zombie, not yet reaped, is not alive
    process.kill(running)


def test_outside_of_a_play_there_is_no_controller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getppid", lambda: 1)
    assert process.controller() is None


def test_the_controller_is_the_ansible_playbook_and_neither_its_worker_nor_what_started_it(tmp_path: Path) -> None:
    """ansible-runner → ansible-playbook → a forked worker → sh → the module, as in a play."""
    (tmp_path / "module.py").write_text(IMPORT + "print(process.controller()[0])")
    (tmp_path / "ansible-playbook").write_text(
        "import os, subprocess, sys\n"
        "print(os.getpid(), flush=True)\n"
        "if os.fork() == 0:\n"
        f"    os._exit(subprocess.call(['sh', '-c', sys.executable + ' {tmp_path}/module.py; true']))\n"
        "os.wait()\n"
    )
    (tmp_path / "ansible-runner").write_text(
        f"import subprocess, sys\nsubprocess.call([sys.executable, '{tmp_path}/ansible-playbook'])\n"
    )
    done = process.run([sys.executable, str(tmp_path / "ansible-runner")], env={"PYTHONPATH": COLLECTIONS})
    playbook, controller = done.stdout.split()
    assert controller == playbook


@pytest.mark.parametrize(
    ("commands", "age"),
    [
        (["ansible-playbook", "ansible-playbook", "bash"], 20.0),  # a worker, the playbook, a shell
        (["python AnsiballZ_x.py", "sh", "ansible-playbook", "ansible-playbook", "bash"], 40.0),
        (["pytest ansible_collections", "ansible-runner"], None),
        ([], None),
    ],
)
def test_how_long_a_playbook_runs_is_counted_from_its_first_process(
    monkeypatch: pytest.MonkeyPatch, commands: list[str], age: float | None
) -> None:
    """Process n of a chain was started 10 seconds before its child; the boot was 90 seconds ago."""
    me, ticks = os.getpid(), os.sysconf("SC_CLK_TCK")
    chain = {me + n: f"/usr/bin/python3 /usr/bin/{name}".encode().split() for n, name in enumerate(commands)}
    monkeypatch.setattr(process, "_command", lambda pid: chain.get(pid, []))
    monkeypatch.setattr(
        process, "_stat", lambda pid: ["S", str(pid + 1), *["0"] * 17, str((80 - 10 * (pid - me)) * ticks)]
    )
    monkeypatch.setattr(process.time, "clock_gettime", lambda _clock: 90.0)
    assert process.ansibles_age() == age


@pytest.mark.parametrize(("program", "dies_with_us"), [("git", False), ("true", True)])
def test_only_a_program_that_may_outlive_a_killed_parent_starts_by_vfork(
    monkeypatch: pytest.MonkeyPatch, program: str, dies_with_us: bool
) -> None:
    started: list[object] = []

    class Started(subprocess.Popen[bytes]):
        def __init__(self, *args: object, **options: object) -> None:
            started.append(options["preexec_fn"])
            super().__init__(*args, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", Started)
    process.run([program, "--version"])
    assert started == [process.die_with_parent if dies_with_us else None]
