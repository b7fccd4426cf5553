# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings of other scanners, read from their SARIF 2.1.0.

A result's message and snippet are never shown: scanners of secrets put the secret there.
See https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.json_text import loads

LEVELS = ("none", "note", "warning", "error")
KINDS = ("notApplicable", "pass", "fail", "review", "open", "informational")
OPTIONS: dict[str, dict[str, Any]] = {
    "sarif": {"type": "list", "elements": "path", "default": []},
    "sarif_level": {"type": "str", "default": "warning", "choices": list(LEVELS[1:])},
    "sarif_tool": {"type": "str"},
}
MOST = 64 << 20  # bytes of a file
SHOWN = 200  # characters of a name out of a file


class NotSarif(ValueError):
    """A file cannot be read as SARIF 2.1.0; its text says why."""


@dataclass(frozen=True)
class Finding:
    """A result that counts: ``rule`` is the scanner's id of it, ``where`` file and line."""

    rule: str
    level: str
    where: str = ""
    tool: str = ""

    @property
    def shown(self) -> str:
        return f"{self.rule} in {self.where}" if self.where else self.rule


@dataclass
class Scan:
    """What files of SARIF amount to. ``unusable`` says why one of them is not an answer about the commit."""

    findings: list[Finding] = field(default_factory=list)
    tools: list[str] = field(default_factory=list)
    unusable: list[str] = field(default_factory=list)
    suppressed: int = 0
    bound: bool = True  # each run names the commit

    @property
    def facts(self) -> dict[str, Any]:
        return {"tools": self.tools, "suppressed": self.suppressed, "names_the_commit": self.bound}


def wrong(options: Mapping[str, Any]) -> list[str]:
    """Say which file is missing or malformed."""
    problems = []
    for file in options["sarif"]:
        try:
            _load(file)
        except NotSarif as error:
            problems.append(f"sarif {file}: {error}")
    return problems


def read(options: Mapping[str, Any], commit: str) -> Scan:
    """Return what the files say about ``commit``."""
    scan = Scan()
    for file in options["sarif"]:
        name = Path(file).name
        try:
            runs = _load(file)["runs"]
        except NotSarif as error:
            scan.unusable.append(f"{name}: {error}")
            continue
        mine = [run for run in runs if options["sarif_tool"] in (None, "", _tool(run))]
        if not mine:
            scan.unusable.append(f"{name} has no run of {options['sarif_tool']}")
        for run in mine:
            scan.unusable += [f"{name}: {why}" for why in _unusable(run, commit)]
            _add(scan, run, commit, options["sarif_level"])
    return scan


def _load(file: str) -> dict[str, Any]:
    try:
        size = Path(file).stat().st_size
        text = Path(file).read_text("utf-8-sig") if size <= MOST else ""
    except FileNotFoundError:
        raise NotSarif("there is no such file") from None
    except (OSError, UnicodeDecodeError):
        raise NotSarif("it cannot be read as text") from None
    if size > MOST:
        raise NotSarif(f"it has more than {MOST >> 20} MiB")
    try:
        log = loads(text)
    except ValueError:
        raise NotSarif("it is not JSON") from None
    if not isinstance(log, dict) or log.get("version") != "2.1.0":
        raise NotSarif("it is not SARIF of version 2.1.0")
    runs = log.get("runs")
    if not isinstance(runs, list) or not runs:
        raise NotSarif("it has no runs")
    for run in runs:
        _hold(run)
    return log


def _hold(run: Any) -> None:
    """Raise NotSarif where a run does not have the form of what is read of it."""
    driver = _part(run, "tool", "driver")
    if not isinstance(driver.get("name"), str) or not driver["name"].strip():
        raise NotSarif("a run does not name its tool")
    lists = [(run, "results"), (run, "versionControlProvenance"), (run, "invocations"), (driver, "rules")]
    extensions = _objects(run["tool"], "extensions")
    for owner, name in [*lists, *((one, "rules") for one in extensions)]:
        _objects(owner, name)
    for result in run.get("results") or []:
        if result.get("level") not in (None, *LEVELS):
            raise NotSarif(f"a result has the unknown level {str(result['level'])[:SHOWN]!r}")
        if result.get("kind") not in (None, *KINDS):
            raise NotSarif(f"a result has the unknown kind {str(result['kind'])[:SHOWN]!r}")
        _objects(result, "locations")
        _objects(result, "suppressions")
    _part(run, "externalPropertyFileReferences")


def _part(owner: Any, *names: str) -> dict[str, Any]:
    """Return an object inside an object, empty where it is left out. Raises NotSarif where it is something else."""
    for name in ("", *names):
        owner = (owner.get(name) or {}) if name else owner
        if not isinstance(owner, dict):
            raise NotSarif(f"{name or 'a part'} is not an object")
    return dict(owner)


def _objects(owner: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found = [] if owner.get(name) is None else owner[name]
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise NotSarif(f"{name} is not a list of objects")
    return found


def _tool(run: Mapping[str, Any]) -> str:
    return str(run["tool"]["driver"]["name"])[:SHOWN]


def _unusable(run: Mapping[str, Any], commit: str) -> Iterator[str]:
    """Say why a run is not an answer about this commit."""
    if any(one.get("executionSuccessful") is False for one in run.get("invocations") or []):
        yield f"{_tool(run)} did not end well"
    if run.get("results") is None:
        yield f"{_tool(run)} did not scan, since it has no results, not even an empty list"
    if (run.get("externalPropertyFileReferences") or {}).get("results"):
        yield f"{_tool(run)} has its results in other files"
    revisions = _revisions(run)
    if revisions and not any(_is(commit, revision) for revision in revisions):
        yield f"{_tool(run)} scanned {', '.join(one[:12] for one in revisions)}, and not {commit[:12] or 'this commit'}"


def _revisions(run: Mapping[str, Any]) -> list[str]:
    found = (one.get("revisionId") for one in run.get("versionControlProvenance") or [])
    return [str(one) for one in found if one]


def _is(commit: str, revision: str) -> bool:
    """Return whether a revision is the commit; git shortens one to seven digits and more."""
    return bool(re.fullmatch(r"[0-9a-f]{7,40}", revision.lower())) and commit.startswith(revision.lower())


def _add(scan: Scan, run: Mapping[str, Any], commit: str, least: str) -> None:
    scan.tools.append(_tool(run))
    scan.bound = scan.bound and any(_is(commit, revision) for revision in _revisions(run))
    for result in run.get("results") or []:
        rule = _rule(run, result)
        level = _level(result, rule)
        if LEVELS.index(level) < LEVELS.index(least) or result.get("baselineState") == "absent":
            continue
        if _is_suppressed(result):
            scan.suppressed += 1
        else:
            name = str(result.get("ruleId") or rule.get("id") or "a finding without a rule")[:SHOWN]
            scan.findings.append(Finding(name, level, _where(result), _tool(run)))


def _rule(run: Mapping[str, Any], result: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the rule of a result, by its index or its id; empty where the run does not describe it."""
    reference = result.get("rule") if isinstance(result.get("rule"), dict) else {}
    rules = [*(run["tool"]["driver"].get("rules") or [])]
    rules += [rule for one in run["tool"].get("extensions") or [] for rule in one.get("rules") or []]
    name = result.get("ruleId") or reference.get("id")  # type: ignore[union-attr]
    by_id: Sequence[Mapping[str, Any]] = [rule for rule in rules if name and rule.get("id") == name]
    index = result.get("ruleIndex")
    if not by_id and isinstance(index, int) and 0 <= index < len(rules):
        return rules[index]
    return by_id[0] if by_id else {}


def _level(result: Mapping[str, Any], rule: Mapping[str, Any]) -> str:
    """Return the level of a result; without one it is its rule's, and without that a warning (3.27.10)."""
    if result.get("kind") not in (None, "fail"):
        return "none"
    configured = rule.get("defaultConfiguration") if isinstance(rule.get("defaultConfiguration"), dict) else {}
    level = result.get("level") or configured.get("level")  # type: ignore[union-attr]
    return level if level in LEVELS else "warning"


def _is_suppressed(result: Mapping[str, Any]) -> bool:
    """Return whether somebody accepted the result: a suppression without a status is an accepted one (3.35.3)."""
    states = [one.get("status", "accepted") for one in result.get("suppressions") or []]
    return bool(states) and all(state == "accepted" for state in states)


def _where(result: Mapping[str, Any]) -> str:
    try:
        place = result["locations"][0]["physicalLocation"]
        line = (place.get("region") or {}).get("startLine")
        return str(place["artifactLocation"]["uri"])[:SHOWN] + (f":{line}" if isinstance(line, int) else "")
    except (LookupError, TypeError, AttributeError):
        return ""
