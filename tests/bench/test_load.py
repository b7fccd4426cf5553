# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A storefront with years behind it beside a new one: a ledger of 10,000 records, 5,000 backups, 300 check-runs and
5,000 variables. LOAD=0.01 makes all of it smaller.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from ansible_collections.storefront.runbook.plugins.module_utils.release import ledger

from conftest import ROOT
from sandbox.storefront import Sandbox
from tests.bench.figures import TRIES, Run, play, row

NAME, LOAD = "bench-load", float(os.environ.get("LOAD", "1"))
RECORDS, BACKUPS, VARIABLES, CHECK_RUNS = (max(1, int(LOAD * most)) for most in (10_000, 5_000, 5_000, 300))
RATIO = 1.5
BY = f"{'' if LOAD == 1 else f'LOAD={LOAD:g} '}pytest tests/bench/test_load.py"
PLAYS = {"status": ("-e", "fail_on=never"), "preflight": ("-e", "release=v1.1.0"), "rollback": ()}
NOW = datetime.now(UTC)


@pytest.fixture
def inventory(sandbox: Sandbox, tmp_path: Path) -> Iterator[Path]:
    """The inventory for development with a storefront of its own, on which v1.1.0 is live over v1.0.0."""
    sandbox.create_storefront(NAME)
    for part in ("group_vars", "sandbox.sh"):
        (tmp_path / part).symlink_to(ROOT / "inventories/development" / part)
    github = {"api_token": sandbox.state["tokens"]["github"], "api_url": sandbox.state["cloud"]["github_url"]}
    github["repository"] = sandbox.storefront(NAME)["github"]["repository"]
    systems: dict[str, Any] = {"secrets": {"folders": []}, "dependencies": {"folders": []}, "github": github}
    given = {"preflight_systems": {**systems, "lighthouse": {"thresholds": {}}}}
    (tmp_path / "hosts.yml").write_text(json.dumps({"storefronts": {"hosts": {NAME: None}}}))
    (tmp_path / "host_vars").mkdir()
    (tmp_path / f"host_vars/{NAME}.yml").write_text(json.dumps(given))
    check_runs(sandbox, 1)
    for release in ("v1.0.0", "v1.1.0"):
        deployed = play(
            sandbox.name,
            tmp_path,
            "deploy",
            "-e",
            f"release={release}",
            "-e",
            "waive=C1,C2,C12",
            "-e",
            "waive_reason=bench",
        )
        assert deployed.code == 0, deployed.text
    yield tmp_path
    sandbox.drop_storefront(NAME)


def commit(sandbox: Sandbox, release: str) -> str:
    words = ["git", "-C", sandbox.state["shop"]["repository"], "rev-parse", f"{release}^{{commit}}"]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


def check_runs(sandbox: Sandbox, number: int) -> None:
    for release in ("v1.0.0", "v1.1.0"):
        sha = commit(sandbox, release)
        runs = {f"job {one}": "success" for one in range(number)}
        sandbox.cloud("PUT", f"/storefronts/{NAME}/check-runs", {"sha": sha, "runs": runs})
    review = {"by": "bob", "state": "APPROVED", "commit": commit(sandbox, "v1.1.0")}
    pull = {"number": 7, "head": review["commit"], "merge_commit": review["commit"], "reviews": [review]}
    sandbox.cloud("PUT", f"/storefronts/{NAME}/pulls", {"pulls": [pull]})


def fill(sandbox: Sandbox) -> None:
    """Give the storefront its past: the newest records and backups stay the newest."""
    bucket, _slash, root = sandbox.storefront(NAME)["store"].removeprefix("s3://").partition("/")
    s3 = sandbox.s3()
    manifests = [
        one["Key"]
        for one in s3.list_objects_v2(Bucket=bucket, Prefix=f"{root}/backups/")["Contents"]
        if one["Key"].endswith(".json") and one["Key"].count("/") == root.count("/") + 2
    ]
    manifest = json.loads(s3.get_object(Bucket=bucket, Key=manifests[0])["Body"].read())

    def put(key: str, document: Any) -> None:
        s3.put_object(Bucket=bucket, Key=f"{root}/{key}", Body=json.dumps(document).encode())

    def record(number: int) -> None:
        at = NOW - timedelta(days=1, hours=number)
        made = ledger.make(
            {
                "storefront": NAME,
                "kind": "deploy",
                "outcome": "released",
                "release": f"v0.{number}.0",
                "started_at": at.isoformat(),
                "units": {"api": {"platform": "railway", "id": "d", "release": f"v0.{number}.0"}},
                "steps": [{"name": "backend.release", "outcome": "ok", "seconds": 3.0}] * 11,
            }
        )
        made |= {"finished_at": (at + timedelta(minutes=4)).isoformat(), "fence": 0, "number": 1}
        put(f"ledger/f{0:08d}-{number:04d}-deploy-released-{made['id']}.json", made)

    def backup(number: int) -> None:
        at = NOW - timedelta(days=2, hours=number)
        name = f"{at:%Y%m%dT%H%M%SZ}-{number:08x}"
        put(f"backups/{name}.json", {**manifest, "name": name, "finished_at": at.isoformat()})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(record, range(RECORDS)))
        list(pool.map(backup, range(BACKUPS)))
    check_runs(sandbox, CHECK_RUNS)
    variables(sandbox)


def variables(sandbox: Sandbox) -> None:
    at = sandbox.storefront(NAME)["railway"]
    many = {f"SETTING_{number}": "value" for number in range(VARIABLES)}
    document = "mutation ($input: VariableCollectionUpsertInput!) { variableCollectionUpsert(input: $input) }"
    where = {"projectId": at["project"], "environmentId": at["environment"], "serviceId": at["services"]["api"]}
    asked = {"query": document, "variables": {"input": {**where, "variables": many, "skipDeploys": True}}}
    headers = {"authorization": f"Bearer {sandbox.state['tokens']['railway']}"}
    url = f"{sandbox.state['cloud']['railway_url']}/graphql/v2"
    answer = requests.post(url, json=asked, headers=headers, timeout=60).json()
    assert answer.get("data", {}).get("variableCollectionUpsert") is True, answer


def measured(sandbox: Sandbox, inventory: Path, label: str) -> dict[str, list[Run]]:
    sandbox.save(NAME, label)
    found: dict[str, list[Run]] = {playbook: [] for playbook in PLAYS}
    for _try in range(TRIES):
        for playbook, options in PLAYS.items():
            found[playbook].append(play(sandbox.name, inventory, playbook, *options))
            assert found[playbook][-1].code == 0, found[playbook][-1].text
        sandbox.restore(NAME, label)
    return found


def test_what_is_asked_of_an_old_storefront_takes_as_long_as_of_a_new_one(sandbox: Sandbox, inventory: Path) -> None:
    empty = measured(sandbox, inventory, "empty")
    fill(sandbox)
    full = measured(sandbox, inventory, "full")
    print(f"\n{RECORDS} records, {BACKUPS} backups, {CHECK_RUNS} check-runs, {VARIABLES} variables")
    for playbook in PLAYS:
        ratios = [one.wall / other.wall for one, other in zip(full[playbook], empty[playbook], strict=True)]
        print(f"{playbook}.yml: {min(run.wall for run in empty[playbook]):.1f} s empty,", end=" ")
        print(f"{min(run.wall for run in full[playbook]):.1f} s full")
        row(f"`{playbook}.yml` on a full store beside an empty one", RATIO, ratios, "times", BY)
