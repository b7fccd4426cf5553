# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module of the backend's platform: one set of tasks serves them all.
module_utils/release/platforms.py chooses.
"""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.executor import module_common

from ..module_utils.release.platforms import module_for
from .in_process import SINCE_2_19
from .in_process import ActionModule as InProcess

COLLECTION = "storefront.runbook."


class ActionModule(InProcess):
    _chosen = ""
    _options: dict[str, Any]

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            name, options = module_for(self._task.action.removeprefix(COLLECTION), dict(self._task.args))
        except ValueError as problem:
            raise AnsibleActionFail(str(problem)) from None
        self._chosen = COLLECTION + name
        # a placeholder in core 2.18; later ones leave out what is omitted themselves
        omitted = (task_vars or {}).get("omit")
        self._options = {name: value for name, value in self._with_defaults(options).items() if value != omitted}
        return super().run(tmp, task_vars)

    @property
    def _runs(self) -> str:
        return self._chosen

    def _execute_module(
        self, module_name: str | None = None, module_args: dict[str, Any] | None = None, *rest: Any, **options: Any
    ) -> dict[str, Any]:
        return super()._execute_module(module_name or self._chosen, module_args or self._options, *rest, **options)

    def _with_defaults(self, options: dict[str, Any]) -> dict[str, Any]:
        """Add the module_defaults of the chosen module and of its groups, which Ansible adds to the options
        of the task's own name alone.
        """
        if SINCE_2_19:
            return module_common._apply_action_arg_defaults(self._chosen, self._task, options, self._templar)
        groups = self._task._parent._play._action_groups
        return module_common.get_action_args_with_defaults(
            self._chosen, options, self._task.module_defaults, self._templar, action_groups=groups
        )
