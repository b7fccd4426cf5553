# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds of uploaded apps by their own scripts, cached by content: the same upload, Node and variables are
built once.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import signal
import stat
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..process import is_alive, started
from .installs import Installer, NoDependencies
from .next_cache import NextCache
from .units import die_with_parent

Log = Callable[[str], None]

BUILD_SECONDS = 900


class BuildFailed(Exception):
    """The app's own install or build failed; the message is for the deployment's owner."""


EXECUTABLE, LINK = 0o100755, 0o120777


def entry(digest: str, mode: int | None) -> str:
    """Return a deployment's entry for a file: its digest, followed by its mode if the file is executable or a link."""
    if mode and stat.S_ISLNK(mode):
        return f"{digest} {LINK:o}"
    return f"{digest} {EXECUTABLE:o}" if mode and mode & stat.S_IXUSR else digest


class Blobs:
    """Uploaded files by their SHA-1 digest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, content: bytes) -> str:
        digest = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        if digest not in self:
            draft = self.path(digest).with_suffix(".new")
            draft.write_bytes(content)
            draft.replace(self.path(digest))
        return digest

    def put_member(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> str | None:
        """Store a file or a link of an archive and return its entry; None for what is neither."""
        if member.issym():
            return entry(self.put(member.linkname.encode()), LINK)
        content = tar.extractfile(member) if member.isfile() else None
        return entry(self.put(content.read()), member.mode) if content else None

    def write(self, files: Mapping[str, str], folder: Path) -> None:
        """Write files by their entries below a folder, the links last: nothing is written through one.
        Raises BuildFailed.
        """
        for name, kept in sorted(files.items(), key=lambda item: item[1].endswith(f"{LINK:o}")):
            digest, _space, mode = kept.partition(" ")
            target = folder / name
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                if mode == f"{LINK:o}":
                    target.symlink_to(self.path(digest).read_text())
                else:
                    shutil.copyfile(self.path(digest), target)
                    target.chmod(int(mode or "644", 8) & 0o777)
            except OSError as problem:
                raise BuildFailed(f"{name} cannot be written: {problem.strerror}") from None

    def path(self, digest: str) -> Path:
        return self.folder / digest

    def __contains__(self, digest: str) -> bool:
        return len(digest) == 40 and digest.isalnum() and self.path(digest).exists()


@dataclass(frozen=True)
class Recipe:
    """Everything that a build depends on besides Node: file entries by path, variables, what to run where,
    what to keep.
    """

    files: Mapping[str, str]
    variables: Mapping[str, str]
    command: str = ""  # instead of the app's own build script
    root: str = ""
    # the folder that is kept; the whole upload if it is empty, or if it does not exist and Next.js can serve the app
    output: str = ""
    prebuilt: bool = False  # the upload is the result of a build that was made elsewhere


class Builder:
    """Builds one app at a time; ``cache`` may be shared with the builders of other sandboxes."""

    def __init__(self, cache: Path, node_bin: Path, blobs: Blobs, scripts: bool = False) -> None:
        self.cache, self.node_bin, self.blobs = cache, node_bin, blobs
        self.installer = Installer(cache, node_bin, scripts)
        self.next_cache = NextCache(cache / "next")
        self._one_at_a_time = asyncio.Lock()
        self._node_version = ""
        for name in ("builds", "work"):
            (cache / name).mkdir(parents=True, exist_ok=True)
        self._mark = f"{os.getpid()}-{started(os.getpid())}-"
        for left in (cache / "work").iterdir():  # by a builder that was killed
            pid, start, _unused = left.name.split("-", 2)
            if not is_alive({"pid": int(pid), "started": int(start)}):
                shutil.rmtree(left, ignore_errors=True)

    def folder(self, key: str) -> Path:
        """Return the folder of a build's result, which never changes."""
        return self.cache / "builds" / key / "app"

    async def build(self, recipe: Recipe, log: Log) -> str:
        """Build an app and return the key of its result. Raises BuildFailed.

        A cached result is not built again; its log is repeated.
        """
        key = await self.key(recipe)
        if not self._is_there(key, log):
            async with self._one_at_a_time:
                if not self._is_there(key, log):  # the previous build may have been the same
                    work = Path(tempfile.mkdtemp(prefix=self._mark, dir=self.cache / "work"))
                    try:
                        await self._build(key, work, recipe, log)
                    finally:
                        await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)
        return key

    def _is_there(self, key: str, log: Log) -> bool:
        path = self.cache / "builds" / key / "log.json"
        if not path.exists():
            return False
        for line in json.loads(path.read_text()):
            log(line)
        return True

    async def key(self, recipe: Recipe) -> str:
        """Return the digest of everything that a build depends on."""
        if not self._node_version:
            self._node_version = (await self._output([str(self.node_bin / "node"), "--version"])).strip()
        parts = [
            sorted(recipe.files.items()),
            sorted(recipe.variables.items()),
            recipe.command,
            recipe.root,
            recipe.output,
            self._node_version,
        ]
        return hashlib.sha256(
            json.dumps(
                [*parts, *(["prebuilt"] if recipe.prebuilt else []), *(["scripts"] if self.installer.scripts else [])]
            ).encode()
        ).hexdigest()

    async def _build(self, key: str, work: Path, recipe: Recipe, log: Log) -> None:
        lines: list[str] = []

        def record(line: str) -> None:
            lines.append(line)
            log(line)

        self.blobs.write(recipe.files, work / "source")
        record(f"Using Node {self._node_version}")
        app = work / "source" / recipe.root
        programs = [] if recipe.prebuilt else await self._prepare(work, recipe, record)
        served, result = None, app / recipe.output
        if not result.is_dir():
            if not any(app.glob("*/BUILD_ID")):
                raise BuildFailed(f'No output directory named "{recipe.output}" was found after the build completed.')
            served, result = recipe.root, work / "source"
        kept = work / "kept"
        kept.mkdir()
        result.rename(kept / "app")
        (kept / "log.json").write_text(json.dumps(lines))
        (kept / "run.json").write_text(json.dumps({"programs": [str(path) for path in programs], "served": served}))
        with suppress(OSError):  # another builder has just finished the same build
            kept.rename(self.cache / "builds" / key)

    async def _prepare(self, work: Path, recipe: Recipe, log: Log) -> list[Path]:
        """Install and build an app; return the folders of its package manager's programs."""
        app = work / "source" / recipe.root
        manifest = _manifest(app)
        try:
            programs = await self.installer.install(work / "source", recipe.root, self._node_version, self.run, log)
        except NoDependencies as reason:
            raise BuildFailed(str(reason)) from None
        environment = {
            **{
                "HOME": str(work),
                "LANG": "C.UTF-8",
                "CI": "1",
                **self.installer.environment(programs),
                **recipe.variables,
            },
            "PATH": os.pathsep.join(
                [str(app / "node_modules" / ".bin"), self.installer.search_path(work / "source", programs)]
            ),
        }
        own = "postinstall" if "postinstall" in manifest.get("scripts", {}) else ""
        build = recipe.command or ("npm run build" if "build" in manifest.get("scripts", {}) else "")
        name = f"{manifest.get('name')} in {recipe.root}"
        if await asyncio.to_thread(self.next_cache.restore, app, name):
            log("Restored the build cache")
        for command in [f"npm run {own}" if own else "", build]:
            if command:
                log(f"Running {command}")
                await self.run(["/bin/sh", "-c", command], app, environment, log)
        await asyncio.to_thread(self.next_cache.keep, app, name)
        return programs

    async def run(self, argv: list[str], cwd: Path, env: Mapping[str, str], log: Log) -> None:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *argv, cwd=cwd, env=dict(env), stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=asyncio.subprocess.STDOUT,  # noqa: E501
            start_new_session=True, preexec_fn=die_with_parent(), limit=1 << 20,
        )  # fmt: skip
        assert process.stdout is not None
        try:
            async with asyncio.timeout(BUILD_SECONDS):
                async for line in process.stdout:
                    log(line.decode(errors="replace").rstrip())
                code = await process.wait()
        except TimeoutError:
            raise BuildFailed(f"The build did not end within {BUILD_SECONDS} seconds.") from None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        if code != 0:
            command = argv[-1] if argv[0] == "/bin/sh" else " ".join([Path(argv[0]).name, argv[1]])
            raise BuildFailed(f'Command "{command}" exited with {code}')

    async def _output(self, argv: list[str]) -> str:
        process = await asyncio.create_subprocess_exec(
            *argv, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        output, error = await process.communicate()
        if process.returncode != 0:
            raise BuildFailed(f"{argv[0]} failed: {error.decode(errors='replace').strip()}")
        return output.decode()

    def search_path(self, app: Path) -> str:
        """Return the $PATH of a built app."""
        run = _read(app.parent / "run.json")
        return self.installer.search_path(app, [Path(path) for path in run.get("programs", [])])

    def served(self, key: str) -> Path | None:
        """Return the folder of an app that Next.js serves; None for static files."""
        folder = _read(self.cache / "builds" / key / "run.json").get("served")
        return None if folder is None else self.folder(key) / folder


def _read(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text()) if file.exists() else {}


def _manifest(app: Path) -> dict[str, Any]:
    try:
        return json.loads((app / "package.json").read_text())
    except FileNotFoundError:
        raise BuildFailed("package.json is missing in the root directory of the upload.") from None
    except ValueError as error:
        raise BuildFailed(f"package.json cannot be read: {error}") from None
