# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which variable of the inventory a task's options come from: read from the templates, before they are evaluated."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

NAME = re.compile(r"[A-Za-z_]\w*")
DEEPEST = 4  # variables from one to the next, such as release_paths


def option_variables(sources: Iterable[Any], variables: Mapping[str, Any], known: Collection[str]) -> dict[str, str]:
    """Return the inventory's variable, one of ``known``, of each option that has one of another name.

    ``sources`` are a task's options and the defaults of its module, as they are written: mappings, or templates that
    name some. The later ones win.
    """
    found: dict[str, str] = {}
    for source in sources:
        for option, template in _options(source, variables, DEEPEST):
            found.pop(option, None)
            named = list(_named(template, variables, known, DEEPEST))
            if named and option not in named:
                found[option] = named[0]
    return found


def defaults_of(module: str, defaults: Any, groups: Mapping[str, Iterable[str]]) -> Iterator[Any]:
    """Yield the module_defaults that Ansible gives a module: those of its groups, then its own.

    ``groups`` are the play's action groups, by module.
    """
    written = {name: value for one in defaults or () if isinstance(one, Mapping) for name, value in one.items()}
    for name, value in written.items():
        if name.startswith("group/") and name.removeprefix("group/") in groups.get(module, ()):
            yield value
    if module in written:
        yield written[module]


def _options(source: Any, variables: Mapping[str, Any], depth: int) -> Iterator[tuple[str, Any]]:
    if isinstance(source, Mapping):
        yield from ((str(option), template) for option, template in source.items())
    elif isinstance(source, str) and depth:
        for name in NAME.findall(source):
            yield from _options(variables.get(name), variables, depth - 1)


def _named(template: Any, variables: Mapping[str, Any], known: Collection[str], depth: int) -> Iterator[str]:
    """Yield the inventory's variables that a template reads, also by other variables."""
    if not isinstance(template, str) or "{{" not in template or not depth:
        return
    for name in NAME.findall(template):
        if name in known:
            yield name
        else:
            yield from _named(variables.get(name), variables, known, depth - 1)
