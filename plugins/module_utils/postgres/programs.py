# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL's own programs: the ones that fit the server, and an environment that keeps the password to itself."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import ConfigError
from . import session
from .connection import LIBPQ, Database
from .tls import environment_of, libpq_settings

# Where distributions keep the programs of each major version side by side.
FOLDERS = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "usr/libexec/postgresql*",
    "opt/homebrew/opt/postgresql@*/bin",
    "usr/local/opt/postgresql@*/bin",
)
# the first major version: of pg_restore, which sets it, and of the server, which knows it
SETS_TRANSACTION_TIMEOUT = 17
# where this process may have its URL from; a program needs none of it
SECRET = frozenset({"DATABASE_URL", "DIRECT_URL"})


@dataclass(frozen=True)
class Tool:
    """A program and its version, such as 15.20."""

    path: str
    version: str

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])


def find_tool(name: str, server_major: int, folder: str | None = None) -> Tool:
    """Return the program whose version is the server's, or else the next newer one: an older one refuses. Raises
    ConfigError.

    ``folder`` is the only folder that is searched if it is given.
    """
    return choose_tool(name, installed(name, folder), server_major, folder)


def installed(name: str, folder: str | None = None) -> list[Tool]:
    """Return each program of this name on this machine, or in ``folder`` alone."""
    folders = (
        [folder]
        if folder
        else [*(str(path) for pattern in FOLDERS for path in Path("/").glob(pattern)), os.environ.get("PATH", "")]
    )
    paths = dict.fromkeys(path for place in folders if (path := shutil.which(name, path=place)))
    return [tool for tool in map(_tool, paths) if tool]


def choose_tool(name: str, tools: Sequence[Tool], server_major: int, folder: str | None = None) -> Tool:
    """Do as ``find_tool`` with the programs that are ``installed``."""
    fitting = sorted((tool for tool in tools if tool.major >= server_major), key=lambda tool: tool.major)
    if fitting:
        return fitting[0]
    found = (
        f"the newest {name} here is {max(tools, key=lambda tool: tool.major).version}"
        if tools
        else f"there is no {name} here"
    )
    raise ConfigError(
        f"The server is PostgreSQL {server_major} and {found}{f' in {folder}' if folder else ''}. Install the client"
        f" programs of version {server_major} or newer (apt-get install postgresql-client-{server_major}), or name"
        " their folder in postgres_bin.",
        code="no_tool",
    )


def _tool(path: str) -> Tool | None:
    """Ask a program for its version. It ends at once, so this takes the fast way to start one
    (core/process.py forks this process).
    """
    try:
        printed = subprocess.run(
            [path, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=True
        ).stdout.decode(errors="replace")
    except (OSError, subprocess.SubprocessError):  # such as a wrapper without the version it was made for
        return None
    version = re.search(r"\d+(\.\d+)*", printed)
    return Tool(path, version[0]) if version else None


def find_psql(tool: Tool, server_major: int) -> str | None:
    """Return the psql by which a pg_restore restores to a server; None where it can itself. Raises
    ConfigError where neither can.
    """
    if not tool.major >= SETS_TRANSACTION_TIMEOUT > server_major:
        return None
    folder = str(Path(tool.path).parent)
    found = shutil.which("psql", path=folder)
    if not found:
        raise ConfigError(
            f"pg_restore {tool.version} cannot restore to PostgreSQL {server_major} itself: the server does not know"
            f" the setting transaction_timeout. With psql {tool.major} it can, but {folder} has none. Install"
            f" postgresql-client-{tool.major} as a whole, or postgresql-client-{server_major}, with which backups can"
            " be made and restored.",
            code="no_tool",
        )
    return found


def own_environment() -> dict[str, str]:
    """Return this process's environment without what it says of servers of PostgreSQL: each program is
    given its own address and settings.
    """
    return {key: value for key, value in os.environ.items() if not key.startswith(LIBPQ) and key not in SECRET}


@contextmanager
def libpq_access(database: Database, server_major: int = 0) -> Iterator[dict[str, Any]]:
    """Give the options of ``spawn`` that let a program of PostgreSQL connect, once, with the settings of session.py.

    The password is in a file that has no name, which only this user and that program can read, and which is gone with
    them even when they are killed.
    """
    with tempfile.TemporaryFile() as passfile, libpq_settings(database) as (settings, descriptors):
        password = database.password.replace("\\", "\\\\").replace(":", "\\:")
        passfile.write(f"*:*:*:*:{password}\n".encode())
        passfile.seek(0)
        environment = {
            **own_environment(),
            "PGHOST": database.host,
            "PGPORT": str(database.port),
            "PGUSER": database.user,
            "PGDATABASE": database.name,
            "PGPASSFILE": f"/dev/fd/{passfile.fileno()}",
            "PGAPPNAME": database.application,
            "PGCONNECT_TIMEOUT": str(database.connect_timeout),
            "PGOPTIONS": session.startup_options(database.options, server_major),
            **environment_of(settings),
        }
        yield {"env": environment, "pass_fds": [passfile.fileno(), *descriptors]}
