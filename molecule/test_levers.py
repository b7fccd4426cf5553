# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator's levers: what they change, what they refuse, and what a rerun does after a kill."""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests

from molecule.conftest import Played, Shop
from molecule.test_killed import until

HOME, EUROPE = "us-west2", "europe-west4-drams3a"
VALUE = "a-value-that-nobody-sees"
# Adds a row, says so, and waits until it may end.
SEED = """
import os, pathlib, psycopg2, sys, time
connection = psycopg2.connect(os.environ["DATABASE_URL"].partition("?")[0])
with connection, connection.cursor() as cursor:
    cursor.execute('INSERT INTO "Category" (slug, name) VALUES (%s, %s)', (str(os.getpid()), "Seeded"))
connection.close()
pathlib.Path(sys.argv[1]).touch()
while not pathlib.Path(sys.argv[2]).exists():
    time.sleep(0.1)
"""


def service(shop: Shop, unit: str) -> dict[str, Any]:
    """What the double of Railway holds of a unit."""
    kept = json.loads((Path(shop.sandbox.state["root"]) / "cloud" / "state.json").read_text())
    services = kept["storefronts"][shop.name]["services"]
    return next(one for one in services.values() if one["name"] == unit)


def regions(shop: Shop, unit: str) -> dict[str, int]:
    found = service(shop, unit)["settings"].get("multiRegionConfig") or {HOME: {"numReplicas": 1}}
    return {region: config["numReplicas"] for region, config in found.items()}


def environment_of(shop: Shop, unit: str) -> dict[str, str]:
    """The environment of a unit's newest process: one before it may still finish its requests."""
    processes = shop.sandbox.cloud("GET", "/processes")
    mine = [one for one in processes if one["name"].startswith(f"{shop.name}-") and f"-{unit}" in one["name"]]
    newest = max(mine, key=lambda one: one["started"])["pid"]
    return dict(pair.partition("=")[::2] for pair in Path(f"/proc/{newest}/environ").read_text().split("\0"))


def types_at_vercel(shop: Shop) -> dict[str, str]:
    """The type of each variable of the frontend."""
    url, vercel = shop.sandbox.state["cloud"]["vercel_url"], shop.at["vercel"]
    headers = {"Authorization": f"Bearer {shop.sandbox.state['tokens']['vercel']}"}
    path, query = f"{url}/v10/projects/{vercel['project']}/env", {"teamId": vercel["team"]}
    answer = requests.get(path, params=query, headers=headers, timeout=10).json()
    return {one["key"]: one["type"] for one in answer["envs"]}


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


@pytest.mark.long
def test_scale(shop: Shop) -> None:
    wrong = {"apj": 3, "worker": -1, "api": "three"}
    said = ("no unit apj: did you mean api?", "scale.worker is -1", "scale.api must be a whole number")
    refuses(shop.play("scale.yml", scale=wrong), shop, *said)
    refuses(
        shop.play("scale.yml", scale={"api": 7}), shop, "would have 7 replicas", "the plan hobby at Railway allows 6"
    )
    twice = shop.play("scale.yml", '-e {"scale":{"api":3,"api":5}}')
    refuses(twice, shop, "scale.api is there twice (-e, lines 1 and 1), and only one of them counts. Keep one")
    checked = passed(shop.play("scale.yml", "--check --diff", scale={"api": 2}))
    assert f"api: {HOME} 1 -> 2 (the plan hobby allows 6)" in checked.text
    assert "would be scaled" in checked.text
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
    lost = shop.play("restart.yml", "--limit=", unit="")
    refuses(lost, shop, "unit is empty: give it a value, or leave it out", "--limit is empty: name the storefront")
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
    said = ("'A B' is not a valid name", "an empty name", "LINES has a line break", "PORTS is not text", "no unit apj")
    refuses(shop.play("variables.yml", variable_values=wrong, unit="apj"), shop, *said)
    nothing = shop.play("variables.yml", from_env="NOT_THERE", unit="api", unset="JWT_SECRET", compare_with="exampel")
    refuses(nothing, shop, "the environment has no NOT_THERE", "no storefront exampel: did you mean example?")

    given: dict[str, Any] = {"unit": "api,frontend", "variable_values": {"NEW_FLAG": VALUE}, "variable_sensitive": True}
    shop.fault(vendor="railway", operation="deploymentRedeploy", kind="unavailable", times=-1)
    failed = shop.play("variables.yml", **given)
    assert (failed.rc, shop.ledger()[-1]["outcome"]) == (2, "incomplete"), failed.stdout
    assert "NEW_FLAG" not in environment_of(shop, "api"), "it is set, and the API is not redeployed"
    shop.clear_faults()
    shop.forget_requests()
    killed = shop.play("variables.yml", at=killed_at("Set the variables of the frontend"), **given)
    assert killed.rc != 0
    shop.age_the_lease()
    done = passed(shop.play("variables.yml", **given))
    assert "VARIABLES CHANGED" in done.text
    assert service(shop, "api")["variables"]["NEW_FLAG"] == VALUE
    assert environment_of(shop, "api")["NEW_FLAG"] == VALUE
    assert types_at_vercel(shop)["NEW_FLAG"] == "sensitive"
    record = shop.ledger()[-1]
    assert record["change"]["names"] == {"api": ["NEW_FLAG"], "frontend": ["NEW_FLAG"]}
    assert [one["operation"] for one in shop.writes()].count("deploymentRedeploy") == 1
    seen = [killed.stdout, done.stdout, json.dumps(done.tasks), *map(str, shop.objects().values())]
    assert not [text for text in seen if VALUE in text]


@pytest.mark.long
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


@pytest.mark.long
def test_a_killed_seed_runs_again_from_its_start(shop: Shop, tmp_path: Path) -> None:
    program, begun, may_end = tmp_path / "seed.py", tmp_path / "begun", tmp_path / "end"
    program.write_text(SEED)
    command = [sys.executable, str(program), str(begun), str(may_end)]
    running = shop.begin("seed.yml", seed_command=command)
    until(begun.exists, "the seed has written its first row")
    for pid in running.processes():  # as a machine that is gone
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert running.end().rc != 0
    until(lambda: not running.processes(), "nothing of the run is left")
    assert "levers/seed.json" in shop.objects("levers/")
    shop.age_the_lease()
    may_end.touch()
    passed(shop.play("seed.yml", seed_command=command))
    change = shop.ledger()[-1]["change"]
    rows = [next(count for table, count in change[when].items() if "Category" in table) for when in ("before", "after")]
    assert rows[1] == rows[0] + 2, "those before the first run are still known"
    assert shop.objects("levers/") == {}
