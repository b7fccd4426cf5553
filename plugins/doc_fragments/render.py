# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that identify a Render service and the key for it."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  api_token:
    description:
      - API key for Render. Never shown, logged or written to disk.
      - The environment variable E(RENDER_API_KEY) is used when this option is not set.
    type: str
    required: true
  api_url:
    description:
      - URL of Render's API. Change it for tests and proxies only.
    type: str
    default: https://api.render.com/v1
  service:
    description:
      - Id (C(srv-...)) or name of the service.
    type: str
    required: true
"""
