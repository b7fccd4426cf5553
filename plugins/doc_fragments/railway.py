# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that identify a Railway service and the token for it."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  api_token:
    description:
      - API token for Railway. Never shown, logged or written to disk.
      - The environment variables E(RAILWAY_API_TOKEN) and E(RAILWAY_TOKEN) are used when this option is not set.
        Railway's own client expects a project token in the second one, so set O(token_type) as well.
    type: str
    required: true
  api_url:
    description:
      - URL of Railway's API. Change it for tests and proxies only.
    type: str
    default: https://backboard.railway.com
  allow_plain_http:
    description:
      - Allows secrets to be sent over plain HTTP to another machine. Secrets are tokens, webhooks, secret headers of
        probes and credentials of the store. The module refuses this by default. The local machine (V(127.0.0.0/8),
        V(::1), V(localhost)) is always allowed.
    type: bool
    default: false
  token_type:
    description:
      - V(account) is a token of an account or a workspace. V(project) is a token of a single environment of a project.
        Railway expects each in a different header and answers C(Not Authorized) to the wrong one.
    type: str
    choices: [account, project]
    default: account
  project:
    description:
      - Id of the project.
    type: str
    required: true
  environment:
    description:
      - Id or name of the environment.
    type: str
    required: true
  service:
    description:
      - Id or name of the service.
    type: str
    required: true
"""
