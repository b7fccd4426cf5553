# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: results
type: aggregate
short_description: Append each result to the file that RESULTS names
description: A line of JSON for each. For tests/integration/test_in_process.py.
"""

import json
import os

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "test.probes.results"
    CALLBACK_NEEDS_ENABLED = True

    def _keep(self, event, result):
        line = {"event": event, "task": result._task.get_name(), "result": dict(result._result)}
        with open(os.environ["RESULTS"], "a") as results:  # noqa: PTH123
            results.write(json.dumps(line, default=str) + "\n")

    def v2_runner_on_ok(self, result):
        self._keep("ok", result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._keep("failed", result)

    def v2_runner_on_unreachable(self, result):
        self._keep("unreachable", result)

    def v2_runner_retry(self, result):
        self._keep("retry", result)
