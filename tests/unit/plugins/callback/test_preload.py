# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is imported before the workers fork: every module, without a connection and without a thread."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from ansible import template
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play import Play
from ansible.template import Templar
from ansible.vars.manager import VariableManager
from ansible_collections.storefront.runbook.plugins.callback import preload

from conftest import COLLECTIONS, ROOT

# Tells what importing does that a fork must not inherit.
PROGRAM = """
import json, sys, threading, types
from ansible.plugins.loader import init_plugin_loader
init_plugin_loader([])
from ansible_collections.storefront.runbook.plugins.callback import preload
callback = preload.CallbackModule()
asked = []
sys.addaudithook(lambda event, args: asked.append(event) if event in ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.fork") else None)
for name in json.loads(sys.argv[1]):
    callback.v2_playbook_on_task_start(types.SimpleNamespace(action=name), False)
loaded = [name for name in sys.modules if name.startswith(preload.MODULES + ".")]
print(json.dumps([asked, threading.active_count(), sorted(name.rpartition(".")[2] for name in loaded), "botocore.auth" in sys.modules]))
"""  # noqa: E501


def started(*tasks: str) -> list:
    argv = [sys.executable, "-c", PROGRAM, json.dumps(tasks)]
    done = subprocess.run(
        argv,
        cwd=COLLECTIONS,
        env={"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "HOME": "/nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_modules_are_imported_without_a_connection_a_program_or_a_thread() -> None:
    modules = sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py") if "def main" in path.read_text())
    assert started(*(f"storefront.runbook.{name}" for name in modules)) == [[], 1, modules, True]


def test_what_a_task_of_the_backend_may_run_is_imported_for_every_platform() -> None:
    assert started("storefront.runbook.backend_variables")[2] == ["railway_variables", "render_env"]


def test_a_module_is_imported_when_its_first_task_starts() -> None:
    assert started("ansible.builtin.debug", "storefront.runbook.nosuch", "storefront.runbook.cf_info")[2] == ["cf_info"]


def test_vars_files_of_this_collection_are_read_once_and_as_ansible_reads_them() -> None:
    loader, play = play_with("{{ 'play' if inventory_hostname is defined else 'no_host' }}.yml")
    file = str(ROOT / "playbooks/vars/play.yml")
    read = read_by_ansible(loader, file)
    preload.read_vars_files(play)
    first = read_by_ansible(loader, file)
    assert first == read
    assert first is read_by_ansible(loader, file), "the loader returns what it has read"
    value = first["ansible_python_interpreter"]
    assert Templar(loader, {"ansible_playbook_python": "/usr/bin/python3"}).template(value) == "/usr/bin/python3"


def test_vars_files_of_other_playbooks_are_read_each_time(tmp_path: Path) -> None:
    (tmp_path / "own.yml").write_text("own: 1")
    loader, play = play_with(str(tmp_path / "own.yml"), "nosuch.yml", ["nosuch.yml", "play.yml"], "{{ nosuch }}.yml")
    preload.read_vars_files(play)
    (tmp_path / "own.yml").write_text("own: 2")
    assert read_by_ansible(loader, str(tmp_path / "own.yml")) == {"own": 2}


def play_with(*vars_files: Any) -> tuple[DataLoader, Play]:
    loader = DataLoader()
    loader.set_basedir(str(ROOT / "playbooks"))
    data = {"hosts": "localhost", "vars_files": [trusted(file) for file in vars_files], "tasks": []}
    return loader, Play.load(data, variable_manager=VariableManager(loader=loader), loader=loader)


def trusted(name: Any) -> Any:
    """What stands in a playbook is a template, in the eyes of ansible-core 2.19 and later."""
    return getattr(template, "trust_as_template", str)(name) if isinstance(name, str) else name


def read_by_ansible(loader: DataLoader, file: str) -> Any:
    """Read a file as ansible-core's variable manager does."""
    known = inspect.signature(loader.load_from_file).parameters
    trusted = {"trusted_as_template": True} if "trusted_as_template" in known else {}
    return loader.load_from_file(file, unsafe=True, cache="vaulted", **trusted)
