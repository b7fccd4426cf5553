# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations project of shops of many shapes: what their files and the vendors say is in it, what nobody says is a
placeholder, and nothing is overwritten.
"""

from __future__ import annotations

import configparser
import json
import re
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.project import vendors as asking
from ansible_collections.storefront.runbook.plugins.module_utils.project.facts import is_public, read_facts
from ansible_collections.storefront.runbook.plugins.module_utils.project.files import VERSION, files
from ansible_collections.storefront.runbook.plugins.module_utils.project.texts import ANSIBLE_CFG, README, WORKFLOW
from ansible_collections.storefront.runbook.plugins.module_utils.project.variables import Wanted, variables
from ansible_collections.storefront.runbook.plugins.module_utils.project.vendors import Answers, Unit, folder_sent
from ansible_collections.storefront.runbook.plugins.module_utils.source.shop.tree import Tree
from ansible_collections.storefront.runbook.plugins.modules import operations_project

from conftest import ROOT
from tests.unit.support import FakeVendor, Request, reply, run_module

NPM, PNPM = '{"lockfileVersion": 3}', "lockfileVersion: '9.0'\n"
SCHEMA = 'datasource db {\n  provider = "postgresql"\n  url = env("DATABASE_URL")\n}\n'
LOCK = 'provider = "postgresql"\n'
SPEC = yaml.safe_load((ROOT / "playbooks/deploy.meta.yml").read_text())


def package(name: str, **fields: Any) -> str:
    return json.dumps({"name": name, **fields})


def api(name: str = "api", **fields: Any) -> str:
    return package(
        name, **{"scripts": {"start": "node server.js"}, "dependencies": {"fastify": "^5", "ioredis": "^5"}, **fields}
    )


def web(name: str = "web") -> str:
    return package(name, scripts={"build": "next build"}, dependencies={"next": "16.4.5"})


def prisma(folder: str) -> dict[str, str]:
    return {
        f"{folder}prisma/schema.prisma": SCHEMA,
        f"{folder}prisma/migrations/migration_lock.toml": LOCK,
        f"{folder}prisma/migrations/1_init/migration.sql": "SELECT 1;",
    }


SINGLE = {"package.json": web("my-shop"), "package-lock.json": NPM}
TWO_APPS = {
    "apps/backend/package.json": api(scripts={"start": "node s.js", "worker": "node w.js"}),
    "apps/backend/package-lock.json": NPM,
    **prisma("apps/backend/"),
    "apps/frontend/package.json": web(),
    "apps/frontend/package-lock.json": NPM,
    "apps/frontend/.vercel/project.json": '{"projectId": "prj_1", "orgId": "team_1"}',
    "apps/frontend/.env.example": "NEXT_PUBLIC_API_URL=https://api.acme.shop/v1\nNEXT_PUBLIC_SITE_URL=https://acme.shop\n",
}
PNPM_WORKSPACE = {
    "package.json": package("acme-shop", private=True),
    "pnpm-workspace.yaml": "packages: ['apps/*', 'packages/*']\n",
    "pnpm-lock.yaml": PNPM,
    "apps/api/package.json": api("@acme/api"),
    "apps/api/railway.json": '{"deploy": {"healthcheckPath": "/healthz"}}',
    "apps/web/package.json": web("@acme/web"),
}
TURBO = {
    "package.json": package("turbo-shop", private=True, workspaces=["apps/*", "packages/*"]),
    "package-lock.json": NPM,
    "turbo.json": "{}",
    "apps/api/package.json": api(dependencies={"fastify": "^5", "@acme/db": "*"}),
    "packages/db/package.json": package("@acme/db", dependencies={"prisma": "6.19.0"}),
    "packages/db/prisma.config.ts": 'export default defineConfig({\n  schema: "prisma/schema.prisma",\n});\n',
    **prisma("packages/db/"),
}
API_ONLY = {
    "package.json": api("@acme/orders"),
    "package-lock.json": NPM,
    "render.yaml": "services:\n  - {type: web, name: orders, startCommand: npm start, healthCheckPath: /up}\n",
}
NO_REDIS = {"package.json": api(dependencies={"express": "^5"}), "package-lock.json": NPM, **prisma("")}
SHAPES = {
    "a single app": (SINGLE, ["frontend"], []),
    "two apps, each with its lockfile": (TWO_APPS, ["database", "backend", "frontend"], ["api", "worker"]),
    "a pnpm workspace": (PNPM_WORKSPACE, ["backend", "frontend"], ["api"]),
    "a turborepo with its schema in packages/db": (TURBO, ["database", "backend"], ["api"]),
    "an API only, at Render": (API_ONLY, ["backend"], ["orders"]),
    "an API with a database and no Redis": (NO_REDIS, ["database", "backend"], ["api"]),
}


def found(shop: dict[str, str], answers: Answers | None = None, environment: str = "production") -> dict[str, Any]:
    return variables(read_facts(Tree.of(shop)), answers or Answers(), Wanted("../../shop"), environment)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shop_of_any_shape_gets_a_project(shape: str) -> None:
    shop, surfaces, units = SHAPES[shape]
    inventory = found(shop)
    assert inventory["surfaces"] == surfaces
    assert [unit["name"] for unit in inventory.get("backend_units", [])] == units
    assert ("database_url" in inventory) == ("database" in surfaces)
    written = files(read_facts(Tree.of(shop)), Answers(), Wanted("../../shop"), ["deploy", "rollback"], SPEC)
    for path, text in written.items():
        if path.endswith((".yml", ".example")):
            assert yaml.safe_load(text), path
    for environment in ("production", "staging"):
        parsed = yaml.safe_load(written[f"{environment}/group_vars/storefronts/vars.yml"])
        assert parsed == found(shop, environment=environment)
        assert set(parsed) - {"ansible_connection", "ansible_python_interpreter"} <= {
            name for entry in SPEC["argument_specs"].values() for name in entry["options"]
        }


def test_every_variable_is_explained() -> None:
    written = files(read_facts(Tree.of(TWO_APPS)), Answers(), Wanted("../../shop"), ["deploy"], SPEC)
    blocks = written["production/group_vars/storefronts/vars.yml"].split("\n\n")[1:]
    assert [block for block in blocks if not block.startswith("# ")] == []
    assert max(map(len, "\n".join(block for block in blocks if "{{" not in block).splitlines())) <= 120


def test_the_files_say_where_things_are() -> None:
    two, workspace, turbo, orders = (found(shop) for shop in (TWO_APPS, PNPM_WORKSPACE, TURBO, API_ONLY))
    assert (two["frontend_project"], two["frontend_team"]) == ("prj_1", "team_1")
    assert (two["frontend_url"], two["backend_url"]) == ("https://acme.shop", "https://api.acme.shop")
    assert (two["frontend_root_directory"], two["database_root_directory"]) == ("apps/frontend", "apps/backend")
    assert {unit["root_directory"] for unit in two["backend_units"]} == {"apps/backend"}
    assert "root_directory" not in workspace["backend_units"][0], "a workspace is sent as a whole"
    assert workspace["verify_backend_checks"] == [{"name": "health", "url": "/healthz"}]
    assert turbo["database_root_directory"] == "packages/db"
    assert (orders["backend_platform"], orders["verify_backend_checks"][0]["url"]) == ("render", "/up")
    assert "backend_project" not in orders


def test_what_nobody_says_is_a_placeholder_and_staging_has_nothing_of_production() -> None:
    production, staging = found(TWO_APPS), found(TWO_APPS, environment="staging")
    assert "FILL_IN" in production["store"]
    assert "FILL_IN" in production["backend_project"]
    for name in ("frontend_url", "backend_url", "frontend_project"):
        assert "FILL_IN" not in production[name]
        assert "FILL_IN" in staging[name]
    assert production["store"].endswith("/production")
    assert "STAGING_DATABASE_URL" in staging["database_url"]
    assert "env', 'DATABASE_URL'" not in str(production), "on many machines it is a development database"


def test_what_the_vendors_say_comes_first() -> None:
    answers = Answers(
        project="prj_9",
        team="team_9",
        inside="apps/frontend",
        frontend_url="https://www.acme.shop",
        backend_project="p",
        environments={"production": "e1", "staging": "e2"},
        token_type="project",
        units={"api": Unit("s1", "apps/backend"), "worker": Unit("s2")},
        backend_url="https://api.acme.shop",
        zone="acme.shop",
    )
    production, staging = found(TWO_APPS, answers), found(TWO_APPS, answers, "staging")
    assert production["surfaces"] == ["database", "backend", "frontend", "edge"]
    assert production["backend_units"][0] == {"name": "api", "kind": "web", "service": "s1"}, (
        "Railway builds the folder"
    )
    assert production["backend_units"][1]["root_directory"] == "apps/backend"
    assert "frontend_root_directory" not in production, "Vercel builds the folder itself"
    assert (production["edge_zone"], production["edge_purge"]) == ("acme.shop", {"hosts": ["www.acme.shop"]})
    assert (production["backend_environment"], staging["backend_environment"]) == ("e1", "e2")
    assert staging["backend_units"][0]["service"] == "s1"


@pytest.mark.parametrize(
    ("package", "root", "inside", "sent"),
    [
        ("apps/web", "", "apps/web", ""),
        ("apps/web", "apps/web", "", "apps/web"),
        ("apps/web", "apps/web", "apps/web", ""),
        ("apps/web", "apps", "web", "apps"),
        ("apps/web", "", "elsewhere", ""),
        ("", "", "", ""),
    ],
)
def test_the_folder_that_is_sent_has_the_one_that_the_vendor_builds(
    package: str, root: str, inside: str, sent: str
) -> None:
    assert folder_sent(package, root, inside) == sent


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("https://acme.shop", True),
        ("https://api.acme.co.uk/v1", True),
        ("http://acme.shop", False),
        ("https://localhost:3000", False),
        ("https://127.0.0.1", False),
        ("https://shop.example.com", False),
        ("https://shop.example", False),
        ("https://user:pw@acme.shop", False),
        ("https://[", False),
        ("", False),
    ],
)
def test_an_example_or_this_machine_is_no_public_address(url: str, public: bool) -> None:
    assert is_public(url) == public


@pytest.mark.parametrize(
    ("shop", "words"),
    [
        ({"package.json": web()}, ["package.json has no lockfile", "npm, pnpm or yarn"]),
        (
            {**SINGLE, "admin/package.json": web("admin"), "admin/package-lock.json": NPM},
            ["two frontends", "admin/package.json", "frontend.package=."],
        ),
        (
            {**SINGLE, **{f"{one}/{file}": text for one in "ab" for file, text in SINGLE.items()}},
            ["3 frontends", "a/package.json and b/package.json"],
        ),
        ({**API_ONLY, "render.yaml": "services: 5"}, ["render.yaml: services is not a list"]),
        (
            {**API_ONLY, "render.yaml": "services: [{type: web, name: orders, envVars: yes}]"},
            ["render.yaml: envVars is not a list"],
        ),
        (
            {**TURBO, "packages/db/prisma.config.ts": "export default {\n  schema: 'db/schema.prisma',\n}"},
            ["packages/db/prisma.config.ts", "packages/db/db/schema.prisma", "not in the repository"],
        ),
        (
            {**SINGLE, "package.json": api(dependencies={"fastify": "^5", "prisma": "6"})},
            ["package.json depends on prisma", "no schema"],
        ),
        (
            {**NO_REDIS, "package.json": api(dependencies={"prisma": "6"}), "prisma/schema.prisma": ""},
            ["package.json depends on prisma", "no schema (*.prisma) with a datasource"],
        ),
        ({"package.json": "{", "package-lock.json": NPM}, ["package.json is not valid JSON"]),
        ({**SINGLE, ".vercel/project.json": "[]"}, [".vercel/project.json", "JSON mapping"]),
        ({"readme.md": ""}, ["no package.json", "top of the shop's repository"]),
    ],
)
def test_files_that_leave_something_open_are_refused_with_the_remedy(shop: dict[str, str], words: list[str]) -> None:
    with pytest.raises(ConfigError) as refused:
        read_facts(Tree.of(shop))
    for word in words:
        assert word in str(refused.value)


def test_the_version_is_that_of_the_collection() -> None:
    assert yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"] == VERSION


def test_every_way_in_installs_an_ansible_core_that_is_supported() -> None:
    [supported] = re.findall(r"^(ansible-core\S+)", (ROOT / "requirements-dev.txt").read_text(), re.MULTILINE)
    pages = [README, WORKFLOW]
    pages += [
        (ROOT / page).read_text() for page in (".github/workflows/storefront-deploy.yml", "docs/guides/first-deploy.md")
    ]
    for page in pages:
        assert f'pip install "{supported}"' in page


# The module


def shop_in(folder: Path, shop: dict[str, str]) -> Path:
    for path, text in shop.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


@pytest.fixture(autouse=True)
def no_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RAILWAY_TOKEN", "RAILWAY_API_TOKEN", "RENDER_API_KEY", "VERCEL_TOKEN", "CLOUDFLARE_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def write(tmp_path: Path, shop: dict[str, str] = TWO_APPS, *, check: bool = False, **params: Any) -> dict[str, Any]:
    app = tmp_path / "shop"
    if not app.exists():
        shop_in(app, shop)
    given = {"app": str(app), "dest": str(tmp_path / "ops"), "spec": SPEC, **params}
    return run_module(operations_project, given, check=check)


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_project_is_written_once(tmp_path: Path) -> None:
    predicted = write(tmp_path, check=True)
    assert predicted["changed"]
    assert not (tmp_path / "ops").exists()
    result = write(tmp_path)
    assert result["changed"]
    assert set(result["files"]) == set(predicted["files"]) == names(tmp_path / "ops")
    assert {"deploy.yml", "production/hosts.yml", "ansible.cfg", "README.md"} <= set(result["files"])
    assert "store" in result["placeholders"]["production"]
    assert result["secrets"] == ["vault_vercel_token", "vault_railway_token", "vault_database_url"]
    again = write(tmp_path)
    assert not again["changed"]
    assert set(again["files"].values()) == {"same"}
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".")] == [], "no draft is left"


def test_a_rerun_shows_what_would_differ_and_overwrites_nothing(tmp_path: Path) -> None:
    write(tmp_path)
    mine = tmp_path / "ops/production/group_vars/storefronts/vars.yml"
    mine.write_text(mine.read_text().replace("store: s3://FILL_IN_bucket", "store: s3://acme"))
    (tmp_path / "ops/rollback.yml").unlink()
    before = {path: path.read_text() for path in (tmp_path / "ops").rglob("*") if path.is_file()}
    result = write(tmp_path)
    assert not result["changed"]
    assert result["files"]["production/group_vars/storefronts/vars.yml"] == "differs"
    assert result["files"]["rollback.yml"] == "missing"
    assert "-store: s3://acme" in result["differences"]
    assert "+store: s3://FILL_IN_bucket" in result["differences"]
    assert "rollback.yml is missing" in result["lines"]
    assert {path: path.read_text() for path in (tmp_path / "ops").rglob("*") if path.is_file()} == before


def test_an_empty_folder_and_an_empty_repository_are_filled(tmp_path: Path) -> None:
    (tmp_path / "ops/.git").mkdir(parents=True)
    result = write(tmp_path)
    assert set(result["files"]) == names(tmp_path / "ops")
    (tmp_path / "other").mkdir()
    assert write(tmp_path, dest=str(tmp_path / "other"))["changed"]


def test_a_folder_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for dest in ("file/ops", "file/deep/ops"):
        message = write(tmp_path, dest=str(tmp_path / dest))["msg"]
        assert f"{tmp_path / 'file'} is a file" in message
        assert message.endswith(" Nothing was written.")


def test_a_folder_with_anything_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ops").mkdir()
    (tmp_path / "ops/ansible.cfg").write_text("[defaults]\n")
    result = write(tmp_path)
    assert result["failed"]
    assert "is not empty (ansible.cfg)" in result["msg"]
    assert "Give dest the path of a new folder" in result["msg"]
    assert names(tmp_path / "ops") == {"ansible.cfg"}
    (tmp_path / "file").write_text("")
    assert "is a file" in (refused := write(tmp_path, dest=str(tmp_path / "file"))["msg"])
    assert refused.endswith(" Nothing was written.")


def test_a_shop_that_is_refused_leaves_nothing_behind(tmp_path: Path) -> None:
    assert "There is no folder" in write(tmp_path, app=str(tmp_path / "nowhere"))["msg"]
    assert "UNIT.SETTING=VALUE" in write(tmp_path, parts=["frontend"])["msg"]
    (tmp_path / "shop/apps/frontend/package-lock.json").unlink()
    assert "has no lockfile" in write(tmp_path)["msg"]
    assert not (tmp_path / "ops").exists()


def test_an_operator_chooses_between_two_frontends(tmp_path: Path) -> None:
    shop = {**SINGLE, "admin/package.json": web("admin"), "admin/package-lock.json": NPM}
    assert write(tmp_path, shop)["msg"].endswith(
        "frontend.package=., for example. Give such a setting as -e parts=PART.SETTING=VALUE. Nothing was written."
    )
    result = write(tmp_path, shop, parts=["frontend.package=admin"], storefront="Acme Admin")
    assert result["storefront"] == "acme-admin"
    assert "frontend_root_directory: admin" in (tmp_path / "ops/production/group_vars/storefronts/vars.yml").read_text()


def vendors(request: Request) -> Any:
    """Vercel, Railway and Cloudflare in a few answers."""
    if request.host == "vercel.test":
        if "other" in request.headers["Authorization"]:
            return reply(404, {"error": {"code": "not_found", "message": "Project not found"}})
        if request.path.endswith("/domains"):
            names = ["acme-shop.vercel.app", "www.acme.shop", "acme.shop"]
            return reply(200, {"domains": [{"name": name, "verified": True} for name in names]})
        return reply(200, {"id": "prj_1", "name": "acme-shop", "rootDirectory": None})
    if request.host == "cloudflare.test":
        zones = [{"id": "z", "name": "acme.shop", "status": "active"}] if request.query["name"] == "acme.shop" else []
        return reply(200, {"success": True, "errors": [], "result": zones})
    query = request.json()["query"]
    if "projectToken" in query:
        return reply(200, {"data": {"projectToken": {"projectId": "p1", "environmentId": "e1"}}})
    if "serviceInstance" in query:
        web = request.json()["variables"]["serviceId"] == "s1"
        custom = [{"domain": "api.acme.shop"}] if web else []
        domains = {"customDomains": custom, "serviceDomains": [{"domain": "api-production.up.railway.app"}]}
        return reply(200, {"data": {"serviceInstance": {"rootDirectory": "/apps/backend", "domains": domains}}})
    nodes: dict[str, list[tuple[str, str]]] = {
        "environments": [("e1", "production"), ("e2", "staging")],
        "services": [("s1", "shop-api"), ("s2", "shop-worker"), ("s3", "shop-api-staging"), ("r", "Redis")],
    }
    project: dict[str, Any] = {
        kind: {"edges": [{"node": {"id": key, "name": name}} for key, name in pairs]} for kind, pairs in nodes.items()
    }
    return reply(200, {"data": {"project": {"name": "acme", **project}}})


TOKENS: dict[str, Any] = {
    **{"frontend_token": "vercel-sesame", "backend_token": "railway-sesame", "edge_token": "cloudflare-sesame"},
    **{"frontend_api_url": "https://vercel.test", "backend_api_url": "https://railway.test"},
    "edge_api_url": "https://cloudflare.test",
}


def test_with_tokens_the_vendors_are_asked_and_nothing_but_read(tmp_path: Path) -> None:
    vendor = FakeVendor(vendors)
    with vendor.installed():
        result = write(tmp_path, **TOKENS)
    assert result["asked"] == ["Vercel (acme-shop)", "Railway (acme)", "Cloudflare (acme.shop)"]
    inventory = yaml.safe_load((tmp_path / "ops/production/group_vars/storefronts/vars.yml").read_text())
    assert (inventory["frontend_url"], inventory["backend_url"]) == ("https://acme.shop", "https://api.acme.shop")
    assert (inventory["backend_project"], inventory["backend_environment"]) == ("p1", "e1")
    assert [unit["service"] for unit in inventory["backend_units"]] == ["s1", "s2"]
    assert inventory["edge_zone"] == "acme.shop"
    assert result["placeholders"]["production"] == ["store", "database_backup_recipients"]
    assert {request.method for request in vendor.requests} <= {"GET", "POST"}
    assert not any("mutation" in request.body.decode() for request in vendor.requests if request.method == "POST")
    assert "sesame" not in json.dumps(result) + "".join(
        path.read_text() for path in (tmp_path / "ops").rglob("*") if path.is_file()
    )


@pytest.mark.parametrize(
    ("wrong", "words", "variable"),
    [
        ({"frontend_token": "other-sesame"}, "a token that belongs to the project's team", "VERCEL_TOKEN"),
        ({"backend_environment": "produktion"}, "it has production, staging", "backend_environment"),
        ({"edge_zone": "acme.example"}, "Cloudflare has no zone 'acme.example'", "edge_zone"),
    ],
)
def test_what_a_vendor_does_not_have_is_refused_with_the_variables_of_init(
    tmp_path: Path, wrong: dict[str, str], words: str, variable: str
) -> None:
    with FakeVendor(vendors).installed():
        result = write(tmp_path, **{**TOKENS, **wrong})
    assert result["failed"]
    assert words in result["msg"]
    assert variable in result["msg"].partition("init asked with ")[2]
    assert result["msg"].endswith(" Nothing was written.")
    assert "sesame" not in json.dumps(result)
    assert not (tmp_path / "ops").exists()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave no time for a second try, whose pause is at least 0.25 s."""
    monkeypatch.setattr(asking, "TIMEOUT", 0.2)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("host", "answer", "words", "open_ones"),
    [
        (
            "vercel.test",
            requests.ConnectTimeout("slow"),
            "No answer from Vercel",
            [],
        ),
        (
            "railway.test",
            requests.ReadTimeout("slow"),
            "No answer from Railway",
            ["backend_environment", "backend_project", "backend_units"],
        ),
        ("cloudflare.test", reply(503, {"success": False, "errors": []}), "Cloudflare answered", []),
    ],
)
def test_a_vendor_that_does_not_answer_is_named_and_the_project_is_written(
    tmp_path: Path, host: str, answer: Any, words: str, open_ones: list[str]
) -> None:
    vendor = FakeVendor(lambda request: answer if request.host == host else vendors(request))
    with vendor.installed():
        result = write(tmp_path, **TOKENS)
    assert not result.get("failed"), result["msg"]
    assert (tmp_path / "ops/deploy.yml").exists()
    [problem] = result["not_asked"]
    assert words in problem
    assert "sesame" not in json.dumps(result)
    assert any(line.startswith(f"could not be asked, so fill in what it knows: {words}") for line in result["lines"])
    assert len(result["asked"]) == 2
    left = {"store", "database_backup_recipients"}
    assert sorted({*result["placeholders"]["production"]} - left) == open_ones
    if host != "cloudflare.test":
        assert f"{'frontend' if host == 'vercel.test' else 'backend'}_api_url" in problem
    assert [request.host for request in vendor.requests].count(host) == 1, "the deadline is that of one answer"


@pytest.mark.usefixtures("impatient")
def test_what_the_operator_says_stays_where_the_vendor_does_not_answer(tmp_path: Path) -> None:
    said = {"frontend_project": "prj_9", "backend_project": "p9", "backend_environment": "e9", "edge_zone": "acme.shop"}
    with FakeVendor(lambda _request: requests.ConnectionError("down")).installed():
        result = write(tmp_path, **{**TOKENS, **said})
    inventory = yaml.safe_load((tmp_path / "ops/production/group_vars/storefronts/vars.yml").read_text())
    assert {name: inventory[name] for name in said} == said
    assert "edge" in inventory["surfaces"]
    assert len(result["not_asked"]) == 3


def test_a_token_of_an_account_needs_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAILWAY_API_TOKEN", "account-sesame")
    where: dict[str, Any] = {"backend_api_url": "https://railway.test"}
    with FakeVendor(vendors).installed():
        assert "-e backend_project=<id>" in write(tmp_path, **where)["msg"]
        assert not (tmp_path / "ops").exists()
        result = write(tmp_path, **where, backend_project="p1")
    assert result["asked"] == ["Railway (acme)"]
    text = (tmp_path / "ops/production/group_vars/storefronts/vars.yml").read_text()
    assert "backend_token_type: account" in text


def test_a_project_inside_of_the_shop_is_refused(tmp_path: Path) -> None:
    refused = write(tmp_path, dest=str(tmp_path / "shop/ops"))
    assert refused["error"]["code"] == "inside_app"
    assert f"such as {tmp_path / 'shop-ops'}" in refused["msg"]
    assert not (tmp_path / "shop/ops").exists()


def test_a_link_that_leads_out_of_the_shop_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path, check=True)
    secret = tmp_path / "elsewhere.json"
    secret.write_text('{"name": "a-secret"}')
    linked = tmp_path / "shop/apps/frontend/vercel.json"
    linked.symlink_to(secret)
    refused = write(tmp_path, {})
    assert "apps/frontend/vercel.json is a link that leads out of the shop's folder" in refused["msg"]
    assert "a-secret" not in refused["msg"]
    assert not (tmp_path / "ops").exists()
    linked.unlink()
    linked.symlink_to(tmp_path / "shop/apps/frontend/package.json")
    assert write(tmp_path, {})["changed"], "a link within the shop is"


def test_files_of_windows_say_the_same() -> None:
    def marked(text: str) -> str:
        return text.replace("\n", "\r\n")

    plain = read_facts(Tree.of(TWO_APPS), folder="shop")
    assert read_facts(Tree.of({path: marked(text) for path, text in TWO_APPS.items()}), folder="shop") == plain


def test_the_mark_that_editors_of_windows_write_is_left_out(tmp_path: Path) -> None:
    for path, text in TWO_APPS.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8-sig")
    assert read_facts(Tree.of_folder(tmp_path), folder="shop") == read_facts(Tree.of(TWO_APPS), folder="shop")


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("apps/frontend/vercel.json", "{,}", "apps/frontend/vercel.json is not valid JSON"),
        ("apps/backend/railway.toml", "deploy = [", "apps/backend/railway.toml is not valid TOML"),
        ("apps/frontend/package.json", "[" * 100_000, "apps/frontend/package.json is not valid JSON"),
    ],
)
def test_a_file_that_is_broken_is_named(tmp_path: Path, file: str, text: str, words: str) -> None:
    refused = write(tmp_path, {**TWO_APPS, file: text})
    assert words in refused["msg"]
    assert "Correct the file." in refused["msg"]
    assert not (tmp_path / "ops").exists()


@pytest.mark.parametrize(("name", "called"), [("all", "all-shop"), ("x" * 300, "x" * 63), ("Acme Shop!", "acme-shop")])
def test_a_name_fits_ansible(name: str, called: str) -> None:
    assert read_facts(Tree.of(SINGLE), name=name).name == called


PYTHON_API = {
    "render.yaml": "services: [{type: web, name: orders, runtime: python, rootDir: api, healthCheckPath: /up}]",
    "api/requirements.txt": "fastapi",
}
GO_BESIDE_NODE = {
    **PNPM_WORKSPACE,
    "services/search/railway.json": '{"build": {"buildCommand": "go build"}, "deploy": {"startCommand": "./search"}}',
    "services/search/go.mod": "module search",
}
IMAGE = {"render.yaml": "services: [{type: web, name: cms, runtime: image, image: {url: docker.io/acme/cms}}]"}
# What the platform can run and only the sandbox cannot: the shop, what the sandbox cannot run, and the units.
BEYOND_THE_SANDBOX = {
    "a Dockerfile at Railway": (
        {**NO_REDIS, "railway.json": '{"build": {"builder": "DOCKERFILE"}, "deploy": {"healthcheckPath": "/up"}}'},
        ["api"],
        ["api"],
    ),
    "a Dockerfile without a lockfile": (
        {"package.json": api(), "railway.toml": '[build]\nbuilder = "dockerfile"\n', "Dockerfile": "FROM node"},
        ["api"],
        ["api"],
    ),
    "a Dockerfile and nothing else": ({"Dockerfile": "FROM scratch"}, ["api"], ["api"]),
    "Python at Render": (PYTHON_API, ["orders"], ["orders"]),
    "Docker at Render": (
        {**API_ONLY, "render.yaml": "services: [{type: web, name: a, runtime: docker}, {type: worker, name: b}]"},
        ["a"],
        ["a", "b"],
    ),
    "an image at Render": (IMAGE, ["cms"], ["cms"]),
    "Go beside Node at Railway": (GO_BESIDE_NODE, ["search"], ["api", "search"]),
    "Python at Railway": (
        {"railway.json": '{"build": {"builder": "RAILPACK", "buildCommand": "pip install ."}}', "pyproject.toml": ""},
        ["api"],
        ["api"],
    ),
    "a lockfile of bun": ({"package.json": api(), "bun.lock": "{}"}, ["bun.lock"], ["api"]),
    "a workspace of bun": (
        {
            "package.json": package("top", workspaces=["apps/*"], packageManager="bun@1.3.0"),
            "bun.lock": "{}",
            "package-lock.json": NPM,
            "apps/api/package.json": api(),
        },
        ["bun.lock"],
        ["api"],
    ),
    "a site of Nuxt": (
        {**TWO_APPS, "apps/frontend/package.json": package("web", dependencies={"nuxt": "4"})},
        ["frontend"],
        ["api", "worker"],
    ),
}


@pytest.mark.parametrize("shape", BEYOND_THE_SANDBOX)
def test_a_project_is_written_for_what_only_the_sandbox_cannot_run(shape: str, tmp_path: Path) -> None:
    shop, beyond, units = BEYOND_THE_SANDBOX[shape]
    written = write(tmp_path, shop)
    for environment in ("production", "staging"):
        inventory = yaml.safe_load((tmp_path / f"ops/{environment}/group_vars/storefronts/vars.yml").read_text())
        assert sorted(unit["name"] for unit in inventory["backend_units"]) == units
    named = [line.split(":")[0] for line in written["lines"] if line.startswith("the sandbox")]
    assert named == [f"the sandbox cannot run {name}" for name in beyond]


def test_a_project_runs_with_the_settings_that_are_tested_here():
    ours, theirs = configparser.ConfigParser(interpolation=None), configparser.ConfigParser(interpolation=None)
    ours.read(ROOT / "ansible.cfg")
    theirs.read_string(ANSIBLE_CFG)
    differ = {
        (section, option)
        for section in theirs.sections()
        for option, value in theirs[section].items()
        if ours.get(section, option, fallback=None) != value
    }
    assert differ == {("defaults", "collections_path")}
