# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model of one storefront's run: results go in, lines come out.

It follows the facts that the playbooks set for the journal and the report (release_step, release_steps,
release_failure, release_message), and the results of this collection's modules; never the names of tasks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from . import ending, failure, labels, pages
from .about import LEASED, LISTS, PAGES
from .amounts import duration
from .event import Event
from .page import ATTENTION, BAD, GOOD, Line
from .plan import lease_line
from .results import catalogue_rows, words
from .rows import info_rows
from .state import State, Step
from .text import brief, clean, one_line

NOTIFY = ("slack_message", "github_deployment", "sentry_release", "run_events")
REMEDIES = ("cf_purge", "prisma_migrate", "backend_service")  # what a diagnosis changes, after its page
QUIET = (
    "deploy_lease",
    "run_report",
    "release_info",
    "backend_info",
    "railway_info",
    "render_info",
    "vercel_info",
    "cf_info",
    *NOTIFY,
)
_NOTE = 320  # characters
_ROWS, _LONG = 20, 400  # lines of a message; what init.yml would write differently is all of its result
RESERVED = "variable using reserved name 'until'"  # logs.yml has it as an option of the command line


@dataclass
class Run(State):
    """Turns the events of one run into lines."""

    _planned: bool = False
    _listed: bool = False
    _doing: tuple[str, float] = ("", 0.0)
    _issued: dict[str, Event] = field(default_factory=dict)  # by unit: what was begun and is awaited later
    _warned: set[str] = field(default_factory=set)

    def begin(self) -> list[Line]:
        return [*self.about.header()]

    def starts(self, action: str, at: float) -> None:
        """Remember what a task that starts is about, for the live line."""
        event = Event("ok", action, {})
        if event.builtin == "pause":
            self._doing = ("", at)  # it asks something: nothing may be written over that
            return
        if self.step and not self.rescuing:
            self._doing = (labels.of_step(self.step.name), self.step.began)
        elif event.module == "dress_rehearsal":
            self._doing = (labels.of_event(event, ""), at)
        elif event.module and event.module not in QUIET and (self.leased or self.about.kind not in LEASED):
            self._doing = (
                labels.MODULES.get(
                    event.module, "put back" if self.rescuing or self.about.kind == "rollback" else "change"
                ),
                at,
            )
        elif not self.leased and self.about.kind in (*LEASED, "preflight"):
            self._doing = ("check", self.about.began)
        elif not self._doing[0]:
            self._doing = ("prepare", at)

    def doing(self) -> tuple[str, float, float | None]:
        """What is running, since when, and how many seconds it usually takes."""
        label, since = self._doing
        return label, since, self.history.usual(self.step.name) if self.step and not self.rescuing else None

    def take(self, event: Event) -> list[Line]:
        """Return the lines that a result adds to the screen."""
        self.now = event.at
        self.plan.learn(event)
        self.history.learn(event)
        if event.kind in ("failed", "unreachable"):
            return self._fails(event)
        if event.builtin == "set_fact":
            return self._facts(event)
        if event.builtin == "debug":
            return self._message_lines(event)
        if event.builtin == "copy" and event.get("dest") and self.about.kind in LEASED:
            self.facts["report_path"] = event.get("dest")
        if event.module == "run_report" and event.get("page"):
            self.facts["report_path"] = event.get("page")
        if event.module == "release_record" and event.kind == "ok":
            self.record = event.get("record") or {}
        return self._did(event) if event.module and event.kind == "ok" else []

    def differs(self, event: Event, text: str) -> list[Line]:
        """Return a difference as Ansible shows it, below what it is a difference of."""
        if event.module in QUIET:
            return []  # who holds the lease until when: it has a line of its own
        unit = self.plan.unit(event)
        label = (
            labels.of_step(self.step.name, unit) if self.step and not self.rescuing else labels.of_event(event, unit)
        )
        colours = {"+": GOOD, "-": BAD}
        rows = [Line(row, colour=colours.get(row[:1], ""), indent=4) for row in text.split("\n")]
        return [*self._plan(), Line("would change:" if self.about.check else "changes:", label), *rows]

    def warn(self, text: str) -> list[Line]:
        """Return a warning, once and briefly."""
        short = one_line(text)
        if short in self._warned or RESERVED in short:
            return []
        self._warned.add(short)
        return [Line(brief(short, _NOTE), "warning", colour=ATTENTION)]

    def end(self, bad: bool) -> list[Line]:
        """Return how it ended, unless that is on the screen already."""
        if self.ended:
            return []
        self.ended = True
        if self._listed and self.about.kind in PAGES and not self.failed:
            return []  # the page is the answer, and the exit code its level
        return [*self._plan(), *ending.lines(self, bad)]

    def breaks_off(self, why: str) -> list[Line]:
        """Return what is left and how to continue, when the run is interrupted."""
        if self.ended:
            return []
        self.ended = True
        return ending.interrupted(self, why)

    def _facts(self, event: Event) -> list[Line]:
        if event.kind != "ok":
            return []
        self.facts.update(event.facts)
        if event.facts.get("release") and not self.about.release:  # preflight has taken that of HEAD
            self.about = replace(self.about, release=str(event.facts["release"]))
        self.leased = self.leased or "release_lease" in event.facts
        if event.facts.get("release_failure"):
            self.rescuing = True
        step = event.facts.get("release_step")
        if not isinstance(step, Mapping):
            return []
        ended = self._step_ends(event.at)  # the next step begins as the one before it ends
        if step.get("name"):
            self.step, self.rescuing = (
                Step(str(step["name"]), event.at, event.at),
                bool(self.facts.get("release_failure")),
            )
            self._doing = (labels.of_step(self.step.name), event.at)
        return ended

    def _step_ends(self, at: float) -> list[Line]:
        step, self.step = self.step, None
        if not step or step.shown:
            return []
        text = "; ".join(dict.fromkeys(step.summaries)) or (
            "nothing to do before the real run" if self.about.check else "nothing to do"
        )
        return [*self._plan(), Line(text, labels.of_step(step.name), duration(at - step.began))]

    def _did(self, event: Event) -> list[Line]:
        if event.module == "deploy_lease":
            return self._lease(event)
        if event.asked or event.module in QUIET or not event.good or isinstance(event.get("results"), list):
            return []
        repeated = event.module in self.did
        self.did.add(event.module)
        if self.about.kind in PAGES and (event.module not in REMEDIES or not self._listed):
            self._listed = self._listed or isinstance(event.get("page"), list)
            shown = pages.lines(event.get("page"))
            return [*shown, *ending.file_needed(self, shown, pages.LABEL - 1)]
        unit = self.plan.unit(event)
        event = self._whole(event, unit)
        summary = words(event, self.about.check or bool(event.args.get("check")))
        if not summary:
            return []
        if self.step and not self.rescuing:
            return self._in_step(event, summary, unit)
        if event.module == "dress_rehearsal":  # check mode asks twice, in preflight and in its turn
            if repeated:
                return []
            return [*self._plan(), Line(summary, labels.of_event(event, unit), duration(event.at - event.began))]
        if (
            (self.about.kind in LEASED and not self.leased)
            or self.about.kind == "preflight"
            or event.args.get("wait") is False
        ):
            return []
        lines = [*self._plan(), Line(summary, labels.of_event(event, unit), duration(event.at - event.began))]
        if event.module == "pg_backup_info":
            self._listed = True
            lines += [Line(row, indent=4, hang=2) for row in catalogue_rows(event.get("backups") or [])]
            lines += [
                Line(f"{left.get('key')}: no backup", indent=4, colour=ATTENTION)
                for left in event.get("leftovers") or []
            ]
        if event.module == "pg_info":
            self._listed = True
            lines += [Line(row, indent=4) for row in info_rows(event.result)]
        return lines

    def _whole(self, event: Event, unit: str) -> Event:
        """Return the result of what was begun and awaited in two tasks as that of one: the second finds
        nothing to change.
        """
        if event.args.get("wait") is False:
            self._issued[unit] = event
            return event
        issued = self._issued.pop(unit, None)
        if not issued or event.get("changed") or not issued.get("changed"):
            return event
        return replace(event, result={**event.result, "changed": True, "previous": issued.get("previous")})

    def _in_step(self, event: Event, summary: str, unit: str) -> list[Line]:
        if self.step is None:
            return []
        if event.args.get("state") == "configured" and not event.get("changed"):
            return []
        if not (event.item and unit and self.step.name in labels.UNITS):
            self.step.summaries.append(summary)
            return []
        line = Line(summary, labels.of_step(self.step.name, unit), duration(event.at - self.step.since))
        self.step.since, self.step.shown = event.at, True
        return [*self._plan(), line]

    def _lease(self, event: Event) -> list[Line]:
        self.deadline = str(event.get("lease", "deadline") or self.deadline)
        if event.asked or not event.good or event.args.get("state") != "held" or self._planned:
            return []
        return [*self._plan(), *([] if self.about.check else [lease_line(event, event.at - event.began)]), Line()]

    def _plan(self) -> list[Line]:
        """What is known beforehand, once."""
        if self._planned or self.about.kind not in (*LEASED, "preflight"):
            return []
        self._planned = True
        return self.plan.lines(self.about.release, self.about.began)

    def _message_lines(self, event: Event) -> list[Line]:
        message = event.get("msg")
        if event.kind != "ok" or message is None:
            return []
        if isinstance(message, Mapping) and {"outcome", "kind", "storefront"} <= message.keys():
            self.report = dict(message)
            return self.end(bad=False)
        if self.step and not self.rescuing:
            return []
        if isinstance(message, (Mapping, list)) and self._listed:
            return []  # it is on the screen already
        if self.about.kind == "prove":
            return []
        if self.about.kind in PAGES and isinstance(message, list):
            self._listed = True
            return [Line(str(row), indent=2, hang=pages.LABEL) for row in message]
        if self.about.kind in LISTS and isinstance(message, list):
            return [*self._plan(), *(Line(str(row), indent=2, hang=pages.LABEL) for row in message)]
        if isinstance(message, Mapping):
            message = "\n".join(f"{key}: {value}" for key, value in message.items())
        if isinstance(message, list):
            message = "\n".join(map(str, message))
        return [
            *self._plan(),
            *(
                Line(brief(one_line(row), _NOTE), "note" if not number else "")
                for number, row in enumerate(
                    clean(message).split("\n")[: _LONG if self.about.kind == "init" else _ROWS]
                )
            ),
        ]

    def _fails(self, event: Event) -> list[Line]:
        unit = self.plan.unit(event)
        if event.builtin in ("fail", "assert") and not (self.step and not self.rescuing):
            if not self.failed:  # or it only repeats what failed
                self.verdict = self.verdict or failure.message_of(event.result)
            # after a page nothing else says why its remedy was refused; a level is a fail, and is the exit code
            refused = event.builtin == "assert" and self._listed and self.about.kind in PAGES
            return [Line(f"REFUSED: {one_line(failure.message_of(event.result))}", colour=BAD)] if refused else []
        if event.kind == "unreachable":
            self.failed, self.failed_at = (
                failure.Failure("", failure.message_of(event.result), kind="unreachable_host"),
                "the connection",
            )
            return [*self._plan(), *self.failed.lines("UNREACHABLE", duration(event.at - event.began))]
        if isinstance(event.get("results"), list) and self.failed and not event.item:
            return []  # its turn is on the screen already
        found = self.plan.named(failure.read(event, self.step.name if self.step else "", unit))
        if event.module in NOTIFY:
            return [
                Line(f"not done: {brief(one_line(found.why), _NOTE)}", labels.of_event(event, unit), colour=ATTENTION)
            ]
        label = (
            labels.of_step(self.step.name, unit) if self.step and not self.rescuing else labels.of_event(event, unit)
        )
        time = duration(event.at - (self.step.since if self.step and not self.rescuing else event.began))
        if self.rescuing or self.failed:
            return [
                Line(f"FAILED: {brief(one_line(failure.without_log(found.why, found.log)), _NOTE)}", label, time, BAD)
            ]
        self.failed, self.failed_at, self.rescuing = found, label, bool(self.step)
        return [
            *self._plan(),
            *found.lines(label, time, self.keep_log(unit or found.what, found.log) if found.log else ""),
        ]
