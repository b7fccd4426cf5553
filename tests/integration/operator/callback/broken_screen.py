# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator's screen with a fault in it."""

from __future__ import annotations

DOCUMENTATION = r"""
name: broken_screen
type: stdout
short_description: The operator's screen with a fault in it
description: For tests.
extends_documentation_fragment:
  - default_callback
  - result_format_callback
"""

from ansible_collections.storefront.runbook.plugins.callback.operator import CallbackModule as Operator
from ansible_collections.storefront.runbook.plugins.plugin_utils.screen import run


class CallbackModule(Operator):
    CALLBACK_NAME = "broken_screen"

    def __init__(self):
        super().__init__()
        run.Run.take = lambda self, event: event.no_such_thing
