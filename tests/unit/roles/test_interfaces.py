# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each entry point of a role declares what it reads: its own options, those of the inventory, and what
other roles and the playbooks hand to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT
from tests.unit.roles.reading import ROLES, load, names_in, reads

INTERFACES = ("backend", "database", "edge", "frontend", "release", "verify")
SPECS: dict[str, dict[str, Any]] = {
    role: load(ROLES / role / "meta" / "argument_specs.yml")["argument_specs"] for role in INTERFACES
}
ENTRIES = [(role, entry) for role, entries in SPECS.items() for entry in entries]
FACT = re.compile(r"^Set by (the role [a-z]+|the playbooks), ")
INCLUDED = re.compile(r"name: storefront\.runbook\.([a-z]+), tasks_from: ([a-z_]+)|role: ([a-z]+), verb: ([a-z_]+)")
STEP = re.compile(r'"((?:database|backend|frontend|edge|verify|release)\.[a-z_]+)"')


def declared(role: str, entry: str) -> dict[str, Any]:
    return SPECS[role][entry]["options"] or {}


def is_fact(option: dict[str, Any]) -> bool:
    return bool(FACT.match(str(option["description"])))


@pytest.mark.parametrize(("role", "entry"), ENTRIES)
def test_an_entry_point_declares_everything_that_it_reads(role: str, entry: str) -> None:
    assert sorted(reads(role, entry) - declared(role, entry).keys()) == []


@pytest.mark.parametrize(("role", "entry"), ENTRIES)
def test_an_entry_point_declares_no_fact_that_it_does_not_read(role: str, entry: str) -> None:
    facts = {name for name, option in declared(role, entry).items() if is_fact(option)}
    assert sorted(facts - reads(role, entry)) == []


@pytest.mark.parametrize("role", INTERFACES)
def test_every_option_of_a_role_is_read_by_one_of_its_entry_points(role: str) -> None:
    by_the_play = {
        name
        for path in (ROOT / "playbooks").rglob("*.yml")
        if not path.name.endswith(".meta.yml")
        for name in play_reads(path)
    }
    by_the_play |= {"backend_url", "frontend_url", "runbook_in_process"}  # read by the role verify, and by the engine
    options = {name for entry in SPECS[role] for name, option in declared(role, entry).items() if not is_fact(option)}
    assert sorted(options - by_the_play - {name for entry in SPECS[role] for name in reads(role, entry)}) == []


def play_reads(path: Path) -> Iterator[str]:
    """The names in every template of a playbook, its task files and its variables."""
    yield from names_in(" ".join(re.findall(r"\{\{.*?\}\}", path.read_text(), re.DOTALL)))


def entry_points() -> Iterator[tuple[str, str]]:
    """What the playbooks, and the steps of their runs, include of these roles."""
    texts = [path.read_text() for path in (ROOT / "playbooks").rglob("*.yml")]
    found = {(pair[0] or pair[2], pair[1] or pair[3]) for text in texts for pair in INCLUDED.findall(text)}
    phases = (ROOT / "plugins" / "module_utils" / "release" / "phases.py").read_text()
    found |= {(step.partition(".")[0], step.partition(".")[2]) for step in STEP.findall(phases)}
    yield from sorted((role, entry) for role, entry in found if role in INTERFACES)


@pytest.mark.parametrize(("role", "entry"), list(entry_points()))
def test_what_a_playbook_includes_has_a_spec(role: str, entry: str) -> None:
    assert entry in SPECS[role]


@pytest.mark.parametrize("role", INTERFACES)
def test_a_fact_is_described_alike_everywhere(role: str) -> None:
    described = {
        name: option for entry in SPECS[role] for name, option in declared(role, entry).items() if is_fact(option)
    }
    others = {
        name: option
        for other in INTERFACES
        for entry in SPECS[other]
        for name, option in declared(other, entry).items()
        if is_fact(option)
    }
    assert [name for name, option in described.items() if others[name] != option] == []


def test_the_reader_finds_names_in_every_place_of_a_task() -> None:
    found = reads("backend", "rollback")
    assert {
        "release_target",
        "release_unit",
        "release_wait",
        "backend_units",
        "backend_pinned_variables",
    } <= found, "options, when, the role's variables"
    assert {"backend_token", "backend_project"} <= found, "what the playbooks give its modules with their action group"
    assert {"pinned_variables"} <= found, "a default of the role"
    assert not {"__backend_back", "ansible_check_mode"} & found, "what it registers itself, and what Ansible provides"
