# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that is started here for a try: nothing of it is left, whether it ends well or is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.connection import connect, query
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.local_server import local_server
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.programs import libpq_access

from sandbox.process import wait_until
from sandbox.storefront import Sandbox

HOLD = """
import json, sys, time
sys.path[:] = json.loads(sys.argv[1])
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.local_server import local_server
with local_server(1, sys.argv[2], lambda: None) as database:
    print(database.host, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def top(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where what is temporary is; short, since a socket's path has 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="rb-") as folder:
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


@pytest.fixture
def tools(sandbox: Sandbox) -> str:
    """Where PostgreSQL's programs are."""
    return sandbox.state["postgres"]["bin"]


def processes(folder: str) -> list[str]:
    """The servers that run in a folder."""
    return [entry.parent.name for entry in Path("/proc").glob("[0-9]*/cmdline") if folder.encode() in _read(entry)]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_databases_can_be_made_in_it_and_nothing_is_left(tools: str, top: Path) -> None:
    with local_server(1, tools, lambda: None) as database:
        with closing(connect(database)) as connection:
            query(connection, "CREATE DATABASE tried")
            assert query(connection, "SELECT rolcreatedb FROM pg_roles WHERE rolname = current_user") == [(True,)]
        assert (top / Path(database.host).name).stat().st_mode & 0o077 == 0
    assert (list(top.iterdir()), processes(database.host)) == ([], [])


ELSEWHERE = {
    "PGPORT": "1",
    "PGHOST": "nowhere.invalid",
    "PGHOSTADDR": "127.0.0.9",
    "PGUSER": "nobody",
    "PGDATABASE": "none",
    "PGSERVICE": "none",
}
ELSEWHERE |= {
    "PGOPTIONS": "-c nothing=1",
    "PGPASSFILE": "/nowhere",
    "PGSSLMODE": "verify-full",
    "PGSSLROOTCERT": "/nowhere",
    "PGREQUIREAUTH": "gss",
}
ELSEWHERE |= {
    "PGDATA": "/nowhere",
    "PGTARGETSESSIONATTRS": "standby",
    "PGREQUIREPEER": "nobody",
    "PGSERVICEFILE": "/nowhere",
    "PGCLIENTENCODING": "none",
}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_what_the_environment_says_of_another_server_does_not_count(
    tools: str, top: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(
        "ansible_collections.storefront.runbook.plugins.module_utils.postgres.local_server.START_TIMEOUT", 20
    )
    monkeypatch.setenv(name, ELSEWHERE[name])
    with (
        local_server(1, tools, lambda: None) as database,
        closing(connect(database)) as connection,
        libpq_access(database) as access,
    ):
        assert query(connection, "SELECT current_database()::text, current_user::text") == [("postgres", database.user)]
        done = subprocess.run(
            [f"{tools}/psql", "-Atc", "SELECT current_user"], **access, capture_output=True, text=True, check=True
        )
        assert done.stdout == f"{database.user}\n"
    assert os.environ[name] == ELSEWHERE[name]


def test_it_dies_with_its_parent_and_the_next_one_removes_its_files(tools: str, top: Path) -> None:
    argv = [sys.executable, "-c", HOLD, json.dumps(sys.path), tools]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        folder = holder.stdout.readline().strip()
        assert folder.startswith(str(top))
        assert processes(folder)
        holder.send_signal(signal.SIGKILL)
    assert wait_until(lambda: not processes(folder), 20)
    assert Path(folder).exists()
    with local_server(1, tools, lambda: None):
        assert not Path(folder).exists()


def test_a_server_that_is_not_installed_is_named(tools: str) -> None:
    with (
        pytest.raises(ConfigError, match="there is no postgres here in /nowhere"),
        local_server(15, "/nowhere", lambda: None),
    ):
        pass
