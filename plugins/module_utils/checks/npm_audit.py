# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks npm's audit service about the packages of a lockfile.

npm ends with 1 both for findings and where it could not ask, and takes an answer such as null for no findings. Its JSON
and its log show which of them it was.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..core.errors import ConfigError, Unreachable
from ..core.json_text import loads
from ..core.process import run
from ..core.redact import redact

LEVELS = ("info", "low", "moderate", "high", "critical")
LOCKFILES = ("npm-shrinkwrap.json", "package-lock.json")
OLDEST = 11
INSTALL = "npm install --global npm@11"
# What npm logs of the service's answer; an answer is an object, and one of another kind counts as none.
LOGGED = re.compile(r"^npm silly audit (?P<what>bulk request|report) (?P<value>.*)$", re.MULTILINE)
SHOWN = 300  # characters of what npm says


@dataclass(frozen=True)
class Advisory:
    """A known vulnerability of a package in the lockfile."""

    id: str
    package: str
    severity: str
    title: str
    url: str = ""
    numbers: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return (self.id, *self.numbers)

    @property
    def shown(self) -> str:
        return f"{self.package}: {self.title} ({self.severity}, {self.id})"


@lru_cache
def version(npm: str) -> str:
    """Return the version of npm. Raises ConfigError where it is missing or too old."""
    found = run([npm, "--version"], check=False, timeout=30).stdout.strip()
    if not found.split(".")[0].isdigit() or int(found.split(".")[0]) < OLDEST:
        raise ConfigError(
            f"npm is {found or 'broken'}: the service no longer answers what npm 10 and older ask. Install a newer one"
            f" ({INSTALL}), or set npm to its program.",
            code="old_npm",
        )
    return found


def audit(folder: Path, npm: str, omit: Sequence[str], seconds: float) -> tuple[list[Advisory], int]:
    """Return the advisories of the packages in the folder's lockfile, and how many packages were asked about.

    Raises Unreachable where the service gave no answer, and WaitTimeout.
    """
    words = [
        "--json",
        "--package-lock-only",
        "--audit-level=none",
        "--loglevel=silly",
        "--logs-max=0",
        "--fetch-retries=0",
    ]
    words += [f"--fetch-timeout={int(seconds * 1000)}", *(f"--omit={kind}" for kind in omit)]
    # A cache of its own: npm's caches what it made of an advisory, also when the advisory has changed since.
    env = {"NO_UPDATE_NOTIFIER": "1", "npm_config_cache": str(folder / ".npm")}
    done = run([npm, "audit", *words], cwd=folder, env=env, check=False, timeout=seconds + 10)
    try:
        report = loads(done.stdout)
    except ValueError:
        report = {}
    if not isinstance(report, dict) or "auditReportVersion" not in report or not _was_answered(done.stderr):
        raise Unreachable(f"The audit service gave no answer that npm can use: {_why(report)}", code="not_asked")
    found = report.get("vulnerabilities") or {}
    total = ((report.get("metadata") or {}).get("dependencies") or {}).get("total") or 0
    listed = [_advisory(via) for one in found.values() for via in one.get("via") or [] if isinstance(via, dict)]
    return list(dict.fromkeys(listed)), int(total)


def _was_answered(log: str) -> bool:
    logged: dict[str, str] = {}
    for found in LOGGED.finditer(log):
        logged.setdefault(found["what"], found["value"])
    return logged.get("bulk request", "").strip() == "{}" or logged.get("report", "{").startswith("{")


def _why(report: Any) -> str:
    report = report if isinstance(report, dict) else {}
    error = report.get("error") if isinstance(report.get("error"), dict) else {}
    text = report.get("message") or error.get("summary") or error.get("detail") or "it is not an audit report"
    return redact(" ".join(str(text).split())[:SHOWN])


def _advisory(via: Mapping[str, Any]) -> Advisory:
    url, number = str(via.get("url") or ""), str(via.get("source") or "")
    name = url.rstrip("/").rpartition("/")[2] or number or "an advisory without an id"
    severity = str(via.get("severity"))
    return Advisory(
        name,
        str(via.get("name") or via.get("dependency")),
        severity if severity in LEVELS else LEVELS[-1],  # an unknown one is not made light of
        " ".join(str(via.get("title") or "a known vulnerability").split())[:SHOWN],
        url,
        (number,) if number else (),
    )
