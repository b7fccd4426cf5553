# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of a deploy's phases, and the conditions under which a run takes each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Deploy:
    """The facts that decide on the phases. ``idle`` are phases with nothing to do; ``held`` is whether an
    unfinished deploy left the shop in maintenance, ``edge`` whether the edge can hold it, and ``maintained`` whether
    maintenance.yml holds it, which alone ends that. ``due`` are the points at which checks of the checklist are due.
    ``watched`` is whether the release is compared with the old one for a while, and ``stages`` in how many stages the
    frontend is rolled out, each with a watch of its own.
    """

    surfaces: Sequence[str]
    idle: Sequence[str] = ()
    maintenance: bool = False
    held: bool = False
    builds_first: bool = False
    edge: bool = False
    maintained: bool = False
    due: Sequence[str] = ()
    watched: bool = False
    stages: int = 0

    def moves(self, surface: str) -> bool:
        return surface in self.surfaces

    @property
    def holds(self) -> bool:
        """Whether this deploy itself begins a maintenance."""
        return self.maintenance and self.moves("backend") and not self.maintained

    @property
    def rolls(self) -> bool:
        """Whether the frontend is served to a share of the visitors first."""
        return self.stages > 0 and self.moves("frontend")

    @property
    def opens(self) -> bool:
        """Whether this deploy ends a maintenance, its own or that of an unfinished one."""
        return (self.maintenance or self.held) and self.moves("backend") and not self.maintained


# Each phase is a role and its verb. A deploy takes the phases in this order; the condition decides whether it takes
# one.
ORDER: dict[str, Callable[[Deploy], bool]] = {
    "verify.baseline": lambda deploy: deploy.watched,
    "frontend.begin": lambda deploy: deploy.builds_first and deploy.moves("frontend"),
    "database.backup": lambda deploy: deploy.moves("database"),
    "database.prove": lambda deploy: deploy.moves("database"),
    "database.rehearse": lambda deploy: deploy.moves("database"),
    "edge.hold": lambda deploy: deploy.holds and deploy.edge,
    "backend.hold": lambda deploy: deploy.holds,
    "database.migrate": lambda deploy: deploy.moves("database"),
    "backend.release": lambda deploy: deploy.moves("backend"),
    "database.verify": lambda deploy: deploy.moves("database"),
    "backend.unhold": lambda deploy: deploy.opens,
    "edge.unhold": lambda deploy: deploy.opens and deploy.edge,
    "verify.backend": lambda deploy: deploy.moves("backend"),
    "frontend.stage": lambda deploy: deploy.moves("frontend"),
    "verify.staged": lambda deploy: deploy.moves("frontend"),
    "preflight.staged": lambda deploy: "staged" in deploy.due and deploy.moves("frontend"),
    "frontend.roll": lambda deploy: deploy.rolls,
    "verify.rolling": lambda deploy: deploy.rolls,
    "frontend.promote": lambda deploy: deploy.moves("frontend"),
    "edge.purge": lambda deploy: deploy.moves("edge"),
    "verify.public": lambda deploy: True,
    "verify.watch": lambda deploy: deploy.watched and not deploy.rolls,
    "preflight.after": lambda deploy: "after" in deploy.due,
    "release.record": lambda deploy: True,
}
STAGE = ["frontend.roll", "verify.rolling"]  # taken once for each stage
MIGRATION = ("database.backup", "database.prove", "database.rehearse", "database.migrate")


def of_deploy(deploy: Deploy) -> list[str]:
    """Return the phases of a deploy, in order."""
    found = [phase for phase, wanted in ORDER.items() if wanted(deploy) and phase not in deploy.idle]
    first = found.index(STAGE[0]) if deploy.rolls else 0
    return [*found[:first], *STAGE * (deploy.stages - 1), *found[first:]] if deploy.rolls else found


def of_migration(idle: Sequence[str]) -> list[str]:
    """Return the phases of migrate.yml, in order."""
    return [phase for phase in MIGRATION if phase not in idle]


def of_restore(surfaces: Sequence[str], *, undo: bool, swap: str, already: bool, edge: bool = False) -> list[str]:
    """Return the phases of restore.yml, in order. ``already`` is whether the wanted database is live already.

    With a ``swap`` by another address, no unit has to stop: the old database becomes read-only, and partly updated
    units are completed. ``edge`` is whether the edge can hold the shop and nobody holds it yet.
    """
    if already:
        wanted = ["database.swap"] if swap == "url" else []
    else:
        wanted = [] if undo else ["database.safety", "database.stage"]
        wanted += ["backend.stop"] if swap == "rename" else []
        wanted += ["database.swap"]
    phases = [phase for phase in wanted if phase.partition(".")[0] in surfaces]
    if edge and "backend.stop" in phases:  # visitors see the page of the maintenance instead of errors
        phases.insert(phases.index("backend.stop"), "edge.hold")
    return phases
