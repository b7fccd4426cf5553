# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody else's callback with a fault in it."""

from __future__ import annotations

DOCUMENTATION = r"""
name: broken_other
type: notification
short_description: Somebody else's callback with a fault in it
description: For tests.
"""

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "broken_other"
    CALLBACK_NEEDS_ENABLED = True

    def v2_runner_on_ok(self, result):
        raise RuntimeError("the fault of another")

    def v2_playbook_on_stats(self, stats):
        raise RuntimeError("the fault of another at the end")
