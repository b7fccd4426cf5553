# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that say which project at Vercel is meant, and how to get in."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  api_token:
    description:
      - Token of Vercel's API, from its account settings. Never shown, logged or written to disk.
      - The environment variable E(VERCEL_TOKEN) is used when it is not set.
    type: str
    required: true
  api_url:
    description:
      - Address of Vercel's API; another one than the default is for tests and proxies.
    type: str
    default: https://api.vercel.com
  team:
    description:
      - Team that owns the project, as its id (C(team_...)) or its slug. Leave it out for a personal account.
    type: str
  project:
    description:
      - Id (C(prj_...)) or name of the project.
    type: str
    required: true
"""
