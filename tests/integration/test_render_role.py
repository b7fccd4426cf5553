# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role backend with backend_platform: render, in one play: snapshot, release, and a rescue that keeps a
pinned variable.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from conftest import ROOT
from sandbox.storefront import Sandbox
from tests.unit.sandbox.cloud.render_shop import make_repository

NAME = "test-render-role"


@pytest.fixture
def shop(sandbox: Sandbox, tmp_path: Path) -> Iterator[dict[str, Any]]:
    make_repository(tmp_path)
    yield sandbox.create_storefront(NAME, backend="render", repository=str(tmp_path))
    sandbox.drop_storefront(NAME)


def verb(name: str, **options: Any) -> dict[str, Any]:
    return {
        "name": f"Run {name}",
        "ansible.builtin.include_role": {
            "name": "storefront.runbook.backend",
            "tasks_from": name,
            "rolespec_validate": False,
        },
        "vars": options,
    }


def test_a_release_goes_out_and_is_rolled_back_with_the_pinned_variable_of_today(
    sandbox: Sandbox, shop: dict[str, Any], tmp_path: Path
):
    service = shop["render"]["services"]["api"]
    options = {
        **{
            "backend_platform": "render",
            "backend_token": sandbox.state["tokens"]["render"],
            "backend_api_url": sandbox.state["cloud"]["render_url"],
        },
        **{
            "backend_units": [{"name": "api", "service": service}],
            "backend_wait_interval": 0.1,
            "backend_pinned_variables": ["COLOUR"],
            "backend_unguarded": [],
        },
        **{"source_path": str(tmp_path), "surfaces": ["backend"], "ansible_remote_tmp": str(tmp_path / "ansible")},
    }
    commit = subprocess.run(
        ["git", "-C", str(tmp_path), "rev-parse", "v1.1.0^{commit}"], capture_output=True, text=True, check=True
    ).stdout.strip()
    moved = {
        "name": "Change a pinned variable",
        "storefront.runbook.render_env": {"service": service, "variables": {"COLOUR": "green"}},
    }
    keep = {
        "name": "Keep what was found",
        "ansible.builtin.copy": {
            "content": "{{ found | to_json }}",
            "dest": str(tmp_path / "found.json"),
            "mode": "0600",
        },
    }
    tasks = [
        *(verb("check", release="v1.0.0"), verb("snapshot"), verb("release", release="v1.0.0")),
        {
            "name": "Keep the first look",
            "ansible.builtin.set_fact": {
                "first_snapshot": "{{ backend_snapshot }}",
                "first_released": "{{ backend_released }}",
            },
        },
        *(verb("snapshot"), moved, verb("release", release="v1.1.0", backend_source="commit", release_commit=commit)),
        *(
            verb("check", release="v1.1.0", backend_source="adopt", release_commit=commit),
            verb("infos"),
            verb("candidates"),
        ),
        verb("rollback", release_target="{{ backend_snapshot }}", release_wait=True, release_unit="api"),
        {**keep, "vars": {"found": {name: f"{{{{ {name} }}}}" for name in FOUND}}},
    ]
    play = {
        **{
            "name": "Go through the verbs",
            "hosts": "all",
            "connection": "local",
            "gather_facts": False,
            "vars_files": [f"{ROOT}/playbooks/vars/play.yml"],
        },
        **{
            "vars": options,
            "module_defaults": {"group/storefront.runbook.render": "{{ backend_render }}"},
            "tasks": tasks,
        },
    }
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play], sort_keys=False))
    argv = ["ansible-playbook", "-i", "shop,", str(tmp_path / "play.yml")]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["backend_problems"] == []
    assert (found["first_snapshot"]["api"]["id"], found["first_snapshot"]["api"]["status"]) == (None, "absent")
    assert (found["first_released"]["api"]["release"], found["first_released"]["api"]["status"]) == ("v1.0.0", "live")
    assert found["backend_snapshot"]["api"]["id"] == found["first_released"]["api"]["id"]
    assert [live["release"] for live in found["backend_live"]] == ["v1.1.0"]
    then, now = (
        [variable["name"] for variable in found[which]["api"]["variables"]]
        for which in ("first_released", "backend_released")
    )
    assert [name for name in now if name not in then] == ["COLOUR"], "what the next rollback must know of them"
    assert [offered["release"] for offered in found["backend_offered"]["api"]] == ["v1.0.0"]
    assert found["backend_released"]["api"]["release"] == "v1.0.0"
    assert requests.get(f"{shop['backend_origin_url']}/variable?name=COLOUR", timeout=10).json() == {"value": "green"}
    assert requests.get(shop["backend_origin_url"], timeout=10).json() == {"release": "v1.0.0"}
    assert sandbox.state["tokens"]["render"] not in done.stdout


FOUND = (
    "backend_problems",
    "backend_live",
    "first_snapshot",
    "first_released",
    "backend_snapshot",
    "backend_offered",
    "backend_released",
)
