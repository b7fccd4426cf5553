# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files a release has changed, and what of the public site they reach."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.source.changed_paths import changed_files, reach


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=folder, check=True, capture_output=True
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """v1 and v2, which changes one file, deletes one, renames one and adds one with an awkward name."""
    git(tmp_path, "init", "-q")
    for name in ("kept", "changed", "deleted", "renamed"):
        (tmp_path / name).write_text(f"{name} in v1")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "v1")
    git(tmp_path, "tag", "v1")
    (tmp_path / "changed").write_text("in v2")
    (tmp_path / "deleted").unlink()
    (tmp_path / "renamed").rename(tmp_path / "new name")
    (tmp_path / "größe\n.css").write_text("in v2")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "v2")
    git(tmp_path, "tag", "v2")
    return tmp_path


def test_what_differs_is_the_same_in_both_directions(repository: Path) -> None:
    there, back = changed_files(repository, "v1", "v2"), changed_files(repository, "v2", "v1")
    assert sorted(there) == sorted(back) == ["changed", "deleted", "größe\n.css", "new name", "renamed"]
    assert changed_files(repository, "v1", "v1") == []


def test_an_unknown_release_is_an_error(repository: Path) -> None:
    with pytest.raises(ConfigError, match="'v9' is unknown"):
        changed_files(repository, "v9", "v2")


def route(source: str, urls: list[str] | None = None, prefixes: list[str] | None = None) -> dict[str, Any]:
    return {"source": source, "urls": urls, "prefixes": prefixes}


ROUTES = [
    route("public/**", ["/{rest}"]),
    route("app/page.tsx", ["/", "/index"]),
    route("app/*/page.tsx", None, ["/all"]),
    route("app/products/**", ["/"], ["/products"]),
    route("tests/**"),
]


@pytest.mark.parametrize(
    ("file", "urls", "prefixes"),
    [
        ("public/img/a b.svg", ["/img/a%20b.svg"], []),
        ("app/page.tsx", ["/", "/index"], []),
        ("app/about/page.tsx", [], ["/all"]),
        ("app/products/page.tsx", [], ["/all"]),  # the first route that matches counts
        ("app/products/[id]/page.tsx", ["/"], ["/products"]),
        ("tests/unit/a.ts", [], []),
    ],
)
def test_a_file_reaches_what_its_route_says(file: str, urls: list[str], prefixes: list[str]) -> None:
    found = reach([file], ROUTES)
    assert (found.urls, found.prefixes, found.unmatched) == (urls, prefixes, [])


def test_a_path_is_named_once_and_a_file_without_a_route_is_reported() -> None:
    found = reach(["app/page.tsx", "app/products/x", "lib/api.ts", "app/page.tsx.bak"], ROUTES)
    assert (found.urls, found.unmatched) == (["/", "/index"], ["lib/api.ts", "app/page.tsx.bak"])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (route("/public/**"), "without a leading slash"),
        (route("a/**/b/**"), "at most one **"),
        (route("public/*", ["/{rest}"]), "only where the source has"),
        (route("public/**", ["{rest}"]), "Start it with a slash"),
    ],
)
def test_a_route_that_cannot_be_used_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        reach(["public/a"], [wrong])
    assert said in str(caught.value)
