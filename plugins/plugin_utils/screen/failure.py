# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why something failed: the message without the vendor's log, and the log."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .event import Event
from .page import BAD, Line
from .text import LOG_LINES, brief, clean, log_tail

MARK = "The end of its log: "
APPROVAL = re.compile(r"-e approve_restore=\S+")
_FIRST = 320  # characters of a line of a message; all of it is in the report and the ledger
_BY_ANSIBLE = re.compile(r"^(?:(?:Task|Module|Action) failed: )+")  # since core 2.19; the screen shows as much already
_ROWS = 5  # further lines of it


@dataclass(frozen=True)
class Failure:
    """``what`` is the step, ``unit`` the part of it, ``why`` the message, ``log`` the vendor's, ``kind``
    that of our errors.
    """

    what: str
    why: str
    unit: str = ""
    log: str = ""
    kind: str = ""

    @property
    def waits(self) -> bool:
        """Whether it only waits for an approval."""
        return bool(APPROVAL.search(self.why))

    @property
    def unreachable(self) -> bool:
        return self.kind == "unreachable_host"

    def lines(self, label: str, time: str, log_file: str = "") -> list[Line]:
        """Return the lines of the failure: what failed, why, and the end of the log."""
        first, _unused, rest = self.why.partition("\n")
        word = "STOPPED" if self.waits else "FAILED"
        lines = [Line(f"{word}: {brief(first, _FIRST)}", label, time, BAD)]
        rows = [row for row in rest.split("\n") if row.strip()][:_ROWS]
        lines += [Line(brief(row, _FIRST), indent=6, hang=2) for row in rows]
        tail = log_tail(self.log, LOG_LINES - len(rows))
        if tail:
            where = f" (all of it: {log_file})" if log_file else ""
            lines.append(Line(f"last lines of its log{where}:", indent=6))
            lines += [Line(row, indent=8, verbatim=True) for row in tail]
        return lines


def read(event: Event, what: str, unit: str) -> Failure:
    """Return the failure that a result describes."""
    result = event.result
    error = result.get("error")
    details: Mapping[str, Any] = error if isinstance(error, Mapping) else {}
    message = clean(message_of(result))
    log = clean(details.get("log") or "")
    if log:
        message = without_log(message, log)
    elif MARK in message:
        message, _unused, log = message.partition(MARK)
    return Failure(what, message.strip(), unit, log, str(details.get("kind") or ""))


def message_of(result: Mapping[str, Any]) -> str:
    """The message of a failed result; of a loop those of the turns that failed."""
    turns = result.get("results")
    if isinstance(turns, list):
        summary = [str(turn.get("msg", "")) for turn in turns if isinstance(turn, Mapping) and turn.get("failed")]
        if any(summary):
            return "\n".join(filter(None, summary))
    message = (
        result.get("msg")
        or result.get("reason")
        or result.get("censored")
        or result.get("module_stderr")
        or result.get("stderr")
    )
    if isinstance(message, (list, tuple)):
        return "\n".join(map(str, message))
    return _BY_ANSIBLE.sub("", str(message or "it gave no message"))


def without_log(text: str, log: str) -> str:
    """Return text without a log that is shown elsewhere."""
    if not log:
        return text
    for form in (log, log.strip()):
        text = text.replace(f" {MARK}{form}", "").replace(f"{MARK}{form}", "").replace(form, "")
    return re.sub(r"[ \t]+\n", "\n", text)
