# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that names no release takes the only version tag on HEAD, or is refused with the newest releases."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release.head import choose, release_of_head

TAGS = ["v1.10.0", "v1.9.0", "v1.8.1", "nightly", "v1.8.0", "v1.7.0", "v1.6.0"]


@pytest.mark.parametrize(
    ("here", "release"),
    [
        (["v1.9.0"], "v1.9.0"),
        (["latest", "v1.9.0"], "v1.9.0"),
        (["2.0"], "2.0"),
        (["v2.0.0-rc.1"], "v2.0.0-rc.1"),
        ([], ""),
        (["latest"], ""),
        (["v1.9.0", "v1.9.1"], ""),
    ],
)
def test_the_only_version_tag_is_taken(here: list[str], release: str) -> None:
    chosen, why = choose("/srv/shop", here, TAGS)
    assert chosen == release
    assert bool(why) != bool(release)


def test_why_none_is_taken_names_the_five_newest_releases() -> None:
    newest = "The newest releases are v1.10.0, v1.9.0, v1.8.1, v1.8.0, v1.7.0"
    assert choose("/srv/shop", [], TAGS)[1] == f"HEAD of /srv/shop has no version tag. {newest}"
    several = choose("/srv/shop", ["v1.9.0", "v1.10.0"], TAGS)[1]
    assert several == f"HEAD of /srv/shop has several version tags (v1.9.0, v1.10.0). {newest}"
    assert "git fetch --tags" in choose("/srv/shop", [], ["nightly"])[1]


def test_git_is_asked(tmp_path: Path) -> None:
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "PATH": os.environ["PATH"]}

    def git(*words: str) -> None:
        who = ["-c", "user.name=t", "-c", "user.email=t@shop.example"]
        subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, env=quiet, capture_output=True)

    assert release_of_head(str(tmp_path)) == ("", ""), "what is no repository is refused elsewhere"
    git("init", "--quiet")
    assert "has no version tag" in release_of_head(str(tmp_path))[1], "no commit yet"
    git("commit", "--quiet", "--allow-empty", "--message", "one")
    git("tag", "v1.0.0")
    assert release_of_head(str(tmp_path)) == ("v1.0.0", "")
    git("commit", "--quiet", "--allow-empty", "--message", "two")
    assert release_of_head(str(tmp_path))[1].endswith("The newest releases are v1.0.0")
