# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that say which service at Railway is meant, and how to get in."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  api_token:
    description:
      - Token of Railway's API. Never shown, logged or written to disk.
      - The environment variables E(RAILWAY_API_TOKEN) and E(RAILWAY_TOKEN) are used when it is not set. Railway's own client takes the second one for
        a project token, so set O(token_type) as well.
    type: str
    required: true
  api_url:
    description:
      - Address of Railway's API; another one than the default is for tests and proxies.
    type: str
    default: https://backboard.railway.com
  allow_plain_http:
    description:
      - Allows a secret (a token, a webhook, a secret header of a probe, credentials of the store) to be sent over plain HTTP to another machine. Without
        it this is refused. This machine (V(127.0.0.0/8), V(::1), V(localhost)) is always allowed.
    type: bool
    default: false
  token_type:
    description:
      - V(account) is a token of an account or a workspace, V(project) one that belongs to a single environment of a project. Railway takes them in
        different headers and says C(Not Authorized) to the wrong one.
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
