# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds out whether two addresses are one database, however they are written: a name in the DNS, a proxy or a
tunnel may lead to production.
"""

from __future__ import annotations

import secrets
from typing import Any

from ..core.errors import ConfigError
from .connection import Database, query

NEVER = "Nothing was changed. Give as scratch_url a copy of it that may be changed and thrown away."


def refuse_same_address(production: Database, scratch: Database) -> None:
    """Raise ConfigError where the two addresses are written alike, before either is asked."""
    if (production.host, production.port, production.name) == (scratch.host, scratch.port, scratch.name):
        raise ConfigError(
            f"scratch_url is the production database itself: {scratch.describe()}. {NEVER}",
            code="scratch_is_production",
        )


def refuse_same_database(
    production: Any, scratch: Any, other: str = "scratch_url", never: str = NEVER, option: str = "database_url"
) -> None:
    """Raise ConfigError unless the connections are proven to lead to two databases; ``option`` is that of the first,
    ``other`` that of the second.

    An advisory lock belongs to one database: what production holds, a session of the same database cannot get. A
    replica has locks of its own, so with one there is no proof.
    """
    for connection, address in ((production, option), (scratch, other)):
        if query(connection, "SELECT pg_is_in_recovery()") != [(False,)]:
            raise ConfigError(
                f"{address} leads to a replica, which can only be read. Give a server that can be written to.",
                code="replica",
            )
    key = [secrets.randbits(62)]
    query(production, "SELECT pg_advisory_lock(%s)", key)
    try:
        apart = query(scratch, "SELECT pg_try_advisory_lock(%s)", key) == [(True,)]
        if apart:
            query(scratch, "SELECT pg_advisory_unlock(%s)", key)
    finally:
        query(production, "SELECT pg_advisory_unlock(%s)", key)
    if not apart:
        raise ConfigError(
            f"{other} leads to the production database by another address. {never}", code="scratch_is_production"
        )


def same_server(one: Any, other: Any) -> bool:
    """Whether two connections lead to one server, by the number that initdb gave it. A replica has its primary's."""
    asked = "SELECT system_identifier FROM pg_control_system()"
    return query(one, asked) == query(other, asked)
