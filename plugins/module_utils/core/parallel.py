# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks many systems at once: in a bounded number of threads, within a bounded time."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Answered(Generic[T]):
    value: T
    seconds: float


def answers(
    questions: Mapping[str, Callable[[], T]],
    *,
    timeout: float | Mapping[str, float],
    threads: int,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, Answered[T]]:
    """Return what each question answered within ``timeout`` seconds (one for all, or one each), by its name; one that
    did not is left out.

    No question may raise. A thread that is still waiting is left alone: no thread can be stopped from outside, and
    each client has its own limit.
    """
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[str, Answered[T]]] = queue.SimpleQueue()
    for name in questions:
        waiting.put(name)

    def work() -> None:
        while True:
            try:
                name = waiting.get_nowait()
            except queue.Empty:
                return
            began = clock()
            value = questions[name]()
            done.put((name, Answered(value, clock() - began)))

    for _thread in range(min(threads, len(questions))):
        threading.Thread(target=work, daemon=True).start()
    found: dict[str, Answered[T]] = {}
    limits = timeout if isinstance(timeout, Mapping) else dict.fromkeys(questions, timeout)
    began = clock()
    while silent := questions.keys() - found.keys():
        try:
            name, answer = done.get(timeout=max(began + max(limits[name] for name in silent) - clock(), 0))
        except queue.Empty:
            break
        found[name] = answer
    return found


def bounded(question: Callable[[], T], timeout: float) -> Answered[T] | None:
    """Return what a question answered, None where that takes longer than ``timeout`` seconds: no library limits the
    time in which a name is resolved. What the question raises is raised.
    """

    def ask() -> tuple[T | None, Exception | None]:
        try:
            return question(), None
        except Exception as error:
            return None, error

    found = answers({"": ask}, timeout=timeout, threads=1).get("")
    if found is None:
        return None
    value, error = found.value
    if error is not None:
        raise error
    return Answered(value, found.seconds)  # type: ignore[arg-type]
