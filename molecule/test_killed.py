# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller that is killed, in any phase and between any two, leaves what the next deploy settles.

The kills go through the phases in their order on one shop, first of a deploy of the backend, then of one of the
frontend: each deploy is the rerun of the one that was killed before, continues, and is killed at a later point.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import closing, contextmanager
from typing import Any

import psycopg2
import pytest

from molecule.conftest import Running
from molecule.phases import phases, seen
from sandbox.process import wait_until

OLD, NEW = "v1.0.0", "v1.1.0"
PRISMA_LOCK = 72707369
WAITS_FOR_THE_LOCK = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted"

# The write that is under way when the controller is killed; what only reads is killed as it begins.
UNDER_WAY: dict[str, tuple[str, str, str]] = {
    "lease": ("Take the lease", "objects", "put_lease"),
    "journal": ("Write what is live to the journal", "objects", "put_lease"),
    "database.backup": ("Begin database.backup", "objects", "upload_backup"),
    "backend.release": ("Begin backend.release", "railway", "up"),
    "frontend.stage": ("Begin frontend.stage", "vercel", "create"),
    "frontend.promote": ("Begin frontend.promote", "vercel", "promote"),
    "edge.purge": ("Begin edge.purge", "cloudflare", "purge"),
    "release.record": ("Begin release.record", "objects", "put_ledger"),
}
READS = {
    "preflight": "Probe what is live before anything changes",
    "snapshot": "List the deployments of each unit of the backend",
    "verify.backend": "the old public site works with it",
    "verify.staged": "Verify that the staged build works on its own URL",
    "verify.public": "Verify that the public sees the release",
}
AFTER = {
    "preflight": "Take the lease",
    "lease": "List the deployments of each unit of the backend",
    "snapshot": "Write what is live to the journal",
    "journal": "Begin database.backup",
    "database.backup": "Begin database.migrate",
    "database.migrate": "Begin backend.release",
    "verify.backend": "Begin verify.public",  # the frontend is not deployed with it
    "verify.staged": "Begin frontend.promote",
    "frontend.promote": "Begin edge.purge",
    "verify.public": "Begin release.record",
    "release.record": "Record the end of the last step",
}
UNKILLED = {
    "edge.hold": "has a scenario of its own: test_maintenance.py",
    "edge.unhold": "does what edge.hold does",
    "verify.baseline": "only reads, and writes what it measured at its end",
    "verify.watch": "has scenarios of its own: test_watch.py",
    "frontend.roll": "has a scenario of its own: test_watch.py",
    "verify.rolling": "has a scenario of its own: test_watch.py",
    "preflight.staged": "only reads, and saves evidence as preflight does",
    "preflight.after": "does what preflight.staged does",
    "begin": "writes nothing of the shop",
    "database.prove": "is killed in tests/integration/test_pg_proof.py",
    "database.rehearse": "is killed in tests/integration/test_prisma_rehearse.py",
    "database.verify": "only reads",
    "backend.hold": "does what backend.unhold does",
    "backend.unhold": "has a scenario of its own: test_schema.py",
    "frontend.begin": "does what frontend.stage does",
    "settle": "each of these deploys settles",
}
BACKEND = ["database", "backend"]


def kills(surface: str) -> list[tuple[str, str]]:
    """What is killed of a deploy of the backend, or of the frontend: (phase, when). Just before a phase
    that only reads is as it begins.
    """
    killed = [phase for phase in phases() if phase not in UNKILLED]
    cut = killed.index("frontend.stage")
    mine = killed[:cut] if surface == "backend" else killed[cut:]
    return [
        (phase, when)
        for phase, following in zip(mine, [*mine[1:], ""], strict=True)
        for when in (("in",) if following in READS else ("in", "after"))
    ]


def points(surface: str) -> list[Any]:
    """The same for pytest. A deploy that is killed after a phase ends as one that is killed early in the next."""
    return [
        pytest.param(phase, when, id=f"{when} {phase}", marks=[pytest.mark.long] if when == "after" else [])
        for phase, when in kills(surface)
    ]


def test_every_phase_of_the_playbook_is_killed():
    assert UNDER_WAY.keys() | READS.keys() | {"database.migrate"} == set(phases()) - UNKILLED.keys()


def until(question: Callable[[], Any], what: str, seconds: float = 240) -> None:
    assert wait_until(question, seconds), f"not within {seconds:g} s: {what}"


@contextmanager
def prisma_lock(shop):
    """Hold Prisma's lock, and give a question that is true once a migration waits for it."""
    with (
        closing(psycopg2.connect(shop.at["database_url"].partition("?")[0])) as connection,
        connection.cursor() as cursor,
    ):
        connection.autocommit = True
        cursor.execute("SELECT pg_advisory_lock(%s)", [PRISMA_LOCK])

        def waiting() -> bool:
            cursor.execute(WAITS_FOR_THE_LOCK, [PRISMA_LOCK])
            return cursor.fetchone() is not None

        yield waiting


def kill(shop, running: Running) -> None:
    """Kill ansible-playbook alone, let its current task continue, and check that its worker ends without help."""
    running.send(signal.SIGKILL)
    shop.clear_faults()
    until(lambda: not running.processes(), "the orphaned worker ends without help")


def die(shop, phase: str, when: str, surface: str, surfaces: list[str]) -> None:
    """Deploy, kill it there, and see a shop that works."""
    shop.clear_faults()
    options = {"release": NEW, "surfaces": surfaces, "break_lease": "its controller was killed"}
    with shop.customers().watching() as customers:
        if when == "after":
            running = shop.begin("deploy.yml", at=[{"task": AFTER[phase], "signal": signal.SIGKILL}], **options)
        elif phase in READS:
            running = shop.begin("deploy.yml", at=[{"task": READS[phase], "signal": signal.SIGKILL}], **options)
        elif phase == "database.migrate":
            with prisma_lock(shop) as waiting:
                running = shop.begin("deploy.yml", **options)
                until(waiting, "a migration waits for Prisma's lock")
                kill(shop, running)
        else:
            task, vendor, operation = UNDER_WAY[phase]
            running = shop.begin(
                "deploy.yml",
                at=[{"task": task, "fault": {"vendor": vendor, "operation": operation, "kind": "hold"}}],
                **options,
            )
            until(shop.held, f"{operation} is under way")
            kill(shop, running)
        assert running.end().rc != 0
        until(lambda: not running.processes(), "the orphaned worker ends without help")
    assert {what for _where, what in customers.seen} <= {OLD, NEW}
    live = shop.live()
    assert set(live.values()) <= {OLD, NEW}
    seen(
        f"{phase}: killed {'during' if when == 'in' else 'after'} it",
        f"{surface} {live[surface]}",
        "killed",
        "none",
        "continues",
    )


@pytest.mark.parametrize(("phase", "when"), points("backend"))
def test_a_killed_deploy_of_the_backend_leaves_a_shop_that_works(one_shop, phase, when):
    die(one_shop, phase, when, "backend", BACKEND)


def test_and_then_the_same_release_continues_and_never_moves_the_frontend(one_shop):
    one_shop.clear_faults()
    with one_shop.customers().watching() as customers:
        played = one_shop.play("deploy.yml", release=NEW, surfaces=BACKEND, break_lease="its controller was killed")
    assert {what for where, what in customers.seen if where == "frontend"} == {OLD}
    assert {what for where, what in customers.seen if where == "backend"} <= {OLD, NEW}
    assert played.rc == 0, played.stdout
    assert "It is continued" in played.text
    assert played.report["before"] == {
        "api": OLD,
        "worker": OLD,
    }, "what was live before the first of them is still known"
    assert one_shop.live() == {"frontend": OLD, "backend": NEW}
    assert one_shop.lease()["journal"] == {}


@pytest.mark.parametrize(("phase", "when"), points("frontend"))
def test_a_killed_deploy_of_the_frontend_leaves_a_shop_that_works(one_shop, phase, when):
    die(one_shop, phase, when, "frontend", ["frontend"])


def test_and_then_the_frontend_continues_never_moves_the_backend_and_both_go_back(one_shop):
    one_shop.clear_faults()
    one_shop.forget_requests()
    with one_shop.customers().watching() as customers:
        played = one_shop.play(
            "deploy.yml", release=NEW, surfaces=["frontend"], break_lease="its controller was killed"
        )
    assert {what for where, what in customers.seen if where == "backend"} == {NEW}
    assert {what for where, what in customers.seen if where == "frontend"} <= {OLD, NEW}
    assert "railway" not in {request["vendor"] for request in one_shop.writes()}
    assert played.rc == 0, played.stdout
    assert "It is continued" in played.text
    assert played.report["before"] == {"frontend": OLD}
    assert one_shop.live() == {"frontend": NEW, "backend": NEW}
    played = one_shop.play("rollback.yml")
    assert played.rc == 0, played.stdout
    assert one_shop.live() == {"frontend": OLD, "backend": OLD}
