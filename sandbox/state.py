# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A sandbox's folder and state file: one folder per name, one writer at a time."""

from __future__ import annotations

import fcntl
import json
import os
import random
import re
import socket
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[1]
HOME = CHECKOUT / ".sandbox"
CACHE = HOME / "cache"
PORTS = range(20000, 30000)  # below the ports that Linux gives to outgoing connections


class SandboxError(Exception):
    """What happened, to what, and what to do next; safe to print."""


def folder_of(name: str) -> Path:
    """Return the folder of the sandbox ``name``; it need not exist."""
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,40}", name) or name == "cache":
        raise SandboxError(
            f"{name!r} cannot name a sandbox: use lower-case letters, digits and dashes, and not 'cache'."
        )
    return HOME / name


def read(path: Path) -> Any:
    """Return the JSON in ``path``; None when there is no such file."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None


def write(path: Path, content: Any, *, compact: bool = False) -> None:
    """Replace ``path`` at once by ``content`` as JSON, readable by its owner only; dataclasses become what
    they hold. ``compact`` is many times quicker.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(json.dumps(content, indent=None if compact else 1, default=vars))
    draft.replace(path)


@contextmanager
def locked(name: str, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the sandbox ``name`` for this process alone; ``waiting`` is called once when another holds it."""
    HOME.mkdir(exist_ok=True)
    with (HOME / f".{name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        # connections that linger do not hold a port, listeners do
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


_reservations: list[int] = []  # the file descriptor, once it is open: the lock ends with any descriptor of the file


def reserve(port: int) -> bool:
    """Reserve ``port`` until this process ends; False when nothing listens on it yet but another process, perhaps of
    another checkout, will.

    Between choosing a port and listening on it a server has to start, which takes seconds on a busy machine.
    """
    if not _reservations:
        path = Path(tempfile.gettempdir()) / f"storefront-sandbox-ports-{os.getuid()}"
        _reservations.append(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600))
    try:
        fcntl.lockf(_reservations[0], fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


def available(port: int) -> bool:
    """Return whether ``port`` is free; it is reserved then."""
    return reserve(port) and is_free(port)


def assign_ports(folder: Path, names: Iterable[str]) -> dict[str, int]:
    """Return a free port per name: the one remembered from an earlier run where it is still free.

    Builds carry the API's URL, so a remembered port keeps their cache warm.
    """
    with locked("ports.json"):
        ports = read(folder / "ports.json") or {}
        taken = {port for file in HOME.glob("*/ports.json") for port in (read(file) or {}).values()}
        assigned = {}
        for name in names:
            port = ports.get(name)
            if port is None or not available(port):
                port = next(port for port in random.sample(PORTS, len(PORTS)) if port not in taken and available(port))
            assigned[name] = port
            taken.add(port)
        write(folder / "ports.json", {**ports, **assigned})
    return assigned
