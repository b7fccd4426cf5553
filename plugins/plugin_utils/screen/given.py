# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The extra variables of a run as the commands that it prints repeat them: as they were written, in their order, and
without a secret.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ...module_utils.core.redact import redact
from .secrets import is_secret

VALUES, FROM_ENV = (
    "variable_values",
    "from_env",
)  # of variables.yml: secrets, and the names to read from the environment
FILE = "-e @FILE"
FILE_MUST_SET = "a file of yours that sets {}; encrypt it with ansible-vault"

Hides = Callable[[str, Any], bool]


@dataclass(frozen=True)
class Item:
    """A ``name=value``, a mapping as JSON or YAML, or a file. ``values`` is what it sets; empty where a file cannot be
    read.
    """

    kind: Literal["pair", "mapping", "file"]
    text: str
    values: Mapping[str, Any]


def repeated(items: Sequence[Item], hides: Hides, left_out: Collection[str] = ()) -> list[str]:
    """Return the options that set what ``items`` set, without the variables of ``left_out``. Of several pairs for one
    variable the last one counts.

    A secret comes from a file that the operator names, or from the environment where the playbook can read it.
    """
    last = {name: at for at, item in enumerate(items) if item.kind == "pair" for name in item.values}
    options = []
    for at, item in enumerate(items):
        if item.kind == "file":
            if not item.values or item.values.keys() - set(left_out):
                options.append(f"-e {shlex.quote(item.text)}")
            continue
        kept = {
            name: value
            for name, value in item.values.items()
            if name not in left_out and not hides(name, value) and last.get(name, at) <= at
        }
        if kept:
            options.append(f"-e {_written(item, kept)}")
    secrets = hidden(items, hides, left_out)
    options += [FILE] if secrets else []
    names = [] if VALUES in left_out else sorted(_values_by_name(items))
    if not names:
        return options
    asked = [text for item in items if item.kind != "file" and (text := str(item.values.get(FROM_ENV) or ""))][-1:]
    return [*without(options, FROM_ENV), f"-e {FROM_ENV}={','.join([*asked, *names])}"]


def taken_apart(items: Sequence[Item], own: Collection[str]) -> list[Item]:
    """Return the items of a run for another playbook: that refuses a file which has the run's ``own`` options too, so
    the rest of it is written out.
    """
    mixed = [item.kind == "file" and 0 < len(item.values.keys() & set(own)) < len(item.values) for item in items]
    return [Item("mapping", "", item.values) if split else item for item, split in zip(items, mixed, strict=True)]


def hidden(items: Sequence[Item], hides: Hides, left_out: Collection[str] = ()) -> list[str]:
    """Return the secret variables that the operator's own file has to set."""
    found = [
        name
        for item in items
        if item.kind != "file"
        for name, value in item.values.items()
        if name not in left_out and hides(name, value)
    ]
    return [name for name in dict.fromkeys(found) if name != VALUES or not _values_by_name(items)]


def without(options: Sequence[str], *names: str) -> list[str]:
    """Return options without the ``name=value`` of some variables."""
    return [option for option in options if name_of(option) not in names]


def name_of(option: str) -> str:
    """Return the variable that an option sets as ``-e name=value``; empty for another option."""
    words = shlex.split(option)
    if len(words) != 2 or words[0] != "-e" or words[1].startswith(("@", "{", "[")):
        return ""
    return words[1].partition("=")[0]


def holds_secret(value: Any, secret_names: Collection[str], masked: Callable[[str], str] = redact) -> bool:
    """Whether a value has a secret anywhere in it: an entry that is named like one, a URL with a password, or a text
    that is never shown.
    """
    if isinstance(value, Mapping):
        return any(
            (nested and (str(name) in secret_names or is_secret(str(name))))
            or holds_secret(nested, secret_names, masked)
            for name, nested in value.items()
        )
    if isinstance(value, (list, tuple)):
        return any(holds_secret(nested, secret_names, masked) for nested in value)
    return value is not None and masked(str(value)) != str(value)


def _values_by_name(items: Sequence[Item]) -> list[str]:
    """Return the names of the shop's variables whose values the command line has."""
    given = [item.values[VALUES] for item in items if item.kind != "file" and VALUES in item.values]
    return [str(name) for one in given[-1:] if isinstance(one, Mapping) for name in one]


def _written(item: Item, kept: Mapping[str, Any]) -> str:
    if len(kept) < len(item.values):
        return shlex.quote(json.dumps(kept, ensure_ascii=False, default=str))
    if item.kind == "pair" and not {*item.text} & {*"\"'"}:
        name, _unused, value = item.text.partition("=")
        return f"{name}={shlex.quote(value)}" if value else item.text
    return shlex.quote(item.text)
