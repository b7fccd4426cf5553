# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first hours of a new user: an inventory of his own, its mistakes, a first deploy, a release that
breaks, and a rollback; each message as he sees it.
"""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
import yaml

from molecule.test_schema import incompatible_migration

OLD, NEW, BROKEN, NEXT = "v1.0.0", "v1.1.0", "v1.2.0", "v2.0.0"


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    """A terminal of 120 columns, and a locale that has more than ASCII."""
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


def smallest(shop) -> dict[str, Any]:
    """The inventory of the whole shop with what is required and nothing else, but for the sandbox's addresses."""
    state, at = shop.sandbox.state, shop.at
    cloud, railway = state["cloud"], at["railway"]
    return {
        "surfaces": ["database", "backend", "frontend", "edge"],
        "source_path": state["shop"]["repository"],
        "store": at["store"],
        **{f"store_{key}": state["s3"][key] for key in ("access_key", "secret_key", "region")},
        "database_url": at["database_url"],
        "database_migrate_runner": "builtin",
        "database_backup_encryption": "off",
        "database_postgres_bin": state["postgres"]["bin"],
        "backend_token": state["tokens"]["railway"],
        "backend_api_url": cloud["railway_url"],
        "backend_project": railway["project"],
        "backend_environment": railway["environment"],
        "backend_url": at["backend_url"],
        "backend_root_directory": "apps/backend",
        # kind is left out of the API's: a web server by default
        "backend_units": [
            {"name": "api", "service": railway["services"]["api"]},
            {"name": "worker", "kind": "worker", "service": railway["services"]["worker"]},
        ],
        "frontend_token": state["tokens"]["vercel"],
        "frontend_api_url": cloud["vercel_url"],
        "frontend_team": at["vercel"]["team"],
        "frontend_project": at["vercel"]["project"],
        "frontend_url": at["frontend_url"],
        "frontend_root_directory": "apps/frontend",
        "edge_token": state["tokens"]["cloudflare"],
        "edge_api_url": cloud["cloudflare_url"],
        "edge_zone": at["cloudflare"]["zone"],
    }


@pytest.fixture
def inventory(tmp_path):
    """Returns a function that writes an inventory file with these variables and returns its path."""

    def write(variables: dict[str, Any]) -> str:
        folder = tmp_path / "ops"
        folder.mkdir(exist_ok=True)
        file = folder / "hosts.yml"
        file.write_text(yaml.safe_dump({"storefronts": {"hosts": {"shop": variables}}}))
        return str(file)

    return write


@pytest.fixture
def refused(one_shop, inventory):
    """Returns a function that starts a playbook with these variables changed, and returns the message with
    which it was refused.
    """

    def run(
        playbook: str = "preflight.yml",
        without: tuple[str, ...] = (),
        extra: dict[str, Any] | None = None,
        **changed: Any,
    ) -> str:
        one_shop.forget_requests()
        variables = {name: value for name, value in {**smallest(one_shop), **changed}.items() if name not in without}
        options = {"release": NEW} if playbook in ("preflight.yml", "deploy.yml") else {}
        played = one_shop.play(playbook, inventory=inventory(variables), **{**options, **(extra or {})})
        assert played.rc == 2, played.stdout
        assert "Nothing was changed" in played.message, played.message
        assert one_shop.writes() == []
        for secret in (variables.get("frontend_token"), "hunter2"):
            assert not secret or secret not in played.stdout
        return played.message

    return run


def test_every_mistake_of_an_inventory_is_named_at_once(refused):
    message = refused(
        "deploy.yml",
        without=("backend_url", "edge_token"),
        frontend_url="yourstore.com",
        verify_wait_timout=30,
        frontend_colour="blue",
        backend_project="CHANGE_ME",
        backend_units=[{"name": "api", "sevice": "x"}],
        database_url="postgresql://shop:hunter2@db.example.com/shop",
        verify_passes="twice",
        frontend_token="{{ vault_vercel_token }}",  # noqa: S106
    )
    for words in (
        "backend_url is missing: Public URL of the API.",
        "edge_token is missing",
        "frontend_url must begin with https:// or http://: https://yourstore.com",
        "verify_wait_timout is not a variable of this collection: did you mean verify_wait_timeout?",
        "frontend_colour is not a variable of this collection",
        "backend_project is still to be filled in (CHANGE_ME)",
        "backend_units[0] (api) has no key sevice: did you mean service?",
        "backend_units[0] (api).service is missing",
        "database_url is still to be filled in (db.example.com)",
        "verify_passes must be a whole number, such as 3, and is 'twice'",
        "frontend_token cannot be read: ",
        "vault_vercel_token",
    ):
        assert words in message, message


def test_what_a_module_misses_is_named_as_the_inventory_names_it(one_shop, refused, tmp_path):
    store = one_shop.sandbox.state["s3"]["endpoint_url"]
    message = refused("deploy.yml", database_postgres_bin=str(tmp_path), frontend_api_url=store)
    assert f"there is no pg_dump here in {tmp_path}" in message
    assert "name their folder in database_postgres_bin." in message
    assert "not an answer of Vercel's API: check frontend_api_url" in message


def test_a_frontend_without_its_url_is_refused_and_not_promoted(refused):
    assert "frontend_url is missing: Public URL of the shop." in refused("deploy.yml", without=("frontend_url",))


def test_a_release_is_not_rolled_back_by_the_wrong_option(refused):
    assert "release is for" in (message := refused("rollback.yml", extra={"release": OLD}))
    assert "-e to=<release>" in message


def test_a_rollback_to_an_unknown_release_offers_those_that_there_are(released_shop, inventory):
    played = released_shop.play("rollback.yml", inventory=inventory(smallest(released_shop)), to="v9")
    assert played.rc == 2
    assert "A rollback to v9 is not possible." in played.message
    assert OLD in played.message.partition("Possible targets:")[2]
    assert played.report["message"].startswith("Nothing was changed. A rollback to v9 is not possible."), (
        "a refused rollback has a message"
    )


def test_a_restore_without_options_speaks_of_the_playbooks_variables(refused):
    message = refused("restore.yml")
    assert "-e backup=latest" in message
    assert "-e undo=true" in message


def test_a_relative_path_starts_at_the_inventory(one_shop, inventory, tmp_path):
    (tmp_path / "ops").mkdir()
    (tmp_path / "shop").symlink_to(one_shop.sandbox.state["shop"]["repository"])
    played = one_shop.play(
        "preflight.yml", inventory=inventory({**smallest(one_shop), "source_path": "../shop"}), release=NEW
    )
    assert played.rc == 0, played.stdout


def test_preflight_says_what_would_change_and_what_the_shop_lacks(shop, inventory):
    checks = [{"name": "health", "url": "/health", "json": {"status": "healthy"}, "release": {"json": "version"}}]
    played = shop.play(
        "preflight.yml", inventory=inventory({**smallest(shop), "verify_backend_checks": checks}), release=NEW
    )
    assert played.rc == 0, played.stdout
    for words in (
        f"GO: {NEW} can go out to shop. Nothing was changed; a deploy would",
        "- apply 1 migration: ",
        f"- release api, worker: {OLD} now, then {NEW}",
        f"- build and serve the frontend: {OLD} now, then {NEW}",
        "the API does not report its release (health): it is verified by its deployment's id",
        "backend_token reaches every project of its account or workspace",
        "docs/shop.md",
        "playbooks/deploy.yml",
    ):
        assert words in played.text, played.stdout


def test_the_runbooks_own_health_answer_is_enough(shop, inventory):
    # which the example shop does not have
    checks = [{"name": "health", "url": "/health", "json": {"status": "healthy"}, "release": {"json": "version"}}]
    played = shop.play(
        "deploy.yml", inventory=inventory({**smallest(shop), "verify_backend_checks": checks}), release=NEW
    )
    assert played.rc == 0, played.stdout
    assert "the API does not report its release" in " ".join(played.report["notes"])


@pytest.mark.long
def test_a_first_deploy_takes_a_migration_that_no_release_can_meet_and_goes_back_to_nothing(empty_shop, inventory):
    shop, variables = empty_shop, smallest(empty_shop)
    fault = {"vendor": "railway", "operation": "deploy", "kind": "build_fails", "times": -1}
    at = [{"task": "Begin frontend.stage", "fault": {**fault, "vendor": "vercel", "operation": "create"}}]
    played = shop.play("deploy.yml", inventory=inventory(variables), at=at, release=NEXT)
    assert played.rc == 2
    assert played.message.startswith("ROLLED BACK."), played.message
    assert "Nothing was live before" in played.text
    assert "UNSAFE" not in played.text
    assert incompatible_migration() in json.dumps(played.tasks)
    shop.clear_faults()
    played = shop.play("deploy.yml", inventory=inventory(variables), release=NEXT)
    assert played.rc == 0, played.stdout
    assert shop.live() == {"frontend": NEXT, "backend": NEXT}
    assert played.report["live"] == {"api": NEXT, "worker": NEXT, "frontend": NEXT}
    assert played.report["urls"] == {"frontend": shop.at["frontend_url"], "backend": shop.at["backend_url"]}


def test_a_migration_that_is_refused_shows_its_sql_and_the_line(released_shop, inventory):
    played = released_shop.play("deploy.yml", inventory=inventory(smallest(released_shop)), release=NEXT)
    assert played.rc == 2
    name = incompatible_migration()
    assert f"The migration {name} is not backward compatible" in played.message
    assert f"prisma/migrations/{name}/migration.sql, line " in played.message
    assert "ALTER TABLE" in played.message


def test_a_failed_deploy_does_not_advise_to_roll_back(shop, inventory):
    played = shop.play("deploy.yml", inventory=inventory(smallest(shop)), release=BROKEN)
    assert played.rc == 2
    assert f"ROLLED BACK to {OLD}" in played.text
    assert "roll back" not in played.text
    assert "rollback.yml" not in played.text
    assert played.report["live"] == {"api": OLD, "worker": OLD, "frontend": OLD}


def test_check_mode_says_would_and_invents_no_record(shop, inventory):
    played = shop.play("deploy.yml", cmdline="--check --diff", inventory=inventory(smallest(shop)), release=NEW)
    assert played.rc == 0, played.stdout
    assert {step["outcome"] for step in played.report["steps"]} == {"would"}
    assert played.report["record"] == ""
    assert "started_at" not in played.stdout, "no copy of the record"
    assert len(played.stdout.splitlines()) < 140, played.stdout


@pytest.mark.parametrize("how", ["refused", "killed"])
def test_a_run_that_does_not_end_leaves_a_report(shop, inventory, tmp_path, how):
    file = tmp_path / "report.json"
    variables = {**smallest(shop), "notify_report_path": "../report.json"}
    if how == "refused":
        assert shop.play("deploy.yml", inventory=inventory({**variables, "frontend_url": "x"}), release=NEW).rc == 2
        report = json.loads(file.read_text())
        assert report["outcome"] == "refused"
        assert "frontend_url must begin with https://" in report["message"]
        return
    cancelled = {"now": False}
    at = [{"task": "Begin database.backup", "wait": 60}]
    running = shop.begin(
        "deploy.yml", inventory=inventory(variables), at=at, cancel=lambda: cancelled["now"], release=NEW
    )
    while not file.exists():
        assert not running.future.done(), running.end().stdout
        os.sched_yield()
    cancelled["now"] = True
    running.end()
    assert json.loads(file.read_text())["outcome"] == "unfinished"
