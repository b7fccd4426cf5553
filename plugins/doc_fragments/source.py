# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a release."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  path:
    description:
      - A folder with the files, or with O(ref) a git repository on the controller.
    type: path
  ref:
    description:
      - Tag, branch or commit in the git repository at O(path). Its committed files are used; the work tree is never read.
    type: str
  root_directory:
    description:
      - Folder inside of O(path) that holds the application.
    type: str
    default: ""
"""
