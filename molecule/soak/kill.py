# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kill a playbook at a point while customers buy, run one again, and return what does not hold."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from molecule.conftest import RAILWAY_READS, Running, Shop, back_to
from molecule.soak.plays import (
    NEW,
    OLD,
    PLAYS,
    Play,
    Rerun,
    drop_scratch_databases,
    scratch_databases,
    unfinished_uploads,
)
from molecule.soak.points import CANCEL, Point, points_of
from sandbox.customer import Buyers
from sandbox.process import wait_until

ENDS = 300  # seconds within which a run ends that nobody holds
READS = ("GET", "HEAD")


def learn(shop: Shop, playbook: str) -> list[Point]:
    """Run a playbook that nobody disturbs, and return the points at which it can be killed."""
    play = PLAYS[playbook]
    prepare(shop, play)
    running = shop.begin(playbook, **play.options)
    ended = running.end()
    assert ended.rc == 0, ended.stdout
    requests = shop.sandbox.cloud("GET", "/requests")
    tasks = running.order.with_suffix(".tasks").read_text().splitlines()
    return points_of(playbook, [one for one in requests if _writes(one)], tasks)


def _writes(request: dict[str, Any]) -> bool:
    return request["method"] not in READS and request["operation"] not in RAILWAY_READS


def prepare(shop: Shop, play: Play) -> None:
    """Put the shop back to what the playbook starts from."""
    back_to(shop.sandbox, play.base)
    drop_scratch_databases(shop)
    play.before(shop)
    shop.forget_requests()


def try_point(shop: Shop, point: Point) -> list[str]:
    """Kill the playbook there and run another one. Return what did not hold, or nothing."""
    play = PLAYS[point.playbook]
    rerun = play.reruns[point.nth % len(play.reruns)]
    prepare(shop, play)
    rows = shop.rows()
    with temporary_files() as left, Buyers(shop.at, pause=1).buying() as buyers:
        running = kill(shop, play, point)
        wrong = [f"{where} shows {what}" for where, what in shop.live().items() if not _is_whole(play, what)]
        wrong += [f"process {pid} is left" for pid in running.processes()]
        wrong += finish(shop, rerun)
        bought = len(buyers.orders)
        if not wait_until(lambda: len(buyers.orders) > bought, 120):  # the shop limits registrations
            wrong.append(f"nobody can buy any more: {buyers.broken[-1:] or 'refused'}")
    if play.keeps_orders and shop.rows()["Order"] < rows["Order"] + len(buyers.orders):
        lost = rows["Order"] + len(buyers.orders) - shop.rows()["Order"]
        wrong.append(f"{lost} of {len(buyers.orders)} orders are lost")
    return [*wrong, *leftovers(shop), *(f"temporary file {name} is left" for name in left)]


def kill(shop: Shop, play: Play, point: Point) -> Running:
    """Run the playbook and end it at the point. A point that is not reached, such as a renewal of the lease that a
    quicker run does not need, lets it run to its end.
    """
    if point.way == CANCEL:
        running = cancel(shop, play, point)
    elif point.at == "task":
        number = signal.Signals[point.way]
        at = {"nth": point.nth, "signal": number, "group": number == signal.SIGINT}
        running = shop.begin(point.playbook, at=[at], **play.options)
    else:
        held = {"vendor": point.vendor, "operation": point.name, "kind": "hold", "after": point.nth - 1}
        shop.fault(**held, storefront=shop.name)
        running = shop.begin(point.playbook, **play.options)
        assert wait_until(lambda: shop.held() or running.future.done(), ENDS), f"{point} is not reached"
        if not running.future.done():
            running.send(signal.Signals[point.way])
    shop.clear_faults()
    running.end()
    assert wait_until(lambda: not running.processes(), ENDS), f"{point} leaves a process"
    return running


def cancel(shop: Shop, play: Play, point: Point) -> Running:
    """Run the playbook with ansible-runner, which cancels it soon after the task has started."""
    begun: list[Running] = []
    running = shop.begin(
        point.playbook, at=[{"nth": point.nth}], cancel=lambda: bool(begun and begun[0].done()), **play.options
    )
    begun.append(running)
    return running


def _is_whole(play: Play, live: str) -> bool:
    closed = live == "503" and play is PLAYS["maintenance.yml"]
    return live in (OLD, NEW) or closed or (not play.keeps_orders and live.startswith("50"))


def finish(shop: Shop, rerun: Rerun) -> list[str]:
    """Run a playbook after the kill, once the lease of the killed run is over."""
    if "lease.json" in shop.objects("lease.json") and shop.lease()["state"] != "released":
        shop.age_the_lease()
    ended = shop.play(rerun.playbook, **rerun.options)
    wrong = [] if ended.rc == 0 else [f"{rerun.playbook} failed after it: {ended.message}"]
    return wrong + [
        f"{where} shows {what} after {rerun.playbook}" for where, what in shop.live().items() if what != rerun.release
    ]


def leftovers(shop: Shop) -> list[str]:
    """What a shop must not have once a run has ended well."""
    lease = shop.lease()
    wrong = [f"the lease is {lease['state']}"] if lease["state"] != "released" else []
    wrong += ["the journal is not empty"] if lease["journal"] else []
    wrong += [f"database {name} is left" for name in scratch_databases(shop)]
    wrong += [f"upload {key} is left" for key in unfinished_uploads(shop)]
    if not wait_until(lambda: not shop.sandbox.cloud("GET", f"/storefronts/{shop.name}/busy"), 60):
        wrong.append("a platform still builds")
    return [*wrong, *(["v1.1.0 was built more than once"] if shop.built(NEW) > 1 else [])]


@contextmanager
def temporary_files() -> Iterator[list[str]]:
    """Give the runs a temporary folder of their own; the list has what is left in it afterwards."""
    left: list[str] = []
    before = os.environ.get("TMPDIR")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TMPDIR"] = folder
        try:
            yield left
        finally:
            if before is None:
                del os.environ["TMPDIR"]
            else:
                os.environ["TMPDIR"] = before
            left.extend(sorted(path.name for path in Path(folder).iterdir()))
