# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was tried, kept as it happens: a line for each point that is known, and one for each that was tried."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from molecule.soak.points import Point


class Results:
    """The points of each playbook, and what came of those that were tried: nothing, or what did not hold."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.points: dict[str, list[Point]] = {}
        self.tried: dict[Point, list[str]] = {}
        lines = file.read_text().splitlines() if file.exists() else []
        for line in lines:
            self._take(json.loads(line))

    def learned(self, playbook: str) -> list[Point]:
        return self.points.get(playbook, [])

    def learn(self, playbook: str, points: list[Point]) -> list[Point]:
        self._write({"playbook": playbook, "points": [asdict(point) for point in points]})
        return self.points[playbook]

    def has(self, point: Point) -> bool:
        return point in self.tried

    def keep(self, point: Point, wrong: list[str]) -> None:
        self._write({"point": asdict(point), "wrong": wrong})

    def failed(self) -> list[Point]:
        return [point for point, wrong in self.tried.items() if wrong]

    def _write(self, line: dict[str, object]) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a") as kept:
            kept.write(json.dumps(line) + "\n")
        self._take(line)

    def _take(self, line: dict[str, object]) -> None:
        if "points" in line:
            self.points[str(line["playbook"])] = [Point(**point) for point in line["points"]]  # type: ignore[attr-defined]
        else:
            self.tried[Point(**line["point"])] = list(line["wrong"])  # type: ignore[arg-type, call-overload]


def figures(results: Results, commit: str) -> str:
    """Return the table of how many points there are, were tried and held, and what the rest was."""
    lines = [f"At commit {commit}:", "", "| playbook | points | tried | held |", "|---|---|---|---|"]
    for playbook, points in results.points.items():
        tried = [point for point in points if point in results.tried]
        held = [point for point in tried if not results.tried[point]]
        lines.append(f"| `{playbook}` | {len(points)} | {len(tried)} | {len(held)} |")
    rest = [f"- {point}: {'; '.join(results.tried[point])}" for point in results.failed()]
    return "\n".join([*lines, *(["", "What did not hold:", "", *rest] if rest else []), ""])
