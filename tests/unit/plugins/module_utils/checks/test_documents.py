# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CHANGELOG, the API's documentation and the release's notes, as the release's commit has them."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.checks import (
    api_documentation,
    changelog,
    release_notes,
)

OLD = "# Changes\n\n## 1.0.0\n\nThe shop opens.\n"
NEW = "# Changes\n\n## 1.1.0\n\nReviews.\n\n## 1.0.0\n\nThe shop opens.\n"
API = '{"openapi": "3.1.0", "paths": {}}'


def ask(module: ModuleType, context: Any, **given: Any) -> tuple[str, str]:
    answer = module.ask(context, {**{name: spec.get("default") for name, spec in module.OPTIONS.items()}, **given})
    return answer.outcome, answer.answered


def test_a_changelog_that_describes_the_version_passes(repository: Any) -> None:
    live = repository.commit({"CHANGELOG.md": OLD})
    commit = repository.commit({"CHANGELOG.md": NEW})
    assert ask(changelog, repository.context(commit, live)) == ("passed", "CHANGELOG.md describes 1.1.0")


def test_what_is_not_committed_counts_for_nothing(repository: Any) -> None:
    live = repository.commit({"CHANGELOG.md": OLD})
    commit = repository.commit({})
    (repository.folder / "CHANGELOG.md").write_text(NEW)
    assert ask(changelog, repository.context(commit, live)) == (
        "failed",
        "CHANGELOG.md is the same as in the live release",
    )


@pytest.mark.parametrize(
    ("text", "answered"),
    [
        (OLD + "\nMore.\n", "CHANGELOG.md has no section 1.1.0"),
        (NEW.replace("1.1.0", "1.1.0-rc1"), "CHANGELOG.md has no section 1.1.0"),
        (NEW.replace("1.1.0", "1.1.01"), "CHANGELOG.md has no section 1.1.0"),
        (NEW.replace("1.1.0", "11.1.0"), "CHANGELOG.md has no section 1.1.0"),
        (OLD + "\nIt fixes what 1.1.0 broke.\n", "CHANGELOG.md has no section 1.1.0"),
        (NEW.replace("Reviews.", ""), "the section 1.1.0 of CHANGELOG.md is empty"),
        (NEW.replace("Reviews.", "- \n"), "the section 1.1.0 of CHANGELOG.md is empty"),
        (None, "CHANGELOG.md was deleted"),
    ],
)
def test_a_changelog_that_does_not_describe_it_is_a_no(repository: Any, text: str | None, answered: str) -> None:
    live = repository.commit({"CHANGELOG.md": OLD})
    commit = repository.commit({"CHANGELOG.md": text})
    assert ask(changelog, repository.context(commit, live)) == ("failed", answered)


@pytest.mark.parametrize(
    "heading",
    ["## v1.1.0", "## [1.1.0] - 2026-03-02", "# Version 1.1.0 (2026-03-02)", "### Release v1.1.0:", "1.1.0\n====="],
)
def test_headings_are_written_in_many_ways(repository: Any, heading: str) -> None:
    live = repository.commit({"CHANGELOG.md": OLD})
    commit = repository.commit({"CHANGELOG.md": NEW.replace("## 1.1.0", heading)})
    assert ask(changelog, repository.context(commit, live))[0] == "passed"


def test_a_first_deploy_and_the_same_release_have_nothing_to_compare(repository: Any) -> None:
    commit = repository.commit({"CHANGELOG.md": OLD})
    assert ask(changelog, repository.context(commit))[0] == "not_applicable"
    assert ask(changelog, repository.context(commit, commit))[0] == "not_applicable"


def test_without_a_changelog_anywhere_it_is_not_configured(repository: Any) -> None:
    live, commit = repository.commit({"a": "1"}), repository.commit({"a": "2"})
    assert ask(changelog, repository.context(commit, live))[0] == "not_configured"
    assert ask(changelog, repository.context(commit, live, path=""))[0] == "not_configured"


def test_a_release_that_is_no_version_has_only_to_change_it(repository: Any) -> None:
    live, commit = repository.commit({"CHANGELOG.md": OLD}), repository.commit({"CHANGELOG.md": NEW})
    assert ask(changelog, repository.context(commit, live, release="hotfix")) == ("passed", "CHANGELOG.md changed")


def test_documentation_follows_its_routes(repository: Any) -> None:
    live = repository.commit({"api/openapi.json": API, "api/src/routes/orders.js": "1", "api/src/app.js": "1"})
    aside = repository.commit({"api/src/app.js": "2"})
    assert ask(api_documentation, repository.context(aside, live)) == ("passed", "no route changed")
    routes = repository.commit({"api/src/routes/orders.js": "2"})
    assert ask(api_documentation, repository.context(routes, live)) == (
        "failed",
        "api/src/routes/orders.js changed, and api/openapi.json did not",
    )
    both = repository.commit({"api/openapi.json": API.replace("{}", '{"/orders": {}}')})
    assert ask(api_documentation, repository.context(both, live)) == (
        "passed",
        "api/openapi.json changed with 1 file of routes",
    )


def test_a_deleted_route_is_a_change(repository: Any) -> None:
    live = repository.commit({"openapi.json": API, "routes/orders.js": "1", "routes/cart.js": "1"})
    commit = repository.commit({"routes/cart.js": None})
    assert ask(api_documentation, repository.context(commit, live))[0] == "failed"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("openapi.json", "{", "cannot be parsed"),
        ("openapi.json", "[]", "is not an OpenAPI document"),
        ("openapi.json", '{"openapi": "3.1.0"}', "is not an OpenAPI document"),
        ("openapi.yaml", "a: [", "cannot be parsed"),
        ("openapi.yml", "hello", "is not an OpenAPI document"),
    ],
)
def test_a_document_that_is_none_is_a_no(repository: Any, name: str, text: str, said: str) -> None:
    commit = repository.commit({name: text})
    outcome, answered = ask(api_documentation, repository.context(commit, commit))
    assert outcome == "failed"
    assert said in answered


def test_a_document_that_is_named_has_to_be_there(repository: Any) -> None:
    commit = repository.commit({"a": "1"})
    assert ask(api_documentation, repository.context(commit, commit))[0] == "not_configured"
    assert ask(api_documentation, repository.context(commit, commit), document="docs/api.json")[0] == "failed"


def test_a_first_deploy_has_no_documentation_to_compare(repository: Any) -> None:
    commit = repository.commit({"openapi.yaml": "openapi: 3.1.0\npaths: {}\n"})
    assert ask(api_documentation, repository.context(commit))[0] == "not_applicable"


NOTES = "# v1.1.0\n\n## Migration\n\nAdds a table.\n\n## Known issues\n\nNone.\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (NOTES, ("passed", "docs/releases/v1.1.0.md has them")),
        (NOTES.replace("None.", ""), ("failed", "docs/releases/v1.1.0.md says nothing about known issues")),
        ("# v1.1.0\n", ("failed", "docs/releases/v1.1.0.md says nothing about migration, known issues")),
    ],
)
def test_notes_have_their_sections(repository: Any, text: str, expected: tuple[str, str]) -> None:
    commit = repository.commit({"docs/releases/v1.1.0.md": text})
    assert ask(release_notes, repository.context(commit)) == expected


def test_notes_of_another_release_are_none(repository: Any) -> None:
    commit = repository.commit({"docs/releases/v1.0.0.md": NOTES})
    assert ask(release_notes, repository.context(commit))[0] == "not_configured"
    assert ask(release_notes, repository.context(commit), notes="docs/releases/{release}.md")[0] == "failed"


@pytest.mark.parametrize("notes", ["../../etc/passwd", "/etc/passwd", "docs"])
def test_only_files_of_the_commit_are_read(repository: Any, notes: str) -> None:
    commit = repository.commit({"docs/a.md": NOTES})
    assert ask(release_notes, repository.context(commit), notes=notes)[0] == "failed"
