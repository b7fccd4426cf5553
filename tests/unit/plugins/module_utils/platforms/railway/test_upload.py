# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The archive that Railway gets."""

from __future__ import annotations

import os
import tarfile
import tracemalloc
from pathlib import Path

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.railway.upload import digest, files_of, pack
from ansible_collections.storefront.runbook.plugins.module_utils.source.checkout import Source
from ansible_collections.storefront.runbook.plugins.module_utils.source.files import list_files


@pytest.fixture
def app(tmp_path) -> Path:
    root = tmp_path / "app"
    for name in ("src/server.js", "package.json", "node_modules/left-pad/index.js", ".git/config"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (root / "start.sh").write_text("exec node src/server.js")
    (root / "start.sh").chmod(0o750)
    return root


def content(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    assert file is not None
    return file.read()


def test_the_archive_has_the_files_below_a_dot_and_nothing_that_is_never_uploaded(app, tmp_path):
    pack(files_of(Source(app, None), app), tmp_path / "a.tar.gz")
    with tarfile.open(tmp_path / "a.tar.gz") as tar:
        assert {member.name: oct(member.mode) for member in tar} == {
            "./package.json": "0o644",
            "./src/server.js": "0o644",
            "./start.sh": "0o755",
        }
        assert content(tar, "./src/server.js") == b"src/server.js"


def test_the_same_files_give_the_same_bytes(app, tmp_path):
    pack(list_files(app), tmp_path / "a.tar.gz")
    os.utime(app / "package.json", (1, 1))
    pack(list_files(app), tmp_path / "b.tar.gz")
    assert (tmp_path / "a.tar.gz").read_bytes() == (tmp_path / "b.tar.gz").read_bytes()
    assert (tmp_path / "a.tar.gz").read_bytes()[4:8] == bytes(4)  # gzip's own time


def test_a_long_path_survives(app, tmp_path):
    long = app / ("deep/" * 40) / ("x" * 120)
    long.parent.mkdir(parents=True)
    long.write_text("far down")
    pack(list_files(app), tmp_path / "a.tar.gz")
    with tarfile.open(tmp_path / "a.tar.gz") as tar:
        assert content(tar, f"./{long.relative_to(app)}") == b"far down"


def test_memory_does_not_grow_with_the_files(app, tmp_path):
    (app / "video.mp4").write_bytes(os.urandom(1 << 20) * 20)
    files = list_files(app)
    tracemalloc.start()
    try:
        pack(files, tmp_path / "a.tar.gz")
        digest(files)
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("change", ["content", "name", "mode"])
def test_the_digest_shows_each_change(app, change):
    before = digest(list_files(app))
    assert digest(list_files(app)) == before
    if change == "content":
        (app / "package.json").write_text("{}")
    elif change == "name":
        (app / "package.json").rename(app / "package.jsom")
    else:
        (app / "package.json").chmod(0o755)
    assert digest(list_files(app)) != before


def sent(root: Path, commit: str | None, top: Path | None = None) -> list[str]:
    return [file.path for file in files_of(Source(root, commit), top or root)]


def test_of_a_folder_what_git_or_railway_ignores_is_left_out(app):
    (app / ".gitignore").write_text("*.log\ndist/\n")
    (app / ".railwayignore").write_text("/docs\n!keep.log\n")
    for name in ("a.log", "keep.log", "dist/a.js", "docs/a.md", "src/docs/a.md"):
        (app / name).parent.mkdir(exist_ok=True, parents=True)
        (app / name).write_text("")
    assert sent(app, None) == [
        ".gitignore",
        ".railwayignore",
        "keep.log",
        "package.json",
        "src/docs/a.md",
        "src/server.js",
        "start.sh",
    ]


def test_of_a_commit_only_what_railway_ignores_is_left_out(app):
    (app / ".gitignore").write_text("*.js\n")  # committed anyway
    (app / ".railwayignore").write_text("start.sh\n")
    assert sent(app, "c0ffee") == [".gitignore", ".railwayignore", "package.json", "src/server.js"]


def test_the_ignore_files_above_the_root_directory_count_for_a_folder(app):
    (app / ".railwayignore").write_text("*.js\n")
    (app / "src" / "app.ts").write_text("")
    assert sent(app / "src", None, app) == ["app.ts"]


def test_a_source_that_is_ignored_altogether_is_refused(app):
    (app / ".railwayignore").write_text("*\n")
    with pytest.raises(ConfigError, match=r"\.gitignore and \.railwayignore leave out every file"):
        sent(app, None)
