# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a release is rehearsed, why it must not be rehearsed there, and what is planned afterwards."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.release import dress_rehearsal as rules

PRODUCTION = {
    "store": "s3://backups/production",
    "database_url": "postgresql://shop:secret@db.example:5432/shop?schema=public",
    "frontend_project": "prj_1",
    "frontend_url": "https://shop.example",
    "backend_url": "https://api.shop.example",
    "backend_root_directory": "apps/backend",
    "backend_environment": "production",
    "backend_units": [{"name": "api", "service": "s1"}],
}
STAGING = {
    "store": "s3://backups/staging",
    "database_url": "postgresql://shop:secret@db.example/staging",
    "frontend_project": "prj_2",
    "frontend_url": "https://staging.shop.example",
    "backend_url": "https://api-staging.shop.example",
    "backend_root_directory": "apps/backend/",
    "backend_environment": "staging",
    "backend_units": [{"name": "api", "service": "s1"}],
    "environment_role": "staging",
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> tuple[Path, list[str]]:
    """A repository with two commits, and their names, the older one first."""
    folder = tmp_path_factory.mktemp("shop")

    def git(*words: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        return subprocess.run(["git", "-C", folder, *who, *words], check=True, capture_output=True, text=True).stdout

    git("init", "-q")
    commits = []
    for name in ("one", "two"):
        git("commit", "-q", "--allow-empty", "-m", name)
        commits.append(git("rev-parse", "HEAD").strip())
    return folder, commits


def found(checkout: tuple[Path, list[str]], live: str = "", other_commit: str = "", **options: Any) -> list[str]:
    folder, (old, _new) = checkout
    own = rules.Side("shop", {**PRODUCTION, "source_path": str(folder)}, old)
    record = {"commit": live, "release": "v2"} if live else {}
    other = rules.Side("stage", {**STAGING, **options}, other_commit or old, record)
    return list(rules.problems(own, other, "v1"))


def test_staging_of_the_same_shop_is_right(checkout):
    old, new = checkout[1]
    assert found(checkout) == []
    assert found(checkout, live=old) == []
    assert found(checkout, live="0" * 40) == [], "a commit that the checkout does not know is not newer"
    (newer,) = found(checkout, live=new)
    assert "stage has v2, which is newer than v1" in newer


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"store": "S3://backups/production/"}, "the same store:"),
        ({"database_url": "postgres://other:words@DB.example/shop"}, "the same database_url:"),
        ({"database_direct_url": "postgresql://db.example:5432/shop"}, "the same database_url:"),
        ({"frontend_project": "prj_1"}, "the same frontend_project:"),
        ({"frontend_url": "https://shop.example/"}, "the same frontend_url:"),
        ({"backend_environment": "production"}, "the same backend_units:"),
        ({"environment_role": "production"}, "environment_role is production"),
        ({"environment_role": None}, "environment_role is not set"),
        ({"backend_root_directory": "apps/books"}, "stage is another shop of the repository"),
    ],
)
def test_production_itself_and_another_shop_are_refused(checkout, options, words):
    (problem,) = found(checkout, **options)
    assert words in problem
    assert "secret" not in problem


def test_a_checkout_in_which_the_release_is_another_commit_is_refused(checkout):
    (problem,) = found(checkout, other_commit=checkout[1][1])
    assert "stage is another shop, or its checkout is old: v1 is commit" in problem


def test_an_inventory_is_found_beside_that_of_the_run_and_in_the_project(tmp_path):
    for name in ("ops/production", "ops/staging", "project/inventories/test"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "ops/production/hosts.yml").write_text("")
    for source in ("ops/production", "ops/production/hosts.yml"):
        for name in ("staging", "../staging"):
            assert rules.inventory_of(name, [source], tmp_path) == tmp_path / "ops/staging"
    assert rules.inventory_of("test", ["/runner/inventory/hosts"], tmp_path / "project").name == "test"
    assert rules.inventory_of("../ops/staging", [], tmp_path / "project") == tmp_path / "ops/staging"
    with pytest.raises(ConfigError, match="there is no inventory stagin: none of"):
        rules.inventory_of("stagin", ["ops/production"], tmp_path)


def test_a_storefront_has_the_same_name_or_is_the_only_one_or_is_named():
    path = Path("/ops/staging")
    assert rules.storefront_of(["shop", "books"], "", "shop", path) == "shop"
    assert rules.storefront_of(["stage"], "", "shop", path) == "stage"
    assert rules.storefront_of(["a", "b"], "b", "shop", path) == "b"
    for names, wanted, words in (
        (["stage"], "stag", "stag is not a storefront of /ops/staging"),
        (["a", "b"], "", "has 2 storefronts"),
        ([], "", "has no host"),
    ):
        with pytest.raises(ConfigError, match=words):
            rules.storefront_of(names, wanted, "shop", path)


def test_surfaces_that_staging_lacks_are_not_rehearsed():
    assert rules.surfaces_of(["backend", "edge"], ["database", "backend"]) == (["backend"], ["edge"])
    assert rules.surfaces_of(["backend", "edge"], None) == (["backend", "edge"], [])


def test_the_plan_has_the_longest_time_of_each_step_with_this_commit():
    def step(name: str, seconds: float, outcome: str = "ok") -> dict[str, Any]:
        return {"name": name, "seconds": seconds, "outcome": outcome}

    first = {"commit": "c", "outcome": "released", "steps": [step("frontend.stage", 40.0), step("edge.purge", 1.0)]}
    other = {"commit": "d", "outcome": "released", "steps": [step("edge.purge", 90.0)]}
    failed = {"commit": "c", "outcome": "rolled_back", "steps": [step("edge.purge", 80.0)]}
    now = [step("frontend.stage", 2.0), step("edge.purge", 3.0), step("verify.public", 5.0, "failed")]
    planned = rules.planned([first, other, failed], now, "c")
    assert planned == {"frontend.stage": 40.0, "edge.purge": 3.0}
    rehearsal = {"storefront": "stage", "inventory": "/s", "release": "v1", "seconds": 50.0, "planned": planned}
    evidence = rules.evidence(rehearsal, datetime(2026, 3, 2, tzinfo=UTC))
    assert evidence["answered"] == "released in stage (/s) in 50.0 s; planned: frontend.stage 40.0 s, edge.purge 3.0 s"


def test_the_newest_good_deploy_of_staging_is_what_is_live_there(checkout, tmp_path):
    folder, commits = checkout
    options = {"store": tmp_path.as_uri(), "store_is_shared": True, "source_path": str(folder)}
    side, records = rules.staging("stage", options, "HEAD")
    assert (side.commit, dict(side.live), records) == (commits[1], {}, [])
    with pytest.raises(ConfigError, match="The release 'v9' is unknown"):
        rules.staging("stage", options, "v9")
    with pytest.raises(ConfigError, match="No store is named"):
        rules.staging("stage", {**options, "store": ""}, "HEAD")
