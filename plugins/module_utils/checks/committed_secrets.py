# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the release has a secret in its files, by kingfisher and by other scanners. No value is ever shown."""

from __future__ import annotations

from functools import partial
from typing import Any

from ..core.amounts import number
from ..core.errors import ConfigError
from ..core.json_text import loads
from ..core.process import private_folder
from . import kingfisher, sarif_input, tree
from .answer import Answer, failed, passed, unasked
from .check import Context, Options

OPTIONS: dict[str, dict[str, Any]] = {
    "folders": {"type": "list", "elements": "str", "default": []},
    "exclude": {"type": "list", "elements": "str", "default": []},
    "baseline": {"type": "str"},
    "kingfisher": {"type": "str"},
    **sarif_input.OPTIONS,
}
SECONDS = float(kingfisher.SECONDS)
SHOWN = 20  # findings in a message
ENTRY = ("fingerprint", "reason", "rule", "file", "line")


def missing(options: Options) -> str:
    return "" if options["folders"] or options["sarif"] else 'set folders to those to scan, such as ".", or sarif'


def lacking(options: Options) -> str:
    try:
        kingfisher.find(options["kingfisher"])
    except ConfigError as error:
        return str(error)
    return ""


def wrong(options: Options, context: Context) -> list[str]:
    problems = [*tree.folder_problems(options["folders"]), *sarif_input.wrong(options)]
    return problems + [f"the baseline {options['baseline']}: {one}" for one in _baseline(context, options)[1]]


def _baseline(context: Context, options: Options) -> tuple[dict[str, str], list[str]]:
    """Return the reason of each accepted fingerprint, and what is wrong with the file, which is one of the release."""
    if not options["baseline"]:
        return {}, []
    try:
        text = tree.read(context, options["baseline"])
    except ConfigError as error:
        return {}, [str(error)]
    if text is None:
        return {}, ["the release has no such file"]
    try:
        entries = loads(text)
    except ValueError:
        return {}, ["it is not JSON"]
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        return {}, ["it is not a list of entries with fingerprint and reason"]
    problems = []
    for position, entry in enumerate(entries, start=1):
        problems += [
            f"entry {position} has no {name}"
            for name in ("fingerprint", "reason")
            if not str(entry.get(name) or "").strip()
        ]
        problems += [f"entry {position} has the unknown {name}" for name in entry if name not in ENTRY]
    return {str(one.get("fingerprint")): str(one.get("reason")) for one in entries}, problems


def ask(context: Context, options: Options) -> Answer:
    asked = f"does {context.release or 'the release'} have a secret in its files?"
    accepted, _problems = _baseline(context, options)
    files, found = _scan(context, options) if options["folders"] else (0, [])
    scan = sarif_input.read(options, context.commit)
    fresh = [one for one in found if one.fingerprint not in accepted]
    problems = [*(one.shown for one in fresh), *(one.shown for one in scan.findings)]
    facts = {
        "files": files,
        "findings": [
            {"rule": one.rule, "file": one.file, "line": one.line, "fingerprint": one.fingerprint} for one in fresh
        ],
        "accepted": len(found) - len(fresh),
        "left_over": sorted(accepted.keys() - {one.fingerprint for one in found}),
        "sarif": scan.facts if options["sarif"] else None,
        "other_findings": [one.shown for one in scan.findings],
    }
    more: dict[str, Any] = {"asked": asked, "facts": facts}
    if problems:
        rest = f", and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        advice = (
            "Replace each at its vendor, then remove it: it stays in the history of the repository. Accept one that is"
            " harmless in the baseline, by its fingerprint"
        )
        return failed(f"there are secrets in {', '.join(problems[:SHOWN])}{rest}", advice, **more)
    if scan.unusable:
        return unasked("; ".join(scan.unusable), "Scan this commit", **more)
    parts = [f"{number(files, 'file has', 'files have')} none"] if options["folders"] else []
    parts += [f"{', '.join(scan.tools)} found none"] if options["sarif"] else []
    known = f", besides {len(found)} in the baseline" if found else ""
    return passed("; ".join(parts) + known, **more)


def _scan(context: Context, options: Options) -> tuple[int, list[kingfisher.Finding]]:
    """Scan what is committed, whatever .gitignore or .gitattributes say of it. Returns the number of files too."""
    program = kingfisher.find(options["kingfisher"])
    files: set[str] = set()
    with private_folder("storefront-secrets-") as folder:
        target, scratch = folder / "tree", folder / "scratch"
        scratch.mkdir()
        for part in options["folders"]:
            top = target / tree.inside(part)
            top.mkdir(parents=True, exist_ok=True)
            names = tree.extract(context, part, top, partial(_is_wanted, tree.inside(part), options["exclude"]))
            files.update(str(top / name) for name in names)
        return len(files), kingfisher.scan(program, target, scratch)


def _is_wanted(top: str, exclude: list[str], name: str) -> bool:
    return not tree.matching([f"{top}/{name}".lstrip("/")], exclude)
