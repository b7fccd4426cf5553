# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The build of a release by its source: files that are uploaded, a commit that Vercel builds on request, or
a build that Vercel made after a push.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...core.amounts import number
from ...core.errors import ConfigError
from ...source.checkout import Source, checkout, folder_in
from ...source.files import EXECUTABLE, LINK, SourceFile, list_files
from ...source.ignore import ignored
from .client import Vercel
from .git import full_commit, git_source, own_build
from .ignore import IGNORE_FILE, layers
from .prebuilt import output_files
from .states import Deployment, Project, describe, production
from .upload import Files, create, digest, layout
from .variables import environments, last_change


@dataclass
class Build:
    """``found`` is an existing build. Otherwise it is created from ``files``, or from the source in
    ``body``; ``details`` describes it to the operator.
    """

    meta: dict[str, str]
    found: Deployment | None = None
    files: Files = field(default_factory=dict)
    body: dict[str, Any] | None = None
    details: dict[str, str] = field(default_factory=dict)

    @property
    def size(self) -> dict[str, int]:
        return {"files": len(self.files), "bytes": sum(file.size for _unused, file in self.files.values())}

    def make(self, client: Vercel, project: Project) -> tuple[Deployment, dict[str, int]]:
        """Request the build; return it, and how many ``files`` and ``bytes`` were sent."""
        return create(client, project, self.files, self.meta, self.body)


def choose(client: Vercel, project: Project, params: Mapping[str, Any]) -> Build:
    """Return the build of a release for a module's options. Writes nothing. Raises ConfigError."""
    release = params["release"] or params["ref"]
    if not release:
        raise ConfigError("The release has no name. Set release, or set ref to its tag.", code="no_release")
    commit = full_commit(params["commit"] or "") if params["commit"] or params["source"] in ("commit", "adopt") else ""
    build = Build({**{key: str(value) for key, value in params["meta"].items()}, "release": release})
    if params["environment"] != "production":
        environments(project, [params["environment"]])
        build.meta["environment"] = params["environment"]
    {"commit": _commit, "adopt": _adopt, "redeploy": _redeploy}.get(params["source"], _upload)(
        client, project, params, commit, build
    )
    if params["force"] and params["source"] != "adopt":
        build.found, build.meta["run"] = None, secrets.token_hex(8)
    return build


def _upload(client: Vercel, project: Project, params: Mapping[str, Any], commit: str, build: Build) -> None:
    if not params["path"]:
        raise ConfigError(
            "There is nothing to upload. Set path to the folder or the repository of the release, or set source.",
            code="no_source",
        )
    files, known = (_prebuilt if params["prebuilt"] else _sources)(client, params, commit)
    build.files = layout(files, project, params["root_directory"])
    build.meta.update({"source_digest": digest(build.files), **({"commit": known} if known else {})})
    build.details = {"upload": _summary(build)}
    build.found = client.find(project, build.meta)


def _summary(build: Build) -> str:
    modes = Counter(file.mode for _unused, file in build.files.values())
    special = [f"{modes[mode]} {word}" for mode, word in ((EXECUTABLE, "executable"), (LINK, "links")) if modes[mode]]
    return (
        f"{', '.join([number(len(build.files), 'file'), *special])}, {build.size['bytes']} bytes, less what Vercel"
        " holds already"
    )


def _prebuilt(client: Vercel, params: Mapping[str, Any], commit: str) -> tuple[list[SourceFile], str | None]:
    if params["ref"]:
        raise ConfigError(
            "A ref does not contain the output of `vercel build`. With prebuilt, set release instead of ref, and commit"
            " if it is known.",
            code="prebuilt_ref",
        )
    return output_files(folder_in(params["path"], params["root_directory"]), params["environment"]), commit or None


def _sources(client: Vercel, params: Mapping[str, Any], commit: str) -> tuple[list[SourceFile], str | None]:
    source = client.held.enter_context(checkout(params["path"], params["ref"], params["root_directory"], IGNORE_FILE))
    if commit and source.commit != commit:
        problem = (
            f"{params['ref']!r} is the commit {source.commit}"
            if source.commit
            else "A folder without ref has no commit"
        )
        raise ConfigError(
            f"{problem}, but commit is {commit}. Correct ref or commit; the tag may have been moved.", code="moved_ref"
        )
    return _listed(source, Path(params["path"])), source.commit


def _listed(source: Source, top: Path) -> list[SourceFile]:
    """Return the files to send: those that Vercel's client does not leave out; of a plain folder also
    without those that git ignores.
    """
    top = source.top or top.resolve()
    files = list_files(source.root, ignored(layers(source.root, top, git=not source.commit)), keep_links=True)
    if not files:
        names = IGNORE_FILE if source.commit else f".gitignore and {IGNORE_FILE}"
        raise ConfigError(
            f"{names} and the rules of Vercel's own client leave out every file, so there is nothing to upload. Correct"
            " them, or root_directory.",
            code="empty_source",
        )
    return files


def _commit(client: Vercel, project: Project, params: Mapping[str, Any], commit: str, build: Build) -> None:
    source = git_source(project, commit)
    build.body = {"gitSource": source}
    build.meta["commit"] = commit
    build.details = {"build": f"{commit} of the repository at {source['type']} to which the project is linked"}
    build.found = client.find(project, build.meta)


def _redeploy(client: Vercel, project: Project, params: Mapping[str, Any], commit: str, build: Build) -> None:
    original = describe(client.deployment(project, params["deployment"] or ""))
    build.body = {"deploymentId": original["id"]}
    build.meta.update(
        {
            "environment": params["environment"],
            "redeploy_of": original["id"],
            **({"commit": original["commit"]} if original["commit"] else {}),
        }
    )
    build.details = {"build": f"{original['id']} again, with today's variables"}
    build.found = client.find(project, build.meta, since=last_change(client, project))


def _adopt(client: Vercel, project: Project, params: Mapping[str, Any], commit: str, build: Build) -> None:
    if params["environment"] != "production":
        raise ConfigError(
            "Vercel's own build of a push is adopted for production only. Set environment to production, or source to"
            " commit.",
            code="adopt",
        )
    build.found = own_build(client, project, commit)
    if build.found["uid"] == (production(project) or {}).get("id"):
        client.waiter.warn(
            f"Production already serves {build.found['uid']}: Vercel's own build of {commit} went live without any"
            " check."
        )
