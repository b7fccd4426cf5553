# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the catalogue says of names: a digest of each part of each object that has such a name, by which two moments are
compared.

Definitions are digested, not object ids, so that a database that was restored from a backup compares as the one that
was backed up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..postgres.connection import query

LOCK_TIMEOUT = "5s"  # the definition of a view waits for the session that holds one of its tables

# Each query gives (name, part, definition). A name that names nothing gives no row.
RELATION = """
    SELECT name, 'itself', ROW(relkind, relpersistence, pg_get_userbyid(relowner), relacl, reloptions, relrowsecurity, relforcerowsecurity, relreplident,
        (SELECT amname FROM pg_am WHERE pg_am.oid = relam), (SELECT spcname FROM pg_tablespace s WHERE s.oid = reltablespace),
        pg_get_expr(relpartbound, oid), CASE WHEN relkind IN ('v', 'm') THEN pg_get_viewdef(oid) END,
        CASE WHEN relkind IN ('i', 'I') THEN pg_get_indexdef(oid) END,
        (SELECT ROW(indisvalid, indisready, indisreplident, indisclustered) FROM pg_index WHERE indexrelid = oid),
        (SELECT ROW(seqtypid::regtype, seqstart, seqincrement, seqmax, seqmin, seqcache, seqcycle) FROM pg_sequence WHERE seqrelid = oid),
        (SELECT array_agg(inhparent::regclass::text ||
            coalesce(to_jsonb(i) ->> 'inhdetachpending', '') ORDER BY inhseqno) FROM pg_inherits i WHERE inhrelid = oid),
        obj_description(oid, 'pg_class'))::text FROM relations JOIN pg_class USING (oid)
    UNION ALL SELECT name, 'the column ' || attname, ROW(format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid), attidentity, attgenerated,
        attacl, attstorage, attstattarget, attoptions, to_jsonb(a) ->> 'attcompression', attcollation::regcollation, col_description(r.oid, attnum))::text
        FROM relations r JOIN pg_attribute a ON attrelid = r.oid LEFT JOIN pg_attrdef d ON adrelid = attrelid AND adnum = attnum
        WHERE attnum > 0 AND NOT attisdropped
    UNION ALL SELECT name, 'the constraint ' || conname, ROW(pg_get_constraintdef(c.oid), convalidated, condeferrable, condeferred)::text
        FROM relations r JOIN pg_constraint c ON conrelid = r.oid
    UNION ALL SELECT name, 'the index ' || indexrelid::regclass, ROW(pg_get_indexdef(indexrelid), indisvalid, indisready, indisclustered, indisreplident)::text
        FROM relations r JOIN pg_index ON indrelid = r.oid
    UNION ALL SELECT name, 'the invalid index ' || other.indexrelid::regclass, pg_get_indexdef(other.indexrelid)
        FROM relations r JOIN pg_index i ON i.indexrelid = r.oid JOIN pg_index other USING (indrelid) WHERE NOT other.indisvalid
    UNION ALL SELECT name, 'the trigger ' || tgname, ROW(pg_get_triggerdef(t.oid), tgenabled)::text
        FROM relations r JOIN pg_trigger t ON tgrelid = r.oid AND NOT tgisinternal
    UNION ALL SELECT name, 'the policy ' || polname, ROW(polcmd, polpermissive,
        (SELECT array_agg(pg_get_userbyid(role) ORDER BY pg_get_userbyid(role)) FROM unnest(polroles) role),
        pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))::text FROM relations r JOIN pg_policy ON polrelid = r.oid
    UNION ALL SELECT name, 'the rule ' || rulename, ROW(pg_get_ruledef(w.oid), ev_enabled)::text
        FROM relations r JOIN pg_rewrite w ON ev_class = r.oid AND rulename <> '_RETURN'
"""  # noqa: E501
TYPE = """
    SELECT name, 'itself', ROW(typtype, pg_get_userbyid(typowner), typacl, format_type(typbasetype, typtypmod), typnotnull, typdefault,
        (SELECT array_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid),
        (SELECT array_agg(conname || pg_get_constraintdef(c.oid) || convalidated ORDER BY conname) FROM pg_constraint c WHERE contypid = t.oid),
        (SELECT array_agg(attname || format_type(atttypid, atttypmod) ORDER BY attnum) FROM pg_attribute WHERE attrelid = typrelid AND NOT attisdropped),
        obj_description(t.oid, 'pg_type'))::text FROM names JOIN pg_type t ON t.oid = to_regtype(name)
        WHERE typcategory <> 'A' AND (typtype <> 'c' OR (SELECT relkind = 'c' FROM pg_class WHERE pg_class.oid = typrelid))
"""  # noqa: E501
FUNCTION = """
    SELECT name, 'itself(' || pg_get_function_identity_arguments(p.oid) || ')', ROW(CASE WHEN prokind <> 'a' THEN pg_get_functiondef(p.oid) END,
        pg_get_userbyid(proowner), proacl, obj_description(p.oid, 'pg_proc'))::text FROM names JOIN pg_proc p ON proname = parts[array_upper(parts, 1)]
        JOIN pg_namespace n ON n.oid = pronamespace
            AND CASE WHEN array_length(parts, 1) = 2 THEN nspname = parts[1] ELSE nspname = ANY(current_schemas(false)) END
"""  # noqa: E501
OTHERS = """
    SELECT name, 'the schema', ROW(pg_get_userbyid(nspowner), nspacl, obj_description(oid, 'pg_namespace'))::text
        FROM names JOIN pg_namespace ON nspname = parts[1] WHERE array_length(parts, 1) = 1
    UNION ALL SELECT name, 'the extension', ROW(extversion, extnamespace::regnamespace)::text FROM names JOIN pg_extension ON extname = parts[1]
        WHERE array_length(parts, 1) = 1
    UNION ALL SELECT name, 'the publication', (to_jsonb(p) - 'oid')::text || coalesce((
        SELECT array_agg(prrelid::regclass::text ORDER BY prrelid::regclass::text) FROM pg_publication_rel WHERE prpubid = p.oid)::text, '')
        FROM names JOIN pg_publication p ON pubname = parts[1] WHERE array_length(parts, 1) = 1
    UNION ALL SELECT name, 'the statistics', pg_get_statisticsobjdef(oid) FROM names JOIN pg_statistic_ext ON stxname = parts[array_upper(parts, 1)]
"""  # noqa: E501
STATE = f"""
WITH names AS MATERIALIZED (SELECT name, parse_ident(name) AS parts FROM unnest(%s::text[]) AS name),
relations AS MATERIALIZED (SELECT name, to_regclass(name)::oid AS oid FROM names WHERE to_regclass(name) IS NOT NULL)
SELECT name, part, left(md5(definition), 12)
FROM ({RELATION} UNION ALL {TYPE} UNION ALL {FUNCTION} UNION ALL {OTHERS}) AS found (name, part, definition) ORDER BY 1, 2
"""  # noqa: E501, S608

State = dict[str, dict[str, str]]


def state_of(connection: Any, names: Iterable[str]) -> State:
    """Return what there is of each name: its parts and their digests. Raises RunbookError, also where a
    lock on a view's table does not come in time.
    """
    found: State = {name: {} for name in sorted(names)}
    if not found:
        return found
    query(connection, "SELECT set_config('lock_timeout', %s, false)", [LOCK_TIMEOUT])
    try:
        rows = query(connection, STATE, [list(found)])
    finally:
        query(connection, "RESET lock_timeout")
    for name, part, digest in rows:
        found[name][part] = digest
    return found


def changed(before: Mapping[str, Mapping[str, str]], now: Mapping[str, Mapping[str, str]]) -> dict[str, list[str]]:
    """Return the parts of each name that came, went or are others than before."""
    by_name = {}
    for name, parts in before.items():
        there = now.get(name, {})
        others = [part for part in {**parts, **there} if parts.get(part) != there.get(part)]
        if others:
            by_name[name] = others
    return by_name
