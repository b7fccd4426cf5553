# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders a role's variables as Ansible does, in a process of its own: where Ansible's controller is imported, modules warn elsewhere."""

from __future__ import annotations

import atexit
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

ROLES = Path(__file__).parents[3] / "roles"


@cache
def _process() -> ProcessPoolExecutor:
    pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
    atexit.register(pool.shutdown)
    return pool


@cache
def _role(name: str) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    from ansible.parsing.dataloader import DataLoader

    loader = DataLoader()
    defaults, rules = (loader.load_from_file(str(ROLES / name / folder / "main.yml"), trusted_as_template=True) for folder in ("defaults", "vars"))
    return loader, defaults, rules


def _render(role: str, variable: str, given: dict[str, Any]) -> Any:
    from ansible.template import Templar

    loader, defaults, rules = _role(role)
    told = Templar(loader, variables={**defaults, **rules, **given}).template(rules[variable])
    return bool(told) if isinstance(told, bool) else str(told) if isinstance(told, str) else told


def render(role: str, variable: str, given: dict[str, Any]) -> Any:
    """Return what a variable of the role's vars/main.yml is, with these variables beside its defaults."""
    return _process().submit(_render, role, variable, given).result(60)
