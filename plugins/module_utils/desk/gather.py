# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks every system of a storefront at the same time; one that does not answer is an answer as well."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..core.errors import RunbookError
from ..core.internal import internal
from ..core.parallel import answers

THREADS = 24


@dataclass(frozen=True)
class Fact:
    """What a system answered in ``value``, or why it did not in ``problem``, with the ``kind`` and ``code`` of the
    error.
    """

    value: Any = None
    problem: str = ""
    kind: str = ""
    code: str = ""
    seconds: float = 0.0

    @property
    def answered(self) -> bool:
        return not self.problem


Facts = Mapping[str, Fact]
ABSENT = Fact(problem="it is not configured", kind="absent")


def gather(sources: Mapping[str, Callable[[], Any]], timeout: float) -> dict[str, Fact]:
    """Ask every source, and return a fact for each, by its name, after at most ``timeout`` seconds."""
    questions = {name: _asking(source) for name, source in sources.items()}
    found = answers(questions, timeout=timeout, threads=THREADS)
    return {
        name: _fact(found[name].value, found[name].seconds) if name in found else _late(timeout) for name in sources
    }


def fact(facts: Facts, name: str) -> Fact:
    """Return a fact; that of a system which is not configured says so."""
    return facts.get(name, ABSENT)


def value(facts: Facts, name: str, default: Any = None) -> Any:
    """Return what a system answered, or ``default``."""
    found = facts.get(name, ABSENT)
    return default if found.problem or found.value is None else found.value


def _asking(source: Callable[[], Any]) -> Callable[[], Fact]:
    def ask() -> Fact:
        try:
            return Fact(source())
        except RunbookError as error:
            return Fact(problem=str(error), kind=error.kind, code=str(error.details.get("code") or ""))
        except Exception as error:  # one system's fault must not hide what the others say
            return Fact(problem=str(internal(error)), kind="internal")

    return ask


def _fact(found: Fact, seconds: float) -> Fact:
    return Fact(found.value, found.problem, found.kind, found.code, round(seconds, 3))


def _late(timeout: float) -> Fact:
    return Fact(problem=f"no answer within {timeout:g} s", kind="unreachable", code="late", seconds=timeout)
