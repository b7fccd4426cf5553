# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ignore files leave out, held against git itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.source.files import list_files
from ansible_collections.storefront.runbook.plugins.module_utils.source.ignore import constant, ignored, in_each_folder
from ansible_collections.storefront.runbook.plugins.module_utils.source.ignore_git import GitRules


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def kept(root: Path, *names: str, always: str = "") -> list[str]:
    layers = [constant(root, GitRules(always)), *(in_each_folder(root, name) for name in names)]
    return [file.path for file in list_files(root, ignored(layers, frozenset({".git"})))]


TREE = [
    "a.log",
    "keep.log",
    "build/out.js",
    "src/build/x.js",
    "src/a.log",
    "src/deep/b.log",
    "dist/a",
    "dist/keep/b",
    "docs/x.md",
    "#odd",
    "with blank",
    "ä.txt",
]


@pytest.mark.parametrize(
    "rules",
    [
        {".gitignore": "*.log\n!keep.log\n"},
        {".gitignore": "/build\n"},
        {".gitignore": "build/\n"},
        {".gitignore": "dist/*\n!dist/keep\n"},
        {".gitignore": "dist\n!dist/keep/b\n"},
        {".gitignore": "/*\n!/src\n!*.log\n"},
        {".gitignore": "**/deep/*.log\n"},
        {".gitignore": "src/**/b.log\n\\#odd\nwith\\ blank\n"},
        {".gitignore": "*.log\n", "src/.gitignore": "!a.log\n"},
        {".gitignore": "*\n!*/\n!*.md\n"},
        {".gitignore": "*.log\n!src/\n"},
        {".gitignore": "src/**\n!src/**/\n!src/build/x.js\n"},
        {".gitignore": "/src/*\n!/src/deep/\n"},
        {".gitignore": "[a-d]*\n!docs\n?eep.log\n"},
        {".gitignore": "ä.txt   \n# comment\n\n"},
        {"src/.gitignore": "/build\n*.log\n!deep/b.log\n"},
        {".gitignore": "a.log\nb.log/\nbuild/\ndist\n!dist\nkeep.log\nx.js\n"},
        {".gitignore": "a\nb\nout\nsrc \n.\n"},
        {".gitignore": "*.log\r\n!keep.log\r\nbuild/\r\n"},
        {".gitignore": "\ufeff*.log\n!keep.log"},
        {".gitignore": "*.log\t\n*.md\\ \nwith blank\\\n[a\nout.j\\"},
        {".gitignore": "[[:alpha:]].log\n[!a-c]\n[]-]\n[[:what:]]*\n\\a.log"},
        {".gitignore": "??.txt\n"},
        {".gitignore": "?.txt\n*.LOG\n"},
        {".gitignore": "!\n/\n//\n!/\n**\n!**/\n!*.log"},
        {".gitignore": "src**\n!src/\n/**/x.js\n**/build/**\n***/b.log"},
        {".gitignore": "dist/**\n!dist/keep/\n!dist/keep/b\n"},
    ],
)
def test_it_leaves_out_what_git_leaves_out(tmp_path: Path, rules: dict[str, str]) -> None:
    for name in TREE:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for name, text in rules.items():
        (tmp_path / name).write_text(text)
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    listing = [
        "git",
        "-C",
        str(tmp_path),
        "-c",
        "core.excludesFile=",
        "ls-files",
        "-z",
        "--others",
        "--exclude-standard",
    ]
    by_git = subprocess.run(listing, check=True, capture_output=True, text=True).stdout.split("\0")
    assert kept(tmp_path, ".gitignore") == sorted(filter(None, by_git))


def test_a_later_name_overrules_an_earlier_one_and_both_the_defaults(tmp_path: Path) -> None:
    write(
        tmp_path,
        **{
            "a.js": "",
            "out__page.html": "",
            "out__.gitignore": "*",
            "secret": "",
            ".gitignore": "out\nsecret\n",
            ".vercelignore": "!out\n!out/*\n",
        },
    )
    assert kept(tmp_path, ".gitignore", ".vercelignore", always="a.js\nout") == [
        ".gitignore",
        ".vercelignore",
        "out/.gitignore",
        "out/page.html",
    ]
    assert "a.js" in kept(tmp_path, ".gitignore")


def test_the_rules_of_a_folder_above_hold_for_a_folder_below(tmp_path: Path) -> None:
    write(tmp_path, **{".gitignore": "*.log", "apps__web__a.log": "", "apps__web__page": ""})
    app = tmp_path / "apps" / "web"
    assert [file.path for file in list_files(app, ignored([in_each_folder(tmp_path, ".gitignore")]))] == ["page"]


def test_a_link_to_a_folder_that_is_left_out_is_no_error(tmp_path: Path) -> None:
    write(tmp_path, **{"a": "", ".gitignore": "linked"})
    (tmp_path / "linked").symlink_to("/")
    assert kept(tmp_path, ".gitignore") == [".gitignore", "a"]


def test_a_file_that_cannot_be_read_as_text_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    (tmp_path / ".gitignore").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"The ignore file .*\.gitignore cannot be read"):
        kept(tmp_path, ".gitignore")
