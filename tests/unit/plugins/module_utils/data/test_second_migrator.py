# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""data/second_migrator.py: which commands of a unit migrate by themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.data.second_migrator import refuse_second_migrator, second_migrator, shown

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


@pytest.mark.parametrize("command", ["npm start", "npm run start", "yarn start", "pnpm run --silent start", "npm --prefix . run start"])
def test_the_scripts_of_package_json_are_followed(command: str) -> None:
    deploys = {"start": "npm run migrate && node server.js", "migrate": "prisma migrate deploy"}
    assert "prisma migrate deploy, by the script migrate of package.json, by the script start" in str(second_migrator([command], deploys))
    assert second_migrator([command], {"start": "node server.js", "migrate": "prisma migrate deploy"}) is None


def test_a_hook_before_a_script_counts_and_a_script_that_calls_itself_ends() -> None:
    assert "by the script prestart" in str(second_migrator(["npm start"], {"prestart": "prisma db push", "start": "node server.js"}))
    assert second_migrator(["npm start"], {"start": "npm start"}) is None


@pytest.fixture
def release(tmp_path: Path) -> Path:
    (tmp_path / "package.json").write_text(json.dumps({"scripts": {"start": "prisma migrate deploy && node server.js"}}))
    return tmp_path


def test_two_migrators_and_none_are_refused(release: Path) -> None:
    with pytest.raises(ConfigError, match=r"Two would migrate .*runner: builtin.*'npm start' runs prisma migrate deploy, by the script start"):
        refuse_second_migrator(["npm start"], "builtin", release)
    with pytest.raises(ConfigError, match=r"Nobody would migrate the database: .*'node server.js'"):
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
    command = "DATABASE_URL='postgres://a:sesame@h/d' TOKEN=\"open it\" npx prisma migrate deploy --url postgres://a:sesame@h/d --schema=prisma/schema.prisma"
    assert shown(command) == "'DATABASE_URL=… TOKEN=… npx prisma migrate deploy --url postgres://…@h/d --schema=prisma/schema.prisma'"
