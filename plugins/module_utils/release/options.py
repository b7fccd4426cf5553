# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which options a run needs, and which of them are wrong, missing or still placeholders."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

SURFACES = ("database", "backend", "frontend", "edge")
PLACEHOLDER = re.compile(r'FILL_IN[^"]*')


def asked(surfaces: Any) -> list[str]:
    """Return the surfaces as a list, whether the option is a list or a text such as ``backend,frontend``."""
    items = surfaces.split(",") if isinstance(surfaces, str) else surfaces or []
    return [str(item).strip() for item in items if str(item).strip()]


def moved(surfaces: Sequence[str], has_edge: bool) -> list[str]:
    """Return the surfaces of a run in the order of a deploy. The edge goes with the frontend: a new page behind an old cache is not live."""
    with_edge = {*surfaces, "edge"} if "frontend" in surfaces and has_edge else set(surfaces)
    return [surface for surface in SURFACES if surface in with_edge]


def roles(kind: str, surfaces: Sequence[str]) -> list[str]:
    """Return the roles whose options are checked. A rollback needs only what the units need that it moves."""
    if kind == "rollback":
        return [surface for surface in ("backend", "frontend") if surface in surfaces] + ["verify"]
    return ["release", *surfaces, "verify"]


def wrong(
    specs: Mapping[str, Mapping[str, Any]],
    values: Mapping[str, Any],
    *,
    kind: str,
    surfaces: Sequence[str],
    named: Sequence[str],
    argument_errors: Sequence[str] = (),
    release: str = "",
    source_path: str = "",
    migrate_runner: str = "",
) -> list[str]:
    """Return everything that is wrong with the options, each with its remedy.

    ``specs`` are the options of the roles and ``values`` the inventory's values of them; ``named`` are the surfaces as the operator named them.
    """
    choice = ", ".join(SURFACES)
    problems = [f"surfaces: there is no surface {name}; choose from {choice}" for name in named if name not in SURFACES]
    if not named:
        problems.append(f"surfaces is empty: name at least one of {choice}")
    problems += [*argument_errors, *_empty(specs, values), *_placeholders(values)]
    if kind != "deploy":
        return problems
    if not release:
        problems.append("release is missing: name it with -e release=v1.2.3")
    if migrate_runner == "platform" and "backend" in surfaces and "database" not in surfaces:
        problems.append(
            "database_migrate_runner is platform, so the backend brings the migrations: name database in surfaces too, or they run without a check and a backup"
        )
    if set(surfaces) - {"edge"} and not source_path:
        problems.append("source_path is missing: set it to the checkout of the shop on this controller")
    return problems


def refusal(problems: Sequence[str], what: str) -> str:
    """Return the message that refuses a run, with all problems at once."""
    merged = _merged(problems)
    return "\n- ".join([f"Nothing was changed. {len(merged)} {what}:", *merged])


def _merged(problems: Sequence[str]) -> list[str]:
    """Return a problem that several surfaces have as one, with the surfaces before it unless one was not named."""
    found: dict[str, list[str]] = {}
    for problem in problems:
        surface, colon, text = problem.partition(": ")
        named = bool(colon) and surface in SURFACES
        found.setdefault(text if named else problem, []).append(surface if named else "")
    return [f"{', '.join(named)}: {text}" if all(named) else text for text, named in found.items()]


def _empty(specs: Mapping[str, Mapping[str, Any]], values: Mapping[str, Any]) -> list[str]:
    required = [name for name, spec in specs.items() if spec.get("required")]
    return [f"{name} is empty: {specs[name]['description']}" for name in required if name in values and values[name] in ("", None, [])]


def _placeholders(values: Mapping[str, Any]) -> list[str]:
    """Return an entry for each placeholder, also one inside of a list or a dictionary."""
    found = [(name, mark) for name, value in values.items() for mark in PLACEHOLDER.findall(json.dumps(value, default=str, ensure_ascii=False))]
    return [f"{name} is still to be filled in ({mark})" for name, mark in found]
