# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that stood still while another one took its lease writes nothing more, records nothing, and claims nothing."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from molecule.conftest import Played, Running, Shop
from molecule.phases import seen
from molecule.test_killed import until

OLD, NEW = "v1.0.0", "v1.1.0"
BOTH_OLD = {"frontend": OLD, "backend": OLD}
FRONTEND: dict[str, Any] = {"surfaces": ["frontend"]}


def stopped(running: Running) -> bool:
    """Whether ansible-playbook stands still; not before it has started, nor once it has ended."""
    with suppress(OSError):
        return Path(f"/proc/{running.pid()}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    return False


@contextmanager
def standing_still(shop: Shop, task: str, **options: Any) -> Iterator[tuple[Running, list[Played]]]:
    """Deploy, and stop the controller as this task begins; afterwards it continues, and the list gets how it ended."""
    at = options.pop("at", [])
    running, ended = (
        shop.begin(
            "deploy.yml", at=[*at, {"task": task, "signal": signal.SIGSTOP}], release=NEW, **{**FRONTEND, **options}
        ),
        list[Played](),
    )
    until(lambda: stopped(running) or running.future.done(), f"it stands still at {task!r}")
    assert not running.future.done(), running.end().stdout
    try:
        yield running, ended
    finally:
        running.send(signal.SIGCONT)
        ended.append(running.end())


def ledger(shop: Shop) -> list[tuple[str, str, str]]:
    return [(record["kind"], record["release"], record["outcome"]) for record in shop.ledger()]


def test_one_that_stands_still_at_its_record_past_the_deadline_records_nothing(shop):
    with standing_still(shop, "Begin release.record", release_lease_ttl=20) as (_running, ended):
        deadline = datetime.fromisoformat(shop.lease()["deadline"])
        until(
            lambda: (datetime.now(UTC) - deadline).total_seconds() > 1.5, "the deadline passes, and the margin after it"
        )
        other = shop.play("rollback.yml", **FRONTEND)
        assert other.rc == 0, other.stdout
        lease = shop.lease()
    (played,) = ended
    assert played.rc == 2, played.stdout
    assert played.message.startswith("LEASE LOST in release.record"), played.message
    assert played.report["outcome"] == "lost"
    assert ledger(shop) == [("deploy", OLD, "released"), ("rollback", OLD, "rolled_back")]
    assert shop.lease() == lease
    assert shop.live() == BOTH_OLD
    seen("release.record: stopped past its deadline", OLD, 2, "LEASE LOST in release.record …", "starts over")


def test_a_record_that_arrives_too_late_is_removed(shop, hold_the_lease):
    hold = {"task": "Begin release.record", "fault": {"vendor": "objects", "operation": "put_ledger", "kind": "hold"}}
    running = shop.begin("deploy.yml", at=[hold], release=NEW, **FRONTEND)
    until(shop.held, "the record is on its way")
    hold_the_lease("somebody else", OLD, "customers cannot pay")  # at once: the store's client gives up after 30 s
    shop.clear_faults()
    played = running.end()
    assert played.rc == 2, played.stdout
    assert played.message.startswith("LEASE LOST in release.record"), played.message
    assert ledger(shop) == [("deploy", OLD, "released")]
    other = shop.play("rollback.yml", break_lease="customers cannot pay", **FRONTEND)
    assert other.rc == 0, other.stdout
    assert ledger(shop) == [("deploy", OLD, "released"), ("rollback", OLD, "rolled_back")]
    assert shop.live() == BOTH_OLD


def test_one_that_loses_the_lease_after_its_record_does_not_claim_to_be_live(shop):
    shop.passes_at_github(NEW)
    with standing_still(shop, "Give the lease back", **shop.telling()) as (_running, ended):
        other = shop.play("rollback.yml", break_lease="customers cannot pay", **FRONTEND)
        assert other.rc == 0, other.stdout
    (played,) = ended
    assert played.rc == 2, played.stdout
    assert played.message.startswith("LEASE LOST in the deploy"), played.message
    assert played.report["outcome"] == "lost"
    assert "is live" not in " ".join(shop.posts())
    assert ledger(shop)[-1] == ("rollback", OLD, "rolled_back")
    assert shop.live() == BOTH_OLD


@pytest.mark.long
def test_a_rescue_that_loses_the_lease_does_not_claim_to_have_put_anything_back(shop):
    breaks = {
        "task": "Begin frontend.promote",
        "fault": {"vendor": "vercel", "operation": "promote", "kind": "alias_fails"},
    }
    with standing_still(shop, "Record the outcome in the ledger", at=[breaks]) as (_running, ended):
        other = shop.play("rollback.yml", break_lease="customers cannot pay", **FRONTEND)
        assert other.rc == 0, other.stdout
    (played,) = ended
    assert played.rc == 2, played.stdout
    assert played.message.startswith("LEASE LOST"), played.message
    assert played.report["outcome"] == "lost"
    assert (NEW, "rolled_back") not in [(release, outcome) for _kind, release, outcome in ledger(shop)]
    assert shop.live() == BOTH_OLD


@pytest.mark.parametrize(
    "task",
    [
        "Begin frontend.promote",
        *(
            pytest.param(task, marks=pytest.mark.long)
            for task in ("Record what is live", "Write what is live to the journal")
        ),
    ],
)
def test_one_that_stands_still_elsewhere_writes_nothing_more(shop, task):
    with standing_still(shop, task) as (_running, ended):
        other = shop.play("rollback.yml", break_lease="customers cannot pay", to=OLD, **FRONTEND)
        assert other.rc == 0, other.stdout
        lease, records = shop.lease(), ledger(shop)
        shop.forget_requests()
    (played,) = ended
    assert played.rc == 2, played.stdout
    assert "was taken by" in played.message
    assert played.report["outcome"] == "lost"
    assert shop.writes() == []
    assert (shop.lease(), ledger(shop)) == (lease, records)
    assert shop.live() == BOTH_OLD


@pytest.mark.long
def test_a_rollback_that_loses_the_lease_says_so(released_shop):
    shop = released_shop
    running = shop.begin(
        "rollback.yml", at=[{"task": "Record the outcome in the ledger", "signal": signal.SIGSTOP}], **FRONTEND
    )
    until(lambda: stopped(running) or running.future.done(), "the rollback stands still")
    other = shop.play("deploy.yml", release=NEW, break_lease="it was a mistake", **FRONTEND)
    assert other.rc == 0, other.stdout
    running.send(signal.SIGCONT)
    played = running.end()
    assert played.rc == 2, played.stdout
    assert played.message.startswith("LEASE LOST in the rollback"), played.message
    assert played.report["outcome"] == "lost"
    assert ledger(shop)[-1] == ("deploy", NEW, "released")
    assert shop.live() == {"frontend": NEW, "backend": NEW}
