# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pg_restore by a user who is no superuser: what the run would fail at is named by the check, and what the
check lets through the run does.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.postgres import databases
from ansible_collections.storefront.runbook.plugins.module_utils.restore import rights
from ansible_collections.storefront.runbook.plugins.modules import pg_backup

from sandbox.storefront import Sandbox
from tests.integration.restored_shop import Shop
from tests.unit.support import run_module

OTHER, OWNED = "test-rights-other", "test-rights-owned"
TABLE = "CREATE TABLE note (id int PRIMARY KEY, text text); INSERT INTO note VALUES (1, 'one')"
# What the superuser makes in the shop's database, and what the check says of it; None where the shop's user can restore
# it.
KINDS: dict[str, tuple[str, str | None]] = {
    "nothing of note": ("SELECT 1", None),
    "a trusted extension and its comment": (
        "SET ROLE shop; CREATE EXTENSION pg_trgm; COMMENT ON EXTENSION pg_trgm IS 'mine'",
        None,
    ),
    "an extension for superusers": ("CREATE EXTENSION pg_stat_statements", "the extension pg_stat_statements"),
    "default privileges of another role": (
        f'ALTER DEFAULT PRIVILEGES FOR ROLE "{OTHER}" GRANT SELECT ON TABLES TO shop',
        f'GRANT "{OTHER}" TO "shop"',
    ),
    "default privileges of a superuser": (
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO shop",
        "is a superuser, and its rights should not be granted to others",
    ),
    "default privileges of a role of the user's": (
        f'ALTER DEFAULT PRIVILEGES FOR ROLE "{OWNED}" GRANT SELECT ON TABLES TO shop',
        None,
    ),
    "a table of a role of the user's": (f'ALTER TABLE note OWNER TO "{OWNED}"', f'GRANT "shop" TO "{OWNED}"'),
    "a schema and a table of a role of the user's": (
        f'CREATE SCHEMA s AUTHORIZATION "{OWNED}"; SET ROLE "{OWNED}"; CREATE TABLE s.t (id int)',
        None,
    ),
    "an event trigger": (
        (
            "CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; ALTER FUNCTION e() OWNER TO"
            " shop; CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION e(); ALTER EVENT TRIGGER e DISABLE"
        ),
        "",
    ),
    "a publication of all tables": (
        "CREATE PUBLICATION p FOR ALL TABLES; UPDATE pg_publication SET pubowner = 'shop'::regrole",
        "the publication p",
    ),
    "a publication of a table": ("SET ROLE shop; CREATE PUBLICATION p FOR TABLE note", None),
    "a cast without a function": (
        "CREATE TYPE a AS ENUM ('x'); ALTER TYPE a OWNER TO shop; CREATE CAST (a AS text) WITH INOUT",
        None,
    ),
    "a function with a setting for superusers": (
        (
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql SET session_replication_role = replica AS 'SELECT 1'; ALTER"
            " FUNCTION f() OWNER TO shop"
        ),
        "GRANT SET ON PARAMETER session_replication_role",
    ),
    "a function with an ordinary setting": (
        "SET ROLE shop; CREATE FUNCTION f() RETURNS int LANGUAGE sql SET search_path = public AS 'SELECT 1'",
        None,
    ),
    "a leakproof function": (
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql LEAKPROOF AS 'SELECT 1'; ALTER FUNCTION f() OWNER TO shop",
        "the function f()",
    ),
    "an internal function": (
        "CREATE FUNCTION f(int) RETURNS int STRICT LANGUAGE internal AS 'int4abs'; ALTER FUNCTION f(int) OWNER TO shop",
        "the function f(",
    ),
    "an operator class": (
        (
            "CREATE TYPE a AS ENUM ('x'); ALTER TYPE a OWNER TO shop; CREATE OPERATOR CLASS o FOR TYPE int USING btree"
            " AS OPERATOR 1 <, FUNCTION 1 btint4cmp(int, int); ALTER OPERATOR CLASS o USING btree OWNER TO shop; ALTER"
            " OPERATOR FAMILY o USING btree OWNER TO shop"
        ),
        "the operator ",
    ),
    "a grant on a function of PostgreSQL": (f'GRANT EXECUTE ON FUNCTION pg_stat_reset() TO "{OTHER}"', "pg_stat_reset"),
    "a large object of a role of the user's": (
        f'SELECT lo_create(4711); ALTER LARGE OBJECT 4711 OWNER TO "{OWNED}"',
        None,
    ),
    "a sequence, a view, a domain and a rule": (
        (
            "SET ROLE shop; CREATE SEQUENCE s; CREATE VIEW v AS SELECT 1 AS x; CREATE DOMAIN d AS int; CREATE RULE r AS"
            " ON INSERT TO v DO INSTEAD NOTHING"
        ),
        None,
    ),
}


SETTINGS = {
    "a setting for superusers": (
        'ALTER DATABASE "test-rights" SET session_replication_role = replica',
        "GRANT SET ON PARAMETER session_replication_role",
    ),
    "a setting of another role": (
        f'ALTER ROLE "{OTHER}" IN DATABASE "test-rights" SET work_mem = 1000',
        f"for the role {OTHER}",
    ),
    "an ordinary setting": ('ALTER DATABASE "test-rights" SET work_mem = 1000', None),
}


@pytest.fixture(scope="module")
def server(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """With a role that the shop's user is in, and one that it is not in."""
    shop = Shop(sandbox, "test-rights", tmp_path_factory.mktemp("none"))
    for role in (OTHER, OWNED):
        if not shop.admin("SELECT 1 FROM pg_roles WHERE rolname = %s", role):
            shop.admin(f'CREATE ROLE "{role}"')
    shop.admin(f'GRANT "{OWNED}" TO shop')
    yield sandbox
    shop.drop()
    shop.admin(f'DROP ROLE "{OTHER}", "{OWNED}"')


@pytest.mark.parametrize("kind", KINDS)
def test_the_check_finds_what_the_run_would(
    server: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    script, words = KINDS[kind]
    shop = Shop(server, "test-rights", tmp_path / "store").fill(TABLE)
    try:
        shop.admin(script, database=shop.name)
        admin = {"database_url": shop.url_of(shop.name, admin=True)}
        assert not run_module(pg_backup, {**shop.backing_up(encryption="off"), **admin})["failed"]
        before = state(shop)
        checked = shop.restore("staged", check=True)
        assert state(shop) == before
        with monkeypatch.context() as unchecked:  # else it would be the check that refuses
            unchecked.setattr(rights, "lacking", lambda *_sides, **_options: rights.Lacks("shop"))
            done = shop.restore("staged")
        assert checked["failed"] == done["failed"] == (words is not None), (checked.get("msg"), done.get("msg"))
        if words is not None:
            assert words in checked["msg"], checked["msg"]
            assert (checked["error"]["kind"], checked["error"]["code"]) == (
                "config",
                "no_memberships" if "lack of memberships" in checked["msg"] else "no_rights",
            )
            assert 'GRANT "postgres"' not in checked["msg"]
            assert shop.family() == []
    finally:
        shop.drop()


@pytest.mark.own_process
@pytest.mark.parametrize("kind", SETTINGS)
def test_the_check_finds_a_setting_that_cannot_be_copied(
    server: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    script, words = SETTINGS[kind]
    shop = Shop(server, "test-rights", tmp_path / "store").fill(TABLE)
    try:
        shop.back_up(encryption="off")
        shop.admin(script)
        before = shop.properties()
        checked = shop.restore("staged", check=True)
        assert shop.properties() == before
        monkeypatch.setattr(databases, "refuse_uncopyable", lambda *_known: None)
        done = shop.restore("staged")
        assert checked["failed"] == done["failed"] == (words is not None), (checked.get("msg"), done.get("msg"))
        if words is not None:
            assert (checked["error"]["code"], words in checked["msg"]) == ("no_setting", True)
    finally:
        shop.drop()


def test_no_advice_asks_for_the_rights_of_a_superuser(server: Sandbox, tmp_path: Path) -> None:
    shop = Shop(server, "test-rights", tmp_path / "store").fill(TABLE)
    try:
        shop.back_up(encryption="off")
        shop.admin('ALTER DATABASE "test-rights" OWNER TO CURRENT_USER; GRANT ALL ON DATABASE "test-rights" TO shop')
        refused = shop.restore(check=True)
        assert refused["error"]["code"] == "no_rights"
        assert ("ALTER DATABASE test-rights OWNER TO shop" in refused["msg"], "GRANT postgres" in refused["msg"]) == (
            True,
            False,
        )
    finally:
        shop.drop()


def state(shop: Shop) -> list[Any]:
    """What a check must not change: the databases, and what is in the live one."""
    counts = (
        "SELECT (SELECT count(*) FROM pg_namespace), (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_proc),"
        " (SELECT count(*) FROM pg_extension)"
    )
    return [*shop.family(), *shop.admin(counts, database=shop.name)]
