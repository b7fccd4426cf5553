# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runtime's requirements leave the choice of a release to the user; the locks have what `make setup` installs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from conftest import ROOT
from sandbox import tools


def requirements(path: Path) -> list[Requirement]:
    lines = [line.partition(" #")[0].strip() for line in path.read_text().splitlines()]
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-r"))]


def locked(path: Path) -> dict[str, list[Requirement]]:
    """Return the pinned releases by package; each has a hash."""
    found: dict[str, list[Requirement]] = {}
    for entry in re.split(r"\n(?=\S)", path.read_text()):
        if not entry.startswith("#"):
            pin = Requirement(entry.partition("\\")[0].strip())
            assert "--hash=sha256:" in entry, entry
            found.setdefault(canonicalize_name(pin.name), []).append(pin)
    return found


def fits(wanted: Requirement, lock: dict[str, list[Requirement]]) -> bool:
    pins = lock.get(canonicalize_name(wanted.name), [])
    return bool(pins) and all(wanted.specifier.contains(str(pin.specifier).removeprefix("==")) for pin in pins)


@pytest.mark.parametrize("wanted", requirements(ROOT / "requirements.txt"), ids=lambda one: one.name)
def test_a_requirement_of_the_runtime_has_a_lower_bound_and_no_other(wanted: Requirement) -> None:
    assert [part.operator for part in wanted.specifier] == [">="]
    assert wanted.name != "ansible-core"


@pytest.mark.parametrize(
    "wanted",
    [*requirements(ROOT / "requirements.txt"), *requirements(ROOT / "requirements-dev.txt")],
    ids=lambda one: one.name,
)
def test_what_make_setup_installs_is_locked(wanted: Requirement) -> None:
    assert fits(wanted, locked(ROOT / "requirements-dev.lock")), "run make lock"


@pytest.mark.parametrize("tool", tools.PACKAGES)
def test_what_the_sandbox_may_install_is_locked(tool: str) -> None:
    assert fits(Requirement(tools.PACKAGES[tool]), locked(tools.LOCKS / f"{tool.lower()}.lock")), "run make lock"
