# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that say what is approved, and who may approve it."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  storefront:
    description:
      - Name of the storefront.
    type: str
    required: true
  release:
    description:
      - The release, such as V(v1.2.3).
    type: str
    required: true
  commit:
    description:
      - Its full SHA. Without it, the commit that O(release) stands for in O(path).
    type: str
  path:
    description:
      - The shop's checkout on the controller, with the commit in it. Its work tree is not read.
    type: path
    required: true
  root_directory:
    description:
      - Folder in the repository that O(migrations) is inside of.
    type: str
    default: ""
  migrations:
    description:
      - Folder of Prisma's migrations. A release without it has none.
    type: str
    default: prisma/migrations
  approvers:
    description:
      - Who may approve a release.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - Name of the person.
        type: str
        required: true
      keys:
        description:
          - The person's public keys of ssh, each a line as in the file that ends with C(.pub).
        type: list
        elements: str
        default: []
      github:
        description:
          - The person's login at GitHub.
        type: str
      awx:
        description:
          - The person's user name at AWX.
        type: str
  awx_keys:
    description:
      - Public keys of ssh whose private ones AWX alone has, in a credential. With them AWX vouches for its users.
    type: list
    elements: str
    default: []
  by_others:
    description:
      - Whether the person who starts the deploy cannot approve it.
    type: bool
    default: true
  emergency:
    description:
      - Why this is an emergency. An emergency counts only approvals that were given for one.
    type: str
"""
