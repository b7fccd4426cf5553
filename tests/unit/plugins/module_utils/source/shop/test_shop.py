# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A shop's own files say how it is built and run; what they leave open is refused with the file and the remedy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.source.shop.downloads import downloads
from ansible_collections.storefront.runbook.plugins.module_utils.source.shop.packages import read_packages
from ansible_collections.storefront.runbook.plugins.module_utils.source.shop.scripts import script_of
from ansible_collections.storefront.runbook.plugins.module_utils.source.shop.shop import (
    Shop,
    read_shop,
    refuse_obstacles,
)
from ansible_collections.storefront.runbook.plugins.module_utils.source.shop.tree import Tree

EXAMPLE = Path(__file__).parents[6] / "sandbox" / "shop"
NPM, PNPM, YARN = '{"lockfileVersion": 3}', "lockfileVersion: '9.0'\n", "# yarn lockfile v1\n"
BERRY = "__metadata:\n  version: 8\n"
SCHEMA = 'datasource db {\n  url = env("POSTGRES_URL")\n}\ngenerator client {\n  engineType = "client"\n}\n'


def package(name: str = "shop", **fields: Any) -> str:
    return json.dumps({"name": name, **fields})


def api(**fields: Any) -> str:
    return package(
        fields.pop("name", "api"),
        **{"scripts": {"start": "node server.js"}, "dependencies": {"fastify": "^5"}, **fields},
    )


def web(**fields: Any) -> str:
    return package(
        fields.pop("name", "web"), **{"scripts": {"build": "next build"}, "dependencies": {"next": "16.4.5"}, **fields}
    )


def shop(files: dict[str, str], *platform: str, **settings: dict[str, str]) -> Shop:
    return read_shop(Tree.of(files), *platform, settings=settings)


API_ONLY = {"package.json": api(), "package-lock.json": NPM}
WORKSPACE = {
    "package.json": package(private=True, scripts={"start": "turbo run start"}),
    "pnpm-workspace.yaml": "packages: ['apps/*', 'packages/*']\n",
    "pnpm-lock.yaml": PNPM,
    "apps/api/package.json": api(name="@shop/api", dependencies={"fastify": "^5", "@shop/db": "workspace:*"}),
    "apps/web/package.json": web(name="@shop/web"),
    "packages/db/package.json": package(
        "@shop/db", scripts={"build": "prisma generate"}, dependencies={"@prisma/client": "6.19.3"}
    ),
    "packages/db/prisma/schema.prisma": SCHEMA,
    "packages/db/prisma/migrations/migration_lock.toml": 'provider = "postgresql"',
}
NPM_WORKSPACE = {
    **{path: text for path, text in WORKSPACE.items() if not path.startswith("pnpm")},
    "package.json": package(private=True, workspaces=["apps/*", "packages/*"]),
    "package-lock.json": NPM,
}


def test_the_example_shop_is_run_as_the_sandbox_always_ran_it() -> None:
    found = read_shop(Tree.of_folder(EXAMPLE))
    assert [(unit.name, unit.kind, unit.root, unit.start, unit.health) for unit in found.units] == [
        ("api", "web", "apps/backend", "npm start", "/health"),
        ("worker", "worker", "apps/backend", "npm run worker", ""),
    ]
    assert found.frontend and (found.frontend.root, found.frontend.output) == ("apps/frontend", "out")
    assert found.database and (found.database.root, found.database.migrations) == ("apps/backend", "prisma/migrations")
    assert found.redis
    assert found.surfaces == ["database", "backend", "frontend"]


def test_an_api_alone_has_one_surface() -> None:
    found = shop(API_ONLY)
    assert found.surfaces == ["backend"]
    assert (found.redis, found.units[0].name, found.units[0].root, found.units[0].build) == (False, "api", "", "")


def test_a_site_alone_has_one_surface() -> None:
    assert shop({"package.json": web(), "yarn.lock": YARN}).surfaces == ["frontend"]


@pytest.mark.parametrize(
    ("files", "start", "build", "site"),
    [
        (
            WORKSPACE,
            "pnpm --filter @shop/api run start",
            "pnpm --filter @shop/db run build",
            "cd ../.. && pnpm --filter @shop/web run build",
        ),
        (
            NPM_WORKSPACE,
            "npm run start --workspace apps/api",
            "npm run build --workspace packages/db",
            "cd ../.. && npm run build --workspace apps/web",
        ),
        (
            {**{path: text for path, text in NPM_WORKSPACE.items() if path != "package-lock.json"}, "yarn.lock": BERRY},
            "yarn workspace @shop/api run start",
            "yarn workspace @shop/db run build",
            "cd ../.. && yarn workspace @shop/web run build",
        ),
    ],
    ids=["pnpm", "npm", "yarn"],
)
def test_a_workspace_is_installed_at_its_top_and_builds_what_a_package_needs_first(
    files: dict[str, str], start: str, build: str, site: str
) -> None:
    found = shop(files)
    assert [(unit.root, unit.package, unit.start, unit.build) for unit in found.units] == [
        ("", "apps/api", start, build)
    ]
    assert found.frontend and (
        found.frontend.root,
        found.frontend.package,
        found.frontend.build,
        found.frontend.output,
    ) == ("", "apps/web", site, "")
    assert found.database and (found.database.root, found.database.variables) == (
        "packages/db",
        ("DATABASE_URL", "POSTGRES_URL"),
    )


def test_a_turborepo_builds_with_turbo() -> None:
    files = {
        **NPM_WORKSPACE,
        "turbo.json": "{}",
        "apps/api/package.json": api(name="@shop/api", scripts={"start": "node .", "build": "tsc"}),
    }
    found = shop(files)
    assert found.units[0].build == "npx turbo run build --filter=@shop/api"
    assert found.frontend and found.frontend.build == "cd ../.. && npx turbo run build --filter=@shop/web"


@pytest.mark.parametrize(
    ("lockfile", "text", "field", "version"),
    [
        ("pnpm-lock.yaml", "lockfileVersion: '9.0'\n", None, "10.34.8"),
        ("pnpm-lock.yaml", "lockfileVersion: '6.0'\n", None, "8.15.9"),
        ("pnpm-lock.yaml", "lockfileVersion: 5.4\n", None, "7.33.7"),
        ("pnpm-lock.yaml", "lockfileVersion: '9.0'\n", "pnpm@9.1.0+sha512.abc", "9.1.0"),
        ("yarn.lock", YARN, None, "1.22.22"),
        ("yarn.lock", "# comment\n\n__metadata:\n  version: 6\n  cacheKey: 8\n", None, "3.8.6"),
        ("yarn.lock", BERRY, "yarn@4.5.0", "4.5.0"),
        ("package-lock.json", NPM, "npm@10.0.0", ""),
    ],
)
def test_the_package_manager_is_the_one_that_wrote_the_lockfile(
    lockfile: str, text: str, field: str | None, version: str
) -> None:
    found = shop({"package.json": api(**({"packageManager": field} if field else {})), lockfile: text})
    assert [manager.version for manager in found.managers] == [version]


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("output: 'export'", "out"),
        ('"output": "export"', "out"),
        ("// output: 'export'", ""),
        ("output: 'standalone'", ""),
    ],
)
def test_next_is_exported_only_where_its_configuration_says_so(text: str, output: str) -> None:
    found = shop(
        {
            "package.json": web(),
            "package-lock.json": NPM,
            "next.config.mjs": f"export default {{ {text} }};\n" if "//" not in text else text,
        }
    )
    assert found.frontend and found.frontend.output == output


@pytest.mark.parametrize(
    ("fields", "folder"),
    [({"dependencies": {"astro": "5"}}, "dist"), ({"dependencies": {"react-scripts": "5"}}, "build")],
)
def test_a_static_site_of_another_framework_is_served_from_its_output(fields: dict[str, Any], folder: str) -> None:
    found = shop({"package.json": web(**fields), "package-lock.json": NPM})
    assert found.frontend and found.frontend.output == folder


def test_vercel_json_goes_before_what_the_framework_does() -> None:
    found = shop(
        {
            "package.json": web(),
            "package-lock.json": NPM,
            "vercel.json": '{"buildCommand": "make site", "outputDirectory": "site"}',
        }
    )
    assert found.frontend and (found.frontend.build, found.frontend.output) == ("make site", "site")


def test_railway_json_says_how_the_unit_beside_it_runs() -> None:
    config = {
        "build": {"buildCommand": "npm run compile"},
        "deploy": {"startCommand": "node dist", "healthcheckPath": "/api/healthz", "preDeployCommand": ["a", "b"]},
    }
    unit = shop({**API_ONLY, "railway.json": json.dumps(config)}).units[0]
    assert (unit.name, unit.build, unit.start, unit.health, unit.pre_deploy) == (
        "api",
        "npm run compile",
        "node dist",
        "/api/healthz",
        "a && b",
    )


def test_railway_toml_is_read_too_and_a_name_in_it_makes_another_unit() -> None:
    files = {
        **API_ONLY,
        "railway.api.toml": '[deploy]\nhealthcheckPath = "/up"\n',
        "railway.worker.toml": '[deploy]\nstartCommand = "node worker.js"\n',
    }
    assert [(unit.name, unit.kind, unit.start, unit.health) for unit in shop(files).units] == [
        ("api", "web", "npm start", "/up"),
        ("worker", "worker", "node worker.js", ""),
    ]


RENDER = """
services:
  - {type: redis, name: cache}
  - {type: web, name: shop-api, rootDir: apps/api, buildCommand: npm run b, startCommand: node s.js, healthCheckPath: /up, envVars: [{key: LEVEL, value: info}]}
  - {type: worker, name: mailer, rootDir: apps/api, startCommand: node mail.js}
  - {type: web, name: site, runtime: static, rootDir: apps/web}
"""  # noqa: E501


def test_render_yaml_says_which_services_there_are() -> None:
    files = {"render.yaml": RENDER, "apps/api/package.json": api(), "apps/api/package-lock.json": NPM}
    api_unit, mailer = shop(files, "render").units
    assert (api_unit.name, api_unit.build, api_unit.start, api_unit.health, api_unit.variables) == (
        "shop-api",
        "npm run b",
        "node s.js",
        "/up",
        {"LEVEL": "info"},
    )
    assert (mailer.name, mailer.kind, mailer.root, mailer.start) == ("mailer", "worker", "apps/api", "node mail.js")


def test_the_other_platforms_file_is_read_where_this_one_has_none() -> None:
    files = {"render.yaml": RENDER, "apps/api/package.json": api(), "apps/api/package-lock.json": NPM}
    assert [unit.name for unit in shop(files, "railway").units] == ["shop-api", "mailer"]


def test_the_port_is_given_in_the_variable_that_the_example_has_for_it() -> None:
    assert shop({**API_ONLY, ".env.example": "DB_PORT=5432\nAPI_PORT=4000 # ours\n"}).units[0].port == "API_PORT"
    assert shop({**API_ONLY, ".env.example": "PORT=1\nMETRICS_PORT=2\nAPI_PORT=4000\n"}).units[0].port == "PORT"


def test_an_operators_settings_go_before_everything() -> None:
    unit = shop(
        API_ONLY,
        api={"start": "node x.js", "health": "/x", "port": "HTTP_PORT", "build": "make", "root": ".", "kind": "web"},
    ).units[0]
    assert (unit.start, unit.health, unit.port, unit.build, unit.root) == ("node x.js", "/x", "HTTP_PORT", "make", "")


def test_an_operator_adds_a_unit() -> None:
    assert [
        unit.name for unit in shop(API_ONLY, mailer={"package": ".", "start": "node mail.js", "kind": "worker"}).units
    ] == ["api", "mailer"]


def test_an_operator_leaves_the_site_and_the_database_out() -> None:
    found = shop(WORKSPACE, frontend={"package": "none"}, database={"root": "none"})
    assert found.surfaces == ["backend"]


def test_a_broken_link_is_not_a_file_of_the_shop(tmp_path: Path) -> None:
    (tmp_path / "package.json").symlink_to("missing.json")
    assert Tree.of_folder(tmp_path).paths == frozenset()


def without(path: str, files: dict[str, str]) -> dict[str, str]:
    return {name: text for name, text in files.items() if name != path}


@pytest.mark.parametrize(
    ("files", "settings", "file", "remedy"),
    [
        ({"README.md": ""}, {}, "package.json", "Give the top"),
        ({"Dockerfile": "FROM node"}, {}, "Dockerfile", "Give a shop with a package.json"),
        ({"package.json": api(scripts={"start": " "}), "package-lock.json": NPM}, {}, "package.json", "Add the script"),
        (without("package-lock.json", API_ONLY), {}, "package.json", "commit the lockfile"),
        (without("pnpm-lock.yaml", WORKSPACE), {}, "apps/web/package.json", "commit the lockfile"),
        ({**API_ONLY, "yarn.lock": YARN}, {}, "package-lock.json", "Remove one"),
        ({**without("package-lock.json", API_ONLY), "bun.lockb": ""}, {}, "bun.lockb", "Use npm, pnpm or yarn"),
        (
            {**API_ONLY, "package.json": api(packageManager="pnpm@9.1.0")},
            {},
            "package.json",
            "Commit the lockfile of pnpm",
        ),
        ({**API_ONLY, "package.json": api(packageManager="pnpm")}, {}, "package.json", "pnpm@10"),
        ({"package.json": api(), "pnpm-lock.yaml": "lockfileVersion: '12.0'"}, {}, "pnpm-lock.yaml", "packageManager"),
        (
            {**WORKSPACE, "apps/admin/package.json": web(name="admin")},
            {},
            "apps/admin/package.json",
            "frontend.package=",
        ),
        (
            {"package.json": web(dependencies={"nuxt": "3"}), "package-lock.json": NPM},
            {},
            "package.json",
            "frontend.package=none",
        ),
        ({"package.json": api(scripts={}), "package-lock.json": NPM}, {}, "package.json", "api.start="),
        ({"package.json": package(), "package-lock.json": NPM}, {}, "package.json", "frontend.output="),
        ({**API_ONLY, "package.json": "{"}, {}, "package.json", "Correct the file"),
        ({**API_ONLY, "railway.json": "[]"}, {}, "railway.json", "Correct the file"),
        ({**API_ONLY, "railway.toml": "a = "}, {}, "railway.toml", "Correct the file"),
        ({**API_ONLY, "render.yaml": "a: [b"}, {}, "render.yaml", "Correct the file"),
        (
            {**API_ONLY, "render.yaml": "services: [{type: web, name: a, runtime: go}]"},
            {},
            "render.yaml",
            "set its runtime to node",
        ),
        ({**API_ONLY, "railway.json": '{"build": {"builder": "DOCKERFILE"}}'}, {}, "railway.json", "buildCommand"),
        ({**API_ONLY, "prisma/schema.prisma": SCHEMA}, {}, "prisma/schema.prisma", "database.root=none"),
        (
            {**API_ONLY, "prisma/migrations/migration_lock.toml": 'provider = "mysql"'},
            {},
            "migration_lock.toml",
            "postgresql",
        ),
        (API_ONLY, {"frontend": {"package": "apps/none"}}, "apps/none/package.json", "Correct"),
        (API_ONLY, {"mail": {"start": "node m.js"}}, "mail", "mail.package="),
        (API_ONLY, {"api": {"command": "x"}}, "command", "start"),
        (API_ONLY, {"api": {"health": "up"}}, "up", "leading slash"),
        (API_ONLY, {"api": {"kind": "job"}}, "job", "worker"),
        (API_ONLY, {"api": {"port": "API-PORT"}}, "API-PORT", "name of the variable"),
        ({**API_ONLY, "package.json": api(packageManager="bun@1.2.0")}, {}, "package.json", "Use npm, pnpm or yarn"),
        ({**API_ONLY, "package.json": api(workspaces="apps/*")}, {}, "package.json", "[apps/*"),
        ({**WORKSPACE, "pnpm-workspace.yaml": "packages: apps/*"}, {}, "pnpm-workspace.yaml", "[apps/*"),
        ({**API_ONLY, "render.yaml": "services: [web]"}, {}, "render.yaml", "Correct the file"),
        ({**API_ONLY, "render.yaml": "services: [{type: web, name: frontend}]"}, {}, "frontend", "another name"),
        (API_ONLY, {"database": {"root": "db"}}, "db", "database.root"),
    ],
)
def test_what_is_unknown_or_cannot_run_is_refused_with_the_file_and_the_remedy(
    files: dict[str, str], settings: dict[str, dict[str, str]], file: str, remedy: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        refuse_obstacles(shop(files, **settings))
    assert file in str(refused.value)
    assert remedy in str(refused.value)


NEXT_WITH_FONTS = {
    "package.json": web(),
    "package-lock.json": NPM,
    "app/layout.tsx": 'import { Inter } from "next/font/google";',
}


@pytest.mark.parametrize(
    ("files", "file"),
    [
        (
            {**API_ONLY, "package.json": api(dependencies={"bcrypt": "^5.1.0"})},
            "package.json: the install script of bcrypt",
        ),
        (
            {**WORKSPACE, "packages/db/prisma/schema.prisma": "datasource db {}"},
            "packages/db/prisma/schema.prisma: Prisma's client",
        ),
        (
            {**WORKSPACE, "packages/db/package.json": package("@shop/db", devDependencies={"prisma": "^7.1.0"})},
            "packages/db/package.json: Prisma ^7.1.0",
        ),
        (
            {**WORKSPACE, "packages/db/package.json": package("@shop/db", devDependencies={"prisma": "6.19.3"})},
            "packages/db/package.json: Prisma 6.19.3",
        ),
        (NEXT_WITH_FONTS, "app/layout.tsx: next/font/google"),
    ],
)
def test_what_is_fetched_besides_npm_packages_is_named(files: dict[str, str], file: str) -> None:
    tree = Tree.of(files)
    assert [str(one).startswith(file) for one in downloads(tree, read_shop(tree))] == [True]


WITHOUT_ENGINE = {
    **WORKSPACE,
    "packages/db/package.json": package("@shop/db", devDependencies={"prisma": "6.19.3"}),
    "packages/db/prisma.config.ts": 'export default defineConfig({ engine: "js", adapter });',
}


@pytest.mark.parametrize(
    "files",
    [WORKSPACE, NPM_WORKSPACE, WITHOUT_ENGINE, {**API_ONLY, "package.json": api(dependencies={"bcrypt": "^6.0.0"})}],
)
def test_a_shop_of_npm_packages_fetches_nothing_else(files: dict[str, str]) -> None:
    tree = Tree.of(files)
    assert downloads(tree, read_shop(tree)) == []


@pytest.mark.parametrize(
    ("command", "folder", "found"),
    [
        ("npm start", "apps/api", ("apps/api", "start")),
        ("npm run start -w @shop/api", "", ("apps/api", "start")),
        ("npm run start --workspace=apps/api", "", ("apps/api", "start")),
        ("npm --prefix apps/api start", "", ("apps/api", "start")),
        ("pnpm --filter api start", "", ("apps/api", "start")),
        ("pnpm -F @shop/api run start", "", ("apps/api", "start")),
        ("yarn workspace @shop/api start", "", ("apps/api", "start")),
        ("yarn --cwd apps/api start", "", ("apps/api", "start")),
        ("npm run start -- --port 1", "apps/api", None),
        ("npm start && echo", "apps/api", None),
        ("npm ci", "apps/api", None),
        ("npm run none", "apps/api", None),
        ("node server.js", "apps/api", None),
        ("pnpm --filter '", "", None),
    ],
)
def test_a_command_is_read_back_as_the_script_that_it_runs(
    command: str, folder: str, found: tuple[str, str] | None
) -> None:
    runs = script_of(command, folder, read_packages(Tree.of(WORKSPACE)))
    assert (runs and (runs[0].folder, runs[1])) == found


def test_a_script_with_a_hook_is_left_to_the_package_manager() -> None:
    packages = read_packages(
        Tree.of({"package.json": api(scripts={"prestart": "x", "start": "y"}), "package-lock.json": NPM})
    )
    assert script_of("npm start", "", packages) is None
