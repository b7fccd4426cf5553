# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks that are killed: what each starts from, how it is run, what follows a kill, and how that must end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg2

from molecule.conftest import Shop

OLD, NEW = "v1.0.0", "v1.1.0"
BOTH = ("frontend", "backend")
KEY = {"edge_maintenance_key": "a-key-of-operators-with-32-letters"}


@dataclass(frozen=True)
class Rerun:
    """A run after the kill, and the release that is live after it."""

    playbook: str
    release: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Play:
    """``base`` is what the shop is put back to before, ``ends`` what may be live after the kill. ``keeps_orders`` is
    False where to replace the database is what the playbook is for.
    """

    base: str
    options: Mapping[str, Any]
    reruns: tuple[Rerun, ...]
    before: Callable[[Shop], None] = lambda _shop: None
    keeps_orders: bool = True


def back_up(shop: Shop) -> None:
    done = shop.play("backup.yml")
    assert done.rc == 0, done.stdout


DATABASE = {"surfaces": ["database", "backend"], "approve_restore": "shop"}
PLAYS = {
    "deploy.yml": Play(
        "base",
        {"release": NEW},
        (Rerun("deploy.yml", NEW, {"release": NEW}), Rerun("rollback.yml", OLD, {"to": OLD})),
    ),
    "rollback.yml": Play(
        "released", {}, (Rerun("rollback.yml", OLD, {"to": OLD}), Rerun("deploy.yml", NEW, {"release": NEW}))
    ),
    "backup.yml": Play("base", {}, (Rerun("backup.yml", OLD), Rerun("deploy.yml", NEW, {"release": NEW}))),
    "restore.yml": Play(
        "base",
        {**DATABASE, "backup": "latest"},
        (Rerun("restore.yml", OLD, {**DATABASE, "backup": "latest"}),),
        before=back_up,
        keeps_orders=False,
    ),
    "maintenance.yml": Play(
        "base",
        {**KEY, "maintenance_state": "on"},
        (Rerun("maintenance.yml", OLD, {**KEY, "maintenance_state": "off"}),),
    ),
}


def scratch_databases(shop: Shop) -> list[str]:
    """The databases that a run makes for itself and must not leave."""
    with admin(shop) as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE datname ~ %s", [f"^{shop.name}@(scratch|incoming)-"])
        return [name for (name,) in cursor.fetchall()]


def drop_scratch_databases(shop: Shop) -> None:
    """Drop what an earlier test has left on purpose."""
    with admin(shop) as cursor:
        for name in scratch_databases(shop):
            cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def admin(shop: Shop) -> Iterator[Any]:
    """A session of the server's administrator."""
    with closing(psycopg2.connect(shop.sandbox.state["postgres"]["url"])) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            yield cursor


def unfinished_uploads(shop: Shop) -> list[str]:
    """The uploads of several parts that the store keeps and nobody ends."""
    bucket, _unused, root = shop.at["store"].removeprefix("s3://").partition("/")
    listed = shop.sandbox.s3().list_multipart_uploads(Bucket=bucket, Prefix=f"{root}/").get("Uploads", [])
    return [upload["Key"] for upload in listed]
