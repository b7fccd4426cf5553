# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The judgement of migrations held to the truth: each case is run in a real PostgreSQL while a client of
the old release is live.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import psycopg2
import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.classify import Classification, classify
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.sql import (
    ast,
    leaves_transaction,
    parse_sql,
)

from sandbox.storefront import Sandbox
from tests.integration.migration_cases import CASES, FILL, ROWS, SHOP, Case
from tests.integration.old_client import OldClient
from tests.integration.shop_database import Database

# what waits first, and what that is called
WAITS = {"read": "read", "insert": "write", "update": "rows", "delete": "delete"}
WORK = """
SELECT relid::int, coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) + n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_all_tables
WHERE schemaname = 'public'
"""  # noqa: E501


@dataclass
class Seen:
    """What happened. ``waited`` has, by file and line of each statement that handled as many rows as a
    table has, what others waited for meanwhile.
    """

    fails: bool = False
    broken: list[str] = field(default_factory=list)
    lost: bool = False
    waited: dict[tuple[int, int], dict[str, str]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def database(sandbox: Sandbox) -> Iterator[Database]:
    database = Database(sandbox, "test-truth")
    yield database
    database.drop()


def statements(script: str) -> Iterator[tuple[int, Any, str]]:
    """Each statement of a file with its line, its tree and its text."""
    for each in parse_sql(script):
        text = script[each.stmt_location : each.stmt_location + each.stmt_len if each.stmt_len else None]
        yield script.count("\n", 0, each.stmt_location) + 1, each.stmt, text


def lines(script: str) -> str:
    """A script with each statement on a line of its own."""
    return ";\n".join(text.strip() for _line, _tree, text in statements(script)) + ";\n"


class Migrator:
    """Runs a file statement by statement in the transactions that PostgreSQL would make of it, and lets the
    old client try at each.
    """

    def __init__(self, connection: Any, client: OldClient, superuser: Any) -> None:
        self.connection, self.client, self.superuser = connection, client, superuser

    def run(self, number: int, script: str, seen: Seen) -> None:
        whole = not any(
            leaves_transaction(tree) and not isinstance(tree, ast.TransactionStmt | ast.DoStmt)
            for _line, tree, _text in statements(script)
        )
        with self.connection.cursor() as cursor:
            try:
                if whole:
                    cursor.execute("BEGIN")
                for line, tree, text in statements(script):
                    if isinstance(tree, ast.TransactionStmt):
                        if tree.kind.name == "TRANS_STMT_COMMIT":
                            cursor.execute("COMMIT; BEGIN")
                        continue
                    before = self.work(cursor)
                    cursor.execute(text)
                    did = sum((self.work(cursor) - before).values())
                    waits = self.client.waits(self.superuser) if whole and did >= ROWS else {}
                    if waits:
                        seen.waited[number, line] = {
                            table: WAITS[next(kind for kind in WAITS if kind in kinds)]
                            for table, kinds in waits.items()
                        }
                if whole:
                    cursor.execute("COMMIT")
            except psycopg2.Error:
                seen.fails = True
                cursor.execute("ROLLBACK")

    @staticmethod
    def work(cursor: Any) -> Counter[int]:
        cursor.execute(WORK)
        return Counter(dict(cursor.fetchall()))


def observe(database: Database, case: Case) -> Seen:
    seen = Seen()
    database.sql(
        "DROP SCHEMA IF EXISTS audit CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public; SET search_path ="
        " public;" + SHOP + FILL + case.before + case.fill
    )
    url = database.sandbox.state["postgres"]["url"].rpartition("/")[0]
    with (
        closing(database.connect()) as first,
        closing(database.connect()) as second,
        closing(psycopg2.connect(f"{url}/{database.name}")) as superuser,
    ):
        superuser.autocommit = True
        client = OldClient(first)
        before = client.values()
        migrator = Migrator(second, client, superuser)
        for number, script in enumerate(case.files):
            migrator.run(number, lines(script), seen)
        seen.broken = client.broken()
        after = client.values()
        seen.lost = any(
            all(values - other for place, other in after.items() if may_be(place, name))
            for name, values in before.items()
        )
    return seen


def may_be(place: str, name: str) -> bool:
    """Whether a column may be another one, renamed: it is in the same table, or in another one by the same name."""
    return any(one == other for one, other in zip(place.rsplit(".", 1), name.rsplit(".", 1), strict=True))


def judge(case: Case) -> list[Classification]:
    return classify([lines(script) for script in case.files], [SHOP, case.before])


def judged(verdicts: list[Classification]) -> dict[str, Any]:
    classes = {kind for verdict in verdicts for kind in verdict.classes}
    waited: dict[tuple[int, int], dict[str, str]] = {}
    for number, verdict in enumerate(verdicts):
        for reason in verdict.reasons:
            if reason.kind == "long_lock" and reason.line is not None:
                waited.setdefault((number, reason.line), {}).update(reason.waits)
    return {
        "fails": "fails" in classes,
        "waited": waited,
        "contract": "contract" in classes,
        "destructive": "destructive" in classes,
    }


def observed(seen: Seen) -> dict[str, Any]:
    return {
        "fails": seen.fails,
        "waited": seen.waited,
        "contract": bool(seen.broken) or seen.lost,
        "destructive": seen.lost,
    }


def compared(case: Case, verdicts: list[Classification], seen: Seen) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is judged and what was observed, of what both can know: nothing of a file that fails, and
    nothing of a statement that is not known.
    """
    one, other = judged(verdicts), observed(seen)
    unknown = {
        (number, reason.line)
        for number, verdict in enumerate(verdicts)
        for reason in verdict.reasons
        if reason.kind == "unknown"
    }
    if one["fails"] and other["fails"]:
        return {"fails": True}, {"fails": True}
    if unknown:
        for each in (one, other):
            del each["contract"], each["destructive"]
        other["waited"] = {
            place: waits for place, waits in seen.waited.items() if place not in unknown or place in one["waited"]
        }
    return one, other


# What is judged otherwise than it was observed, and why that is right.
NO_ROWS = "nobody waits for an empty table, and no file says how many rows there are"
BY_HAND = "a person who locks a table by hand means to keep others out for a while"
OTHERWISE: dict[str, str] = {
    "LOCK TABLE and a backfill": BY_HAND,
    "LOCK TABLE alone": BY_HAND,
    "a unique index where NULL is one value": NO_ROWS,
    "unique with a default, on an empty table": NO_ROWS,
    "a check that NULL does not pass": NO_ROWS,
    "Prisma's swap that removes a value of rows": (
        "PostgreSQL refuses it for the rows' sake, and no file says which values they have"
    ),
    "a column that is copied and dropped": "whether all of a column was copied is not followed",
    "one ALTER TABLE that adds a column with a default and makes it unique": NO_ROWS,
    "a check of two new columns": NO_ROWS,
    "a unique index of rows that old code writes": NO_ROWS,
    "a restricting foreign key that cascades now": "a deletion that was refused takes other rows along",
    "a restricting foreign key that is dropped": "a deletion that was refused leaves rows that point at nothing",
    "a new partition, and an index on another table": "a partition is changed by way of its table, which is reported",
    "date to timestamp": "nothing is lost: the day is written another way",
    "a trigger that is dropped": "what the trigger did is not followed, and is not done any more",
}


@pytest.mark.parametrize("case", CASES, ids=[f"{case.kind}: {case.name}" for case in CASES])
def test_a_migration_is_what_it_is_judged_to_be(database: Database, case: Case) -> None:
    verdicts, seen = judge(case), observe(database, case)
    one, other = compared(case, verdicts, seen)
    findings = "\n".join(
        f"{reason.line} {reason.kind}: {reason.reason}" for verdict in verdicts for reason in verdict.reasons
    )
    assert (one == other) != (case.name in OTHERWISE), f"judged {one}\nobserved {other}\n{seen.broken[:3]}\n{findings}"
    blind = judged(classify([lines(script) for script in case.files]))
    missed = [what for what in ("contract", "destructive") if other.get(what) and not blind[what]]
    assert not missed, f"without the earlier files it is not reported: {missed}"


def test_each_exception_is_a_case() -> None:
    assert set(OTHERWISE) <= {case.name for case in CASES}


@pytest.mark.parametrize(
    ("part", "error"), [("ALTER qty TYPE bigint", True), ("ALTER note TYPE varchar(200)", True), ("ADD c int", False)]
)
def test_a_query_that_was_prepared_fails_once_the_type_of_a_column_is_another(
    database: Database, part: str, error: bool
) -> None:
    """Which is no finding: docs/migrations.md says what to do."""
    database.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public; SET search_path = public;" + SHOP + FILL)
    with closing(database.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("PREPARE read AS SELECT id, note, qty FROM orders")
        cursor.execute("EXECUTE read")
        database.sql(f"ALTER TABLE orders {part}")
        said = ""
        try:
            cursor.execute("EXECUTE read")
        except psycopg2.errors.FeatureNotSupported as refused:
            said = str(refused)
    assert ("cached plan must not change result type" in said) == error
