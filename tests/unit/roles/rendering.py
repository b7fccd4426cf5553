# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders a role's variables and its tasks' arguments as Ansible does, in a process of its own: where its
controller is imported, modules warn elsewhere.
"""

from __future__ import annotations

import atexit
import inspect
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

OMITTED = "the option is left out"
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
    files = [ROLES / name / folder / "main.yml" for folder in ("defaults", "vars")]
    defaults, rules = (_load(loader, file) if file.exists() else {} for file in files)
    return loader, defaults, rules


def _load(loader: Any, file: Path) -> Any:
    """Read a file whose texts are templates, which ansible-core 2.19 and later must be configured."""
    trusted = (
        {"trusted_as_template": True}
        if "trusted_as_template" in inspect.signature(loader.load_from_file).parameters
        else {}
    )
    return loader.load_from_file(str(file), **trusted)


def _render(role: str, variable: str, given: dict[str, Any]) -> Any:
    from ansible.template import Templar

    loader, defaults, rules = _role(role)
    return _plain(Templar(loader, variables={**defaults, **rules, **given}).template({**defaults, **rules}[variable]))


def _arguments(role: str, file: str, module: str, given: dict[str, Any]) -> Any:
    from ansible.template import Templar

    loader, defaults, rules = _role(role)
    tasks = _load(loader, ROLES / role / "tasks" / f"{file}.yml")
    task = [task for task in tasks if module in task][-1]
    asked = _plain(
        Templar(loader, variables={**defaults, **rules, "omit": OMITTED, **task.get("vars", {}), **given}).template(
            task[module]
        )
    )
    return {name: value for name, value in asked.items() if value != OMITTED}


def _plain(data: Any) -> Any:
    """Return the same without Ansible's tags, which another process does not know."""
    if isinstance(data, dict):
        return {str(key): _plain(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_plain(value) for value in data]
    return next((kind(data) for kind in (bool, str, int, float) if isinstance(data, kind)), None)


def render(role: str, variable: str, given: dict[str, Any]) -> Any:
    """Return what a variable of the role's vars/main.yml or defaults/main.yml is, with these variables beside them."""
    return _process().submit(_render, role, variable, given).result(60)


def arguments(role: str, file: str, module: str, given: dict[str, Any]) -> Any:
    """Return the arguments that the last task of this module in tasks/``file``.yml gives it, without those
    that are omitted.
    """
    return _process().submit(_arguments, role, file, module, given).result(60)
