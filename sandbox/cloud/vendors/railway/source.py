# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Railway's deployments come from: an uploaded archive, or a commit of the repository that a service
is connected to.
"""

from __future__ import annotations

import gzip
import io
import subprocess
import tarfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from ...state import Service, Storefront, UnitDeployment

if TYPE_CHECKING:
    from ...builds import Blobs
    from .jobs import RailwayJobs


class NoSource(Exception):
    """There is nothing to deploy; the message is the vendor's."""


def unpack(blobs: Blobs, archive: bytes, mode: str) -> dict[str, str]:
    """Store the files and links of an archive and return path → entry. Raises NoSource for what is none, or
    reaches outside.
    """
    files = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode=mode) as tar:  # type: ignore[call-overload]
            for member in tar:
                path = PurePosixPath(member.name)
                if path.is_absolute() or ".." in path.parts:
                    raise NoSource(f"The archive reaches outside of its root: {member.name}")
                if kept := blobs.put_member(tar, member):
                    files[str(path)] = kept
    except (tarfile.TarError, gzip.BadGzipFile, EOFError) as error:
        raise NoSource(f"The body is not a tar.gz archive: {error}") from None
    if not files:
        raise NoSource("The archive has no files")
    return files


def below(files: dict[str, str], root: str | None) -> dict[str, str]:
    """Return the files below a service's root directory, by their paths there."""
    start = PurePosixPath((root or "").strip("/"))
    return {
        str(PurePosixPath(path).relative_to(start)): digest
        for path, digest in files.items()
        if PurePosixPath(path).is_relative_to(start)
    }


class RailwaySource:
    """Repositories are folders on this machine; what a service is connected to is called ``owner/name`` anyway."""

    def __init__(self, jobs: RailwayJobs) -> None:
        self.jobs, self.context = jobs, jobs.context

    def connect_service(self, front: Storefront, wanted: dict[str, Any]) -> Service:
        """Connect a service to a repository. Raises KeyError for what is missing, StopIteration for a
        service that is not there.
        """
        service = front.service(wanted["service"])
        service.source = {"repo": wanted.get("repo", "example/shop"), "branch": wanted.get("branch", "main")}
        service.repository, service.auto_deploy = wanted["repository"], bool(wanted.get("auto_deploy", True))
        if "root_directory" in wanted:
            service.settings["rootDirectory"] = wanted["root_directory"] or None
        self.context.save()
        return service

    def push(self, front: Storefront, commit: str, repository: str) -> list[str]:
        """Deploy ``commit`` to each service that deploys pushes automatically; return the deployments' ids. The
        push is to the service's branch.
        """
        made = []
        for service in front.services.values():
            if service.source.get("repo") and service.auto_deploy:
                service.repository = repository
                made.append(self.deploy(front, service, commit).id)
        return made

    def deploy(self, front: Storefront, service: Service, commit: str) -> UnitDeployment:
        """Deploy a commit of the service's repository. Raises NoSource."""
        if not service.source.get("repo") or not service.repository:
            raise NoSource("Service is not connected to a repository")
        fields = self._git(service, "log", "-1", "--format=%H%x00%s%x00%an", commit).decode().strip().split("\0")
        archive = self._git(service, "archive", "--format=tar", fields[0])
        files = below(unpack(self.context.blobs, archive, "r:"), service.settings.get("rootDirectory"))
        if not files:
            raise NoSource(f"Could not find root directory: {service.settings.get('rootDirectory')}")
        meta = {**service.source, **dict(zip(("commitHash", "commitMessage", "commitAuthor"), fields, strict=True))}
        return self.jobs.deploy(front, service, files, message=None, reason="deploy", meta=meta)

    def deploy_image(self, front: Storefront, service: Service) -> UnitDeployment:
        """Run the service's image. The only ones there are, are builds of this sandbox, by their digests.
        Raises NoSource.
        """
        image = service.source["image"]
        key = image.partition("@sha256:")[2]
        if not key.isalnum() or not self.context.builder.folder(key).is_dir():
            raise NoSource(f"Failed to pull the image {image}: not found")
        return self.jobs.deploy(front, service, {}, message=None, reason="deploy", image=key, meta={"image": image})

    def _git(self, service: Service, *words: str) -> bytes:
        done = subprocess.run(["git", "-C", service.repository, *words], capture_output=True, check=False)
        if done.returncode:
            raise NoSource(f"Commit not found in {service.source['repo']}")
        return done.stdout
