# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL server on the controller for as long as something is tried in it. It listens in a folder of
this user only, and is gone with this process.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ..core.errors import CommandFailed, ConfigError, Unreachable
from ..core.process import kill, private_folder, run, spawn
from .connection import Database, connect
from .programs import find_tool, own_environment

FOLDER = "storefront.runbook-server-"  # and whose it is: the process's number and when it started
USER = "storefront"
START_TIMEOUT = 60.0  # seconds
# PostgreSQL refuses to run as root: in a user namespace root is somebody else, and the files stay its own.
AS_ANOTHER = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--", "setpriv", "--pdeathsig=KILL", "--"]
# Nothing of it outlives a crash, so nothing need be safe from one.
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


@contextmanager
def local_server(major: int, postgres_bin: str | None, heartbeat: Callable[[], None]) -> Iterator[Database]:
    """Give the database ``postgres`` of a server of this version, or else the next newer one that is
    installed. Raises ConfigError.
    """
    server = find_tool("postgres", major, postgres_bin)
    prefix = AS_ANOTHER if os.geteuid() == 0 else []
    with private_folder(FOLDER) as folder:
        data = str(folder / "data")
        initdb = str(Path(server.path).with_name("initdb"))
        try:
            run(
                [
                    *prefix,
                    initdb,
                    f"--pgdata={data}",
                    f"--username={USER}",
                    "--auth=trust",
                    "--encoding=UTF8",
                    "--locale=C",
                    "--no-sync",
                ],
                base=own_environment(),
            )
        except CommandFailed as error:
            raise ConfigError(
                f"No PostgreSQL {server.version} can be started here: {error}. Run the play as an ordinary user where"
                " this one is root, or set scratch_url.",
                code="no_local_server",
            ) from None
        settings = [
            word
            for name, value in {**SETTINGS, "unix_socket_directories": str(folder)}.items()
            for word in ("-c", f"{name}={value}")
        ]
        with (folder / "log").open("wb") as log:
            process = spawn(
                [*prefix, server.path, "-D", data, *settings], env=own_environment(), stdout=log, stderr=log
            )
        try:
            database = Database(str(folder), 5432, USER, "", "postgres", "public", False, "", {}, "local_server")
            _await(database, lambda: process.poll() is not None, folder / "log", heartbeat)
            yield database
        finally:
            kill(process)


def _await(database: Database, ended: Callable[[], bool], log: Path, heartbeat: Callable[[], None]) -> None:
    give_up = time.monotonic() + START_TIMEOUT
    while True:
        heartbeat()
        try:
            with closing(connect(database)):
                return
        except (Unreachable, ConfigError):
            if ended() or time.monotonic() > give_up:
                output = log.read_text(errors="replace").strip()[-1000:]
                raise ConfigError(
                    f"The PostgreSQL server on this machine did not start: {output}. Set scratch_url instead.",
                    code="no_local_server",
                ) from None
            time.sleep(0.1)
