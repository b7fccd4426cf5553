# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Goods on the shelf and a customer who buys some, so that a release has something to lose."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import psycopg2
import requests

TABLES = ("User", "Product", "Order")  # the runbook's own record counts


def fill_shelves(shop: Mapping[str, Any]) -> None:
    """Put a few products into the database of a storefront on which a release is live."""
    with closing(psycopg2.connect(_url(shop))) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute("""INSERT INTO "Category" (slug, name) VALUES ('desk', 'Desk') ON CONFLICT DO NOTHING""")
        for name, cents in (("Desk Lamp", 6400), ("Brass Ruler", 1450), ("Letter Tray", 2750)):
            cursor.execute(
                'INSERT INTO "Product" (slug, name, description, "priceCents", stock, "categoryId") '
                """SELECT %s, %s, 'As good as it looks', %s, 100, id FROM "Category" WHERE slug = 'desk' ON CONFLICT DO NOTHING""",  # noqa: E501
                (name.lower().replace(" ", "-"), name, cents),
            )


def buy(shop: Mapping[str, Any]) -> int:
    """Register, put a product into the cart and check out, over the public API; return the order's id."""
    api = shop["backend_url"] + "/api"
    with requests.Session() as session:

        def ask(method: str, path: str, body: Any = None) -> Any:
            answer = session.request(method, api + path, json=body, timeout=20)
            if not answer.ok:
                raise RuntimeError(f"{method} {path} answered {answer.status_code}: {answer.text[:200]}")
            return answer.json()

        person = {"email": f"{secrets.token_hex(6)}@shop.example", "password": secrets.token_hex(12), "name": "Ada"}
        session.headers["Authorization"] = f"Bearer {ask('POST', '/auth/register', person)['token']}"
        product = ask("GET", "/products")["items"][0]
        ask("POST", "/cart", {"productId": product["id"], "quantity": 1})
        return ask("POST", "/checkout")["id"]


def rows(shop: Mapping[str, Any]) -> dict[str, int]:
    """Count the records of the tables that must not lose any."""
    with closing(psycopg2.connect(_url(shop))) as connection, connection.cursor() as cursor:
        return {table: _count(cursor, table) for table in TABLES}


def _count(cursor: Any, table: str) -> int:
    cursor.execute(f'SELECT count(*) FROM "{table}"')
    return cursor.fetchone()[0]


def _url(shop: Mapping[str, Any]) -> str:
    return shop["database_url"].partition("?")[0]
