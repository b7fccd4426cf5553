# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the release's migrations were tested in staging: each of them ran to its end there, with the same content."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from ..core.amounts import number
from ..migrations.history import inspect, read_folder
from ..postgres.connection import PSYCOPG2_ERROR, connect, direct
from ..source.checkout import checkout
from .answer import Answer, failed, passed, unasked
from .check import Context, Options

OPTIONS: dict[str, dict[str, Any]] = {
    "staging_url": {"type": "str", "no_log": True},
    "staging_direct_url": {"type": "str", "no_log": True},
    "root_directory": {"type": "str", "default": ""},
    "migrations": {"type": "str", "default": "prisma/migrations"},
}


def missing(options: Options) -> str:
    return (
        ""
        if options["staging_url"]
        else "set staging_url to staging's database, for a role that may read _prisma_migrations"
    )


def ask(context: Context, options: Options) -> Answer:
    if PSYCOPG2_ERROR:
        return unasked("the Python library psycopg2 is not installed", "Install psycopg2-binary")
    with checkout(context.need_path(), context.need_commit(), options["root_directory"]) as source:
        migrations = read_folder(
            source.root / options["migrations"],
            "/".join(part for part in (options["root_directory"], options["migrations"]) if part),
        )
    database = direct(
        options["staging_url"], options["staging_direct_url"], option="staging_url", remedy="staging_direct_url"
    )
    with closing(connect(database)) as connection:
        state = inspect(connection, migrations)
    names = {migration.name for migration in migrations}
    broken = [row.name for row in state.failed if row.name in names]
    problems = [
        f"{', '.join(found)} {words}"
        for found, words in (
            ([migration.name for migration in state.pending], "did not run in staging"),
            (broken, "failed in staging"),
            (state.edited, "ran in staging with another content"),
        )
        if found
    ]
    facts = {"migrations": {migration.name: migration.checksum for migration in migrations}, "database": database.name}
    asked = (
        f"did the {number(len(migrations), 'migration')} of {context.release or 'the release'} run to their end in"
        " staging, with the same checksums?"
    )
    if problems:
        return failed("; ".join(problems), "Deploy this release to staging first", asked=asked, facts=facts)
    return passed(
        f"{number(len(migrations), 'migration')} ended in staging with the same checksums", asked=asked, facts=facts
    )
