# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that locate the migrations of a release and limit how long they may block the database."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  path:
    description:
      - Folder of the project. With O(ref) it is a git repository on the controller.
    type: path
    required: true
  migrations:
    description:
      - Folder of the migrations inside O(root_directory).
    type: str
    default: prisma/migrations
  lock_timeout:
    description:
      - Seconds that a statement may wait for a lock. V(0) sets no limit. While it waits, other sessions that need the
        same table wait behind it.
    type: float
    default: 5.0
  statement_timeout:
    description:
      - Seconds that one statement may take. V(0) sets no limit.
    type: float
    default: 0.0
"""
