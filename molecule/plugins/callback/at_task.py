# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does what a scenario asks for just before a task begins: switches a fault on, runs a statement, or kills this play.

AT_TASK names a JSON file with a list of {task | nth, fault | sql | signal | crash}: ``task`` is how the task's name
ends, ``nth`` its number, counted from 1; each entry is used once. With ``group`` the signal reaches all processes of
the terminal; ``crash`` is a function of a module, such as vercel_deploy.plan. What was done is appended to that file's
``.done``; the play's process id is in its ``.pid``, the names of the tasks that began in its ``.tasks``, and what came
of them in its ``.results``, a line for each.
"""

from __future__ import annotations

import importlib
import json
import os
import urllib.request
from contextlib import suppress
from pathlib import Path

import psycopg2
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: at_task
type: aggregate
short_description: Do something just before a task begins
description: For whole-deploy scenarios.
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "at_task"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.order = Path(os.environ["AT_TASK"])
        written = self.order.with_suffix(".writing")
        written.write_text(str(os.getpid()))
        written.rename(self.order.with_suffix(".pid"))  # whole: a test waits for this file and reads it
        self.waiting = json.loads(self.order.read_text())
        self.begun = 0

    def v2_playbook_on_task_start(self, task, is_conditional):
        self.begun += 1
        with self.order.with_suffix(".tasks").open("a") as begun:
            begun.write(f"{task.get_name()}\n")
        for entry in [entry for entry in self.waiting if self._is_at(entry, task)]:
            self.waiting.remove(entry)
            with self.order.with_suffix(".done").open("a") as done:
                done.write(f"{task.get_name()}\n")
            self._do(entry)

    def _is_at(self, entry, task):
        return entry["nth"] == self.begun if "nth" in entry else task.get_name().endswith(entry["task"])

    def v2_runner_on_ok(self, result):
        self._keep(result)

    def v2_runner_on_skipped(self, result):
        self._keep(result, skipped=True)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._keep(result, failed=True)

    def v2_runner_item_on_failed(self, result):
        self._keep(result, failed=True)

    def _keep(self, result, failed=False, skipped=False):
        name, outcome = _of(result, "task").get_name(), {**_of(result, "result"), "skipped": skipped}
        line = {"task": name, "failed": failed or bool(outcome.get("failed")), "result": outcome}
        with self.order.with_suffix(".results").open("a") as results:
            results.write(json.dumps(line, default=str) + "\n")

    def _do(self, entry):
        if "fault" in entry:
            headers = {"Authorization": f"Bearer {entry['token']}", "Content-Type": "application/json"}
            request = urllib.request.Request(f"{entry['url']}/faults", json.dumps(entry["fault"]).encode(), headers)  # noqa: S310
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20):
                pass
        if "sql" in entry:
            connection = psycopg2.connect(entry["database"])
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(entry["sql"])
            connection.close()
        if entry.get("group"):
            self._signal_group(entry["signal"])
        elif "signal" in entry:
            os.kill(os.getpid(), entry["signal"])
        if "crash" in entry:
            _crash(*entry["crash"].rsplit(".", 1))

    def _signal_group(self, number):
        """Send a signal as a terminal does, to this play and to what it started in its process group."""
        mark = f"AT_TASK={self.order}".encode()
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has ended
                pid = int(process.name)
                mine = mark in (process / "environ").read_bytes().split(b"\0") and os.getpgid(pid) == os.getpgrp()
                if mine and pid != os.getpid():
                    os.kill(pid, number)
        os.kill(os.getpid(), number)


def _crash(module, name):
    """Let a function of a module of the collection raise an exception that has its arguments in it."""

    def crash(*args, **kwargs):
        raise RuntimeError(f"crashed with {args} {kwargs}")

    setattr(importlib.import_module(f"ansible_collections.storefront.runbook.plugins.modules.{module}"), name, crash)


def _of(result, name):
    """Return a part of a result; ansible-core 2.18 has no public name for it."""
    return getattr(result, name) if hasattr(result, name) else getattr(result, f"_{name}")
