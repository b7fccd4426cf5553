# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trouble that passes does not stop a deploy, and an answer that is lost makes nothing twice."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from threading import Thread
from typing import Any

import psycopg2
import pytest

from molecule.phases import phases, seen

OLD, NEW = "v1.0.0", "v1.1.0"
LOCKED = """SELECT 1 FROM _prisma_migrations WHERE rolled_back_at IS NOT NULL"""


def once(task: str, vendor: str, operation: str, kind: str = "unavailable", **more: Any) -> dict[str, Any]:
    return {"task": task, "fault": {"vendor": vendor, "operation": operation, "kind": kind, **more}}


# One fault for each phase, which its retries cure; database.migrate has a lock that goes away.
CURED = {
    "preflight": once("Ask Vercel what the release would change", "vercel", "project", "rate_limited", retry_after=0.1),
    "lease": once("Take the lease", "objects", "put_lease"),
    "snapshot": once("List the deployments of each unit of the backend", "railway", "deployments", "reset"),
    "journal": once("Write what is live to the journal", "objects", "get_lease"),
    "database.backup": once("Begin database.backup", "objects", "upload_backup"),
    "database.prove": once("Begin database.prove", "objects", "get_backup"),
    "database.rehearse": once("Begin database.rehearse", "objects", "get_lease"),
    "backend.release": once("Begin backend.release", "railway", "up", "rate_limited", retry_after=0.1),
    "verify.backend": once("Begin verify.backend", "edge", "request", "status", host="backend", path="/health"),
    "frontend.stage": once("Begin frontend.stage", "vercel", "create", "rate_limited", retry_after=0.1),
    "verify.staged": once("Begin verify.staged", "objects", "get_lease"),
    "frontend.promote": once("Begin frontend.promote", "vercel", "promote", "rate_limited", retry_after=0.1),
    "edge.purge": once("Begin edge.purge", "cloudflare", "purge", "rate_limited", retry_after=0.1),
    "verify.public": once("Begin verify.public", "edge", "request", "status", host="frontend", path="/products"),
    "release.record": once("Begin release.record", "objects", "put_ledger"),
}
OWN = {
    "edge.hold": "has a scenario of its own: test_maintenance.py",
    "edge.unhold": "has a scenario of its own: test_maintenance.py",
    "verify.baseline": "is off unless a bake time is set",
    "verify.watch": "counts a fault of the site, and does not retry it: test_watch.py",
    "frontend.roll": "has a scenario of its own: test_watch.py",
    "verify.rolling": "has a scenario of its own: test_watch.py",
    "preflight.staged": "only reads, and saves evidence as preflight does",
    "preflight.after": "does what preflight.staged does",
    "begin": "never fails a deploy",
    "backend.hold": "does what backend.unhold does",
    "database.verify": "only reads",
    "backend.unhold": "has a scenario of its own: test_schema.py",
    "frontend.begin": "does what frontend.stage does",
    "settle": "nothing is left to settle",
    "database.migrate": "a lock that goes away",
}


def test_every_phase_of_the_playbook_has_a_fault_that_is_cured():
    assert CURED.keys() | OWN.keys() == set(phases())


@pytest.mark.long
def test_trouble_that_passes_in_every_phase_does_not_stop_a_deploy(shop):
    url = shop.at["database_url"].partition("?")[0]

    def let_go_after_the_first_try(writer) -> None:
        with closing(psycopg2.connect(url)) as watcher:
            watcher.autocommit = True
            cursor = watcher.cursor()
            while True:
                cursor.execute(LOCKED)
                if cursor.fetchone():
                    writer.rollback()
                    return
                cursor.execute("SELECT pg_sleep(0.05)")

    with closing(psycopg2.connect(url)) as writer:
        writer.cursor().execute('UPDATE "Product" SET stock = stock WHERE id = (SELECT min(id) FROM "Product")')
        thread = Thread(target=let_go_after_the_first_try, args=(writer,), daemon=True)
        thread.start()
        policies = {"database_proof_max_age": 1, "database_rehearse": "schema_only", "database_lock_timeout": 0.2}
        played = shop.play("deploy.yml", at=list(CURED.values()), release=NEW, **policies)
    assert played.rc == 0, played.stdout
    assert not thread.is_alive(), "the lock was never met"
    assert [fault for fault in shop.sandbox.cloud("GET", "/faults") if fault["times"]] == []
    assert shop.live() == {"frontend": NEW, "backend": NEW}
    assert {(item["name"], item["outcome"]) for item in shop.ledger()[-1]["evidence"]} >= {
        ("backup_proof", "proven"),
        ("rehearsal", "rehearsed_on_schema"),
    }
    for phase in [*CURED, "database.migrate"]:
        seen(f"{phase}: a temporary fault", NEW, 0, "RELEASED", "deploys nothing")


LOST = [
    once("Take the lease", "objects", "put_lease", "lost_answer"),
    once("Write what is live to the journal", "objects", "put_lease", "lost_answer"),
    once("Begin database.backup", "objects", "put_backup", "lost_answer"),
    once("Begin backend.release", "railway", "up", "lost_answer", times=2),
    once("Begin frontend.stage", "vercel", "create", "lost_answer"),
    once("Begin frontend.promote", "vercel", "promote", "lost_answer"),
    once("Begin edge.purge", "cloudflare", "purge", "lost_answer"),
    once("Begin release.record", "objects", "put_ledger", "lost_answer"),
    once("Give the lease back", "objects", "put_lease", "lost_answer"),
]
LOST_BACK = [
    once("Take the lease", "objects", "put_lease", "lost_answer"),
    once("Put back frontend", "vercel", "rollback", "lost_answer"),
    once("Put back api", "railway", "deploymentRollback", "lost_answer"),
    once("Put back worker", "railway", "deploymentRollback", "lost_answer"),
    once("Record the outcome in the ledger", "objects", "put_ledger", "lost_answer"),
]


def test_a_lost_answer_to_any_write_makes_nothing_twice(shop):
    played = shop.play("deploy.yml", at=LOST, release=NEW)
    assert played.rc == 0, played.stdout
    assert [fault for fault in shop.sandbox.cloud("GET", "/faults") if fault["times"]] == []
    assert shop.built(NEW) == 1
    made = Counter(request["operation"] for request in shop.writes())
    assert made["up"] == 2, made
    assert [record["release"] for record in shop.ledger()] == [OLD, NEW]
    assert shop.live() == {"frontend": NEW, "backend": NEW}
    assert shop.lease()["state"] == "released"
    seen("every write: its answer is lost", NEW, 0, "RELEASED", "deploys nothing")
    shop.clear_faults()
    shop.forget_requests()
    played = shop.play("rollback.yml", at=LOST_BACK)
    assert played.rc == 0, played.stdout
    made = Counter(request["operation"] for request in shop.writes())
    assert made["deploymentRollback"] == 2, made
    assert [record["release"] for record in shop.ledger()] == [OLD, NEW, OLD]
    assert shop.live() == {"frontend": OLD, "backend": OLD}
    seen("every write of a rollback: its answer is lost", OLD, 0, "ROLLED BACK to …", "changes nothing")
