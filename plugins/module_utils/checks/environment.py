# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether each unit has the variables that the release names, with values of its own: neither a placeholder nor
staging's. No value is ever read here.

Variables are known by name and digest, as railway_info, render_info and vercel_info return them; a placeholder is found
by its digest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..core.errors import ConfigError
from ..platforms.railway.variables import digest as railway_digest
from ..platforms.render.variables import digest as render_digest
from ..platforms.vercel.variables import digest as vercel_digest
from . import tree
from .answer import Answer, failed, not_configured, passed
from .check import Context, Options
from .dotenv import Needed, by_example, by_schema

UNIT = {
    "name": {"type": "str", "required": True},
    "platform": {"type": "str", "choices": ["railway", "render", "vercel"]},
    "root_directory": {"type": "str", "default": ""},
    "example": {"type": "str"},
    "schema": {"type": "str"},
    "variables": {"type": "list", "elements": "dict", "required": True},
    "staging": {"type": "list", "elements": "dict", "default": []},
    "environment": {"type": "str", "default": "production"},
    "optional": {"type": "list", "elements": "str", "default": []},
    "digest_key": {"type": "str", "no_log": True},
}
OPTIONS: dict[str, dict[str, Any]] = {
    "units": {"type": "list", "elements": "dict", "default": [], "options": UNIT},
    "digest_key": {"type": "str", "no_log": True},
    "may_equal_staging": {"type": "list", "elements": "str", "default": []},
}
DIGESTS = {"railway": railway_digest, "render": render_digest, "vercel": vercel_digest}
# What people write where a value is still to come; values of an example file that look like these are placeholders,
# too.
PLACEHOLDERS = (
    "changeme",
    "change-me",
    "change_me",
    "CHANGEME",
    "todo",
    "TODO",
    "xxx",
    "XXX",
    "xxxx",
    "placeholder",
    "secret",
    "password",
    "example",
    "FILL_IN",
)
PLACEHOLDER = re.compile(
    r"change.?me|todo|fill.?in|placeholder|x{3,}|your[-_ ]|<.*>|\.\.\.|replace|dummy|example", re.IGNORECASE
)
OWN = re.compile(r"SECRET|TOKEN|KEY|PASSWORD|PASSWD|CREDENTIAL|PRIVATE|DSN|SALT|DATABASE|REDIS|WEBHOOK", re.IGNORECASE)
PUBLIC = re.compile(r"PUBLIC|PUBLISHABLE", re.IGNORECASE)


def missing(options: Options) -> str:
    return "" if options["units"] else "set units, each with its variables"


def wrong(options: Options, context: Context) -> list[str]:
    problems = [
        f"{unit['name']} has both an example and a schema: name one of them"
        for unit in options["units"]
        if unit["example"] and unit["schema"]
    ]
    for unit in options["units"]:
        nameless = [one for one in [*unit["variables"], *unit["staging"]] if not isinstance(one.get("name"), str)]
        problems += [f"{unit['name']} has a variable without a name: give name and digest of each"] if nameless else []
    return problems


def ask(context: Context, options: Options) -> Answer:
    asked = f"does each unit have the variables that {context.release or 'the release'} names, with values of its own?"
    problems: list[str] = []
    facts: dict[str, Any] = {}
    for unit in options["units"]:
        file, needed = _needed(context, unit)
        if needed is None:
            problems += (
                [f"the release has no {file}, which names the variables of {unit['name']}"]
                if unit["example"] or unit["schema"]
                else []
            )
            facts[unit["name"]] = {"file": None}
            continue
        found = [*_problems(unit, needed, file, options)]
        problems += found
        has = {str(one["name"]) for one in _of_environment(unit)}
        lacks = [one.name for one in needed if not one.optional and one.name not in {*has, *unit["optional"]}]
        facts[unit["name"]] = {
            "file": file,
            "names": len(needed),
            "lacks": lacks,
            "unnamed": sorted(has - {one.name for one in needed}),
        }
    if problems:
        return failed("; ".join(problems), "Set them at the platform, then ask again", asked=asked, facts=facts)
    if all(one["file"] is None for one in facts.values()):
        return not_configured(
            "the release has no .env.example: add one beside each unit, or set example or schema",
            asked=asked,
            facts=facts,
        )
    return passed(
        ", ".join(f"{name} has all that {one['file']} names" for name, one in facts.items() if one["file"]),
        asked=asked,
        facts=facts,
    )


def _needed(context: Context, unit: Mapping[str, Any]) -> tuple[str, list[Needed] | None]:
    """Return the file that names a unit's variables, and these; None where there is no such file."""
    usual = "/".join(part for part in (unit["root_directory"].strip("/"), ".env.example") if part)
    file = unit["schema"] or unit["example"] or usual
    text = tree.read(context, file)
    if text is None:
        return file, None
    try:
        return file, by_schema(text) if unit["schema"] else by_example(text)
    except (ValueError, AttributeError) as error:
        raise _Unreadable(file, error) from None


class _Unreadable(ConfigError):
    def __init__(self, file: str, error: Exception) -> None:
        super().__init__(f"{file} is not a JSON Schema of an environment: {error}. Correct it.")


def _of_environment(unit: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the unit's variables in its environment; Vercel lists those of all environments."""
    return [
        one for one in unit["variables"] if not one.get("environments") or unit["environment"] in one["environments"]
    ]


def _problems(unit: Mapping[str, Any], needed: Sequence[Needed], file: str, options: Options) -> Iterator[str]:
    digests = {str(one["name"]): one.get("digest") for one in _of_environment(unit)}
    lacks = [one.name for one in needed if not one.optional and one.name not in {*digests, *unit["optional"]}]
    if lacks:
        yield f"{unit['name']} lacks {', '.join(lacks)}, which {file} names"
    for one in needed:
        if _is_placeholder(one, digests.get(one.name), unit, unit["digest_key"] or options["digest_key"]):
            yield f"{one.name} of {unit['name']} is still a placeholder"
    staging = {str(one["name"]): one.get("digest") for one in unit["staging"]}
    same = [
        name
        for name, digest in digests.items()
        if digest and digest == staging.get(name) and name not in options["may_equal_staging"]
    ]
    shared = [name for name in same if OWN.search(name) and not PUBLIC.search(name)]
    if shared:
        yield f"{', '.join(shared)} of {unit['name']} {'has' if len(shared) == 1 else 'have'} the value of staging"


def _is_placeholder(one: Needed, digest: str | None, unit: Mapping[str, Any], key: str | None) -> bool:
    if not (digest and key and unit["platform"]):
        return False
    candidates = [
        *([] if one.optional else [""]),
        *PLACEHOLDERS,
        *([one.example] if one.example and (PLACEHOLDER.search(one.example) or OWN.search(one.name)) else []),
    ]
    return any(DIGESTS[unit["platform"]](key, one.name, candidate) == digest for candidate in candidates)
