# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that control how long a module waits."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  wait:
    description:
      - Whether to wait until the requested state is reached. If V(false), the module returns as soon as the vendor has
        accepted the request.
    type: bool
    default: true
  wait_timeout:
    description:
      - Seconds to wait before the task fails. The module does not undo what it started. A rerun continues to wait for
        it.
    type: float
    default: 900.0
  wait_interval:
    description:
      - Seconds between two checks.
    type: float
    default: 2.0
"""
