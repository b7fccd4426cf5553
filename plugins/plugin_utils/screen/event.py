# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of a task as the screen needs it: without Ansible's own classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

COLLECTION = "storefront.runbook."
BUILTIN = "ansible.builtin."


@dataclass(frozen=True)
class Event:
    """One result. ``at`` is when it came, ``began`` when its task did, both in seconds since the epoch.

    ``kind`` is ok, failed, skipped or unreachable. ``item`` marks one item of a loop. ``asked`` marks a task that only
    checks, by its own ``check_mode: true``.
    """

    kind: str
    action: str
    result: Mapping[str, Any]
    name: str = ""
    args: Mapping[str, Any] = field(default_factory=dict)
    at: float = 0.0
    began: float = 0.0
    item: bool = False
    asked: bool = False
    warnings: Sequence[str] = ()

    @property
    def module(self) -> str:
        """The module's name without its collection, empty for others' modules."""
        return self.action.removeprefix(COLLECTION) if self.action.startswith(COLLECTION) else ""

    @property
    def builtin(self) -> str:
        return self.action.removeprefix(BUILTIN).removeprefix("ansible.legacy.")

    @property
    def facts(self) -> Mapping[str, Any]:
        facts = self.result.get("ansible_facts")
        return facts if isinstance(facts, Mapping) else {}

    @property
    def good(self) -> bool:
        """Whether it is an answer, and not an error that the play handles itself."""
        return self.kind == "ok" and "error" not in self.result and not self.result.get("failed")

    @property
    def unit(self) -> str:
        """The unit of the loop's turn, where there is one."""
        turn = self.result.get(str(self.result.get("ansible_loop_var", "")))
        given = turn.get("name") if isinstance(turn, Mapping) else None
        return str(given or "")

    def get(self, *keys: str) -> Any:
        """A value deep in the result, or None where one of the keys is missing."""
        value: Any = self.result
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value
