# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options for reading and restoring a backup."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  prefix:
    description:
      - Folder of the backups inside the store.
    type: str
    default: backups/
  identity:
    description:
      - Secret age key that decrypts an encrypted backup. The content of a file that C(age-keygen) wrote also works.
        Never shown or logged.
    type: str
  identity_file:
    description:
      - File with the secret age key, instead of O(identity).
    type: path
  jobs:
    description:
      - Number of connections that restore in parallel.
    type: int
    default: 3
"""
