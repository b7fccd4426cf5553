# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make release` checks before it builds, and that two builds of one commit are equal."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest

from tests import release


def tree(folder: Path, version: str, other: str) -> Path:
    (folder / "galaxy.yml").write_text(f"version: {version}\n")
    (folder / "pyproject.toml").write_text(f'[project]\nversion = "{other}"\n')
    return folder


def test_both_files_have_one_semantic_version(tmp_path: Path) -> None:
    assert release.version_of(tree(tmp_path, "1.2.3", "1.2.3")) == "1.2.3"
    assert release.version_of(tree(tmp_path, "2.0.0-rc.1", "2.0.0-rc.1")) == "2.0.0-rc.1"
    for version, other, words in (("1.2", "1.2", "semantic version"), ("1.2.3", "1.2.4", "Make them the same")):
        with pytest.raises(release.Refused, match=words):
            release.version_of(tree(tmp_path, version, other))


def test_the_version_of_this_checkout_can_be_released() -> None:
    assert release.version_of(release.ROOT)


def archive(folder: Path, name: str, when: int) -> Path:
    """An archive as another account on another day would make it."""
    files = folder / f"{name}-files"
    files.mkdir()
    for made in ("b.txt", "a.txt", "MANIFEST.json") if when % 2 else ("MANIFEST.json", "a.txt", "b.txt"):
        (files / made).write_text(made)
        os.utime(files / made, (when, when))
    packed = folder / f"{name}.tar.gz"
    with tarfile.open(packed, "w:gz") as new:
        for path in files.iterdir():
            new.add(path, path.name)
    return packed


def test_what_is_packed_again_is_the_same(tmp_path: Path) -> None:
    packed = [archive(tmp_path, name, when) for name, when in (("one", 1_700_000_001), ("two", 1_700_000_100))]
    assert release.digest(packed[0]) != release.digest(packed[1])
    for one in packed:
        release.repack(one, 1_700_000_000)
    assert release.digest(packed[0]) == release.digest(packed[1])
    with tarfile.open(packed[0]) as again:
        assert again.getnames() == ["MANIFEST.json", "a.txt", "b.txt"]
        assert {(one.mtime, one.uid, one.uname) for one in again.getmembers()} == {(1_700_000_000, 0, "")}


def test_the_artefact_is_installed_although_this_checkout_is_the_same_collection(tmp_path: Path) -> None:
    small = tmp_path / "small"
    (small / "playbooks").mkdir(parents=True)
    (small / "README.md").write_text("small")
    (small / "galaxy.yml").write_text(
        "namespace: storefront\nname: runbook\nversion: 1.0.0\nreadme: README.md\nauthors: [test]\nlicense: [MIT]\n"
    )
    (small / "playbooks/deploy.yml").write_text("- hosts: localhost\n  tasks: []\n")
    release.run(str(release.BIN / "ansible-galaxy"), "collection", "build", "--output-path", str(tmp_path), cwd=small)
    release.check_installed(tmp_path / "storefront-runbook-1.0.0.tar.gz", tmp_path)
    assert (tmp_path / "collections/ansible_collections/storefront/runbook/FILES.json").exists()
