# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example shop for real: a customer's way through API and worker, on PostgreSQL and Redis, and what its
releases promise.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import secrets
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import pytest
import redis
from ansible_collections.storefront.runbook.plugins.modules import edge_check

from sandbox import tools
from sandbox.cloud.builds import Blobs, Builder, BuildFailed, Recipe
from sandbox.cloud.server import free_port
from sandbox.process import wait_until
from sandbox.repository import files_of
from sandbox.state import CACHE
from sandbox.storefront import Sandbox
from tests.unit.support import run_module

NAME = "test-shop"
PRISMA = "node_modules/prisma/build/index.js"
PAGES = ("index", "products", "search", "cart", "checkout", "login", "register", "orders")
PATIENCE = 30


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Builds an app of a release as the platforms do, and returns what they keep of it; installs and builds
    are kept from run to run.
    """
    builder = Builder(CACHE, tools.node_bin(), Blobs(tmp_path_factory.mktemp("blobs")))

    def build(tag: str, app: str, command: str = "", **variables: str) -> Path:
        prefix = f"apps/{app}/"
        files = {
            path.removeprefix(prefix): builder.blobs.put(content)
            for path, content in files_of(tag).items()
            if path.startswith(prefix)
        }
        recipe = Recipe(files, variables, command, output="out" if app == "frontend" else "")
        return builder.folder(asyncio.run(builder.build(recipe, print)))

    return build


class Shop:
    """A database, a Redis database and the environment of the backend's units."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.redis = redis.Redis.from_url(state["redis_url"], decode_responses=True)
        self.url = state["database_url"]
        self.environment = {
            "PATH": os.pathsep.join([str(tools.node_bin()), os.defpath]),
            "DATABASE_URL": self.url,
            "REDIS_URL": state["redis_url"],
            "JWT_SECRET": secrets.token_hex(32),
            "CORS_ORIGIN": "https://shop.example",
        }

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with closing(psycopg2.connect(self.url.partition("?")[0])) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement, values or None)
                return cursor.fetchall() if cursor.description else []

    def start(self, app: Path, script: str, log: Path, **variables: str) -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            return subprocess.Popen(
                ["node", f"src/{script}.js"],
                cwd=app,
                env={**self.environment, **variables},
                stdout=output,
                stderr=output,
            )

    @contextmanager
    def api(self, app: Path, log: Path, **variables: str) -> Iterator[httpx.Client]:
        """A client of a running API."""
        port = str(free_port())
        process = self.start(app, "server", log, PORT=port, **variables)
        with _ended(process), httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10) as client:
            assert (
                wait_until(lambda: process.poll() is not None or _answers(client), PATIENCE) and process.poll() is None
            ), log.read_text()
            yield client


def _answers(client: httpx.Client) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return bool(client.get("/health"))
    return False


@contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


@pytest.fixture(scope="module")
def backend(built: Callable[..., Path]) -> Path:
    return built("v1.1.1", "backend")


@pytest.fixture(scope="module")
def shop(sandbox: Sandbox, backend: Path) -> Iterator[Shop]:
    """A storefront migrated by the shop's own Prisma, with the example data."""
    with _storefront(sandbox, NAME) as shop:
        _node(shop, backend, PRISMA, "migrate", "deploy")
        _node(shop, backend, "prisma/seed.js")
        yield shop


@contextmanager
def _storefront(sandbox: Sandbox, name: str) -> Iterator[Shop]:
    """A storefront with nothing in it, whatever a run that was killed has left."""
    if name in sandbox.state["storefronts"]:
        sandbox.drop_storefront(name)
    shop = Shop(sandbox.create_storefront(name))
    try:
        yield shop
    finally:
        shop.redis.close()
        sandbox.drop_storefront(name)


def _node(shop: Shop, app: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["node", *arguments], cwd=app, env=shop.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "shop.log"


@pytest.fixture(scope="module")
def api(shop: Shop, backend: Path, log: Path) -> Iterator[httpx.Client]:
    with shop.api(backend, log) as client:
        yield client


@pytest.fixture
def worker(shop: Shop, backend: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    shop.redis.delete("worker:heartbeat")
    process = shop.start(backend, "worker", log)
    with _ended(process):
        assert wait_until(lambda: bool(shop.redis.exists("worker:heartbeat")), PATIENCE), log.read_text()
        yield process


@pytest.fixture
def customer(api: httpx.Client) -> dict[str, str]:
    """The headers of a customer who has just registered."""
    person = {"email": f"{secrets.token_hex(4)}@shop.example", "password": "correct horse", "name": "Ada"}
    answer = api.post("/api/auth/register", json=person)
    assert answer.status_code == 201, answer.text
    return {"authorization": f"Bearer {answer.json()['token']}"}


def buy(api: httpx.Client, customer: dict[str, str], product: int = 1, quantity: int = 1) -> httpx.Response:
    assert api.post("/api/cart", json={"productId": product, "quantity": quantity}, headers=customer).status_code == 200
    return api.post("/api/checkout", headers=customer)


def confirmations(shop: Shop, order: int) -> list[tuple[Any, ...]]:
    return shop.sql('SELECT "recipient", "status" FROM "EmailMessage" WHERE "orderId" = %s', order)


def test_health_reports_the_release_and_its_services(api: httpx.Client) -> None:
    answer = api.get("/health")
    assert answer.status_code == 200
    body = answer.json()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", body.pop("timestamp"))
    assert body == {
        "status": "healthy",
        "release": "v1.1.1",
        "services": {"database": "connected", "redis": "connected"},
    }


def test_a_customer_registers_buys_and_gets_a_confirmation(
    shop: Shop, api: httpx.Client, worker: subprocess.Popen[bytes]
) -> None:
    person = {"email": "Grace@shop.example", "password": "correct horse", "name": "Grace"}
    assert api.post("/api/auth/register", json=person).status_code == 201
    session = api.post("/api/auth/login", json={"email": "GRACE@shop.example", "password": "correct horse"}).json()
    headers = {"authorization": f"Bearer {session['token']}"}
    (pen,) = api.get("/api/search", params={"q": "ink steel nib"}).json()["items"]
    assert pen["name"] == "Fountain Pen"
    cart = api.post("/api/cart", json={"productId": pen["id"], "quantity": 3}, headers=headers).json()
    assert cart["totalCents"] == 3 * pen["priceCents"]

    order = api.post("/api/checkout", headers=headers)
    assert order.status_code == 201
    assert api.get("/api/cart", headers=headers).json() == {"items": [], "totalCents": 0}
    assert api.get(f"/api/products/{pen['id']}").json()["stock"] == pen["stock"] - 3
    assert wait_until(lambda: bool(confirmations(shop, order.json()["id"])), PATIENCE)
    assert confirmations(shop, order.json()["id"]) == [("grace@shop.example", "sent")]
    (listed,) = api.get("/api/orders", headers=headers).json()["items"]
    assert (listed["totalCents"], listed["emails"]) == (
        3 * pen["priceCents"],
        [{"kind": "confirmation", "status": "sent"}],
    )


def test_nothing_of_an_order_is_kept_when_one_product_is_short(
    shop: Shop, api: httpx.Client, customer: dict[str, str]
) -> None:
    before = shop.sql('SELECT count(*) FROM "Order"'), shop.sql('SELECT "stock" FROM "Product" WHERE "id" = 2')
    shop.sql('UPDATE "Product" SET "stock" = 1 WHERE "id" = 3')
    api.post("/api/cart", json={"productId": 2, "quantity": 1}, headers=customer)
    answer = buy(api, customer, product=3, quantity=2)
    assert (answer.status_code, answer.json()["message"]) == (409, 'Fewer than 2 of "Chef\'s Knife" are left.')
    assert (
        shop.sql('SELECT count(*) FROM "Order"'),
        shop.sql('SELECT "stock" FROM "Product" WHERE "id" = 2'),
    ) == before


def test_products_are_paged_and_kept_in_redis(shop: Shop, api: httpx.Client) -> None:
    page = api.get("/api/products", params={"page": 2, "limit": 10, "category": "garden"}).json()
    assert (page["items"], page["total"]) == ([], 6)
    names = [
        item["name"]
        for number in (1, 2, 3)
        for item in api.get("/api/products", params={"page": number, "limit": 10}).json()["items"]
    ]
    assert len(set(names)) == 24
    key = "product:v1.1.1:list::1:10"
    assert 0 < shop.redis.ttl(key) <= 60
    shop.redis.set(key, json.dumps({"items": "from Redis"}))
    assert api.get("/api/products", params={"limit": 10}).json() == {"items": "from Redis"}
    shop.redis.delete(key)


def test_categories_are_listed(api: httpx.Client) -> None:
    assert [item["name"] for item in api.get("/api/categories").json()["items"]] == [
        "Desk",
        "Garden",
        "Kitchen",
        "Travel",
    ]


def test_a_review_becomes_the_rating(api: httpx.Client, customer: dict[str, str]) -> None:
    assert api.get("/api/products/5").json()["rating"] is None
    assert api.post("/api/products/5/reviews", json={"stars": 2}, headers=customer).status_code == 200
    api.post("/api/products/5/reviews", json={"stars": 4}, headers=customer)
    assert api.get("/api/products/5").json()["rating"] == 4


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/api/auth/login", {"email": "demo@shop.example", "password": "not this one"}, 401),
        ("POST", "/api/auth/login", {"email": "nobody@shop.example", "password": "not this one"}, 401),
        (
            "POST",
            "/api/auth/register",
            {"email": "demo@shop.example", "password": "correct horse", "name": "Twice"},
            409,
        ),
        ("POST", "/api/auth/register", {"email": "not an address", "password": "correct horse", "name": "X"}, 400),
        ("POST", "/api/auth/register", {"email": "a@shop.example", "password": "short", "name": "X"}, 400),
        ("GET", "/api/cart", None, 401),
        ("GET", "/api/orders", None, 401),
        ("POST", "/api/checkout", None, 401),
        ("GET", "/api/products/999999", None, 404),
        ("GET", "/api/products/one", None, 400),
        ("GET", "/api/products?limit=5000", None, 400),
        ("GET", "/api/search", None, 400),
    ],
)
def test_a_bad_request_is_refused(api: httpx.Client, method: str, path: str, body: Any, status: int) -> None:
    assert api.request(method, path, json=body).status_code == status


def test_an_empty_cart_cannot_be_bought(api: httpx.Client, customer: dict[str, str]) -> None:
    assert api.post("/api/checkout", headers=customer).status_code == 409


def test_only_the_shops_own_pages_may_ask_from_a_browser(api: httpx.Client) -> None:
    assert (
        api.get("/api/products", headers={"origin": "https://shop.example"}).headers["access-control-allow-origin"]
        == "https://shop.example"
    )
    assert (
        "access-control-allow-origin"
        not in api.get("/api/products", headers={"origin": "https://elsewhere.example"}).headers
    )


def test_the_checks_of_the_edge_find_the_api_as_it_should_be(shop: Shop, backend: Path, log: Path) -> None:
    with shop.api(backend, log, RATE_LIMIT="5") as client:
        edge = {
            **{
                "cors_url": f"{client.base_url}/api/products",
                "allowed_origins": ["https://shop.example"],
                "max_age": 600,
                "method": "DELETE",
            },
            **{"rate_limit_url": f"{client.base_url}/api/auth/login", "rate_limit_method": "POST", "burst": 30},
            "rate_limit_body": {"email": "nobody@shop.example", "password": "not this one"},
        }
        result = run_module(edge_check, edge)
        assert [(one["id"], one["outcome"]) for one in result["answers"]] == [
            ("C16", "passed"),
            ("C17", "passed"),
            ("C18", "not_configured"),
        ], result
        limited = client.post("/api/auth/login", json={"email": "nobody@shop.example", "password": "not this one"})
        assert limited.status_code == 429
        assert 0 < int(limited.headers["retry-after"]) <= 60
        assert client.get("/api/products").status_code == 200
        assert run_module(edge_check, {**edge, "allowed_origins": ["https://another.example"]})["failed"]


def test_in_maintenance_the_api_says_when_to_come_back_and_health_reports_the_truth(
    shop: Shop, backend: Path, log: Path
) -> None:
    with shop.api(backend, log, MAINTENANCE_MODE="true") as api:
        answer = api.get("/api/products", headers={"origin": "https://shop.example"})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "120")
        assert "access-control-allow-origin" in answer.headers
        assert api.get("/health").status_code == 200


@pytest.mark.parametrize(("variable", "service"), [("DATABASE_URL", "database"), ("REDIS_URL", "redis")])
def test_health_names_the_service_that_is_away(
    shop: Shop, backend: Path, log: Path, variable: str, service: str
) -> None:
    scheme = shop.environment[variable].partition(":")[0]
    with shop.api(backend, log, **{variable: f"{scheme}://127.0.0.1:1/0"}) as api:
        answer = api.get("/health")
        assert (answer.status_code, answer.json()["status"]) == (503, "unhealthy")
        assert [name for name, state in answer.json()["services"].items() if state == "disconnected"] == [service]


def test_the_shop_sells_from_the_database_while_redis_is_away(shop: Shop, backend: Path, log: Path) -> None:
    with shop.api(backend, log, REDIS_URL="redis://127.0.0.1:1/0") as api:
        assert api.get("/api/products").json()["total"] == 24


@pytest.mark.parametrize("script", ["server", "worker"])
def test_a_missing_variable_is_named_before_anything_starts(
    shop: Shop, backend: Path, tmp_path: Path, script: str
) -> None:
    process = shop.start(backend, script, tmp_path / "log", REDIS_URL="")
    assert process.wait(PATIENCE) == 1
    assert "REDIS_URL is not set: give the address" in (tmp_path / "log").read_text()


def test_the_worker_reports_that_it_lives(shop: Shop, worker: subprocess.Popen[bytes]) -> None:
    sign = json.loads(shop.redis.get("worker:heartbeat") or "{}")
    assert (sign["release"], sign["pid"]) == ("v1.1.1", worker.pid)
    assert 0 < shop.redis.ttl("worker:heartbeat") <= 15


def test_the_worker_answers_on_a_port_that_it_was_given(shop: Shop, backend: Path, log: Path) -> None:
    port = free_port()
    process = shop.start(backend, "worker", log, PORT=str(port))
    with _ended(process), httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        assert wait_until(lambda: _answers(client), PATIENCE)
        assert client.get("/health").json()["release"] == "v1.1.1"


def test_the_worker_continues_when_redis_drops_it(
    shop: Shop, api: httpx.Client, customer: dict[str, str], worker: subprocess.Popen[bytes]
) -> None:
    database = str(shop.redis.connection_pool.connection_kwargs["db"])
    for client in shop.redis.client_list():
        if client["db"] == database and client["cmd"] == "blmove":
            shop.redis.client_kill_filter(_id=client["id"])
    order = buy(api, customer).json()["id"]
    assert wait_until(lambda: bool(confirmations(shop, order)), PATIENCE)
    assert worker.poll() is None


def test_a_job_that_a_killed_worker_had_begun_is_done_once_by_the_next(
    shop: Shop, api: httpx.Client, customer: dict[str, str], backend: Path, log: Path
) -> None:
    order = buy(api, customer).json()["id"]
    taken = shop.redis.lmove("queue:email", "queue:email:begun", "LEFT", "RIGHT")
    assert taken
    assert json.loads(taken)["orderId"] == order
    process = shop.start(backend, "worker", log)
    with _ended(process):
        assert wait_until(lambda: bool(confirmations(shop, order)), PATIENCE)
        assert wait_until(lambda: not shop.redis.exists("queue:email", "queue:email:begun"), PATIENCE)
    assert len(confirmations(shop, order)) == 1


def test_a_job_that_fails_is_tried_again(
    shop: Shop, api: httpx.Client, customer: dict[str, str], worker: subprocess.Popen[bytes], log: Path
) -> None:
    seen = len(log.read_text())
    shop.sql("""ALTER TABLE "EmailMessage" ADD CONSTRAINT "no_mail_today" CHECK ("status" <> 'sent') NOT VALID""")
    try:
        order = buy(api, customer).json()["id"]
        assert wait_until(lambda: "A job failed and will be tried again" in log.read_text()[seen:], PATIENCE)
        assert confirmations(shop, order) == []
    finally:
        shop.sql('ALTER TABLE "EmailMessage" DROP CONSTRAINT "no_mail_today"')
    assert wait_until(lambda: bool(confirmations(shop, order)), PATIENCE)


@pytest.mark.parametrize("script", ["server", "worker"])
def test_a_unit_ends_cleanly_when_it_is_asked_to(shop: Shop, backend: Path, tmp_path: Path, script: str) -> None:
    port = free_port()
    process = shop.start(backend, script, tmp_path / "log", PORT=str(port))
    with _ended(process), httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        assert wait_until(lambda: _answers(client), PATIENCE)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


def test_neither_passwords_nor_tokens_are_logged(
    shop: Shop, api: httpx.Client, customer: dict[str, str], log: Path
) -> None:
    api.post("/api/auth/login", json={"email": "demo@shop.example", "password": "demo-password"})
    api.get("/api/orders", headers=customer)
    assert wait_until(lambda: "/api/orders" in log.read_text(), PATIENCE)
    secret = [
        "demo-password",
        customer["authorization"].split()[1],
        shop.environment["JWT_SECRET"],
        shop.url,
        shop.environment["REDIS_URL"],
    ]
    assert [word for word in secret if word in log.read_text()] == []


def test_the_seed_adds_nothing_to_a_shop_that_has_it(shop: Shop, backend: Path) -> None:
    before = shop.sql('SELECT count(*), max("id") FROM "Product"')
    _node(shop, backend, "prisma/seed.js")
    assert shop.sql('SELECT count(*), max("id") FROM "Product"') == before


def test_the_shops_prisma_finds_its_schema_up_to_date(shop: Shop, backend: Path) -> None:
    assert "Database schema is up to date!" in _node(shop, backend, PRISMA, "migrate", "status")


@pytest.mark.parametrize("tag", ["v1.0.0", "v1.1.1", "v2.0.0"])
def test_the_migrations_make_what_the_schema_says(shop: Shop, built: Callable[..., Path], tag: str) -> None:
    arguments = [
        "migrate",
        "diff",
        "--from-migrations=prisma/migrations",
        "--to-schema-datamodel=prisma/schema.prisma",
        "--exit-code",
    ]
    assert "No difference detected." in _node(shop, built(tag, "backend"), PRISMA, *arguments)
    assert shop.sql("SELECT datname FROM pg_database WHERE datname LIKE 'prisma_migrate_shadow_db%%'") == []


def test_the_first_release_runs_on_the_schema_of_the_next(shop: Shop, built: Callable[..., Path], log: Path) -> None:
    with shop.api(built("v1.0.0", "backend"), log) as api:
        assert api.get("/health").json()["release"] == "v1.0.0"
        assert api.get("/api/products").json()["total"] == 24


def test_the_broken_release_is_unhealthy_and_otherwise_works(shop: Shop, built: Callable[..., Path], log: Path) -> None:
    with shop.api(built("v1.2.0", "backend"), log) as api:
        answer = api.get("/health")
        assert (answer.status_code, answer.json()["status"], answer.json()["release"]) == (503, "unhealthy", "v1.2.0")
        assert answer.json()["services"] == {"database": "connected", "redis": "connected", "payments": "disconnected"}
        assert api.get("/api/products").status_code == 200


def test_earlier_releases_do_not_run_on_the_schema_of_version_2(
    sandbox: Sandbox, backend: Path, built: Callable[..., Path], log: Path
) -> None:
    with _storefront(sandbox, f"{NAME}-2") as shop:
        for path, content in sorted(files_of("v2.0.0").items()):
            if path.endswith("/migration.sql"):
                shop.sql(content.decode())
        new = built("v2.0.0", "backend")
        _node(shop, new, "prisma/seed.js")
        with shop.api(new, log) as api:
            assert api.get("/api/products/1").json()["currency"] == "USD"
        with shop.api(backend, log) as api:
            assert api.get("/health").status_code == 200
            assert api.get("/api/products").status_code == 500


def test_every_page_of_the_frontend_reports_its_release(built: Callable[..., Path]) -> None:
    site = built(
        "v1.1.1",
        "frontend",
        command="npm run type-check && npm run build",
        NEXT_PUBLIC_API_URL="https://api.shop.example",
    )
    releases = {
        page: re.findall(r'<meta name="release" content="([^"]*)"/>', (site / f"{page}.html").read_text())
        for page in PAGES
    }
    assert releases == {page: ["v1.1.1"] for page in PAGES}
    assert json.loads((site / "release.json").read_text()) == {"release": "v1.1.1"}
    assert any("https://api.shop.example" in script.read_text() for script in site.glob("_next/static/**/*.js"))


def test_the_broken_frontend_reports_another_release(built: Callable[..., Path]) -> None:
    site = built("v1.3.0-broken-frontend", "frontend", NEXT_PUBLIC_API_URL="https://api.shop.example")
    assert json.loads((site / "release.json").read_text()) == {"release": "v1.2.9"}
    assert '<meta name="release" content="v1.2.9"/>' in (site / "index.html").read_text()


def test_a_frontend_without_the_address_of_its_api_is_not_built(
    built: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BuildFailed):
        built("v1.1.1", "frontend")
    assert "NEXT_PUBLIC_API_URL is not set" in capsys.readouterr().out
