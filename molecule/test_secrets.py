# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""secrets.yml rotates while customers buy: two roles of PostgreSQL or two users of Redis in turn, a random secret."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import pytest
import redis

from molecule.conftest import Shop
from molecule.test_levers import killed_at, passed, refuses, service, types_at_vercel
from sandbox import customer
from tests.integration.redis_server import server
from tests.integration.test_redis_login_user import LEAST, RIGHTS

OLD, NEW = "shop_turn_a", "shop_turn_b"
UNITS = ["api", "worker"]
DATABASE = {"name": "db", "kind": "postgres_role", "variable": "DATABASE_URL", "roles": [OLD, NEW], "units": UNITS}
CACHE = {"name": "cache", "kind": "redis_user", "variable": "REDIS_URL", "users": [OLD, NEW], "units": UNITS}
SESSIONS = {
    "name": "jwt",
    "kind": "random",
    "variable": "JWT_SECRET",
    "previous": "JWT_SECRET_PREVIOUS",
    "units": ["api"],
}


def sql(shop: Shop, statement: str) -> list[tuple[Any, ...]]:
    with closing(psycopg2.connect(admin_url(shop))) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def admin_url(shop: Shop) -> str:
    return f"{shop.sandbox.state['postgres']['url'].rpartition('/')[0]}/{shop.name}"


def user(shop: Shop, unit: str, variable: str = "DATABASE_URL") -> str:
    return urlsplit(service(shop, unit)["variables"][variable]).username or ""


def can_login(shop: Shop) -> dict[str, bool]:
    listed = dict(sql(shop, "SELECT rolname, rolcanlogin FROM pg_roles"))
    return {role: listed[role] for role in (OLD, NEW)}


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[redis.Redis]:
    """A Redis with the two users, of which the first can log in, and the one that rotates them."""
    users = [f"user {OLD} on >first {RIGHTS}", f"user {NEW} off {RIGHTS}", f"user rotator on >rotator {LEAST}"]
    (tmp_path / "users.acl").write_text("\n".join([*users, "user default off", ""]))
    with (
        server(tmp_path, f"aclfile {tmp_path / 'users.acl'}") as port,
        redis.Redis.from_url(f"redis://rotator:rotator@127.0.0.1:{port}/0") as client,
    ):
        yield client


def enabled(cache: redis.Redis) -> dict[str, bool]:
    found: dict[str, Any] = {name: cache.acl_getuser(name) for name in (OLD, NEW)}
    return {name: "on" in user["flags"] for name, user in found.items()}


def address(cache: redis.Redis, login: str) -> str:
    return f"redis://{login}@127.0.0.1:{cache.get_connection_kwargs()['port']}/0"


@pytest.fixture
def two_roles(shop: Shop, cache: redis.Redis) -> Iterator[Shop]:
    """The shop logs in as the first of two roles, both members of the one that owns its tables, and as the first of
    two users of Redis.
    """
    sql(shop, f"CREATE ROLE {OLD} LOGIN PASSWORD 'first'; CREATE ROLE {NEW}; GRANT {shop.name} TO {OLD}, {NEW}")
    url = shop.at["database_url"]
    place = url.rpartition("@")[2]
    first = {"DATABASE_URL": f"postgresql://{OLD}:first@{place}", "REDIS_URL": address(cache, f"{OLD}:first")}
    passed(shop.play("variables.yml", unit=UNITS, variable_values=first))
    shop.forget_requests()
    yield shop
    sql(shop, f"DROP OWNED BY {OLD}, {NEW}; DROP ROLE {OLD}, {NEW}")


def test_the_roles_take_turns_while_customers_buy(two_roles: Shop) -> None:
    shop = two_roles
    wrong = [{**DATABASE, "kind": "mysql"}, {**SESSIONS, "units": ["apj"], "length": 8}, {**DATABASE, "name": "own"}]
    said = ("secrets.db.kind is mysql", "there is no unit apj: did you mean api?", "secrets.jwt.length is 8")
    own = shop.at["database_url"].replace(f"//{shop.name}:", f"//{OLD}:")
    of_db: dict[str, Any] = {"secret_name": "db"}
    refused = shop.play("secrets.yml", secrets=wrong, database_url=own, **of_db)
    refuses(refused, shop, *said, f"database_url logs in as {OLD}, one of secrets.own.roles")
    given: dict[str, Any] = {**of_db, "secrets": [DATABASE], "secrets_database_url": admin_url(shop)}
    unnamed = {**DATABASE, "units": ["api"]}
    refuses(shop.play("secrets.yml", **(given | {"secrets": [unnamed]})), shop, f"worker logs in as {OLD}, too")
    with shop.customers().watching() as customers, customer.Buyers(shop.at, pause=1).buying() as buyers:
        killed = shop.play("secrets.yml", at=killed_at("Change worker"), **given)
        assert killed.rc != 0
        assert (user(shop, "api"), user(shop, "worker")) == (NEW, OLD)
        assert can_login(shop) == {OLD: True, NEW: True}
        shop.age_the_lease()
        done = passed(shop.play("secrets.yml", **given))
    assert {what for where, what in customers.seen if where == "backend"} == {"v1.0.0"}
    assert (buyers.broken, buyers.refused, bool(buyers.orders)) == ([], 0, True)
    assert "SECRETS ROTATED" in done.text
    assert (user(shop, "api"), user(shop, "worker")) == (NEW, NEW)
    assert can_login(shop) == {OLD: False, NEW: True}
    assert [one["operation"] for one in shop.writes()].count("deploymentRedeploy") == len(UNITS)
    record = shop.ledger()[-1]
    assert (record["kind"], record["outcome"]) == ("secrets", "changed")
    assert record["change"]["before"]["api DATABASE_URL"].startswith(f"{OLD}, digest ")
    assert record["change"]["after"]["api DATABASE_URL"].startswith(f"{NEW}, digest ")
    password = urlsplit(service(shop, "api")["variables"]["DATABASE_URL"]).password or ""
    seen = [killed.stdout, done.stdout, json.dumps(done.tasks), *map(str, shop.objects().values())]
    assert not [text for text in seen if password in text]
    assert shop.objects("levers/") == {}

    shop.fault(vendor="railway", operation="deploymentRedeploy", kind="unavailable", times=3, after=1)
    failed = shop.play("secrets.yml", **given)
    assert failed.rc == 2
    assert "Every unit has its old value again." in failed.text
    assert (user(shop, "api"), user(shop, "worker")) == (NEW, NEW)
    assert can_login(shop) == {OLD: False, NEW: True}
    assert (shop.ledger()[-1]["outcome"], shop.objects("levers/")) == ("undone", {})


@pytest.mark.long
def test_the_users_of_redis_take_turns_and_an_interrupted_turn_is_undone(two_roles: Shop, cache: redis.Redis) -> None:
    shop = two_roles
    given: dict[str, Any] = {"secrets": [CACHE], "secret_name": "cache"}
    given["secrets_redis_url"] = address(cache, "rotator:rotator")
    with shop.customers().watching() as customers, customer.Buyers(shop.at, pause=1).buying() as buyers:
        assert shop.play("secrets.yml", at=killed_at("Change worker"), **given).rc != 0
        assert (user(shop, "api", "REDIS_URL"), user(shop, "worker", "REDIS_URL")) == (NEW, OLD)
        assert enabled(cache) == {OLD: True, NEW: True}
        shop.age_the_lease()
        passed(shop.play("secrets.yml", **(given | {"secret_step": "undo"})))
        assert (user(shop, "api", "REDIS_URL"), user(shop, "worker", "REDIS_URL")) == (OLD, OLD)
        assert enabled(cache) == {OLD: True, NEW: False}
        assert (shop.ledger()[-1]["outcome"], shop.objects("levers/")) == ("undone", {})
        done = passed(shop.play("secrets.yml", **given))
    assert {what for where, what in customers.seen if where == "backend"} == {"v1.0.0"}
    assert (buyers.broken, buyers.refused, bool(buyers.orders)) == ([], 0, True)
    assert (user(shop, "api", "REDIS_URL"), user(shop, "worker", "REDIS_URL")) == (NEW, NEW)
    assert enabled(cache) == {OLD: False, NEW: True}
    password = urlsplit(service(shop, "api")["variables"]["REDIS_URL"]).password or ""
    assert not [
        text for text in (done.stdout, json.dumps(done.tasks), *map(str, shop.objects().values())) if password in text
    ]


@pytest.mark.long
def test_a_random_secret_is_generated_and_has_an_overlap(shop: Shop) -> None:
    preview = {**SESSIONS, "name": "preview", "variable": "PREVIEW_KEY", "units": ["api", "frontend"]}
    new: dict[str, Any] = {"secrets": [preview], "secret_name": "preview", "source_path": ""}
    made = passed(shop.play("secrets.yml", **new))
    assert "PREVIEW_KEY was generated for api, frontend" in made.text
    assert len(service(shop, "api")["variables"]["PREVIEW_KEY"]) == 43
    assert types_at_vercel(shop)["PREVIEW_KEY"] == "encrypted"
    assert shop.live()["frontend"] == "v1.0.0"

    first = service(shop, "api")["variables"]["JWT_SECRET"]
    given: dict[str, Any] = {"secrets": [SESSIONS], "secret_name": "jwt", "source_path": ""}
    done = passed(shop.play("secrets.yml", **given))
    assert "The old value is valid until -e secret_name=jwt -e secret_step=end" in done.text
    now = service(shop, "api")["variables"]
    assert (now["JWT_SECRET_PREVIOUS"], len(now["JWT_SECRET"])) == (first, 43)
    over: dict[str, Any] = given | {"secret_step": "end"}
    assert shop.play("secrets.yml", at=killed_at("Verify the health of the API"), **over).rc != 0
    shop.age_the_lease()
    shop.forget_requests()
    back = shop.play("secrets.yml", **(given | {"secret_step": "undo"}))
    refuses(back, shop, "An earlier run has started to end the old value of jwt. Finish it with -e secret_step=end")
    ended = passed(shop.play("secrets.yml", **over))
    assert "the old value has ended" in ended.text
    assert "JWT_SECRET_PREVIOUS" not in service(shop, "api")["variables"]
