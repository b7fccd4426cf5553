# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the logs of each unit from its vendor, at the same time, and builds the page of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from ..core.amounts import number
from ..core.errors import RunbookError
from ..platforms.railway.logs import MOST as RAILWAY_MOST
from ..platforms.railway.logs import read_log
from ..platforms.render import logs as render_logs
from ..platforms.render.variables import variables as render_variables
from ..platforms.vercel.states import production
from . import platforms
from .gather import Fact, gather
from .logs import LONGEST, Line, Wanted, line_of, mask, merged
from .page import ATTENTION, DOWN, OK, Row, page
from .storefront import Params

DEPLOYMENTS = 3  # of a unit whose logs are read
STREAM = 3.0  # seconds for which Vercel's endless log is read
SHORTEST_SECRET = 8
COLOURS = {"error": DOWN, "warning": ATTENTION}


def sources(params: Params, want: Wanted, names: Sequence[str], kind: str) -> dict[str, Callable[[], list[Line]]]:
    """Return a question for each unit that is wanted."""
    found: dict[str, Callable[[], list[Line]]] = {}
    if "frontend" in names:
        found["frontend"] = lambda: _vercel(params, kind)
    for one in params["backend"].get("units") or []:
        if one["name"] in names:
            found[one["name"]] = lambda one=one: _unit(params, one, want, kind)  # type: ignore[misc]
    return found


def read(params: Params, want: Wanted, names: Sequence[str], kind: str) -> tuple[list[Line], int, dict[str, Fact]]:
    """Return the wanted lines of all units, how many older ones were left out, and what each unit answered."""
    facts = gather(sources(params, want, names, kind), params["timeout"])
    lines, left_out = merged((line for one in facts.values() if one.answered for line in one.value), want)
    return lines, left_out, facts


def _vercel(params: Params, kind: str) -> list[Line]:
    with platforms.opened_frontend(params) as client:
        project = client.project(params["frontend"]["project"])
        if kind == "build":
            newest = next(iter(client.deployments(project)), None)
            at = datetime.fromtimestamp((newest or {}).get("createdAt", 0) / 1000, UTC).isoformat()
            texts = client.build_log(newest).splitlines() if newest else []
            return _lines(line_of("frontend", at, None, text) for text in texts)
        live = production(project)
        if live is None:
            return []
        rows = client.runtime_log(project, live["id"], min(STREAM, params["timeout"] / 2))
    return _lines(_request(row) for row in rows)


def _request(row: Mapping[str, Any]) -> Line | None:
    """Return the line of a request, or of what a function printed for it."""
    line = line_of("frontend", row["at"], row["level"], row.get("message") or "")
    if line is None:
        return None
    asked = mask(" ".join(str(row[name]) for name in ("method", "path", "status") if row.get(name)))
    return replace(line, message=": ".join(part for part in (asked, line.message) if part)[:LONGEST])


def _unit(params: Params, one: Mapping[str, Any], want: Wanted, kind: str) -> list[Line]:
    with platforms.opened_unit(params, one) as client:
        name = str(one["name"])
        if params["backend"]["platform"] == "railway":
            hidden = _secrets(client.variables)
            rows = [row for deployment in _of_the_time(client, want) for row in _railway(client, deployment, kind)]
            return _lines(line_of(name, row["at"], row["severity"], row["message"], hidden) for row in rows)
        hidden = _secrets(lambda: render_variables(client))
        types = ["build"] if kind == "build" else ["app", "request"]
        rows = render_logs.read(client, RAILWAY_MOST, since=want.since, until=want.until, types=types)
        return _lines(line_of(name, row["at"], row["level"], row["message"], hidden) for row in rows)


def _railway(client: Any, deployment: Any, kind: str) -> list[dict[str, Any]]:
    return read_log(client, "build" if kind == "build" else "runtime", deployment.id, RAILWAY_MOST)


def _of_the_time(client: Any, want: Wanted) -> list[Any]:
    """Return the deployments that may have written within the time, the newest first."""
    found = []
    for deployment in client.deployments()[:DEPLOYMENTS]:
        found.append(deployment)
        if deployment.created_at < want.since:
            break
    return found


def _secrets(variables: Callable[[], Mapping[str, str]]) -> list[str]:
    """Return the values of a unit's variables that a line may not show; none where they cannot be read."""
    with suppress(RunbookError):
        return [value for name, value in variables().items() if len(value) >= SHORTEST_SECRET and name not in PLAIN]
    return []


PLAIN = ("NODE_ENV", "LOG_LEVEL", "CORS_ORIGIN", "TZ")


def _lines(found: Iterable[Line | None]) -> list[Line]:
    return [line for line in found if line is not None]


def build(
    params: Params, lines: Sequence[Line], left_out: int, facts: Mapping[str, Fact], *, shown: bool = False
) -> dict[str, Any]:
    """Return {report, page, lines} of the logs. Lines that were ``shown`` already are not on the page again."""
    problems = {name: one.problem for name, one in facts.items() if one.problem}
    level = ATTENTION if problems else OK
    report = {
        "level": level,
        "verdict": (f"{len(lines):,} of " if left_out else "") + number(len(lines) + left_out, "line") + ".",
        "lines": [line.described() for line in lines],
        "left_out": left_out,
        "unreachable": problems,
    }
    rows = [_row(params, line) for line in lines if not shown]
    rows += [Row(f"{number(len(lines) + left_out, 'line')} in {params['follow']:g} s.")] if shown else []
    rows += [] if lines else [Row("No line matches.", level=ATTENTION)]
    rows += (
        [
            Row(
                f"{number(left_out, 'older line matches', 'older lines match')} as well: -e"
                f" limit={len(lines) + left_out}",
                level=ATTENTION,
            )
        ]
        if left_out
        else []
    )
    return {
        "report": report,
        **page([*rows, *(Row(f"{name}: {why}", level=ATTENTION) for name, why in problems.items())]),
    }


def text_of(params: Params, line: Line) -> str:
    """Return a line as the page has it."""
    zone = ZoneInfo(params["timezone"])
    at = line.at.astimezone(zone)
    today = datetime.now(zone).date() == at.date()
    when = at.strftime("%H:%M:%S") if today else at.strftime("%d %b %H:%M:%S")
    request = f" [{line.request}]" if line.request else ""
    return f"{when} {line.unit:<9} {line.level:<7} {line.message}{request}"


def _row(params: Params, line: Line) -> Row:
    return Row(text_of(params, line), level=COLOURS.get(line.level, ""), indent=0)
