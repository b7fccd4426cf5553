# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restored database analyzed and checked: whether it is what was backed up."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any

from ..core.amounts import number
from ..core.errors import ConfigError
from ..core.progress import report
from ..postgres.connection import Database, connect, query
from ..postgres.databases import unquoted
from ..postgres.parallel import ask_side_by_side

AT_A_TIME = 2  # tables that are analyzed or counted; counting one has the server's own parallel workers besides
# What ANALYZE without a name goes through. Naming a partitioned table analyzes its partitions too.
ANALYZED = r"""
SELECT format('ANALYZE %I.%I', nspname, relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind IN ('r', 'p', 'm') AND relpersistence <> 't' AND NOT relispartition AND NOT relisshared AND nspname NOT LIKE 'pg\_toast%'
ORDER BY CASE relkind WHEN 'p' THEN 0 ELSE 1 END, pg_table_size(c.oid) DESC
"""  # noqa: E501
COUNTED = r"""
SELECT format('%I.%I', nspname, relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind = 'r' AND relpersistence <> 't' AND nspname NOT IN ('pg_catalog', 'information_schema') AND nspname NOT LIKE 'pg\_toast%'
AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND classid = 'pg_class'::regclass AND deptype = 'e') ORDER BY pg_table_size(c.oid) DESC
"""  # noqa: E501
CONSTRAINTS = """
SELECT contype::text, count(*), coalesce(array_agg(format('%s on %s', conname, conrelid::regclass)) FILTER (WHERE NOT convalidated), '{}')
FROM pg_constraint JOIN pg_namespace n ON n.oid = connamespace WHERE nspname NOT IN ('pg_catalog', 'information_schema') GROUP BY 1
"""  # noqa: E501
BROKEN = """
SELECT format('%I.%I', nspname, relname), relkind = 'I' FROM pg_index JOIN pg_class c ON c.oid = indexrelid JOIN pg_namespace n ON n.oid = relnamespace
WHERE NOT indisvalid OR NOT indisready
"""  # noqa: E501
WORDS = {
    "f": "foreign_keys",
    "c": "checks",
    "p": "primary_keys",
    "u": "unique",
    "x": "exclusions",
    "t": "triggers",
    "n": "not_null",
}


def differing(
    manifest: Mapping[str, Any], counts: Mapping[tuple[str, ...], int], broken: Sequence[tuple[str, bool]]
) -> list[str]:
    """Say what is not as the manifest has it. ``broken`` are (index that is not valid, whether it is of a partitioned
    table).

    An index of a partitioned table is not valid while parts of it are missing. It comes back as it was: an older
    manifest does not record how it was.
    """
    wrong = [
        f"{name} has {number(counts.get(unquoted(name), 'no'), 'row')} and not {rows:,}"
        for name, rows in (manifest.get("tables") or {}).items()
        if counts.get(unquoted(name)) != rows
    ]
    wrong += [f"{name} is missing" for name in manifest.get("estimates") or {} if unquoted(name) not in counts]
    recorded = manifest.get("invalid_indexes")
    known = {unquoted(name) for name in recorded or []}
    return wrong + [
        f"the index {name} is not valid"
        for name, partitioned in broken
        if not partitioned or (recorded is not None and unquoted(name) not in known)
    ]


def verify(database: Database, manifest: Mapping[str, Any], heartbeat: Callable[[], None]) -> dict[str, Any]:
    """Analyze a restored database and check it: the rows of each table, the constraints, the indexes. Raises
    ConfigError when it is not what it should be.

    Rows are compared with those counted when the backup was made, where its manifest has them.
    """
    began = time.monotonic()
    with closing(connect(database, heartbeat=heartbeat)) as connection:
        report(f"{manifest['name']} is restored; the server is analyzing its tables")
        ask_side_by_side(
            database,
            [statement for (statement,) in query(connection, ANALYZED)],
            at_a_time=AT_A_TIME,
            heartbeat=heartbeat,
        )
        analyzed = time.monotonic()
        names = [name for (name,) in query(connection, COUNTED)]
        report(f"{manifest['name']} is restored; the rows of {number(len(names), 'table')} are counted")
        counting = [f"SELECT count(*) FROM ONLY {name}" for name in names]  # noqa: S608 - quoted by the server
        answers = ask_side_by_side(database, counting, at_a_time=AT_A_TIME, heartbeat=heartbeat)
        counts = {name: count for name, ((count,),) in zip(names, answers, strict=True)}
        found = query(connection, CONSTRAINTS)
        broken = query(connection, BROKEN)
    recorded = manifest.get("tables") or {}
    wrong = differing(manifest, {unquoted(name): rows for name, rows in counts.items()}, broken)
    if wrong:
        raise ConfigError(
            f"{manifest['name']} was restored and differs from what was backed up: {'; '.join(wrong[:10])}. Choose"
            " another backup.",
            code="not_what_was_backed_up",
        )
    return {
        "tables": len(counts),
        "rows": sum(counts.values()),
        "compared": len(recorded),
        "constraints": {WORDS.get(kind, kind): count for kind, count, _open in found},
        "not_validated": sorted(name for _kind, _count, unproven in found for name in unproven),
        "analyze_seconds": round(analyzed - began, 3),
        "verify_seconds": round(time.monotonic() - analyzed, 3),
    }
