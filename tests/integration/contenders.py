# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes that want the lease of one storefront at the same time, each with a clock of its own, and that write to one
database under it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import psycopg2
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import LeaseHeld, LeaseLost
from ansible_collections.storefront.runbook.plugins.module_utils.release.lease import Lease, take
from ansible_collections.storefront.runbook.plugins.module_utils.store.base import Store, unguarded
from ansible_collections.storefront.runbook.plugins.module_utils.store.open import open_store, preload

PATIENCE = 120.0  # seconds for what takes far less on an idle machine
TABLES = "CREATE TABLE running (alone boolean PRIMARY KEY); CREATE TABLE written (at serial, holder text, fence int)"
# A server that forks what is asked of it: the libraries are imported once, and no thread of the tests is copied.
preload()
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["__main__", __name__])


def fence_of(lease: Lease) -> int:
    """Return the number of a holder."""
    return (lease.document or {})["fence"]


@dataclass(frozen=True)
class Rivalry:
    """What the processes fight for: the store's options, and the URL of a database with TABLES."""

    store: Mapping[str, Any]
    database: str

    def open(self) -> Store:
        return open_store(self.store, unguarded)

    def take(self, store: Store, holder: str, ahead: float) -> Lease:
        """Take the lease with a clock that is ``ahead`` seconds ahead of this machine's."""
        return take(store, holder=holder, clock=lambda: time.time() + ahead, tolerate_clock=True)[0]

    def write(self, lease: Lease, *, alone: bool = False) -> None:
        """Write a row under the lease. ``alone`` fails if another process does the same in the meantime."""
        lease.before_write(5)
        holder, fence = (lease.document or {})["holder"], fence_of(lease)
        with closing(psycopg2.connect(self.database)) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            if alone:
                cursor.execute("INSERT INTO running VALUES (true)")
            cursor.execute("INSERT INTO written (holder, fence) VALUES (%s, %s)", (holder, fence))
            if alone:
                cursor.execute("DELETE FROM running")


Role = Callable[..., None]  # of the rivalry, the process's end of a pipe, its name, and how far its clock is ahead


@dataclass
class Contender:
    """A process and the parent's end of its pipe."""

    process: Any
    pipe: Connection

    def answer(self) -> Any:
        """Return what the process sends next. Raises EOFError when it ended without a word."""
        assert self.pipe.poll(PATIENCE), "the process does not answer"
        return self.pipe.recv()

    def go(self) -> None:
        self.pipe.send("go")


@contextmanager
def started(role: Role, rivalry: Rivalry, clocks: Mapping[str, float], *more: Any) -> Iterator[list[Contender]]:
    """Start a process for each holder in ``clocks``; none of them lives longer than this block."""
    contenders = [_start(role, rivalry, holder, ahead, *more) for holder, ahead in clocks.items()]
    try:
        yield contenders
    finally:
        for each in contenders:
            each.process.kill()
            each.process.join()
            each.pipe.close()


def _start(role: Role, *given: Any) -> Contender:
    rivalry, *rest = given
    ours, theirs = _processes.Pipe()
    process = _processes.Process(target=role, args=(rivalry, theirs, *rest), daemon=True)
    process.start()
    theirs.close()
    return Contender(process, ours)


def deploys_once(rivalry: Rivalry, pipe: Connection, holder: str, ahead: float) -> None:
    """Try once to take the lease, when the parent says so; write under it, and hold it for ever."""
    store = rivalry.open()
    pipe.send("ready")
    pipe.recv()
    try:
        lease = rivalry.take(store, holder, ahead)
        rivalry.write(lease)
    except LeaseHeld as held:
        pipe.send(("refused", str(held), held.details["holder"]))
    else:
        pipe.send(("runs", holder, fence_of(lease)))
        pipe.recv()


def waits_for_its_turn(rivalry: Rivalry, pipe: Connection, holder: str, ahead: float) -> None:
    """Try until the lease is free, write alone under it, and release it."""
    store = rivalry.open()
    pipe.send("ready")
    pipe.recv()
    while True:
        try:
            lease = rivalry.take(store, holder, ahead)
            break
        except LeaseHeld:
            time.sleep(0.02)
    rivalry.write(lease, alone=True)
    lease.release()
    pipe.send(fence_of(lease))


def stands_still(rivalry: Rivalry, pipe: Connection, holder: str, ahead: float, where: str) -> None:
    """Take the lease and write under it, stop at ``where``, and try to write once more after that."""
    store = rivalry.open()
    lease = rivalry.take(store, holder, ahead)
    rivalry.write(lease)
    pipe.send("written")
    try:
        if where == "before its write":
            _stop()
            rivalry.write(lease)
        else:  # between the read of the lease and the write that depends on it
            _stop_before(store, "put_if_match")
            lease.renew({"step": "frontend.promote"}) if where == "in its renewal" else lease.release()
            rivalry.write(lease)
    except LeaseLost as lost:
        pipe.send(str(lost))
    else:
        pipe.send("nothing stopped it")


def _stop() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def _stop_before(store: Any, name: str) -> None:
    """Let this process stop once, right before it calls a method of the store."""
    method = getattr(store, name)

    def stopped(*given: Any) -> Any:
        setattr(store, name, method)
        _stop()
        return method(*given)

    setattr(store, name, stopped)
