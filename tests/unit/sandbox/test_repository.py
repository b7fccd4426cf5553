# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example shop's repository: the same everywhere, and each release what it claims to be."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from sandbox import repository
from sandbox.repository import RELEASES, SOURCES, build, files_of
from sandbox.state import SandboxError

TAGS = [release.tag for release in RELEASES]
MIGRATIONS = "apps/backend/prisma/migrations/"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository") / "shop"
    build(folder)
    return folder


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def migrations(tag: str) -> dict[str, bytes]:
    return {path: content for path, content in files_of(tag).items() if path.startswith(MIGRATIONS)}


def test_the_releases_are_annotated_tags(shop: Path) -> None:
    assert {git(shop, "cat-file", "-t", tag) for tag in TAGS} == {"tag"}
    assert git(shop, "tag").split() == sorted(TAGS)


def test_main_is_checked_out_and_clean(shop: Path) -> None:
    assert git(shop, "branch", "--show-current") == "main"
    assert git(shop, "rev-parse", "HEAD") == git(shop, "rev-parse", "v1.2.0^{commit}")
    assert git(shop, "status", "--porcelain") == ""


def test_the_commits_are_the_same_in_another_folder_at_another_time(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    monkeypatch.setenv("GIT_AUTHOR_DATE", "2001-01-01T00:00:00")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "somebody-elses.git"))
    assert build(tmp_path / "again") == TAGS
    monkeypatch.undo()
    assert git(tmp_path / "again", "show-ref") == git(shop, "show-ref")


def test_a_repository_that_is_current_is_left_alone(tmp_path: Path) -> None:
    build(tmp_path / "shop")
    (tmp_path / "shop" / "notes.txt").write_text("somebody's")
    assert build(tmp_path / "shop") == TAGS
    assert (tmp_path / "shop" / "notes.txt").exists()


def test_a_repository_of_other_sources_is_replaced(tmp_path: Path) -> None:
    build(tmp_path / "shop")
    (tmp_path / "shop" / ".git" / "made-from").write_text("other sources")
    git(tmp_path / "shop", "tag", "--delete", "v1.0.0")
    build(tmp_path / "shop")
    assert "v1.0.0" in git(tmp_path / "shop", "tag").split()
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("the only copy")
    with pytest.raises(SandboxError, match="is not the example shop's repository"):
        build(tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_what_git_says_is_in_the_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repository, "_stream", lambda: [b"no such command\n"])
    with pytest.raises(SandboxError, match=r"`git fast-import` failed.*no such command"):
        build(tmp_path / "shop")


@pytest.mark.parametrize("tag", TAGS)
def test_a_release_has_its_version_wherever_npm_shows_it(tag: str) -> None:
    files = files_of(tag)
    for app in repository.APPS:
        lock = json.loads(files[f"{app}/package-lock.json"])
        versions = {
            json.loads(files[f"{app}/package.json"])["version"],
            lock["version"],
            lock["packages"][""]["version"],
        }
        assert versions == {tag.removeprefix("v")}


@pytest.mark.parametrize("tag", TAGS)
def test_a_lockfile_locks_what_the_manifest_asks_for(tag: str) -> None:
    files = files_of(tag)
    for app in repository.APPS:
        manifest, locked = (
            json.loads(files[f"{app}/package.json"]),
            json.loads(files[f"{app}/package-lock.json"])["packages"][""],
        )
        assert [manifest[kind] for kind in ("dependencies", "devDependencies")] == [
            locked[kind] for kind in ("dependencies", "devDependencies")
        ]


def test_a_release_keeps_its_predecessors_migrations_as_they_were() -> None:
    for release in RELEASES:
        if release.parent:
            assert migrations(release.parent).items() <= migrations(release.tag).items()


@pytest.mark.parametrize(
    ("tag", "added"),
    [
        ("v1.1.0", ["20260302090000_reviews"]),
        ("v1.1.1", []),
        ("v1.2.0", []),
        ("v2.0.0", ["20260504090000_price_with_currency"]),
    ],
)
def test_only_the_releases_that_say_so_bring_a_migration(tag: str, added: list[str]) -> None:
    parent = next(release.parent for release in RELEASES if release.tag == tag)
    assert parent
    new = migrations(tag).keys() - migrations(parent).keys()
    assert sorted(path.removeprefix(MIGRATIONS).partition("/")[0] for path in new) == added


def test_every_overlay_belongs_to_a_release() -> None:
    assert {folder.name for folder in (SOURCES / "releases").iterdir()} <= set(TAGS)


def test_what_a_developer_built_in_place_is_not_released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for app in repository.APPS:
        (tmp_path / app / "node_modules").mkdir(parents=True)
        (tmp_path / app / "node_modules" / "index.js").write_text("installed")
        (tmp_path / app / ".env").write_text("JWT_SECRET=a-secret")
        (tmp_path / app / ".gitignore").write_text("/node_modules/\n/.env\n")
        for name in ("package.json", "package-lock.json"):
            (tmp_path / app / name).write_text("{}")
    monkeypatch.setattr(repository, "SOURCES", tmp_path)
    names = {"package.json", "package-lock.json", ".gitignore"}
    assert files_of("v1.0.0").keys() == {
        "CHANGELOG.md",
        *(f"{app}/{name}" for app in repository.APPS for name in names),
    }
