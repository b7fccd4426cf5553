# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shop's processes: one for each deployment that runs. None of them outlives the double."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from ..process import started, stop
from ..state import read, write
from .server import free_port

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


def die_with_parent() -> Callable[[], None]:
    """Return what a child calls between fork and exec so that it is killed when this process is."""
    parent = os.getpid()

    def prepare() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


@dataclass
class Unit:
    """A running process and the requests that it is answering."""

    name: str
    port: int
    process: asyncio.subprocess.Process
    started: int
    in_flight: int = 0
    stopping: bool = False

    @property
    def running(self) -> bool:
        return self.process.returncode is None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@dataclass(frozen=True)
class Command:
    """What to run, in which folder, with which $PATH (the default one if it is empty)."""

    argv: Sequence[str]
    cwd: Path
    path: str = ""


class Units:
    """Starts, watches and stops processes, and keeps a list of them in a file for the cleanup after a kill."""

    def __init__(
        self, folder: Path, node_bin: Path, client: httpx.AsyncClient, settle: Callable[[], float] = lambda: 0.3
    ) -> None:
        self.folder, self.node_bin, self.client, self.settle = folder, node_bin, client, settle
        self.record = folder / "processes.json"
        self.all: list[Unit] = []
        self._watchers: set[asyncio.Task[None]] = set()
        for leftover in read(self.record) or []:
            stop(leftover, patience=2)

    async def start(
        self,
        name: str,
        command: Command,
        *,
        variables: Mapping[str, str],
        log: Path,
        ended: Callable[[Unit], None],
        port_variable: str = "PORT",
    ) -> Unit:
        """Start a process with its own port in $PORT and in ``port_variable``; ``ended`` is called when it
        ends without having been stopped.
        """
        port = free_port()
        ports = dict.fromkeys(["PORT", port_variable], str(port))
        env = {"HOME": str(self.folder), "LANG": "C.UTF-8", **variables, **ports, "PATH": command.path or self._path()}
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *command.argv,
                cwd=command.cwd,
                env=env,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=die_with_parent(),
            )
        unit = Unit(name, port, process, started(process.pid) or 0)
        self.all.append(unit)
        self._save()

        async def watch() -> None:
            await process.wait()
            self.all.remove(unit)
            self._save()
            if not unit.stopping:
                ended(unit)

        task = asyncio.create_task(watch())
        self._watchers.add(task)
        task.add_done_callback(self._watchers.discard)
        return unit

    def _path(self) -> str:
        return os.pathsep.join([str(self.node_bin), os.defpath])

    async def healthy(self, unit: Unit, path: str | None, seconds: float) -> bool:
        """Wait until the unit answers 200 at ``path``, or runs at all where it has no path; False when it
        ends or time is up.
        """
        if path is None:
            await asyncio.sleep(min(self.settle(), seconds))
            return unit.running
        deadline = asyncio.get_running_loop().time() + seconds
        while unit.running and asyncio.get_running_loop().time() < deadline:
            with suppress(httpx.HTTPError):
                answer = await self.client.get(unit.url + path, headers={"host": "healthcheck.railway.app"}, timeout=5)
                if answer.status_code == 200:
                    return True
            await asyncio.sleep(0.05)
        return False

    async def stop(self, unit: Unit, drain: float = 5, grace: float = 5) -> None:
        """Let the unit finish what it is answering, then end it; kill what does not end within ``grace`` seconds."""
        unit.stopping = True
        deadline = asyncio.get_running_loop().time() + drain
        while unit.in_flight and unit.running and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.02)
        with suppress(ProcessLookupError):
            unit.process.terminate()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await unit.process.wait()
        with suppress(ProcessLookupError):
            os.killpg(unit.process.pid, signal.SIGKILL)  # including children of a package manager or a shell
        await unit.process.wait()

    def listing(self) -> list[dict[str, Any]]:
        return [
            {"name": unit.name, "pid": unit.process.pid, "port": unit.port, "started": unit.started}
            for unit in self.all
        ]

    def _save(self) -> None:
        write(self.record, self.listing(), compact=True)
