# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How to reach a vendor's API."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  api_token:
    description:
      - Token of the vendor's API. Never shown, logged or written to disk.
    type: str
    required: true
  api_url:
    description:
      - Address of the vendor's API; another one than the default is for tests and proxies.
    type: str
  timeout:
    description:
      - Seconds for one attempt of a request, until its answer has arrived whole. With its retries a request ends within six times that, and within 180
        seconds; an upload has a second more for each 64 KiB.
      - A rate limit that clears within that time is waited for. One that clears later fails at once, and the error says when to run the task again.
    type: float
    default: 30.0
  allow_plain_http:
    description:
      - Allows a secret (a token, a webhook, a secret header of a probe, credentials of the store) to be sent over plain HTTP to another machine. Without
        it this is refused. This machine (V(127.0.0.0/8), V(::1), V(localhost)) is always allowed.
    type: bool
    default: false
"""
