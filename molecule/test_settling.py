# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a deploy left that did not end is settled by the next one, and nobody writes without the lease."""

from __future__ import annotations

import os
import signal

import pytest

from molecule.conftest import Running, Shop, back_to
from molecule.phases import seen
from molecule.test_killed import until

OLD, NEW, OTHER = "v1.0.0", "v1.1.0", "v1.1.1"
BOTH_NEW = {"frontend": NEW, "backend": NEW}
BOTH_OLD = {"frontend": OLD, "backend": OLD}
FRONTEND = {"surfaces": ["frontend"]}
HOLD_CREATE = {"task": "Begin frontend.stage", "fault": {"vendor": "vercel", "operation": "create", "kind": "hold"}}


def until_ended(running: Running) -> bool:
    until(lambda: not running.processes(), "its worker ends")
    return True


@pytest.fixture(scope="module")
def killed(base, sandbox, tmp_path_factory) -> None:
    """A deploy of v1.1.0 was killed after its promotion; saved once."""
    if not sandbox.has_saved("shop", "killed"):
        back_to(sandbox, "base")
        at = [{"task": "Begin edge.purge", "signal": signal.SIGKILL}]
        running = Shop(sandbox, "shop", tmp_path_factory.mktemp("killed")).begin("deploy.yml", at=at, release=NEW)
        assert running.end().rc != 0
        assert until_ended(running)
        sandbox.save("shop", "killed")


@pytest.fixture
def killed_shop(killed, shop, sandbox) -> Shop:
    """The shop as `killed` left it."""
    back_to(sandbox, "killed")
    return shop


def test_another_release_first_puts_back_what_was_left(killed_shop):
    shop = killed_shop
    shop.age_the_lease()  # so it is taken over without force
    played = shop.play("deploy.yml", release=OTHER)
    assert played.rc == 0, played.stdout
    assert "The release that was live before it is restored first" in played.text
    assert played.report["before"] == {"api": OLD, "worker": OLD, "frontend": OLD}
    assert [(record["release"], record["outcome"]) for record in shop.ledger()] == [
        (OLD, "released"),
        (NEW, "rolled_back"),
        (OTHER, "released"),
    ]
    assert shop.live() == {"frontend": OTHER, "backend": OTHER}
    seen("killed after promotion: another release", OTHER, 0, "RELEASED", "the old release is restored first")


def test_a_rollback_puts_back_what_was_live_before_it(killed_shop):
    shop = killed_shop
    played = shop.play("rollback.yml", break_lease="the controller is gone")
    assert played.rc == 0, played.stdout
    assert shop.live() == BOTH_OLD
    assert shop.lease()["journal"] == {}
    seen("killed after promotion: rollback.yml", OLD, 0, "ROLLED BACK to …", "changes nothing")


@pytest.mark.long
def test_a_killed_rollback_continues_to_where_it_went(released_shop):
    shop = released_shop
    assert shop.play("rollback.yml", at=[{"task": "Put back api", "signal": signal.SIGKILL}]).rc != 0
    played = shop.play("rollback.yml", break_lease="the controller is gone")
    assert played.rc == 0, played.stdout
    assert shop.live() == BOTH_OLD
    seen("rollback.yml: killed during it", OLD, 0, "ROLLED BACK to …", "changes nothing")


@pytest.mark.long
def test_one_that_is_ended_by_a_signal_is_continued(shop):
    options = {"release": NEW, "break_lease": "it was ended"}
    for number, task, vendor, operation in (
        (signal.SIGTERM, "Begin backend.release", "railway", "up"),
        (signal.SIGINT, "Begin frontend.promote", "vercel", "promote"),
    ):
        running = shop.begin(
            "deploy.yml",
            at=[{"task": task, "fault": {"vendor": vendor, "operation": operation, "kind": "hold"}}],
            **options,
        )
        until(shop.held, f"{operation} is under way")
        running.send(number)
        shop.clear_faults()
        assert running.end().rc != 0
        assert until_ended(running)
    assert shop.lease()["state"] == "held"
    played = shop.play("deploy.yml", **options)
    assert played.rc == 0, played.stdout
    assert shop.live() == BOTH_NEW
    seen("ended by SIGTERM or Ctrl-C", NEW, 0, "RELEASED", "continues")


def test_a_deploy_that_the_runner_cancels_is_continued(shop):
    cancel: list[bool] = []
    running = shop.begin("deploy.yml", at=[HOLD_CREATE], cancel=lambda: bool(cancel), release=NEW, **FRONTEND)
    until(shop.held, "the build is asked for")
    cancel.append(True)
    assert running.end().rc != 0
    shop.clear_faults()
    until(lambda: not running.processes(), "its worker ends")
    played = shop.play("deploy.yml", release=NEW, break_lease="the runner cancelled it", **FRONTEND)
    assert played.rc == 0, played.stdout
    assert "It is continued" in played.text
    assert shop.live() == {"frontend": NEW, "backend": OLD}
    seen("cancelled by the runner", f"frontend {NEW}", 0, "RELEASED", "continues")


def test_two_deploys_at_once_do_not_meet(shop):
    first = shop.begin("deploy.yml", at=[HOLD_CREATE], release=NEW, **FRONTEND)
    until(shop.held, "the first deploy builds")
    second = shop.play("deploy.yml", release=OTHER, surfaces=["backend"])
    assert second.rc == 2
    assert "Nothing was changed" in second.message
    assert "is held by" in second.message
    shop.clear_faults()
    assert first.end().rc == 0
    assert shop.live() == {"frontend": NEW, "backend": OLD}
    seen(
        "two deploys at once: the second",
        f"the release of the first: frontend {NEW}",
        2,
        "Nothing was changed. … held by …",
        "starts over",
    )


@pytest.mark.long
def test_one_that_stood_still_past_its_deadline_writes_nothing_more(shop):
    """The controller and its worker are stopped, the time of the lease runs out, somebody else deploys, and
    then they wake up.
    """
    first = shop.begin("deploy.yml", at=[HOLD_CREATE], release=NEW, **FRONTEND)
    until(shop.held, "the first deploy builds")
    stopped = first.processes()
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        shop.clear_faults()  # the build was asked for before the deadline; it is not served
        shop.age_the_lease()
        second = shop.play("deploy.yml", release=OTHER, **FRONTEND)
        assert second.rc == 0, second.stdout
        shop.forget_requests()
        before = shop.lease()
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    played = first.end()
    assert played.rc == 2, played.stdout
    assert "LEASE LOST" in played.message
    assert shop.writes() == []
    assert shop.lease() == before
    assert shop.live() == {"frontend": OTHER, "backend": OLD}
    assert [(record["release"], record["outcome"]) for record in shop.ledger()] == [
        (OLD, "released"),
        (NEW, "rolled_back"),
        (OTHER, "released"),
    ]
    seen("stopped past its deadline", f"frontend {OTHER}", 2, "LEASE LOST in frontend.stage …", "starts over")


@pytest.mark.long
def test_a_rollback_takes_the_lease_of_a_deploy_that_runs(shop):
    deploy = shop.begin("deploy.yml", at=[HOLD_CREATE], release=NEW, **FRONTEND)
    until(shop.held, "the deploy builds")
    played = shop.play("rollback.yml", **FRONTEND)
    assert played.rc == 2
    assert "break_lease" in played.message
    played = shop.play("rollback.yml", break_lease="customers cannot pay", **FRONTEND)
    assert played.rc == 0, played.stdout
    shop.forget_requests()
    shop.clear_faults()
    lost = deploy.end()
    assert lost.rc == 2
    assert "LEASE LOST" in lost.message
    assert "customers cannot pay" in lost.message
    assert {request["operation"] for request in shop.writes()} <= {
        "create",
        "upload",
    }, "what was under way arrives; nothing follows it"
    assert shop.live() == BOTH_OLD
    seen("rollback.yml -e break_lease: the deploy that ran", OLD, 2, "LEASE LOST in frontend.stage …", "starts over")


@pytest.fixture
def incomplete(shop):
    """A deploy whose promotion broke, and whose worker could not be put back."""
    at = [
        {
            "task": "Begin frontend.promote",
            "fault": {"vendor": "vercel", "operation": "promote", "kind": "alias_fails"},
        },
        {
            "task": "Begin frontend.promote",
            "fault": {
                "vendor": "railway",
                "operation": "deploymentRollback",
                "kind": "unavailable",
                "status": 500,
                "times": -1,
                "after": 1,
            },
        },
    ]
    played = shop.play("deploy.yml", at=at, release=NEW, verify_wait_timeout=3)
    shop.clear_faults()
    return played


@pytest.mark.long
def test_what_one_unit_cannot_put_back_is_named_and_the_others_are_back(shop, incomplete):
    assert incomplete.rc == 2
    assert incomplete.message.startswith("ROLLBACK INCOMPLETE: worker."), incomplete.message
    assert f"Live again: api {OLD}, frontend {OLD}" in incomplete.message
    assert shop.live() == BOTH_OLD
    assert shop.lease()["state"] == "released"
    assert shop.lease()["journal"]["release"] == NEW
    played = shop.play("deploy.yml", release=OTHER)  # which settles it
    assert played.rc == 0, played.stdout
    assert shop.lease()["journal"] == {}
    assert [(record["release"], record["outcome"]) for record in shop.ledger()] == [
        (OLD, "released"), (NEW, "incomplete"), (NEW, "rolled_back"), (OTHER, "released"),
    ]  # fmt: skip
    seen("rescue: one unit cannot be rolled back", OLD, 2, "ROLLBACK INCOMPLETE: worker. …", "rolls it back first")


def test_a_deploy_that_does_not_move_what_was_left_is_refused(killed_shop):
    shop = killed_shop
    played = shop.play("deploy.yml", release=OTHER, surfaces=["backend"], break_lease="the controller is gone")
    assert played.rc == 2
    assert "moved frontend, which this run does not move" in played.message
    played = shop.play("rollback.yml", surfaces=["backend"], break_lease="the controller is gone")
    assert played.rc == 0, played.stdout
    shop.purge()  # which the killed deploy did not come to
    assert shop.live() == {"frontend": NEW, "backend": OLD}
    assert shop.lease()["journal"]["release"] == NEW, "the frontend is still to be settled"
