# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a backup is read and restored."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  prefix:
    description:
      - Where in the store backups are kept.
    type: str
    default: backups/
  identity:
    description:
      - Secret key of age, or the content of a file of C(age-keygen), for a backup that is encrypted. Never shown or logged.
    type: str
  identity_file:
    description:
      - File that holds the O(identity).
    type: path
  jobs:
    description:
      - How many connections restore at a time.
    type: int
    default: 3
  postgres_bin:
    description:
      - Folder of PostgreSQL's client programs. Without it those of the server's version are searched for, or else the next newer ones.
    type: path
"""
