# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which variables a release needs: by its .env.example, or by a JSON Schema of its environment."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ..core.json_text import loads

LINE = re.compile(
    r"""^\s*(?P<off>\#\s*)?(?:export\s+)?(?P<name>[A-Za-z_]\w*)\s*=\s*(?P<value>"[^"]*"|'[^']*'|[^#]*?)\s*(?:\#(?P<comment>.*))?$"""
)


@dataclass(frozen=True)
class Needed:
    """A variable that a release names. ``example`` is the value that stands there."""

    name: str
    example: str = ""
    optional: bool = False


def by_example(text: str) -> list[Needed]:
    """Read a .env.example. One that is commented out, or whose comment says so, is optional."""
    found: dict[str, Needed] = {}
    for line in text.splitlines():
        match = LINE.match(line)
        if match:
            optional = bool(match["off"]) or "optional" in (match["comment"] or "").lower()
            needed = Needed(match["name"], match["value"].strip("\"'"), optional)
            found[needed.name] = (
                needed if needed.name not in found or found[needed.name].optional else found[needed.name]
            )
    return list(found.values())


def by_schema(text: str) -> list[Needed]:
    """Read a JSON Schema. Raises ValueError where it is none of an object."""
    schema = loads(text)
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict) or not isinstance(schema.get("required", []), list):
        raise ValueError("it has no properties")
    required = [str(name) for name in schema.get("required", [])]
    names: Iterable[str] = dict.fromkeys([*properties, *required])
    return [Needed(name, _example(properties.get(name)), name not in required) for name in names]


def _example(declared: object) -> str:
    examples = declared.get("examples") if isinstance(declared, dict) else None
    return str(examples[0]) if isinstance(examples, list) and examples else ""
