# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start a playbook of storefront.runbook from a program, follow its phases, cancel it, and read its result.

Needs ansible-runner. ``README.md`` beside this file has an example. No secret is written to ansible-runner's folder:
secrets go to Ansible through a file of their own, which is deleted as the run ends, and of this program's environment
only the names in ``PASSED`` are passed on.
"""

from __future__ import annotations

import json
import os
import queue
import shlex
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ansible_runner
from ansible_runner.exceptions import AnsibleRunnerException

STARTED, ENDED, FAILED = "started", "ended", "failed"
KILLED = ("canceled", "timeout")  # ansible-runner's: nothing that the playbook has for its end happens
PASSED = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR")
RESULT = "result.json"  # in the folder that is kept: status, code and the reports
SCREEN = {"ANSIBLE_STDOUT_CALLBACK": "storefront.runbook.operator"}
MEMORY = Path("/dev/shm")  # noqa: S108  where there is one, a file with secrets never reaches a disk


@dataclass(frozen=True)
class Phase:
    """A step of a run, such as ``database.backup``, that started, ended or failed. ``at`` is the time in UTC."""

    storefront: str
    name: str
    state: str
    at: str


@dataclass(frozen=True)
class Result:
    """How a run ended. ``status`` is ansible-runner's: successful, failed, canceled or timeout. ``reports`` is the JSON
    document of each storefront, with ``outcome`` and ``message``. That of a storefront in which the run was killed has
    the outcome ``cancelled`` and the step. ``output`` is what the run has printed, which says why where there is no
    report.
    """

    status: str
    code: int
    reports: Mapping[str, Mapping[str, Any]]
    output: str = ""

    @property
    def ok(self) -> bool:
        return self.status == "successful" and self.code == 0


@dataclass
class Phases:
    """Reads phases and reports from ansible-runner's events."""

    reports: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    _current: dict[str, str] = field(default_factory=dict)  # the step of each storefront
    _latest: dict[str, str] = field(default_factory=dict)  # the same, also after it has ended; "" before the first

    def read(self, event: Mapping[str, Any]) -> Iterator[Phase]:
        data = event.get("event_data") or {}
        if event.get("event") == "playbook_on_stats":
            self.reports |= (data.get("artifact_data") or {}).get("storefront_reports") or {}
        if data.get("host") and data["host"] != "localhost":
            self._latest.setdefault(str(data["host"]), "")
        result = data.get("res")
        facts = result.get("ansible_facts") if isinstance(result, Mapping) else None
        if event.get("event") != "runner_on_ok" or not isinstance(facts, Mapping):
            return
        storefront, at = str(data.get("host", "")), str(event.get("created", ""))
        failed, step = facts.get("release_failure"), facts.get("release_step")
        ended = self._current.pop(storefront, "") if failed or isinstance(step, Mapping) else ""
        if ended:
            yield Phase(storefront, ended, FAILED if failed else ENDED, at)
        if isinstance(step, Mapping) and step.get("name"):
            self._current[storefront] = self._latest[storefront] = str(step["name"])
            yield Phase(storefront, str(step["name"]), STARTED, at)

    def killed(self) -> None:
        """Report each storefront that had begun and has no end."""
        for storefront, step in self._latest.items():
            when = "during" if storefront in self._current else "after"
            where = f"{when} {step}" if step else "before its first step"
            message = (
                f"The run was killed {where}. What it left is settled by the next deploy, when the lease has expired."
            )
            cancelled = {"storefront": storefront, "outcome": "cancelled", "step": step, "message": message}
            self.reports.setdefault(storefront, cancelled)


class Run:
    """A run in a thread of its own. Iterate over ``phases()`` or call ``result()``; both wait until it has ended."""

    def __init__(self, settings: Mapping[str, Any], secrets: Mapping[str, Any], folder: Path, keep: bool) -> None:
        self.folder, self._keep, self._cancelled, self._output = folder, keep, False, ""
        self._queue: queue.SimpleQueue[Phase | None] = queue.SimpleQueue()
        self._reader = Phases()
        self._secrets = _secret_file(secrets)
        command = f"{settings['cmdline']} -e @{self._secrets}" if self._secrets else settings["cmdline"]
        hooks = {"event_handler": self._event, "cancel_callback": lambda: self._cancelled}
        try:
            self._runner = ansible_runner.interface.init_runner(**{**settings, "cmdline": command, **hooks})
            self._runner.config.env = passed_on(self._runner.config.env)
        except BaseException:
            self._clean()
            raise
        self._thread = threading.Thread(target=self._run, name="storefront-run")
        self._thread.start()

    def phases(self) -> Iterator[Phase]:
        """Yield each phase as it starts, ends or fails, until the run has ended."""
        while (phase := self._queue.get()) is not None:
            yield phase
        self._queue.put(None)  # for another reader

    def cancel(self) -> None:
        """Kill the run. What it left is settled by the next deploy; its lease expires after at most five minutes."""
        self._cancelled = True

    def result(self) -> Result:
        """Wait until the run has ended, and return how."""
        self._thread.join()
        return Result(self._runner.status, int(self._runner.rc or 0), dict(self._reader.reports), self._output)

    def _run(self) -> None:
        try:
            self._runner.run()
            with suppress(AnsibleRunnerException), self._runner.stdout as printed:  # it may have died before it printed
                self._output = printed.read()
            if self._runner.status in KILLED:
                self._reader.killed()
            if self._keep:
                self._save()
        finally:
            self._clean()
            self._queue.put(None)

    def _save(self) -> None:
        """Save the result beside the artefacts, also that of a run that was killed and could not report."""
        status, code = self._runner.status, int(self._runner.rc or 0)
        document = {"status": status, "code": code, "reports": self._reader.reports}
        (self.folder / RESULT).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")

    def _event(self, event: Mapping[str, Any]) -> bool:
        for phase in self._reader.read(event):
            self._queue.put(phase)
        return True

    def _clean(self) -> None:
        if self._secrets:
            self._secrets.unlink(missing_ok=True)
        if not self._keep:
            shutil.rmtree(self.folder, ignore_errors=True)


def start(
    playbook: str,
    *,
    project: Path,
    inventory: str,
    options: Mapping[str, Any] | None = None,
    secrets: Mapping[str, Any] | None = None,
    check: bool = False,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Run:
    """Start a playbook and return at once.

    ``project`` is the operations project (see init.yml); ``playbook`` and ``inventory`` are paths in it, or the
    playbook is such as ``storefront.runbook.deploy``. ``options`` and ``secrets`` are what comes with -e. ``folder``
    keeps ansible-runner's artefacts and the result (``RESULT``); without it they are deleted. ``environment`` is added
    to the environment, and kept in the artefacts: never give it a secret. Raises FileNotFoundError where the project,
    or what is named in it, is not there.
    """
    project = project.resolve()  # Ansible runs in it, so nothing may be relative to this program's folder
    named = [project / inventory, *([project / playbook] if playbook.endswith((".yml", ".yaml")) else [])]
    for path in (project, *named):
        if not path.exists():
            raise FileNotFoundError(
                f"There is no {path}. Name the folder of an operations project, and an inventory and a playbook in it."
            )
    private = folder.resolve() if folder else Path(tempfile.mkdtemp(prefix="storefront-run-"))
    private.mkdir(mode=0o700, parents=True, exist_ok=True)
    given = private / "options.json"
    given.write_text(json.dumps(dict(options or {})), encoding="utf-8")
    settings: dict[str, Any] = {
        "private_data_dir": str(private),
        "project_dir": str(project),
        "playbook": playbook,
        "inventory": str(project / inventory),
        "cmdline": f"-e {shlex.quote(f'@{given}')}{' --check' if check else ''}",
        "envvars": {**SCREEN, **(environment or {})},
        "quiet": True,
    }
    return Run(settings, dict(secrets or {}), private, keep=folder is not None)


def passed_on(environment: Mapping[str, Any]) -> dict[str, Any]:
    """Return the environment without this program's own variables, except for the names in ``PASSED``: ansible-runner
    writes all of it to its artefacts.
    """
    return {
        name: value
        for name, value in environment.items()
        if name in PASSED or name.startswith("ANSIBLE_") or os.environ.get(name) != value
    }


def _secret_file(secrets: Mapping[str, Any]) -> Path | None:
    """Write the secrets to a file that only this account reads."""
    if not secrets:
        return None
    number, name = tempfile.mkstemp(prefix="storefront-", suffix=".json", dir=MEMORY if MEMORY.is_dir() else None)
    with os.fdopen(number, "w", encoding="utf-8") as file:
        json.dump(dict(secrets), file)
    return Path(name)
