#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a masked backup for staging of a proven backup of production."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_masked_backup
short_description: Create a masked backup for staging from a proven backup of production
version_added: 1.0.0
author:
  - Contributors to storefront.runbook (@storefront)
description:
  - Restores a proven backup of production into a scratch database within production's boundary of access, masks it
    there by rules, checks that no original value is left, and backs it up into the store of staging, below C(masked/).
    M(storefront.runbook.pg_restore) restores it there.
  - A table or a column that no rule names stops the module. Nothing has left production's boundary then.
  - The scratch database is always dropped at the end, and by the next run if this one is killed.
  - Nothing is done where staging's store has a masked backup of the same backup, rules and key already.
extends_documentation_fragment:
  - storefront.runbook.postgres
  - storefront.runbook.postgres.programs
  - storefront.runbook.lease
  - storefront.runbook.scratch
  - storefront.runbook.store
attributes:
  check_mode:
    description: Can run in check mode and predict what would change.
    support: full
  diff_mode:
    description: Shows what changes.
    support: full
options:
  store:
    description:
      - Store of staging, which gets the masked backup, as C(s3://bucket/prefix), or C(file:///path) for development.
    type: str
    required: true
  database_url:
    description:
      - URL of staging's database. It is only read here. The module fails if it leads to production. Never shown or
        logged.
      - The environment variable E(DATABASE_URL) is used when this option is not set.
    type: str
    required: true
  source:
    description:
      - Production, where the backup comes from. Nothing of it is changed.
    type: dict
    required: true
    suboptions:
      store:
        description: Store that holds production's backups. It is only read.
        type: str
        required: true
      store_endpoint_url:
        description: URL of an S3-compatible service other than AWS.
        type: str
      store_access_key:
        description: S3 access key id.
        type: str
      store_secret_key:
        description: S3 secret access key that belongs to it.
        type: str
      store_region:
        description: S3 region.
        type: str
      store_is_shared:
        description: Confirms that the folder of a C(file://) store is shared by every controller.
        type: bool
        default: false
      allow_plain_http:
        description: Allows secrets to be sent over plain HTTP to another machine.
        type: bool
        default: false
      database_url:
        description:
          - URL of production's database. The module proves with it that staging's is another one. Its user needs the
            right to connect and no other, unless O(same_server=true). Never shown or logged.
        type: str
        required: true
      prefix:
        description: Folder of the backups inside the store.
        type: str
        default: backups/
      identity:
        description: Secret key of age that decrypts the backup.
        type: str
      identity_file:
        description: File with the secret keys of age.
        type: path
  backup:
    description:
      - Name of the backup, or V(latest) for the newest one that a restore has proven. A backup that was not proven is
        refused.
    type: str
    default: latest
  rules:
    description:
      - What happens to each table. Every table and every column needs a rule, except columns that the database
        computes.
    type: list
    elements: dict
    required: true
    suboptions:
      table:
        description: Name of the table, with its schema where several have one of this name.
        type: str
        required: true
      keep:
        description: With V(all), every column is kept as it is, also one that a later migration adds.
        type: str
        choices: [all]
      delete:
        description: Rows to delete, as a condition in SQL, or V(all).
        type: str
      columns:
        description:
          - >-
            A rule for each column. C(keep) keeps it, C(null) empties it, C(hash) replaces it by a digest under O(key),
            C({fake: KIND}) by an invented value that depends on the original and O(key), C({set: VALUE}) by one value.
          - KIND is one of C(name), C(first_name), C(last_name), C(email), C(username), C(address), C(street), C(city),
            C(postcode), C(company), C(text) and C(phone).
        type: dict
  key:
    description:
      - Secret under which values are hashed and invented, at least 32 characters. The same key gives the same values in
        every refresh. It is in no statement, so the server does not log it.
    type: str
    required: true
  large_objects:
    description:
      - What happens to large objects. Without it a database that has any is refused.
    type: str
    choices: [delete, keep]
  encryption:
    description:
      - V(off) stores the masked backup unencrypted. By default it needs O(recipients).
    type: str
    choices: [age, 'off']
  recipients:
    description:
      - Public keys of age to which the masked backup is encrypted.
    type: list
    elements: str
  scratch_dir:
    description:
      - Folder for temporary files. The default is the folder for temporary files of the system.
    type: path
  jobs:
    description:
      - Number of connections that load the backup.
    type: int
    default: 3
  wait_timeout:
    description:
      - Seconds that the whole task may take.
    type: float
    default: 7200.0
seealso:
  - module: storefront.runbook.pg_proof
  - module: storefront.runbook.pg_restore
"""

EXAMPLES = r"""
- name: Create a masked backup for staging
  storefront.runbook.pg_masked_backup:
    database_url: "{{ vault_staging_database_url }}"
    store: s3://storefront-staging/shop
    recipients: [age1staging]
    source:
      store: s3://storefront-backups/shop
      database_url: "{{ vault_production_address }}"
      identity: "{{ vault_backup_identity }}"
    scratch_url: "{{ vault_scratch_url }}"
    key: "{{ vault_refresh_key }}"
    rules:
      - table: Product
        keep: all
      - table: User
        columns: {id: keep, email: {fake: email}, name: {fake: name}, passwordHash: hash, createdAt: keep}
      - table: Session
        delete: all
"""

RETURN = r"""
masked:
  description: The masked backup. In check mode, what is not known yet is left out.
  returned: success
  type: dict
  contains:
    backup:
      description: Name of the masked backup in staging's store, below C(masked/).
      type: str
      sample: shop-20260202T090000.123Z-v1.1.0-masked-0f3a91c2d4e5
    database:
      description: Name of staging's database, which the masked backup is for.
      type: str
      sample: shop
    source:
      description: Name of production's backup.
      type: str
      sample: shop-20260202T090000.123Z-v1.1.0
    proven_at:
      description: When that backup was proven, in UTC.
      type: str
      sample: '2026-02-02T03:00:41+00:00'
    already:
      description: Whether the masked backup was there already.
      type: bool
      sample: false
    tables:
      description: Rows of each table that were masked, and that were deleted.
      type: dict
      sample: {public.User: {masked: 1200, deleted: 0}}
    columns:
      description: How many columns were masked.
      type: int
      sample: 14
    canaries:
      description: How many canaries were planted before the masking. None was found after it.
      type: int
      sample: 12
    sampled:
      description: How many original values were sampled. None was found after the masking.
      type: int
      sample: 9800
    unproven:
      description: What the scratch database lacks, with the reason, such as owners and grants.
      type: list
      elements: str
      sample: ['owners and grants: the server lacks the roles reader']
leftovers:
  description: Scratch databases of killed runs that were dropped, or would be.
  returned: success
  type: list
  elements: str
"""

from typing import Any

from ..module_utils.backup.dump import ZSTANDARD_ERROR
from ..module_utils.backup.request import secret_keys
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import (
    lease_options,
    postgres_options,
    programs_options,
    scratch_options,
    store_options,
)
from ..module_utils.core.plan import Plan, carry_out
from ..module_utils.core.redact import secrets_of_url
from ..module_utils.masking.fakes import FAKER_ERROR
from ..module_utils.postgres.connection import PSYCOPG2_ERROR
from ..module_utils.release.lease import guard
from ..module_utils.restore.masked_copy import MaskedCopy

SOURCE = {
    **store_options(),
    "database_url": {"type": "str", "required": True, "no_log": True},
    "prefix": {"type": "str", "default": "backups/"},
    "identity": {"type": "str", "no_log": True},
    "identity_file": {"type": "path"},
}
RULES = {
    "table": {"type": "str", "required": True},
    "keep": {"type": "str", "choices": ["all"]},
    "delete": {"type": "str"},
    "columns": {"type": "dict"},
}


def argument_spec() -> dict[str, Any]:
    return {
        **lease_options(),
        **store_options(),
        **postgres_options(),
        **programs_options(),
        **scratch_options(),
        "source": {
            "type": "dict",
            "required": True,
            "options": SOURCE,
            "mutually_exclusive": [("identity", "identity_file")],
        },
        "backup": {"type": "str", "default": "latest"},
        "rules": {"type": "list", "elements": "dict", "required": True, "options": RULES},
        "key": {"type": "str", "required": True, "no_log": True},
        "large_objects": {"type": "str", "choices": ["delete", "keep"]},
        "encryption": {"type": "str", "choices": ["age", "off"]},
        "recipients": {"type": "list", "elements": "str"},
        "scratch_dir": {"type": "path"},
        "jobs": {"type": "int", "default": 3},
        "wait_timeout": {"type": "float", "default": 7200.0},
    }


def client(params: dict[str, Any], runtime: Runtime) -> MaskedCopy:
    return MaskedCopy(params, permit=runtime.permit, warn=runtime.warn, heartbeat=runtime.heartbeat)


def plan(_params: dict[str, Any], copy: MaskedCopy) -> Plan:
    return copy.plan()


def main() -> None:
    run(
        argument_spec(),
        client,
        plan,
        carry_out,
        guard=guard,
        secrets=lambda params: [
            *secrets_of_url(params["database_url"]),
            *secrets_of_url(params["scratch_url"]),
            *secrets_of_url(params["source"]["database_url"]),
            *secret_keys(params),
            *secret_keys(params["source"]),
        ],
        libraries={"psycopg2": PSYCOPG2_ERROR, "zstandard": ZSTANDARD_ERROR, "faker": FAKER_ERROR},
    )


if __name__ == "__main__":
    main()
