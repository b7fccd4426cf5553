# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles that an archive takes for granted, whatever its objects are called."""

from __future__ import annotations

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.backup.archive_contents import Contents, Item
from ansible_collections.storefront.runbook.plugins.module_utils.backup.archive_needs import needs_of


def item(kind: str, makes: str = "", *, name: str = "x", owner: str = "", drops: str = "DROP") -> Item:
    return Item(1, kind, "public", name, owner, makes, drops)


def needs(*items: Item) -> tuple[set[str], set[str], set[str]]:
    found = needs_of(Contents(15, 15, items))
    return set(found.extensions), set(found.owners), set(found.others)


@pytest.mark.parametrize(
    ("kind", "makes", "roles"),
    [
        ("POLICY", 'CREATE POLICY "Members belong TO own org" ON public.member USING (true);', set()),
        (
            "POLICY",
            (
                'CREATE POLICY "a ""TO b"" x" ON public."TO" AS RESTRICTIVE FOR ALL TO reader, "web TO user" USING ((x'
                " = 'TO them'));"
            ),
            {"reader", "web TO user"},
        ),
        ("POLICY", "CREATE POLICY p ON public.t FOR INSERT TO writer WITH CHECK ((f(a) OR ('TO ;' = b)));", {"writer"}),
        ("POLICY", "CREATE POLICY p ON public.t TO PUBLIC USING (true);", set()),
        (
            "ACL",
            (
                "REVOKE ALL ON TABLE public.item FROM PUBLIC;\nGRANT SELECT ON TABLE public.item TO report WITH GRANT"
                " OPTION;"
            ),
            {"report"},
        ),
        ("ACL", 'GRANT ALL ON FUNCTION public."grant TO nobody"(a integer, b text) TO "cron;job";', {"cron;job"}),
        ("ACL", 'GRANT SELECT("from"),UPDATE("to") ON TABLE public.t TO a;', {"a"}),
        (
            "ACL",
            "SET SESSION AUTHORIZATION giver;\nGRANT SELECT ON TABLE public.t TO taker;\nRESET SESSION AUTHORIZATION;",
            {"giver", "taker"},
        ),
        ("ACL", 'GRANT ALL ON TABLE public.t TO "PUBLIC";', {"PUBLIC"}),
        (
            "DEFAULT ACL",
            "ALTER DEFAULT PRIVILEGES FOR ROLE maker IN SCHEMA public GRANT SELECT ON TABLES  TO taker;",
            {"maker", "taker"},
        ),
        (
            "DEFAULT ACL",
            'ALTER DEFAULT PRIVILEGES FOR ROLE "Shop Owner" REVOKE ALL ON FUNCTIONS  FROM PUBLIC;',
            {"Shop Owner"},
        ),
        ("USER MAPPING", 'CREATE USER MAPPING FOR "TO" SERVER elsewhere;', {"TO"}),
        ("USER MAPPING", "CREATE USER MAPPING FOR PUBLIC SERVER elsewhere;", set()),
        ("COMMENT", "COMMENT ON TABLE public.item IS 'GRANT me a wish TO nobody';", set()),
        (
            "FUNCTION",
            "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$\nBEGIN\nGRANT SELECT ON t TO ghost;\nEND $$;",
            set(),
        ),
        ("VIEW", "CREATE VIEW v AS\nSELECT 'ALTER TABLE x OWNER TO ghost;';", set()),
    ],
)
def test_roles_are_read_where_the_kind_of_an_entry_has_them(kind: str, makes: str, roles: set[str]) -> None:
    assert needs(item(kind, makes)) == (set(), set(), roles)


def test_owners_are_those_that_a_restore_gives_things_to() -> None:
    owned = (
        item("TABLE", owner="Shop\nOwner"),
        item("LANGUAGE", owner="nobody"),
        item("INDEX", owner="other"),
        item("FUNCTION", owner="maker"),
    )
    public = item("SCHEMA", name="public", owner="postgres")
    assert needs(*owned, public, item("TABLE", owner="ghost", drops="")) == (set(), {"Shop\nOwner", "maker"}, set())


def test_extensions_are_entries_of_their_own() -> None:
    comment = item("COMMENT", "COMMENT ON EXTENSION hstore IS 'CREATE EXTENSION ghost';", name="EXTENSION hstore")
    assert needs(item("EXTENSION", name="uuid-ossp"), comment) == ({"uuid-ossp"}, set(), set())
