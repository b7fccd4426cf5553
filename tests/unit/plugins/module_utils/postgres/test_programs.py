# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""postgres/programs.py: which pg_dump is chosen, and where its password is."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.postgres import programs
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.connection import parse_url
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.programs import find_tool, libpq_access


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with pg_dump 14, 16 and 17 side by side, a broken wrapper, and 15 on PATH."""
    for major, body in {
        "14": "echo 'pg_dump (PostgreSQL) 14.9'",
        "16": "echo 'pg_dump (PostgreSQL) 16.3'",
        "17": "echo '17.0'",
        "18": "exit 1",
    }.items():
        program = tmp_path / "lib" / major / "bin" / "pg_dump"
        program.parent.mkdir(parents=True)
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o700)
    on_path = tmp_path / "path"
    on_path.mkdir()
    (on_path / "pg_dump").write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)'\n")
    (on_path / "pg_dump").chmod(0o700)
    monkeypatch.setattr(programs, "FOLDERS", (f"{str(tmp_path)[1:]}/lib/*/bin",))
    monkeypatch.setenv("PATH", f"{on_path}:/usr/bin:/bin")
    return tmp_path


@pytest.mark.parametrize(("server", "version"), [(15, "15.20"), (16, "16.3"), (14, "14.9"), (13, "14.9"), (17, "17.0")])
@pytest.mark.usefixtures("machine")
def test_the_program_of_the_servers_version_is_chosen_or_else_the_next_newer_one(server: int, version: str) -> None:
    assert find_tool("pg_dump", server).version == version


@pytest.mark.usefixtures("machine")
def test_a_server_that_is_newer_than_all_is_refused_with_both_versions() -> None:
    with pytest.raises(ConfigError, match=r"PostgreSQL 18 and the newest pg_dump here is 17\.0.*postgresql-client-18"):
        find_tool("pg_dump", 18)


def test_a_folder_that_was_named_is_the_only_one_checked(machine: Path) -> None:
    assert find_tool("pg_dump", 14, str(machine / "lib" / "16" / "bin")).version == "16.3"
    with pytest.raises(ConfigError, match="there is no pg_dump here in /nowhere"):
        find_tool("pg_dump", 14, "/nowhere")


def test_the_password_is_in_a_file_without_a_name_and_nowhere_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGPASSWORD", "inherited")
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:hunter2@h/d")
    with libpq_access(parse_url("postgresql://u:p%3Aw%5Cd@h:6543/d?sslmode=require&options=-c%20jit%3Doff")) as access:
        environment = access["env"]
        script = 'cat "$PGPASSFILE"; stat --dereference --format=%a.%h "$PGPASSFILE"'
        done = subprocess.run(["/bin/sh", "-c", script], **access, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [r"*:*:*:*:p\:w\\d", "600.0"]
    assert {key: environment[key] for key in ("PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGSSLMODE")} == {
        "PGHOST": "h",
        "PGPORT": "6543",
        "PGUSER": "u",
        "PGDATABASE": "d",
        "PGSSLMODE": "require",
    }
    assert environment["PGOPTIONS"].startswith("-c jit=off -c default_transaction_read_only=off ")
    assert not {"PGPASSWORD", "DATABASE_URL"} & set(environment)
    assert "hunter2" not in str(environment)
