# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of our own sessions, which ALTER DATABASE SET and ALTER ROLE SET do not reach: those are meant for the
shop's sessions.

Only what would stop our work is set. What gives the SQL of a migration its meaning (TimeZone, default_tablespace, role,
session_replication_role and the like) stays as the shop has it, and pg_dump and pg_restore set what they need of it
themselves.
"""

from __future__ import annotations

# For every server from 13 on, and every user may set them. A client's value outranks those of the database and the
# role.
STARTUP = {
    "default_transaction_read_only": "off",
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "row_security": "on",
    "quote_all_identifiers": "off",
}
# The first version of the server that knows the setting: an older one would refuse the connection.
LATER = {"idle_session_timeout": (14, "0"), "transaction_timeout": (17, "0")}
CLIENT_ENCODING = "UTF8"  # of connections of our own; pg_dump keeps the encoding of the database


def startup_options(given: str, server_major: int = 0, **more: str) -> str:
    """Return ``given``, the options of a URL, and after them ours, as libpq takes them. Without
    ``server_major`` those that depend on it are left out.
    """
    ours = {**STARTUP, **later(server_major), **more}
    return " ".join([given, *(f"-c {name}={escaped(value)}" for name, value in ours.items())]).strip()


def later(server_major: int) -> dict[str, str]:
    """Return the settings that can only be set once the version of the server is known."""
    return {name: value for name, (since, value) in LATER.items() if server_major >= since}


def escaped(value: str) -> str:
    """Return a value as it is written in libpq's options."""
    return value.replace("\\", "\\\\").replace(" ", "\\ ")


def readable_dates(style: str) -> str:
    """Return a DateStyle whose times psycopg2 can read, and which reads dates in the same order."""
    return "ISO, " + (style.rpartition(", ")[2] or "MDY")
