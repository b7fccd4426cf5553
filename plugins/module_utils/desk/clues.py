# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the diagnosis asks beside the status: logs, slow statements, indexes, and what the release needs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Any

from ..checks.dotenv import by_example
from ..core.errors import RunbookError
from ..migrations.history import inspect
from ..migrations.migration import Migration
from ..migrations.report import history
from ..platforms.railway.logs import read_log
from ..platforms.render import logs as render_logs
from ..postgres.info import SUBSETS, Inquiry, Question
from ..source.checkout import tags
from . import platforms, repository, systems
from .gather import ABSENT, Fact, Facts, value
from .pending import live_release
from .sentry import is_set_up, sentry
from .storefront import Params

LINES = 100
TAGS = 3  # newest releases in whose files a failed migration is looked for
INDEX = re.compile(
    r'CREATE\s+(?:UNIQUE\s+)?INDEX\s+(?:CONCURRENTLY\s+)?(?:IF\s+NOT\s+EXISTS\s+)?"?(?P<name>\w+)"?\s+ON\s+(?:"?\w+"?\.)?"?(?P<table>\w+)"?[^;]*;?',
    re.IGNORECASE,
)
GONE = re.compile(
    r'DROP\s+(?:INDEX|TABLE)\s+(?:CONCURRENTLY\s+)?(?:IF\s+EXISTS\s+)?(?:"?\w+"?\.)?"?(\w+)"?'
    r'|ALTER\s+INDEX\s+(?:IF\s+EXISTS\s+)?"?(\w+)"?\s+RENAME|ALTER\s+TABLE\s+"?(\w+)"?\s+(?:RENAME|DROP\s+COLUMN)',
    re.IGNORECASE,
)
NAMES = "SELECT indexname AS name FROM pg_indexes WHERE schemaname = current_schema()"


def sources(params: Params) -> dict[str, Callable[[], Any]]:
    """Return a question for each; those of the status that the diagnosis asks in more detail are replaced."""
    found: dict[str, Callable[[], Any]] = {}
    if params["frontend"].get("project"):
        found["logs:frontend"] = lambda: {"build": platforms.build_log(params), "runtime": []}
    for one in params["backend"].get("units") or []:
        found[f"logs:{one['name']}"] = lambda one=one: unit_logs(params, one)  # type: ignore[misc]
    if params["database"].get("url"):
        found["database"] = lambda: systems.database(params, questions(params))
    if params["redis"].get("url"):
        found["redis"] = lambda: systems.redis(params, interval=1.0)
    if is_set_up(params):
        found["sentry"] = lambda: sentry(params)
    return found


def unit_logs(params: Params, one: Mapping[str, Any]) -> dict[str, Any]:
    """Return the end of the newest deployment's build log, and the newest lines of the running one's."""
    with platforms.opened_unit(params, one) as client:
        if params["backend"]["platform"] == "railway":
            listed = client.deployments()
            if not listed:
                return {"build": "", "runtime": []}
            build = [line["message"] for line in read_log(client, "build", listed[0].id, LINES)]
            runtime = [_dated(line) for line in read_log(client, "runtime", listed[0].id, LINES)]
            return {"build": "\n".join(build), "runtime": runtime}
        since = datetime.now(UTC) - timedelta(hours=6)
        read = {kind: render_logs.read(client, LINES, since=since, types=[kind]) for kind in ("build", "app")}
        build = [line["message"] for line in read["build"]]
        return {"build": "\n".join(build), "runtime": [_dated(line) for line in read["app"]]}


def _dated(line: Mapping[str, Any]) -> dict[str, Any]:
    return {"at": line["at"], "message": line["message"]}


def questions(params: Params) -> dict[str, Question]:
    """Return what the database is asked: migrations are judged by the files of the newest releases."""

    def migrations(inquiry: Inquiry) -> dict[str, Any]:
        files = [Migration(name, sql) for name, sql in sorted(known_files(params).items())]
        state, releases = inspect(inquiry.connection, files), releases_of(params)
        there = {row.name for row in state.rows}
        rows = history(state, [one for one in files if one.name in there])
        return {"known": state.known, "history": [{**row, "release": releases.get(row["name"])} for row in rows]}

    return {
        **{name: SUBSETS[name] for name in ("server", "connections", "locks", "bloat", "slow_queries")},
        "migrations": migrations,
        "indexes": lambda inquiry: [row["name"] for row in inquiry.ask(NAMES)],
    }


def known_files(params: Params) -> dict[str, str]:
    """Return the SQL of the migrations of the newest releases, by name; nothing where they cannot be read."""
    return {name: sql for _ref, files in _newest(params) for name, sql in files.items()}


def releases_of(params: Params) -> dict[str, str]:
    """Return, by the name of a migration, the newest release that has it."""
    return {name: ref for ref, files in _newest(params) for name in files}


def _newest(params: Params) -> list[tuple[str, dict[str, str]]]:
    """Return the newest releases, the newest last, each with the SQL of its migrations by name."""
    path, given = params.get("path"), params["database"]
    if not path:
        return []
    folder = str(PurePosixPath(given["root_directory"] or "", given["migrations"]))
    try:
        return [(ref, repository.migration_files(path, ref, folder)) for ref in list(tags(path))[-TAGS:]]
    except RunbookError:
        return []


def missing_indexes(params: Params, facts: Facts) -> Fact:
    """Return the indexes that the applied migrations make and the database does not have."""
    found = value(facts, "database") or {}
    if found.get("indexes") is None or not (found.get("migrations") or {}).get("history"):
        return ABSENT
    applied = {row["name"] for row in found["migrations"]["history"] if row["state"] in ("applied", "edited")}
    files = {name: sql for name, sql in known_files(params).items() if name in applied}
    return Fact([one for one in made_indexes(files) if one["name"] not in found["indexes"]])


def made_indexes(files: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Give each index that the migrations make and do not take away again, directly or with its table."""
    made: dict[str, dict[str, str]] = {}
    for name, sql in sorted(files.items()):
        text = re.sub(r"--[^\n]*", "", sql)
        for match in GONE.finditer(text):
            gone = next((group for group in match.groups() if group), "")
            made = {key: one for key, one in made.items() if gone not in (key, one["table"])}
        for match in INDEX.finditer(text):
            statement = " ".join(match[0].split())
            online = re.sub(r"INDEX (?!CONCURRENTLY)", "INDEX CONCURRENTLY ", statement, count=1)
            made[match["name"]] = {"name": match["name"], "table": match["table"], "migration": name, "sql": online}
    yield from made.values()


def needs(params: Params, facts: Facts) -> Fact:
    """Return, by unit, the variables that .env.example of the live release names and the unit does not have."""
    path, ref = params.get("path"), live_release(facts)
    if not path or not ref:
        return ABSENT
    found: dict[str, list[str]] = {}
    for one in params["backend"].get("units") or []:
        known = value(facts, f"unit:{one['name']}")
        root = one.get("root_directory") or params["backend"].get("root_directory") or ""
        text = repository.text_of(path, ref, str(PurePosixPath(root, ".env.example"))) if known else None
        if text is not None:
            there = {variable["name"] for variable in known["variables"]}
            wanted = [needed.name for needed in by_example(text) if not needed.optional]
            found[one["name"]] = [name for name in wanted if name not in there and name not in OWN]
    return Fact(found)


OWN = ("PORT", "NODE_ENV", "HOST")  # what the platforms set themselves
