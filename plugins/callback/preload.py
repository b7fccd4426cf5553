# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: preload
type: notification
short_description: Import a module and its libraries once
description:
  - Imports each module of this collection in the controller when its first task starts. The processes in which tasks
    run are forks of the controller,
    so each of them has the module and its libraries.
  - It only saves time. Importing opens no connections.
  - It also reads the C(vars_files) of this collection's playbooks once in a run. Ansible would read them again for each
    task.
  - On Linux it also keeps compiled Jinja templates for the tasks that follow. Ansible would compile a template again
    for each task that needs it.
  - It also makes Ansible write each line at once. Otherwise Ansible writes to a file or a pipe, such as a CI log, only
    when a task starts, which is
    too late for progress.
requirements:
  - Enable it in C(callbacks_enabled).
"""

import contextlib
import gc
import importlib
import inspect
import io
import sys
from pathlib import Path
from typing import Any

from ansible.plugins import loader
from ansible.plugins.callback import CallbackBase
from ansible.template import Templar

from ..module_utils.release.platforms import modules_for
from ..plugin_utils.compiled import read_compiled
from ..plugin_utils.compiled_templates import compile_once

read_compiled()  # what follows, too


COLLECTION = "storefront.runbook."
MODULES = "ansible_collections.storefront.runbook.plugins.modules"
MODULE_UTILS = "ansible_collections.storefront.runbook.plugins.module_utils."
PLAYBOOKS = Path(__file__).resolve().parents[2] / "playbooks"

# One plugin of each kind that tasks need: otherwise each worker searches for them again.
PLUGINS = (
    (loader.action_loader, "storefront.runbook.in_process"),
    (loader.connection_loader, "ansible.builtin.local"),
    (loader.filter_loader, "ansible.builtin.default"),
    (loader.filter_loader, "storefront.runbook.deploy_phases"),  # and with it all filters of this collection
    (loader.test_loader, "ansible.builtin.defined"),
    (loader.lookup_loader, "ansible.builtin.env"),
)


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "storefront.runbook.preload"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._prepared: set[str] = set()
        self._templates = compile_once()
        for plugins, name in PLUGINS:
            plugins.get(name, class_only=True)
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(line_buffering=True)

    def v2_playbook_on_play_start(self, play: Any) -> None:
        read_vars_files(play)

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        action = str(task.action)  # resolved_action is the action plugin
        if action.startswith(COLLECTION):
            with contextlib.suppress(Exception):  # the task itself reports the error
                for module in modules_for(action.removeprefix(COLLECTION)):
                    self._import(f"{MODULES}.{module}")
        if self._templates:
            self._templates.collect()
        gc.freeze()  # the garbage collector of a fork would copy every page that it scans

    def _import(self, name: str) -> None:
        """Import a module, and call ``preload`` of each file it uses that has such a function."""
        importlib.import_module(name)
        for used in [used for used in sys.modules if used.startswith(MODULE_UTILS) and used not in self._prepared]:
            self._prepared.add(used)
            prepare = getattr(sys.modules[used], "preload", None)
            if prepare:
                prepare()


def read_vars_files(play: Any) -> None:
    """Read the ``vars_files`` of a play into Ansible's loader, which then reads them no more."""
    loader = play.get_loader()
    templar = Templar(loader, variables={"inventory_hostname": "any"})  # a name may depend on whether there is a host
    for name in play.get_vars_files():
        with contextlib.suppress(Exception):  # the play itself reports the error
            found = loader.path_dwim_relative_stack(play.get_search_path(), "vars", templar.template(name))
            if PLAYBOOKS in Path(found).resolve().parents:  # another play's file may change while it runs
                _read(loader, found)


def _read(loader: Any, file: str) -> None:
    """Read a file as Ansible reads ``vars_files``, but for all tasks: Ansible would save no result that is not
    encrypted.
    """
    known = inspect.signature(loader.load_from_file).parameters
    trusted = {"trusted_as_template": True} if "trusted_as_template" in known else {}  # since ansible-core 2.19
    loader.load_from_file(file, cache="all", unsafe=True, **trusted)
