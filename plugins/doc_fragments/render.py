# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that say which service at Render is meant, and how to get in."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  api_token:
    description:
      - Key of Render's API. Never shown, logged or written to disk.
      - The environment variable E(RENDER_API_KEY) is used when it is not set.
    type: str
    required: true
  api_url:
    description:
      - Address of Render's API; another one than the default is for tests and proxies.
    type: str
    default: https://api.render.com/v1
  service:
    description:
      - Id (C(srv-...)) or name of the service.
    type: str
    required: true
"""
