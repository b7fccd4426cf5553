# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The screen of a whole run: one model for each storefront, one way to print."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import doing, ending, terminal
from .page import Line, Page
from .run import Run
from .secrets import Mask
from .terminal import Live
from .text import columns, pad


@dataclass
class Screen:
    """``display`` is Ansible's. With ``held`` nothing is printed until ``release``: Ansible's own output
    comes first then.
    """

    display: Any
    mask: Mask
    ascii: bool
    alive: bool
    held: bool = False
    hosts: list[str] = field(default_factory=list)
    runs: dict[str, Run] = field(default_factory=dict)
    live: Live | None = None
    only_json: bool = False  # nothing but the document is printed
    _parted: bool = False  # whether the last line was an empty one
    _kept: list[tuple[str, str]] = field(default_factory=list)

    def start(self) -> None:
        """Start to show what is running, unless Ansible's own output does."""
        if self.live is None and not self.held:
            alive = self.alive and not self.only_json
            self.live = Live(self.display, self._living, self._announced, self._lasting, alive=alive)
            self.live.start()

    def stop(self) -> None:
        if self.live:
            self.live.stop()

    def expect(self, hosts: Iterable[str]) -> None:
        self.hosts = list(hosts)

    def show(self, run: Run | None, lines: Iterable[Line]) -> None:
        """Print lines of one storefront, or of none."""
        if self.only_json:
            return
        page = self._page(run)
        for line in lines:
            empty = not line.text and not line.label
            if empty and (page.prefix or self._parted):
                continue  # it parts nothing where storefronts take turns, nor below another one
            self._parted = empty
            self._print("\n".join(self.mask(text) for text in page.lines(line)), line.colour)

    def release(self) -> None:
        """Print what was held back."""
        self.held = False
        for text, colour in self._kept:
            self._print(text, colour)
        self._kept = []

    def forget(self, host: str) -> None:
        if self.live:
            self.live.forget(host)

    def end(self, bad: Callable[[str], bool]) -> None:
        """Print how each storefront ended whose end is not on the screen, and name those that were never begun."""
        for host, run in self.runs.items():
            self.show(run, run.end(bad(host)))
        waiting = [host for host in self.hosts if host not in self.runs]
        if waiting and self.runs:
            self.show(None, [Line(), ending.batch_not_started(waiting)])

    def break_off(self, why: str) -> None:
        for run in self.runs.values():
            self.show(run, run.breaks_off(why))

    def hand_over(self, document: str) -> None:
        """Print the document that a program reads."""
        self._print(self.mask(document), "")

    def complain(self, problem: str) -> None:
        """Print what failed beside a document that a program reads."""
        self.display.display(self.mask(problem), stderr=True)

    def _print(self, text: str, colour: str) -> None:
        if self.held:
            self._kept.append((text, colour))
        else:
            self.display.display(text, color=colour or None)

    def _page(self, run: Run | None) -> Page:
        if run is None or len(self.hosts) < 2:
            return terminal.page(ascii=self.ascii)
        broad = min(max(map(columns, self.hosts)), 20)
        return terminal.page(ascii=self.ascii, prefix=f"{pad(run.about.storefront, broad)} | ")

    def _living(self, notes: Mapping[str, str], now: float) -> str:
        page = terminal.page(ascii=self.ascii)
        text = doing.live(dict(self.runs), notes, now, page.room)
        return page.live(self.mask(text)) if text else ""

    def _lasting(self, host: str, text: str) -> list[str]:
        """Return a line that a module shows while it runs; a document has it at its end."""
        if self.only_json:
            return []
        self._parted = False
        return self._page(self.runs.get(host)).lines(Line(self.mask(text), hang=2))

    def _announced(self, notes: Mapping[str, str], now: float) -> list[str]:
        if self.only_json:
            return []
        described: list[str] = []
        for host, run in list(self.runs.items()):
            for line in doing.lines(run, notes.get(host, ""), now):
                described += [self.mask(text) for text in self._page(run).lines(line)]
        return described
