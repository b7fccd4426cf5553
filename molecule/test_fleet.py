# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several storefronts in one run: after a failure no further one starts, those that run finish, and what
only reads goes through all of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from molecule.conftest import Played, Shop, development
from molecule.phases import seen

RELEASE = "v1.0.0"
FLEET = ["fleet-1", "fleet-2", "fleet-3", "fleet-4"]
BREAKS = {"vendor": "vercel", "operation": "create", "kind": "build_fails", "times": -1}


class Fleet:
    """Four storefronts on which nothing is live, and a way to run a playbook against all of them."""

    def __init__(self, shop: Shop, inventory: Path) -> None:
        self.shop, self.inventory = shop, inventory

    def play(self, playbook: str = "deploy.yml", **options: Any) -> Played:
        given = {} if playbook == "rollback.yml" else {"release": RELEASE}  # which reads no release
        return self.shop.play(playbook, inventory=str(self.inventory), **{**given, "surfaces": ["frontend"], **options})

    def breaks(self, name: str) -> None:
        self.shop.fault(**BREAKS, storefront=name)

    def refuses_connections(self, name: str) -> None:
        """Let a storefront be reached by ssh where nobody listens."""
        hosts = json.loads((self.inventory / "hosts.yml").read_text())
        hosts["storefronts"]["hosts"][name] = {
            "ansible_connection": "ssh",
            "ansible_host": "127.0.0.1",
            "ansible_port": 1,
        }
        (self.inventory / "hosts.yml").write_text(json.dumps(hosts))


@pytest.fixture
def fleet(shop, tmp_path) -> Iterator[Fleet]:
    for name in FLEET:
        shop.sandbox.create_storefront(name)
    shop.forget_requests()
    yield Fleet(shop, Path(development(tmp_path / "inventory", *FLEET)))
    shop.clear_faults()
    for name in FLEET:
        shop.sandbox.drop_storefront(name)


def outcomes(played: Played) -> list[str]:
    """How each storefront that was started ended, in order."""
    return [result["msg"]["outcome"] for name, result in played.tasks if name.endswith("Report what this run did")]


def not_started(played: Played) -> list[str]:
    return sorted(name for name in FLEET if f"NOT STARTED: {name}" in played.text)


def test_the_batch_of_a_broken_storefront_finishes_and_no_further_one_starts(fleet):
    fleet.breaks("fleet-1")
    played = fleet.play(rollout=2)
    assert played.rc == 2, played.stdout
    assert sorted(outcomes(played)) == ["released", "rolled_back"]
    assert not_started(played) == ["fleet-3", "fleet-4"]
    assert (
        "fleet-1 failed and rollout_failures_allowed is 0, so these were not started: fleet-3, fleet-4." in played.text
    )
    assert "continue with --limit fleet-1,fleet-3,fleet-4" in played.text
    assert {request["storefront"] for request in fleet.shop.writes()} == {"fleet-1", "fleet-2"}
    seen(
        "frontend.stage: in the first batch of a fleet",
        "each as before",
        2,
        "ROLLED BACK. … these were not started: …",
        "starts over",
    )


def test_one_after_the_other_names_those_that_were_not_started(fleet):
    fleet.breaks("fleet-2")
    played = fleet.play()
    assert played.rc == 2, played.stdout
    assert outcomes(played) == ["released", "rolled_back"]
    assert (
        "these were not started: fleet-3, fleet-4. Correct what failed, then continue with --limit"
        " fleet-2,fleet-3,fleet-4" in played.message
    )


@pytest.mark.parametrize("rollout", [pytest.param(1, marks=pytest.mark.long), 2])
def test_a_declared_number_of_failures_is_allowed(fleet, rollout):
    """In batches of two, the second failure is in the last batch: nothing is left to start."""
    fleet.breaks("fleet-1")
    fleet.breaks("fleet-3")
    played = fleet.play(rollout=rollout, rollout_failures_allowed=1)
    assert played.rc == 2, played.stdout
    started = {1: ["released", "rolled_back", "rolled_back"], 2: ["released", "released", "rolled_back", "rolled_back"]}
    assert sorted(outcomes(played)) == started[rollout]
    if rollout == 1:
        assert (
            "fleet-1, fleet-3 failed and rollout_failures_allowed is 1, so these were not started: fleet-4."
            in played.message
        )
    else:
        assert not_started(played) == []
        assert "were not started:" not in played.text
        assert "ROLLED BACK." in played.message


@pytest.mark.parametrize("rollout", [1, 2])
def test_one_that_cannot_be_reached_is_a_failure_like_another(fleet, rollout):
    fleet.refuses_connections("fleet-1")
    played = fleet.play(rollout=rollout)
    assert played.rc == 2, played.stdout
    assert outcomes(played) == ["released"] * (rollout - 1)
    assert "UNREACHABLE: fleet-1. Nothing was changed." in played.text
    assert f"continue with --limit fleet-1,{','.join(FLEET[rollout:])}" in (
        played.message if rollout == 1 else played.text
    )


def test_one_that_preflight_refuses_is_a_failure_like_another(fleet):
    hosts = json.loads((fleet.inventory / "hosts.yml").read_text())
    hosts["storefronts"]["hosts"]["fleet-1"] = {"frontend_project": ""}
    (fleet.inventory / "hosts.yml").write_text(json.dumps(hosts))
    played = fleet.play()
    assert played.rc == 2, played.stdout
    assert outcomes(played) == []
    assert "frontend_project is empty" in played.message
    assert "these were not started: fleet-2, fleet-3, fleet-4." in played.message
    played = fleet.play(rollout_failures_allowed=1)
    assert played.rc == 2, played.stdout
    assert outcomes(played) == ["released"] * 3


def test_what_only_reads_or_mends_goes_through_all_and_fails_at_the_end(fleet):
    fleet.refuses_connections("fleet-2")
    played = fleet.play("backup.yml", surfaces=["database"])
    assert played.rc == 2, played.stdout
    assert [
        name for name, result in played.tasks if name.endswith("Back up the database") and result.get("changed")
    ] != []
    assert sum(name.endswith("Record the catalogue") for name, _unused in played.tasks) == 3
    assert "fleet-2 cannot be reached" in played.message
    played = fleet.play("rollback.yml")
    assert played.rc == 2, played.stdout
    assert played.text.count("There is no release to roll back to") >= 3, "each of the others was asked"


WAVES = {
    "plugin": "storefront.runbook.storefronts",
    "storefronts": dict.fromkeys(FLEET),
    "waves": [{"name": "canary", "storefronts": ["fleet-3"]}, {"name": "pair", "size": 2}, {"name": "rest"}],
}


def test_waves_start_with_the_canary_and_stop_at_a_failure(fleet):
    (fleet.inventory / "hosts.yml").unlink()
    (fleet.inventory / "storefronts.yml").write_text(json.dumps(WAVES))
    fleet.breaks("fleet-1")
    played = fleet.play()
    assert played.rc == 2, played.stdout
    assert outcomes(played)[0] == "released"
    assert sorted(outcomes(played)[1:]) == ["released", "rolled_back"]
    assert not_started(played) == ["fleet-4"]
    reached = [request["storefront"] for request in fleet.shop.writes()]
    assert reached.index("fleet-1") > max(at for at, name in enumerate(reached) if name == "fleet-3")
    assert {*reached} == {"fleet-1", "fleet-2", "fleet-3"}


@pytest.mark.long
def test_a_wave_is_put_back_alone(fleet):
    (fleet.inventory / "hosts.yml").unlink()
    waves = [{"name": "canary", "storefronts": ["fleet-3", "fleet-4"]}, {"name": "rest"}]
    (fleet.inventory / "storefronts.yml").write_text(json.dumps({**WAVES, "waves": waves}))
    for release in (RELEASE, "v1.1.0"):
        played = fleet.play(cmdline="--limit wave_1_canary", release=release)
        assert outcomes(played) == ["released", "released"], played.stdout
    fleet.shop.forget_requests()
    played = fleet.play("rollback.yml", cmdline="--limit wave_1_canary", rollout=2)
    assert played.rc == 0, played.stdout
    assert outcomes(played) == ["rolled_back", "rolled_back"]
    assert {request["storefront"] for request in fleet.shop.writes()} == {"fleet-3", "fleet-4"}
