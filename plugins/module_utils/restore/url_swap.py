# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shop moved from one database to another, whose address its services get: for where databases cannot be renamed.

The one that is left is fenced: its user's sessions can only read from then on. So a service that still has the old
address fails to write, and no write is lost there. The fence is a setting of that role in that database, which needs no
other right than to be that role.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

from ..core.errors import ConfigError
from ..postgres.connection import Database, connect, query
from ..postgres.identity import refuse_same_database
from ..postgres.relations import tables
from ..postgres.row_diff import Losses, differences, hold_writes, open_side

FENCED = """
SELECT EXISTS (SELECT FROM pg_db_role_setting JOIN pg_database d ON d.oid = setdatabase JOIN pg_roles r ON r.oid = setrole
WHERE datname = %s AND rolname = current_user AND 'default_transaction_read_only=on' = ANY (setconfig))
"""  # noqa: E501
END = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity a JOIN pg_roles s ON s.oid = usesysid, pg_roles me
WHERE datname = current_database() AND pid <> ALL (%s) AND me.rolname = current_user
AND (me.rolsuper OR (NOT s.rolsuper AND (pg_has_role(usesysid, 'USAGE') OR pg_has_role('pg_signal_backend', 'USAGE'))))
"""
RIGHTS = """
SELECT pg_has_role(datdba, 'USAGE'), current_user::text, pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = current_database()
"""  # noqa: E501


def is_left(connection: Any, name: str) -> bool:
    """Whether the shop has moved away from the database ``name`` of this connection's server."""
    return query(connection, FENCED, [name]) == [(True,)]


def already_left(name: str) -> ConfigError:
    return ConfigError(
        f"{name} was left by a restore with swap: url, and what serves has another name. Give its URL as database_url,"
        " or undo that with state: undone and swap: url.",
        code="left",
    )


def fence(database: Database, *, on: bool) -> None:
    """Let this user's new sessions in a database only read, or write again; its sessions end."""
    with closing(connect(database)) as connection:
        change = "SET default_transaction_read_only TO 'on'" if on else "RESET default_transaction_read_only"
        ((statement,),) = query(
            connection,
            "SELECT format('ALTER ROLE %%I IN DATABASE %%I ', current_user, current_database()) || %s",
            [change],
        )
        query(connection, statement)


def leave(old: Database, new: Database, heartbeat: Callable[[], None], lock_timeout: float) -> tuple[Losses, float]:
    """Fence ``old`` and let ``new`` be written to. Returns (what ``old`` holds that ``new`` does not, seconds for which
    writers waited).

    Writers wait from before the count until their sessions are ended, so that no write comes in between. Doing it again
    does no harm.
    """
    fence(new, on=False)
    with closing(open_side(old, heartbeat)) as here:
        held = time.monotonic()
        hold_writes(here, lock_timeout)
        with closing(open_side(new, heartbeat)) as there:
            lost = differences(here, there)
        heartbeat()
        fence(old, on=True)
        query(here, END, [[here.info.backend_pid]])
        return lost, round(time.monotonic() - held, 3)


def compare(old: Database, new: Database, heartbeat: Callable[[], None]) -> Losses:
    """Return what ``old`` holds that ``new`` does not, while both are in use."""
    with closing(open_side(old, heartbeat)) as here, closing(open_side(new, heartbeat)) as there:
        return differences(here, there)


def refuse_unfit_target(live: Database, target: Any, *, adopt: bool, known: bool) -> None:
    """Raise ConfigError unless the connection ``target`` is another database than the live one, ours to
    write to, and empty or made by this restore.
    """
    with closing(connect(live)) as production:
        refuse_same_database(
            production,
            target,
            "target_url",
            "Nothing was changed. Give the address of the database that is to take its place.",
        )
    ((owns, user, owner),) = query(target, RIGHTS)
    if adopt or known:
        return
    if not owns:
        raise ConfigError(
            f"{user} does not own the database in target_url, {owner} does, so it cannot be marked as restored. Give"
            f" the URL of {owner}; or restore there by other means and set adopt: true.",
            code="no_rights",
        )
    present = _tables(target)
    if present:
        raise ConfigError(
            f"The database in target_url is not empty, it has {', '.join(present[:5])}. Name an empty one; or set"
            " adopt: true where it is the database that is to serve.",
            code="not_empty",
        )


def is_empty(connection: Any) -> bool:
    return not _tables(connection)


def _tables(connection: Any) -> list[str]:
    return sorted(table.shown for table in tables(connection).values() if not table.of_extension)
