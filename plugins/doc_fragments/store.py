# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where backups, the lease and the ledger live."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  store:
    description:
      - Where backups, the lease and the ledger live, as C(s3://bucket/prefix), or C(file:///path) for development.
    type: str
  store_endpoint_url:
    description:
      - Address of an S3 compatible service other than AWS.
    type: str
  store_access_key:
    description:
      - S3 access key id. Without it the usual chain of boto3 is used (environment, profile, instance role).
    type: str
  store_secret_key:
    description:
      - S3 secret access key that belongs to O(store_access_key).
    type: str
  store_region:
    description:
      - S3 region.
    type: str
  store_is_shared:
    description:
      - Says that a C(file://) store is a folder that every controller sees. Without it such a store is refused.
    type: bool
    default: false
  allow_plain_http:
    description:
      - Allows a secret (a token, a webhook, a secret header of a probe, credentials of the store) to be sent over plain HTTP to another machine. Without
        it this is refused. This machine (V(127.0.0.0/8), V(::1), V(localhost)) is always allowed.
    type: bool
    default: false
"""
