# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules of the checklist have in common."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  storefront:
    description:
      - Name of the storefront, for messages and for declarations that apply to some storefronts only.
    type: str
  at:
    description:
      - When the deploy would run, with a zone, such as V(2026-03-03T10:42:00-05:00). Without it, now.
    type: str
  started_by:
    description:
      - Who starts the deploy. An approval of that person alone does not count.
    type: str
  emergency:
    description:
      - Why this is an emergency. Checks that yield to an emergency, such as the window, the review and the documents,
        may then fail. Requires O(emergency_approvers).
    type: str
  emergency_approvers:
    description:
      - People who approved the emergency. At least one of them must not be O(started_by).
    type: list
    elements: str
    default: []
  stop:
    description:
      - Whether the task fails when the verdict is not V(go). The answers are in its result either way.
    type: bool
    default: true
"""
