# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the packages of the release have known vulnerabilities, by npm's audit service and by other scanners."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from ..core.amounts import number
from ..core.errors import ConfigError, RunbookError
from ..core.process import private_folder
from . import accepted, lockfiles, npm_audit, sarif_input, tree
from .answer import Answer, failed, passed, unasked
from .check import Context, Options

OPTIONS: dict[str, dict[str, Any]] = {
    "folders": {"type": "list", "elements": "str", "default": []},
    "audit_level": {"type": "str", "default": "high", "choices": list(npm_audit.LEVELS)},
    "omit": {"type": "list", "elements": "str", "default": ["dev"], "choices": ["dev", "optional", "peer"]},
    "ignore": {"type": "list", "elements": "dict", "default": [], "options": accepted.ENTRY},
    "npm": {"type": "str", "default": "npm"},
    "timeout": {"type": "float", "default": 60.0},
    **sarif_input.OPTIONS,
}
SECONDS = 300.0
SHOWN = 10  # findings in a message; all are in the facts
OTHERS = (lockfiles.PNPM, lockfiles.YARN)
LOCKFILES = (*npm_audit.LOCKFILES, *OTHERS)
NEEDED = ("package.json", ".npmrc", *LOCKFILES)


def missing(options: Options) -> str:
    return "" if options["folders"] or options["sarif"] else "set folders to those with a lockfile, or sarif"


def lacking(options: Options) -> str:
    try:
        npm_audit.version(options["npm"])
    except RunbookError as error:
        return str(error)
    return ""


def wrong(options: Options, context: Context) -> list[str]:
    problems = [
        *tree.folder_problems(options["folders"]),
        *accepted.wrong(options["ignore"]),
        *sarif_input.wrong(options),
    ]
    return problems + ([] if options["timeout"] > 0 else [f"timeout is {options['timeout']:g}: give seconds above 0"])


def ask(context: Context, options: Options) -> Answer:
    asked = f"do the packages of {context.release or 'the release'} have known vulnerabilities?"
    found, packages, silent = _of_npm(context, options) if options["folders"] else ([], 0, [])
    scan = sarif_input.read(options, context.commit)
    allowed = accepted.Accepted(options["ignore"], context.now)
    severe = [
        one for one in found if npm_audit.LEVELS.index(one.severity) >= npm_audit.LEVELS.index(options["audit_level"])
    ]
    problems = [one.shown + allowed.ended(one.names) for one in severe if not allowed.covers(one.names)]
    problems += [one.shown + allowed.ended([one.rule]) for one in scan.findings if not allowed.covers([one.rule])]
    facts = {
        "packages": packages,
        "advisories": [
            {"id": one.id, "package": one.package, "severity": one.severity, "url": one.url} for one in found
        ],
        "sarif": scan.facts if options["sarif"] else None,
        "findings": [one.shown for one in scan.findings],
        "accepted": sum(allowed.covers(one.names) for one in severe)
        + sum(allowed.covers([one.rule]) for one in scan.findings),
    }
    more: dict[str, Any] = {"asked": asked, "facts": facts}
    if problems:
        advice = "Update them (npm audit fix), or accept one with ignore: id, reason and until"
        return failed(_few(problems), advice, url=next((one.url for one in severe), ""), **more)
    if silent or scan.unusable:
        return unasked("; ".join([*silent, *scan.unusable]), "Rerun it when it can be asked, or waive it", **more)
    parts = (
        [f"{number(packages, 'package has', 'packages have')} none from {options['audit_level']} up"]
        if options["folders"]
        else []
    )
    parts += [f"{', '.join(scan.tools)} found none"] if options["sarif"] else []
    return passed("; ".join(parts), **more)


def _few(problems: list[str]) -> str:
    rest = len(problems) - SHOWN
    return "; ".join(problems[:SHOWN]) + (f"; and {rest} more" if rest > 0 else "")


def _of_npm(context: Context, options: Options) -> tuple[list[npm_audit.Advisory], int, list[str]]:
    """Return the advisories of all folders, the number of packages, and which folder could not be asked about."""
    npm_audit.version(options["npm"])
    found: list[npm_audit.Advisory] = []
    packages = 0
    silent: list[str] = []
    for top in dict.fromkeys(_top(tree.names(context), folder) for folder in options["folders"]):
        with private_folder("storefront-audit-") as target:
            files = tree.extract(context, top, target, _is_needed)
            try:
                _prepare(target, files)
                advisories, total = npm_audit.audit(Path(target), options["npm"], options["omit"], options["timeout"])
            except RunbookError as error:
                silent.append(f"{top or 'the release'}: {error}")
                continue
            found += [one for one in advisories if one not in found]
            packages += total
    return found, packages, silent


def _top(names: list[str], folder: str) -> str:
    """Return the folder whose lockfile is that of ``folder``: itself, or the nearest one above, as in a workspace."""
    start = PurePosixPath(tree.inside(folder))
    is_there = start == PurePosixPath() or any(PurePosixPath(name).is_relative_to(start) for name in names)
    for place in (start, *start.parents) if is_there else ():
        if any(str(place / file) in names for file in LOCKFILES):
            return tree.inside(str(place))
    return tree.inside(folder)


def _prepare(target: Path, files: list[str]) -> None:
    """Have a lockfile of npm in the folder. Raises ConfigError."""
    if any(name in files for name in npm_audit.LOCKFILES):
        return
    other = next((name for name in OTHERS if name in files), None)
    if other is None:
        raise ConfigError(
            "It has no package-lock.json, no pnpm-lock.yaml and no yarn.lock. Commit one, correct folders, or give the"
            " SARIF of a scanner that reads another lockfile.",
            code="no_lockfile",
        )
    lockfiles.write_as_npm(target, other)


def _is_needed(name: str) -> bool:
    return name.rpartition("/")[2] in NEEDED and "node_modules/" not in f"/{name}"
