# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two real databases compared: a column of every type that the server has, and large objects of any size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import psycopg2
import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.connection import parse_url
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.row_diff import (
    LARGE_OBJECTS,
    differences,
    open_side,
)

from sandbox.storefront import Sandbox
from tests.integration.shop_database import Database

# All that a table can have a column of, each with its array.
TYPES = """
SELECT format_type(oid, NULL) FROM pg_type WHERE typtype IN ('b', 'r', 'm', 'e') AND typnamespace = 'pg_catalog'::regnamespace
AND typelem NOT IN (SELECT reltype FROM pg_class WHERE reltype <> 0) AND typname <> '_cstring' ORDER BY 1
"""  # noqa: E501
GIGABYTE = 1 << 30
SPARSE = (
    "DO $$ DECLARE opened int := lo_open({}, 131072); BEGIN PERFORM lo_lseek64(opened, {}, 0); PERFORM lowrite(opened,"
    " '{}'); END $$"
)


@pytest.fixture
def pair(sandbox: Sandbox) -> Iterator[tuple[Database, Database]]:
    """Two empty databases."""
    both = Database(sandbox, "test-compared-live"), Database(sandbox, "test-compared-other")
    yield both
    for database in both:
        database.drop()


def compared(pair: tuple[Database, Database]) -> Any:
    with ExitStack() as stack:
        return differences(
            *(stack.enter_context(closing(open_side(parse_url(database.url), lambda: None))) for database in pair)
        )


def test_a_column_of_every_type_is_compared(pair: tuple[Database, Database]) -> None:
    types = [name for (name,) in pair[0].sql(TYPES)]
    assert {
        "refcursor",
        "refcursor[]",
        "aclitem",
        "tsvector",
        "int4range",
        "int4multirange[]",
        "jsonpath",
        "regclass",
    } <= set(types)
    for number, name in enumerate(types):
        for database in pair:
            database.sql(f"CREATE TABLE t{number} (c {name}); INSERT INTO t{number} VALUES (NULL)")
    assert compared(pair).rows == {}


@pytest.mark.parametrize(
    ("type_", "live", "other"),
    [
        ("refcursor", "a", "b"),
        ("refcursor[]", "{a}", "{b}"),
        ("aclitem", "shop=r/shop", "shop=w/shop"),
        ("oidvector", "1 2", "1 3"),
        ("int4range", "[1,2)", "[1,3)"),
    ],
)
def test_a_value_that_differs_is_found(pair: tuple[Database, Database], type_: str, live: str, other: str) -> None:
    for database, value in zip(pair, (live, other), strict=True):
        database.sql(
            f"CREATE TABLE t (id int PRIMARY KEY, c {type_}); INSERT INTO t VALUES (1, %s), (2, %s)", live, value
        )
    assert compared(pair).rows == {"public.t": {"inserted": 0, "updated": 1, "deleted": 0}}


def test_large_objects_of_more_than_a_gigabyte_are_compared(pair: tuple[Database, Database]) -> None:
    live, other = pair
    for database in pair:
        database.sql("SELECT lo_create(n) FROM unnest(ARRAY[1, 2, 3, 40, 200]) n")
        database.sql(SPARSE.format(1, GIGABYTE + 5, "the end"))
        database.sql(SPARSE.format(2, 10, "short"))
    assert compared(pair).rows == {}
    other.sql(SPARSE.format(1, GIGABYTE, "x"))  # past what lo_get can give at once
    other.sql(SPARSE.format(2, 15, "longer"))
    other.sql("SELECT lo_put(3, 0, decode('00', 'hex')), lo_unlink(40), lo_create(41), lo_create(42)")
    assert compared(pair).rows == {LARGE_OBJECTS: {"inserted": 1, "updated": 3, "deleted": 2}}
    live.sql("SELECT lo_put(3, 0, decode('0000', 'hex'))")  # zeros count too
    assert compared(pair).rows[LARGE_OBJECTS]["updated"] == 3


def test_large_objects_that_the_user_may_not_read_are_named(pair: tuple[Database, Database]) -> None:
    live, _other = pair
    for database in pair:
        database.sql("SELECT lo_create(n) FROM generate_series(1, 4) n")
    admin = f"{live.sandbox.state['postgres']['url'].rpartition('/')[0]}/{live.name}"
    with closing(psycopg2.connect(admin)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "ALTER LARGE OBJECT 1 OWNER TO CURRENT_USER; ALTER LARGE OBJECT 2 OWNER TO CURRENT_USER; GRANT SELECT ON"
            " LARGE OBJECT 2 TO PUBLIC"
        )
        connection.commit()
    found = compared(pair)
    assert (found.rows, found.not_counted) == ({}, {"closed_large_objects": ["1"]})
