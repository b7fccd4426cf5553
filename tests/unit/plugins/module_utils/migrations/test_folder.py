# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""migrations/folder.py: where a project says that its migrations are."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.folder import refuse_another_folder

DATASOURCE = 'datasource db {\n  provider = "postgresql"\n}\n'
CONFIG = 'import { defineConfig } from "prisma/config";\nexport default defineConfig({%s});\n'
STALE, CURRENT = "prisma/migrations/1/migration.sql", "db/migrations/1/migration.sql"
# What a project has beside prisma/migrations, and the folder that it names.
NAMED: dict[str, tuple[dict[str, str], str]] = {
    "a path": ({"prisma.config.ts": CONFIG % 'migrations: { path: "db/migrations" }'}, "db/migrations"),
    "a path after others": (
        {"prisma.config.ts": CONFIG % "migrations: { seed: 'x', initShadowDb: `a`, path: './db/migrations' }"},
        "db/migrations",
    ),
    "a path that is joined": (
        {"prisma.config.ts": CONFIG % 'migrations: { path: path.join("db", "migrations") }'},
        "db/migrations",
    ),
    "a path from here": (
        {"prisma.config.mjs": CONFIG % 'migrations: { path: path.resolve(__dirname, "db/migrations") }'},
        "db/migrations",
    ),
    "a path that does not exist": ({"prisma.config.ts": CONFIG % 'migrations: { path: "elsewhere" }'}, "elsewhere"),
    "quoted keys": (
        {"prisma.config.cjs": 'module.exports = { "migrations": { "path": "db/migrations" } }'},
        "db/migrations",
    ),
    "the folder .config": ({".config/prisma.ts": CONFIG % 'migrations: { path: "../db/migrations" }'}, "db/migrations"),
    "a schema elsewhere": (
        {"prisma.config.ts": CONFIG % 'schema: "db/schema.prisma"', "db/schema.prisma": DATASOURCE},
        "db/migrations",
    ),
    "a folder of schemas": (
        {"prisma.config.js": CONFIG % 'schema: "db"', "db/main.prisma": DATASOURCE, "db/models/a.prisma": "model A {}"},
        "db/migrations",
    ),
    "package.json": (
        {"package.json": '{"prisma": {"schema": "db/schema.prisma"}}', "db/schema.prisma": DATASOURCE},
        "db/migrations",
    ),
    "package.json and a folder": (
        {"package.json": '{"prisma": {"schema": "./db"}}', "db/main.prisma": DATASOURCE},
        "db/migrations",
    ),
    "the default schema": ({"schema.prisma": DATASOURCE, "migrations/1/migration.sql": ""}, "migrations"),
}
FITS: dict[str, dict[str, str]] = {
    "nothing": {},
    "the path": {
        "prisma.config.ts": CONFIG % 'schema: "db/schema.prisma", migrations: { path: "./prisma/migrations/" }'
    },
    "a comment": {
        "prisma.config.ts": (
            CONFIG % '// migrations: { path: "db/migrations" },\n/* schema: "db" */ schema: "prisma/schema.prisma"'
        )
    },
    "a URL in a string": {
        "prisma.config.ts": CONFIG % 'datasource: { url: "http://x" }, migrations: { path: "prisma/migrations" }'
    },
    "the schema": {"prisma/schema.prisma": DATASOURCE, "schema.prisma": DATASOURCE, "migrations/x/migration.sql": ""},
    "a schema that has none beside it": {
        "package.json": '{"prisma": {"schema": "other/schema.prisma"}}',
        "other/schema.prisma": DATASOURCE,
    },
    "a package.json that a configuration overrides": {
        "package.json": '{"prisma": {"schema": "db/schema.prisma"}}',
        "prisma.config.ts": CONFIG % 'migrations: { path: "prisma/migrations" }',
    },
    "a package.json without Prisma": {"package.json": '{"prisma": null}'},
}


def project(folder: Path, files: dict[str, str]) -> Path:
    for name, text in {STALE: "", CURRENT: "", **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize("what", NAMED)
def test_another_folder_than_the_project_names_is_refused(tmp_path: Path, what: str) -> None:
    files, named = NAMED[what]
    with pytest.raises(ConfigError, match=f"in {named}, by .*Set migrations: {named}, or correct") as refused:
        refuse_another_folder(project(tmp_path, files), "prisma/migrations", print)
    assert refused.value.details["code"] == "another_folder"
    refuse_another_folder(tmp_path, named, print)


@pytest.mark.parametrize("what", FITS)
def test_the_folder_that_the_project_names_is_right(tmp_path: Path, what: str) -> None:
    refuse_another_folder(project(tmp_path, FITS[what]), "prisma/migrations", print)


def test_a_folder_that_is_computed_is_warned_of(tmp_path: Path) -> None:
    said: list[str] = []
    refuse_another_folder(
        project(tmp_path, {"prisma.config.ts": CONFIG % "migrations: { path: process.env.MIGRATIONS }"}),
        "prisma/migrations",
        said.append,
    )
    assert said == [
        "The folder of the migrations is computed in prisma.config.ts (migrations.path), which is not run to find out."
        " Check that it is prisma/migrations."
    ]
