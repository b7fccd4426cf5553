# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints a line from the process in which a task runs, so that Ctrl-C at that moment ends the run.

Such a process sends its lines through the queue of Ansible's controller, under the queue's lock. A signal that ended it
there would leave the lock taken, and the interrupted controller would wait for it forever.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from ansible.utils.display import Display

from ..module_utils.core.fork import ENDING


def show(line: str) -> None:
    """Print a line."""
    with uninterrupted():
        Display().display(line)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let a signal that ends this process wait until the block has ended. Use it in the main thread."""
    came: list[int] = []
    before = {each: signal.signal(each, lambda number, _frame: came.append(number)) for each in ENDING}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, signal.SIG_DFL if handler is None else handler)
        for number in came[:1]:
            os.kill(os.getpid(), number)
