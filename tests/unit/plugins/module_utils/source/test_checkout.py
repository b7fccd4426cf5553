# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a release, from real git repositories and folders."""

from __future__ import annotations

import os
import subprocess
import tracemalloc
from pathlib import Path

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.source.checkout import checkout, resolve, tags
from ansible_collections.storefront.runbook.plugins.module_utils.source.files import list_files


def git(path: Path, *words: str) -> str:
    identity = [
        "-c",
        "user.name=Shop",
        "-c",
        "user.email=shop@shop.example",
        "-c",
        "init.defaultBranch=main",
        "-c",
        "commit.gpgsign=false",
    ]
    return subprocess.run(
        ["git", "-C", str(path), *identity, *words], check=True, capture_output=True, text=True
    ).stdout.strip()


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def names(root: Path) -> list[str]:
    return [file.path for file in list_files(root)]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two releases; the work tree has an uncommitted change and a file that was never added."""
    root = tmp_path / "shop"
    write(root, {"apps/api/server.js": "one", "apps/web/index.html": "<p>one", "README.md": "shop"})
    (root / "apps/api/start.sh").write_text("#!/bin/sh\n")
    (root / "apps/api/start.sh").chmod(0o755)
    git(root, "init", "--quiet")
    for release in ("v1.0.0", "v1.1.0"):
        write(root, {"apps/api/version": release})
        git(root, "add", "-A")
        git(root, "commit", "--quiet", "-m", release)
        git(root, "tag", "-a", release, "-m", release)
    write(root, {"apps/api/server.js": "not committed", "apps/api/.env.production": "SECRET=1"})
    return root


def test_a_ref_gives_the_committed_files_and_never_the_work_tree(repository: Path) -> None:
    with checkout(repository, "v1.1.0", "apps/api") as source:
        assert names(source.root) == ["server.js", "start.sh", "version"]
        assert (source.root / "server.js").read_text() == "one"
        assert (source.root / "version").read_text() == "v1.1.0"
        assert source.commit == git(repository, "rev-parse", "v1.1.0^{commit}")
        assert {file.path: file.executable for file in list_files(source.root)} == {
            "server.js": False,
            "start.sh": True,
            "version": False,
        }
    assert not source.root.exists()


def test_the_ignore_files_above_a_subdirectory_come_with_it_as_they_were_committed(repository: Path) -> None:
    write(repository, {".vercelignore": "*.md\n", "apps/.vercelignore": "*.js\n"})
    git(repository, "add", ".vercelignore", "apps/.vercelignore")
    git(repository, "commit", "--quiet", "-m", "v1.2.0")
    write(repository, {".vercelignore": "not committed\n"})
    with checkout(repository, "HEAD", "apps/api", ".vercelignore") as source:
        assert source.top
        assert source.root == source.top / "apps" / "api"
        assert names(source.root) == ["server.js", "start.sh", "version"]
        assert [path.read_text() for path in (source.top / ".vercelignore", source.top / "apps/.vercelignore")] == [
            "*.md\n",
            "*.js\n",
        ]
    with checkout(repository, "HEAD", "apps/api") as source:
        assert [path.name for path in (source.top or source.root).iterdir()] == ["apps"]


def test_an_older_tag_a_branch_and_a_commit_are_refs_as_well(repository: Path) -> None:
    with checkout(repository, "v1.0.0", "apps/api") as source:
        assert (source.root / "version").read_text() == "v1.0.0"
    head = git(repository, "rev-parse", "HEAD")
    assert resolve(repository, "main") == resolve(repository, head[:10]) == head


def test_without_a_subdirectory_the_whole_tree_comes(repository: Path) -> None:
    with checkout(repository, "v1.0.0") as source:
        assert "apps/web/index.html" in names(source.root)


def test_a_folder_is_read_as_it_is_with_its_uncommitted_files(repository: Path) -> None:
    with checkout(repository, None, "apps/api") as source:
        assert source.commit is None
        assert names(source.root) == [".env.production", "server.js", "start.sh", "version"]
        assert (source.root / "server.js").read_text() == "not committed"


def test_sizes_and_digests_are_those_of_the_contents(tmp_path: Path) -> None:
    write(tmp_path, {"a": "hello"})
    (file,) = list_files(tmp_path)
    assert (file.size, file.sha1()) == (5, "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d")


@pytest.mark.parametrize("ref", ["v9.9.9", "--help", "v1.0.0:README.md", ""])
def test_an_unknown_release_is_refused_by_name(repository: Path, ref: str) -> None:
    with pytest.raises(ConfigError, match=r"Fetch the tags") as caught, checkout(repository, ref):
        pass
    assert caught.value.details["code"] == "unknown_release"
    assert repr(ref) in str(caught.value)


def test_a_folder_that_is_no_repository_is_distinguished_from_an_unknown_release(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigError, match=r"not a git repository.*Set source_path") as caught,
        checkout(tmp_path, "v1.0.0"),
    ):
        pass
    assert caught.value.details["code"] == "no_repository"


@pytest.mark.parametrize("ref", [None, "v1.0.0"])
def test_a_subdirectory_that_is_not_there_is_refused(repository: Path, ref: str | None) -> None:
    with pytest.raises(ConfigError, match="root_directory") as caught, checkout(repository, ref, "apps/gone"):
        pass
    assert caught.value.details["code"] == "no_source"


@pytest.mark.parametrize("ref", [None, "v1.0.0"])
@pytest.mark.parametrize("outside", ["../other", "/etc", "apps/../../other"])
def test_a_subdirectory_outside_of_the_source_is_refused(repository: Path, ref: str | None, outside: str) -> None:
    with pytest.raises(ConfigError, match="must be a folder inside"), checkout(repository, ref, outside):
        pass


def test_an_empty_source_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"node_modules/x": ""})
    with pytest.raises(ConfigError, match="is empty, so there is nothing to deploy") as caught, checkout(tmp_path):
        pass
    assert caught.value.details["code"] == "empty_source"


def test_an_empty_commit_is_refused(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "-m", "nothing")
    with pytest.raises(ConfigError, match="is empty"), checkout(tmp_path, "HEAD"):
        pass


@pytest.mark.parametrize("ref", [None, "v1.0.0"])
def test_a_nul_is_refused_with_the_option_that_has_it(repository: Path, ref: str | None) -> None:
    for option, words in {
        "ref": (repository, "v1\0", "apps"),
        "path": (f"{repository}\0", ref, "apps"),
        "root_directory": (repository, ref, "ap\0ps"),
    }.items():
        with pytest.raises(ConfigError, match=rf"^{option} .*NUL") as caught, checkout(*words):
            pass
        assert caught.value.details["code"] == f"bad_{option}"
    with pytest.raises(ConfigError, match="NUL"):
        tags(f"{repository}\0")


@pytest.mark.parametrize("ref", ["v1.0.0\n", "-h", "--output=/tmp/x", "..", "v1.0.0..v1.1.0", "v" * 5000])
def test_a_ref_that_cannot_be_one_is_an_unknown_release(repository: Path, ref: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(repository, ref)
    assert caught.value.details["code"] == "unknown_release"


@pytest.mark.parametrize("leads", ["/etc", "../elsewhere", "inner", "circle"])
def test_a_root_directory_that_leads_out_of_the_source_is_refused_and_its_link_named(
    tmp_path: Path, leads: str
) -> None:
    write(tmp_path, {"elsewhere/web/a": "secret", "shop/apps/web/a": ""})
    (tmp_path / "shop/inner").symlink_to("outer")
    (tmp_path / "shop/outer").symlink_to("../elsewhere")
    (tmp_path / "shop/link").symlink_to(leads)
    (tmp_path / "shop/circle").symlink_to("circle")
    (tmp_path / "shop/inside").symlink_to("apps")
    with checkout(tmp_path / "shop", None, "inside/web") as source:
        assert source.root == tmp_path.resolve() / "shop/apps/web"
    with (
        pytest.raises(ConfigError) as caught,
        checkout(tmp_path / "shop", None, "link/web" if (tmp_path / "shop/link/web").exists() else "link"),
    ):
        pass
    assert caught.value.details.get("code") == ("no_source" if leads == "circle" else "link_outside")
    assert f"{tmp_path}/shop/link" in str(caught.value)


def test_a_commit_is_called_by_its_tag_and_of_several_by_the_highest_version(repository: Path) -> None:
    for words in (["tag", "v1.9.0"], ["tag", "-a", "v1.10.0", "-m", "v1.10.0"], ["tag", "v1.2.0"]):
        git(repository, *words)
    assert tags(repository) == {
        git(repository, "rev-parse", "v1.0.0^{commit}"): "v1.0.0",
        git(repository, "rev-parse", "HEAD"): "v1.10.0",
    }


def test_a_folder_without_a_repository_names_no_releases(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="releases cannot be listed"):
        tags(tmp_path)


def test_memory_does_not_grow_with_a_repository(repository: Path) -> None:
    (repository / "video.mp4").write_bytes(os.urandom(1 << 20) * 20)
    git(repository, "add", "video.mp4")
    git(repository, "commit", "--quiet", "-m", "video")
    tracemalloc.start()
    try:
        with checkout(repository, "HEAD") as source:
            assert (source.root / "video.mp4").stat().st_size == 20 << 20
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
