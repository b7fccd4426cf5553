#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backs a PostgreSQL database up to the store."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_backup
short_description: Back up a PostgreSQL database to the store
version_added: 1.0.0
author:
  - Contributors to storefront.runbook (@storefront)
description:
  - Dumps a database with C(pg_dump), compresses the dump with zstd, encrypts it with age and stores it, in one pass and
    in bounded memory. Then reads it back, compares its SHA-256, and writes a manifest. Objects without a manifest are
    not a backup.
  - O(database_url) must bypass a connection pooler.
  - An object is completed only after C(pg_dump) ended with exit code 0. The next run lists what a failed or killed run
    left, and M(storefront.runbook.pg_backup_prune) removes it.
  - What C(pg_dump) leaves out is stored beside the dump as C(globals.json), and encrypted too. It holds the owner,
    grants and settings of the database, and the roles that it names with their attributes and memberships, but without
    their passwords. Tablespaces are not stored.
  - By hand, a backup in the format V(custom) is restored with C(age -d -i KEY dump.zst.age | zstd -dc | pg_restore).
  - Reading an encrypted backup takes a secret key. Anybody who can write to the store can replace a backup; the digests
    in the manifest protect against damage only.
  - Every run without O(name) creates another backup.
extends_documentation_fragment:
  - storefront.runbook.postgres
  - storefront.runbook.postgres.programs
  - storefront.runbook.lease
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
      - Where backups are stored, as C(s3://bucket/prefix), or C(file:///path) for development. A public bucket is
        refused. Where the service does not report whether it is public, there is a warning.
    type: str
    required: true
  release:
    description:
      - The release that is about to be deployed. It is recorded in the manifest and is part of the default O(name).
    type: str
  name:
    description:
      - Name of the backup. Nothing is done where a complete backup of this name exists.
      - The default consists of the name of the database, the time in UTC and O(release).
    type: str
  prefix:
    description:
      - Folder of the backups in the store.
    type: str
    default: backups/
  encryption:
    description:
      - V(age) encrypts to O(recipients); it is implied by them. V(off) stores the data unencrypted, for data that needs
        no protection.
      - There is no default, so that no backup is unencrypted by mistake.
    type: str
    choices: [age, 'off']
  recipients:
    description:
      - Public keys of age (C(age1...)), as C(age-keygen) prints them. Each of their secret keys opens the backup. Do
        not store a secret key on a machine that creates backups.
    type: list
    elements: str
  identity:
    description:
      - Secret key of age, or the content of a file of C(age-keygen). Needed only for O(verify=decode) of an encrypted
        backup.
    type: str
  identity_file:
    description:
      - File that holds the O(identity).
    type: path
  format:
    description:
      - V(custom) is one stream over one connection, and needs no disk. V(directory) is written by O(jobs) connections
        to O(scratch_dir), and each of its files is stored as one object.
      - The default is V(directory) from 4 GiB on, if the controller has four processors and O(scratch_dir) has room for
        twice the database; else V(custom). For smaller databases and with fewer processors V(directory) is no faster.
    type: str
    choices: [custom, directory]
  jobs:
    description:
      - How many connections dump at a time, and how many files are stored at a time. More than one implies
        O(format=directory).
      - The default is two, and four from 32 GiB on.
    type: int
  level:
    description:
      - Level of compression by zstd, from 1 to 19. The default is 1. On a shop's data higher levels cost much time and
        save little or no space.
    type: int
  scratch_dir:
    description:
      - Folder for the temporary files of O(format=directory). They hold the data unencrypted until they are stored,
        readable for this user only. The default is the temporary folder of the system.
    type: path
  verify:
    description:
      - V(checksum) reads every object back and compares its size and SHA-256. V(decode) also decrypts and unpacks them,
        and C(pg_restore) reads the whole archive. It fails where the programs on this machine cannot restore the backup
        to its server. V(none) trusts the store. Only a restore proves that the data can be loaded.
    type: str
    choices: [decode, checksum, none]
    default: checksum
  count_limit:
    description:
      - The rows of each table are counted in the snapshot that is dumped, so that a restore can be compared with them.
        The smallest tables are counted first, until the counted tables have this many bytes in total. For the others
        the estimate of the planner is recorded, and nothing is compared.
      - V(0) counts none. A table that is locked at that time is not counted.
    type: int
    default: 4294967296
  wait_timeout:
    description:
      - Seconds that the backup may take. Its progress is written every ten seconds to the controller's system log, and
        to the journal of the lease where O(lease) is set.
    type: float
    default: 3600.0
seealso:
  - module: storefront.runbook.pg_backup_info
  - module: storefront.runbook.pg_backup_prune
"""

EXAMPLES = r"""
- name: Back up the shop's database
  storefront.runbook.pg_backup:
    database_url: "{{ vault_database_url }}"
    store: s3://storefront-backups/shop
    recipients:
      - age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p
    release: v1.1.0

- name: Back up a database of invented data without encryption
  storefront.runbook.pg_backup:
    database_url: "{{ database_url }}"
    store: file:///var/backups/shop
    store_is_shared: true
    encryption: 'off'
    verify: decode
"""

RETURN = r"""
backup:
  description: The backup. In check mode, what is not known before it is created is null.
  returned: success
  type: dict
  contains:
    schema:
      description: Version of the manifest's shape.
      type: int
      sample: 1
    name:
      description: Its name. V(NAME.json) below O(prefix) is its manifest, and its objects are below V(NAME/).
      type: str
      sample: shop-20260202T090000.123Z-v1.1.0
    location:
      description: Where its objects are.
      type: str
      sample: s3://storefront-backups/shop/backups/shop-20260202T090000.123Z-v1.1.0/
    database:
      description: Name of the database.
      type: str
      sample: shop
    release:
      description: The release that it was created for.
      type: str
      sample: v1.1.0
    format:
      description: V(custom) or V(directory).
      type: str
      sample: custom
    jobs:
      description: How many connections dumped.
      type: int
      sample: 1
    level:
      description: Level of compression by zstd.
      type: int
      sample: 1
    encryption:
      description: V(age) or V(off).
      type: str
      sample: age
    recipients:
      description: Public keys that it is encrypted to.
      type: list
      elements: str
      sample: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]
    database_size:
      description: Size of the database on its server, in bytes.
      type: int
      sample: 1079001088
    raw_size:
      description: Size of the dump before compression, in bytes.
      type: int
      sample: 841302016
    size:
      description: Size of all objects in the store, in bytes.
      type: int
      sample: 72142617
    sha256:
      description: SHA-256 of the list of all objects as C(sha256sum) prints it, sorted by file.
      type: str
      sample: 8dae109d1e1809c6f0aed20a5789b8adffd89b9538518b6db614bd11489bbbcf
    objects:
      description: Each object - what it is (C(source)), its key below V(NAME/) (C(file)), C(size) and C(sha256) as
        stored, C(raw_size) before compression.
      type: list
      elements: dict
      sample:
        - source: dump
          file: dump.zst.age
          size: 72140000
          raw_size: 841300000
          sha256: 5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef
    server_version:
      description: Version of the server.
      type: str
      sample: '15.20'
    pg_dump_version:
      description: Version of the program that dumped it.
      type: str
      sample: '15.20'
    migrations:
      description: How many migrations the database had (C(count)), and the name of the C(last) one.
      type: dict
      sample: {count: 4, last: 20260126090000_order_email}
    tables:
      description: Rows of each counted table in the dumped snapshot.
      type: dict
      sample: {public.order: 30211, public.item: 480}
    estimates:
      description: The planner's estimate for each table that was not counted (see O(count_limit)), null where it has
        none.
      type: dict
      sample: {public.event: 48000000}
    invalid_indexes:
      description: Indexes of partitioned tables that lack some of their parts. A restore brings them back in this
        state.
      type: list
      elements: str
      sample: []
    not_carried:
      description:
        - What the backup leaves out, by kind. Kinds without any are left out - C(subscriptions), C(replication_slots),
          C(prepared_transactions), and tables of extensions that hold rows which C(pg_dump) leaves to the extension
          (C(rows_of_extensions)).
      type: dict
      sample: {subscriptions: [orders_of_the_warehouse]}
    verified:
      description: How it was verified, V(decode), V(checksum) or V(none).
      type: str
      sample: checksum
    started_at:
      description: When it began, in UTC.
      type: str
      sample: '2026-02-02T09:00:00+00:00'
    finished_at:
      description: When it was complete, in UTC.
      type: str
      sample: '2026-02-02T09:00:04+00:00'
    duration:
      description: Seconds that it took, including its verification.
      type: float
      sample: 4.2
    bytes_per_second:
      description: Throughput of dumping and storing, in bytes of C(raw_size).
      type: int
      sample: 246131000
"""

from typing import Any

from ..module_utils.backup.dump import ZSTANDARD_ERROR
from ..module_utils.backup.job import Job
from ..module_utils.backup.request import secret_keys
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import lease_options, postgres_options, programs_options, store_options
from ..module_utils.core.plan import Plan, carry_out
from ..module_utils.core.redact import secrets_of_url
from ..module_utils.postgres.connection import PSYCOPG2_ERROR
from ..module_utils.release.lease import guard


def argument_spec() -> dict[str, Any]:
    return {
        **lease_options(),
        **store_options(),
        **postgres_options(),
        "release": {"type": "str"},
        "name": {"type": "str"},
        "prefix": {"type": "str", "default": "backups/"},
        "encryption": {"type": "str", "choices": ["age", "off"]},
        "recipients": {"type": "list", "elements": "str"},
        "identity": {"type": "str", "no_log": True},
        "identity_file": {"type": "path"},
        "format": {"type": "str", "choices": ["custom", "directory"]},
        "jobs": {"type": "int"},
        "level": {"type": "int"},
        "scratch_dir": {"type": "path"},
        "verify": {"type": "str", "choices": ["decode", "checksum", "none"], "default": "checksum"},
        "count_limit": {"type": "int", "default": 1 << 32},
        **programs_options(),
        "wait_timeout": {"type": "float", "default": 3600.0},
    }


def client(params: dict[str, Any], runtime: Runtime) -> Job:
    return Job(params, permit=runtime.permit, warn=runtime.warn, note=runtime.note, heartbeat=runtime.heartbeat)


def plan(_params: dict[str, Any], job: Job) -> Plan:
    return job.plan()


def main() -> None:
    run(
        argument_spec(),
        client,
        plan,
        carry_out,
        guard=guard,
        secrets=lambda params: [*secrets_of_url(params["database_url"]), *secret_keys(params)],
        libraries={"psycopg2": PSYCOPG2_ERROR, "zstandard": ZSTANDARD_ERROR},
        mutually_exclusive=[("identity", "identity_file")],
    )


if __name__ == "__main__":
    main()
