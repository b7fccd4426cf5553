# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role database decides by what is in the store whether a deploy makes a backup, and by what is said of it whether
one of others will do.

The storefronts are the hosts of one play: what runs is the role's own check of its policies, the verdict of preflight,
and the backup where that is needed.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.storefront.runbook.plugins.modules import pg_backup

from conftest import ROOT
from sandbox.storefront import Sandbox
from tests.integration.shop_database import Database, write_migrations
from tests.unit.support import run_module

FACTS = ("database_problems", "database_notes", "database_idle", "database_backup")
GROUPS = {
    "store": "release_store",
    "postgres": "database_postgres",
    "migrations": "database_release",
    "scratch": "database_scratch",
    "backup": "database_backing_up",
    "restoring": "database_restoring",
}
PLAY = [
    {
        **{
            "name": "Decide",
            "hosts": "all",
            "connection": "local",
            "gather_facts": False,
            "vars_files": [f"{ROOT}/playbooks/vars/play.yml"],
        },
        "module_defaults": {
            f"group/storefront.runbook.{group}": f"{{{{ {options} }}}}" for group, options in GROUPS.items()
        },
        "tasks": [
            {
                "name": "Decide",
                "ansible.builtin.include_role": {
                    "name": "storefront.runbook.database",
                    "tasks_from": "policies",
                    "rolespec_validate": False,
                },
            },
            {
                "name": "Show",
                "ansible.builtin.debug": {
                    "msg": {name: f"{{{{ {name} }}}}" for name in ("inventory_hostname", *FACTS)}
                },
            },
            {
                "name": "Refuse",
                "ansible.builtin.include_role": {"name": "storefront.runbook.preflight", "tasks_from": "verdict"},
            },
            {
                "name": "Back up",
                "ansible.builtin.include_role": {
                    "name": "storefront.runbook.database",
                    "tasks_from": "backup",
                    "rolespec_validate": False,
                },
                "when": "'database.backup' not in database_idle",
            },
        ],
    }
]


@pytest.fixture
def database(sandbox: Sandbox) -> Iterator[Database]:
    database = Database(sandbox, "test-policies")
    yield database
    database.drop()


def manifests(store: Path) -> list[dict[str, Any]]:
    return [json.loads(file.read_text()) for file in sorted((store / "backups").glob("*.json"))]


def ago(hours: float) -> str:
    return (datetime.now(UTC) - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def age(store: Path, hours: float) -> None:
    """Have the one backup in a store be as old as that."""
    (file,) = (store / "backups").glob("*.json")
    file.write_text(json.dumps({**json.loads(file.read_text()), "started_at": ago(hours), "finished_at": ago(hours)}))


def test_a_fresh_backup_will_do_an_old_one_does_not_and_that_of_others_counts_as_long_as_it_is_fresh(
    database: Database, tmp_path: Path
) -> None:
    database.migrate(write_migrations(tmp_path, a="CREATE TABLE item (id int);"))
    tools = database.sandbox.state["postgres"]["bin"]
    for host, hours in (("fresh", 23), ("old", 25)):
        kept = {"store": (tmp_path / host).as_uri(), "store_is_shared": True}
        made = run_module(
            pg_backup,
            {"database_url": database.url, "postgres_bin": tools, "encryption": "off", "name": "nightly", **kept},
        )
        assert not made["failed"], made["msg"]
        age(tmp_path / host, hours)
    ours = {"database_backup_policy": "max_age"}
    hosts = {
        "fresh": ours,
        "old": ours,
        "vendors": {
            "database_backup_source": "vendor",
            "database_backup_evidence": {"name": "pitr", "made_at": ago(23)},
        },
        "vendors_old": {
            "database_backup_source": "vendor",
            "database_backup_evidence": {"name": "pitr", "made_at": ago(25)},
        },
    }
    shared = {
        **{
            "database_url": database.url,
            "database_postgres_bin": tools,
            "database_backup_encryption": "off",
            "database_migrate_runner": "builtin",
        },
        **{
            "database_proof_max_age": 0,
            "database_pending": [],
            "database_known": {"a": "applied"},
            "database_problems": [],
        },
        **{"store": f"{tmp_path.as_uri()}/{{{{ inventory_hostname }}}}", "store_is_shared": True},
        **{"surfaces": ["database"], "ansible_remote_tmp": str(tmp_path / "ansible")},
    }
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts, "vars": shared}}))
    (tmp_path / "play.yml").write_text(yaml.safe_dump(PLAY, sort_keys=False))

    (tmp_path / "at.json").write_text("[]")
    keeping = {
        "ANSIBLE_STDOUT_CALLBACK": "default",
        "ANSIBLE_CALLBACK_PLUGINS": f"{ROOT}/molecule/plugins/callback",
        "ANSIBLE_CALLBACKS_ENABLED": "at_task,storefront.runbook.preload",
        "AT_TASK": str(tmp_path / "at.json"),
    }
    argv = ["ansible-playbook", "-i", str(tmp_path / "hosts.yml"), str(tmp_path / "play.yml")]
    done = subprocess.run(argv, cwd=ROOT, env={**os.environ, **keeping}, capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in (tmp_path / "at.results").read_text().splitlines()]
    facts = {
        line["result"]["msg"]["inventory_hostname"]: line["result"]["msg"] for line in lines if line["task"] == "Show"
    }
    assert facts.keys() == hosts.keys(), done.stdout + done.stderr
    problems = {host: facts[host]["database_problems"] for host in hosts}
    (problem,) = problems.pop("vendors_old")
    assert "The vendor backup pitr is 25." in problem
    assert "database_backup_max_age is 24 h. Create a new one, or let this run create it" in problem
    assert problems == {"fresh": [], "old": [], "vendors": []}
    assert {line.split()[0] for line in done.stdout.splitlines() if " failed=1 " in line} == {"vendors_old"}, (
        done.stdout
    )
    assert done.returncode == 2

    assert [manifest["name"] for manifest in manifests(tmp_path / "fresh")] == ["nightly"]
    assert facts["fresh"]["database_backup"] == {"name": "nightly"}
    assert any(
        note.startswith("backup: this run creates none: nightly is 23.") for note in facts["fresh"]["database_notes"]
    )
    older, newer = sorted(manifests(tmp_path / "old"), key=lambda manifest: manifest["finished_at"])
    assert (older["name"], newer["database"]) == ("nightly", database.name)
    assert not facts["old"]["database_backup"]  # null, which ansible-core 2.18 makes an empty string
    assert (facts["vendors"]["database_backup"]["name"], (tmp_path / "vendors").exists()) == ("pitr", False)
    assert any(
        note.startswith("backup: this run creates none: vendor creates it: pitr, created at ")
        for note in facts["vendors"]["database_notes"]
    )
    assert database.password not in done.stdout
