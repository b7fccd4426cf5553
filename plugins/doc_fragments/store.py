# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the store, which holds the backups, the lease and the ledger."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  store:
    description:
      - URL of the store that holds the backups, the lease and the ledger. Use C(s3://bucket/prefix), or C(file:///path)
        for development.
    type: str
  store_endpoint_url:
    description:
      - URL of an S3-compatible service other than AWS.
    type: str
  store_access_key:
    description:
      - S3 access key id. Without it boto3 searches its usual chain (environment, profile, instance role).
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
      - Confirms that the folder of a C(file://) store is shared by every controller. Without it the module refuses such
        a store.
    type: bool
    default: false
  allow_plain_http:
    description:
      - Allows secrets to be sent over plain HTTP to another machine. Secrets are tokens, webhooks, secret headers of
        probes and credentials of the store. The module refuses this by default. The local machine (V(127.0.0.0/8),
        V(::1), V(localhost)) is always allowed.
    type: bool
    default: false
"""
