# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of an archive a restore brings back, and whether the server has room to do it at once, by its
table of contents.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..backup.archive import Archive
from ..backup.archive_contents import Contents, Item
from ..backup.archive_needs import is_public
from ..postgres.connection import query

# How many relations an entry makes, each of which is locked to the end of the transaction: a table may have another one
# for long values, with an index.
LOCKS = {
    "TABLE": 3,
    "MATERIALIZED VIEW": 3,
    "INDEX": 1,
    "CONSTRAINT": 1,
    "SEQUENCE": 1,
    "VIEW": 1,
    "TYPE": 1,
    "BLOB": 1,
}
ROOM = """
SELECT current_setting('max_locks_per_transaction')::int * (current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int)
"""  # noqa: E501


def left_out(archive: Archive) -> list[str]:
    """Say what a restore of an archive does not bring back, though the database that was backed up had it."""
    contents = archive.contents
    known = {**archive.manifest.get("not_carried", {})}
    subscriptions = contents.names("SUBSCRIPTION") if contents else []
    if subscriptions:
        known["subscriptions"] = sorted({*known.get("subscriptions", []), *subscriptions})
    return [f"{kind.replace('_', ' ')}: {', '.join(names)}" for kind, names in sorted(known.items())]


def restorable(connection: Any, contents: Contents | None) -> tuple[int, ...]:
    """Return the numbers of the entries that this user can restore, none where those are all.

    Each new database has the schema public already, and up to PostgreSQL 14 it belongs to the superuser who made the
    server. A user who is not in that role cannot give it away. The same goes for comments on extensions that a
    superuser has made in it.
    """
    if contents is None:
        return ()
    own = {role for (role,) in query(connection, "SELECT rolname FROM pg_roles WHERE pg_has_role(oid, 'MEMBER')")}
    foreign = {
        f"EXTENSION {name}"
        for (name,) in query(
            connection, "SELECT extname::text FROM pg_extension WHERE NOT pg_has_role(extowner, 'USAGE')"
        )
    }

    def is_others(item: Item) -> bool:
        return (is_public(item) and item.owner not in own) or (
            item.kind == "COMMENT" and item.name.replace('"', "") in foreign
        )

    kept = tuple(item.number for item in contents.items if not is_others(item))
    return kept if len(kept) < len(contents.items) else ()


@dataclass(frozen=True)
class UseList:
    """The options that let pg_restore restore some of an archive, and the descriptors that it needs for them."""

    options: tuple[str, ...] = ()
    descriptors: tuple[int, ...] = ()


@contextmanager
def use_list(kept: Sequence[int]) -> Iterator[UseList]:
    """Give what lets pg_restore restore these entries alone; all of them where there are none."""
    if not kept:
        yield UseList()
        return
    with tempfile.TemporaryFile() as file:
        file.write("".join(f"{number};\n" for number in kept).encode())
        file.seek(0)
        yield UseList((f"--use-list=/dev/fd/{file.fileno()}",), (file.fileno(),))


def fits_one_transaction(connection: Any, archive: Archive) -> bool:
    """Whether the server has room for the locks of a transaction that restores all of an archive. A shape
    that is not known here is tried.
    """
    ((room,),) = query(connection, ROOM)
    contents = archive.contents
    if contents is None:
        return True
    return sum(_locks(item) for item in contents.items) <= room


def _locks(item: Item) -> int:
    # a large object on each line
    return item.makes.count("\n") if item.kind == "BLOB METADATA" else LOCKS.get(item.kind, 0)
