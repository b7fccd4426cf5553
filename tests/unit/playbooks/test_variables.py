# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every variable that a playbook or a role reads is declared or set by ours, and what is written from the
declarations is up to date.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from tests import documents
from tests.unit.playbooks import reading

ROOT = Path(__file__).parents[3]
ANSIBLES = {
    "awx_user_name",
    "tower_user_name",
    "groups",
    "hostvars",
    "inventory_hostname",
    "item",
    "lookup",
    "now",
    "omit",
    "playbook_dir",
    "role_path",
    "undef",
    "query",
}


def load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


variables = load(ROOT / "docs" / "variables.py")
DECLARED = {name: spec for entry in variables.options().values() for name, spec in entry.items()}


def test_every_variable_that_is_read_is_declared_or_set() -> None:
    known = {*DECLARED, *reading.own(), *ANSIBLES, *variables.LEFT_OUT}
    unknown = {
        name: files for name, files in reading.read().items() if name not in known and not name.startswith("ansible_")
    }
    assert unknown == {}, "declare it in the argument specs of its role, then run make variables"


def test_every_declared_variable_is_read() -> None:
    by_preflight = {
        "runbook_in_process",
        "backend_units",
        *(name for name, spec in DECLARED.items() if spec["type"] == "path"),
    }
    assert set(DECLARED) - set(reading.read()) - by_preflight == set()


def test_a_path_is_read_as_preflight_has_made_it_absolute() -> None:
    paths = {name for name, spec in DECLARED.items() if spec["type"] == "path"}
    read = reading.read()
    only_asks_whether = {"roles/notify/tasks/begin.yml", "roles/notify/tasks/report.yml"}
    absolute = {"playbooks/vars/play.yml", *only_asks_whether, *read["release_paths"]}
    elsewhere = {name: {*read[name]} - absolute for name in paths & read.keys() if {*read[name]} - absolute}
    assert elsewhere == {}, "read release_paths.NAME: Ansible starts a module in the folder of its playbook"


def test_the_roles_apply_the_defaults_that_are_declared() -> None:
    applied = {
        name: value for defaults in reading.defaults().values() for name, value in defaults.items() if name in DECLARED
    }
    written = {name: value for name, value in applied.items() if not (isinstance(value, str) and "{{" in value)}
    empty: tuple[Any, ...] = ("", None, [], {})
    assert {
        name: value for name, value in written.items() if value != DECLARED[name].get("default") and value not in empty
    } == {}


def test_what_is_written_from_the_declarations_is_up_to_date() -> None:
    written = variables.files()
    outdated = [path for path, text in written.items() if path.read_text(encoding="utf-8") != text]
    assert [path.relative_to(ROOT).as_posix() for path in outdated] == [], "run make variables"
    assert len(written) > len(variables.PLAYBOOKS)


@pytest.mark.parametrize(
    "playbook", sorted(path.name for path in (ROOT / "playbooks").glob("*.yml") if ".meta" not in path.name)
)
def test_every_playbook_has_an_argument_spec_in_ansibles_form(playbook: str) -> None:
    document = documents.document(f"playbooks/{playbook.replace('.yml', '.meta.yml')}")
    assert set(document) == {"argument_specs"}
    for entry in document["argument_specs"].values():
        assert set(entry) == {"short_description", "description", "options"}
        for spec in entry["options"].values():
            assert set(spec) <= {
                "description",
                "type",
                "elements",
                "choices",
                "default",
                "required",
                "options",
                "no_log",
            }


@pytest.mark.parametrize("playbook", sorted(variables.PLAYBOOKS))
def test_no_play_uses_ansibles_own_keyword(playbook: str) -> None:
    plays = documents.document(f"playbooks/{playbook}.yml")
    assert all("validate_argspec" not in play for play in plays), "ansible-core below 2.20 refuses it"
