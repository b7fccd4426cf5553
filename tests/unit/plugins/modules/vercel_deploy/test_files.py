# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vercel_deploy sends the files of a folder and of a tag."""

from __future__ import annotations

import subprocess

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.vercel import upload

from tests.unit.plugins.vercel_deploys import (
    commit,
    stage,
    uploaded,
    written,
)


def test_a_folder_is_uploaded_without_what_its_ignore_files_and_vercels_own_client_leave_out(account, shop):
    frontend = shop / "apps" / "frontend"
    for name in ("debug.log", "secret.txt", "draft.md", ".env.production.local", "dist/page.html", "dist/map.js"):
        (frontend / name).parent.mkdir(exist_ok=True)
        (frontend / name).write_text(name)
    (shop / ".gitignore").write_text("*.log\n")
    (frontend / ".gitignore").write_text("secret.txt\ndist\n")
    (frontend / ".vercelignore").write_text("*.md\n!dist\n*.js\n")
    stage(shop, ref=None, release="v1.1.0")
    assert uploaded(account) == [".vercelignore", "dist/page.html", "package.json", "page.tsx"]


def test_a_ref_ignores_gitignore_since_its_files_are_committed(account, shop):
    frontend = shop / "apps" / "frontend"
    (frontend / ".gitignore").write_text("page.tsx\n")
    (frontend / ".vercelignore").write_text("package.json\n")
    for command in (["add", "."], ["commit", "--quiet", "--message", "v1.2.0"], ["tag", "v1.2.0"]):
        subprocess.run(["git", "-C", str(shop), "-c", "user.name=t", "-c", "user.email=t@t.test", *command], check=True)
    stage(shop, ref="v1.2.0")
    assert uploaded(account) == [".vercelignore", "page.tsx"]


def test_a_ref_uses_vercelignore_files_above_the_root_directory_like_a_folder(account, shop):
    (shop / ".vercelignore").write_text("apps/frontend/*.md\n/page.tsx\n")
    (shop / "apps" / "frontend" / "draft.md").write_text("draft")
    for command in (["add", "."], ["commit", "--quiet", "--message", "v1.2.0"], ["tag", "v1.2.0"]):
        subprocess.run(["git", "-C", str(shop), "-c", "user.name=t", "-c", "user.email=t@t.test", *command], check=True)
    (shop / ".vercelignore").write_text("*\n")  # which nobody has committed
    stage(shop, ref="v1.2.0")
    assert uploaded(account) == ["package.json", "page.tsx"]


def test_a_committed_env_file_is_sent_and_a_local_one_is_not(account, shop):
    for name in (".env", ".env.production", ".env.local", ".env.production.local"):
        (shop / "apps" / "frontend" / name).write_text("A=1")
    commit(shop, "v1.2.0")
    stage(shop, ref="v1.2.0")
    assert uploaded(account) == [".env", ".env.production", "package.json", "page.tsx"]


@pytest.mark.parametrize("ref", [None, "v1.2.0"])
def test_an_executable_bit_is_a_change_and_is_sent_from_a_folder_and_a_ref(account, shop, ref):
    script = shop / "apps" / "frontend" / "build.sh"
    script.write_text("#!/bin/sh")
    script.chmod(0o644)
    commit(shop, "v1.1.1")
    stage(shop, ref=ref and "v1.1.1", release="v1.2.0")
    assert not stage(shop, ref=ref and "v1.1.1", release="v1.2.0", check=True)["changed"]
    script.chmod(0o744)
    commit(shop, "v1.2.0")
    result = stage(shop, ref=ref, release="v1.2.0", check=True)
    assert (result["changed"], result["diff"]["after"]["upload"]) == (
        True,
        "3 files, 1 executable, 38 bytes, less what Vercel holds already",
    )
    stage(shop, ref=ref, release="v1.2.0")
    modes = {file["file"]: file["mode"] for file in account.asked("POST /v13/deployments")[-1].json()["files"]}
    assert modes == {"build.sh": 0o100755, "package.json": 0o100644, "page.tsx": 0o100644}


def test_more_files_than_vercel_takes_are_refused_in_check_mode_with_where_they_are(account, shop, monkeypatch):
    monkeypatch.setattr(upload, "FILES", 3)
    for number in range(3):
        (shop / "apps" / "frontend" / "public").mkdir(exist_ok=True)
        (shop / "apps" / "frontend" / "public" / f"{number}.png").touch()
    result = stage(shop, ref=None, release="v1.1.0", check=True)
    assert result["error"]["code"] == "too_many_files"
    assert "There are 5 files to upload, but Vercel accepts 3" in result["msg"]
    assert "most of them are in public (3)" in result["msg"]


def test_a_root_directory_that_links_out_of_the_source_is_refused_in_check_mode_too(account, shop, tmp_path_factory):
    (shop / "apps" / "web").symlink_to(tmp_path_factory.mktemp("elsewhere"))
    for prebuilt_ in (False, True):
        result = stage(shop, ref=None, release="v1.1.0", root_directory="apps/web", check=True, prebuilt=prebuilt_)
        assert result["error"]["code"] == "link_outside"
        assert f"{shop}/apps/web is a link to" in result["msg"]


@pytest.mark.parametrize("option", ["path", "ref", "root_directory"])
def test_a_nul_in_a_path_or_a_ref_is_refused(account, shop, option):
    result = stage(shop, check=False, **{option: "a\0b"})
    # from Python 3.12 on core itself refuses it, before the module starts
    if result["msg"].startswith("Failed to log to syslog"):
        return
    assert (result["error"]["kind"], f"{option} 'a\\x00b' contains a NUL" in result["msg"]) == ("config", True)


def test_ignore_files_that_leave_nothing_are_refused(account, shop):
    (shop / "apps" / "frontend" / ".vercelignore").write_text("*\n")
    result = stage(shop, ref=None, release="v1.1.0")
    assert ".gitignore and .vercelignore and the rules of Vercel's own client leave out every file" in result["msg"]
    assert written(account) == []
