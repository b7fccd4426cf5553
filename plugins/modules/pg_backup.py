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
  - Dumps a database with C(pg_dump) and stores what it gives compressed with zstd and encrypted with age, with a SHA-256 of the stored bytes in the same
    pass and bounded memory; reads it back, and writes a manifest last. A backup without a manifest is none.
  - An object is completed only after C(pg_dump) ended with exit code 0. What a failed or killed run left is named by the next one, and removed by
    M(storefront.runbook.pg_backup_prune).
  - What C(pg_dump) leaves out is stored beside the dump as C(globals.json), encrypted likewise - the database's owner, grants and settings, and the roles
    that it speaks of with their attributes and memberships, but without their passwords. Tablespaces are not kept.
  - By hand, a backup in the format V(custom) is restored with C(age -d -i KEY dump.zst.age | zstd -dc | pg_restore).
  - Only whoever holds a secret key can read an encrypted backup, and whoever may write to the store can replace one by another - a digest in the manifest
    protects from damage, not from those.
  - Every run without O(name) makes another backup.
extends_documentation_fragment:
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
  database_url:
    description:
      - URL of the database as Prisma writes it, past a connection pooler. Never shown or logged, nor in the arguments or the environment of a program.
      - The environment variable E(DATABASE_URL) is used when it is not set.
    type: str
    required: true
  store:
    description:
      - Where backups live, as C(s3://bucket/prefix), or C(file:///path) for development. A bucket that the world may read is refused; where the service does
        not tell whether it may, there is a warning.
    type: str
    required: true
  release:
    description:
      - The release that is about to be deployed; it is noted in the manifest and in the default O(name).
    type: str
  name:
    description:
      - Name of the backup. Nothing is done when a complete backup of this name is there.
      - The default is made of the database's name, the time in UTC and O(release).
    type: str
  prefix:
    description:
      - Where in the store backups are kept.
    type: str
    default: backups/
  encryption:
    description:
      - V(age) encrypts to O(recipients), which alone implies it. V(off) stores the customers' data in the clear, for data that is nobody's.
      - There is no default, so that no backup is in the clear because of something that was forgotten.
    type: str
    choices: [age, 'off']
  recipients:
    description:
      - Public keys of age (C(age1...)), as C(age-keygen) prints them. Any one of their secret keys opens the backup, and none of them belongs where backups
        are made.
    type: list
    elements: str
  identity:
    description:
      - Secret key of age, or the content of a file of C(age-keygen). Needed for O(verify=decode) of an encrypted backup, and for nothing else.
    type: str
  identity_file:
    description:
      - File that holds the O(identity).
    type: path
  format:
    description:
      - V(custom) is one stream, made by one connection and without a disk. V(directory) is made by O(jobs) connections in O(scratch_dir), stored as one object
        for each of its files.
      - Without it V(directory) is chosen from 4 GiB on where the controller has four processors and O(scratch_dir) has room for twice the database, and
        V(custom) otherwise. On smaller databases and with fewer processors it gains nothing.
    type: str
    choices: [custom, directory]
  jobs:
    description:
      - How many connections dump at a time, and how many files are stored at a time. More than one implies O(format=directory).
      - Without it two, and four from 32 GiB on.
    type: int
  level:
    description:
      - Level of compression by zstd, from 1 to 19; 1 when it is not set. On a shop's data, higher ones cost much time and save little or no space.
    type: int
  scratch_dir:
    description:
      - Folder for the temporary files of O(format=directory), which hold the data in the clear until they are stored, for this user only. The system's own
        when it is not set.
    type: path
  verify:
    description:
      - V(checksum) reads every object back and compares its size and SHA-256. V(decode) does that, decrypts and unpacks them too, and has C(pg_restore) read
        the whole archive; it fails where the programs on this machine could not restore the backup to its server. V(none) trusts the store. None of them
        proves that the data can be loaded; a restore does.
    type: str
    choices: [decode, checksum, none]
    default: checksum
  count_limit:
    description:
      - The rows of each table are counted in the snapshot that is dumped, so that a restore can be compared with them. The smallest tables come first, as
        long as those counted have no more than so many bytes in all; for the others the planner's estimate is noted, with which nothing is compared.
      - V(0) counts none. A table that is locked at the time is not waited for and not counted.
    type: int
    default: 4294967296
  postgres_bin:
    description:
      - Folder of PostgreSQL's client programs. Without it the C(pg_dump) of the server's version is searched for, or else the next newer one.
    type: path
  wait_timeout:
    description:
      - Seconds that the backup may take. How far it is can be read meanwhile, every ten seconds, in the controller's system log, and in the journal of the
        lease where O(lease) is set.
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

- name: Back up a database of made-up data, in the clear
  storefront.runbook.pg_backup:
    database_url: "{{ database_url }}"
    store: file:///var/backups/shop
    store_is_shared: true
    encryption: 'off'
    verify: decode
"""

RETURN = r"""
backup:
  description: The backup. In check mode, what is not known before it is made is null.
  returned: success
  type: dict
  contains:
    schema:
      description: Version of the manifest's shape.
      type: int
      sample: 1
    name:
      description: Its name; V(NAME.json) below O(prefix) is its manifest, and what is below V(NAME/) are its objects.
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
      description: The release that it was made for.
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
      description: Each object - what it is (C(source)), its key below V(NAME/) (C(file)), C(size) and C(sha256) as stored, C(raw_size) before compression.
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
      description: How many migrations the database had (C(count)), and the C(last) one's name.
      type: dict
      sample: {count: 4, last: 20260126090000_order_email}
    tables:
      description: Rows of each table that was counted, in the snapshot that was dumped.
      type: dict
      sample: {public.order: 30211, public.item: 480}
    estimates:
      description: The planner's estimate for each table that was not counted (see O(count_limit)), null where it has none.
      type: dict
      sample: {public.event: 48000000}
    invalid_indexes:
      description: Indexes of partitioned tables that lack some of their parts. They come back as they are.
      type: list
      elements: str
      sample: []
    not_carried:
      description:
        - What the backup leaves out, by kind, as far as there is any - C(subscriptions), C(replication_slots), C(prepared_transactions), and tables of
          extensions that hold rows which C(pg_dump) leaves to the extension (C(rows_of_extensions)).
      type: dict
      sample: {subscriptions: [orders_of_the_warehouse]}
    verified:
      description: How it was verified, V(decode), V(checksum) or V(none).
      type: str
      sample: checksum
    started_at:
      description: When it was begun, in UTC.
      type: str
      sample: '2026-02-02T09:00:00+00:00'
    finished_at:
      description: When it was complete, in UTC.
      type: str
      sample: '2026-02-02T09:00:04+00:00'
    duration:
      description: Seconds that it took, with its verification.
      type: float
      sample: 4.2
    bytes_per_second:
      description: Throughput of dumping and storing, in bytes of C(raw_size).
      type: int
      sample: 246131000
"""

from typing import Any

from ansible.module_utils.common.parameters import env_fallback

from ..module_utils.backup.dump import ZSTANDARD_ERROR
from ..module_utils.backup.job import Job
from ..module_utils.backup.request import secret_keys
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import lease_options, store_options
from ..module_utils.core.plan import Plan, carry_out
from ..module_utils.core.redact import secrets_of_url
from ..module_utils.postgres.connection import PSYCOPG2_ERROR
from ..module_utils.release.lease import guard


def argument_spec() -> dict[str, Any]:
    return {
        **lease_options(),
        **store_options(),
        "database_url": {"type": "str", "required": True, "no_log": True, "fallback": (env_fallback, ["DATABASE_URL"])},
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
        "postgres_bin": {"type": "path"},
        "wait_timeout": {"type": "float", "default": 3600.0},
    }


def client(params: dict[str, Any], runtime: Runtime) -> Job:
    return Job(params, permit=runtime.permit, warn=runtime.warn, note=runtime.note, beat=runtime.beat)


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
