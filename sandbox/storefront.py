# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Storefronts on a running sandbox: create, drop, save and restore them with their database, store and platforms."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from typing import Any

import boto3
import psycopg2
import redis
from psycopg2 import sql

from .order import inventory, storefront_order
from .services import call
from .state import SandboxError, assign_ports, folder_of, locked, read, write

BUCKET = "storefront"
SAVED = "storefront-saved"  # the bucket of saved copies: <storefront>/<label>/…
SURFACES = ("frontend", "backend")
TEST_CUSTOMERS = "journeys.shop.test"  # the domain of test customers' addresses


@cache
def _client(url: str, access_key: str, secret_key: str, region: str) -> Any:
    return boto3.client(
        "s3", endpoint_url=url, aws_access_key_id=access_key, aws_secret_access_key=secret_key, region_name=region
    )


class Sandbox:
    """A sandbox that is up. ``state`` is the content of its state.json."""

    def __init__(self, name: str, state: dict[str, Any]):
        self.name = name
        self.state = state

    @classmethod
    def load(cls, name: str = "default") -> Sandbox:
        state = read(folder_of(name) / "state.json")
        if not state or not state.get("storefronts"):
            raise SandboxError(f"The sandbox {name!r} is not up: run `python -m sandbox up --name {name}`.")
        return cls(name, state)

    def storefront(self, name: str = "shop") -> dict[str, Any]:
        """Return a storefront as state.json describes it."""
        try:
            return self.state["storefronts"][name]
        except KeyError:
            known = ", ".join(self.state["storefronts"])
            raise SandboxError(f"The sandbox {self.name!r} has no storefront {name!r}. It has: {known}.") from None

    def create_storefront(self, name: str, backend: str = "railway", repository: str | None = None) -> dict[str, Any]:
        """Create a storefront without any deployment and return it. An existing one is returned unchanged.

        Its backend is at ``backend``, railway or render; Render builds from the git repository at ``repository``, by
        default the example shop's.
        """
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", name):
            raise SandboxError(f"{name!r} cannot name a storefront: use lower-case letters, digits and dashes.")
        with locked(self.name):
            return self.provision(name, backend, repository)

    def provision(self, name: str, backend: str = "railway", repository: str | None = None) -> dict[str, Any]:
        """Create the missing parts of a storefront. The caller holds the sandbox's lock."""
        self._reload()
        shop = self.state["storefronts"].get(name) or self._addresses(name)
        shop.setdefault("test_customers_token", secrets.token_hex(16))  # one of an earlier version has none
        shop.setdefault("test_customers_domain", TEST_CUSTOMERS)
        self._provision_database(name, shop["database_url"])
        for bucket in (BUCKET, SAVED):
            self.s3().create_bucket(Bucket=bucket)
        made = self.cloud("POST", "/storefronts", self._order(name, shop, backend, repository))
        known = {**shop, **made}
        if own := self.state["shop"].get("shop"):
            known["inventory"] = inventory(own, known)
        self.state["storefronts"][name] = known
        self._write()
        return self.state["storefronts"][name]

    def drop_storefront(self, name: str) -> None:
        """Remove a storefront and its saved states."""
        with locked(self.name):
            self._reload()
            shop = self.storefront(name)
            self.cloud("DELETE", f"/storefronts/{name}")
            with self._admin() as cursor:
                cursor.execute(
                    "SELECT datname FROM pg_database WHERE datname = %s OR starts_with(datname, %s)", (name, f"{name}@")
                )
                for (database,) in cursor.fetchall():
                    cursor.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))
                cursor.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))
            self._empty_redis(shop)
            for bucket in (BUCKET, SAVED):
                self._delete_objects(bucket, f"{name}/")
            del self.state["storefronts"][name]
            self._write()

    def save(self, name: str, label: str) -> None:
        """Save a storefront's platforms, database and store under ``label``, for ``restore``. Open
        connections are closed.
        """
        self.cloud("POST", f"/storefronts/{name}/save", {"label": label})
        self._copy_database(name, f"{name}@{label}", owner=name)
        self._copy_objects(BUCKET, f"{name}/", SAVED, f"{name}/{label}/")

    def has_saved(self, name: str, label: str) -> bool:
        """Return whether a storefront is saved under ``label``."""
        with self._admin() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (f"{name}@{label}",))
            return bool(cursor.fetchone())

    def restore(self, name: str, label: str) -> None:
        """Restore a storefront to a saved state. Redis is emptied, since it holds only disposable data."""
        self._copy_database(f"{name}@{label}", name, owner=name)
        self._copy_objects(SAVED, f"{name}/{label}/", BUCKET, f"{name}/")
        self._empty_redis(self.storefront(name))
        self.cloud("POST", f"/storefronts/{name}/restore", {"label": label})

    def cloud(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request to the double's control API."""
        return call(method, self.state["cloud"]["control_url"] + path, self.state["cloud"]["control_token"], body)

    def s3(self) -> Any:
        """Return a boto3 client of the sandbox's S3."""
        settings = self.state["s3"]
        return _client(settings["endpoint_url"], settings["access_key"], settings["secret_key"], settings["region"])

    def _reload(self) -> None:
        self.state = read(folder_of(self.name) / "state.json")

    def _write(self) -> None:
        write(folder_of(self.name) / "state.json", self.state)

    def _addresses(self, name: str) -> dict[str, Any]:
        """Choose the addresses and secrets of a new storefront."""
        server = self.state["postgres"]
        used = {shop["redis_url"] for shop in self.state["storefronts"].values()}
        base = self.state["redis"]["url"].removesuffix("/0")
        ports = assign_ports(
            folder_of(self.name), [f"{name}.{side}.{surface}" for side in ("edge", "origin") for surface in SURFACES]
        )
        return {
            **{f"{surface}_url": f"http://127.0.0.1:{ports[f'{name}.edge.{surface}']}" for surface in SURFACES},
            **{
                f"{surface}_origin_url": f"http://127.0.0.1:{ports[f'{name}.origin.{surface}']}" for surface in SURFACES
            },
            "database_url": (
                f"postgresql://{name}:{secrets.token_hex(16)}@127.0.0.1:{server['port']}/{name}?schema=public"
            ),
            "redis_url": next(url for url in (f"{base}/{index}" for index in range(64)) if url not in used),
            "store": f"s3://{BUCKET}/{name}",
        }

    def _order(self, name: str, shop: dict[str, Any], backend: str, repository: str | None) -> dict[str, Any]:
        """Return what the double needs to create a storefront at the platforms."""

        def port(key: str) -> int:
            return int(shop[key].rpartition(":")[2])

        own = self.state["shop"].get("shop")
        return {
            **(storefront_order(own, shop) if own else {}),
            "name": name,
            "backend": shop.get("backend", backend),
            "repository": repository or self.state["shop"]["repository"],
            "database_url": shop["database_url"],
            "redis_url": shop["redis_url"],
            "edge_ports": {surface: port(f"{surface}_url") for surface in SURFACES},
            "origin_ports": {surface: port(f"{surface}_origin_url") for surface in SURFACES},
            # besides those that follow from the addresses
            "variables": {
                **{"JWT_SECRET": secrets.token_hex(32), "MAINTENANCE_MODE": "false"},
                **({} if own else self._services(shop)),
            },
        }

    def _services(self, shop: dict[str, Any]) -> dict[str, str]:
        """Return the example shop's variables of its mail server, its payments and its test customers."""
        cloud, key = self.state["cloud"], self.state["tokens"]["stripe"]
        return {
            **{"SMTP_URL": cloud["smtp_url"], "STRIPE_API_URL": cloud["stripe_url"], "STRIPE_TEST_KEY": key},
            **{"TEST_CUSTOMERS_DOMAIN": TEST_CUSTOMERS, "TEST_CUSTOMERS_TOKEN": shop["test_customers_token"]},
        }

    @contextmanager
    def _admin(self) -> Iterator[Any]:
        """Yield a cursor of the superuser, each statement a transaction of its own."""
        with closing(psycopg2.connect(self.state["postgres"]["url"])) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor

    def _provision_database(self, name: str, url: str) -> None:
        password = url.partition("@")[0].rpartition(":")[2]
        role = sql.Identifier(name)
        with self._admin() as cursor:
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,))
            if not cursor.fetchone():
                cursor.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}").format(role, sql.Literal(password)))
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
            if not cursor.fetchone():
                cursor.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(role, role))

    def _copy_database(self, source: str, target: str, owner: str) -> None:
        """Replace ``target`` by a copy of ``source``. Connections to ``source`` are refused meanwhile."""
        names = {"source": sql.Identifier(source), "target": sql.Identifier(target), "owner": sql.Identifier(owner)}
        with self._admin() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (source,))
            if not cursor.fetchone():
                raise SandboxError(
                    f"There is no database {source!r} in the sandbox {self.name!r}: save the storefront first."
                )
            cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {target} WITH (FORCE)").format(**names))
            cursor.execute(sql.SQL("ALTER DATABASE {source} ALLOW_CONNECTIONS false").format(**names))
            try:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", (source,)
                )
                cursor.execute(sql.SQL("CREATE DATABASE {target} TEMPLATE {source} OWNER {owner}").format(**names))
            finally:
                cursor.execute(sql.SQL("ALTER DATABASE {source} ALLOW_CONNECTIONS true").format(**names))

    def _objects(self, bucket: str, prefix: str) -> list[str]:
        pages = self.s3().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def _delete_objects(self, bucket: str, prefix: str) -> None:
        client = self.s3()
        for key in self._objects(bucket, prefix):
            client.delete_object(Bucket=bucket, Key=key)

    def _copy_objects(self, source: str, source_prefix: str, target: str, target_prefix: str) -> None:
        self._delete_objects(target, target_prefix)
        client = self.s3()
        for key in self._objects(source, source_prefix):
            copy = target_prefix + key.removeprefix(source_prefix)
            client.copy_object(Bucket=target, Key=copy, CopySource={"Bucket": source, "Key": key})

    def _empty_redis(self, shop: dict[str, Any]) -> None:
        with redis.Redis.from_url(shop["redis_url"]) as client:
            client.flushdb()
