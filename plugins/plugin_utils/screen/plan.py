# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known before anything changes: what is live, what the release is, and whether each unit could be put back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .amounts import age, clock, duration, local_times, moment, number
from .event import Event
from .failure import Failure
from .page import ATTENTION, Line
from .results import words
from .text import listed

SEPARATOR = " · "


@dataclass
class Plan:
    """Filled from the answers of the checks; it holds nothing else."""

    live: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    services: dict[str, str] = field(default_factory=dict)  # from a platform's name for a service to ours for the unit
    commit: str = ""
    pending: list[Mapping[str, Any]] | None = None
    probes: str = ""
    probed: float = 0.0
    none_passed: bool = False
    checklist: str = ""
    checklist_took: float = 0.0
    approvals: str = ""
    warnings: list[str] = field(default_factory=list)

    def learn(self, event: Event) -> None:
        """Take what a check or an info module answered."""
        unit = self.unit(event)
        if (
            event.module in ("backend_service", "railway_service", "render_service", "vercel_deploy")
            and event.asked
            and event.good
            and unit
        ):
            self.live[unit] = event.get("previous") or {}
            self.commit = str(event.get("deployment", "commit") or self.commit)
        elif event.module in ("backend_info", "railway_info", "render_info", "vercel_info") and event.good and unit:
            self.live.setdefault(unit, event.get("live") or {})
        elif event.module == "prisma_migrate" and event.asked and event.good and self.pending is None:
            self.pending = list(event.get("pending") or [])
        elif event.module == "preflight_checks" and event.get("summary") and not self.checklist:
            self.checklist, self.checklist_took = str(event.get("summary")), float(event.get("elapsed") or 0)
            self.warnings = [
                f"{one.get('id')} {one.get('answered')}"
                for one in event.get("answers") or []
                if one.get("outcome") in ("failed", "could_not_be_asked") and not one.get("stops")
            ]
        elif event.module == "release_approvals" and event.get("summary"):
            wanted = event.get("approved_by") or event.get("missing")
            self.approvals = str(event.get("summary")) if wanted else ""
        elif event.module == "health_check" and event.good and not self.probes:
            self.probes, self.probed = words(event, check=False), event.at - event.began
            self.none_passed = not any(check.get("outcome") == "healthy" for check in event.get("checks") or [])

    @property
    def serves(self) -> bool:
        """Whether any unit is live that could be gone back to."""
        return any(was.get("id") for was in self.live.values())

    def unit(self, event: Event) -> str:
        """The unit that a result is about, also where it is not an item of a loop."""
        given = event.unit
        turn = event.get(str(event.result.get("ansible_loop_var", "")))
        if isinstance(turn, Mapping) and turn.get("service") and given:
            self.services[str(turn["service"])] = given
        if event.module.startswith("vercel_"):
            return "frontend"
        return given or self.services.get(str(event.args.get("service")), "")

    def named(self, found: Failure) -> Failure:
        """Return a failure whose message has our names for a platform's services."""
        return replace(found, why=self.by_unit(found.why))

    def by_unit(self, text: str) -> str:
        """Return text with our names for a platform's services."""
        for service, unit in self.services.items():
            text = text.replace(service, unit)
        return text

    def lines(self, release: str, began: float) -> list[Line]:
        """Return what an operator wants to know before anything changes."""
        lines = []
        if self.live:
            lines.append(
                Line(
                    SEPARATOR.join(f"{unit} {_release(was)}" for unit, was in self._in_order()) + self._since(began),
                    "live now",
                )
            )
        if release:
            text = release + (
                f" = {self.commit[:7]}" if self.commit and not release.startswith(self.commit[:7]) else ""
            )
            lines.append(Line(text + self._migrations(), "release"))
            lines += self._ways_back()
        if self.probes:
            nothing_yet = self.none_passed and bool(self.live) and not self.serves
            lines.append(
                Line(
                    "nothing is live yet, so no site can answer" if nothing_yet else self.probes,
                    "live site",
                    duration(self.probed),
                )
            )
        if self.approvals:
            lines.append(Line(local_times(self.approvals), "approvals"))
        if self.checklist:
            lines.append(Line(self.checklist, "checks", duration(self.checklist_took)))
            lines += [Line(text, "warning", colour=ATTENTION) for text in self.warnings]
        return lines

    def _in_order(self) -> list[tuple[str, Mapping[str, Any]]]:
        """The backend's units first, as they are released."""
        return sorted(self.live.items(), key=lambda entry: entry[0] == "frontend")

    def _since(self, now: float) -> str:
        times = [at for at in (moment(was.get("created_at")) for was in self.live.values()) if at]
        return f" ({age(now - max(times).timestamp())})" if times else ""

    def _migrations(self) -> str:
        if self.pending is None:
            return ""
        if not self.pending:
            return ", no migration"
        return (
            f", {number(len(self.pending), 'migration')}"
            f" ({'NOT backward compatible' if self._incompatible() else 'backward compatible'})"
        )

    def _incompatible(self) -> list[str]:
        return [
            str(migration.get("name")) for migration in self.pending or [] if not migration.get("backward_compatible")
        ]

    def _ways_back(self) -> list[Line]:
        ways: dict[str, list[str]] = {}
        for unit, was in self._in_order():
            ways.setdefault(f"back to {_release(was)}" if was.get("id") else "nothing to go back to", []).append(unit)
        described = [f"{', '.join(units)}: {way}" for way, units in ways.items()]
        unsafe = self._incompatible() if any(was.get("id") for was in self.live.values()) else []
        if self.pending is not None:
            described.append(
                f"schema: NOT safe for the old release ({listed(unsafe, 2)})" if unsafe else "schema: safe"
            )
        return [Line(SEPARATOR.join(described), "if it fails", colour=ATTENTION if unsafe else "")] if described else []


def lease_line(event: Event, seconds: float) -> Line:
    until = moment(event.get("lease", "deadline"))
    text = f"held until {clock(until)}, renewed while this runs" if until else "held"
    taken = event.get("taken_over")
    return Line(
        f"{text}; taken over from {taken.get('holder') if isinstance(taken, Mapping) else taken}" if taken else text,
        "lease",
        duration(seconds),
    )


def _release(was: Mapping[str, Any]) -> str:
    return str(was.get("release") or was.get("id") or "nothing")
