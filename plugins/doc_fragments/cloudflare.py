# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that identify a Cloudflare zone."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  api_url:
    description:
      - URL of Cloudflare's API. Change it for tests and proxies only.
    type: str
    default: https://api.cloudflare.com/client/v4
  zone:
    description:
      - Name of the zone, such as V(shop.example), or its id.
    type: str
    required: true
"""
