# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An action that reports its progress as the collection's own does, and works until it may end: until the
file ``gate`` is there.
"""

from __future__ import annotations

import time
from pathlib import Path

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        for number in range(int(self._task.args.get("lines", 1))):
            Display().display(f".. {task_vars['inventory_hostname']}: {self._task.args['says']} {number}")
        give_up = time.monotonic() + 60
        while self._task.args.get("gate") and not Path(self._task.args["gate"]).exists():
            if time.monotonic() > give_up:
                return {**result, "failed": True, "msg": "the gate never opened"}
            time.sleep(0.02)
        return {**result, **(self._task.args.get("result") or {})}
