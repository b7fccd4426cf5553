# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the sandbox orders for a shop, and the inventory that it hands to a deploy."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.module_utils.core.errors import ConfigError
from plugins.module_utils.source.shop.shop import Shop, read_shop, settings_of
from plugins.module_utils.source.shop.tree import Tree
from sandbox.inventory import inventory as hosts
from sandbox.order import _shop_settings, inventory, storefront_order
from sandbox.state import write

API = '{"scripts": {"start": "node ."}, "dependencies": {"fastify": "5"}}'
LOCK = '{"lockfileVersion": 3}'
SCHEMA = 'datasource db {\n  url = env("POSTGRES_URL")\n}\n'
FILES = {
    "apps/api/package.json": API,
    "apps/api/package-lock.json": LOCK,
    "apps/api/.env.example": "API_PORT=1\nNODE_ENV=development\nCACHE=redis://localhost\nLEVEL=info\nMAIL_KEY=\n",
    "apps/api/prisma/schema.prisma": SCHEMA,
    "apps/api/prisma/migrations/migration_lock.toml": 'provider = "postgresql"',
    "apps/web/package.json": '{"scripts": {"build": "next build"}, "dependencies": {"next": "16"}}',
    "apps/web/package-lock.json": LOCK,
    "apps/web/.env.example": "NEXT_PUBLIC_API_URL=\nNEXT_PUBLIC_SITE_URL=https://x.example\nNEXT_PUBLIC_NAME=Shop\n"
    "DATABASE_URL=postgresql://x\n",
}
ADDRESSES = {
    "database_url": "postgresql://d",
    "redis_url": "redis://r",
    "backend_url": "http://b",
    "frontend_url": "http://f",
}
MADE: dict[str, Any] = {**ADDRESSES, "backend": "railway", "railway": {"services": {"api": "id-1"}}}


def shop(*left_out: str) -> Shop:
    return read_shop(Tree.of({path: text for path, text in FILES.items() if not path.startswith(left_out)}))


def test_a_unit_gets_the_example_s_variables_and_the_storefront_s_addresses() -> None:
    ordered = storefront_order(_shop_settings(shop()), ADDRESSES)
    unit = ordered["units"][0]
    key = unit["variables"].pop("MAIL_KEY")
    assert unit["variables"] == {
        "CACHE": "redis://r",
        "LEVEL": "info",
        "DATABASE_URL": "postgresql://d",
        "POSTGRES_URL": "postgresql://d",
    }
    assert len(key) > 30
    assert unit["port"] == "API_PORT"
    assert ordered["site_variables"] == {
        "NEXT_PUBLIC_API_URL": "http://b",
        "NEXT_PUBLIC_SITE_URL": "http://f",
        "NEXT_PUBLIC_NAME": "Shop",
        "DATABASE_URL": "postgresql://d",  # of a site that asks the database itself
    }


def test_a_build_knows_no_database_so_that_every_sandbox_can_keep_it() -> None:
    variables = storefront_order(_shop_settings(shop()), ADDRESSES)["units"][0]["build_variables"]
    assert variables.keys() == {"DATABASE_URL", "POSTGRES_URL"}
    assert "postgresql://d" not in variables.values()


def test_the_inventory_says_what_a_deploy_moves() -> None:
    variables = inventory(_shop_settings(shop()), MADE)
    assert variables["surfaces"] == ["database", "backend", "frontend", "edge"]
    assert variables["backend_units"] == [
        {"name": "api", "kind": "web", "service": "id-1", "root_directory": "apps/api"}
    ]
    assert (variables["database_url"], variables["database_root_directory"]) == ("postgresql://d", "apps/api")
    assert (variables["frontend_root_directory"], variables["verify_backend_checks"]) == (
        "apps/web",
        [{"name": "health", "url": "/health"}],
    )


def test_what_a_shop_does_not_have_is_not_asked_for() -> None:
    variables = inventory(_shop_settings(shop("apps/web", "apps/api/prisma")), MADE)
    assert variables["surfaces"] == ["backend", "edge"]
    assert (variables["frontend_url"], variables["database_url"]) == ("", "")
    variables = inventory(_shop_settings(shop("apps/api")), MADE)
    assert variables["surfaces"] == ["frontend", "edge"]
    assert (variables["backend_url"], variables["backend_units"], variables["verify_backend_checks"]) == ("", [], [])


def test_a_shop_s_inventory_is_its_host_s(tmp_path) -> None:
    file = tmp_path / "state.json"
    write(file, {"storefronts": {"shop": {"store": "s3://a", "inventory": {"surfaces": ["backend"]}}}})
    assert hosts(file)["_meta"]["hostvars"]["shop"] == {"surfaces": ["backend"], "sandbox_shop": {"store": "s3://a"}}


@pytest.mark.parametrize("text", ["health=/x", "api.health", "api=/x", "Api.health=/x", ""])
def test_a_setting_names_its_unit(text: str) -> None:
    with pytest.raises(ConfigError, match="UNIT"):
        settings_of([text])


def test_settings_of_one_unit_are_taken_together() -> None:
    assert settings_of(["api.health=/x", "api.start=a=b", "frontend.package=web"]) == {
        "api": {"health": "/x", "start": "a=b"},
        "frontend": {"package": "web"},
    }
