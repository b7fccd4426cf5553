# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action groups: every module of one takes each option that the playbooks give the group, and every
playbook gives the groups of the modules it runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release.platforms import modules_for
from jinja2 import Environment

from conftest import ROOT
from tests.documents import document

PREFIX = "storefront.runbook."
GROUPS: dict[str, list[str]] = document("meta/runtime.yml")["action_groups"]
PLAY: dict[str, Any] = document("playbooks/vars/play.yml")
VENDORS = ("vercel", "cloudflare", "railway", "render", "github", "sentry", "slack")


def spec(module: str) -> dict[str, Any]:
    return import_module(f"ansible_collections.storefront.runbook.plugins.modules.{module}").argument_spec()


def plays() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(path for path in (ROOT / "playbooks").glob("*.yml") if not path.name.endswith(".meta.yml")):
        for play in document(path):
            if play.get("module_defaults"):
                yield path.name, play


GIVEN = {
    (group.rpartition(".")[2], options.strip("{} "))
    for _name, play in plays()
    for group, options in play["module_defaults"].items()
    if group.startswith("group/")
}


@pytest.mark.parametrize(("group", "variable"), sorted(GIVEN))
def test_every_module_of_a_group_takes_each_option_that_the_playbooks_give_it(group: str, variable: str) -> None:
    for module in GROUPS[group]:
        assert PLAY[variable].keys() <= spec(module).keys(), module


@pytest.mark.parametrize("variable", sorted({variable for _group, variable in GIVEN}))
def test_what_an_inventory_does_not_set_is_left_out(variable: str) -> None:
    """A play of the frontend alone has no token of the backend; ansible-core 2.18 renders every group for
    every task.
    """
    ours = {"unreachable_timeout"}  # no inventory sets it
    assert [text for name, text in PLAY[variable].items() if "omit" not in text and name not in ours] == []


@pytest.mark.parametrize(
    ("run", "seconds"),
    [
        ({"ansible_check_mode": False}, "10"),
        ({"ansible_check_mode": True, "release_lease": ""}, "10"),
        ({"ansible_check_mode": False, "release_lease": ""}, "180"),
        ({"ansible_check_mode": False, "release_lease": "token"}, "180"),
    ],
)
def test_a_run_is_patient_with_a_vendor_only_after_it_has_taken_the_lease(run: dict[str, Any], seconds: str) -> None:
    """A rollback without a reachable store has an empty lease, but still has something to put back."""
    assert Environment(autoescape=False).from_string(PLAY["__patience"]).render(run) == seconds
    vendors = ("frontend_vercel", "backend_railway", "backend_render", "edge_cloudflare")
    assert {PLAY[vendor]["unreachable_timeout"] for vendor in vendors} == {"{{ __patience }}"}


def test_each_vendor_has_a_group_of_its_own() -> None:
    own = {module: vendor for vendor in VENDORS for module in GROUPS[vendor]}
    assert len(own) == sum(len(GROUPS[vendor]) for vendor in VENDORS), "a token must not reach another vendor's module"


@pytest.mark.parametrize("group", ["store", "lease"])
def test_every_module_that_takes_the_options_of_a_group_belongs_to_it(group: str) -> None:
    options = {"store": {"store", "store_region"}, "lease": {"lease", "lease_step"}}[group]
    modules = [
        path.stem for path in (ROOT / "plugins" / "modules").glob("*.py") if "def argument_spec" in path.read_text()
    ]
    assert sorted(GROUPS[group]) == sorted(module for module in modules if options <= spec(module).keys())


def tasks(node: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (module, options) of each task of the collection's modules below a node."""
    for task in node if isinstance(node, list) else []:
        for module, options in task.items():
            if module.startswith(PREFIX) and isinstance(options, dict):
                yield module.removeprefix(PREFIX), options
        for part in ("block", "rescue", "always"):
            yield from tasks(task.get(part))


def test_a_task_does_not_repeat_the_options_that_its_group_gives() -> None:
    given = {(group, name, text) for group, variable in GIVEN for name, text in PLAY[variable].items()}
    repeated = [
        f"{path.relative_to(ROOT)}: {module} {name}"
        for path in sorted((ROOT / "roles").glob("*/tasks/*.yml"))
        for module, options in tasks(document(path))
        for group, name, text in sorted(given)
        if module in GROUPS[group] and options.get(name) == text
    ]
    assert repeated == [], "the group's module_defaults already give it"


def roles_of(playbook: str) -> set[str]:
    """The roles that a playbook and its task files include; a name that is a template stands for the roles
    that are named beside it.
    """
    texts = [(ROOT / "playbooks" / playbook).read_text()]
    texts += [
        path.read_text() for path in (ROOT / "playbooks" / "tasks").glob("*.yml") if f"tasks/{path.name}" in texts[0]
    ]
    names = set(re.findall(r"storefront\.runbook\.([a-z]+)\b", "".join(texts)))
    if "storefront.runbook.{{" in "".join(texts):
        names |= {"release", "verify", "database", "backend", "frontend", "edge"}
    return {name for name in names if (ROOT / "roles" / name).is_dir()}


def modules_of(role: str) -> set[str]:
    files: list[Path] = list((ROOT / "roles" / role / "tasks").glob("*.yml"))
    named = {
        name for path in files for name in re.findall(r"(?m)^ *storefront\.runbook\.([a-z_]+):$", path.read_text())
    }
    return {module for name in named for module in modules_for(name)}


@pytest.mark.parametrize("playbook", ["deploy.yml", "preflight.yml"])
def test_a_playbook_that_runs_every_role_gives_every_group(playbook: str) -> None:
    play = dict(plays())[playbook]
    groups = {group.rpartition(".")[2] for group in play["module_defaults"] if group.startswith("group/")}
    modules = {module for role in roles_of(playbook) for module in modules_of(role)}
    # the role notify gives its own
    needed = {group for group, members in GROUPS.items() if modules & set(members)} - {"github", "sentry", "slack"}
    assert needed - groups == ({"lease"} if playbook == "preflight.yml" else set())
