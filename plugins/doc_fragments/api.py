# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of every module that calls a vendor's API."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  api_token:
    description:
      - API token of the vendor. Never shown, logged or written to disk.
    type: str
    required: true
  api_url:
    description:
      - URL of the vendor's API. Change it for tests and proxies only.
    type: str
  timeout:
    description:
      - Seconds for one attempt of a request, up to the last byte of the response. A request with its retries takes at
        most six times this value and at most 180 seconds. An upload gets one extra second for each 64 KiB.
      - If a rate limit ends within that time, the module waits for it. If it ends later, the module fails at once, and
        the error says when to rerun the task.
    type: float
    default: 30.0
  unreachable_timeout:
    description:
      - Seconds during which the module retries a request that gets no response, because the connection is refused or
        lost or the request times out. One attempt takes no longer either. By default, and at most, as long as any other
        request.
      - The playbooks set it to 10 as long as a run has not changed anything.
    type: float
  allow_plain_http:
    description:
      - Allows secrets to be sent over plain HTTP to another machine. Secrets are tokens, webhooks, secret headers of
        probes and credentials of the store. The module refuses this by default. The local machine (V(127.0.0.0/8),
        V(::1), V(localhost)) is always allowed.
    type: bool
    default: false
"""
