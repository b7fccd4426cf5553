# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that a mapping of an inventory has twice, such as two rules for one column. Ansible takes the last one, and
from JSON without a warning, so what the operator wrote first would not count.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TypeAlias

import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
SUFFIXES = ("", ".yml", ".yaml", ".json")
Place: TypeAlias = tuple[str, ...]
LABELS = ("name", "table")  # what an item of a list is called in a message


def repeated(text: str, source: str, options: Collection[str]) -> Iterator[str]:
    """Yield a problem for each name that is twice in one of ``options``. ``source`` is what the text is called. A text
    that is no YAML has none: Ansible reports that itself.
    """
    try:
        root = yaml.compose(text, Loader=LOADER)
    except (yaml.YAMLError, UnicodeError):
        return
    for path, lines in _twice(root, (), set()):
        if set(path) & set(options):
            where = " and ".join(str(line) for line in lines)
            yield f"{'.'.join(path)} is there twice ({source}, lines {where}), and only one of them counts. Keep one"


def _twice(node: yaml.Node | None, path: Place, seen: set[int]) -> Iterator[tuple[Place, list[int]]]:
    if id(node) in seen:  # an alias
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value, 1):
            yield from _twice(item, (*path, _label(item) or str(number)), seen)
    elif isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name in lines:
                yield (*path, name), [lines[name], line]
            lines[name] = line
            yield from _twice(value, (*path, name), seen)


def _label(node: yaml.Node) -> str:
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return next((str(value.value) for key, value in pairs if key.value in LABELS), "")


def inventory_files(source: Path) -> Iterator[Path]:
    """Yield the files of an inventory that hold variables as YAML or JSON: a file or a folder, and the variables of its
    groups and hosts.
    """
    folder = source if source.is_dir() else source.parent
    found = [*folder.glob("*")] if source.is_dir() else [source]
    found += [file for name in ("group_vars", "host_vars") for file in sorted((folder / name).rglob("*"))]
    yield from (file for file in found if file.is_file() and file.suffix in SUFFIXES)
