# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example shop's git repository: one commit and one tag for each release, the same ids wherever it is made."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from .state import SandboxError

SOURCES = Path(__file__).parent / "shop"
APPS = ("apps/backend", "apps/frontend")


@dataclass(frozen=True)
class Release:
    """A tag, the release it builds on, and what it is for; its files are those of its ancestors with its own above."""

    tag: str
    parent: str | None
    branch: str
    date: str
    summary: str


RELEASES = (
    Release("v1.0.0", None, "main", "2026-02-02T10:00:00+00:00", "The shop opens."),
    Release(
        "v1.1.0",
        "v1.0.0",
        "main",
        "2026-03-02T10:00:00+00:00",
        "Products can be reviewed. Adds a migration; v1.0.0 runs on the new schema too.",
    ),
    Release(
        "v1.1.1", "v1.1.0", "release/1.1", "2026-03-16T10:00:00+00:00", "A patch of both apps, without a migration."
    ),
    Release(
        "v1.2.0",
        "v1.1.0",
        "main",
        "2026-04-06T10:00:00+00:00",
        "Payments. Its backend never becomes healthy: the release that has to be put back.",
    ),
    Release(
        "v1.3.0-broken-frontend",
        "v1.1.1",
        "release/1.3",
        "2026-04-20T10:00:00+00:00",
        "Pages that show a wrong release: a public check has to fail.",
    ),
    Release(
        "v2.0.0",
        "v1.1.1",
        "release/2.0",
        "2026-05-04T10:00:00+00:00",
        "Prices have a currency. Earlier releases do not run on the new schema.",
    ),
)
_BY_TAG = {release.tag: release for release in RELEASES}
_SOMEBODY = "The Shop <developers@shop.example>"


def build(destination: Path) -> list[str]:
    """Make the repository in ``destination``, checked out at main, and return its tags; one that is current stays as it
    is.

    Raises SandboxError when the folder holds something else, or git fails.
    """
    stream = b"".join(_stream())
    digest = hashlib.sha256(stream).hexdigest()
    made_from = destination / ".git" / "made-from"
    tags = [release.tag for release in RELEASES]
    if made_from.exists() and made_from.read_text() == digest:
        return tags
    if destination.exists() and any(destination.iterdir()) and not made_from.exists():
        raise SandboxError(f"{destination} is not the example shop's repository: move it away, or name another folder.")
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=destination.parent, prefix=".shop-") as folder:
        draft = Path(folder) / "shop"
        _git(draft.parent, "init", "--quiet", "--template=", "--initial-branch=main", str(draft))
        _git(draft, "fast-import", "--quiet", stdin=stream)
        _git(draft, "reset", "--quiet", "--hard", "main")
        (draft / ".git" / "made-from").write_text(digest)
        shutil.rmtree(destination, ignore_errors=True)
        draft.rename(destination)
    return tags


def files_of(tag: str) -> dict[str, bytes]:
    """Return a release's files by their paths in the repository."""
    ancestry = _ancestry(tag)
    files = {path: content for app in APPS for path, content in _app_files(app)}
    for release in ancestry:
        overlay = SOURCES / "releases" / release.tag
        files |= {
            path.relative_to(overlay).as_posix(): path.read_bytes() for path in overlay.rglob("*") if path.is_file()
        }
    for app in APPS:
        for name in ("package.json", "package-lock.json"):
            files[f"{app}/{name}"] = _with_version(files[f"{app}/{name}"], tag.removeprefix("v"))
    entries = [f"## {release.tag} ({release.date[:10]})\n\n{release.summary}\n" for release in reversed(ancestry)]
    return {**files, "CHANGELOG.md": "\n".join(["# Changelog\n", *entries]).encode()}


def _ancestry(tag: str) -> list[Release]:
    release = _BY_TAG[tag]
    return [*(_ancestry(release.parent) if release.parent else []), release]


def _app_files(app: str) -> Iterator[tuple[str, bytes]]:
    """Yield the files of an app, without what its .gitignore names, since it may have been built in place."""
    folder = SOURCES / app
    ignored = {line.strip("/") for line in (folder / ".gitignore").read_text().split()}
    for entry in folder.iterdir():
        if entry.name not in ignored:
            for path in [entry] if entry.is_file() else entry.rglob("*"):
                if path.is_file():
                    yield path.relative_to(SOURCES).as_posix(), path.read_bytes()


def _with_version(content: bytes, version: str) -> bytes:
    """Set the version of a package.json, or of a package-lock.json, which contains it twice."""
    manifest = json.loads(content)
    for package in (manifest, manifest.get("packages", {}).get("")):
        if package:
            package["version"] = version
    return (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode()


def _stream() -> Iterator[bytes]:
    """Yield what `git fast-import` makes the repository of."""
    marks = {release.tag: f":{number}" for number, release in enumerate(RELEASES, 1)}
    for release in RELEASES:
        when = f"{_SOMEBODY} {int(datetime.fromisoformat(release.date).timestamp())} +0000"
        message = _data(f"Release {release.tag}\n\n{release.summary}\n".encode())
        yield f"commit refs/heads/{release.branch}\nmark {marks[release.tag]}\ncommitter {when}\n".encode() + message
        if release.parent:
            yield f"from {marks[release.parent]}\n".encode()
        yield b"deleteall\n"
        for path, content in sorted(files_of(release.tag).items()):
            yield f"M 100644 inline {path}\n".encode() + _data(content)
        yield f"tag {release.tag}\nfrom {marks[release.tag]}\ntagger {when}\n".encode() + message


def _data(content: bytes) -> bytes:
    return f"data {len(content)}\n".encode() + content + b"\n"


def _git(folder: Path, *arguments: str, stdin: bytes = b"") -> None:
    """Run git without anybody's configuration, and away from a repository that the caller may be in the middle of."""
    env = {"PATH": os.environ.get("PATH", os.defpath), "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    done = subprocess.run(["git", *arguments], cwd=folder, env=env, input=stdin, capture_output=True, check=False)
    if done.returncode != 0:
        raise SandboxError(
            f"`git {arguments[0]}` failed while the shop's repository was made:"
            f" {done.stderr.decode(errors='replace').strip()}"
        )
