# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""refresh.yml gives staging production's newest proven backup, masked. The sandbox's shop is staging here."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from ansible_collections.storefront.runbook.plugins.modules import pg_backup, pg_proof

from sandbox import customer
from tests.unit.support import run_module

PRODUCTION = "shop-production"
KEPT = ("_prisma_migrations", "Category", "Product", "OrderItem")
USER = {"id": "keep", "email": {"fake": "email"}, "name": {"fake": "name"}, "passwordHash": "hash", "createdAt": "keep"}
EMAIL = {
    **dict.fromkeys(("id", "orderId", "kind", "subject", "status", "sentAt"), "keep"),
    "recipient": {"fake": "email"},
}
RULES: list[dict[str, Any]] = [
    *({"table": table, "keep": "all"} for table in KEPT),
    {"table": "Order", "columns": dict.fromkeys(("id", "userId", "status", "totalCents", "createdAt"), "keep")},
    {"table": "User", "columns": USER},
    {"table": "EmailMessage", "columns": EMAIL},
]


class Production:
    """A database beside staging's, with customers of its own, and its proven backup in a store of its own."""

    def __init__(self, shop: Any) -> None:
        self.shop, self.state = shop, shop.sandbox.state
        self.url = shop.at["database_url"].replace(f"/{shop.name}?", f"/{PRODUCTION}?")
        self.drop()
        self.admin(f'CREATE DATABASE "{PRODUCTION}" OWNER "{shop.name}"')
        self._copy(shop.at["database_url"].partition("?")[0], self.url.partition("?")[0])
        self.sql("""UPDATE "User" SET email = 'real.' || id || '@customer.example', name = 'Real Customer'""")
        self.sql("""UPDATE "EmailMessage" SET recipient = 'real.1@customer.example'""")
        self.store = {
            **{f"store_{key}": value for key, value in self.state["s3"].items()},
            "store": f"{shop.at['store']}-of-production",
        }
        self.back_up()

    def back_up(self) -> None:
        given = {"database_url": self.url, "postgres_bin": self.state["postgres"]["bin"], **self.store}
        for module, options in ((pg_backup, {"encryption": "off"}), (pg_proof, {"same_server": True})):
            done = run_module(module, {**given, **options})
            assert not done["failed"], done["msg"]

    def _copy(self, source: str, target: str) -> None:
        programs = Path(self.state["postgres"]["bin"])
        dumped = subprocess.run(
            [programs / "pg_dump", "--no-owner", "--no-privileges", source], capture_output=True, check=True
        )
        subprocess.run([programs / "psql", "-qX", target], input=dumped.stdout, capture_output=True, check=True)

    def sql(self, statement: str, url: str = "") -> list[tuple[Any, ...]]:
        with closing(psycopg2.connect((url or self.url).partition("?")[0])) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []

    def admin(self, statement: str) -> list[tuple[Any, ...]]:
        return self.sql(statement, self.state["postgres"]["url"])

    def drop(self) -> None:
        for (name,) in self.admin(
            "SELECT datname FROM pg_database WHERE datname ~ '^shop(-production)?@[a-z]+-[0-9]+T'"
        ):
            self.admin(f'DROP DATABASE "{name}" WITH (FORCE)')
        self.admin(f'DROP DATABASE IF EXISTS "{PRODUCTION}" WITH (FORCE)')

    def options(self, **changed: Any) -> dict[str, Any]:
        """What staging's inventory says of a refresh."""
        return {
            "surfaces": ["database", "backend"],
            "refresh_target": "staging",
            **{f"refresh_{name}": value for name, value in self.store.items()},
            "refresh_database_url": self.url,
            "refresh_scratch_same_server": True,
            "refresh_rules": RULES,
            "refresh_key": "0123456789abcdef" * 2,
            "database_backup_encryption": "off",
            **changed,
        }

    def scratch(self) -> list[str]:
        return [name for (name,) in self.admin("SELECT datname FROM pg_database WHERE datname LIKE '%@scratch-%'")]


@pytest.fixture
def production(shop) -> Iterator[Production]:
    production = Production(shop)
    yield production
    production.drop()


def emails(production: Production) -> list[str]:
    return [email for (email,) in production.sql('SELECT email FROM "User"', production.shop.at["database_url"])]


def test_staging_gets_production_masked_and_a_second_run_changes_nothing(shop, production):
    masked = set(shop.objects("masked/"))
    predicted = shop.play("refresh.yml", "--check --diff", **production.options())
    assert predicted.rc == 0, predicted.stdout
    assert (production.scratch(), shop.writes(), set(shop.objects("masked/"))) == ([], [], masked)

    done = shop.play("refresh.yml", **production.options())
    assert done.rc == 0, done.stdout
    assert all(email.endswith("@example.com") for email in emails(production))
    assert (len(emails(production)), production.scratch()) == (len(production.sql('SELECT 1 FROM "User"')), [])
    customer.buy(shop.at)
    record = shop.ledger()[-1]
    assert (record["kind"], record["outcome"]) == ("refresh", "changed")
    assert record["change"]["after"]["database"].partition("-masked-")[0].startswith(PRODUCTION)
    assert "shop has production's backup shop-production" in done.report["message"]
    assert (shop.lease()["state"], shop.objects("levers/")) == ("released", {})
    for secret in ("0123456789abcdef", "real.1@", "Real Customer"):
        assert secret not in done.stdout + json.dumps(shop.ledger())

    assert len([key for key in shop.objects("masked/") if key.count("/") == 1]) == 1

    shop.forget_requests()
    again = shop.play("refresh.yml", **production.options())
    assert again.rc == 0, again.stdout
    assert (shop.writes(), shop.ledger()[-1]["id"], again.report["outcome"]) == ([], record["id"], "unchanged")

    undone = shop.play("restore.yml", surfaces=["database", "backend"], undo=True, approve_restore="shop")
    assert undone.rc == 0, undone.stdout
    assert not any(email.endswith("@example.com") for email in emails(production))


UNREADABLE = [{"table": "User", "columns": {**USER, "email": {"fake": "emial"}, "name": "hide"}}]
UNFIT = [
    *({"table": table, "keep": "all"} for table in ("_prisma_migrations", "Category", "Prodct", "OrderItem")),
    {"table": "Order", "columns": {"id": "keep", "userId": "null", "status": "keep", "totalCents": {"fake": "name"}}},
    {"table": "User", "columns": {**USER, "emial": "keep"}},
]


def test_production_is_refused_and_so_are_rules_that_do_not_fit(shop, production):
    before = emails(production)
    for changed, *problems in (
        ({"refresh_target": "production"}, "refresh_target"),
        ({"notify_environment": "production"}, "the environment is called production"),
        (
            {"refresh_database_url": shop.at["database_url"].replace("127.0.0.1", "localhost")},
            "leads to the production",
        ),
        ({"refresh_store": shop.at["store"]}, "this is production's inventory"),
        ({"refresh_rules": UNREADABLE}, "there is no fake emial (did you mean email?)", "'hide' is not a rule"),
        (
            {"refresh_rules": UNFIT},
            *("there is no table Prodct (did you mean", "public.User has no column emial (did you mean email?)"),
            *("public.Product has no rule", "rule names public.Order.createdAt: give each column one"),
            *("public.Order.userId: ", "public.Order.totalCents: "),
        ),
    ):
        refused = shop.play("refresh.yml", **production.options(**changed))
        assert (refused.rc, "Nothing was changed" in refused.text) == (2, True), refused.stdout
        assert [problem for problem in problems if problem not in refused.text] == [], refused.stdout
    production.sql('ALTER TABLE "User" ADD COLUMN phone text')
    production.back_up()
    refused = shop.play("refresh.yml", **production.options())
    assert "rule names public.User.phone: give each column one" in refused.text
    assert (emails(production), production.scratch(), shop.writes()) == (before, [], [])


@pytest.mark.parametrize(
    "task",
    [
        pytest.param("Record the masked backup", marks=pytest.mark.long),
        "Give the restored database the live name, or leave the live one for it",
    ],
)
def test_a_killed_refresh_is_finished_by_the_next_run(shop, production, task):
    killed = shop.play("refresh.yml", at=[{"task": task, "signal": signal.SIGKILL}], **production.options())
    assert killed.rc != 0
    again = shop.play("refresh.yml", **production.options(), break_lease="the run was killed")
    assert again.rc == 0, again.stdout
    assert all(email.endswith("@example.com") for email in emails(production))
    assert (production.scratch(), shop.ledger()[-1]["kind"], shop.objects("levers/")) == ([], "refresh", {})
    customer.buy(shop.at)
    assert len(shop.running_units()) == 2
