# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the platforms read of a git repository on this machine, in place of one at GitHub."""

from __future__ import annotations

import asyncio
import io
import tarfile

from .builds import Blobs


class NoCommit(LookupError):
    """The repository has no such commit."""


async def resolve(repository: str, ref: str) -> str:
    """Return the full SHA that a tag, branch or commit stands for. Raises NoCommit."""
    return (
        (await _git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"))
        .decode()
        .strip()
    )


async def subject(repository: str, commit: str) -> str:
    """Return the first line of a commit's message."""
    return (await _git(repository, "show", "--no-patch", "--format=%s", commit)).decode().strip()


async def files(repository: str, commit: str, folder: str, blobs: Blobs) -> dict[str, str]:
    """Store the files of a commit below ``folder``, and return path in the repository → entry. Raises NoCommit."""
    archive = await _git(repository, "archive", "--format=tar", commit, *([folder] if folder else []))
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {member.name: kept for member in tar if (kept := blobs.put_member(tar, member))}


async def _git(repository: str, *arguments: str) -> bytes:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        "git", "-C", repository, *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe
    )
    output, error = await process.communicate()
    if process.returncode != 0:
        raise NoCommit(
            f"{repository}: {error.decode(errors='replace').strip() or 'it has no such tag, branch or commit'}"
        )
    return output
