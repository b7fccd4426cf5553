# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option with which a module of a platform's variables rotates a secret."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  rotate:
    description:
      - Rotation of one secret among the variables. The old value comes from the platform and is not given.
    type: dict
    suboptions:
      state:
        description:
          - V(read) only reports in RV(rotation).
          - V(rotated) gives the variable its new value, which is I(value), or its URL with I(user) and I(password). Its
            present value goes to I(previous).
          - V(restored) gives the variable the value that is in I(previous), and removes that.
        type: str
        choices: [read, rotated, restored]
        required: true
      variable:
        description: Name of the variable.
        type: str
        required: true
      previous:
        description: Name of the variable that has the old value until the rotation ends.
        type: str
        required: true
      value:
        description: The new value. Never shown, logged or written to disk.
        type: str
      user:
        description: The new user of a URL.
        type: str
      password:
        description: The password of I(user). Never shown, logged or written to disk.
        type: str
"""
