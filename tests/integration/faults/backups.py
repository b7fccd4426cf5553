# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules that write backups to the store and remove them, on the way to each of their goals."""

from __future__ import annotations

import hashlib
import json
from functools import partial
from typing import Any

from ansible_collections.storefront.runbook.plugins.modules import pg_backup, pg_backup_prune

from tests.integration.faults.bench import Bench, done
from tests.integration.faults.desks import nothing
from tests.integration.faults.table import Case

UPLOADED = tuple(f"{step}_{part}" for part in ("dump", "globals") for step in ("begin", "part", "complete"))
# The steps of globals.json are those of the dump again, so one of them stands for all.
ROWS = ("begin_dump", "part_dump", "complete_dump", "complete_globals", "put_manifest")
MOMENT = 1e-9  # hours


def backup(bench: Bench, name: str = "nightly", *, wait_timeout: float = 30, timeout: float = 0) -> dict[str, Any]:
    postgres = {"database_url": bench.state["database_url"], "postgres_bin": bench.sandbox.state["postgres"]["bin"]}
    return bench.run(
        pg_backup, "objects", {**postgres, "name": name, "encryption": "off", "wait_timeout": wait_timeout}
    )


def whole(bench: Bench) -> dict[str, Any]:
    """Return what is below backups/, and whether it is as the manifests say."""
    keys = [key for key in bench.objects() if key.startswith("backups/")]
    found = {}
    for key in keys:
        name = key.removesuffix(".json")
        if key.count("/") == 1:
            objects = json.loads(bench.read(key))["objects"]
            found[name] = all(
                hashlib.sha256(bench.read(f"{name}/{one['file']}")).hexdigest() == one["sha256"] for one in objects
            )
    return {"backups": found, "objects": keys}


def two_backups(bench: Bench) -> None:
    """Make two backups, and record the stored objects."""
    for name in ("older", "newer"):
        done(backup(bench, name))
    bench.stored = {key: bench.read(key) for key in bench.objects()}


def both_back(bench: Bench) -> None:
    for key, content in bench.stored.items():
        bench.write(key, content)


def left_behind(bench: Bench) -> None:
    """What a run left that was killed while it stored the dump."""
    bench.begin_upload("backups/killed/dump.zst")


def unfinished(bench: Bench) -> dict[str, Any]:
    return {"unfinished": [upload["Key"] for upload in bench.unfinished()]}


def prune(bench: Bench, *, wait_timeout: float = 0, timeout: float = 0, **params: Any) -> dict[str, Any]:
    return bench.run(pg_backup_prune, "objects", {"keep_last": 1, **params})


DELETES = tuple(f"delete_{part}" for part in ("manifest", "dump", "globals"))
CASES = [
    Case(
        "pg_backup",
        "made",
        "objects",
        (*UPLOADED, "put_manifest"),
        nothing,
        backup,
        rows=ROWS,
        inspect=whole,
        kinds=("error",),
    ),
    Case(
        "pg_backup_prune",
        "pruned",
        "objects",
        DELETES,
        two_backups,
        partial(prune, leftovers_after=MOMENT),
        prepare=both_back,
        inspect=whole,
    ),
    Case(
        *("pg_backup_prune", "what a killed run left", "objects", ("abort_dump",), nothing),
        *(partial(prune, leftovers_after=MOMENT), False, False, unfinished, left_behind),
    ),
]
