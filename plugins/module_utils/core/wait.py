# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one loop that waits for a vendor."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import TypeVar

from . import progress
from .errors import ApiError, DeploymentFailed, RunbookError, Unreachable, WaitTimeout, may_have_happened
from .process import controller, is_alive

SHOWN_EVERY = 10.0  # seconds between two progress lines while a word stays the same

Answer = TypeVar("Answer")
_NEXT = {True: "\n", False: " "}  # what parts an advice from a log, or from a sentence
TRIES = 3  # of a write whose answer was lost, each after a check whether it was done


class Outcome(Enum):
    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"


def nothing(*_args: object) -> None:
    """Stands for a hook that is not wanted."""


@dataclass
class Waiter:
    """How to wait: ``timeout`` and ``interval`` in seconds; ``interval`` may be a function of the seconds waited.

    ``heartbeat`` is called on every turn: it renews the lease, and raises when it is lost. ``warn`` takes a line for
    the operator.
    """

    timeout: float = 900
    interval: float | Callable[[float], float] = 2.0
    heartbeat: Callable[[], None] = nothing
    warn: Callable[[str], None] = nothing
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _controller: tuple[int, int] | None = field(default_factory=controller)

    def check(self, what: str) -> None:
        """Do what each turn of long work needs: stop when the play is gone, and renew the lease."""
        if self._controller and not is_alive(*self._controller):
            raise RunbookError(
                f"The play that waited for {what} is gone, so this worker stops too. Run the play again: it continues"
                " from here."
            )
        self.heartbeat()

    def settle(self, send: Callable[[], Answer], is_done: Callable[[], object], tries: int = TRIES) -> Answer | None:
        """Write, and return the vendor's answer. Where that was lost, check whether the write was done:
        then return None, else write again.
        """
        while True:
            try:
                return send()
            except (ApiError, Unreachable) as error:
                if not may_have_happened(error):
                    raise
                self.sleep(error.details.get("retry_after", 0))
                if is_done():
                    return None
                tries -= 1
                if not tries:
                    raise

    def wait_for(
        self,
        fetch: Callable[[], Answer],
        classify: Callable[[Answer], tuple[Outcome | None, str]],
        *,
        what: str,
        check_next: str = "",
        explain: Callable[[Answer], str] | None = None,
        advice: Mapping[str, str] = MappingProxyType({}),
        describe: Callable[[Answer], str] | None = None,
        limit: float | None = None,
    ) -> Answer:
        """Return the first READY answer of ``fetch()``.

        ``classify(answer)`` gives (Outcome, the vendor's word); an Outcome of None stands for a word that is not in the
        vendor's table: it is warned of once and waited on. ``what`` names the thing, ``look_at`` says where to look
        after a timeout, ``explain(answer)`` gives the tail of the vendor's log for a failure, ``advice`` says what to
        do by the vendor's word. ``describe(answer)`` gives the words of a progress line, and ``limit`` the seconds that
        it names where these are not ``timeout``. Raises DeploymentFailed, WaitTimeout, and whatever ``heartbeat``
        raises.
        """
        started = self.clock()
        unknown: set[str] = set()
        shown, shown_at = "", started
        while True:
            self.check(what)
            answer = fetch()
            outcome, word = classify(answer)
            if outcome is Outcome.READY:
                return answer
            if outcome is Outcome.FAILED:
                tail = explain(answer) if explain else ""
                remedy = f"{_NEXT[bool(tail)]}{advice[word]}" if word in advice else ""
                raise DeploymentFailed(
                    f"{what} {_failed(word)}.{f' The end of its log: {tail}' if tail else ''}{remedy}",
                    state=word,
                    log=tail or None,
                )
            if outcome is None and word not in unknown:
                unknown.add(word)
                self.warn(
                    f"{what} is {word!r}, a state that this version does not know. The wait continues; this state never"
                    " counts as success."
                )
            waited = self.clock() - started
            if word != shown or started + waited - shown_at >= SHOWN_EVERY:
                shown, shown_at = word, started + waited
                text = describe(answer) if describe else f"{what} is {word}"
                progress.report(f"{text} ({_so_far(waited, self.timeout if limit is None else limit)})")
            if waited >= self.timeout:
                remedies = [f"Check {check_next}." if check_next else "", advice.get(word, "")]
                raise WaitTimeout(
                    " ".join(
                        [f"{what} was still {word} after {self.timeout:g} s (wait_timeout).", *filter(None, remedies)]
                    ),
                    state=word,
                )
            pause = self.interval(waited) if callable(self.interval) else self.interval
            self.sleep(min(pause, max(0.0, self.timeout - waited)))


def _failed(word: str) -> str:
    """Return the verb, with the vendor's own word where that says more."""
    if word.lower().startswith("failed"):
        return f"failed{word[len('failed') :]}"
    return "failed" if word.lower() == "error" else f'failed with the status "{word}"'


def _so_far(waited: float, limit: float) -> str:
    """Return the seconds waited, and of how many where there is a limit to wait for."""
    return f"{min(waited, limit):.0f} s of at most {limit:.0f} s" if 0 < limit < float("inf") else f"{waited:.0f} s"
