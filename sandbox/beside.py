# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loops that run beside a block: customers who buy, visitors who look, a watch without a pause."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def beside(*loops: Callable[[threading.Event], None]) -> Iterator[None]:
    """Run each of ``loops`` in a thread until the end of the block, when the event that it gets is set."""
    over = threading.Event()
    threads = [threading.Thread(target=loop, args=(over,)) for loop in loops]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()
