# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a folder: what is uploaded as a link, and what is refused."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.source.checkout import checkout
from ansible_collections.storefront.runbook.plugins.module_utils.source.files import SMALL, list_files


def git(path: Path, *words: str) -> None:
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
    subprocess.run(["git", "-C", str(path), *identity, *words], check=True, capture_output=True)


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def names(root: Path, **options: Any) -> list[str]:
    return [file.path for file in list_files(root, **options)]


def refusal(act: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(ConfigError) as caught:
        act()
    return caught.value.details["code"], str(caught.value)


def test_a_link_to_a_file_inside_is_followed(tmp_path: Path) -> None:
    write(tmp_path, {"real": "text"})
    (tmp_path / "alias").symlink_to("real")
    assert names(tmp_path) == ["alias", "real"]


@pytest.mark.parametrize("committed", [False, True])
def test_a_link_out_of_the_source_is_refused(tmp_path: Path, committed: bool) -> None:
    root = tmp_path / "shop"
    write(tmp_path, {"secret": "1", "shop/a": ""})
    (root / "alias").symlink_to("../secret")
    if committed:
        git(root, "init", "--quiet")
        git(root, "add", "-A")
        git(root, "commit", "--quiet", "-m", "link")
    with (
        checkout(root, "HEAD" if committed else None) as source,
        pytest.raises(ConfigError, match="is a link out of the source folder"),
    ):
        list_files(source.root)


@pytest.mark.parametrize("target", ["../other", "lib"])
def test_a_link_to_a_folder_is_refused_rather_than_left_out(tmp_path: Path, target: str) -> None:
    write(tmp_path, {"other/a": "", "shop/lib/b": ""})
    (tmp_path / "shop/alias").symlink_to(target)
    with pytest.raises(ConfigError, match="is a link to a folder"):
        list_files(tmp_path / "shop")


def test_a_name_that_is_not_utf8_is_refused_and_any_other_is_taken(tmp_path: Path) -> None:
    write(tmp_path, {"with blank": "", "[slug]/page.tsx": "", "ä+%.txt": "", "@modal/(.)x": ""})
    assert names(tmp_path) == ["@modal/(.)x", "[slug]/page.tsx", "with blank", "ä+%.txt"]
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.txt")).touch()
    with pytest.raises(ConfigError, match=r"not UTF-8: b'\\xff\.txt'\. Rename it"):
        list_files(tmp_path)


def test_a_folder_that_cannot_be_read_is_refused_rather_than_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"a": "", "locked/b": ""})
    refuse_to_open(monkeypatch, "locked")
    with pytest.raises(ConfigError, match=r"locked cannot be read: Permission denied\. Correct its permissions"):
        list_files(tmp_path)


def refuse_to_open(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """These tests may run as root, to whom everything opens."""
    open_ = os.open

    def refuse(path: str, *rest: Any, **options: Any) -> int:
        if str(path).endswith(name):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return open_(path, *rest, **options)

    monkeypatch.setattr(os, "open", refuse)


def test_a_file_that_cannot_be_read_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"locked": ""})
    refuse_to_open(monkeypatch, "locked")
    code, message = refusal(list_files(tmp_path)[0].sha1)
    assert (code, "locked cannot be read: Permission denied. Correct its permissions" in message) == (
        "unreadable_file",
        True,
    )


LINKS = {  # how a link in the folder "shop" leads out of it
    "absolute": "/etc/hostname",
    "up": "../secret",
    "up and down": "deep/../../secret",
    "missing": "../missing",
    "through a folder": "out/secret",
    "to a link": "second",
}


@pytest.mark.parametrize("keep_links", [False, True])
@pytest.mark.parametrize("committed", [False, True])
@pytest.mark.parametrize("leads", LINKS)
def test_a_link_that_leads_out_is_refused_however_it_does_and_whatever_becomes_of_links(
    tmp_path: Path, leads: str, committed: bool, keep_links: bool
) -> None:
    root = tmp_path / "shop"
    write(tmp_path, {"secret": "1", "shop/deep/a": ""})
    (root / "a link").symlink_to(LINKS[leads])
    if leads == "through a folder":
        (root / "out").symlink_to("..")
    if leads == "to a link":
        (root / "second").symlink_to("../secret")
    if committed:
        git(root, "init", "--quiet")
        git(root, "add", "-A")
        git(root, "commit", "--quiet", "-m", "link")
    with checkout(root, "HEAD" if committed else None) as source:
        left_out = ("out", "second", ".git")
        code, message = refusal(
            lambda: list_files(source.root, lambda path, _folder: path.endswith(left_out), keep_links=keep_links)
        )
        assert (code, f"{source.root}/a link" in message) == ("link_outside", True)


def test_kept_links_say_where_they_lead_and_are_no_copies(tmp_path: Path) -> None:
    write(tmp_path, {"lib/real": "text"})
    for name, leads in {"lib/alias": "real", "folder": "lib", "gone": "lib/gone", "lib/up": "../lib/real"}.items():
        (tmp_path / name).symlink_to(leads)
    listed = {file.path: file for file in list_files(tmp_path, keep_links=True)}
    assert {path: (file.link, oct(file.mode)) for path, file in listed.items()} == {
        "folder": ("lib", "0o120777"),
        "gone": ("lib/gone", "0o120777"),
        "lib/alias": ("real", "0o120777"),
        "lib/real": (None, "0o100644"),
        "lib/up": ("../lib/real", "0o120777"),
    }
    assert (listed["folder"].read(), listed["folder"].size) == (b"lib", 3)


@pytest.mark.parametrize("leads", ["{root}/real", "../shop/real"])
def test_a_kept_link_that_finds_its_target_on_this_machine_only_is_refused(tmp_path: Path, leads: str) -> None:
    write(tmp_path, {"shop/real": ""})
    (tmp_path / "shop/alias").symlink_to(leads.format(root=tmp_path / "shop"))
    assert names(tmp_path / "shop") == ["alias", "real"]
    assert refusal(lambda: names(tmp_path / "shop", keep_links=True))[0] == "link_outside"


@pytest.mark.parametrize("keep_links", [False, True])
def test_a_circle_of_links_is_refused_by_name(tmp_path: Path, keep_links: bool) -> None:
    for name, leads in {"a": "b", "b": "a"}.items():
        (tmp_path / name).symlink_to(leads)
    code, message = refusal(lambda: names(tmp_path, keep_links=keep_links))
    assert (code, f"{tmp_path}/" in message) == ("link_loop", True)


def test_a_link_to_nothing_is_refused_where_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to("gone")
    assert refusal(lambda: names(tmp_path))[0] == "broken_link"


@pytest.mark.parametrize("kind", ["socket", "named pipe", "device"])
def test_what_is_neither_file_nor_folder_is_refused_unless_it_is_left_out(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / "odd"
    if kind == "named pipe":
        os.mkfifo(odd)
    elif kind == "socket":
        monkeypatch.chdir(tmp_path)
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind("odd")
    else:
        try:
            os.mknod(odd, 0o20644, os.makedev(1, 3))
        except PermissionError:
            pytest.skip("only root makes devices")
    assert refusal(lambda: names(tmp_path)) == (
        "special_file",
        f"{odd} is a {kind}, which cannot be uploaded. Remove it, or leave it out.",
    )
    assert names(tmp_path, ignored=lambda path, _folder: path == str(odd)) == []


def test_a_folder_whose_name_is_not_utf8_is_refused(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xfe"))
    folder.mkdir()
    (folder / "a").touch()
    assert refusal(lambda: names(tmp_path))[0] == "file_name"


@pytest.mark.parametrize("size", [5, SMALL + 1])
@pytest.mark.parametrize("change", ["content", "longer", "shorter", "gone", "link", "folder above", "pipe"])
def test_a_file_that_becomes_another_after_it_was_listed_is_not_read(tmp_path: Path, change: str, size: int) -> None:
    write(tmp_path, {"shop/lib/a": "x" * size, "secret/a": "s" * size})
    file = list_files(tmp_path / "shop")[0]
    path = tmp_path / "shop/lib/a"
    if change in ("content", "longer", "shorter"):
        path.write_text("y" * (size + {"content": 0, "longer": 1, "shorter": -1}[change]))
        os.utime(path, (1, 1))
    elif change == "folder above":
        path.parent.rename(tmp_path / "shop/old")
        path.parent.symlink_to(tmp_path / "secret")
    else:
        path.unlink()
        if change == "link":
            path.symlink_to(tmp_path / "secret/a")
        if change == "pipe":
            os.mkfifo(path)
    code, message = refusal(file.sha1)
    assert (code, str(path) in message) == ("unreadable_file" if change == "link" else "changed_file", True)


@pytest.mark.parametrize("change", ["longer", "shorter"])
def test_a_file_that_is_written_to_while_it_is_read_is_refused_at_its_end(tmp_path: Path, change: str) -> None:
    write(tmp_path, {"log": "x" * SMALL * 2})
    with list_files(tmp_path)[0].open() as stream:
        stream.read(10)
        os.truncate(tmp_path / "log", SMALL * (3 if change == "longer" else 1))
        assert refusal(stream.read)[0] == "changed_file"


def test_a_folder_that_becomes_a_link_while_the_tree_is_walked_is_not_entered(tmp_path: Path) -> None:
    write(tmp_path, {"shop/lib/a": "", "secret/a": ""})

    def swap(path: str, is_folder: bool) -> bool:
        if path.endswith("/lib"):
            (tmp_path / "shop/lib").rename(tmp_path / "old")
            (tmp_path / "shop/lib").symlink_to(tmp_path / "secret")
        return False

    assert refusal(lambda: list_files(tmp_path / "shop", swap))[0] == "unreadable_folder"


def test_the_mode_is_the_owners_bit_whatever_the_umask_left_to_others(tmp_path: Path) -> None:
    for mode in (0o600, 0o664, 0o700, 0o755, 0o775, 0o4711):
        (tmp_path / oct(mode)).touch()
        (tmp_path / oct(mode)).chmod(mode)
    assert {file.path: oct(file.mode) for file in list_files(tmp_path)} == {
        **dict.fromkeys(("0o600", "0o664"), "0o100644"),
        **dict.fromkeys(("0o700", "0o755", "0o775", "0o4711"), "0o100755"),
    }
