# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an archive takes for granted, read from its definition."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.backup.archive import Archive
from ansible_collections.storefront.runbook.plugins.module_utils.backup.archive_needs import Needs
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import nothing
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.programs import Tool
from ansible_collections.storefront.runbook.plugins.module_utils.restore import definition, load
from ansible_collections.storefront.runbook.plugins.module_utils.restore.definition import read_needs
from ansible_collections.storefront.runbook.plugins.module_utils.restore.load import fit, fit_for_trial

DEFINITION = '''
CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS "uuid-ossp" WITH SCHEMA public;
ALTER TABLE public.item OWNER TO shop;
ALTER FUNCTION public.touch() OWNER TO "Shop ""Admin""";
CREATE POLICY readers ON public.customer FOR SELECT TO reader, "web user" USING ((name IS NOT NULL));
CREATE POLICY writers ON public.customer TO writer WITH CHECK (true);
CREATE POLICY everybody ON public.item USING (true);
REVOKE ALL ON TABLE public.item FROM PUBLIC;
GRANT SELECT ON TABLE public.item TO report WITH GRANT OPTION;
GRANT ALL ON FUNCTION public.touch() TO "cron-job";
ALTER DEFAULT PRIVILEGES FOR ROLE maker IN SCHEMA public GRANT SELECT ON TABLES  TO taker;
COMMENT ON TABLE public.item IS 'GRANT me a wish TO nobody';
'''


def test_extensions_owners_and_everybody_who_was_granted_something_are_found() -> None:
    assert read_needs([DEFINITION]) == Needs(
        extensions=frozenset({"pg_trgm", "uuid-ossp"}),
        owners=frozenset({"shop", 'Shop "Admin"'}),
        others=frozenset({"reader", "web user", "writer", "report", "cron-job", "maker", "taker"}),
    )


def test_a_definition_may_need_nothing() -> None:
    assert read_needs(["CREATE TABLE public.item (id integer);"]) == Needs(frozenset(), frozenset(), frozenset())


KEYS = """
CREATE TABLE public.customer (
    id uuid NOT NULL,
    email text NOT NULL
);
CREATE TABLE public."order" (
    id integer NOT NULL,
    "customerId" uuid,
    at timestamp(3) without time zone,
    note character varying(20)
)
PARTITION BY RANGE (at);
ALTER TABLE ONLY public.customer
    ADD CONSTRAINT customer_email_key UNIQUE (email);
ALTER TABLE ONLY public."order"
    ADD CONSTRAINT "order_customerId_fkey" FOREIGN KEY ("customerId", at) REFERENCES public.customer(id, at) ON UPDATE CASCADE;
"""  # noqa: E501


@pytest.mark.parametrize(
    ("more", "fast"),
    [
        ("", True),
        (
            (
                'ALTER TABLE public."order"\n    ADD CONSTRAINT other FOREIGN KEY (note) REFERENCES public.note(text)'
                " NOT VALID;\n"
            ),
            False,
        ),
        (
            "ALTER TABLE ONLY public.gone\n    ADD CONSTRAINT other FOREIGN KEY (id) REFERENCES public.customer(id);\n",
            False,
        ),
        ("CREATE MATERIALIZED VIEW public.sold AS\n SELECT 1;\n", False),
    ],
    ids=["numbers", "text", "of an unknown table", "a view to fill"],
)
def test_foreign_keys_are_checked_by_sorting_where_that_is_fast(more: str, *, fast: bool) -> None:
    assert definition.sorts_fast([KEYS, more]) is fast


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the server has, and what the archive needs of it."""
    has = {
        "version": 15,
        "roles": {"shop": True, "reader": False, "postgres": False},
        "extensions": ["pg_trgm"],
        "needs": Needs(frozenset(), frozenset(), frozenset()),
    }

    def answer(connection: Any, statement: str) -> list[Any]:
        if "server_version_num" in statement:
            return [(has["version"],)]
        roles = [(name, is_member, name == "postgres", name == "shop") for name, is_member in has["roles"].items()]
        return roles if "pg_roles" in statement else [(name,) for name in has["extensions"]]

    monkeypatch.setattr(load, "query", answer)
    monkeypatch.setattr(load, "needs", lambda *_: has["needs"])
    monkeypatch.setattr(load, "find_tool", lambda name, major, folder: Tool(f"/{name}", f"{major}.0"))
    return has


def archive(**manifest: Any) -> Archive:
    return Archive({"name": "sale", "server_version": "15.20", "pg_dump_version": "16.2", **manifest}, "/dev/null")


def test_the_program_is_as_new_as_the_server_and_as_the_one_that_dumped(server: dict[str, Any]) -> None:
    assert fit(None, archive(), None, nothing).version == "16.0"
    server["version"] = 17
    assert fit(None, archive(), None, nothing).version == "17.0"


@pytest.mark.parametrize(
    ("version", "wanted", "code", "words"),
    [
        (
            14,
            Needs(frozenset(), frozenset(), frozenset()),
            "older_server",
            "is of PostgreSQL 15, and this server is 14",
        ),
        (
            15,
            Needs(frozenset({"postgis", "pg_trgm"}), frozenset(), frozenset()),
            "no_extension",
            "does not offer: postgis",
        ),
        (
            15,
            Needs(frozenset(), frozenset({"shop", "gone"}), frozenset({"away"})),
            "no_roles",
            "for lack of roles: away, gone",
        ),
        (
            *(15, Needs(frozenset(), frozenset({"reader"}), frozenset()), "no_memberships"),
            'for lack of memberships: reader. .* shop is not a member. As a superuser: GRANT "reader" TO "shop"[.]',
        ),
        (
            *(15, Needs(frozenset(), frozenset({"postgres"}), frozenset()), "no_memberships"),
            "for lack of memberships: postgres. .* postgres is a superuser, and its rights should not be granted",
        ),
    ],
)
def test_what_the_server_lacks_is_named(
    server: dict[str, Any], version: int, wanted: Needs, code: str, words: str
) -> None:
    server.update(version=version, needs=wanted)
    with pytest.raises(ConfigError, match=words) as refused:
        fit(None, archive(), None, nothing)
    assert refused.value.details["code"] == code


def test_for_a_trial_owners_and_grants_may_be_left_out_with_the_roles_named_and_nothing_else(
    server: dict[str, Any],
) -> None:
    assert fit_for_trial(None, archive(), None, nothing)[1] == []
    server["needs"] = Needs(frozenset(), frozenset({"gone", "reader"}), frozenset({"away"}))
    reasons = fit_for_trial(None, archive(), None, nothing)[1]
    assert load.without_ownership(reasons) == [
        "owners and grants: the server lacks the roles away, gone; shop is not a member of reader"
    ]
    assert load.without_ownership([]) == []
    server["needs"] = Needs(frozenset({"postgis"}), frozenset(), frozenset())
    with pytest.raises(ConfigError, match="postgis"):
        fit_for_trial(None, archive(), None, nothing)
