# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is imported before the workers fork: every module, without a connection and without a thread."""

from __future__ import annotations

import json
import subprocess
import sys

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
