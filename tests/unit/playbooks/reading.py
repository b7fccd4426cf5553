# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which variables the playbooks and roles read, and which they set themselves."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, TemplateSyntaxError, meta
from jinja2.filters import FILTERS
from jinja2.tests import TESTS

from tests.documents import document

ROOT = Path(__file__).parents[3]
CONDITIONS = ("when", "failed_when", "changed_when", "until", "that", "break_when")
FILES = sorted(
    path
    for folder in ("playbooks", "roles")
    for path in (ROOT / folder).rglob("*.yml")
    if ".meta" not in path.name and path.parent.name != "meta"
)


class _Any(dict):
    """A table of filters or tests in which every name is known: the names of variables matter here alone."""

    def __contains__(self, name: object) -> bool:
        return True

    def __getitem__(self, name: str) -> Any:
        return super().get(name) or (lambda *_args, **_options: None)

    def get(self, name: str, default: Any = None) -> Any:
        return self[name]


_jinja = Environment()
_jinja.filters, _jinja.tests = _Any(FILTERS), _Any(TESTS)


@cache
def _names(template: str) -> set[str]:
    try:
        return meta.find_undeclared_variables(_jinja.parse(template))
    except TemplateSyntaxError as error:
        raise AssertionError(f"{template}: {error}") from error


def _read(node: Any, key: str = "") -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            yield from _read(name)
            yield from _read(value, str(name))
    elif isinstance(node, list):
        for value in node:
            yield from _read(value, key)
    elif isinstance(node, str):
        yield from _names(f"{{{{ {node} }}}}" if key in CONDITIONS and "{{" not in node else node)


def _set(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for value in node:
            yield from _set(value)
    elif isinstance(node, dict):
        for name, value in node.items():
            if name in ("vars", "ansible.builtin.set_fact") and isinstance(value, dict):
                yield from value
            elif name in ("register", "loop_var"):
                yield value
            yield from _set(value)


def _documents() -> Iterator[tuple[Path, Any]]:
    for path in FILES:
        yield path, document(path) or {}


def read() -> dict[str, list[str]]:
    """Return every variable that a playbook or a role reads, with the files that do."""
    found: dict[str, list[str]] = {}
    for path, content in _documents():
        for name in sorted(set(_read(content))):
            found.setdefault(name, []).append(path.relative_to(ROOT).as_posix())
    return found


def own() -> set[str]:
    """Return every variable that the playbooks and roles set themselves: facts, registered results, and the
    variables of plays, roles, blocks and tasks.
    """
    found: set[str] = set()
    for path, content in _documents():
        found |= set(_set(content))
        if path.parent.name == "vars" and isinstance(content, dict):
            found |= set(content)
    return found


def defaults() -> dict[str, dict[str, Any]]:
    """Return the defaults that each role has."""
    return {path.parts[-3]: content for path, content in _documents() if path.parent.name == "defaults"}
