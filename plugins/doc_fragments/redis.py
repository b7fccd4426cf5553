# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that reach a Redis server."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  url:
    description:
      - URL of the server, such as C(redis://user:password@host:6379/0), or C(rediss://) for TLS. Its path is the number
        of the database. Never shown or logged.
      - In a cluster, give any of its servers. The module finds the others.
    type: str
    required: true
  sentinels:
    description:
      - Addresses of Sentinels, such as V(sentinel-1:26379). They name the master; the host in O(url) is then not used.
    type: list
    elements: str
    default: []
  sentinel_service:
    description:
      - Name of the service that the Sentinels watch.
    type: str
    default: mymaster
  sentinel_password:
    description:
      - Password of the Sentinels, if they have one.
    type: str
  ca_file:
    description:
      - File with the certificates of the authorities that are trusted for TLS.
    type: path
  timeout:
    description:
      - Seconds for connecting, names and Sentinels included, and then for each answer, up to 60.
    type: float
    default: 5.0
requirements:
  - redis
"""
