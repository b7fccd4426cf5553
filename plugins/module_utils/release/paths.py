# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes relative paths absolute: one of the inventory starts at the inventory's folder, one of the command
line at the current one.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any


def resolved(
    entries: Mapping[str, Mapping[str, Mapping[str, Any]]],
    values: Mapping[str, Any],
    *,
    inventory: str,
    here: str,
    commanded: Collection[str],
) -> dict[str, str]:
    """Return every path that is set, by its variable. ``inventory`` is the folder of the inventory file,
    empty where there is none.
    """
    names = [name for options in entries.values() for name, spec in options.items() if spec.get("type") == "path"]
    set_ones = {name: str(values[name]) for name in names if isinstance(values.get(name), str) and values[name].strip()}
    return {name: absolute(path, start(inventory, here, name in commanded)) for name, path in set_ones.items()}


def start(inventory: str, here: str, commanded: object) -> str:
    """Return the folder at which a relative path starts: that of the inventory, or the current one."""
    return here if commanded or not inventory else inventory


def absolute(path: str, base: str) -> str:
    return os.path.normpath(Path(base, Path(os.path.expandvars(path)).expanduser()))
