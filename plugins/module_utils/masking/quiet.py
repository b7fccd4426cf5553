# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would act while rows are masked: triggers, rules and foreign keys are off for that time, and on again afterwards
as they were. A trigger that writes an audit would store the original values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

with suppress(ImportError):  # postgres.py reports it
    from psycopg2 import sql

from ..core.errors import ConfigError, RunbookError
from ..postgres.connection import query
from .catalogue import ForeignKey

ACTORS = """
SELECT tgrelid::regclass::text, tgname::text, 'TRIGGER', tgenabled::text FROM pg_trigger WHERE NOT tgisinternal AND tgparentid = 0
UNION ALL
SELECT ev_class::regclass::text, rulename::text, 'RULE', ev_enabled::text
FROM pg_rewrite JOIN pg_class c ON c.oid = ev_class WHERE rulename <> '_RETURN' AND c.relkind IN ('r', 'p') AND ev_class >= 16384
"""  # noqa: E501
ON = {"O": "ENABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}
FOREIGN_KEY_BROKEN = "23503"


@contextmanager
def triggers_off(connection: Any) -> Iterator[None]:
    """Turn triggers and rules off; they are on again only where the block ends well, since the copy is dropped else."""
    acting = [row for row in query(connection, ACTORS) if row[3] in ON]
    for table, name, kind, _state in acting:
        _alter(connection, table, f"DISABLE {kind} {{}}", name)
    yield
    for table, name, kind, state in acting:
        _alter(connection, table, f"{ON[state]} {kind} {{}}", name)


@contextmanager
def foreign_keys_off(connection: Any, keys: Sequence[ForeignKey]) -> Iterator[None]:
    """Drop foreign keys and create them again, which checks every row. Raises ConfigError where one does not hold."""
    for key in keys:
        _alter(connection, key.on, "DROP CONSTRAINT {}", key.name)
    yield
    for key in keys:
        try:
            _alter(
                connection,
                key.on,
                f"ADD CONSTRAINT {{}} {key.definition.replace('{', '{{').replace('}', '}}')}",
                key.name,
            )
        except RunbookError as error:
            if error.details.get("code") != FOREIGN_KEY_BROKEN:
                raise
            raise ConfigError(
                f"The masked rows break the foreign key {key.name} of {key.on} ({', '.join(key.columns)}). Give these"
                " columns and those that they refer to the same rule.",
                code="bad_rules",
            ) from None


def _alter(connection: Any, table: str, action: str, name: str) -> None:
    query(
        connection,
        sql.SQL("ALTER TABLE " + table.replace("{", "{{").replace("}", "}}") + " " + action).format(
            sql.Identifier(name)
        ),
    )
