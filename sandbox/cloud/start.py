# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the start command of a built app runs. A script that is a single program runs without its package
manager, so that it gets the signals itself.
"""

from __future__ import annotations

import re
from pathlib import Path

from plugins.module_utils.core.errors import ConfigError
from plugins.module_utils.source.shop.packages import read_packages
from plugins.module_utils.source.shop.scripts import is_plain, script_of
from plugins.module_utils.source.shop.tree import Tree

from .units import Command

ASSIGNED = re.compile(r"(?:\w+=\S*\s+)*")


def start_command(command: str, app: Path, path: str) -> Command:
    """Return how to run a start command in an app; ``path`` becomes its $PATH."""
    folder, script = _script(command, app)
    if script.startswith("exec "):
        return Command(["/bin/sh", "-c", script], folder, path)
    if not is_plain(script):
        folder, script = app, command
    if not is_plain(script):
        return Command(["/bin/sh", "-c", script], app, path)
    assigned = ASSIGNED.match(script)
    variables = assigned[0] if assigned else ""
    return Command(
        ["/bin/sh", "-c", f"{variables}exec {script[len(variables) :]}"],
        folder,
        f"{folder / 'node_modules' / '.bin'}:{path}",
    )


def _script(command: str, app: Path) -> tuple[Path, str]:
    """Return the script that a command runs and its folder, or else the command itself."""
    try:
        runs = script_of(command, "", read_packages(Tree.of_folder(app)))
    except ConfigError:
        runs = None  # without package.json the command cannot name a script
    return (app / runs[0].folder, runs[0].scripts[runs[1]]) if runs else (app, command)
