# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a backup leaves out, and what makes it impossible. Both are found before anything is dumped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.errors import ConfigError
from ..postgres.connection import Database, query

# Tables of extensions: CREATE EXTENSION creates them again, with the rows of its script. pg_dump carries only rows of
# tables that the extension registered.
KINDS = {
    "subscriptions": (
        "SELECT subname::text FROM pg_subscription JOIN pg_database d ON d.oid = subdbid WHERE datname ="
        " current_database() ORDER BY 1"
    ),
    "replication_slots": (
        "SELECT slot_name::text FROM pg_replication_slots WHERE database = current_database() AND NOT temporary ORDER"
        " BY 1"
    ),
    "prepared_transactions": "SELECT gid FROM pg_prepared_xacts WHERE database = current_database() ORDER BY 1",
    "rows_of_extensions": (
        """
SELECT format('%I.%I', nspname, relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND deptype = 'e' AND refclassid = 'pg_extension'::regclass
JOIN pg_extension e ON e.oid = refobjid
WHERE relkind = 'r' AND relpersistence <> 't' AND c.oid <> ALL (coalesce(extconfig, '{}')) AND pg_relation_size(c.oid) > 0 ORDER BY 1
"""  # noqa: E501
    ),
}
# Tables and sequences that pg_dump reads. It locks even those whose rows it leaves out.
UNREADABLE = r"""
SELECT format('%I.%I', nspname, relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind IN ('r', 'p', 'S') AND relpersistence <> 't' AND nspname NOT IN ('pg_catalog', 'information_schema') AND nspname NOT LIKE 'pg\_toast%'
AND NOT (has_schema_privilege(n.oid, 'USAGE')
         AND CASE relkind WHEN 'S' THEN has_sequence_privilege(c.oid, 'SELECT') ELSE has_table_privilege(c.oid, 'SELECT') END)
AND (NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND classid = 'pg_class'::regclass AND deptype = 'e')
     OR c.oid IN (SELECT unnest(extconfig) FROM pg_extension)) ORDER BY 1
"""  # noqa: E501
# pg_dump fails at a table of which a policy hides rows from this user.
HIDDEN = (
    "SELECT format('%I.%I', nspname, relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
    " WHERE relkind IN ('r', 'p') AND relrowsecurity AND row_security_active(c.oid) ORDER BY 1"
)
READ = (
    "As its owner or a superuser: GRANT SELECT on it to {role}; or GRANT pg_read_all_data TO {role} (PostgreSQL 14 and"
    " newer)."
)
BYPASS = "Row-level security hides rows from it. Back up as the owner, or as a superuser: ALTER ROLE {role} BYPASSRLS."
DAMAGING = (
    "SELECT name FROM pg_settings WHERE name IN ('zero_damaged_pages', 'ignore_checksum_failure') AND setting = 'on'"
    " ORDER BY 1"
)
SHOWN = 10


def not_carried(connection: Any) -> dict[str, list[str]]:
    """Return by its kind (a key of KINDS) what a backup leaves out, as far as there is any."""
    found = {kind: [name for (name,) in query(connection, statement)] for kind, statement in KINDS.items()}
    return {kind: names for kind, names in found.items() if names}


def warning(left_out: Mapping[str, list[str]]) -> str | None:
    """Say what a backup leaves out; None where it is nothing."""
    kinds = [
        f"{kind.replace('_', ' ')} ({', '.join(names[:SHOWN])}{', …' if len(names) > SHOWN else ''})"
        for kind, names in left_out.items()
    ]
    return f"The backup does not carry {'; '.join(kinds)}." if kinds else None


def refuse_undumpable(connection: Any, database: Database) -> None:
    """Raise ConfigError where this user may not read all of the database, or would read damaged pages as empty ones."""
    damaging = [name for (name,) in query(connection, DAMAGING)]
    if damaging:
        raise ConfigError(
            f"{' and '.join(damaging)} is on in {database.name}: pg_dump would silently leave out damaged rows. "
            f"Reset it for the database or the role (ALTER DATABASE … RESET {damaging[0]}), then back up.",
            code="damaging_setting",
        )
    for which, advice in ((UNREADABLE, READ), (HIDDEN, BYPASS)):
        tables = [name for (name,) in query(connection, which)]
        if not tables:
            continue
        ((user, acts_as),) = query(connection, "SELECT session_user::text, current_user::text")
        who = user if user == acts_as else f"{acts_as}, as whom {user} acts (ALTER ROLE {user} SET role),"
        raise ConfigError(
            f"{who} may not read {', '.join(tables[:SHOWN])} in {database.name}, so it cannot be backed up."
            f" {advice.format(role=acts_as)}",
            code="no_rights",
        )
