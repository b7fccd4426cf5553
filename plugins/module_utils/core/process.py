# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that end with their parent, and the question whether that parent still lives."""

from __future__ import annotations

import contextlib
import ctypes
import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .errors import CommandFailed, ConfigError, WaitTimeout
from .redact import redact

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)  # loaded here: between fork and exec nothing may be imported


ANCESTORS = 8  # processes between a module and the command of the user


def die_with_parent(number: int = signal.SIGKILL) -> None:
    """Have the kernel send this process a signal as soon as its parent ends, however it ends."""
    if hasattr(_libc, "prctl"):  # elsewhere than on Linux only the wait loop notices a killed parent
        _libc.prctl(PR_SET_PDEATHSIG, int(number))


# They end within moments, so a killed parent may leave them. Without a preexec_fn Python starts a program by vfork,
# whose cost does not grow with the size of this process.
SHORT = ("git", "ssh-keygen")


def spawn(argv: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own that is killed when this process ends, unless it is one of ``SHORT``.
    Never put a secret into ``argv``.

    To Linux the parent is the thread that started it: start it in one that lasts as long as the program.
    """
    before = None if argv[0] in SHORT else die_with_parent
    try:
        return subprocess.Popen(list(argv), preexec_fn=before, start_new_session=True, **options)  # noqa: PLW1509
    except FileNotFoundError as error:
        if error.filename != argv[0]:
            raise ConfigError(
                f"The folder {error.filename}, where {argv[0]} should run, does not exist. Correct its path.",
                code="missing_folder",
            ) from None
        raise ConfigError(
            f"The program {argv[0]} was not found. Install it, or put its folder on PATH.", code="missing_program"
        ) from None


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a spawned program with all its children, and reap it."""
    if process.returncode is None:  # until it is reaped its number is its own, even when only its children still run
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    base: Mapping[str, str] | None = None,
    cwd: Path | str | None = None,
    stdin: bytes | None = None,
    timeout: float = 600,
    secrets: Sequence[str] = (),
    check: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and return its output as text. Raises CommandFailed with the end of its output.

    ``env`` is added to the environment ``base``, this process's unless another is given. ``timeout`` is in seconds.
    """
    process = spawn(
        argv,
        env={**(os.environ if base is None else base), **(env or {})},
        cwd=cwd,
        stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        try:
            out, err = process.communicate(stdin, timeout=timeout)
        except subprocess.TimeoutExpired:
            raise WaitTimeout(f"{Path(argv[0]).name} was still running after {timeout:g} s and was stopped.") from None
        finally:
            kill(process)
    done = subprocess.CompletedProcess(
        list(argv), process.returncode, out.decode(errors="replace"), err.decode(errors="replace")
    )
    if check and done.returncode != 0:
        output = redact((done.stderr.strip() or done.stdout.strip())[-2000:], secrets)
        raise CommandFailed(
            f"{Path(argv[0]).name} ended with exit code {done.returncode}: {output}", code=str(done.returncode)
        )
    return done


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the program's name: [state, ppid, …]; empty when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def ansibles_folder() -> Path | None:
    """Return the folder in which the user started Ansible: its workers change theirs. None where that is not known."""
    found, pid = None, os.getpid()
    for _ancestor in range(ANCESTORS):
        try:
            if b"ansible" not in Path(f"/proc/{pid}/cmdline").read_bytes():
                break
            found = Path(f"/proc/{pid}/cwd").readlink()
        except OSError:
            break
        fields = _stat(pid)
        pid = int(fields[1]) if fields else 0
    return found


def ansibles_age() -> float | None:
    """Return for how many seconds the ansible-playbook of this process has run. None where that is not known."""
    found, pid = None, os.getpid()
    for _ancestor in range(ANCESTORS):
        words = _command(pid)
        if any(Path(os.fsdecode(word)).name == "ansible-playbook" for word in words[:3]):
            found = pid  # the worker that asks is a copy of it with the same words
        elif found or not words:
            break
        fields = _stat(pid)
        pid = int(fields[1]) if fields else 0
    began = started(found) if found else None
    if began is None:
        return None
    return max(time.clock_gettime(time.CLOCK_BOOTTIME) - began / os.sysconf("SC_CLK_TCK"), 0.0)


def _command(pid: int) -> list[bytes]:
    """The words of a process's command; empty when there is no such process, and where there is no /proc."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def started(pid: int) -> int | None:
    """When a process started, in clock ticks since boot: with the pid it names one process for good."""
    fields = _stat(pid)
    return int(fields[19]) if fields and fields[0] != "Z" else None


def is_alive(pid: int, start: int) -> bool:
    return started(pid) == start


@contextlib.contextmanager
def private_folder(prefix: str) -> Iterator[Path]:
    """Give a temporary folder for this process only, and remove those of this ``prefix`` that killed ones
    left: there is customers' data in them.
    """
    top = Path(tempfile.gettempdir())
    for left in top.glob(f"{prefix}*-*"):
        pid, _dash, start = left.name.removeprefix(prefix).partition("-")
        if (
            left.stat().st_uid == os.getuid()
            and pid.isdigit()
            and start.isdigit()
            and not is_alive(int(pid), int(start))
        ):
            shutil.rmtree(left, ignore_errors=True)
    folder = top / f"{prefix}{os.getpid()}-{started(os.getpid()) or 0}"
    folder.mkdir(0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def controller() -> tuple[int, int] | None:
    """Return (pid, start) of the ansible process that this one belongs to; None outside of a play.

    ansible-playbook forks workers, with its own command line, that outlive a ``kill -9`` of it, so the direct parent
    proves nothing. The search ends above it: an ansible-runner that started it lives on.
    """
    top = None
    command: list[bytes] = []
    pid = os.getppid()
    while pid > 1:
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            break
        if command and words != command:
            break
        if any(word.rpartition(b"/")[2].startswith(b"ansible") for word in words[:2]):
            command = words
            start = started(pid)
            top = (pid, start) if start is not None else top
        fields = _stat(pid)
        pid = int(fields[1]) if fields else 0
    return top


def this_process() -> str:
    """Return the user, the host and the process of this play, as user@host (process N)."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = str(os.getuid())
    pid, _unused = controller() or (os.getpid(), 0)
    return f"{user}@{socket.gethostname()} (process {pid})"
