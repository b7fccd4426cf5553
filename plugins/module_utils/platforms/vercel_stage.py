# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The build of a release by where it comes from: files that are sent, a commit that Vercel is asked to build, or a build of Vercel's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.errors import ConfigError
from ..core.source import checkout, list_files
from .vercel import Vercel
from .vercel_git import full_commit, git_source, own_build
from .vercel_states import Deployment, Project, production
from .vercel_upload import Files, create, digest, layout


@dataclass
class Build:
    """``found`` is the build that there is already. Else it is made of ``files``, or of what ``body`` says; ``told`` says so to the operator."""

    meta: dict[str, str]
    found: Deployment | None = None
    files: Files = field(default_factory=dict)
    body: dict[str, Any] | None = None
    told: dict[str, str] = field(default_factory=dict)

    @property
    def size(self) -> dict[str, int]:
        return {"files": len(self.files), "bytes": sum(file.size for _unused, file in self.files.values())}

    def make(self, client: Vercel, project: Project) -> tuple[Deployment, dict[str, int]]:
        """Ask for the build; return it, and how many ``files`` and ``bytes`` were sent."""
        return create(client, project, self.files, self.meta, self.body)


def choose(client: Vercel, project: Project, params: Mapping[str, Any]) -> Build:
    """Return the build of a release as a module's options describe it. Writes nothing. Raises ConfigError."""
    release = params["release"] or params["ref"]
    if not release:
        raise ConfigError("Nothing says what the release is called. Set release, or set ref to its tag.", code="no_release")
    commit = full_commit(params["commit"] or "") if params["commit"] or params["source"] in ("commit", "adopt") else ""
    build = Build({**{key: str(value) for key, value in params["meta"].items()}, "release": release})
    {"commit": _commit, "adopt": _adopt}.get(params["source"], _upload)(client, project, params, commit, build)
    return build


def _upload(client: Vercel, project: Project, params: Mapping[str, Any], commit: str, build: Build) -> None:
    if not params["path"]:
        raise ConfigError("There is nothing to upload. Set path to the folder or the repository of the release, or set source.", code="no_source")
    source = client.held.enter_context(checkout(params["path"], params["ref"], params["root_directory"]))
    if commit and source.commit != commit:
        what = f"{params['ref']!r} stands for {source.commit}" if source.commit else "A folder without ref stands for no commit"
        raise ConfigError(f"{what}, and commit is {commit}. Correct ref or commit; a tag may have been moved.", code="moved_ref")
    build.files = layout(list_files(source.root), project, params["root_directory"])
    build.meta.update({"source_digest": digest(build.files), **({"commit": source.commit} if source.commit else {})})
    build.told = {"upload": f"{build.size['files']} files, {build.size['bytes']} bytes, less what Vercel holds already"}
    build.found = client.find(project, build.meta)


def _commit(client: Vercel, project: Project, params: Mapping[str, Any], commit: str, build: Build) -> None:
    source = git_source(project, commit)
    build.body = {"gitSource": source}
    build.meta["commit"] = commit
    build.told = {"build": f"{commit} of the repository at {source['type']} that the project is linked to"}
    build.found = client.find(project, build.meta)


def _adopt(client: Vercel, project: Project, params: Mapping[str, Any], commit: str, build: Build) -> None:
    build.found = own_build(client, project, commit)
    if build.found["uid"] == (production(project) or {}).get("id"):
        client.waiter.warn(f"Production serves {build.found['uid']} already: Vercel's own build of {commit} went live past every check.")
