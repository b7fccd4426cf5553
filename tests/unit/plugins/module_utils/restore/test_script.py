# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restore by pg_restore and psql: where it is needed, what it leaves out of the script, and that half a
script is never committed.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import (
    CommandFailed,
    ConfigError,
    LeaseLost,
)
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import nothing
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.programs import Tool, find_psql
from ansible_collections.storefront.runbook.plugins.module_utils.restore.script import load_script, without_timeout

PREAMBLE = (
    b"--\n-- PostgreSQL database dump\n--\n\nSET lock_timeout = 0;\nSET transaction_timeout = 0;\nSET client_encoding ="
    b" 'UTF8';\n"
)
REST = b"COPY t FROM stdin;\nSET transaction_timeout = 0;\n\\.\n"


@pytest.mark.parametrize("tool", range(13, 20))
@pytest.mark.parametrize("server", range(13, 20))
def test_psql_is_needed_where_pg_restore_sets_what_the_server_does_not_know(
    tool: int, server: int, tmp_path: Path
) -> None:
    (tmp_path / "psql").touch(0o700)
    needed = tool >= 17 and server <= 16
    assert (find_psql(Tool(str(tmp_path / "pg_restore"), f"{tool}.1"), server) is not None) == needed


def test_without_psql_it_is_said_which_package_to_install(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"postgresql-client-18 as a whole, or postgresql-client-15") as refused:
        find_psql(Tool(str(tmp_path / "pg_restore"), "18.4"), 15)
    assert refused.value.details["code"] == "no_tool"


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_the_statement_goes_from_the_beginning_of_the_script_and_from_no_rows(size: int) -> None:
    script = PREAMBLE + REST
    pieces = [script[start : start + size] for start in range(0, len(script), size)]
    assert b"".join(without_timeout(pieces)) == PREAMBLE.replace(b"SET transaction_timeout = 0;\n", b"") + REST
    assert b"".join(without_timeout([b"SELECT 1;\n"])) == b"SELECT 1;\n"
    assert b"".join(without_timeout([b"x" * 70000, PREAMBLE])) == b"x" * 70000 + PREAMBLE


def run(reader: str, runner: str, folder: Path, heartbeat: object = nothing) -> list[str]:
    """Let a shell write and another one read, and return the lines that the latter kept once it got its end."""
    kept = folder / "kept"
    script = f'set -e; {runner}; cat > "{folder}/half"; mv "{folder}/half" "{kept}"'
    load_script(
        ["sh", "-c", reader],
        ["sh", "-c", script],
        heartbeat,
        {"env": dict(os.environ)},
        what="The restore",
        secrets=["hunter22"],
    )
    return kept.read_text().splitlines()


def test_what_is_written_is_run(tmp_path: Path) -> None:
    assert run("echo one; echo two", "true", tmp_path) == ["one", "two"]


def test_a_script_that_breaks_off_is_not_brought_to_its_end(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"The restore ended with exit code .*: the archive is cut"):
        run("echo one; echo the archive is cut >&2; exit 1", "true", tmp_path)
    assert not (tmp_path / "kept").exists()


def test_the_words_of_the_one_that_failed_are_reported_without_secrets(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="no such role") as failed:
        run("yes", "echo no such role hunter22 >&2; exit 3", tmp_path)
    assert (failed.value.details["code"], "hunter22" in str(failed.value)) == ("3", False)


def test_both_end_with_the_lease(tmp_path: Path) -> None:
    def lost() -> None:
        raise LeaseLost("it is gone")

    with pytest.raises(LeaseLost):
        run("yes", "cat > /dev/null", tmp_path, lost)
    assert not (tmp_path / "kept").exists()
