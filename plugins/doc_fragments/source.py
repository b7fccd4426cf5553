# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that locate the files of a release."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  path:
    description:
      - Folder with the files. With O(ref) it is a git repository on the controller.
    type: path
  ref:
    description:
      - Tag, branch or commit in the git repository at O(path). The module uses the committed files and never reads the
        work tree.
    type: str
  root_directory:
    description:
      - Folder inside O(path) that holds the application.
    type: str
    default: ""
"""
