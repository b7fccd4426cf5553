# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers run in Cloudflare's own runtime, workerd: one process for each script, started when it is first needed."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp

from ...context import Context
from ...proxy import forward
from ...server import free_port
from ...units import die_with_parent

VERSION = "1.20260426.1"
PACKAGES = {"x86_64": "@cloudflare/workerd-linux-64", "aarch64": "@cloudflare/workerd-linux-arm64"}
STARTS_WITHIN = 20  # seconds
INSTALLS_WITHIN = 300  # seconds; the program has 120 MB


class NoRuntime(Exception):
    """Why a script cannot run."""


class Runtime:
    """Runs scripts. What a script fetches goes to ``origin``, which knows the host that is meant."""

    def __init__(self, context: Context, cache: Path, origin: ASGIApp) -> None:
        self.context, self.cache, self.origin = context, cache, origin
        self._origin_port = 0
        self._running: dict[str, tuple[str, int, asyncio.subprocess.Process]] = {}  # by script: etag, port, process
        self._lock = asyncio.Lock()

    async def run(self, name: str, script: Mapping[str, Any]) -> str:
        """Return the address at which a script runs. Raises NoRuntime where it cannot."""
        async with self._lock:
            etag, port, process = self._running.get(name, ("", 0, None))
            if process and process.returncode is None and etag == script["etag"]:
                return f"http://127.0.0.1:{port}"
            await self._stop(name)
            program = await self._program()
            if not self._origin_port:
                self._origin_port = free_port()
                await self.context.listeners.open(self.origin, self._origin_port)
            port = free_port()
            process = await self._start(program, script, port)
            self._running[name] = (script["etag"], port, process)
            return f"http://127.0.0.1:{port}"

    async def answer(self, name: str, script: Mapping[str, Any], request: Request) -> Response:
        """Return what a script answers; the vendor's error page for one that does not run."""
        try:
            return await forward(self.context.client, request, await self.run(name, script))
        except (NoRuntime, httpx.HTTPError) as error:
            return PlainTextResponse(f"error code: 1101\n{error}", 500)

    async def close(self) -> None:
        for name in list(self._running):
            await self._stop(name)

    async def _stop(self, name: str) -> None:
        _etag, _port, process = self._running.pop(name, ("", 0, None))
        if process and process.returncode is None:
            process.kill()
            await process.wait()

    async def _start(self, program: Path, script: Mapping[str, Any], port: int) -> asyncio.subprocess.Process:
        folder = Path(tempfile.mkdtemp(prefix="worker-", dir=self.context.folder))
        try:
            (folder / "config.capnp").write_text(_config(script, port, self._origin_port))
            with (folder / "log").open("wb") as log:
                process = await asyncio.create_subprocess_exec(
                    *(str(program), "serve", str(folder / "config.capnp")),
                    cwd=folder,
                    env={"HOME": str(self.context.folder), "PATH": os.defpath},
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    preexec_fn=die_with_parent(),
                )
            if problem := await self._answers(process, port, folder / "log"):
                raise NoRuntime(problem)
            return process
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def _answers(self, process: asyncio.subprocess.Process, port: int, log: Path) -> str:
        """Return why a process does not listen; an empty text once it does."""
        give_up = asyncio.get_running_loop().time() + STARTS_WITHIN
        while process.returncode is None and asyncio.get_running_loop().time() < give_up:
            try:
                _reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return ""
            except OSError:
                await asyncio.sleep(0.05)
        if process.returncode is None:
            process.kill()
            await process.wait()
            return f"workerd did not listen within {STARTS_WITHIN} s"
        return log.read_text(errors="replace").strip()[:500] or f"workerd ended with {process.returncode}"

    async def _program(self) -> Path:
        """Return workerd's program, fetched from npm once. Raises NoRuntime if it is not available."""
        package = PACKAGES.get(platform.machine())
        if package is None:
            raise NoRuntime(f"Cloudflare publishes no workerd for Linux on {platform.machine()}")
        folder = self.cache / "tools" / f"workerd-{VERSION}"
        program = folder / "node_modules" / package / "bin" / "workerd"
        if program.exists():
            return program
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".workerd-", dir=folder.parent) as draft:
            await self._install(f"{package}@{VERSION}", Path(draft, "programs"))
            if not folder.exists():
                Path(draft, "programs").rename(folder)
        return program

    async def _install(self, package: str, folder: Path) -> None:
        node = self.context.builder.node_bin
        flags = ["--no-save", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
        folder.mkdir()
        npm = await asyncio.create_subprocess_exec(
            *(str(node / "npm"), "install", *flags, "--cache", str(self.cache / "npm"), "--prefix", str(folder)),
            package,
            env={**os.environ, "PATH": os.pathsep.join([str(node), os.environ.get("PATH", os.defpath)])},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            preexec_fn=die_with_parent(),
        )
        try:
            _nothing, errors = await asyncio.wait_for(npm.communicate(), INSTALLS_WITHIN)
        except TimeoutError:
            npm.kill()
            raise NoRuntime(f"npm did not install {package} within {INSTALLS_WITHIN} s") from None
        if npm.returncode:
            lines = errors.decode(errors="replace").strip().splitlines()
            raise NoRuntime(
                f"the sandbox runs Workers in {package}, which npm could not install: {(lines or ['no message'])[-1]}"
            )


def _config(script: Mapping[str, Any], port: int, origin: int) -> str:
    """Return workerd's configuration for a script: its modules, its bindings, and the origin that it fetches from."""
    kinds = {"application/javascript+module": "esModule", "text/plain": "text"}
    modules = sorted(script["modules"], key=lambda module: module["name"] != script["main"])  # the main one is first
    listed = ", ".join(
        f"(name = {_text(module['name'])}, {kinds[module['type']]} = {_text(module['content'])})" for module in modules
    )
    bindings = ", ".join(
        f"(name = {_text(binding['name'])}, text = {_text(binding['text'])})" for binding in script["bindings"]
    )
    worker = (
        f"(modules = [{listed}], bindings = [{bindings}],"
        f' compatibilityDate = {_text(script["compatibility_date"])}, globalOutbound = "origin")'
    )
    return (
        'using Workerd = import "/workerd/workerd.capnp";\n'
        "const config :Workerd.Config = (\n"
        f'  services = [(name = "main", worker = {worker}),\n'
        f'    (name = "origin", external = (address = "127.0.0.1:{origin}", http = ()))],\n'
        f'  sockets = [(name = "http", address = "127.0.0.1:{port}", http = (), service = "main")]\n'
        ");\n"
    )


def _text(value: str) -> str:
    """Return a text as Cap'n Proto writes it: bytes beyond ASCII and control characters as escapes."""
    return '"' + "".join(_escaped(byte) for byte in value.encode()) + '"'


def _escaped(byte: int) -> str:
    if byte in b'"\\':
        return "\\" + chr(byte)
    return chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}"
