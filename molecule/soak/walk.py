# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A shop on which many things happen in an order that a seed decides, and what must hold after each of them.

A step is written ``deploy:17``: what happens, and a number that decides its details. ``STEPS="deploy:17 killed:4"``
plays just these.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

import requests

from molecule import desk
from molecule.canaries import Canaries
from molecule.conftest import Played, Shop, back_to
from molecule.soak.kill import ENDS, leftovers, temporary_files
from molecule.soak.plays import BOTH, DATABASE, KEY, NEW, OLD, back_up, drop_scratch_databases
from sandbox import customer
from sandbox.cloud.faults import ANSWERS, OPERATIONS
from sandbox.process import wait_until

ACTIONS = ("deploy", "deploy", "rollback", "restore", "backup", "close", "open", "hand", "fault", "killed", "both")
RELEASES, CLOSED = (NEW, OLD), "503"
PLAYBOOKS: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("deploy.yml", {"release": NEW}),
    ("deploy.yml", {"release": OLD}),
    ("rollback.yml", {}),
    ("restore.yml", {**DATABASE, "backup": "latest"}),
    ("backup.yml", {}),
    ("maintenance.yml", {**KEY, "maintenance_state": "on"}),
    ("maintenance.yml", {**KEY, "maintenance_state": "off"}),
)
CLOSE, OPEN = PLAYBOOKS[5], PLAYBOOKS[6]
VENDORS = ("vercel", "railway", "cloudflare", "objects")
KINDS = sorted(ANSWERS - {"hold", "timeout", "stale_read", "unknown_state"})  # those do not end, or are not for all
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
TASKS = 80  # a run that has fewer is not killed


@dataclass(frozen=True)
class Step:
    action: str
    draw: int

    def __str__(self) -> str:
        return f"{self.action}:{self.draw}"


def steps_of(seed: int, count: int) -> list[Step]:
    random = Random(seed)  # noqa: S311
    return [Step(random.choice(ACTIONS), random.randrange(10_000)) for _unused in range(count)]


def parsed(text: str) -> list[Step]:
    return [Step(action, int(draw)) for action, _unused, draw in (word.partition(":") for word in text.split())]


def minimised(steps: Sequence[Step], fails: Callable[[Sequence[Step]], bool]) -> list[Step]:
    """Return as few of the steps as still fail: pieces of half of them are left out first, single ones last."""
    left, size = list(steps), len(steps) // 2
    while size:
        at = 0
        while at < len(left):
            shorter = left[:at] + left[at + size :]
            if shorter and fails(shorter):
                left = shorter
            else:
                at += size
        size //= 2
    return left


class Walk:
    """The shop at one moment of a walk.

    ``ended`` is whether the last runs succeeded, ``known`` whether a deploy or a rollback has succeeded since a run did
    not, ``by_hand`` whether somebody promoted something since. ``left`` is the run to start again.
    """

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.canaries = Canaries({**shop.sandbox.state["tokens"], "database_url": shop.at["database_url"]})
        self.ended, self.known, self.by_hand, self.replaced, self.orders = True, True, False, False, 0
        self.left: tuple[str, Mapping[str, Any]] | None = None

    def begin(self) -> None:
        back_to(self.shop.sandbox, "released")
        drop_scratch_databases(self.shop)
        back_up(self.shop)
        self.orders = self.shop.rows()["Order"]

    def take(self, step: Step) -> list[str]:
        """Take a step, and return what does not hold after it."""
        self.replaced = self.replaced and not self.ended  # until the orders are counted again
        with temporary_files() as left:
            played = getattr(self, step.action)(step.draw)
        self.shop.clear_faults()
        return [*(f"temporary file {name} is left" for name in left if self.ended), *self._wrong(played)]

    def end(self) -> list[str]:
        """Start what was interrupted again, open the shop and deploy, as an operator does. That must succeed. A shop
        that an unfinished deploy holds is opened by the deploy.
        """
        wrong = []
        if self.left:
            wrong += self._wrong([self._play(*self.left)])
        held = self.shop.lease()["journal"].get("held")
        for playbook, options in (PLAYBOOKS[0], OPEN) if held else (OPEN, PLAYBOOKS[0]):
            played = self._play(playbook, options)
            wrong += [] if played.rc == 0 else [f"{playbook} failed at the end: {played.message}"]
            wrong += self._wrong([played])
        live = self.shop.live()
        wrong += [] if set(live.values()) == {NEW} else [f"at the end {live} is live"]
        return wrong + [each for each in leftovers(self.shop) if "built more than once" not in each]

    def deploy(self, draw: int) -> list[Played]:
        return [self._play("deploy.yml", {"release": RELEASES[draw % 2]})]

    def rollback(self, _draw: int) -> list[Played]:
        return [self._play("rollback.yml", {})]

    def restore(self, _draw: int) -> list[Played]:
        return [self._play(*PLAYBOOKS[3])]

    def backup(self, _draw: int) -> list[Played]:
        return [self._play("backup.yml", {})]

    def close(self, _draw: int) -> list[Played]:
        return [self._play(*CLOSE)]

    def open(self, _draw: int) -> list[Played]:
        return [self._play(*OPEN)]

    def hand(self, draw: int) -> list[Played]:
        """Somebody changes something in a vendor's dashboard."""
        by_hand: list[Callable[[], None]] = [
            self.shop.purge,
            lambda: self.shop.serve(RELEASES[draw % 2]),
            lambda: self.shop.set_variable(self.shop.at["railway"]["services"]["api"], "BANNER", f"by hand {draw}"),
        ]
        chosen = draw % len(by_hand)
        with suppress(requests.HTTPError):  # Vercel refuses to promote what is live already
            by_hand[chosen]()
        self.by_hand = self.by_hand or chosen == 1
        return []

    def fault(self, draw: int) -> list[Played]:
        """A vendor answers an operation wrongly, a few times, while a playbook runs."""
        random = Random(draw)  # noqa: S311
        vendor = random.choice(VENDORS)
        operation, kind = random.choice(sorted(OPERATIONS[vendor])), random.choice(KINDS)
        times = {"times": random.randrange(1, 5), "after": random.randrange(3)}
        self.shop.fault(vendor=vendor, operation=operation, kind=kind, **times, storefront=self.shop.name)
        return [self._play(*random.choice(PLAYBOOKS))]

    def killed(self, draw: int) -> list[Played]:
        """A playbook is killed before a task. Its lease is over before the next step."""
        random = Random(draw)  # noqa: S311
        playbook, options = random.choice(PLAYBOOKS)
        at = {"nth": random.randrange(1, TASKS), "signal": random.choice(SIGNALS)}
        return [self._play(playbook, options, at=[at])]

    def both(self, draw: int) -> list[Played]:
        """Two controllers start at once. One that is refused because of the other's lease has done nothing."""
        self._free()
        pair = PLAYBOOKS[draw % len(PLAYBOOKS)], PLAYBOOKS[draw // 10 % len(PLAYBOOKS)]
        running = [self.shop.begin(playbook, **options) for playbook, options in pair]
        played = [one.end() for one in running]
        ran = [each for each in zip(pair, played, strict=True) if "is held by" not in each[1].message]
        self.ended = True
        for (playbook, options), one in ran:
            self._note(playbook, options, one)
        return played

    def _play(self, playbook: str, options: Mapping[str, Any], **more: Any) -> Played:
        self._free()
        running = self.shop.begin(playbook, **options, **more)
        played = running.end()
        assert wait_until(lambda: not running.processes(), ENDS), f"{playbook} leaves a process"
        self.ended = True
        self._note(playbook, options, played)
        return played

    def _note(self, playbook: str, options: Mapping[str, Any], played: Played) -> None:
        moves = playbook in ("deploy.yml", "rollback.yml")
        self.ended = self.ended and played.rc == 0
        self.known = played.rc == 0 and (self.known or moves)
        self.left = None if played.rc == 0 else (playbook, options)
        self.replaced = self.replaced or playbook == "restore.yml"
        self.by_hand = self.by_hand and not (moves and played.rc == 0)

    def _free(self) -> None:
        """Let the lease of a run that was killed run out."""
        if "lease.json" in self.shop.objects("lease.json") and self.shop.lease()["state"] != "released":
            self.shop.age_the_lease()

    def _wrong(self, played: Sequence[Played]) -> list[str]:
        return [*self._site(), *self._records(), *self._orders(), *self._said(played)]

    def _site(self) -> list[str]:
        live = self.shop.live()
        wrong = [f"{where} shows {what}" for where, what in live.items() if not self._is_whole(what)]
        if self.known and not self.by_hand and len(set(live.values()) - {CLOSED}) > 1:
            wrong.append(f"a run succeeded, and {live} is live")
        return wrong

    def _is_whole(self, what: str) -> bool:
        """A restore that was interrupted leaves no database, and the vendors' edges say so."""
        return what in (*RELEASES, CLOSED) or (not self.ended and what.startswith("50"))

    def _records(self) -> list[str]:
        """The ledger and the live site agree, or status.yml shows the difference."""
        lease, live = self.shop.lease(), self.shop.live()
        if self.ended and lease["state"] != "released":
            return [f"the runs succeeded, and the lease is {lease['state']}"]
        if not self.known or lease["journal"]:
            return []
        releases = [
            one["release"]
            for one in self.shop.ledger()
            if (one["kind"], one["outcome"]) in (("deploy", "released"), ("rollback", "rolled_back"))
        ]
        if all(live[surface] in (releases[-1], CLOSED) for surface in BOTH):
            return []
        if wait_until(lambda: bool(desk.status(self.shop)["drift"]), 60):
            return []
        return [f"the ledger has {releases[-1]}, {live} is live, and status.yml shows no drift"]

    def _orders(self) -> list[str]:
        if not self.ended:
            return []  # where a restore was interrupted there may be no database
        before, now = self.orders, self.shop.rows()["Order"]
        if set(self.shop.live().values()) <= set(RELEASES):
            with suppress(RuntimeError):  # the shop limits registrations
                customer.buy(self.shop.at)
        self.orders = self.shop.rows()["Order"]
        return [] if now >= before or self.replaced else [f"{before - now} orders are lost"]

    def _said(self, played: Sequence[Played]) -> list[str]:
        wrong = [f"{where} has {name}" for where, text in self._texts(played) for name in self.canaries.within(text)]
        for one in played:
            if "Traceback" in one.stdout or "This is a bug" in one.stdout:
                wrong.append(f"a run crashed: {one.stdout[-2000:]}")
        return wrong

    def _texts(self, played: Sequence[Played]) -> list[tuple[str, bytes]]:
        return [*(("the screen", one.stdout.encode()) for one in played), *self.shop.objects().items()]
