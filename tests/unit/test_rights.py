# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/rights.md says what tests/rights.py says; UPDATE_DOCS=1 writes it. Its scopes are those of the vendors."""

from __future__ import annotations

import json
import os

import pytest

from conftest import ROOT
from sandbox.cloud.faults import OPERATIONS
from sandbox.cloud.scopes import FREE, SCOPES
from tests.rights import RIGHTS, written

PAGE = ROOT / "docs/rights.md"
BEGIN, END = "<!-- rights -->\n", "<!-- end of rights -->"
# what the double calls an operation, and its method and path in Sentry's document
SENTRY = {
    "list_releases": ("get", "releases/"),
    "create_release": ("post", "releases/"),
    "release": ("get", "releases/{version}/"),
    "update_release": ("put", "releases/{version}/"),
    "list_deploys": ("get", "releases/{version}/deploys/"),
    "create_deploy": ("post", "releases/{version}/deploys/"),
    "list_projects": ("get", "projects/"),
    "event_counts": ("get", "stats_v2/"),
    "session_counts": ("get", "sessions/"),
    "list_issues": ("get", "issues/"),
}


def test_the_page_says_what_the_tests_hold() -> None:
    before, begin, rest = PAGE.read_text().partition(BEGIN)
    _old, end, after = rest.partition(END)
    assert (begin, end) == (BEGIN, END), "the page has the marks"
    if os.environ.get("UPDATE_DOCS"):
        PAGE.write_text(f"{before}{begin}{written()}{end}{after}")
    assert PAGE.read_text() == f"{before}{begin}{written()}{end}{after}", "UPDATE_DOCS=1 writes docs/rights.md"


def test_every_playbook_has_a_row_with_scopes_that_exist() -> None:
    playbooks = {path.stem for path in (ROOT / "playbooks").glob("*.yml") if not path.name.endswith(".meta.yml")}
    assert set(RIGHTS) == playbooks
    for name, rights in RIGHTS.items():
        for vendor, scopes in rights.scopes.items():
            assert set(scopes) <= SCOPES[vendor].keys(), name
        if rights.played:
            assert f'play("{name}.yml"' in (ROOT / rights.played).read_text(), "the scenario plays it"


@pytest.mark.parametrize("vendor", SCOPES)
def test_each_operation_needs_one_scope(vendor: str) -> None:
    asked = [operation for operations in SCOPES[vendor].values() for operation in operations]
    assert len(asked) == len(set(asked))
    without = {"cloudflare": {"update_setting"}, "slack": {"webhook"}}  # no module sends it; its URL is the secret
    without["github"] = {"repository", "commit", "create_commit_status"}  # for those who try a token by hand
    assert set(asked) | FREE.get(vendor, frozenset()) | without.get(vendor, set()) == OPERATIONS[vendor]


def test_sentry_itself_names_these_scopes() -> None:
    paths = json.loads((ROOT / "tests/contract/documents/sentry.json").read_text())["paths"]
    for scope, operations in SCOPES["sentry"].items():
        for operation in operations:
            method, path = SENTRY[operation]
            described = paths[f"/api/0/organizations/{{organization_id_or_slug}}/{path}"][method]
            assert scope in described["security"][0]["auth_token"], operation
