# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shared by the platforms: the deployment that a service must run, how to recognize it, and the steps that
lead there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar


class Deployment(Protocol):
    """A deployment of any platform."""

    @property
    def is_live(self) -> bool: ...

    @property
    def in_progress(self) -> bool: ...


D = TypeVar("D", bound=Deployment)


@dataclass(frozen=True)
class Goal(Generic[D]):
    """``reached_by(deployment)`` recognizes the goal, ``make()`` creates its deployment, ``predicted`` describes that
    beforehand. ``details`` goes into the result as well, ``summary`` into the diff.
    """

    reached_by: Callable[[D], bool]
    make: Callable[[], D]
    predicted: dict[str, Any]
    details: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Course(Generic[D]):
    """The way to a goal. ``found`` reaches it or will; ``obsolete`` are deployments under way that do not."""

    goal: Goal[D]
    found: D | None
    obsolete: list[D]

    @property
    def is_complete(self) -> bool:
        """Whether nothing has to change; the found deployment may still be under way."""
        return self.found is not None and not self.obsolete

    @property
    def details(self) -> dict[str, Any]:
        """The goal's part of the result; ``way`` is None where no deployment has to be created."""
        return {**self.goal.details, "way": None} if self.found and "way" in self.goal.details else self.goal.details

    def follow(self, cancel: Callable[[list[D]], None], listed: Callable[[], Iterable[D]]) -> tuple[D, bool]:
        """Cancel the obsolete deployments. Return the deployment of the goal, and whether it was created now."""
        found = self.found
        if self.obsolete:
            cancel(self.obsolete)
            now = decide(listed(), self.goal)  # one of them may serve by now
            found = None if now.obsolete and now.found and now.found.is_live else now.found
        return (found, False) if found else (self.goal.make(), True)


def decide(listed: Iterable[D], goal: Goal[D]) -> Course[D]:
    """Compare the deployments of a service, the newest first, with a goal."""
    listed = list(listed)
    coming = [deployment for deployment in listed if deployment.in_progress]
    serving = [deployment for deployment in listed if deployment.is_live][:1]
    found = next((deployment for deployment in coming + serving if goal.reached_by(deployment)), None)
    return Course(goal, found, [deployment for deployment in coming if not goal.reached_by(deployment)])


def by_status(counts: Counter[int]) -> dict[str, Any]:
    """Return the answers of a service, by their HTTP status: ``{requests, errors_4xx, errors_5xx, by_status}``."""
    return {
        "requests": counts.total(),
        "errors_4xx": sum(count for status, count in counts.items() if 400 <= status < 500),
        "errors_5xx": sum(count for status, count in counts.items() if 500 <= status < 600),
        "by_status": {str(status): count for status, count in sorted(counts.items())},
    }
