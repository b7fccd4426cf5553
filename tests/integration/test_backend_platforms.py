# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each verb of the role backend asks of each platform: which modules, in which order, with exactly which options.

samples/backend_options.json was written when each platform had task files of its own. UPDATE_SAMPLES=1 writes it again.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import ROOT

SAMPLES = Path(__file__).parent / "samples" / "backend_options.json"
STAND_IN = Path(__file__).parent / "stand_in_module.py"
MODULES = (
    "railway_service",
    "railway_info",
    "railway_variables",
    "render_service",
    "render_info",
    "render_env",
    "deploy_lease",
)
GROUPS = {"store": "release_store", "lease": "release_guard", "railway": "backend_railway", "render": "backend_render"}
STATE = {"id": "dep-1", "status": "live", "release": "v1.0.0", "variables": [{"name": "DATABASE_URL", "digest": "d1"}]}
TARGET = {"api": STATE, "worker": {**STATE, "variables": None}, "cleaner": {"id": None, "status": "absent"}}
UNITS = [
    {
        "name": "api",
        "kind": "web",
        "service": "srv-api",
        "root_directory": "apps/api",
        "image": "ghcr.io/shop/api:v1.1.0",
    },
    {"name": "worker", "kind": "worker", "service": "srv-worker"},
    {"name": "cleaner", "kind": "cron", "service": "srv-cleaner"},
]
COMMON = {
    **{
        "release": "v1.1.0",
        "release_commit": "a" * 40,
        "source_path": "/srv/shop",
        "surfaces": ["backend"],
        "store": "file:///srv/store",
    },
    **{
        "backend_token": "token-of-the-backend",
        "backend_api_url": "http://127.0.0.1:9",
        "allow_plain_http": True,
        "backend_units": UNITS,
    },
    **{
        "backend_root_directory": "apps/backend",
        "backend_unguarded": ["worker"],
        "release_lease": "7",
        "release_snapshot": TARGET,
        "release_target": TARGET,
    },
    **{"backend_wait_timeout": 30, "frontend_token": "token-of-the-frontend", "release_unfinished": {"held": True}},
}
PLATFORMS: dict[str, dict[str, Any]] = {
    "railway": {"backend_project": "project-1", "backend_environment": "production", "backend_token_type": "project"},
    "render": {},
}
VERBS = ("check", "snapshot", "release", "candidates", "hold", "unhold", "stop", "start", "rollback")
SHORT = ("check", "release")  # what a source makes a difference to
INVENTORIES: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "upload": (VERBS, {}),
    "folder": (SHORT, {"source_path": None, "backend_source": "commit"}),
    "commit": (SHORT, {"source": "commit"}),
    "adopt": (SHORT, {"backend_source": "adopt"}),
    "image": (SHORT, {"backend_source": "image", "backend_wait_interval": 0.5}),
    "pinned": (("rollback",), {"backend_pinned_variables": [], "source_path": None, "release_lease": None}),
}


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection with stand-ins for the modules of the platforms."""
    root = tmp_path_factory.mktemp("collections")
    copy = root / "ansible_collections" / "storefront" / "runbook"
    (copy / "plugins" / "modules").mkdir(parents=True)
    for part in [
        *(ROOT / name for name in ("galaxy.yml", "meta", "roles", "playbooks")),
        *(ROOT / "plugins").iterdir(),
    ]:
        target = copy / part.relative_to(ROOT)
        if part.name != "modules":
            target.symlink_to(part)
    for module in (ROOT / "plugins" / "modules").glob("*.py"):
        source = STAND_IN if module.stem in MODULES else module
        shutil.copy(source, copy / "plugins" / "modules" / module.name)
    return root


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


def tasks_of(name: str) -> list[dict[str, Any]]:
    if name == "rollback":
        return [
            verb("rollback", release_unit=unit["name"], release_wait=wait) for wait in (False, True) for unit in UNITS
        ]
    return [verb(name)]


def asked(
    collection: Path, folder: Path, variables: dict[str, Any], tasks: list[dict[str, Any]], defaults: dict[str, Any]
) -> list[dict[str, Any]]:
    """Return what the platform's modules were asked for."""
    play = {
        **{
            "name": "Run the backend",
            "hosts": "all",
            "connection": "local",
            "gather_facts": False,
            "vars_files": [f"{ROOT}/playbooks/vars/play.yml"],
        },
        **{
            "vars": {key: value for key, value in variables.items() if value is not None},
            "module_defaults": defaults,
            "tasks": tasks,
        },
    }
    (folder / "play.yml").write_text(yaml.safe_dump([play], sort_keys=False))
    book = folder / "asked"
    book.unlink(missing_ok=True)
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(collection),
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ASKED": str(book),
    }
    environment |= {"ANSIBLE_STDOUT_CALLBACK": "default", "ANSIBLE_CALLBACKS_ENABLED": "storefront.runbook.preload"}
    argv = ["ansible-playbook", "-i", "shop,", str(folder / "play.yml")]
    done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in book.read_text().splitlines()]


@pytest.mark.parametrize("inventory", INVENTORIES)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_each_platform_is_asked_for_what_it_was_asked_for_before(
    collection: Path, tmp_path: Path, platform: str, inventory: str
) -> None:
    verbs, own = INVENTORIES[inventory]
    variables = {**COMMON, **PLATFORMS[platform], **own, "backend_platform": platform}
    defaults = {f"group/storefront.runbook.{group}": f"{{{{ {options} }}}}" for group, options in GROUPS.items()}
    found = {name: asked(collection, tmp_path, variables, tasks_of(name), defaults) for name in verbs}
    samples = json.loads(SAMPLES.read_text()) if SAMPLES.exists() else {}
    if os.environ.get("UPDATE_SAMPLES"):
        samples.setdefault(platform, {})[inventory] = found
        SAMPLES.write_text(json.dumps(samples, indent=1, sort_keys=True) + "\n")
    assert found == samples[platform][inventory]


def test_each_platform_gets_its_own_token_and_no_other(collection: Path, tmp_path: Path) -> None:
    groups = {
        "railway": {"api_token": "of Railway", "project": "p1"},
        "render": {"api_token": "of Render"},
        "vercel": {"api_token": "of Vercel"},
    }
    groups |= {
        "cloudflare": {"api_token": "of Cloudflare"},
        "store": {"store": "file:///srv/store"},
        "lease": {"lease": "7"},
    }
    defaults = {f"group/storefront.runbook.{name}": options for name, options in groups.items()}
    defaults["storefront.runbook.render_info"] = {"path": "/srv/shop"}
    works: dict[str, dict[str, Any]] = {
        "service": {"state": "stopped"},
        "info": {},
        "variables": {"variables": {"A": "1"}},
    }
    each = [(platform, work) for platform in PLATFORMS for work in works]
    tasks: list[dict[str, Any]] = [
        {"name": "Work", f"storefront.runbook.backend_{work}": {"platform": platform, "service": "api", **works[work]}}
        for platform, work in each
    ]
    tasks.append(
        {
            "name": "Its own",
            "storefront.runbook.backend_info": {"platform": "railway", "service": "api", "api_token": "of the task"},
        }
    )
    found = asked(collection, tmp_path, {}, tasks, defaults)
    railway, render, written = (
        {"api_token": "of Railway", "project": "p1"},
        {"api_token": "of Render"},
        {"store": "file:///srv/store", "lease": "7"},
    )
    assert [(one["module"], one["options"]) for one in found] == [
        ("railway_service", {**railway, **written, "service": "api", "state": "stopped"}),
        ("railway_info", {**railway, "service": "api"}),
        ("railway_variables", {**railway, **written, "service": "api", "variables": {"A": "1"}}),
        ("render_service", {**render, **written, "service": "api", "state": "stopped"}),
        ("render_info", {**render, "path": "/srv/shop", "service": "api"}),
        ("render_env", {**render, **written, "service": "api", "variables": {"A": "1"}}),
        ("railway_info", {"api_token": "of the task", "project": "p1", "service": "api"}),
    ]
