# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the inventory says about the checks: options, severity, waivers, attestations. Everything wrong with
it is found before anything is asked.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Any

from .check import Check, Context, Options, Spec

DAY = r"\d{4}-\d{2}-\d{2}"
SEVERITIES = ("stop", "warn")
# Validates options against a specification: it returns them with their defaults, and what is wrong with them.
Validate = Callable[[Spec, Options], tuple[dict[str, Any], list[str]]]


@dataclass(frozen=True)
class Waiver:
    """Who lets a check fail, why, and until when: the first moment at which it no longer counts."""

    by: str
    reason: str
    until: datetime


@dataclass(frozen=True)
class Attestation:
    """Who vouches for the answer to a check, for one commit."""

    by: str
    commit: str
    note: str = ""


@dataclass(frozen=True)
class Setting:
    options: Options = field(default_factory=dict)
    severity: str = "stop"
    required: bool = False
    waiver: Waiver | None = None
    attestation: Attestation | None = None
    assumed: bool = False


@dataclass(frozen=True)
class Reader:
    """Reads the inventory's list. ``systems`` are connections that several checks share, ``assumed`` those that the
    inventory does not name; a waiver's date is a day in ``zone``; relative paths start at ``folder``.
    """

    checks: Sequence[Check]
    systems: Mapping[str, Options]
    context: Context
    zone: tzinfo
    validate: Validate
    folder: str = ""
    assumed: Sequence[str] = ()

    def read(self, entries: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Setting], list[str]]:
        """Return the setting of each check by its id, and everything that is wrong."""
        problems = [*_unknown_systems(self.checks, self.systems)]
        known: dict[str, Mapping[str, Any]] = {}
        for entry in entries:
            check = _find(self.checks, str(entry["id"]))
            if check is None:
                problems.append(_unknown(self.checks, str(entry["id"])))
            elif check.id in known:
                problems.append(f"{check.id} is listed twice: merge the two entries")
            else:
                known[check.id] = entry
        settings = {}
        for check in self.checks:
            settings[check.id], wrong = self._setting(check, known.get(check.id, {}))
            problems += [f"{check.id} {check.name}: {one}" for one in wrong]
        return settings, problems

    def _setting(self, check: Check, entry: Mapping[str, Any]) -> tuple[Setting, list[str]]:
        options, problems = self._options(check, entry.get("options") or {})
        severity = entry.get("severity") or check.severity
        if severity not in SEVERITIES:
            problems.append(f"severity {severity!r} is neither stop nor warn")
        waiver, unusable = _waiver(entry.get("waiver"), self.zone)
        attestation, unfit = _attestation(entry.get("attested"), check)
        assumed = check.system in self.assumed and not entry.get("options")
        setting = Setting(options, severity, bool(entry.get("required")), waiver, attestation, assumed)
        return setting, [*problems, *unusable, *unfit]

    def _options(self, check: Check, own: Options) -> tuple[dict[str, Any], list[str]]:
        foreign = [_foreign(name, self.checks) for name in own if name not in check.options]
        shared = self.systems.get(check.system)
        shared = shared if isinstance(shared, Mapping) else {}  # _unknown_systems names it
        given = {name: value for name, value in {**shared, **own}.items() if name in check.options}
        options, problems = self.validate(check.options, _without_null(given))
        options = self._absolute(options, check.options)
        if not problems and not check.missing(options):
            problems = check.wrong(options, self.context)
        return options, [*foreign, *problems]

    def _absolute(self, options: dict[str, Any], specs: Spec) -> dict[str, Any]:
        """Return the options with absolute paths: Ansible starts a module in the folder of its playbook."""
        paths = [name for name, spec in specs.items() if "path" in (spec.get("type"), spec.get("elements"))]
        return {**options, **{name: self._path(options[name]) for name in paths if name in options}}

    def _path(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._path(one) for one in value]
        return str(Path(self.folder, value)) if self.folder and isinstance(value, str) else value


def secret_names(spec: Spec) -> Iterator[str]:
    """Give the names of secret options, at any depth."""
    for name, one in spec.items():
        if one.get("no_log"):
            yield name
        yield from secret_names(one.get("options") or {})


def secret_values(given: Any, names: Container[str], secret: bool = False) -> Iterator[str]:
    """Give every value below options of these names, so that none is shown."""
    if isinstance(given, Mapping):
        for name, value in given.items():
            yield from secret_values(value, names, secret or name in names)
    elif isinstance(given, list | tuple):
        for value in given:
            yield from secret_values(value, names, secret)
    elif secret and given not in (None, ""):
        yield str(given)


def _without_null(value: Any) -> Any:
    """Leave out what is null at any depth: so Ansible fills in options that were not given."""
    if isinstance(value, Mapping):
        return {name: _without_null(inner) for name, inner in value.items() if inner is not None}
    return [_without_null(inner) for inner in value] if isinstance(value, list) else value


def _waiver(given: Mapping[str, Any] | None, zone: tzinfo) -> tuple[Waiver | None, list[str]]:
    if given is None:
        return None, []
    problems = [
        f"the waiver has no {what}: {why}" for what, why in WAIVER.items() if not str(given.get(what) or "").strip()
    ]
    problems += [f"a waiver has no {name}" for name in given if name not in WAIVER]
    until = None
    if given.get("until"):
        try:
            until = end_of(str(given["until"]), zone)
        except ValueError:
            problems.append(
                f"the waiver's until {given['until']!r} is not a date: write it as 2026-04-01, or with a time as"
                " 2026-04-01T12:00:00Z"
            )
    if problems or until is None:
        return None, problems
    return Waiver(str(given["by"]), str(given["reason"]), until), []


WAIVER = {"by": "name who gives it", "reason": "say why", "until": "give its last day, such as 2026-04-01"}
ATTESTATION = {"by": "name who vouches", "commit": "give the full SHA that it is for"}


def end_of(text: str, zone: tzinfo) -> datetime:
    """Return the moment at which a date, which counts whole, or a time is over. Raises ValueError."""
    if re.fullmatch(DAY, text):
        try:
            return datetime.combine(date.fromisoformat(text) + timedelta(days=1), time(), zone)
        except OverflowError:
            raise ValueError(f"{text} is the last day of the calendar") from None
    if not re.match(rf"{DAY}[T ]", text):  # such as 20260401, which Python reads as the beginning of that day
        raise ValueError(f"{text} is neither a day nor a time")
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _attestation(given: Mapping[str, Any] | None, check: Check) -> tuple[Attestation | None, list[str]]:
    if given is None:
        return None, []
    if not check.attestable:
        return None, [
            "it cannot be attested, because a system can answer it. Waive it instead, with by, reason and until"
        ]
    problems = [
        f"the attestation has no {what}: {why}"
        for what, why in ATTESTATION.items()
        if not str(given.get(what) or "").strip()
    ]
    commit = str(given.get("commit") or "")
    if commit and not re.fullmatch(r"[0-9a-f]{40}", commit):
        problems.append(f"the attestation's commit {commit!r} is not a full SHA of 40 digits")
    problems += [f"an attestation has no {name}" for name in given if name not in (*ATTESTATION, "note")]
    if problems:
        return None, problems
    return Attestation(str(given["by"]), commit, str(given.get("note") or "")), []


def _find(checks: Sequence[Check], word: str) -> Check | None:
    return next((check for check in checks if word in (check.id, check.name)), None)


def named(checks: Sequence[Check], words: Iterable[str]) -> tuple[list[Check], list[str]]:
    """Return the checks that ids or names stand for, and what is wrong with the others."""
    found = {word: _find(checks, word) for word in words}
    return [check for check in found.values() if check], [
        _unknown(checks, word) for word, check in found.items() if check is None
    ]


def _unknown(checks: Sequence[Check], word: str) -> str:
    near = [check.id for check in checks if check.id.casefold() == word.strip().casefold()]
    near = near or difflib.get_close_matches(word.casefold(), [check.name for check in checks], 1)
    hint = (
        f"did you mean {near[0]}?"
        if near
        else "choose from " + ", ".join(f"{check.id} {check.name}" for check in checks)
    )
    return f"there is no check {word!r}: {hint}"


def _foreign(name: str, checks: Sequence[Check]) -> str:
    owners = [f"{check.id} {check.name}" for check in checks if name in check.options]
    return f"it has no option {name}" + (f", which is one of {', '.join(owners)}" if owners else "")


def _unknown_systems(checks: Sequence[Check], systems: Mapping[str, Options]) -> Iterable[str]:
    known: dict[str, set[str]] = {}
    for check in checks:
        if check.system:
            known.setdefault(check.system, set()).update(check.options)
    for system, options in systems.items():
        if system not in known:
            yield f"systems: there is no system {system!r}: choose from {', '.join(sorted(known))}"
        elif not isinstance(options or {}, Mapping):  # its value is not shown: it may be a token
            yield f"systems: {system} is not a mapping: write its options as name: value"
        else:
            yield from (
                f"systems: {system} has no option {name}" for name in options or {} if name not in known[system]
            )
