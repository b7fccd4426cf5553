# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""postgres/globals.py: the SQL that brings back what a dump does not hold."""

from __future__ import annotations

from typing import Any

from ansible_collections.storefront.runbook.plugins.module_utils.postgres.globals import (
    database_statements,
    role_statements,
)

ROLE = {
    "name": 're"porter',
    "superuser": False,
    "inherit": True,
    "createrole": False,
    "createdb": False,
    "login": True,
    "replication": False,
    "bypassrls": False,
    "connection_limit": 3,
    "valid_until": "2027-01-01T00:00:00+00:00",
    "settings": ["statement_timeout=5s"],
    "member_of": ["readers", '"Odd one"'],
}


def found(**database: Any) -> dict[str, Any]:
    return {
        "database": {"name": "shop", "connection_limit": -1, "settings": [], "grants": None, **database},
        "roles": [],
    }


def test_a_database_as_it_comes_needs_nothing() -> None:
    assert database_statements(found(), "shop_new") == []


def test_settings_limits_and_grants_go_to_the_new_database() -> None:
    settings = [
        {
            "role": None,
            "settings": ["application_name=it's a shop", 'search_path="$user", public', "app.region=eu=west"],
        },
        {"role": '"Odd one"', "settings": ["search_path="]},
    ]
    grants = [
        {"grantee": None, "privilege": "CONNECT", "grantable": False},
        {"grantee": "shop", "privilege": "CREATE", "grantable": True},
    ]
    assert database_statements(found(settings=settings, grants=grants, connection_limit=50), 'shop"new') == [
        """ALTER DATABASE "shop""new" SET "application_name" TO 'it''s a shop'""",
        """ALTER DATABASE "shop""new" SET "search_path" TO "$user", public""",
        """ALTER DATABASE "shop""new" SET "app"."region" TO 'eu=west'""",
        """ALTER ROLE "Odd one" IN DATABASE "shop""new" SET "search_path" TO ''""",
        """ALTER DATABASE "shop""new" CONNECTION LIMIT 50""",
        """REVOKE ALL ON DATABASE "shop""new" FROM PUBLIC""",
        """GRANT CONNECT ON DATABASE "shop""new" TO PUBLIC""",
        """GRANT CREATE ON DATABASE "shop""new" TO shop WITH GRANT OPTION""",
    ]


def test_a_role_is_made_without_a_password() -> None:
    assert role_statements(ROLE) == [
        """CREATE ROLE "re""porter" NOSUPERUSER INHERIT NOCREATEROLE NOCREATEDB LOGIN NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 3 """  # noqa: E501
        """VALID UNTIL '2027-01-01T00:00:00+00:00'""",
        """ALTER ROLE "re""porter" SET "statement_timeout" TO '5s'""",
        """GRANT readers TO "re""porter\"""",
        """GRANT "Odd one" TO "re""porter\"""",
    ]
