# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Goods on the shelf and a customer who buys some, so that a release has something to lose."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

import psycopg2
import requests

from .beside import beside

STOCK = 1_000_000  # more than a customer can buy who buys all along
TABLES = ("User", "Product", "Order")  # the runbook's own record counts


def fill_shelves(shop: Mapping[str, Any]) -> None:
    """Put a few products into the database of a storefront on which a release is live."""
    with closing(psycopg2.connect(_url(shop))) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute("""INSERT INTO "Category" (slug, name) VALUES ('desk', 'Desk') ON CONFLICT DO NOTHING""")
        for name, cents in (("Desk Lamp", 6400), ("Brass Ruler", 1450), ("Letter Tray", 2750)):
            cursor.execute(
                'INSERT INTO "Product" (slug, name, description, "priceCents", stock, "categoryId") '
                """SELECT %s, %s, 'As good as it looks', %s, %s, id FROM "Category" WHERE slug = 'desk' ON CONFLICT DO NOTHING""",  # noqa: E501
                (name.lower().replace(" ", "-"), name, cents, STOCK),
            )


class Customer:
    """A person at the public API who registers once and then buys as often as asked."""

    def __init__(self, shop: Mapping[str, Any]) -> None:
        self.api = shop["backend_url"] + "/api"
        self.session = requests.Session()

    def register(self) -> None:
        person = {"email": f"{secrets.token_hex(6)}@shop.example", "password": secrets.token_hex(12), "name": "Ada"}
        self.session.headers["Authorization"] = f"Bearer {self._ask('POST', '/auth/register', person)['token']}"

    @property
    def is_known(self) -> bool:
        return "Authorization" in self.session.headers

    def buy(self) -> int:
        """Put a product into the cart and check out; return the order's id."""
        product = self._ask("GET", "/products")["items"][0]
        self._ask("POST", "/cart", {"productId": product["id"], "quantity": 1})
        return self._ask("POST", "/checkout")["id"]

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.session.request(method, self.api + path, json=body, timeout=20)
        if not answer.ok:
            raise RuntimeError(f"{method} {path} answered {answer.status_code}: {answer.text[:200]}")
        return answer.json()


def buy(shop: Mapping[str, Any]) -> int:
    """Register, put a product into the cart and check out, over the public API; return the order's id."""
    customer = Customer(shop)
    with customer.session:
        customer.register()
        return customer.buy()


class Buyers:
    """A customer who buys again and again, ``pause`` seconds between, and what came of it: the orders by id, how often
    the shop was closed, and what else went wrong.
    """

    def __init__(self, shop: Mapping[str, Any], pause: float = 0.05) -> None:
        self.shop, self.pause = shop, pause
        self.orders, self.refused, self.broken = list[int](), 0, list[str]()

    @contextmanager
    def buying(self) -> Iterator[Buyers]:
        with beside(self._buy):
            yield self

    def _buy(self, stop: threading.Event) -> None:
        customer = Customer(self.shop)
        while not stop.wait(self.pause):
            try:
                if not customer.is_known:
                    customer.register()
                self.orders.append(customer.buy())
            except RuntimeError as error:
                if "answered 503" in str(error) and "maintenance" in str(error):
                    self.refused += 1
                else:
                    self.broken.append(str(error))
                    customer = Customer(self.shop)  # a restore may have undone the registration
            except requests.RequestException as error:
                self.broken.append(type(error).__name__)


def rows(shop: Mapping[str, Any]) -> dict[str, int]:
    """Count the records of the tables that must not lose any."""
    with closing(psycopg2.connect(_url(shop))) as connection, connection.cursor() as cursor:
        return {table: _count(cursor, table) for table in TABLES}


def _count(cursor: Any, table: str) -> int:
    cursor.execute(f'SELECT count(*) FROM "{table}"')
    return cursor.fetchone()[0]


def _url(shop: Mapping[str, Any]) -> str:
    return shop["database_url"].partition("?")[0]
