# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that identify a Vercel project and the token for it."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  api_token:
    description:
      - API token for Vercel, from the account settings. Never shown, logged or written to disk.
      - The environment variable E(VERCEL_TOKEN) is used when this option is not set.
    type: str
    required: true
  api_url:
    description:
      - URL of Vercel's API. Change it for tests and proxies only.
    type: str
    default: https://api.vercel.com
  team:
    description:
      - Id (C(team_...)) or slug of the team that owns the project. Leave it out for a personal account.
    type: str
  project:
    description:
      - Id (C(prj_...)) or name of the project.
    type: str
    required: true
"""
