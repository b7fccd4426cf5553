# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs Lighthouse several times on a page and keeps the report of the median run."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median_low
from typing import Any

from ..core.errors import CommandFailed, ConfigError
from ..core.json_text import loads
from ..core.process import private_folder, run
from ..core.redact import redact
from . import chromium
from .lighthouse_script import SCRIPT

CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
OLDEST = 12
LOAD = 45  # seconds that a page may take to load
RUN = 120  # seconds that a run may take at most
WORDS = ("true", "false", "samesitenone")  # values of headers that are no secrets, as of x-vercel-set-bypass-cookie
INSTALL = "npm install --global lighthouse@12"


@dataclass(frozen=True)
class Audit:
    """A page to audit. ``headers`` are sent to its own origin only, and masked in the report."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    categories: Sequence[str] = CATEGORIES
    runs: int = 5
    desktop: bool = False
    skip: Sequence[str] = ()
    browser: str | None = None
    browser_arguments: Sequence[str] = ()
    lighthouse: str | None = None


@dataclass(frozen=True)
class Found:
    """The scores of each category, 0 to 100, in the order of the runs; None where Lighthouse gave none. ``report`` is
    that of the median run, ``error`` why a run failed.
    """

    scores: Mapping[str, Sequence[int | None]]
    report: dict[str, Any]
    version: str = ""
    error: str = ""

    def median(self, category: str) -> int | None:
        """Return the median score, the lower one of two; None where a run has no score."""
        scores = [score for score in self.scores[category] if score is not None]
        return median_low(scores) if scores and len(scores) == len(self.scores[category]) else None


def find(given: str | None = None) -> Path:
    """Return the folder of the npm package lighthouse: that of the program ``given``, or of the one on PATH.

    Raises ConfigError where there is none, or only one that is too old.
    """
    program = shutil.which(Path(given).expanduser() if given else "lighthouse")
    if program is None and given:
        raise ConfigError(
            f"lighthouse is {given!r}, which is not a program that can be run here. Set it to the program lighthouse of"
            f" npm: {INSTALL}",
            code="no_lighthouse",
        )
    if program is None:
        raise ConfigError(
            f"Lighthouse is not installed on this machine. Install it ({INSTALL}), or set lighthouse to its program.",
            code="no_lighthouse",
        )
    for folder in Path(program).resolve().parents:
        package = _package(folder)
        if package.get("name") == "lighthouse":
            version = str(package.get("version"))
            if int(re.match(r"\d*", version)[0] or 0) < OLDEST:  # type: ignore[index]
                raise ConfigError(f"Lighthouse {version} is too old: {INSTALL}", code="old_lighthouse")
            return folder
    raise ConfigError(
        f"{program} does not belong to the npm package lighthouse. Set lighthouse to its program: {INSTALL}",
        code="no_lighthouse",
    )


def _package(folder: Path) -> dict[str, Any]:
    try:
        found = loads((folder / "package.json").read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def audit(wanted: Audit) -> Found:
    """Run Lighthouse. Raises ConfigError where the browser or Lighthouse is missing, CommandFailed and WaitTimeout
    where it did not come to an end.
    """
    package, browser = find(wanted.lighthouse), chromium.find(wanted.browser)
    secrets = [*wanted.headers.values()]
    with private_folder("storefront-lighthouse-") as folder:
        job = {
            **{"package": str(package), "browser": str(browser), "dest": str(folder / "result.json")},
            **{"arguments": chromium.arguments(*wanted.browser_arguments), "url": wanted.url, "load": LOAD},
            **{"headers": dict(wanted.headers), "categories": list(wanted.categories), "runs": wanted.runs},
            **{"desktop": wanted.desktop, "skip": list(wanted.skip)},
        }
        _node(job, folder, RUN * wanted.runs, secrets)
        return _read(folder / "result.json", wanted, secrets)


def _node(job: Mapping[str, Any], folder: Path, seconds: float, secrets: Sequence[str] = ()) -> None:
    """Run the script. Its profile is a folder of this process's, which is removed with it."""
    run(
        ["node", "--input-type=module", "--eval", SCRIPT],
        env={"TMPDIR": str(folder), "NODE_OPTIONS": ""},
        stdin=json.dumps(job).encode(),
        timeout=seconds,
        secrets=secrets,
    )


def _read(file: Path, wanted: Audit, secrets: Sequence[str]) -> Found:
    try:
        result = _masked(loads(file.read_text()), [secret for secret in secrets if secret not in WORDS])
        reports, report = result["reports"], result["reports"][result["median"]]
        scores = {name: [_score(one, name) for one in reports] for name in wanted.categories}
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError):
        raise CommandFailed("Lighthouse gave no report that can be read. Rerun it.", code="no_report") from None
    report.get("configSettings", {}).pop("extraHeaders", None)
    error = report.get("runtimeError") or {}
    shown = f"{error.get('code')}: {error.get('message')}" if error else ""
    return Found(scores, report, str(report.get("lighthouseVersion") or ""), redact(shown, secrets))


def _masked(value: Any, secrets: Sequence[str]) -> Any:
    """Mask secrets in every text of a report."""
    if isinstance(value, dict):
        return {name: _masked(inner, secrets) for name, inner in value.items()}
    if isinstance(value, list):
        return [_masked(inner, secrets) for inner in value]
    return redact(value, secrets) if isinstance(value, str) else value


def _score(report: Mapping[str, Any], category: str) -> int | None:
    score = (report.get("categories") or {}).get(category, {}).get("score")
    return round(score * 100) if isinstance(score, int | float) else None


def save(found: Found, folder: Path, name: str, lighthouse: str | None = None) -> Path:
    """Write the report as JSON, and beside it as a page of HTML. Returns the path of the JSON. Raises ConfigError."""
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    file = folder.expanduser().absolute() / f"lighthouse-{name}-{moment}.json"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
            json.dump(found.report, stream)
        with private_folder("storefront-lighthouse-") as scratch:
            page = {"task": "page", "package": str(find(lighthouse)), "report": str(file)}
            _node({**page, "dest": str(file.with_suffix(".html"))}, scratch, RUN)
    except OSError as error:
        raise ConfigError(
            f"The report of Lighthouse cannot be written to {file}: {error.strerror}. Set reports to a folder that can"
            " be written to.",
            code="report_not_written",
        ) from None
    return file
