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
  - Streams C(pg_dump) through zstd into one object of the store, with its SHA-256 in the same pass and bounded memory, reads it back, and writes a manifest
    last. A backup without a manifest is none.
  - The object is completed only after C(pg_dump) ended with exit code 0. What a failed or killed run left is named by the next one.
  - Restore it with C(zstd -dc NAME.dump.zst | pg_restore). Roles, tablespaces and settings of the database are not in a dump.
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
      - Where backups live, as C(s3://bucket/prefix), or C(file:///path) for development.
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
  level:
    description:
      - Level of compression by zstd, from 1 to 19. Higher levels cost much time and save little space.
    type: int
    default: 1
  verify:
    description:
      - V(checksum) reads the object back and compares its size and SHA-256. V(none) trusts the store.
    type: str
    choices: [checksum, none]
    default: checksum
  postgres_bin:
    description:
      - Folder of PostgreSQL's client programs. Without it the C(pg_dump) of the server's version is searched for, or else the next newer one.
    type: path
  wait_timeout:
    description:
      - Seconds that the backup may take.
    type: float
    default: 3600.0
"""

EXAMPLES = r"""
- name: Back up the shop's database
  storefront.runbook.pg_backup:
    database_url: "{{ vault_database_url }}"
    store: s3://storefront-backups/shop
    release: v1.1.0
"""

RETURN = r"""
backup:
  description: The backup. In check mode, what is not known before it is made is null.
  returned: success
  type: dict
  contains:
    name:
      description: Its name; V(NAME.dump.zst) and V(NAME.json) below O(prefix) are its dump and its manifest.
      type: str
      sample: shop-20260202T090000.123Z-v1.1.0
    location:
      description: Where the dump is.
      type: str
      sample: s3://storefront-backups/shop/backups/shop-20260202T090000.123Z-v1.1.0.dump.zst
    key:
      description: Key of the dump in the store.
      type: str
      sample: backups/shop-20260202T090000.123Z-v1.1.0.dump.zst
    database:
      description: Name of the database.
      type: str
      sample: shop
    release:
      description: The release that it was made for.
      type: str
      sample: v1.1.0
    format:
      description: What the dump is.
      type: str
      sample: pg_dump custom without compression, in zstd
    database_size:
      description: Size of the database on its server, in bytes.
      type: int
      sample: 1079001088
    raw_size:
      description: Size of the dump before compression, in bytes.
      type: int
      sample: 841302016
    size:
      description: Size of the dump in the store, in bytes.
      type: int
      sample: 72142617
    sha256:
      description: SHA-256 of the dump in the store.
      type: str
      sample: 8dae109d1e1809c6f0aed20a5789b8adffd89b9538518b6db614bd11489bbbcf
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
    verified:
      description: How it was verified, V(checksum) or V(none).
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
      description: Seconds that it took.
      type: float
      sample: 4.2
"""

import re
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from ansible.module_utils.common.parameters import env_fallback

from ..module_utils.core.errors import ConfigError, WaitTimeout
from ..module_utils.core.module import Plan, Runtime, run
from ..module_utils.core.options import lease_options, store_options
from ..module_utils.core.redact import secrets_of_url
from ..module_utils.core.wait import Waiter
from ..module_utils.data import backup, prisma, stream
from ..module_utils.data.lease import guard as lease_guard
from ..module_utils.data.postgres import PSYCOPG2_ERROR, connect, direct, query
from ..module_utils.data.postgres_tools import find_tool
from ..module_utils.data.store import open_store


def argument_spec() -> dict[str, Any]:
    return {
        **lease_options(),
        **store_options(),
        "database_url": {"type": "str", "required": True, "no_log": True, "fallback": (env_fallback, ["DATABASE_URL"])},
        "release": {"type": "str"},
        "name": {"type": "str"},
        "prefix": {"type": "str", "default": "backups/"},
        "level": {"type": "int", "default": 1},
        "verify": {"type": "str", "choices": ["checksum", "none"], "default": "checksum"},
        "postgres_bin": {"type": "path"},
        "wait_timeout": {"type": "float", "default": 3600.0},
    }


class Client:
    """The database and the store."""

    def __init__(self, params: dict[str, Any], runtime: Runtime) -> None:
        self.database = direct(params["database_url"], remedy="database_url")
        self.store = open_store(params)
        self.close = self.store.close
        self.warn = runtime.warn
        self._waiter = Waiter(timeout=params["wait_timeout"], beat=runtime.beat)
        self._began = self._waiter.clock()

    def beat(self) -> None:
        self._waiter.check("the backup")
        if self._waiter.clock() - self._began > self._waiter.timeout:
            raise WaitTimeout(f"The backup was not done after {self._waiter.timeout:g} s (wait_timeout) and was taken back. Give it more time.")


def plan(params: dict[str, Any], client: Client) -> Plan:
    if not 1 <= params["level"] <= 19:
        raise ConfigError(f"level is {params['level']}. Give a level from 1 to 19.")
    started = datetime.now(UTC)
    parts = [client.database.name, f"{started:%Y%m%dT%H%M%S}.{started.microsecond // 1000:03}Z", params["release"] or ""]
    name = params["name"] or "-".join(re.sub(r"[^\w.-]+", "_", part) for part in parts if part)
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise ConfigError(f"{name!r} cannot name a backup. Use letters, digits, dots, dashes and underscores in name.")
    prefix = params["prefix"].strip("/") + "/"
    catalogue = backup.read_catalogue(client.store, prefix)
    if name in catalogue.complete:
        manifest = backup.read_manifest(client.store, prefix, name)
        if manifest.get("size") != catalogue.complete[name]:
            raise ConfigError(
                f"The backup {name} is damaged: its dump has {catalogue.complete[name] or 0} bytes and not {manifest.get('size')}. Choose another name."
            )
        return Plan(before={"backup": name}, after={"backup": name}, result={"backup": manifest})
    left = sorted({*catalogue.orphans, *(key for key, _handle in catalogue.unfinished)})
    if left:
        client.warn(f"{client.store.describe()} has what failed runs left, or others are about to complete: {', '.join(left)}. Delete what nobody is writing.")
    with closing(connect(client.database)) as connection:
        ((version, size),) = query(connection, "SELECT current_setting('server_version'), pg_database_size(current_database())")
        applied = prisma.inspect(connection, []).applied
    version = version.split(" ")[0]
    tool = find_tool("pg_dump", int(version.split(".")[0]), params["postgres_bin"])
    key = f"{prefix}{name}{backup.DUMP}"
    facts = {
        "name": name,
        "location": f"{params['store'].rstrip('/')}/{key}",
        "key": key,
        "database": client.database.name,
        "release": params["release"],
        "format": backup.FORMAT,
        "database_size": size,
        "server_version": version,
        "pg_dump_version": tool.version,
        "migrations": {"count": len(applied), "last": applied[-1] if applied else None},
        "verified": params["verify"],
        "started_at": started.isoformat(timespec="seconds"),
    }
    unknown = dict.fromkeys(("raw_size", "size", "sha256", "finished_at", "duration"))
    return Plan(
        before={},
        after={"backup": facts["location"], "database_size": size},
        todo={
            "tool": tool,
            "facts": facts,
            "prefix": prefix,
            "params": params,
            "started": started,
            "stale": [left for left in catalogue.unfinished if left[0] == key],
        },
        result={"backup": {**facts, **unknown}},
    )


def apply(plan: Plan, client: Client) -> dict[str, Any]:
    todo = plan.todo
    facts, params = todo["facts"], todo["params"]
    for key, handle in todo["stale"]:
        stream.discard(client.store, key, handle)
    expected = facts["database_size"] // 4  # indexes are not in a dump, and zstd halves the rest at least
    figures = backup.dump(client.database, todo["tool"], client.store, facts["key"], level=params["level"], beat=client.beat, expected=expected)
    if params["verify"] == "checksum":
        backup.verify(client.store, facts["key"], figures, client.beat)
    finished = datetime.now(UTC)
    manifest = {
        **facts,
        "size": figures.size,
        "raw_size": figures.raw_size,
        "sha256": figures.sha256,
        "finished_at": finished.isoformat(timespec="seconds"),
        "duration": round((finished - todo["started"]).total_seconds(), 3),
    }
    client.beat()
    backup.write_manifest(client.store, todo["prefix"], manifest)
    return {"backup": manifest}


def main() -> None:
    libraries = {"psycopg2": PSYCOPG2_ERROR, "zstandard": backup.ZSTANDARD_ERROR}
    run(argument_spec(), Client, plan, apply, guard=lease_guard, secrets=lambda params: secrets_of_url(params["database_url"]), libraries=libraries)


if __name__ == "__main__":
    main()
