# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A unit at Render gets another address of the database and runs with it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from conftest import ROOT
from sandbox.storefront import Sandbox
from tests.integration.shop_database import Database
from tests.unit.sandbox.cloud.render_shop import make_repository

NAME = "test-restore-render"
PLAY = f"""
- name: Change the address
  hosts: all
  connection: local
  gather_facts: false
  vars_files: ["{ROOT}/playbooks/vars/play.yml"]
  module_defaults:
    group/storefront.runbook.render: "{{{{ backend_render }}}}"
  tasks:
    - name: Deploy
      storefront.runbook.render_service: {{state: deployed, service: "{{{{ backend_units[0].service }}}}", path: "{{{{ source_path }}}}", ref: v1.0.0}}
    - name: Change the address, twice
      ansible.builtin.include_role: {{name: storefront.runbook.database, tasks_from: address, rolespec_validate: false}}
      loop: [1, 2]
"""  # noqa: E501


@pytest.fixture
def shop(sandbox: Sandbox, tmp_path: Path) -> Iterator[dict[str, Any]]:
    make_repository(tmp_path)
    yield sandbox.create_storefront(NAME, backend="render", repository=str(tmp_path))
    sandbox.drop_storefront(NAME)


@pytest.fixture
def databases(sandbox: Sandbox) -> Iterator[tuple[Database, Database]]:
    made = Database(sandbox, NAME + "-left"), Database(sandbox, NAME + "@restored-20260202T090000Z")
    yield made
    for database in made:
        database.drop()


def test_the_unit_runs_with_the_other_address_and_is_deployed_once_for_it(
    sandbox: Sandbox, shop: dict[str, Any], databases: tuple[Database, Database], tmp_path: Path
) -> None:
    left, serves = databases
    options = {
        **{
            "backend_platform": "render",
            "backend_token": sandbox.state["tokens"]["render"],
            "backend_api_url": sandbox.state["cloud"]["render_url"],
        },
        **{
            "backend_units": [{"name": "api", "service": shop["render"]["services"]["api"]}],
            "backend_wait_interval": 0.1,
            "source_path": str(tmp_path),
        },
        **{
            "release_snapshot": {"api": {"id": "dep-1"}},
            "database_url": left.url,
            "database_serves": serves.name,
            "database_left": left.name,
        },
        **{
            "database_returns": False,
            "surfaces": ["database", "backend"],
            "ansible_remote_tmp": str(tmp_path / "ansible"),
        },
    }
    (tmp_path / "play.yml").write_text(PLAY)
    (tmp_path / "vars.yml").write_text(yaml.safe_dump(options))

    environment = {**os.environ, "ANSIBLE_STDOUT_CALLBACK": "default", "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "true"}
    argv = ["ansible-playbook", "-i", "shop,", "-e", f"@{tmp_path / 'vars.yml'}", str(tmp_path / "play.yml")]
    with closing(serves.connect()):
        done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert left.password not in done.stdout
    once, again = (part.partition("TASK")[0] for part in done.stdout.split("Deploy the units that run with it")[1:])
    assert "changed: [shop] => (item=api)" in once
    assert "skipping" in again
    assert requests.get(f"{shop['backend_origin_url']}/variable?name=DATABASE_URL", timeout=10).json() == {
        "value": serves.url.replace("@restored", "%40restored")
    }
