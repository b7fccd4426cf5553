# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checklist: a row for each check. Its file has OPTIONS, ``ask(context, options)``, and ``missing`` and
``wrong`` where it needs them.
"""

from __future__ import annotations

from . import (  # fmt: skip
    api_documentation,
    backup,
    certificates,
    changelog,
    ci,
    committed_secrets,
    cors,
    dashboards,
    dependencies,
    deploy_window,
    environment,
    lighthouse,
    migration_staging,
    named_tests,
    notification,
    rate_limit,
    release_notes,
    review,
    rollback,
)
from .check import AFTER, GATE, STAGED, row

CHECKS = (
    row("C1", ci, "CI passed on the commit", GATE, system="github"),
    row("C2", review, "Somebody else approved the change", GATE, system="github", yields=True),
    row("C3", migration_staging, "The migrations ran in staging", GATE, system="staging", yields=True),
    row("C4", environment, "The variables are set", GATE, system="environment"),
    row("C5", backup, "The database could be restored", GATE, system="backups"),
    row("C6", notification, "Stakeholders were notified", AFTER, system="notifications"),
    row("C7", rollback, "The deploy could be put back", GATE, system="rollback"),
    # It observes, and permits nothing: a deploy that mends a broken page must not stop at it.
    row("C8", dashboards, "Somebody can watch the deploy", GATE, system="dashboards", yields=True, severity="warn"),
    row("C9", changelog, "The CHANGELOG describes the release", GATE, system="docs", yields=True),
    row(
        "C10",
        api_documentation,
        "The API's documentation follows its routes",
        GATE,
        system="docs",
        attestable=True,
        yields=True,
    ),
    row(
        "C11",
        release_notes,
        "Migration notes and known issues are written down",
        GATE,
        system="docs",
        attestable=True,
        yields=True,
    ),
    row("C12", named_tests, "The tests passed on the commit", GATE, system="github", yields=True),
    row("C13", dependencies, "No package has a known vulnerability", GATE, system="dependencies", yields=True),
    row("C14", lighthouse, "The staged page is fast, accessible and found", STAGED, system="lighthouse", yields=True),
    row("C15", committed_secrets, "No secret is committed", GATE, system="secrets"),
    row("C16", cors, "Only the shop's pages may ask the API", GATE, system="edge"),
    row("C17", rate_limit, "Attempts are limited", GATE, system="edge", yields=True),
    row("C18", certificates, "TLS is valid", GATE, system="edge"),
    row("C19", deploy_window, "The deploy window is open", GATE, system="windows", yields=True),
)
