# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of releases: the rollback board, or two releases compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..core.amounts import date, moment, number, size
from ..release.levers import last_changes
from .board import Entry
from .gather import Facts, value
from .page import ATTENTION, DOWN, LABEL, OK, Row, columns, page
from .storefront import Params, command

SHOWN = 12  # lines of commits and of files


def board_page(params: Params, facts: Facts, entries: Sequence[Entry], names: Sequence[str]) -> dict[str, Any]:
    """Return {report, page, lines} of the board."""
    problems = {name: one.problem for name, one in facts.items() if one.problem and one.kind != "absent"}
    able = [one for one in entries if one.possible]
    level = ATTENTION if problems else OK
    go = [command(params, "rollback", f"-e to={one.release}") for one in able[:1]]
    report = {
        "level": level,
        "verdict": _verdict(entries, able),
        "releases": [one.described() for one in entries],
        "unreachable": problems,
        "next": go,
    }
    rows = [*_table(entries, names)]
    rows += [
        Row(f"{name}: {problem}", "" if at else "not asked", ATTENTION, indent=2 + (LABEL if at else 0))
        for at, (name, problem) in enumerate(problems.items())
    ]
    rows += _changes(facts)
    rows += [Row(text, "go back", command=True) for text in go]
    return {"report": report, **page(rows)}


def _changes(facts: Facts) -> list[Row]:
    """Return what operators changed beside the releases, the newest first."""
    found = last_changes((value(facts, "ledger") or {}).get("records", []))[:SHOWN]
    return [_below(at, "changed", _changed(one)) for at, one in enumerate(found)]


def _changed(record: Mapping[str, Any]) -> str:
    at = moment(record["finished_at"])
    what = str(record.get("summary") or "").partition("\n")[0]
    return f"{date(at) if at else ''} {record['kind']}, {record['outcome']}: {what}"


def _verdict(entries: Sequence[Entry], able: Sequence[Entry]) -> str:
    if not entries:
        return "No release is known: neither the ledger nor a platform has one."
    return f"A rollback is possible to {len(able)} of {number(len(entries), 'release')}."


def _table(entries: Sequence[Entry], names: Sequence[str]) -> list[Row]:
    if not entries:
        return [Row(_verdict(entries, []), level=ATTENTION)]
    cells = [["release", "last live", *names, ""]]
    for one in entries:
        at = moment(one.at) if one.at else None
        cells.append([one.release, date(at) if at else "", *(one.units[name] for name in names), ""])
    texts = columns(cells)
    rows = [Row(texts[0])]
    for one, text in zip(entries, texts[1:], strict=True):
        rows.append(Row(text, level=OK if one.possible else ""))
        rows += [Row(why, indent=2 + LABEL) for why in one.why_not if why != "it is live"]
    return rows


def compare_page(params: Params, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return {report, page, lines} of two releases."""
    breaking = [one for one in found["migrations"] if not one["backward_compatible"]]
    report = {
        "level": ATTENTION if breaking else OK,
        "verdict": f"{found['new']} has {number(found['commit_count'], 'commit')} that {found['old']} has not.",
        "comparison": dict(found),
        "next": [],
    }
    return {"report": report, **page(_compared(found))}


def _compared(found: Mapping[str, Any]) -> list[Row]:
    rows = [Row(f"{found['old']} -> {found['new']}", "releases"), *_commits(found)]
    if not found["migrations"]:
        rows.append(Row("the same in both", "migrations"))
    for at, one in enumerate(found["migrations"]):
        verdict = (
            "backward compatible"
            if one["backward_compatible"]
            else f"NOT backward compatible: {'; '.join(one['reasons'])}"
        )
        level = OK if one["backward_compatible"] else DOWN
        rows.append(_below(at, "migrations", f"{one['name']} (only in {one['in']}): {verdict}", level))
    rows += [_below(at, "variables", text) for at, text in enumerate(_variables(found["variables"], found))]
    added, removed = (sum(one[name] or 0 for one in found["files"]) for name in ("added", "removed"))
    sizes = found["size"]
    rows.append(Row(f"{number(found['file_count'], 'file')} differ, +{added:,} -{number(removed, 'line')}", "files"))
    rows += [Row(_file(one), indent=2 + LABEL) for one in found["files"][:SHOWN]]
    if found["file_count"] > SHOWN:
        rows.append(Row(f"and {found['file_count'] - SHOWN:,} more", indent=2 + LABEL))
    rows.append(Row(f"{size(sizes['old'])} -> {size(sizes['new'])}", "size"))
    return rows


def _below(at: int, label: str, text: str, level: str = "") -> Row:
    return Row(text, "" if at else label, level, indent=2 + (LABEL if at else 0))


def _commits(found: Mapping[str, Any]) -> list[Row]:
    missing = found["commits_missing_count"]
    behind = f", and lacks {missing:,} of {found['old']}" if missing else ""
    rows = [Row(f"{number(found['commit_count'], 'commit')}{behind}", "commits")]
    rows += [
        Row(f"{one['commit'][:7]} {one['subject']} ({one['author']})", indent=2 + LABEL)
        for one in found["commits"][:SHOWN]
    ]
    if found["commit_count"] > SHOWN:
        rows.append(Row(f"and {found['commit_count'] - SHOWN:,} more", indent=2 + LABEL))
    return rows


def _variables(units: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    if not units:
        return [f"not known: the ledger has no digests of both {found['old']} and {found['new']}"]
    texts = []
    for unit, changed in units.items():
        if changed is None:
            texts.append(f"{unit}: not known, since only one of the two deploys recorded them")
            continue
        parts = [f"{', '.join(names)} {word}" for word, names in changed.items() if names]
        texts.append(f"{unit}: {'; '.join(parts) or 'unchanged'}")
    return texts


def _file(one: Mapping[str, Any]) -> str:
    lines = "binary" if one["added"] is None else f"+{one['added']} -{one['removed']}"
    return f"{one['path']} ({one['status']}, {lines})"
