# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is left out of an upload to Vercel. tests/integration/test_vercel_ignore.py holds the patterns
against the client's own library.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.vercel.ignore import layers
from ansible_collections.storefront.runbook.plugins.module_utils.source.files import list_files
from ansible_collections.storefront.runbook.plugins.module_utils.source.ignore import ignored

TREE = [
    *(
        ".env",
        ".env.local",
        ".env.production",
        ".env.x.local",
        ".git/config",
        ".next/a",
        "dist/a",
        "node_modules/a",
        "node_modules/b",
        "page",
    ),
    *("src/.env.local", "target/a"),
]
BY_DEFAULT = [".env", ".env.production", "dist/a", "page", "target/a"]


@pytest.fixture
def app(tmp_path: Path) -> Path:
    for name in TREE:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def kept(app: Path, *, git: bool = False, top: Path | None = None) -> set[str]:
    listed = list_files(app, ignored(layers(app, top or app, git)), keep_links=True)
    return {file.path for file in listed} - {".vercelignore"}


def test_the_defaults_are_the_clients_own(app: Path) -> None:
    assert sorted(kept(app)) == BY_DEFAULT
    (app / "Cargo.toml").touch()
    assert "target/a" not in kept(app)


@pytest.mark.parametrize(
    ("text", "more", "less"),
    [
        ("!.env.local", {".env.local", "src/.env.local"}, set()),
        ("!node_modules", {"node_modules/a", "node_modules/b"}, set()),
        ("!node_modules\nnode_modules/b", {"node_modules/a"}, set()),
        ("!node_modules/a", set(), set()),  # its folder is left out
        ("!.git", {".git/config"}, set()),
        (".ENV\n", set(), {".env"}),
        ("./dist\r\n", set(), {"dist/a"}),
        ("\ufeffdist\npage", set(), {"page"}),  # the client takes the mark for a part of the name
    ],
)
def test_the_clients_ignore_file_comes_after_the_defaults(app: Path, text: str, more: set[str], less: set[str]) -> None:
    (app / ".vercelignore").write_text(text, newline="")
    assert kept(app) == {*BY_DEFAULT, *more} - less


def test_gits_file_counts_for_a_folder_only_between_the_defaults_and_the_clients_file(app: Path) -> None:
    (app / ".gitignore").write_text("!.env.local\ndist\npage\n")
    (app / "src" / ".gitignore").write_text(".env.local\n")
    assert kept(app, git=True) == {*BY_DEFAULT, ".env.local"} - {"dist/a", "page"}
    (app / ".vercelignore").write_text("!dist\n.env.local\n")
    assert kept(app, git=True) == {*BY_DEFAULT} - {"page"}
    assert sorted(kept(app)) == BY_DEFAULT


def test_the_clients_file_counts_in_the_folders_above_but_not_in_those_below(app: Path) -> None:
    (app / ".vercelignore").write_text("src/a\n")
    (app / "src" / "deep").mkdir()
    for name in ("a", "b", "c", "deep/c"):
        (app / "src" / name).touch()
    (app / "src" / ".vercelignore").write_text("b\n")
    (app / "src" / "deep" / ".vercelignore").write_text("c\n")
    assert kept(app / "src", top=app) == {"c", "deep/c", "deep/.vercelignore"}


def test_the_old_name_of_the_file_counts_where_there_is_no_other(app: Path) -> None:
    (app / ".nowignore").write_text("page\n.nowignore\n")
    assert kept(app) == set(BY_DEFAULT) - {"page"}
    (app / ".vercelignore").write_text("dist\n")
    with pytest.raises(ConfigError, match=r"both \.vercelignore and \.nowignore"):
        kept(app)


def test_a_pattern_that_the_client_fails_at_is_refused_by_name(app: Path) -> None:
    (app / ".vercelignore").write_text("page\n[a/b\n")
    with pytest.raises(
        ConfigError, match=r"\.vercelignore cannot be read: Vercel's client cannot read the pattern '\[a/b'"
    ):
        kept(app)
