# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An archive restored into a database: what it needs there, and loading it."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from ..core.errors import CommandFailed, ConfigError
from ..core.process import kill, spawn
from ..core.redact import redact
from .archive import Archive
from .backup import paced
from .postgres import BEAT_INTERVAL, Database, query
from .postgres_tools import Tool, find_tool, libpq_access

# As measured: commits need not wait, since a database that was not loaded to its end is made anew, and workers of its own would only share the cores.
SPEED = "-c synchronous_commit=off -c maintenance_work_mem=256MB -c max_parallel_maintenance_workers=0"
# For the query that checks a foreign key. By the planner's guess it hashes all of the other table; joining two sorted ones took half the time or less at
# millions of rows, where the key is of a type that sorts fast (a text does not, but in the collation C).
MERGE = "-c enable_hashjoin=off"
PATIENT = "-c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0"

_NAME = r'("(?:[^"]|"")+"|[\w$]+)'
_TABLE = re.compile(r"^CREATE (?:UNLOGGED )?TABLE (.+?) \((.*?)^\)", re.MULTILINE | re.DOTALL)
_SORTED_FAST = re.compile(rf"^    {_NAME} (?:smallint|integer|bigint|uuid|numeric|oid|date|timestamp)\b", re.MULTILINE)
_FOREIGN_KEY = re.compile(r"^ALTER TABLE (?:ONLY )?(.+)\n    ADD CONSTRAINT .+ FOREIGN KEY \((.+?)\) REFERENCES ", re.MULTILINE)
_EXTENSION = re.compile(rf"^CREATE EXTENSION (?:IF NOT EXISTS )?{_NAME}", re.MULTILINE)
_OWNER = re.compile(rf"^ALTER .* OWNER TO {_NAME};$", re.MULTILINE)
_GRANTED = re.compile(rf"^(?:GRANT|REVOKE) .* (?:TO|FROM) {_NAME}(?: WITH GRANT OPTION)?;$", re.MULTILINE)
_DEFAULTS = re.compile(rf"^ALTER DEFAULT PRIVILEGES FOR ROLE {_NAME} .* (?:TO|FROM) {_NAME}", re.MULTILINE)
_POLICY = re.compile(r"^CREATE POLICY .*? TO (.+?)(?: USING| WITH CHECK|;$)", re.MULTILINE)


@dataclass(frozen=True)
class Needs:
    """What an archive takes for granted: ``owners`` are roles that own something in it, ``others`` those with a grant or a policy."""

    extensions: frozenset[str]
    owners: frozenset[str]
    others: frozenset[str]


def needs(archive: Archive, tool: Tool, beat: Callable[[], None]) -> Needs:
    """Find out what an archive takes for granted. Raises ConfigError when it cannot be read."""
    return read_needs(definition(archive, tool, beat))


def definition(archive: Archive, tool: Tool, beat: Callable[[], None]) -> str:
    """Return the whole definition in an archive, as SQL. Raises ConfigError when it cannot be read."""
    with tempfile.TemporaryFile() as out:
        argv = [tool.path, "--schema-only", "--file=-", archive.path]
        try:
            run_program(argv, beat, {"pass_fds": archive.descriptors, "stdout": out}, "Reading the archive")
        except CommandFailed as error:
            raise ConfigError(f"The backup {archive.manifest['name']} cannot be read by pg_restore {tool.version}: {error}", code="damaged") from None
        out.seek(0)
        return out.read().decode(errors="replace")


def read_needs(text: str) -> Needs:
    """Find out what SQL as pg_restore writes it takes for granted."""
    policies = {role for found in _POLICY.findall(text) for role in re.findall(_NAME, found)}
    granted = {*_GRANTED.findall(text), *(role for pair in _DEFAULTS.findall(text) for role in pair)}
    return Needs(_names(_EXTENSION.findall(text)), _names(_OWNER.findall(text)), _names(policies | granted))


def _names(found: Iterable[str]) -> frozenset[str]:
    plain = {name[1:-1].replace('""', '"') if name.startswith('"') else name for name in found}
    return frozenset(plain - {"PUBLIC", "CURRENT_USER", "SESSION_USER"})


def sorts_fast(text: str) -> bool:
    """Whether all foreign keys in SQL as pg_restore writes it are of types that sort fast. Not where it fills views too, whose queries nobody knows."""
    fast = {(table, column) for table, columns in _TABLE.findall(text) for column in _SORTED_FAST.findall(columns)}
    keys = {(table, column) for table, columns in _FOREIGN_KEY.findall(text) for column in columns.split(", ")}
    return keys <= fast and "\nCREATE MATERIALIZED VIEW " not in text


def fit(connection: Any, archive: Archive, postgres_bin: str | None, beat: Callable[[], None]) -> Tool:
    """Return the pg_restore for this server. Raises ConfigError when the server does not have what the archive takes for granted."""
    tool, lacks = _look(connection, archive, postgres_bin, beat)
    for what, advice in (
        ("roles", "As a superuser: CREATE ROLE each of them, or restore on a server that has them."),
        ("memberships", "These roles own something in it: GRANT each of them to the user of database_url, or give the URL of a user that is in them."),
    ):
        if lacks[what]:
            raise ConfigError(
                f"The backup {archive.manifest['name']} cannot be restored here for lack of {what}: {', '.join(lacks[what])}. {advice}", code=f"no_{what}"
            )
    return tool


def fit_for_trial(connection: Any, archive: Archive, postgres_bin: str | None, beat: Callable[[], None]) -> tuple[Tool, bool]:
    """Return the pg_restore for this server, and whether the server has the roles to restore owners and grants too. Raises ConfigError."""
    tool, lacks = _look(connection, archive, postgres_bin, beat)
    return tool, not lacks["roles"] and not lacks["memberships"]


def _look(connection: Any, archive: Archive, postgres_bin: str | None, beat: Callable[[], None]) -> tuple[Tool, dict[str, list[str]]]:
    ((version,),) = query(connection, "SELECT current_setting('server_version_num')::int / 10000")
    name = archive.manifest["name"]
    origin, dumper = (int(str(archive.manifest.get(key) or "0").split(".", maxsplit=1)[0]) for key in ("server_version", "pg_dump_version"))
    if origin > version:
        raise ConfigError(f"The backup {name} is of PostgreSQL {origin}, and this server is {version}: restore it on {origin} or newer.", code="older_server")
    tool = find_tool("pg_restore", max(version, dumper), postgres_bin)
    wanted = needs(archive, tool, beat)
    roles = dict(query(connection, "SELECT rolname, pg_has_role(oid, 'MEMBER') FROM pg_roles"))
    available = {extension for (extension,) in query(connection, "SELECT name FROM pg_available_extensions")}
    missing = sorted(wanted.extensions - available)
    if missing:
        raise ConfigError(
            f"The backup {name} needs extensions that this server does not offer: {', '.join(missing)}. Install their packages on it, or take another server.",
            code="no_extension",
        )
    return tool, {
        "roles": sorted((wanted.owners | wanted.others) - roles.keys()),
        "memberships": sorted(role for role in wanted.owners if role in roles and not roles[role]),
    }


def jobs_at_once(jobs: int) -> int:
    """Return how many connections can restore at a time from here."""
    return jobs if sys.platform == "linux" else 1  # elsewhere /dev/fd shares the position in the file between processes


def load(archive: Archive, tool: Tool, database: Database, *, jobs: int | None, beat: Callable[[], None], ownership: bool = True) -> None:
    """Restore an archive into an empty database; ``beat`` is called all along. Raises CommandFailed, and whatever ``beat`` raises.

    Without ``jobs`` it is one transaction: all of it is there afterwards or nothing, whatever becomes of this process.
    """
    join = MERGE if sorts_fast(definition(archive, tool, beat)) else ""
    quiet = replace(database, options=f"{database.options} {SPEED} {join} {PATIENT}".strip())
    target = database.name.replace("\\", "\\\\").replace("'", "\\'")
    argv = [tool.path, "--exit-on-error", "--no-password", f"--jobs={jobs_at_once(jobs)}" if jobs else "--single-transaction", f"--dbname=dbname='{target}'"]
    argv += [] if ownership else ["--no-owner", "--no-privileges"]
    with libpq_access(quiet) as access:
        descriptors = [*access["pass_fds"], *archive.descriptors]
        run_program([*argv, archive.path], beat, {**access, "pass_fds": descriptors}, f"pg_restore into {database.describe()}", [database.password])


def run_program(argv: list[str], beat: Callable[[], None], options: Mapping[str, Any], what: str, secrets: Iterable[str] = ()) -> None:
    with ExitStack() as stack:
        said = stack.enter_context(tempfile.TemporaryFile())
        process = spawn(argv, **{"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, **options}, stderr=said)
        stack.callback(kill, process)
        tick = paced(beat)
        while True:
            tick()
            try:
                process.wait(BEAT_INTERVAL)
                break
            except subprocess.TimeoutExpired:
                continue
        if process.returncode != 0:
            said.seek(0)
            words = redact(said.read()[-2000:].decode(errors="replace").strip(), secrets)
            raise CommandFailed(f"{what} ended with exit code {process.returncode}: {words}", code=str(process.returncode))
