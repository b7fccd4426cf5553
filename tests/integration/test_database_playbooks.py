# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""migrate.yml and database.yml against a real PostgreSQL and a store in a folder."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ansible_runner
import pytest

from conftest import COLLECTIONS, ROOT, TEST_SANDBOX
from sandbox.storefront import Sandbox
from tests.integration.shop_database import Database, write_migrations

BASE = "CREATE TABLE item (id int PRIMARY KEY);"
Play = Callable[..., tuple[int, str]]


@pytest.fixture
def database(sandbox: Sandbox) -> Iterator[Database]:
    """An empty database."""
    database = Database(sandbox, "test-play")
    yield database
    database.drop()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository with the releases v1 (two migrations), v2 (one that fails besides) and v3 (one that
    takes a table away besides).
    """
    folder = tmp_path / "shop"
    git = ["git", "-C", str(folder), "-c", "user.name=shop", "-c", "user.email=shop@example.com"]
    folder.mkdir()
    subprocess.run([*git, "init", "--quiet"], check=True)
    for tag, scripts in {
        "v1": {"1_base": BASE, "2_rating": "ALTER TABLE item ADD rating int;"},
        "v2": {"3_more": "CREATE TABLE more (id int);", "4_broken": "SELECT * FROM nothing;"},
        "v3": {"4_broken": "DROP TABLE item;"},
    }.items():
        write_migrations(folder, **scripts)
        for command in (["add", "."], ["commit", "--quiet", "--message", tag], ["tag", tag]):
            subprocess.run([*git, *command], check=True)
    return folder


@pytest.fixture
def play(database: Database, repository: Path, tmp_path: Path) -> Play:
    def run(playbook: str, cmdline: str = "", **extra: Any) -> tuple[int, str]:
        variables = {
            "database_url": database.url,
            "database_root_directory": "",
            "source_path": str(repository),
            "store": (tmp_path / "store").as_uri(),
            "store_is_shared": True,
        }
        runner = ansible_runner.run(
            private_data_dir=tempfile.mkdtemp(dir=tmp_path),  # a runner keeps the last play's options in its folder
            playbook=str(ROOT / "playbooks" / playbook),
            inventory=str(ROOT / "inventories/development"),
            extravars={**variables, **extra},
            cmdline=cmdline or None,
            envvars={
                "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
                "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                "ANSIBLE_STDOUT_CALLBACK": "default",  # whose lines are not wrapped
                "SANDBOX_NAME": TEST_SANDBOX,
            },
            quiet=True,
        )
        with runner.stdout as stream:
            return runner.rc, stream.read()

    return run


def in_one_line(said: str) -> str:
    """What was printed without colours, and without the line breaks of Ansible's own callback."""
    return " ".join(re.sub(r"\x1b\[[0-9;]*m", "", said).split())


def lease(tmp_path: Path) -> dict[str, Any]:
    return json.loads((tmp_path / "store" / "lease.json").read_text())


def test_a_check_shows_what_it_is_and_a_failure_says_what_was_applied_and_frees_the_lease(
    play: Play, database: Database, tmp_path: Path
) -> None:
    rc, said = play("migrate.yml", "--check --diff", release="v2", database_proof_max_age=1, database_rehearse="full")
    assert rc == 0, said
    assert "2_rating (expand)" in said
    assert "Would apply: 1_base, 2_rating, 3_more, 4_broken" in said
    assert database.tables() == []
    assert not (tmp_path / "store" / "backups").exists()

    rc, said = play("migrate.yml", release="v2")
    assert rc == 2
    assert "Applied before it: 1_base, 2_rating, 3_more." in said
    assert "The live release keeps serving." in in_one_line(said)
    assert list((tmp_path / "store" / "backups").rglob("*.zst"))
    assert lease(tmp_path)["state"] == "released"
    assert database.password not in said


def test_a_database_is_migrated_without_a_release_after_a_backup_that_is_restored_for_the_proof_and_the_rehearsal(
    play: Play, database: Database, repository: Path, tmp_path: Path
) -> None:
    database.migrate(repository, ref="v1")
    policies = {"database_proof_max_age": 1, "database_rehearse": "full"}
    rc, said = play("migrate.yml", release="v3", approve_migration="3_more,4_broken", **policies)
    assert rc == 0, said
    assert "Applied: 3_more, 4_broken" in said
    assert database.tables() == ["more"]
    assert database.outcomes()[2:] == [("3_more", "applied"), ("4_broken", "applied")]
    (proof,) = (tmp_path / "store" / "backups").rglob("proof.json")
    assert json.loads(proof.read_text())["level"] == "restore"
    assert "Run database.prove" not in said, "it is restored once"
    assert "not proven" not in said
    assert database.sql("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", f"{database.name}@") == []
    assert lease(tmp_path)["state"] == "released"


def test_the_database_describes_its_state(play: Play, database: Database) -> None:
    database.sql(BASE)
    rc, said = play("database.yml", database_gather="server,tables", database_exact_counts=True)
    assert rc == 0, said
    assert "public.item" in said
    assert database.password not in said


VERIFY = """
- hosts: storefronts
  connection: local
  gather_facts: false
  vars_files: ["{{ playbooks }}/vars/play.yml"]
  module_defaults: {group/storefront.runbook.migrations: "{{ database_release }}"}
  tasks:
    - block: [ansible.builtin.import_role: {name: storefront.runbook.database, tasks_from: verify}]
      always: [ansible.builtin.debug: {msg: "migrated {{ database_migrated }} incompatible {{ database_incompatible }}"}]
"""  # noqa: E501


def test_what_a_platform_migrated_is_known_afterwards_even_where_it_failed(
    play: Play, database: Database, repository: Path, tmp_path: Path
) -> None:
    database.migrate(repository, ref="v1")
    pending = database.migrate(repository, ref="v3", runner="platform")["pending"]
    row = (
        "INSERT INTO _prisma_migrations (id, checksum, migration_name, logs, finished_at) VALUES (%s, '', %s, '', CASE"
        " WHEN %s THEN now() END)"
    )
    database.sql(row, "3", "3_more", True)
    database.sql(row, "4", "4_broken", False)
    (tmp_path / "verify.yml").write_text(VERIFY)
    options: dict[str, Any] = {
        "database_pending": pending,
        "database_migrate_runner": "platform",
        "playbooks": str(ROOT / "playbooks"),
    }
    rc, said = play(str(tmp_path / "verify.yml"), release="v3", **options)
    assert rc == 2, said
    assert "The migration 4_broken failed" in said
    assert "migrated ['3_more', '4_broken'] incompatible ['4_broken']" in said
