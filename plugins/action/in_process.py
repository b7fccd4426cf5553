# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a module of this collection in a fork of Ansible's worker instead of a new Python: docs/engine.md.

Everything before and after the module (arguments, results, no_log, warnings, loops, retries) stays ansible-core's: only
the three methods that build and start a module's process are replaced, and only where the module can run in process.
"""

from __future__ import annotations

import importlib
import json
import logging
import multiprocessing
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.executor import module_common
from ansible.module_utils import basic
from ansible.module_utils.common import json as module_json
from ansible.module_utils.common import warnings as module_warnings
from ansible.module_utils.common.text.converters import to_text
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action.normal import ActionModule as Normal
from ansible.utils.display import Display

from ..module_utils.core import fork, progress
from ..module_utils.core.option_names import renamed
from ..module_utils.core.process import die_with_parent
from ..module_utils.release.variable_names import OPTIONS
from ..plugin_utils.option_variables import defaults_of, option_variables

SWITCH = "runbook_in_process"
PROFILE = "legacy"  # how ansible-core 2.19 and later encode what an ordinary module receives and returns
SINCE_2_19 = hasattr(module_common, "_BuiltModule")
FRAME = re.compile(r'File "[^"\n]*?(?P<file>[^/"\n]+)", line (?P<line>\d+), in (?P<function>\S+)')
LOCALLY = (
    "The modules of this collection run on the controller: add -c local, or set ansible_connection: local for the host."
)
RAISED = re.compile(r"^(?P<name>[A-Za-z_][\w.]*)(?::|$)")


class ActionModule(Normal):
    _in_process = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        variables = task_vars or {}
        self._host = variables.get("inventory_hostname", "")
        reason = self._why_ordinary(variables)
        self._in_process = reason is None
        if reason:
            Display().vv(f"{self._runs} runs as an ordinary module: {reason}", host=self._host)
        try:
            return self._in_words_of_the_inventory(with_a_reason(self._runs, super().run(tmp, task_vars)), variables)
        except AnsibleConnectionFailure as error:
            raise AnsibleConnectionFailure(f"{str(error).rstrip('. ')}. {LOCALLY}") from None

    def _in_words_of_the_inventory(self, result: dict[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        """Return a result whose failure names the inventory's variables instead of the module's options."""
        if not result.get("failed"):
            return result
        written = getattr(self._task, "_ds", None) or {}
        play = getattr(getattr(self._task, "_parent", None), "_play", None)
        defaults = defaults_of(self._runs, self._task.module_defaults, getattr(play, "_action_groups", None) or {})
        names = option_variables([*defaults, written.get("args"), written.get(self._task.action)], variables, OPTIONS)
        for place, key in ((result, "msg"), (result.get("error"), "message")):
            if isinstance(place, dict) and isinstance(place.get(key), str):
                place[key] = renamed(place[key], names)
        return result

    @property
    def _runs(self) -> str:
        """The module's name for people."""
        return self._task.action

    def _why_ordinary(self, variables: Mapping[str, Any]) -> str | None:
        """Return why the module cannot run in process; None when it can."""
        if not self._switched_on(variables):
            return f"{SWITCH} is false"
        if sys.platform == "darwin":
            return "a forked process crashes in macOS's own frameworks"
        if missing := missing_names():
            return f"this ansible-core has no {', '.join(missing)}"
        if self._task.async_val:
            return "async"
        if self._connection.transport != "local":
            return f"the connection is {self._connection.transport}"
        if self._connection.become:
            return "become"
        interpreter = self._interpreter(variables)
        return None if is_this_python(interpreter) else f"the interpreter is {interpreter}"

    def _switched_on(self, variables: Mapping[str, Any]) -> bool:
        wanted = self._templar.template(variables.get(SWITCH, True))
        try:
            return boolean(wanted)
        except TypeError:
            raise AnsibleActionFail(f"{SWITCH} is {wanted!r}. Set it to true or false.") from None

    def _interpreter(self, variables: Mapping[str, Any]) -> str:
        """The Python that an ordinary module would get, or ``auto…`` where Ansible would search for one."""
        if self._task.delegate_to:
            variables = variables.get("ansible_delegated_vars", {}).get(self._task.delegate_to, {})
        return self._templar.template(constants.config.get_config_value("INTERPRETER_PYTHON", variables=variables))

    def _is_pipelining_enabled(self, *args: Any, **options: Any) -> bool:
        return self._in_process or super()._is_pipelining_enabled(*args, **options)

    def _configure_module(self, module_name: str, module_args: dict[str, Any], task_vars: Mapping[str, Any]) -> Any:
        """Encode the arguments as core does, and build nothing around them."""
        if not self._in_process:
            return super()._configure_module(module_name, module_args, task_vars)
        found = self._shared_loader_obj.module_loader.find_plugin_with_context(
            module_name, ".py", collection_list=self._task.collections
        )
        self._module = python_name(found.resolved_fqcn)
        shebang, path = f"#!{sys.executable}", found.plugin_resolved_path
        data = json.dumps({"ANSIBLE_MODULE_ARGS": module_args}, **encoding()).encode()
        if not SINCE_2_19:
            return "new", shebang, data, path
        return (
            module_common._BuiltModule(
                b_module_data=data, module_style="new", shebang=shebang, serialization_profile=PROFILE
            ),
            path,
        )

    def _low_level_execute_command(
        self, cmd: str, sudoable: bool = True, in_data: bytes | None = None, *args: Any, **options: Any
    ) -> dict[str, Any]:
        if not self._in_process or in_data is None:
            return super()._low_level_execute_command(cmd, sudoable, in_data, *args, **options)
        environment: dict[str, Any] = {}
        self._compute_environment_string(environment)
        module = Module(
            self._module, in_data, {name: str(value) for name, value in environment.items()}, self._loader.get_basedir()
        )
        end_with_the_controller()
        ended = fork.run(module, None if self._task.no_log else self._show)
        out, err = (to_text(stream, errors="surrogate_then_replace") for stream in (ended.stdout, ended.stderr))
        return {
            "rc": ended.code,
            "stdout": out,
            "stdout_lines": out.splitlines(),
            "stderr": err,
            "stderr_lines": err.splitlines(),
        }

    def _show(self, line: str) -> None:
        lasting = line.startswith(progress.LASTING)
        prefix = progress.SHOWN if lasting else progress.PREFIX
        with fork.uninterrupted():
            Display().display(f"{prefix}{self._host}: {line.removeprefix(progress.LASTING)}")


class Module:
    """A module's ``main()``, called as if in a process of its own: ``arguments`` is what would come on
    stdin, ``folder`` its working directory.
    """

    def __init__(self, name: str, arguments: bytes, environment: Mapping[str, str], folder: str) -> None:
        self.name, self.arguments, self.environment, self.folder = name, arguments, environment, folder

    def __call__(self) -> None:
        os.environ.update(self.environment)
        os.chdir(self.folder)
        sys.argv = [self.name]
        forget_the_controller()
        basic._ANSIBLE_ARGS = self.arguments
        if SINCE_2_19:
            basic._ANSIBLE_PROFILE = PROFILE
        importlib.import_module(self.name).main()


def forget_the_controller() -> None:
    """Reset what this process has inherited, so that a module finds what it would find in a new Python."""
    logging.getLogger().handlers.clear()  # libraries must not write to the log of ANSIBLE_LOG_PATH
    module_warnings._global_warnings.clear()
    module_warnings._global_deprecations.clear()
    tempfile.tempdir = None  # the task's environment may name another one
    time.tzset()
    if SINCE_2_19:
        from ansible.module_utils import _internal

        _internal.is_controller = False  # so that a warning goes into the result


def end_with_the_controller() -> None:
    """Have this worker end when the controller does: its fork then ends, too."""
    controller = multiprocessing.parent_process()
    if controller:
        die_with_parent(signal.SIGTERM)
        if os.getppid() != controller.pid:
            os.kill(os.getpid(), signal.SIGTERM)


def missing_names() -> list[str]:
    """The private names of ansible-core that this plugin needs and does not find."""
    wanted: dict[Any, list[str]] = {
        Normal: [
            "_configure_module",
            "_low_level_execute_command",
            "_is_pipelining_enabled",
            "_compute_environment_string",
        ],
        basic: ["_ANSIBLE_ARGS"],
        module_warnings: ["_global_warnings", "_global_deprecations"],
    }
    if SINCE_2_19:
        from ansible.module_utils import _internal

        wanted[basic].append("_ANSIBLE_PROFILE")
        wanted[module_json] = ["get_module_encoder", "Direction"]
        wanted[_internal] = ["is_controller"]
    return [name for owner, names in wanted.items() for name in names if not hasattr(owner, name)]


def encoding() -> dict[str, Any]:
    """The options of json.dumps with which ansible-core encodes a module's arguments."""
    if SINCE_2_19:
        return {"cls": module_json.get_module_encoder(PROFILE, module_json.Direction.CONTROLLER_TO_MODULE)}
    from ansible.parsing.ajson import AnsibleJSONEncoder

    return {"cls": AnsibleJSONEncoder, "vault_to_text": True}


def python_name(fqcn: str) -> str:
    """``storefront.runbook.pg_info`` as Python imports it."""
    namespace, collection, name = fqcn.split(".")
    return f"ansible_collections.{namespace}.{collection}.plugins.modules.{name}"


def is_this_python(interpreter: str | None) -> bool:
    """Whether an interpreter is the one that runs this; ``auto`` is. Another virtual environment is another
    one, even if it links to the same file.
    """
    if not interpreter or interpreter.startswith("auto"):
        return True
    path = Path(shutil.which(interpreter) or interpreter).expanduser()
    here = Path(sys.executable)
    return path.resolve() == here.resolve() and path.parent.resolve() == here.parent.resolve()


def with_a_reason(module: str, result: dict[str, Any]) -> dict[str, Any]:
    """Return a result. That of a module that returned none says how the module ended, not what it printed,
    which may contain secrets.
    """
    if "module_stdout" not in result:
        return result
    kept = {
        key: value for key, value in result.items() if key not in ("module_stdout", "module_stderr", "exception", "rc")
    }
    how, code = how_it_ended(int(result.get("rc") or 0), str(result.get("module_stderr", "")))
    message = (
        f"{module} {how} It may have changed something before that. Run the play again: every step can be repeated."
    )
    message += " If it happens again, report it with the versions of this collection and of ansible-core."
    error = {"kind": "internal", "code": code, "message": message, "retryable": False}
    return {**kept, "failed": True, "msg": message, "error": error}


def how_it_ended(code: int, trace: str) -> tuple[str, str]:
    """Return what ended a module without a result, as a sentence and as a code: a signal, or an exception
    and where, never with the exception's text.
    """
    if name := signal_name(code):
        cause = " The system may have run out of memory: see its log (journalctl -k)." if name == "SIGKILL" else ""
        return f"was ended by {name} before it gave a result.{cause}", name
    frames = list(FRAME.finditer(trace))
    raised = RAISED.match(trace.strip().rpartition("\n")[2])
    if frames and raised:
        where = f"{frames[-1]['function']} ({frames[-1]['file']}, line {frames[-1]['line']})"
        return (
            f"failed with {raised['name']} in {where}. The text of the error is not shown: it may hold secrets.",
            raised["name"],
        )
    return f"ended with exit code {code} and gave no result.", str(code)


def signal_name(code: int) -> str | None:
    """The signal of an exit code: minus its number, or 128 more than it, which is how a shell reports it."""
    number = -code if code < 0 else code - 128
    try:
        return signal.Signals(number).name
    except ValueError:
        return None
