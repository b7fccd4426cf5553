# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the platforms share: what a service shall run, how that is known when it is there, and the course that leads there."""

from __future__ import annotations

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
    """``reached_by(deployment)`` knows it when it is there, ``make()`` makes it, ``predicted`` is what that will be.
    ``told`` is what else the result has, ``shown`` what else the diff has.
    """

    reached_by: Callable[[D], bool]
    make: Callable[[], D]
    predicted: dict[str, Any]
    told: dict[str, Any] = field(default_factory=dict)
    shown: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Course(Generic[D]):
    """The way to a goal. ``found`` reaches it or is on its way there; ``obsolete`` are on their way elsewhere."""

    goal: Goal[D]
    found: D | None
    obsolete: list[D]

    @property
    def is_complete(self) -> bool:
        """Whether nothing has to be changed: what was found may still have to be awaited."""
        return self.found is not None and not self.obsolete

    @property
    def told(self) -> dict[str, Any]:
        """What the result has of the goal; there is no way where nothing has to be made."""
        return {**self.goal.told, "way": None} if self.found and "way" in self.goal.told else self.goal.told

    def follow(self, cancel: Callable[[list[D]], None], listed: Callable[[], Iterable[D]]) -> tuple[D, bool]:
        """Cancel what is on its way elsewhere. Return the deployment of the goal, and whether it was made for that."""
        found = self.found
        if self.obsolete:
            cancel(self.obsolete)
            now = decide(listed(), self.goal)  # one of them may have come to serve meanwhile
            found = None if now.obsolete and now.found and now.found.is_live else now.found
        return (found, False) if found else (self.goal.make(), True)


def decide(listed: Iterable[D], goal: Goal[D]) -> Course[D]:
    """Compare the deployments of a service, the newest first, with a goal."""
    listed = list(listed)
    coming = [deployment for deployment in listed if deployment.in_progress]
    serving = [deployment for deployment in listed if deployment.is_live][:1]
    found = next((deployment for deployment in coming + serving if goal.reached_by(deployment)), None)
    return Course(goal, found, [deployment for deployment in coming if not goal.reached_by(deployment)])
