# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The large objects of two databases, compared. One may have 4 TB, so each is read in pieces."""

from __future__ import annotations

from contextlib import closing, suppress
from typing import Any

with suppress(ImportError):  # postgres.py reports it
    from psycopg2 import sql

from .connection import query
from .row_streams import count, fetched

PIECE = 1 << 20  # bytes
READING = 0x40000  # INV_READ
# Whether this user may read one: the server has no function for that before PostgreSQL 18.
MAY_READ = """
(current_setting('lo_compat_privileges')::bool OR pg_has_role(lomowner, 'USAGE') OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
 OR EXISTS (SELECT FROM aclexplode(lomacl) WHERE privilege_type = 'SELECT' AND (grantee = 0 OR pg_has_role(grantee, 'USAGE'))))
"""  # noqa: E501
CLOSED = f"SELECT oid::text FROM pg_largeobject_metadata WHERE NOT {MAY_READ} ORDER BY oid"  # noqa: S608 - it is all ours
# Each is opened to find its end, and closed: the size is an operand of that, so that it is found before.
DIGESTS = f"""
SELECT oid::text COLLATE "C", (
  SELECT encode(sha256(convert_to(size || coalesce(string_agg(encode(sha256(lo_get(oid, start, {PIECE})), 'hex'), '' ORDER BY start), ''), 'UTF8')), 'hex')
  FROM generate_series(0, size - 1, {PIECE}) AS start)
FROM (SELECT oid, lo_open(oid, {READING}) AS opened FROM pg_largeobject_metadata WHERE {MAY_READ} OFFSET 0) AS found,
LATERAL (SELECT lo_lseek64(opened, 0, 2) AS size OFFSET 0) AS sought,
LATERAL (SELECT lo_close(opened + (0 * size)::int) OFFSET 0) AS closed
ORDER BY 1
"""  # noqa: E501, S608


def compare(live: Any, other: Any) -> tuple[dict[str, int], list[str]]:
    """Return ({inserted, updated, deleted} as differences.py has it, the numbers of those that this user
    may not read in one of them).
    """
    unread = sorted({number for side in (live, other) for (number,) in query(side, CLOSED)}, key=int)
    left_out = set(unread)
    with closing(fetched(live, sql.SQL(DIGESTS))) as here, closing(fetched(other, sql.SQL(DIGESTS))) as there:
        return (
            count((row for row in here if row[0] not in left_out), (row for row in there if row[0] not in left_out)),
            unread,
        )
