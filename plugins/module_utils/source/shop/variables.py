# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables that a package reads, according to its .env.example."""

from __future__ import annotations

import re

from .packages import Package
from .tree import Tree, join

FILES = (".env.example", ".env.sample", ".env.template")
LINE = re.compile(
    r"""^\s*(?:export\s+)?(\w+)\s*=[ \t]*(?:"([^"\n]*)"|'([^'\n]*)'|([^#\n]*?))[ \t]*(?:#.*)?$""", re.MULTILINE
)
NOT_ITS_OWN = re.compile(r"(?:^|_)(?:DB|DATABASE|PG|POSTGRES|REDIS|SMTP|MAIL|S3|METRICS|DEBUG)_")


def example(tree: Tree, package: Package) -> dict[str, str]:
    """Return the name and the example of each variable: of the package, or else of the top of its workspace."""
    folders = dict.fromkeys([package.folder, package.root])
    path = next((join(folder, name) for folder in folders for name in FILES if join(folder, name) in tree), "")
    return {
        name: next((value for value in values if value), "").strip() for name, *values in LINE.findall(tree.text(path))
    }


def names_in(text: str) -> list[str]:
    """Return the names in the text of a .env.example."""
    return list(dict.fromkeys(name for name, *_values in LINE.findall(text)))


def port_variable(variables: dict[str, str]) -> str:
    """Return the variable that holds a unit's port: PORT, unless the example names another one."""
    named = [name for name in variables if name.endswith("_PORT") and not NOT_ITS_OWN.search(name)]
    return named[0] if "PORT" not in variables and len(named) == 1 else "PORT"
