# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Migrations of every kind, each of which is tried against a live client of the old release, and judged.
Rows are ``ROWS`` to a table.
"""

from __future__ import annotations

from typing import NamedTuple

ROWS = 30
SHOP = """
CREATE TYPE status AS ENUM ('PENDING', 'PAID', 'SHIPPED');
CREATE TABLE customers (id serial PRIMARY KEY, email varchar(50) NOT NULL CONSTRAINT customers_email_key UNIQUE, name text, credit int DEFAULT 900);
CREATE TABLE orders (
    id serial PRIMARY KEY, customer_id int NOT NULL CONSTRAINT orders_customer_id_fkey REFERENCES customers (id) ON DELETE CASCADE ON UPDATE CASCADE,
    status status NOT NULL DEFAULT 'PENDING', total numeric(10,2) NOT NULL, note varchar(20), placed_at timestamp(3) NOT NULL DEFAULT now(),
    qty int NOT NULL, code text, size smallint, kept boolean NOT NULL
);
CREATE INDEX orders_note_idx ON orders (note);
CREATE UNIQUE INDEX orders_code_key ON orders (code);
ALTER TABLE orders ADD CONSTRAINT orders_qty_check CHECK (qty > -1000);
"""  # noqa: E501
FILL = f"""
INSERT INTO customers (id, email, name, credit) SELECT 100 + i, 'c' || i || '@shop', 'name ' || i, 5000 + i FROM generate_series(1, {ROWS}) i;
INSERT INTO orders (customer_id, status, total, note, placed_at, qty, code, size, kept)
SELECT 100 + i, (ARRAY['PENDING', 'PAID'])[1 + i % 2]::status, 100.25 + i, 'note ' || i, '2026-01-01 10:00:00.123'::timestamp + i * interval '1 day', 7000 + i,
       'code ' || i, 200 + i, i % 3 = 0 FROM generate_series(1, {ROWS}) i;
SELECT setval('customers_id_seq', 100 + {ROWS});
"""  # noqa: E501
PRISMA_SWAP = """
BEGIN;
CREATE TYPE "status_new" AS ENUM ({labels});
ALTER TABLE "orders" ALTER COLUMN "status" DROP DEFAULT;
ALTER TABLE "orders" ALTER COLUMN "status" TYPE "status_new" USING ("status"::text::"status_new");
ALTER TYPE "status" RENAME TO "status_old";
ALTER TYPE "status_new" RENAME TO "status";
DROP TYPE "status_old";
ALTER TABLE "orders" ALTER COLUMN "status" SET DEFAULT 'PENDING';
COMMIT;
"""
EMPTY = "CREATE TABLE empty (id serial PRIMARY KEY, a int);"
EVENTS = (
    "CREATE TABLE events (id int, body text) PARTITION BY RANGE (id); CREATE TABLE events_1 PARTITION OF events FOR"
    " VALUES FROM (0) TO (1000);"
)
IN_EVENTS = f"INSERT INTO events SELECT i FROM generate_series(1, {ROWS}) i"
NOTES = """
CREATE TABLE notes (id serial PRIMARY KEY, order_id int NOT NULL, body text);
ALTER TABLE notes ADD CONSTRAINT notes_order_id_fkey FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE {on_delete} ON UPDATE CASCADE;
"""  # noqa: E501
COPY = "INSERT INTO notes (order_id, body) SELECT id, note FROM orders;"


class Case(NamedTuple):
    """``files`` are pending, in their order. ``before`` is what the shop has besides; it is filled by ``fill``."""

    kind: str
    name: str
    files: tuple[str, ...]
    before: str = ""
    fill: str = ""


def case(kind: str, name: str, *files: str, before: str = "", fill: str = "") -> Case:
    return Case(kind, name, files, before, fill)


LOCKS = "Locks that are held while something takes long"
TABLES = "New tables"
COLUMNS = "New columns"
DEMANDS = "What the schema demands of rows"
TYPES = "Types"
ENUMS = "Enums"
NAMES = "Names and what is dropped"
ROWS_CHANGED = "Rows that are changed"
REST = "The rest"

CASES = [
    # what takes long, alone
    case(LOCKS, "an index", "CREATE INDEX i ON orders (qty)"),
    case(LOCKS, "an index, concurrently", "CREATE INDEX CONCURRENTLY i ON orders (qty)"),
    case(
        LOCKS,
        "a foreign key that is checked at once",
        "ALTER TABLE orders ADD owner int; ALTER TABLE orders ADD CONSTRAINT f FOREIGN KEY (owner) REFERENCES customers"
        " (id)",
    ),
    case(
        LOCKS,
        "a check that is validated at once",
        "ALTER TABLE orders ADD c int; ALTER TABLE orders ADD CONSTRAINT k CHECK (c > 0)",
    ),
    case(
        LOCKS,
        "NOT VALID and VALIDATE in one file",
        "ALTER TABLE orders ADD c int; ALTER TABLE orders ADD CONSTRAINT k CHECK (c > 0) NOT VALID; ALTER TABLE orders"
        " VALIDATE CONSTRAINT k",
    ),
    case(
        LOCKS,
        "NOT VALID and VALIDATE in two files",
        "ALTER TABLE orders ADD c int; ALTER TABLE orders ADD CONSTRAINT k CHECK (c > 0) NOT VALID",
        "ALTER TABLE orders VALIDATE CONSTRAINT k",
    ),
    case(
        LOCKS,
        "a foreign key NOT VALID and VALIDATE in one file",
        "ALTER TABLE orders ADD c int; "
        "ALTER TABLE orders ADD CONSTRAINT k FOREIGN KEY (c) REFERENCES customers (id) NOT VALID; "
        "ALTER TABLE orders VALIDATE CONSTRAINT k",
    ),
    case(
        LOCKS,
        "a foreign key NOT VALID and VALIDATE in two files",
        "ALTER TABLE orders ADD c int; ALTER TABLE orders ADD CONSTRAINT k FOREIGN KEY (c) REFERENCES customers (id)"
        " NOT VALID",
        "ALTER TABLE orders VALIDATE CONSTRAINT k",
    ),
    case(
        LOCKS,
        "NOT VALID and VALIDATE in one file with COMMIT between",
        "BEGIN; ALTER TABLE orders ADD c int; ALTER TABLE orders ADD CONSTRAINT k CHECK (c > 0) NOT VALID; COMMIT;"
        " ALTER TABLE orders VALIDATE CONSTRAINT k",
    ),
    case(LOCKS, "a column and its backfill in one file", "ALTER TABLE orders ADD c int; UPDATE orders SET c = qty"),
    case(LOCKS, "a column and its backfill in two files", "ALTER TABLE orders ADD c int", "UPDATE orders SET c = qty"),
    case(
        LOCKS,
        "a column and the backfill of another table",
        "ALTER TABLE orders ADD c int; ALTER TABLE customers ADD d int; UPDATE customers SET d = 1",
    ),
    case(
        LOCKS,
        "a column and an index on another table",
        "ALTER TABLE orders ADD c int; CREATE INDEX i ON customers (name)",
    ),
    case(
        LOCKS,
        "a column, COMMIT, and an index on another table",
        "BEGIN; ALTER TABLE orders ADD c int; COMMIT; CREATE INDEX i ON customers (name)",
    ),
    case(
        LOCKS,
        "an index on another table and then a column",
        "CREATE INDEX i ON customers (name); ALTER TABLE orders ADD c int",
    ),
    case(LOCKS, "two indexes on two tables", "CREATE INDEX i ON customers (name); CREATE INDEX j ON orders (qty)"),
    case(
        LOCKS,
        "a comment and a column beside a table that is copied",
        "COMMENT ON TABLE orders IS 'x'; ALTER TABLE customers ADD c int; CREATE TABLE copy AS SELECT * FROM orders",
    ),
    case(
        LOCKS,
        "a column that is renamed and an index",
        "ALTER TABLE customers RENAME name TO title; CREATE INDEX i ON orders (qty)",
    ),
    case(
        LOCKS,
        "a trigger and a backfill",
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; "
        "CREATE TRIGGER t BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION f(); "
        "ALTER TABLE customers ADD d int; UPDATE customers SET d = 1",
    ),
    case(
        LOCKS,
        "an index that is dropped before another is built",
        "DROP INDEX orders_note_idx; CREATE INDEX i ON customers (name)",
    ),
    case(
        LOCKS,
        "a foreign key that is dropped before an index is built",
        "ALTER TABLE orders DROP CONSTRAINT orders_customer_id_fkey; CREATE INDEX i ON orders (qty)",
    ),
    case(LOCKS, "CLUSTER", "CLUSTER orders USING orders_pkey"),
    case(LOCKS, "REINDEX", "REINDEX TABLE orders"),
    case(LOCKS, "REINDEX of one index", "REINDEX INDEX orders_note_idx"),
    case(
        LOCKS,
        "a materialized view that is filled again",
        "REFRESH MATERIALIZED VIEW totals",
        before="CREATE MATERIALIZED VIEW totals AS SELECT id, total FROM orders;",
        fill="REFRESH MATERIALIZED VIEW totals",
    ),
    case(
        LOCKS,
        "a materialized view that is filled again, concurrently",
        "REFRESH MATERIALIZED VIEW CONCURRENTLY totals",
        before=(
            "CREATE MATERIALIZED VIEW totals AS SELECT id, total FROM orders; CREATE UNIQUE INDEX totals_id ON totals"
            " (id);"
        ),
        fill="REFRESH MATERIALIZED VIEW totals",
    ),
    case(
        LOCKS,
        "a materialized view that is filled again behind a lock",
        "ALTER TABLE customers ADD c int; REFRESH MATERIALIZED VIEW totals",
        before="CREATE MATERIALIZED VIEW totals AS SELECT id, total FROM orders;",
        fill="REFRESH MATERIALIZED VIEW totals",
    ),
    case(
        LOCKS,
        "a new materialized view behind a lock",
        "ALTER TABLE orders ADD c int; CREATE MATERIALIZED VIEW totals AS SELECT id, total FROM orders",
    ),
    case(
        LOCKS,
        "LOCK TABLE and a backfill",
        "LOCK TABLE customers IN SHARE MODE; ALTER TABLE orders ADD c int; UPDATE orders SET c = 1",
    ),
    case(LOCKS, "LOCK TABLE alone", "LOCK TABLE customers IN ACCESS EXCLUSIVE MODE"),
    case(
        LOCKS,
        "LOCK TABLE that lets others write",
        "LOCK TABLE customers IN ROW EXCLUSIVE MODE; ALTER TABLE orders ADD c int; UPDATE orders SET c = 1",
    ),
    case(
        LOCKS,
        "SET lock_timeout first",
        "SET lock_timeout = '2s'; ALTER TABLE orders ADD c int; CREATE INDEX i ON customers (name)",
    ),
    case(LOCKS, "a query behind a lock", "ALTER TABLE orders ADD c int; SELECT count(qty) FROM orders"),
    case(LOCKS, "a table made UNLOGGED", "ALTER TABLE customers DROP COLUMN name; ALTER TABLE orders SET UNLOGGED"),
    # new tables
    case(TABLES, "a new table", "CREATE TABLE n (id serial PRIMARY KEY, name text NOT NULL UNIQUE)"),
    case(
        TABLES,
        "with a foreign key to an old one",
        NOTES.format(on_delete="RESTRICT") + "CREATE INDEX notes_i ON notes (order_id);",
    ),
    case(TABLES, "with a foreign key, filled in the same file", NOTES.format(on_delete="CASCADE") + COPY),
    case(TABLES, "with a foreign key, filled in a second file", NOTES.format(on_delete="CASCADE"), COPY),
    case(
        TABLES,
        "with a foreign key in CREATE TABLE, filled in the same file",
        "CREATE TABLE notes (id serial PRIMARY KEY, order_id int REFERENCES orders ON DELETE CASCADE, body text);"
        + COPY,
    ),
    case(
        TABLES,
        "filled first, with a foreign key after that",
        "CREATE TABLE notes (id serial PRIMARY KEY, order_id int, body text);"
        + COPY
        + "ALTER TABLE notes ADD FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE",
    ),
    case(
        TABLES,
        "filled, without a foreign key",
        "CREATE TABLE notes (id serial PRIMARY KEY, order_id int, body text);"
        + COPY
        + "CREATE INDEX i ON notes (body)",
    ),
    case(
        TABLES,
        "with a foreign key, and an index on another table",
        NOTES.format(on_delete="CASCADE") + "CREATE INDEX i ON customers (name)",
    ),
    case(
        TABLES,
        "with a foreign key, filled and indexed",
        NOTES.format(on_delete="CASCADE") + COPY + "CREATE INDEX i ON notes (body)",
    ),
    case(TABLES, "filled, with a RESTRICT key", NOTES.format(on_delete="RESTRICT") + COPY),
    case(TABLES, "filled, with a RESTRICT key, in two files", NOTES.format(on_delete="RESTRICT"), COPY),
    case(TABLES, "filled, with a NO ACTION key", NOTES.format(on_delete="NO ACTION") + COPY),
    case(
        TABLES,
        "filled, with a SET NULL key that may be NULL",
        "CREATE TABLE notes (id serial PRIMARY KEY, order_id int REFERENCES orders ON DELETE SET NULL, body text);"
        + COPY,
    ),
    case(TABLES, "filled, with a SET NULL key that is NOT NULL", NOTES.format(on_delete="SET NULL") + COPY),
    case(
        TABLES,
        "with one row, with a RESTRICT key",
        NOTES.format(on_delete="RESTRICT") + "INSERT INTO notes (order_id, body) VALUES (1, 'x');",
    ),
    case(
        TABLES,
        "filled, with a RESTRICT key that is dropped again",
        NOTES.format(on_delete="RESTRICT") + COPY + "ALTER TABLE notes DROP CONSTRAINT notes_order_id_fkey",
    ),
    case(
        TABLES,
        "filled, pointed at by a second one that restricts",
        NOTES.format(on_delete="CASCADE")
        + COPY
        + "CREATE TABLE marks (id serial PRIMARY KEY, note_id int NOT NULL REFERENCES notes (id)); INSERT INTO marks"
        " (note_id) SELECT id FROM notes",
    ),
    case(
        TABLES,
        "filled, with a key to a unique column of an old one",
        "CREATE TABLE n (id serial PRIMARY KEY, email varchar(50) REFERENCES customers (email) ON DELETE CASCADE); "
        "INSERT INTO n (email) SELECT email FROM customers",
    ),
    case(TABLES, "filled by CREATE TABLE AS", "CREATE TABLE n AS SELECT id, note FROM orders"),
    case(
        TABLES,
        "filled by CREATE TABLE AS, with a RESTRICT key",
        "CREATE TABLE n AS SELECT id FROM orders; ALTER TABLE n ADD FOREIGN KEY (id) REFERENCES orders (id)",
    ),
    case(
        TABLES,
        "a partition of an old table",
        "CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (1000) TO (2000)",
        before=(
            "CREATE TABLE events (id int, body text) PARTITION BY RANGE (id); CREATE TABLE events_1 PARTITION OF events"
            " FOR VALUES FROM (0) TO (1000);"
        ),
        fill=f"INSERT INTO events SELECT i FROM generate_series(1, {ROWS}) i",
    ),
    case(
        TABLES,
        "a partition that is attached",
        "CREATE TABLE events_2 (id int, body text); ALTER TABLE events ATTACH PARTITION events_2 FOR VALUES FROM (1000)"
        " TO (2000)",
        before=(
            "CREATE TABLE events (id int, body text) PARTITION BY RANGE (id); CREATE TABLE events_1 PARTITION OF events"
            " FOR VALUES FROM (0) TO (1000);"
        ),
        fill=f"INSERT INTO events SELECT i FROM generate_series(1, {ROWS}) i",
    ),
    case(
        TABLES,
        "an old table that is attached as a partition",
        "ALTER TABLE events ATTACH PARTITION late FOR VALUES FROM (1000) TO (2000)",
        before=(
            "CREATE TABLE events (id int, body text) PARTITION BY RANGE (id); CREATE TABLE late (id int, body text);"
        ),
        fill=f"INSERT INTO late SELECT 1000 + i FROM generate_series(1, {ROWS}) i",
    ),
    case(
        TABLES,
        "a partition that is detached",
        "ALTER TABLE events DETACH PARTITION events_1",
        before=(
            "CREATE TABLE events (id int, body text) PARTITION BY RANGE (id); CREATE TABLE events_1 PARTITION OF events"
            " FOR VALUES FROM (0) TO (1000);"
        ),
        fill=f"INSERT INTO events SELECT i FROM generate_series(1, {ROWS}) i",
    ),
    # new columns
    case(COLUMNS, "a column that may be NULL", "ALTER TABLE orders ADD c int"),
    case(COLUMNS, "a column with a default", "ALTER TABLE orders ADD c int NOT NULL DEFAULT 0"),
    case(
        COLUMNS,
        "a column NOT NULL without a default",
        "ALTER TABLE empty ADD c int NOT NULL",
        before="CREATE TABLE empty (id serial PRIMARY KEY, a int);",
    ),
    case(
        COLUMNS,
        "a column with a default that is dropped in the same file",
        "ALTER TABLE orders ADD c int NOT NULL DEFAULT 0; ALTER TABLE orders ALTER c DROP DEFAULT",
    ),
    case(
        COLUMNS,
        "a column that may be NULL whose default is dropped",
        "ALTER TABLE orders ADD c int DEFAULT 0; ALTER TABLE orders ALTER c DROP DEFAULT",
    ),
    case(
        COLUMNS,
        "SET NOT NULL after a backfill, without a default",
        "ALTER TABLE orders ADD c int; UPDATE orders SET c = 1; ALTER TABLE orders ALTER c SET NOT NULL",
    ),
    case(
        COLUMNS,
        "SET NOT NULL after a backfill, with a default",
        "ALTER TABLE orders ADD c int; UPDATE orders SET c = 1; ALTER TABLE orders ALTER c SET DEFAULT 1; ALTER TABLE"
        " orders ALTER c SET NOT NULL",
    ),
    case(
        COLUMNS,
        "SET NOT NULL, with a default in a second file",
        "ALTER TABLE orders ADD c int DEFAULT 1; ALTER TABLE orders ALTER c SET NOT NULL",
        "ALTER TABLE orders ALTER c DROP DEFAULT",
    ),
    case(COLUMNS, "a unique index", "ALTER TABLE orders ADD c int; CREATE UNIQUE INDEX i ON orders (c)"),
    case(
        COLUMNS,
        "a unique index where NULL is one value",
        "ALTER TABLE empty ADD c int; CREATE UNIQUE INDEX i ON empty (c) NULLS NOT DISTINCT",
        before="CREATE TABLE empty (id serial PRIMARY KEY, a int);",
    ),
    case(
        COLUMNS,
        "a unique index and a later default",
        "ALTER TABLE orders ADD c int; CREATE UNIQUE INDEX i ON orders (c); ALTER TABLE orders ALTER c SET DEFAULT 7",
    ),
    case(
        COLUMNS,
        "a unique index and a default in a second file",
        "ALTER TABLE orders ADD c int; CREATE UNIQUE INDEX i ON orders (c)",
        "ALTER TABLE orders ALTER c SET DEFAULT 7",
    ),
    case(
        COLUMNS,
        "a unique index and a default that is another for each row",
        "ALTER TABLE orders ADD c uuid; CREATE UNIQUE INDEX i ON orders (c); ALTER TABLE orders ALTER c SET DEFAULT"
        " gen_random_uuid()",
    ),
    case(
        COLUMNS,
        "unique with a default, on an empty table",
        "ALTER TABLE empty ADD c int DEFAULT 1 UNIQUE",
        before="CREATE TABLE empty (id serial PRIMARY KEY, a int);",
    ),
    case(
        COLUMNS, "a value of its own for each row", "ALTER TABLE orders ADD c uuid NOT NULL DEFAULT gen_random_uuid()"
    ),
    case(COLUMNS, "serial", "ALTER TABLE orders ADD c serial"),
    case(COLUMNS, "identity", "ALTER TABLE orders ADD c int GENERATED ALWAYS AS IDENTITY"),
    case(COLUMNS, "generated", "ALTER TABLE orders ADD c int GENERATED ALWAYS AS (qty + 1) STORED"),
    case(COLUMNS, "the time of now", "ALTER TABLE orders ADD c timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP"),
    case(COLUMNS, "a key to another table", "ALTER TABLE orders ADD c int REFERENCES customers (id)"),
    case(
        COLUMNS,
        "a key to another table, backfilled",
        "ALTER TABLE orders ADD c int REFERENCES customers (id) ON UPDATE CASCADE; UPDATE orders SET c = 101 + id % 30",
    ),
    case(
        COLUMNS,
        "a key to another table, with a default",
        "ALTER TABLE orders ADD c int DEFAULT 101 REFERENCES customers (id) ON UPDATE CASCADE",
    ),
    case(
        COLUMNS,
        "a key to a new table",
        "CREATE TABLE shops (id int PRIMARY KEY); ALTER TABLE orders ADD c int REFERENCES shops (id)",
    ),
    case(COLUMNS, "a check that NULL passes", "ALTER TABLE orders ADD c int CHECK (c > 0 AND c < 10)"),
    case(
        COLUMNS,
        "a check that NULL does not pass",
        "ALTER TABLE empty ADD c int; ALTER TABLE empty ADD CHECK (c IS NOT NULL)",
        before="CREATE TABLE empty (id serial PRIMARY KEY, a int);",
    ),
    case(
        COLUMNS,
        "a check that the default passes",
        "ALTER TABLE orders ADD c int NOT NULL DEFAULT 0; ALTER TABLE orders ADD CHECK (c >= 0)",
    ),
    case(
        COLUMNS,
        "a check that the default does not pass",
        "ALTER TABLE orders ADD c int NOT NULL DEFAULT 0; UPDATE orders SET c = 5; ALTER TABLE orders ADD CHECK (c"
        " > 0)",
    ),
    case(
        COLUMNS,
        "a check on a new and an old column",
        "ALTER TABLE orders ADD c int; ALTER TABLE orders ADD CHECK (c > 0 OR qty > 0)",
    ),
    # demands
    case(DEMANDS, "SET NOT NULL on an old column", "ALTER TABLE orders ALTER note SET NOT NULL"),
    case(DEMANDS, "SET NOT NULL on one that is", "ALTER TABLE orders ALTER qty SET NOT NULL"),
    case(
        DEMANDS,
        "SET NOT NULL where a check says so",
        "ALTER TABLE orders ALTER note SET NOT NULL",
        before="ALTER TABLE orders ADD CONSTRAINT k CHECK (note IS NOT NULL);",
    ),
    case(DEMANDS, "DROP NOT NULL", "ALTER TABLE orders ALTER total DROP NOT NULL"),
    case(DEMANDS, "SET DEFAULT on an old column", "ALTER TABLE orders ALTER note SET DEFAULT 'x'"),
    case(DEMANDS, "DROP DEFAULT of a column that must be there", "ALTER TABLE orders ALTER placed_at DROP DEFAULT"),
    case(DEMANDS, "DROP DEFAULT of a column that may be NULL", "ALTER TABLE customers ALTER credit DROP DEFAULT"),
    case(DEMANDS, "DROP DEFAULT of a column without one", "ALTER TABLE orders ALTER note DROP DEFAULT"),
    case(
        DEMANDS,
        "DROP DEFAULT and SET DEFAULT",
        "ALTER TABLE orders ALTER placed_at DROP DEFAULT; ALTER TABLE orders ALTER placed_at SET DEFAULT"
        " CURRENT_TIMESTAMP",
    ),
    case(DEMANDS, "a check that old rows break", "ALTER TABLE orders ADD CHECK (qty > 0)"),
    case(DEMANDS, "a check that old rows break, NOT VALID", "ALTER TABLE orders ADD CHECK (qty > 0) NOT VALID"),
    case(DEMANDS, "a check that is dropped", "ALTER TABLE orders DROP CONSTRAINT orders_qty_check"),
    case(DEMANDS, "a unique index on an old column", "CREATE UNIQUE INDEX i ON orders (qty)"),
    case(DEMANDS, "a unique index that an old one implies", "CREATE UNIQUE INDEX i ON orders (code, qty)"),
    case(
        DEMANDS,
        "a foreign key on old columns",
        "ALTER TABLE orders ADD CONSTRAINT f FOREIGN KEY (size) REFERENCES sizes (id)",
        before="CREATE TABLE sizes (id int PRIMARY KEY);",
        fill="INSERT INTO sizes SELECT generate_series(200, 240)",
    ),
    case(
        DEMANDS,
        "a foreign key that is created again",
        "ALTER TABLE orders DROP CONSTRAINT orders_customer_id_fkey; ALTER TABLE orders ADD CONSTRAINT"
        " orders_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE ON UPDATE"
        " CASCADE",
    ),
    case(
        DEMANDS,
        "a foreign key that is created again and restricts",
        "ALTER TABLE orders DROP CONSTRAINT orders_customer_id_fkey; ALTER TABLE orders ADD CONSTRAINT"
        " orders_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE RESTRICT ON UPDATE"
        " CASCADE",
    ),
    case(DEMANDS, "a foreign key that is dropped", "ALTER TABLE orders DROP CONSTRAINT orders_customer_id_fkey"),
    case(
        DEMANDS,
        "identity ALWAYS on an old column",
        "ALTER TABLE empty ALTER id ADD GENERATED ALWAYS AS IDENTITY",
        before="CREATE TABLE empty (id int PRIMARY KEY, a int);",
    ),
    case(
        DEMANDS,
        "identity BY DEFAULT on an old column",
        "ALTER TABLE empty ALTER id ADD GENERATED BY DEFAULT AS IDENTITY",
        before="CREATE TABLE empty (id int PRIMARY KEY, a int);",
    ),
    # types
    case(TYPES, "varchar to a larger one", "ALTER TABLE orders ALTER note TYPE varchar(200)"),
    case(TYPES, "varchar to text", "ALTER TABLE orders ALTER note TYPE text"),
    case(TYPES, "varchar to a smaller one", "ALTER TABLE orders ALTER note TYPE varchar(10)"),
    case(
        TYPES, "varchar to a smaller one, cut", "ALTER TABLE orders ALTER note TYPE varchar(3) USING note::varchar(3)"
    ),
    case(TYPES, "text to varchar", "ALTER TABLE customers ALTER name TYPE varchar(30)"),
    case(TYPES, "int to bigint", "ALTER TABLE orders ALTER qty TYPE bigint"),
    case(TYPES, "int to bigint of a key that others point at", "ALTER TABLE customers ALTER id TYPE bigint"),
    case(TYPES, "int to bigint of a column that points", "ALTER TABLE orders ALTER customer_id TYPE bigint"),
    case(TYPES, "int to smallint", "ALTER TABLE orders ALTER qty TYPE smallint"),
    case(TYPES, "smallint to int", "ALTER TABLE orders ALTER size TYPE int"),
    case(TYPES, "int to numeric", "ALTER TABLE orders ALTER qty TYPE numeric"),
    case(TYPES, "numeric with more digits", "ALTER TABLE orders ALTER total TYPE numeric(14,2)"),
    case(TYPES, "numeric with a larger scale", "ALTER TABLE orders ALTER total TYPE numeric(14,4)"),
    case(TYPES, "numeric with fewer digits", "ALTER TABLE orders ALTER total TYPE numeric(6,2)"),
    case(TYPES, "numeric with a smaller scale", "ALTER TABLE orders ALTER total TYPE numeric(10,1)"),
    case(TYPES, "numeric without limits", "ALTER TABLE orders ALTER total TYPE numeric"),
    case(TYPES, "timestamp to timestamptz", "ALTER TABLE orders ALTER placed_at TYPE timestamptz(3)"),
    case(TYPES, "timestamp with a higher precision", "ALTER TABLE orders ALTER placed_at TYPE timestamp(6)"),
    case(TYPES, "timestamp with a lower precision", "ALTER TABLE orders ALTER placed_at TYPE timestamp(0)"),
    case(
        TYPES,
        "enum to text",
        "ALTER TABLE orders ALTER status DROP DEFAULT; ALTER TABLE orders ALTER status TYPE text; ALTER TABLE orders"
        " ALTER status SET DEFAULT 'PENDING'",
    ),
    case(
        TYPES,
        "text to uuid",
        "ALTER TABLE t ALTER key TYPE uuid USING key::uuid",
        before="CREATE TABLE t (id serial PRIMARY KEY, key text);",
        fill=f"INSERT INTO t (key) SELECT gen_random_uuid() FROM generate_series(1, {ROWS})",
    ),
    case(TYPES, "an expression", "ALTER TABLE orders ALTER note TYPE text USING left(note, 2)"),
    # enums
    case(ENUMS, "a value that is added", "ALTER TYPE status ADD VALUE 'LOST'"),
    case(
        ENUMS,
        "a value that is added and used in its own file",
        "ALTER TYPE status ADD VALUE 'LOST'; UPDATE orders SET status = 'LOST' WHERE id = 1",
    ),
    case(
        ENUMS,
        "a value that is added and a default in its own file",
        "ALTER TYPE status ADD VALUE 'LOST'; ALTER TABLE orders ALTER status SET DEFAULT 'LOST'",
    ),
    case(
        ENUMS,
        "a value that is added and inserted in its own file",
        "ALTER TYPE status ADD VALUE 'LOST'; INSERT INTO orders (customer_id, status, total, qty, kept) VALUES (101,"
        " 'LOST', 1, 1, true)",
    ),
    case(
        ENUMS,
        "a value that is added and cast to in its own file",
        "ALTER TYPE status ADD VALUE 'LOST'; CREATE TABLE n (id int, s text DEFAULT 'LOST'::status)",
    ),
    case(
        ENUMS,
        "a value that is added and written as a text in its own file",
        "ALTER TYPE status ADD VALUE 'LOST'; CREATE TABLE n (id int, s text); INSERT INTO n VALUES (1, 'LOST')",
    ),
    case(
        ENUMS,
        "a value that is added and used in its own file after COMMIT",
        "ALTER TYPE status ADD VALUE 'LOST'; COMMIT; UPDATE orders SET status = 'LOST' WHERE id = 1",
    ),
    case(
        ENUMS,
        "a value that is added and used by rows in a second file",
        "ALTER TYPE status ADD VALUE 'LOST'",
        "INSERT INTO orders (customer_id, status, total, qty, kept) VALUES (101, 'LOST', 1, 1, true)",
    ),
    case(
        ENUMS,
        "a value that is added and is a default in a second file",
        "ALTER TYPE status ADD VALUE 'LOST'",
        "ALTER TABLE orders ALTER status SET DEFAULT 'LOST'",
    ),
    case(
        ENUMS,
        "a value that is added and selected into rows",
        "ALTER TYPE status ADD VALUE 'LOST'",
        "INSERT INTO orders (customer_id, status, total, qty, kept) SELECT id, 'LOST', 1, 1, true FROM customers",
    ),
    case(
        ENUMS,
        "a value that is added and used by a new table",
        "ALTER TYPE status ADD VALUE 'LOST'",
        "CREATE TABLE n (id int, s status DEFAULT 'LOST'); INSERT INTO n VALUES (1, 'LOST')",
    ),
    case(
        ENUMS,
        "a new enum whose values are used in its own file",
        "CREATE TYPE colour AS ENUM ('RED'); ALTER TYPE colour ADD VALUE 'BLUE'; "
        "CREATE TABLE n (id int, c colour DEFAULT 'BLUE'); INSERT INTO n VALUES (1, 'BLUE')",
    ),
    case(ENUMS, "a value that is renamed", "ALTER TYPE status RENAME VALUE 'SHIPPED' TO 'SENT'"),
    case(
        ENUMS, "Prisma's swap that removes nothing", PRISMA_SWAP.format(labels="'PENDING', 'PAID', 'SHIPPED', 'LOST'")
    ),
    case(ENUMS, "Prisma's swap that removes a value", PRISMA_SWAP.format(labels="'PENDING', 'PAID'")),
    case(ENUMS, "Prisma's swap that removes a value of rows", PRISMA_SWAP.format(labels="'PENDING', 'SHIPPED'")),
    case(
        ENUMS,
        "Prisma's swap that removes a value which a pending file added",
        "ALTER TYPE status ADD VALUE 'LOST'",
        PRISMA_SWAP.format(labels="'PENDING', 'PAID', 'SHIPPED'"),
    ),
    case(
        ENUMS,
        "a swap that leaves the column with another type",
        "CREATE TYPE s2 AS ENUM ('PENDING', 'PAID', 'SHIPPED'); "
        "ALTER TABLE orders ALTER status DROP DEFAULT; "
        "ALTER TABLE orders ALTER status TYPE s2 USING status::text::s2; "
        "ALTER TABLE orders ALTER status SET DEFAULT 'PENDING'",
    ),
    case(ENUMS, "an enum that is renamed", "ALTER TYPE status RENAME TO state"),
    # names
    case(NAMES, "a column that is renamed", "ALTER TABLE orders RENAME note TO remark"),
    case(NAMES, "a table that is renamed", "ALTER TABLE orders RENAME TO purchases"),
    case(
        NAMES,
        "a table that is renamed, with a view in its place",
        "ALTER TABLE orders RENAME TO purchases; CREATE VIEW orders AS SELECT * FROM purchases",
    ),
    case(
        NAMES,
        "a column that is renamed, with a view in the table's place",
        "ALTER TABLE customers RENAME TO people; ALTER TABLE people RENAME name TO title; "
        "CREATE VIEW customers AS SELECT id, email, title AS name, credit FROM people",
    ),
    case(
        NAMES,
        "a table that is renamed, with a view that lacks a column",
        "ALTER TABLE customers RENAME TO people; CREATE VIEW customers AS SELECT id, email FROM people",
    ),
    case(
        NAMES,
        "a table that is renamed, with a view of some rows",
        "ALTER TABLE customers RENAME TO people; CREATE VIEW customers AS SELECT * FROM people WHERE id > 105",
    ),
    case(NAMES, "an index that is renamed", "ALTER INDEX orders_note_idx RENAME TO i"),
    case(NAMES, "a constraint that is renamed", "ALTER TABLE orders RENAME CONSTRAINT orders_qty_check TO k"),
    case(NAMES, "a column that is dropped", "ALTER TABLE orders DROP COLUMN note"),
    case(
        NAMES,
        "a column that is dropped after it lost NOT NULL",
        "ALTER TABLE orders ALTER total DROP NOT NULL",
        "ALTER TABLE orders DROP COLUMN total",
    ),
    case(
        NAMES,
        "a column that is copied and dropped",
        "ALTER TABLE orders ADD remark text; UPDATE orders SET remark = note; ALTER TABLE orders DROP COLUMN note",
    ),
    case(
        NAMES,
        "a column that is dropped and created again",
        "ALTER TABLE orders DROP COLUMN note; ALTER TABLE orders ADD note varchar(20)",
    ),
    case(NAMES, "a table that is dropped", "DROP TABLE orders"),
    case(NAMES, "an index that is dropped", "DROP INDEX orders_note_idx"),
    case(NAMES, "a unique index that is dropped", "DROP INDEX orders_code_key"),
    case(
        NAMES,
        "a unique index that is created again",
        "DROP INDEX orders_code_key; CREATE UNIQUE INDEX orders_code_key ON orders (code)",
    ),
    case(
        NAMES,
        "a unique index that has another beside it",
        "DROP INDEX orders_code_key",
        before="CREATE UNIQUE INDEX second ON orders (code);",
    ),
    case(NAMES, "a unique constraint that is dropped", "ALTER TABLE customers DROP CONSTRAINT customers_email_key"),
    case(
        NAMES,
        "a unique index that an earlier file replaced",
        "DROP INDEX orders_code_key",
        before="DROP INDEX orders_code_key; CREATE INDEX orders_code_key ON orders (code);",
    ),
    case(NAMES, "an index that is dropped, concurrently", "DROP INDEX CONCURRENTLY orders_note_idx"),
    case(NAMES, "a view that is dropped", "DROP VIEW v", before="CREATE VIEW v AS SELECT id, note FROM orders;"),
    case(
        NAMES,
        "a view that is replaced",
        "CREATE OR REPLACE VIEW v AS SELECT id, note FROM orders WHERE id > 3",
        before="CREATE VIEW v AS SELECT id, note FROM orders;",
    ),
    case(
        NAMES,
        "a trigger that is dropped",
        "DROP TRIGGER t ON orders; CREATE INDEX i ON customers (name)",
        before=(
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; "
            "CREATE TRIGGER t BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION f();"
        ),
    ),
    # rows
    case(ROWS_CHANGED, "UPDATE of an old column", "UPDATE orders SET qty = 1"),
    case(ROWS_CHANGED, "UPDATE of one row", "UPDATE orders SET qty = 1 WHERE id = 3"),
    case(ROWS_CHANGED, "DELETE", "DELETE FROM orders WHERE qty > 7005"),
    case(ROWS_CHANGED, "TRUNCATE", "TRUNCATE orders"),
    case(ROWS_CHANGED, "INSERT of a row", "INSERT INTO customers (email) VALUES ('new@shop')"),
    case(
        ROWS_CHANGED,
        "INSERT of a row unless it is there",
        "INSERT INTO customers (email) VALUES ('c1@shop') ON CONFLICT DO NOTHING",
    ),
    case(ROWS_CHANGED, "INSERT of rows from another table", "INSERT INTO customers (email) SELECT code FROM orders"),
    # the rest
    case(REST, "row security", "ALTER TABLE orders ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON orders USING (true)"),
    case(
        REST,
        "a policy and an index on another table",
        "CREATE POLICY p ON orders USING (true); CREATE INDEX i ON customers (name)",
    ),
    case(
        REST,
        "a trigger that refuses",
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''no''; END'; "
        "CREATE TRIGGER t BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION f()",
    ),
    case(REST, "a sequence", "CREATE SEQUENCE s; ALTER SEQUENCE s OWNED BY orders.qty"),
    case(REST, "fillfactor", "ALTER TABLE orders SET (fillfactor = 80)"),
    case(
        REST,
        "statistics",
        "ALTER TABLE orders ALTER qty SET STATISTICS 500; CREATE STATISTICS st ON qty, total FROM orders; ANALYZE"
        " orders",
    ),
    case(REST, "comments", "COMMENT ON COLUMN orders.qty IS 'pieces'"),
    case(REST, "GRANT", "GRANT SELECT ON orders TO PUBLIC"),
    case(REST, "REVOKE", "REVOKE SELECT ON orders FROM PUBLIC"),
    case(REST, "a function", "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'"),
    case(
        REST,
        "a function that is replaced",
        "CREATE OR REPLACE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 2'",
        before="CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1';",
    ),
    case(REST, "a view", "CREATE VIEW v AS SELECT id FROM orders"),
    case(REST, "a DO block", "DO $$ BEGIN UPDATE orders SET note = NULL; END $$"),
    case(REST, "a call of a function", "SELECT setval('orders_id_seq', 500)"),
    # several parts in one statement
    case(
        COLUMNS,
        "one ALTER TABLE that adds, sets a default and demands",
        "ALTER TABLE orders ADD c int NOT NULL DEFAULT 5, ALTER c SET DEFAULT 6, ADD CHECK (c > 0)",
    ),
    case(
        COLUMNS,
        "one ALTER TABLE that adds a column and makes it unique",
        "ALTER TABLE orders ADD c int, ADD CONSTRAINT k UNIQUE (c)",
    ),
    case(
        COLUMNS,
        "one ALTER TABLE that adds a column with a default and makes it unique",
        "ALTER TABLE empty ADD c int DEFAULT 1, ADD CONSTRAINT k UNIQUE (c)",
        before=EMPTY,
    ),
    case(
        COLUMNS,
        "one ALTER TABLE that creates a column again",
        "ALTER TABLE orders DROP COLUMN note, ADD COLUMN note varchar(20)",
    ),
    case(
        COLUMNS,
        "one that may be there already",
        "ALTER TABLE orders ADD COLUMN IF NOT EXISTS note varchar(20); ALTER TABLE orders ADD COLUMN IF NOT EXISTS"
        " c int",
    ),
    case(
        COLUMNS,
        "of a domain with a check",
        "CREATE DOMAIN positive AS int CHECK (VALUE > 0); ALTER TABLE orders ADD c positive",
    ),
    case(
        COLUMNS,
        "unique together with an old column, with a default",
        "ALTER TABLE orders ADD c int NOT NULL DEFAULT 0; CREATE UNIQUE INDEX i ON orders (customer_id, c)",
    ),
    case(
        COLUMNS,
        "unique together with the key, with a default",
        "ALTER TABLE orders ADD c int NOT NULL DEFAULT 0; CREATE UNIQUE INDEX i ON orders (id, c)",
    ),
    case(
        COLUMNS,
        "a check that a default passes by a list",
        "ALTER TABLE orders ADD c text NOT NULL DEFAULT 'a'; ALTER TABLE orders ADD CHECK (c IN ('a', 'b') AND c <>"
        " 'x')",
    ),
    case(
        COLUMNS,
        "a check that the length of NULL passes",
        "ALTER TABLE orders ADD c text; ALTER TABLE orders ADD CHECK (length(c) > 3 OR c IS NULL)",
    ),
    case(
        COLUMNS,
        "a check of two new columns",
        "ALTER TABLE empty ADD c int, ADD d int; ALTER TABLE empty ADD CHECK (num_nonnulls(c, d) = 1)",
        before=EMPTY,
    ),
    case(
        COLUMNS,
        "NOT NULL by a check in three files",
        "ALTER TABLE orders ADD c int DEFAULT 1; ALTER TABLE orders ADD CONSTRAINT k CHECK (c IS NOT NULL) NOT VALID",
        "ALTER TABLE orders VALIDATE CONSTRAINT k",
        "ALTER TABLE orders ALTER c SET NOT NULL",
    ),
    case(
        DEMANDS,
        "a primary key on a unique column that may be NULL",
        "ALTER TABLE t ADD PRIMARY KEY (code)",
        before="CREATE TABLE t (code text UNIQUE, a int);",
        fill=f"INSERT INTO t SELECT i FROM generate_series(1, {ROWS}) i",
    ),
    case(
        DEMANDS,
        "a primary key from an index",
        "ALTER TABLE t ADD CONSTRAINT t_pkey PRIMARY KEY USING INDEX t_code",
        before="CREATE TABLE t (code text NOT NULL, a int); CREATE UNIQUE INDEX t_code ON t (code);",
        fill=f"INSERT INTO t SELECT i FROM generate_series(1, {ROWS}) i",
    ),
    case(
        DEMANDS,
        "a unique constraint from an old index",
        "ALTER TABLE orders ADD CONSTRAINT k UNIQUE USING INDEX orders_code_key",
    ),
    case(
        DEMANDS,
        "a unique index where NULL is one value, on a unique column",
        "CREATE UNIQUE INDEX i ON t (code) NULLS NOT DISTINCT",
        before="CREATE TABLE t (id serial PRIMARY KEY, code text UNIQUE);",
        fill=f"INSERT INTO t (code) SELECT i FROM generate_series(1, {ROWS}) i",
    ),
    case(
        DEMANDS,
        "a unique index on another expression, created again",
        "DROP INDEX t_i; CREATE UNIQUE INDEX t_i ON t (lower(code))",
        before="CREATE TABLE t (id serial PRIMARY KEY, code text); CREATE UNIQUE INDEX t_i ON t ((code || id));",
        fill=f"INSERT INTO t (code) SELECT 'c' || i FROM generate_series(1, {ROWS}) i",
    ),
    case(DEMANDS, "a partial unique index", "CREATE UNIQUE INDEX i ON orders (qty) WHERE kept"),
    case(DEMANDS, "an exclusion", "ALTER TABLE orders ADD EXCLUDE USING btree (qty WITH =)"),
    case(
        DEMANDS,
        "a restricting foreign key that cascades now",
        "ALTER TABLE items DROP CONSTRAINT f; ALTER TABLE items ADD CONSTRAINT f FOREIGN KEY (order_id) REFERENCES"
        " orders (id) ON DELETE CASCADE",
        before=(
            "CREATE TABLE items (id serial PRIMARY KEY, order_id int NOT NULL CONSTRAINT f REFERENCES orders (id), a"
            " int);"
        ),
        fill="INSERT INTO items (order_id) SELECT id FROM orders",
    ),
    case(
        DEMANDS,
        "a restricting foreign key that is dropped",
        "ALTER TABLE items DROP CONSTRAINT f",
        before=(
            "CREATE TABLE items (id serial PRIMARY KEY, order_id int NOT NULL CONSTRAINT f REFERENCES orders (id), a"
            " int);"
        ),
        fill="INSERT INTO items (order_id) SELECT id FROM orders",
    ),
    case(
        DEMANDS,
        "NULL in a column that had none",
        "ALTER TABLE orders ALTER total DROP NOT NULL; INSERT INTO orders (customer_id, qty, kept) VALUES (101, 5,"
        " true)",
    ),
    case(
        DEMANDS,
        "NULL allowed, and a row with a value",
        "ALTER TABLE orders ALTER total DROP NOT NULL; INSERT INTO orders (customer_id, total, qty, kept) VALUES (101,"
        " 3, 5, true)",
    ),
    case(
        DEMANDS,
        "NULL allowed, and rows that are selected",
        "ALTER TABLE orders ALTER total DROP NOT NULL",
        "INSERT INTO orders (customer_id, total, qty, kept) SELECT id, NULL, 5, true FROM customers",
    ),
    case(
        LOCKS,
        "a sequence that is altered, and an index on another table",
        "ALTER SEQUENCE orders_id_seq OWNED BY orders.id; CREATE INDEX i ON customers (name)",
    ),
    case(
        LOCKS,
        "a column with a foreign key that is dropped, and an index",
        "ALTER TABLE orders DROP COLUMN customer_id; CREATE INDEX i ON orders (qty)",
    ),
    case(
        LOCKS,
        "a table that is dropped, and an index on the one that it pointed at",
        "DROP TABLE orders; CREATE INDEX i ON customers (name)",
    ),
    case(
        LOCKS,
        "a view that is replaced, and an index",
        "CREATE OR REPLACE VIEW v AS SELECT id, note FROM orders; CREATE INDEX i ON customers (name)",
        before="CREATE VIEW v AS SELECT id, note FROM orders;",
    ),
    case(
        LOCKS, "rows that are locked by a query", "SELECT id FROM orders FOR UPDATE; CREATE INDEX i ON customers (name)"
    ),
    case(LOCKS, "rows that go with those that are deleted", "DELETE FROM customers"),
    case(
        LOCKS,
        "a trigger that is switched off while rows are changed",
        "ALTER TABLE orders DISABLE TRIGGER USER; ALTER TABLE customers ADD d int; UPDATE customers SET d = 1; ALTER"
        " TABLE orders ENABLE TRIGGER USER",
    ),
    case(
        LOCKS,
        "TRUNCATE … CASCADE and an index",
        "TRUNCATE customers CASCADE; CREATE INDEX i ON empty (a)",
        before=EMPTY,
        fill=f"INSERT INTO empty (a) SELECT generate_series(1, {ROWS})",
    ),
    case(LOCKS, "two ALTER TABLE in one", "ALTER TABLE orders ADD c int, ALTER qty TYPE bigint"),
    case(LOCKS, "an index that is there already", "CREATE INDEX IF NOT EXISTS orders_note_idx ON orders (note)"),
    case(
        LOCKS,
        "a savepoint does not give locks up",
        "BEGIN; SAVEPOINT s; ALTER TABLE orders ADD c int; RELEASE SAVEPOINT s; CREATE INDEX i ON customers (name);"
        " COMMIT",
    ),
    case(
        LOCKS,
        "a new table that is filled from another new one",
        "CREATE TABLE a AS SELECT id FROM orders; "
        "CREATE TABLE b (id int, order_id int REFERENCES orders (id) ON DELETE CASCADE ON UPDATE CASCADE); "
        "INSERT INTO b (id) SELECT id FROM a",
    ),
    case(
        LOCKS,
        "an index on a new table that is filled, behind a foreign key",
        "CREATE TABLE a AS SELECT id FROM orders; ALTER TABLE customers ADD x int; CREATE INDEX i ON a (id)",
    ),
    case(
        LOCKS,
        "another table of the same name in another schema",
        "CREATE SCHEMA audit; CREATE TABLE audit.orders (id int); CREATE INDEX i ON audit.orders (id); CREATE INDEX j"
        " ON orders (qty)",
    ),
    case(
        NAMES,
        "a table of the same name in another schema, by search_path",
        "CREATE SCHEMA audit; SET search_path = audit; CREATE TABLE orders (id int); SET search_path = public; DROP"
        " TABLE orders",
    ),
    case(
        NAMES,
        "a table that is dropped in another schema",
        "DROP TABLE audit.orders",
        before="CREATE SCHEMA audit; CREATE TABLE audit.orders (id int);",
        fill="INSERT INTO audit.orders VALUES (9001)",
    ),
    case(
        NAMES,
        "a table that is renamed, with a temporary view in its place",
        "ALTER TABLE customers RENAME TO people; CREATE TEMP VIEW customers AS SELECT * FROM people",
    ),
    case(
        NAMES,
        "a table that another one takes the place of",
        "CREATE TABLE customers_2 AS SELECT * FROM customers; ALTER TABLE customers RENAME TO customers_old; ALTER"
        " TABLE customers_2 RENAME TO customers",
    ),
    case(
        NAMES,
        "a column that is renamed and renamed back",
        "ALTER TABLE orders RENAME note TO x; ALTER TABLE orders RENAME x TO note",
    ),
    case(
        ENUMS,
        "an array of an enum that is swapped",
        """
        CREATE TYPE role_new AS ENUM ('A', 'B', 'C');
        ALTER TABLE t ALTER roles TYPE role_new[] USING (roles::text::role_new[]);
        ALTER TYPE role RENAME TO role_old;
        ALTER TYPE role_new RENAME TO role;
        DROP TYPE role_old""",
        before="CREATE TYPE role AS ENUM ('A', 'B'); CREATE TABLE t (id serial PRIMARY KEY, roles role[] NOT NULL);",
        fill=f"INSERT INTO t (roles) SELECT '{{A}}' FROM generate_series(1, {ROWS})",
    ),
    case(
        ENUMS,
        "a value that is added and asked for in its own file",
        "ALTER TYPE status ADD VALUE 'LOST'; CREATE INDEX i ON orders (qty) WHERE status = 'LOST'",
    ),
    case(
        ENUMS,
        "a value that is added and listed in its own file",
        "ALTER TYPE status ADD VALUE 'LOST'; ALTER TABLE orders ADD CHECK (status IN ('LOST', 'PAID'))",
    ),
    case(
        ENUMS,
        "a value that is added and cast to in an array",
        "ALTER TYPE status ADD VALUE 'LOST'; CREATE TABLE n (id int, s status[] DEFAULT ARRAY['LOST']::status[])",
    ),
    case(
        ENUMS,
        "a value that is added and distinguished by CASE",
        "ALTER TYPE status ADD VALUE 'LOST'; CREATE VIEW v AS SELECT CASE status WHEN 'LOST' THEN 1 ELSE 2 END FROM"
        " orders",
    ),
    case(
        ENUMS,
        "a value that is there already",
        "ALTER TYPE status ADD VALUE IF NOT EXISTS 'PAID'; UPDATE orders SET status = 'PAID' WHERE id = 2",
    ),
    case(
        ENUMS,
        "a new column with a new enum",
        "CREATE TYPE colour AS ENUM ('RED'); ALTER TABLE orders ADD colour colour NOT NULL DEFAULT 'RED'",
    ),
    case(
        ENUMS,
        "a new column with a value that an earlier file added",
        "ALTER TYPE status ADD VALUE 'LOST'",
        "ALTER TABLE orders ADD second status NOT NULL DEFAULT 'LOST'",
    ),
    case(
        ENUMS,
        "Prisma's swap that adds a value, and rows that use it",
        PRISMA_SWAP.format(labels="'PENDING', 'PAID', 'SHIPPED', 'LOST'"),
        "INSERT INTO orders (customer_id, status, total, qty, kept) VALUES (101, 'LOST', 1, 1, true)",
    ),
    case(
        TYPES,
        "array of varchar to a larger one",
        "ALTER TABLE t ALTER tags TYPE varchar(200)[]",
        before="CREATE TABLE t (id serial PRIMARY KEY, tags varchar(10)[]);",
        fill=f"INSERT INTO t (tags) SELECT ARRAY['a'] FROM generate_series(1, {ROWS})",
    ),
    case(
        TYPES,
        "char to a larger one",
        "ALTER TABLE t ALTER c TYPE char(20)",
        before="CREATE TABLE t (id serial PRIMARY KEY, c char(5));",
        fill=f"INSERT INTO t (c) SELECT 'a' FROM generate_series(1, {ROWS})",
    ),
    case(
        TYPES,
        "real to double precision",
        "ALTER TABLE t ALTER c TYPE double precision",
        before="CREATE TABLE t (id serial PRIMARY KEY, c real);",
        fill=f"INSERT INTO t (c) SELECT 0.5 FROM generate_series(1, {ROWS})",
    ),
    case(TYPES, "int to double precision", "ALTER TABLE orders ALTER qty TYPE double precision"),
    case(
        TYPES,
        "date to timestamp",
        "ALTER TABLE t ALTER c TYPE timestamp",
        before="CREATE TABLE t (id serial PRIMARY KEY, c date);",
        fill=f"INSERT INTO t (c) SELECT '2026-01-01' FROM generate_series(1, {ROWS})",
    ),
    case(TYPES, "the same type", "ALTER TABLE orders ALTER note TYPE varchar(20)"),
    case(
        TYPES,
        "varchar to text, with a default in between",
        "ALTER TABLE orders ALTER note TYPE text, ALTER note SET DEFAULT ''",
    ),
    case(
        TYPES,
        "int to bigint, with its sequence",
        "ALTER TABLE customers ALTER id TYPE bigint; ALTER SEQUENCE customers_id_seq AS bigint",
    ),
    case(
        TYPES,
        "widened by an earlier file, widened again",
        "ALTER TABLE orders ALTER note TYPE varchar(60)",
        before="ALTER TABLE orders ALTER note TYPE varchar(50);",
    ),
    case(
        TYPES,
        "widened by an earlier file, narrowed",
        "ALTER TABLE orders ALTER note TYPE varchar(30)",
        before="ALTER TABLE orders ALTER note TYPE varchar(50);",
    ),
    case(
        TYPES,
        "jsonb to json",
        "ALTER TABLE t ALTER c TYPE json",
        before="CREATE TABLE t (id serial PRIMARY KEY, c jsonb);",
        fill=f"INSERT INTO t (c) SELECT '1' FROM generate_series(1, {ROWS})",
    ),
    case(TYPES, "an indexed column, widened", "ALTER TABLE customers ALTER email TYPE varchar(500)"),
    case(
        ROWS_CHANGED,
        "INSERT of rows that point",
        "INSERT INTO orders (customer_id, total, qty, kept) SELECT id, 1, 1, true FROM customers",
    ),
    case(
        ROWS_CHANGED,
        "UPDATE from another table",
        "ALTER TABLE orders ADD c text",
        "UPDATE orders SET c = customers.name FROM customers WHERE customers.id = customer_id",
    ),
    case(
        TABLES,
        "filled without the column that restricts",
        "CREATE TABLE notes (id serial PRIMARY KEY, order_id int REFERENCES orders, body text); INSERT INTO notes"
        " (body) SELECT note FROM orders",
    ),
    case(
        TABLES,
        "filled, with a RESTRICT key that is added later and written",
        "CREATE TABLE notes AS SELECT note FROM orders; ALTER TABLE notes ADD order_id int; "
        "ALTER TABLE notes ADD FOREIGN KEY (order_id) REFERENCES orders (id); UPDATE notes SET order_id = 1",
    ),
    case(
        TABLES,
        "filled, with a RESTRICT key that is added later and NULL",
        "CREATE TABLE notes (id serial PRIMARY KEY, body text); "
        "INSERT INTO notes (body) SELECT note FROM orders; ALTER TABLE notes ADD order_id int; "
        "ALTER TABLE notes ADD FOREIGN KEY (order_id) REFERENCES orders (id)",
    ),
    case(
        TABLES,
        "filled and emptied, with a RESTRICT key",
        "CREATE TABLE notes (id serial PRIMARY KEY, order_id int REFERENCES orders); INSERT INTO notes (order_id)"
        " SELECT id FROM orders; DELETE FROM notes",
    ),
    case(TABLES, "made by SELECT INTO and dropped", "SELECT id INTO n FROM orders; DROP TABLE n"),
    case(
        COLUMNS,
        "a table that points to itself, backfilled",
        "ALTER TABLE orders ADD parent_id int REFERENCES orders (id); UPDATE orders SET parent_id = 1",
    ),
    case(
        COLUMNS,
        "a unique index of rows that old code does not write",
        "ALTER TABLE orders ADD c int; CREATE UNIQUE INDEX i ON orders (kept) WHERE c IS NOT NULL",
    ),
    case(
        COLUMNS,
        "a unique index of rows that old code writes",
        "ALTER TABLE empty ADD c int; CREATE UNIQUE INDEX i ON empty (a) WHERE c IS NULL",
        before=EMPTY,
    ),
    case(
        DEMANDS,
        "a check by the name that PostgreSQL gave it, dropped",
        "ALTER TABLE t DROP CONSTRAINT t_a_check",
        before="CREATE TABLE t (id serial PRIMARY KEY, a int CHECK (a > -5000), CHECK (a < 2147483647));",
    ),
    case(
        LOCKS,
        "a new partition, and an index on another table",
        "CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (1000) TO (2000); CREATE INDEX i ON customers"
        " (name)",
        before=EVENTS,
        fill=IN_EVENTS,
    ),
    case(
        LOCKS,
        "a partition that is attached, and an index on another table",
        "CREATE TABLE events_2 (id int, body text); "
        "ALTER TABLE events ATTACH PARTITION events_2 FOR VALUES FROM (1000) TO (2000); "
        "CREATE INDEX i ON customers (name)",
        before=EVENTS,
        fill=IN_EVENTS,
    ),
    case(
        LOCKS,
        "a partition that is detached, and an index on another table",
        "ALTER TABLE events DETACH PARTITION events_1; CREATE INDEX i ON customers (name)",
        before=EVENTS,
        fill=IN_EVENTS,
    ),
    case(
        LOCKS,
        "statistics, and an index on another table",
        "CREATE STATISTICS st ON qty, total FROM orders; ALTER TABLE orders ALTER qty SET STATISTICS 500; ANALYZE"
        " orders; CREATE INDEX i ON customers (name)",
    ),
    case(
        LOCKS,
        "an enum value, a type and a function, and an index",
        "ALTER TYPE status ADD VALUE 'LOST'; CREATE TYPE x AS ENUM ('a'); "
        "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE INDEX i ON customers (name)",
    ),
    case(
        LOCKS,
        "a foreign key to an old table in the same file as an index on a new one",
        NOTES.format(on_delete="CASCADE") + "CREATE INDEX i ON notes (body); CREATE UNIQUE INDEX j ON notes (order_id)",
    ),
    case(
        LOCKS,
        "a new table that is filled from a small new one, behind a lock",
        "CREATE TABLE a (id int); INSERT INTO a VALUES (1); ALTER TABLE orders ADD c int; CREATE TABLE b AS SELECT id"
        " FROM a",
    ),
    case(
        LOCKS,
        "a row that is inserted unless it is there, behind a lock",
        "ALTER TABLE orders ADD c int; INSERT INTO customers (email) SELECT 'new@shop' WHERE NOT EXISTS (SELECT FROM"
        " customers WHERE id = 101)",
    ),
    case(
        LOCKS,
        "rows that are made up, behind a lock",
        "ALTER TABLE orders ADD c int; CREATE TABLE n AS SELECT i FROM generate_series(1, 1000) i",
    ),
    case(
        LOCKS,
        "rows of two queries, behind a lock",
        "ALTER TABLE customers ADD c int; CREATE TABLE n AS SELECT 1 AS id UNION ALL SELECT id FROM orders",
    ),
]
