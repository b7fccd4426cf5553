# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long to wait for what was asked for."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  wait:
    description:
      - Whether to wait until the goal is reached. Without it the module returns as soon as the vendor took the request.
    type: bool
    default: true
  wait_timeout:
    description:
      - Seconds to wait before the task fails. What was started is not taken back; a rerun goes on waiting for it.
    type: float
    default: 900.0
  wait_interval:
    description:
      - Seconds between two looks.
    type: float
    default: 2.0
"""
