# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""migrations/second_migrator.py: which commands of a unit migrate by themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.second_migrator import (
    refuse_second_migrator,
    second_migrator,
    shown,
)

MIGRATES = [
    "npx prisma migrate deploy",
    "npx --yes prisma@6.19.3 migrate deploy --schema=prisma/schema.prisma",
    "./node_modules/.bin/prisma migrate deploy; node dist/server.js",
    "prisma --version && prisma db push --accept-data-loss&&node server.js",
    "node node_modules/prisma/build/index.js migrate deploy",
    "node wait.js || (pnpm exec prisma migrate deploy)",
    "sh -c 'npx prisma migrate deploy && exec node server.js'",
    'bash -lc "cd apps/backend\nprisma migrate deploy\nnode server.js"',
    "DATABASE_URL=$DIRECT_URL yarn prisma migrate deploy",
    "prisma migrate reset --force",
    "prisma --schema prisma/schema.prisma migrate deploy",
    "npx prisma migrate deploy && echo 'never closed",
]
HARMLESS = [
    "",
    "node dist/server.js",
    "npx prisma generate && node server.js",
    "npx prisma migrate status",
    "echo deploy the migrate of prisma",
    "node migrate deploy",
    "npm start",
    "npx prisma generate; echo migrate deploy",
]


@pytest.mark.parametrize("command", MIGRATES)
def test_a_command_migrates(command: str) -> None:
    found = second_migrator([command])
    assert found
    assert shown(command) in found


@pytest.mark.parametrize("command", HARMLESS)
def test_a_command_does_not_migrate(command: str) -> None:
    assert second_migrator([command]) is None


@pytest.mark.parametrize(
    "command", ["npm start", "npm run start", "yarn start", "pnpm run --silent start", "npm --prefix . run start"]
)
def test_the_scripts_of_package_json_are_followed(command: str) -> None:
    deploys = {"start": "npm run migrate && node server.js", "migrate": "prisma migrate deploy"}
    assert "prisma migrate deploy, by the script migrate of package.json, by the script start" in str(
        second_migrator([command], deploys)
    )
    assert second_migrator([command], {"start": "node server.js", "migrate": "prisma migrate deploy"}) is None


def test_a_hook_before_a_script_counts_and_a_script_that_calls_itself_ends() -> None:
    assert "by the script prestart" in str(
        second_migrator(["npm start"], {"prestart": "prisma db push", "start": "node server.js"})
    )
    assert second_migrator(["npm start"], {"start": "npm start"}) is None


@pytest.fixture
def release(tmp_path: Path) -> Path:
    (tmp_path / "package.json").write_text(
        json.dumps({"scripts": {"start": "prisma migrate deploy && node server.js"}})
    )
    return tmp_path


def test_two_migrators_and_none_are_refused(release: Path) -> None:
    with pytest.raises(
        ConfigError,
        match=r"Two would migrate .*runner: builtin.*'npm start' runs prisma migrate deploy, by the script start",
    ):
        refuse_second_migrator(["npm start"], "builtin", release)
    with pytest.raises(ConfigError, match=r"Nothing would migrate the database: .*'node server.js'"):
        refuse_second_migrator(["node server.js"], "platform", release)
    with pytest.raises(ConfigError, match="there are none"):
        refuse_second_migrator([], "platform", release)


def test_one_migrator_is_right(release: Path) -> None:
    refuse_second_migrator(["npm start"], "platform", release)
    refuse_second_migrator(["node server.js"], "cli", release)
    (release / "package.json").unlink()
    refuse_second_migrator(["npm start"], "builtin", release)


def test_a_package_json_that_cannot_be_read_is_refused(release: Path) -> None:
    (release / "package.json").write_text("{")
    with pytest.raises(ConfigError, match=r"package\.json is not JSON"):
        refuse_second_migrator([], "builtin", release)


def test_what_a_command_holds_of_secrets_is_not_shown() -> None:
    command = (
        "DATABASE_URL='postgres://a:sesame@h/d' TOKEN=\"open it\" npx prisma migrate deploy --url"
        " postgres://a:sesame@h/d --schema=prisma/schema.prisma"
    )
    assert (
        shown(command)
        == "'DATABASE_URL=… TOKEN=… npx prisma migrate deploy --url postgres://…@h/d --schema=prisma/schema.prisma'"
    )


DEPLOY = "prisma migrate deploy"
PACKAGE = {
    "start": "node server.js",
    "db:deploy": DEPLOY,
    "db:generate": "prisma generate",
    "migrate:deploy": DEPLOY,
    "one": "npm run two",
    "two": "npm-run-all db:deploy serve",
    "serve": "node server.js",
    "loop": "npm run pool",
    "pool": "npm run loop",
    "postpack": DEPLOY,
    "pack": "tsc",
    "postinstall": DEPLOY,
    "fine:a": "tsc",
}
# Each runs a script of PACKAGE that migrates, or something of the release that does.
FOLLOWED = [
    "npm run one",
    "npm-run-all migrate:deploy",
    "npm-run-all 'migrate:*'",
    "npm-run-all -s db:generate 'db:**' serve",
    "npm-run-all --parallel start 'migrate:deploy -- --x'",
    "run-s db:generate db:deploy serve",
    "run-p db:*",
    "npx run-s db:deploy",
    "node_modules/.bin/run-s db:deploy",
    "yarn run db:deploy",
    "yarn db:deploy",
    "yarn workspace api db:deploy",
    "yarn workspaces foreach -A run db:deploy",
    "pnpm db:deploy",
    "pnpm -r db:deploy",
    "pnpm --filter api run db:deploy",
    "pnpm exec run-s db:deploy",
    "pnpm run '/^db:.*/'",
    "bun run db:deploy",
    "bun db:deploy",
    "bunx run-s db:deploy",
    "pnpx run-s db:deploy",
    "npm run -w apps/api db:deploy",
    "npm --prefix apps/api run db:deploy",
    "npm exec -- run-s db:deploy",
    "npm run pack",
    "npm ci && node server.js",
    "yarn && node server.js",
    "node --run db:deploy",
    "node --run=db:deploy",
    "deno task db:deploy",
    "turbo run db:deploy",
    "turbo db:deploy --filter=api",
    "npx turbo run api#db:deploy",
    "turbo run start",
    "nx run api:db:deploy",
    "nx run-many -t db:deploy,build",
    "nx run-many --target=db:deploy",
    "nx db:deploy api",
    "nx run api:release",
    "lerna run db:deploy --scope api",
    "concurrently npm:db:deploy npm:start",
    "concurrently 'npm:db:*' 'node server.js'",
    'concurrently "npm run db:deploy" "node server.js"',
    "conc -n a,b pnpm:db:deploy yarn:start",
    "cross-env NODE_ENV=production npm run db:deploy",
    "cross-env-shell 'npm run db:deploy && node server.js'",
    "dotenv -e .env -- npm run db:deploy",
    "env A=b nohup npm run db:deploy",
    "doppler run -- npm run db:deploy",
    "timeout 60 npm run db:deploy || true",
    "npm run wired",
    "npm run only-in-the-api",
    "make release",
    "make",
    "just release",
    "sh ./scripts/start.sh",
    "bash -e scripts/start.sh",
    "./scripts/start.sh",
    ". scripts/start.sh",
    "exec ./scripts/entrypoint",
    "tini -- ./scripts/start.sh",
    "node scripts/check-db.js",
    "npx tsx scripts/spawn.ts",
    "npm run checked",
    "npm \\\n run db:deploy",
]
NOT_FOLLOWED = [
    "npm start",
    "npm run loop",
    "run-p fine:*",
    "turbo run build",
    "make clean",
    "sh scripts/harmless.sh",
    "sh ../outside.sh",
    "node scripts/reads.js",
    "npm run serve # npm run db:deploy",
    "concurrently npm:start npm:serve",
    "node --run serve",
    "nx run api:build",
]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A release with every kind of place that keeps commands."""
    files = {
        "package.json": {
            "scripts": {
                **PACKAGE,
                "wired": "wireit",
                "checked": "run-s db:generate check",
                "check": "node scripts/check-db.js",
            },
            "wireit": {
                "wired": {"dependencies": ["fine:a", {"script": "deep"}]},
                "deep": {"command": "npm run db:deploy"},
            },
        },
        "apps/api/package.json": {"scripts": {"only-in-the-api": DEPLOY, "build": "tsc"}},
        "apps/api/project.json": {
            "targets": {
                "release": {"executor": "nx:run-commands", "options": {"commands": ["tsc", "npm run db:deploy"]}}
            }
        },
        "apps/api/node_modules/x/package.json": {"scripts": {"start": DEPLOY}},
        "turbo.json": {"tasks": {"start": {"dependsOn": ["^build", "db:deploy"]}, "build": {"dependsOn": ["^build"]}}},
        "Makefile": (
            "release: build db\n\t@node server.js\n\ndb:\n\tnpm run db:deploy\n\nbuild:\n\ttsc\n\nclean:\n\trm -rf"
            " dist\nX := y\n"
        ),
        "scripts/start.sh": "#!/bin/sh\nset -e\n# waits\nnpm run db:deploy\nexec node server.js\n",
        "scripts/entrypoint": "#!/usr/bin/env bash\nnpx prisma migrate deploy\n",
        "scripts/harmless.sh": "#!/bin/sh\n# npx prisma migrate deploy\nnode server.js\n",
        "scripts/check-db.js": (
            "const { execSync } = require('child_process');\nexecSync('npx prisma migrate deploy');\n"
        ),
        "scripts/spawn.ts": "spawnSync('prisma', ['migrate', 'deploy'], { stdio: 'inherit' })\n",
        "scripts/reads.js": (
            "const { PrismaClient } = require('@prisma/client'); // migrates nothing, deploys nothing\n"
        ),
    }
    for name, content in files.items():
        path = tmp_path / "release" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    (tmp_path / "outside.sh").write_text(DEPLOY)
    return tmp_path / "release"


@pytest.mark.parametrize("command", FOLLOWED)
def test_scripts_that_run_scripts_are_followed(workspace: Path, command: str) -> None:
    with pytest.raises(ConfigError, match="Two would migrate") as refused:
        refuse_second_migrator([command], "builtin", workspace)
    assert "runs prisma migrate deploy, by the" in str(refused.value)


@pytest.mark.parametrize("command", NOT_FOLLOWED)
def test_a_script_that_runs_none_that_migrates_is_none(workspace: Path, command: str) -> None:
    refuse_second_migrator([command], "builtin", workspace)


def test_the_chain_is_named(workspace: Path) -> None:
    with pytest.raises(
        ConfigError,
        match=(
            r"by the script db:deploy of package\.json, by the script two of package\.json, by the script one of"
            r" package\.json"
        ),
    ):
        refuse_second_migrator(["npm run one"], "cli", workspace)


DECLARED = {
    "Procfile": "web: node server.js\nrelease: npm run db:deploy\n",
    "Dockerfile": (
        'FROM node\nCMD ["npm", "run", "db:deploy"]\nFROM node\nRUN npm ci\nENTRYPOINT ["sh", "-c", "npm run db:deploy'
        ' && node server.js"]\n'
    ),
    "railway.json": '{"deploy": {"preDeployCommand": ["npm run db:deploy"]}}',
    "railway.toml": '[deploy]\npreDeployCommand = "npm run db:deploy"\n',
    "render.yaml": "services:\n  - type: web\n    preDeployCommand: npm run db:deploy\n",
    "fly.toml": '[deploy]\nrelease_command = "npm run db:deploy"\n',
    "nixpacks.toml": '[start]\ncmd = "npm run db:deploy"\n',
}


@pytest.mark.parametrize("name", DECLARED)
def test_what_the_release_makes_its_platform_run_counts_too(workspace: Path, name: str) -> None:
    (workspace / name).write_text(DECLARED[name])
    with pytest.raises(
        ConfigError,
        match=f"{name} of the release, whose command .* runs prisma migrate deploy, by the script db:deploy",
    ):
        refuse_second_migrator(["node server.js"], "builtin", workspace)
    refuse_second_migrator(["node server.js"], "platform", workspace)


def test_many_scripts_that_all_call_each_other_end(tmp_path: Path) -> None:
    names = [f"s{number}" for number in range(60)]
    (tmp_path / "package.json").write_text(
        json.dumps({"scripts": {name: "run-s " + " ".join(names) for name in names}})
    )
    refuse_second_migrator(["npm run s1"], "builtin", tmp_path)


def test_a_raw_password_in_a_command_is_not_shown() -> None:
    assert shown("psql postgres://a:se/sa#me@h/d") == "'psql postgres://…@h/d'"
