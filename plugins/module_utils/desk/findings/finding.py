# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A finding of the diagnosis, and what its rules read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..gather import Fact, Facts, fact, value
from ..storefront import Params, command

SURE, LIKELY, INFORMATION = "sure", "likely", "for your information"
CERTAINTIES = (SURE, LIKELY, INFORMATION)
BROKEN, DEGRADED, NOTE = 0, 1, 2  # how bad it is for customers


@dataclass(frozen=True)
class Finding:
    """``section`` is that of the runbook, T1 to T6. ``do`` is a command that can be copied and pasted, ``advice`` what
    no command does. ``remedy`` is what diagnose.yml does itself when it is named.
    """

    id: str
    section: str
    what: str
    evidence: str
    cause: str
    certainty: str
    weight: int
    do: str = ""
    advice: str = ""
    remedy: str = ""
    target: str = ""
    resolve: str = ""  # which prisma migrate resolve is right
    release: str = ""  # whose files have the migration

    def described(self) -> dict[str, Any]:
        names = (
            "id",
            "section",
            "what",
            "evidence",
            "cause",
            "certainty",
            "do",
            "advice",
            "remedy",
            "target",
            "resolve",
            "release",
        )
        return {name: getattr(self, name) or None for name in names}


@dataclass(frozen=True)
class View:
    """The facts as the rules read them."""

    params: Params
    facts: Facts

    def value(self, name: str, default: Any = None) -> Any:
        return value(self.facts, name, default)

    def fact(self, name: str) -> Fact:
        return fact(self.facts, name)

    def units(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Give each unit whose platform answered, with its answer."""
        for name in self.facts:
            if name.startswith("unit:") and self.facts[name].answered:
                yield name.removeprefix("unit:"), self.facts[name].value

    def web(self) -> str:
        """Return the unit behind the API's address; empty without one."""
        units = (self.params.get("backend") or {}).get("units") or []
        return next((str(one["name"]) for one in units if one.get("kind") in (None, "web")), "")

    def lines(self, unit: str) -> list[str]:
        """Return the newest lines of a unit's log."""
        return [str(line) for line in (self.value(f"logs:{unit}") or {}).get("runtime") or []]

    def command(self, playbook: str, *options: str) -> str:
        return command(self.params, playbook, *options)

    def remedy(self, name: str, *options: str) -> str:
        return self.command("diagnose", f"-e remedy={name}", *options)


Rule = Callable[[View], Iterator[Finding]]
