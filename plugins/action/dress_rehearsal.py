# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deploys a release in staging before it is deployed here; an action of our roles alone.

Its options are ``inventory`` and ``storefront`` of staging, ``release``, ``commit``, ``path`` of the checkout,
``surfaces``, and ``options``, which the deploy there gets too. It returns ``problems``, why it must not be rehearsed
there; ``rehearsal``, {inventory, storefront, release, live, seconds, record, planned}; ``evidence``; and ``ended``, the
time. In check mode nothing is deployed.

The deploy is another ansible-playbook. Two inventories of one run would share the group storefronts and its variables,
and variables of the command line, such as those of AWX's credentials, would win over those of staging.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible import context
from ansible.errors import AnsibleError
from ansible.inventory.manager import InventoryManager
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible.vars.manager import VariableManager

from ..module_utils.core import progress
from ..module_utils.core.amounts import duration
from ..module_utils.core.errors import ConfigError, RunbookError
from ..module_utils.core.fork import uninterrupted
from ..module_utils.core.process import ansibles_folder, kill, private_folder, spawn
from ..module_utils.core.redact import redact
from ..module_utils.release import dress_rehearsal as rules
from ..module_utils.release.evidence import stamp
from .in_process import end_with_the_controller

DEPLOY = Path(__file__).parents[2] / "playbooks" / "deploy.yml"
# Callbacks of the caller, such as those that write a job's events, would take the tasks in staging for its own.
ENVIRONMENT = {
    "ANSIBLE_STDOUT_CALLBACK": "storefront.runbook.operator",
    "ANSIBLE_CALLBACKS_ENABLED": "storefront.runbook.preload",
    "ANSIBLE_FORCE_COLOR": "0",
}
LINES = 15  # of what the deploy printed, where it left no report


class ActionModule(ActionBase):
    _VALID_ARGS = frozenset(("inventory", "storefront", "release", "commit", "path", "surfaces", "options"))
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        args, variables = self._task.args, task_vars or {}
        self._here, self._host = ansibles_folder() or Path.cwd(), variables.get("inventory_hostname", "")
        try:
            inventory, other, records = self._staging(variables)
            own = rules.Side(
                str(self._host),
                {**self._options(self._templar, variables), "source_path": args["path"]},
                args.get("commit") or rules.commit_of(args["path"], args["release"]),
            )
            surfaces, missing = rules.surfaces_of(args["surfaces"], other.options.get("surfaces"))
            found = list(rules.problems(own, other, args["release"]))
            if not surfaces:
                found.append(
                    f"{other.name} has none of the surfaces {', '.join(missing)}: there is nothing to rehearse"
                )
        except (RunbookError, AnsibleError, OSError) as error:
            found = [" ".join(redact(str(error)).split()).rstrip(".")]
        problems = [f"dress_rehearsal: {problem}" for problem in found]
        result |= {"changed": False, "problems": problems}
        if problems:
            return result | {"failed": not self._task.check_mode, "msg": "; ".join(problems)}
        rehearsal: dict[str, Any] = {"inventory": self._brief(inventory), "storefront": other.name}
        rehearsal |= {"release": args["release"], "live": other.live.get("release") or "nothing"}
        rehearsal |= {"surfaces": surfaces, "missing": missing}
        checks = self._task.check_mode and not context.CLIARGS.get("check")  # in preflight of a run that deploys
        result |= {"changed": not checks, "rehearsal": rehearsal}
        if self._task.check_mode:
            return result
        began = time.monotonic()
        given = {"release": args["release"], "commit": args.get("commit"), "surfaces": surfaces}
        code, report, output = self._deploy(inventory, other.name, {**given, **(args.get("options") or {})})
        rehearsal["seconds"] = round(time.monotonic() - began, 1)
        if code:
            return result | {"failed": True, "msg": failure(rehearsal, report, output)}
        steps = report.get("steps") or []
        rehearsal |= {"planned": rules.planned(records, steps, own.commit), "record": report.get("record", "")}
        now = datetime.now(UTC)
        return result | {"evidence": rules.evidence(rehearsal, now), "ended": stamp(now)}

    def _staging(self, variables: Mapping[str, Any]) -> tuple[Path, rules.Side, Sequence[rules.Record]]:
        """Return the inventory, the storefront there, and the newest records of its ledger."""
        sources = [str(source) for source in variables.get("ansible_inventory_sources") or []]
        inventory = rules.inventory_of(str(self._task.args["inventory"]), sources, self._here)
        manager = InventoryManager(loader=self._loader, sources=[str(inventory)])
        group = manager.groups.get("storefronts")
        names = [host.get_name() for host in group.get_hosts()] if group else []
        wanted = str(self._task.args.get("storefront") or "")
        name = rules.storefront_of(names, wanted, str(self._host), inventory)
        loaded = VariableManager(loader=self._loader, inventory=manager)
        loaded._extra_vars = {}  # those of this run are not for staging
        there = loaded.get_vars(host=manager.get_host(name), include_hostvars=False)
        there |= {"ansible_playbook_python": sys.executable, "inventory_dir": str(folder_of(inventory))}
        options = self._options(self._templar.copy_with_new_env(available_variables=there), there)
        source = str(folder_of(inventory) / Path(str(options.get("source_path") or ".")).expanduser())
        return inventory, *rules.staging(name, {**options, "source_path": source}, self._task.args["release"])

    def _brief(self, path: Path) -> str:
        """Return a path as a person in the folder of the run writes it."""
        return str(path.relative_to(self._here) if path.is_relative_to(self._here) else path)

    def _options(self, templar: Any, variables: Mapping[str, Any]) -> dict[str, Any]:
        found = {}
        for name in (one for one in rules.READ if one in variables):
            try:
                found[name] = templar.template(variables[name])
            except Exception as error:  # Ansible has many classes for it
                first = redact(str(error)).split("\n", maxsplit=1)[0]
                where = variables.get("inventory_hostname")
                raise ConfigError(f"{name} of {where} cannot be read: {first}") from None
        return found

    def _deploy(self, inventory: Path, name: str, given: Mapping[str, Any]) -> tuple[int, dict[str, Any], str]:
        """Return the exit code of the deploy, its report, and the end of what it printed."""
        end_with_the_controller()
        with private_folder("dress-rehearsal-") as folder, self._vault() as (vault, descriptors):
            report, printed = folder / "report.json", folder / "stdout"
            extra = {**{key: value for key, value in given.items() if value}, "notify_report_path": str(report)}
            program = Path(sys.executable).with_name("ansible-playbook")
            argv = [str(program) if program.exists() else shutil.which("ansible-playbook") or "ansible-playbook"]
            argv += [str(DEPLOY), "-i", str(inventory), "--limit", name, *vault]
            argv += ["-e", json.dumps({**extra, "dress_rehearsal": "none"})]
            with printed.open("wb") as output:
                process = spawn(
                    argv,
                    cwd=self._here,
                    env={**os.environ, **ENVIRONMENT},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    pass_fds=descriptors,
                )
                try:
                    self._follow(process, printed, name)
                finally:
                    kill(process)
            text = printed.read_text(errors="replace")
            return process.returncode, json.loads(report.read_text()) if report.exists() else {}, text

    def _follow(self, process: subprocess.Popen[bytes], printed: Path, name: str) -> None:
        """Show the last line of the deploy until it ends."""
        shown = ""
        while process.poll() is None:
            lines = printed.read_text(errors="replace").splitlines()
            last = next((line.strip() for line in reversed(lines) if line.strip()), "")
            if last != shown:
                with uninterrupted():
                    Display().display(f"{progress.PREFIX}{self._host}: {name}: {progress.one_line(last)}")
                shown = last
            time.sleep(0.5)

    @contextmanager
    def _vault(self) -> Iterator[tuple[list[str], list[int]]]:
        """Pass the passwords of the vault on through pipes: a prompt, or AWX's credential, has them nowhere else."""
        secrets = getattr(getattr(self._loader, "_vault", None), "secrets", None) or []
        argv: list[str] = []
        descriptors: list[int] = []
        for label, secret in secrets:
            reading, writing = os.pipe()
            os.write(writing, secret.bytes)
            os.close(writing)
            descriptors.append(reading)
            argv += ["--vault-id", f"{label}@/dev/fd/{reading}"]
        try:
            yield argv, descriptors
        finally:
            for descriptor in descriptors:
                os.close(descriptor)


def folder_of(inventory: Path) -> Path:
    return inventory if inventory.is_dir() else inventory.parent


def failure(rehearsal: Mapping[str, Any], report: Mapping[str, Any], output: str) -> str:
    """Return what failed in staging, and where."""
    where = f"{rehearsal['storefront']} of {rehearsal['inventory']}"
    why = str(report.get("message") or "\n".join(output.strip().splitlines()[-LINES:]))
    return (
        f"The dress rehearsal of {rehearsal['release']} failed in {where} after {duration(rehearsal['seconds'])}."
        f" Nothing was changed here. {why}"
    )
