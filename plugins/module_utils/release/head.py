# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The release of a run that names none: the version tag of the commit that the shop's repository has checked out."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..core.process import run

VERSION = re.compile(r"v?\d+\.\d+(?:\.\d+)?(?:[-+.][0-9A-Za-z.+-]+)?")
NEWEST = 5


def release_of_head(path: str) -> tuple[str, str]:
    """Return the only version tag on HEAD of the repository at ``path``, or why there is none to take; both empty
    where it is no repository, which is refused elsewhere.
    """
    listed = run(["git", "-C", path, "tag", "--list", "--sort=-version:refname"], check=False)
    if listed.returncode != 0:
        return "", ""
    here = run(["git", "-C", path, "tag", "--list", "--points-at", "HEAD"], check=False)
    return choose(path, here.stdout.split(), listed.stdout.split())


def choose(path: str, here: Sequence[str], tags: Sequence[str]) -> tuple[str, str]:
    """Return the release, or why none is taken. ``here`` are the tags on HEAD, ``tags`` all, the newest first."""
    versions = [tag for tag in here if VERSION.fullmatch(tag)]
    if len(versions) == 1:
        return versions[0], ""
    newest = [tag for tag in tags if VERSION.fullmatch(tag)][:NEWEST]
    what = f"has several version tags ({', '.join(versions)})" if versions else "has no version tag"
    offered = (
        f"The newest releases are {', '.join(newest)}"
        if newest
        else "No release is tagged there: fetch the tags (git fetch --tags)"
    )
    return "", f"HEAD of {path} {what}. {offered}"
