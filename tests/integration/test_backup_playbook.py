# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""backup.yml on the sandbox: what it makes, lists and removes, and that --check changes nothing."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyrage
import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.store.base import unguarded
from ansible_collections.storefront.runbook.plugins.module_utils.store.open import open_store
from ansible_collections.storefront.runbook.plugins.module_utils.store.s3 import S3Store
from ansible_collections.storefront.runbook.plugins.modules import pg_backup

from sandbox.storefront import BUCKET, Sandbox
from tests.unit.support import run_module

ROOT = Path(__file__).parents[2]
PREFIX = "test-backup-play"
PUBLIC_KEY = str(pyrage.x25519.Identity.generate().to_public())


class Plays:
    """backup.yml on the sandbox's shop, with a part of the store of its own."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.name, self.sandbox = sandbox.name, sandbox
        settings = {f"store_{key}": value for key, value in sandbox.state["s3"].items()}
        self.options = {"store": f"s3://{BUCKET}/{PREFIX}", **settings}
        self.store = open_store(self.options, unguarded)
        assert isinstance(self.store, S3Store)
        self.clear()

    def back_up(self) -> str:
        """Run the module alone and return the backup's name."""
        database = {
            "database_url": self.sandbox.storefront()["database_url"],
            "postgres_bin": self.sandbox.state["postgres"]["bin"],
        }
        return run_module(pg_backup, {**database, **self.options, "encryption": "off"})["backup"]["name"]

    def play(self, *arguments: str, **variables: Any) -> subprocess.CompletedProcess:
        variables = {"store": f"s3://{BUCKET}/{PREFIX}", "database_backup_keep": {"last": 1}, **variables}
        command = [
            "ansible-playbook",
            "playbooks/backup.yml",
            "-i",
            "inventories/development",
            "-e",
            json.dumps(variables),
            *arguments,
        ]
        environment = {
            **os.environ,
            "SANDBOX_NAME": self.name,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_STDOUT_CALLBACK": "default",
        }
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    def manifests(self) -> list[str]:
        return [entry.key for entry in self.store.list("backups/") if entry.key.count("/") == 1]

    def clear(self) -> None:
        for entry in self.store.list():
            self.store.delete(entry.key)


@pytest.fixture
def plays(sandbox: Sandbox) -> Iterator[Plays]:
    plays = Plays(sandbox)
    yield plays
    plays.clear()
    plays.store.close()


def test_a_backup_is_predicted_then_made_encrypted_and_listed_and_the_one_before_it_removed(plays: Plays) -> None:
    older = plays.back_up()
    tried = plays.play("--check", "--diff")
    assert tried.returncode == 0, tried.stdout
    assert "s3://storefront/test-backup-play/backups/" in tried.stdout
    assert plays.manifests() == [f"backups/{older}.json"]

    made = plays.play(database_backup_encryption="age", database_backup_recipients=[PUBLIC_KEY])
    assert made.returncode == 0, made.stdout
    (kept,) = plays.manifests()
    assert kept > f"backups/{older}.json"
    assert "0 h old" in made.stdout
    assert PUBLIC_KEY in made.stdout
    assert older not in made.stdout.partition("Show the backups")[2]
