# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A finding of the diagnosis, and what its rules read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from ...core.amounts import age, moment
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


def weighed(one: Finding, seconds: float | None, most: float) -> Finding:
    """Return a finding by the age of its evidence: what is older than ``most`` seconds is not the cause of today. It is
    shown for information, behind whatever is wrong now.
    """
    if seconds is None or seconds <= most:
        return one
    old = f"{one.evidence} (the last time {age(seconds)} ago, so it need not be the cause of today)"
    return replace(one, weight=NOTE, certainty=INFORMATION, evidence=old)


@dataclass(frozen=True)
class View:
    """The facts as the rules read them."""

    params: Params
    facts: Facts
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

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
        return [message for _at, message in self._dated(unit)]

    def logged(self, unit: str, pattern: re.Pattern[str]) -> tuple[re.Match[str], float | None] | None:
        """Return the newest line of a unit's log that has a pattern, with its age in seconds where it is known."""
        for at, message in reversed(self._dated(unit)):
            if match := pattern.search(message):
                return match, self.age(at)
        return None

    def age(self, at: Any) -> float | None:
        """Return for how many seconds something has been; None without its time."""
        when = moment(at) if at else None
        return max((self.now - when).total_seconds(), 0.0) if when else None

    def works(self, site: str) -> bool:
        """Whether every check of a site passes at this moment."""
        asked = self.fact(f"site:{site}")
        return asked.answered and bool(asked.value) and all(one["outcome"] == "healthy" for one in asked.value)

    def _dated(self, unit: str) -> list[tuple[Any, str]]:
        found = (self.value(f"logs:{unit}") or {}).get("runtime") or []
        return [(one["at"], str(one["message"])) if isinstance(one, Mapping) else (None, str(one)) for one in found]

    def command(self, playbook: str, *options: str) -> str:
        return command(self.params, playbook, *options)

    def remedy(self, name: str, *options: str) -> str:
        return self.command("diagnose", f"-e remedy={name}", *options)


Rule = Callable[[View], Iterator[Finding]]
