# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A signal that arrives while a line is sent waits until it is sent: the queue's lock is free afterwards."""

from __future__ import annotations

import multiprocessing
import os
import signal
from multiprocessing.synchronize import Lock

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.fork import ENDING, uninterrupted

LINE = 4 << 20  # bytes, more than a pipe takes at once
forking = multiprocessing.get_context("fork")


def send(lock: Lock, pipe: int, ending: int) -> None:
    """Do what a worker of Ansible does: it ends itself by the signal that it gets."""

    def end(number: int, _frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    signal.signal(ending, end)
    with uninterrupted(), lock:
        left = memoryview(b"x" * LINE)
        while left:
            left = left[os.write(pipe, left) :]
    os._exit(1)  # the signal should have ended this


@pytest.mark.parametrize("ending", ENDING)
def test_the_lock_of_the_queue_is_free_although_a_signal_came_while_a_line_was_sent(ending: int) -> None:
    lock = forking.Lock()
    reader, writer = os.pipe()
    worker = forking.Process(target=send, args=(lock, writer, ending))
    worker.start()
    os.close(writer)
    came = len(os.read(reader, 1))  # now it holds the lock, and waits for this process to read on
    assert worker.pid is not None
    os.kill(worker.pid, ending)
    while piece := os.read(reader, 1 << 16):
        came += len(piece)
    worker.join()
    os.close(reader)
    assert (came, worker.exitcode) == (LINE, -ending)
    assert lock.acquire(block=False)
