# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator's levers: what they change, what they refuse, and what a rerun does after a kill."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

from molecule.conftest import Played, Shop

HOME, EUROPE = "us-west2", "europe-west4-drams3a"
VALUE = "a-value-that-nobody-sees"


def service(shop: Shop, unit: str) -> dict[str, Any]:
    """What the double of Railway holds of a unit."""
    kept = json.loads((Path(shop.sandbox.state["root"]) / "cloud" / "state.json").read_text())
    services = kept["storefronts"][shop.name]["services"]
    return next(one for one in services.values() if one["name"] == unit)


def regions(shop: Shop, unit: str) -> dict[str, int]:
    found = service(shop, unit)["settings"].get("multiRegionConfig") or {HOME: {"numReplicas": 1}}
    return {region: config["numReplicas"] for region, config in found.items()}


def refuses(played: Played, shop: Shop, *words: str) -> None:
    assert played.rc == 2, played.stdout
    for word in words:
        assert word in played.text, played.stdout
    assert "Nothing was changed." in played.text
    assert shop.writes() == []


def killed_at(task: str) -> list[dict[str, Any]]:
    return [{"task": task, "signal": signal.SIGKILL}]


def passed(played: Played) -> Played:
    assert played.rc == 0, played.stdout
    return played


def test_scale(shop: Shop) -> None:
    wrong = {"apj": 3, "worker": -1, "api": "three"}
    said = ("no unit apj: did you mean api?", "scale.worker is -1", "scale.api must be a whole number")
    refuses(shop.play("scale.yml", scale=wrong), shop, *said)
    refuses(
        shop.play("scale.yml", scale={"api": 7}), shop, "would have 7 replicas", "the plan hobby at Railway allows 6"
    )
    checked = passed(shop.play("scale.yml", "--check --diff", scale={"api": 2}))
    assert f"api: {HOME} 1 -> 2 (the plan hobby allows 6)" in checked.text
    assert (shop.writes(), regions(shop, "api")) == ([], {HOME: 1})

    killed = shop.play("scale.yml", at=killed_at("Verify the health of the API"), scale={"api": {HOME: 2}})
    assert killed.rc != 0
    assert "levers/scale.json" in shop.objects("levers/")
    shop.age_the_lease()
    again = passed(shop.play("scale.yml", scale={"api": 2}))
    assert "SCALED in" in again.text
    assert regions(shop, "api") == {HOME: 2}
    record = shop.ledger()[-1]
    assert (record["kind"], record["outcome"]) == ("scale", "changed")
    assert record["change"]["before"] == {"api": {HOME: 1}}
    assert record["change"]["after"] == {"api": {HOME: 2}}
    assert shop.objects("levers/") == {}
    assert "NOTHING TO CHANGE" in passed(shop.play("scale.yml", scale={"api": 2})).text


def test_restart(shop: Shop) -> None:
    refuses(
        shop.play("restart.yml", unit="workr"), shop, "no unit workr: did you mean worker?; choose from api, worker"
    )
    shop.fault(vendor="railway", operation="deploymentRestart", kind="unavailable", times=-1)
    failed = shop.play("restart.yml", unit="api,worker")
    assert failed.rc == 2
    assert "api did not come up after its restart. Not restarted: worker." in failed.text
    assert shop.ledger()[-1]["outcome"] == "incomplete"
    shop.clear_faults()
    killed = shop.play("restart.yml", at=killed_at("Restart worker"))
    assert killed.rc != 0
    shop.age_the_lease()
    shop.forget_requests()
    again = passed(shop.play("restart.yml"))
    assert "Restarted one after another, each healthy: worker. An earlier run has restarted api." in again.text
    assert [one["operation"] for one in shop.writes()] == ["deploymentRestart"]


def test_variables(shop: Shop) -> None:
    listed = passed(shop.play("variables.yml"))
    assert "JWT_SECRET" in listed.text
    assert service(shop, "api")["variables"]["JWT_SECRET"] not in listed.stdout
    example = passed(shop.play("variables.yml", compare_with="example"))
    assert "api, compared with example:" in example.text
    wrong = {"A B": "x", "": "y", "LINES": "a\nb", "PORTS": 3}
    said = ("'A B' is no name", "an empty name", "LINES has a line break", "PORTS is no text", "no unit apj")
    refuses(shop.play("variables.yml", variable_values=wrong, unit="apj"), shop, *said)
    nothing = shop.play("variables.yml", from_env="NOT_THERE", unit="api", unset="JWT_SECRET", compare_with="exampel")
    refuses(nothing, shop, "the environment has no NOT_THERE", "no storefront exampel: did you mean example?")

    given: dict[str, Any] = {"unit": "api,frontend", "variable_values": {"NEW_FLAG": VALUE}}
    killed = shop.play("variables.yml", at=killed_at("Set the variables of the frontend"), **given)
    assert killed.rc != 0
    shop.age_the_lease()
    done = passed(shop.play("variables.yml", **given))
    assert "VARIABLES CHANGED" in done.text
    assert service(shop, "api")["variables"]["NEW_FLAG"] == VALUE
    record = shop.ledger()[-1]
    assert record["change"]["names"] == {"api": ["NEW_FLAG"], "frontend": ["NEW_FLAG"]}
    assert [one["operation"] for one in shop.writes()].count("deploymentRedeploy") == 1
    seen = [killed.stdout, done.stdout, json.dumps(done.tasks), *map(str, shop.objects().values())]
    assert not [text for text in seen if VALUE in text]


def test_a_rollback_keeps_the_variables_and_the_replicas(released_shop: Shop) -> None:
    shop = released_shop
    passed(shop.play("variables.yml", unit="api", variable_values={"SMTP_URL": f"smtp://{VALUE}"}))
    passed(shop.play("scale.yml", scale={"api": {EUROPE: 1}}))
    passed(shop.play("rollback.yml"))
    assert shop.live()["backend"] == "v1.0.0"
    assert service(shop, "api")["variables"]["SMTP_URL"] == f"smtp://{VALUE}"
    assert regions(shop, "api") == {HOME: 1, EUROPE: 1}


def test_seed(shop: Shop) -> None:
    said = "environment_role belongs to the inventory"
    refuses(shop.play("seed.yml", environment_role="staging"), shop, said)
    refuses(shop.play("seed.yml", notify_environment="prod"), shop, "the environment is called prod")
    before = shop.rows()
    failed = shop.play("seed.yml", seed_command=["node", "-e", "process.exit(3)"])
    assert failed.rc == 2
    assert "the exit code 3" in failed.text
    assert shop.ledger()[-1]["outcome"] == "incomplete"
    assert shop.rows() == before
    script = "console.log('The shop has a seed')"
    done = passed(shop.play("seed.yml", seed_command=["node", "-e", script]))
    assert "SEEDED in" in done.text
    assert "It printed: The shop has a seed" in done.text
    assert (shop.ledger()[-1]["kind"], shop.objects("levers/")) == ("seed", {})
