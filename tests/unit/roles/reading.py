# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which variables an entry point of a role reads: in its tasks, the task files that it includes, and the
role's own variables and defaults.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from ansible_collections.storefront.runbook.plugins.module_utils.release.platforms import modules_for
from jinja2 import Environment, nodes

from conftest import ROOT
from tests.documents import document

ROLES = ROOT / "roles"
PREFIX = "storefront.runbook."
BARE = ("when", "failed_when", "changed_when", "until", "that", "break_when")  # expressions without braces
# What Ansible itself provides, or a loop does.
GIVEN = re.compile(r"^(ansible_\w+|inventory_hostname|role_path|hostvars|omit|item|now|lookup|undef|range|dict|__\w+)$")


JINJA = Environment(autoescape=False)


@cache
def names_in(text: str) -> frozenset[str]:
    """The variables that a template reads; ``release_paths`` has those that hold paths,
    ``release_backend_units`` is made of ``backend_units``.
    """
    tree = JINJA.parse(text)
    found = {node.name for node in tree.find_all(nodes.Name) if node.ctx == "load"}
    found |= {
        node.attr
        for node in tree.find_all(nodes.Getattr)
        if isinstance(node.node, nodes.Name) and node.node.name == "release_paths"
    }
    return frozenset(found | ({"backend_units"} if "release_backend_units" in found else set()))


def texts(value: Any, bare: bool = False) -> Iterator[str]:
    """Every template inside of a task, also where an expression needs no braces."""
    if isinstance(value, str):
        yield f"{{{{ {value} }}}}" if bare and "{{" not in value else value
    elif isinstance(value, list):
        for one in value:
            yield from texts(one, bare)
    elif isinstance(value, dict):
        for key, one in value.items():
            if key not in ("name", "block", "rescue", "always") or (
                key == "name" and isinstance(one, str) and "{{" in one
            ):
                yield from texts(one, bare=key in BARE)


def load(path: Path) -> Any:
    return document(path) if path.exists() else None


@cache
def _rules(role: str) -> dict[str, Any]:
    """The role's own variables and defaults."""
    return {**(load(ROLES / role / "defaults" / "main.yml") or {}), **(load(ROLES / role / "vars" / "main.yml") or {})}


def _flat(
    tasks: list[dict[str, Any]], outer: frozenset[str] = frozenset()
) -> Iterator[tuple[dict[str, Any], frozenset[str]]]:
    """Each task with the names that it and the blocks around it define."""
    for task in tasks:
        control = task.get("loop_control") or {}
        scope = outer | set(task.get("vars") or {}) | {control.get("loop_var", "item")}
        yield task, scope
        for part in ("block", "rescue", "always"):
            yield from _flat(task.get(part) or [], scope)


@cache
def _groups() -> dict[str, str]:
    """The variable of the playbooks that holds the options of an action group or of a module, by its name."""
    plays = [play for book in ("deploy", "restore") for play in load(ROOT / "playbooks" / f"{book}.yml")]
    given = [pair for play in plays for pair in (play.get("module_defaults") or {}).items()]
    return {group.rpartition(".")[2]: options.strip("{} ") for group, options in given}


@cache
def by_group(module: str) -> set[str]:
    """The defaults of the playbooks for a module and its action groups, less the store and the lease of each writer."""
    members = load(ROOT / "meta" / "runtime.yml")["action_groups"]
    play = {**load(ROOT / "playbooks/vars/play.yml"), **load(ROOT / "playbooks/vars/restore.yml")}
    groups = [
        group
        for group in _groups()
        if group not in ("store", "lease") and set(modules_for(module)) & set(members.get(group, [group]))
    ]
    names = {name for group in groups for text in texts(play[_groups()[group]]) for name in names_in(text)}
    return names - {"allow_plain_http"}


def _included(task: dict[str, Any]) -> str | None:
    for key in ("ansible.builtin.include_tasks", "ansible.builtin.import_tasks"):
        if key in task:
            given = task[key]
            return given["file"] if isinstance(given, dict) else str(given)
    return None


def reads(role: str, entry: str, outer: frozenset[str] = frozenset()) -> set[str]:
    """The names that an entry point reads and does not define itself, less what Ansible provides."""
    found: set[str] = set()
    made: set[str] = set()
    for task, scope in _flat(load(ROLES / role / "tasks" / f"{entry}.yml") or [], outer):
        found |= {name for text in texts(task) for name in names_in(text)} - scope
        made |= set(task.get("ansible.builtin.set_fact") or {}) | {str(task.get("register") or "")}
        for key in task:
            if key.startswith(PREFIX):
                found |= by_group(key.removeprefix(PREFIX)) - scope
        file = _included(task)
        for inner in sorted((ROLES / role / "tasks").glob(re.sub(r"\{\{.*?\}\}", "*", file))) if file else []:
            found |= reads(role, inner.stem, scope)
    own = _rules(role)
    waiting = [name for name in found if name in own]
    while waiting:
        name = waiting.pop()
        inner_names = {inner for text in texts(own[name]) for inner in names_in(text)} - found - outer
        found |= inner_names
        waiting += [inner for inner in inner_names if inner in own]
    return {name for name in found - made if not GIVEN.match(name)}
