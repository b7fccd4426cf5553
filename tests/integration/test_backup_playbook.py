# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""backup.yml on the sandbox: what it makes, keeps, removes and refuses, and that --check changes nothing."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.data.store import open_store
from ansible_collections.storefront.runbook.plugins.module_utils.data.store_s3 import S3Store

from sandbox.storefront import BUCKET, Sandbox

ROOT = Path(__file__).parents[2]
PREFIX = "test-backup-play"


class Plays:
    """backup.yml on the sandbox's shop, with a part of the store of its own."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.name = sandbox.name
        settings = {f"store_{key}": value for key, value in sandbox.state["s3"].items()}
        self.store = open_store({"store": f"s3://{BUCKET}/{PREFIX}", **settings})
        assert isinstance(self.store, S3Store)
        self.clear()

    def play(self, *arguments: str, **variables: Any) -> subprocess.CompletedProcess:
        variables = {"store": f"s3://{BUCKET}/{PREFIX}", "database_backup_keep": {"last": 1}, **variables}
        command = ["ansible-playbook", "playbooks/backup.yml", "-i", "inventories/development", "-e", json.dumps(variables), *arguments]
        environment = {**os.environ, "SANDBOX_NAME": self.name, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
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


def test_a_backup_is_made_and_listed_and_the_one_before_it_removed(plays: Plays) -> None:
    made = plays.play()
    assert made.returncode == 0, made.stdout
    (first,) = plays.manifests()
    assert "0 h old" in made.stdout
    assert "not encrypted, proven" in made.stdout

    tried = plays.play("--check", "--diff")
    assert tried.returncode == 0, tried.stdout
    assert plays.manifests() == [first]
    assert "s3://storefront/test-backup-play/backups/" in tried.stdout

    again = plays.play()
    assert again.returncode == 0, again.stdout
    (second,) = plays.manifests()
    assert second > first


def test_a_backup_that_nobody_said_how_to_encrypt_is_refused(plays: Plays) -> None:
    refused = plays.play(database_backup_encryption="age")
    assert refused.returncode == 2
    assert "Nobody said to whom the backup is to be encrypted" in refused.stdout
    assert plays.store.list() == []
