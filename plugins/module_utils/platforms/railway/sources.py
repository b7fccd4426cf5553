# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The source of a deployment to Railway: an upload, a commit that Railway builds or has built, or an image."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ...core.errors import ApiError, ConfigError
from ...source.checkout import checkout, resolve
from ..common import Goal
from . import graphql
from .client import Railway
from .goals import Listed, RailwayGoal
from .settings import Settings, read_settings, update
from .states import Deployment, label
from .upload import IGNORE_FILE, digest, files_of

Params = Mapping[str, Any]
SHA = re.compile(r"[0-9a-f]{40}")


def deployed(params: Params, client: Railway, listed: Listed) -> RailwayGoal:
    return SOURCES[params["source"]](params, client, listed)


def _upload(params: Params, client: Railway, listed: Listed) -> RailwayGoal:
    release = _name(params["release"] or params["ref"])
    if not params["path"]:
        raise ConfigError(
            "There is nothing to upload. Set path to the folder or to the git repository of the release.",
            code="no_path",
        )
    source = client.held.enter_context(checkout(params["path"], params["ref"], params["root_directory"], IGNORE_FILE))
    if params["commit"] and params["commit"] != source.commit:
        raise ConfigError(
            f"{params['ref'] or params['path']} is {source.commit or 'no commit'}, but commit is {params['commit']}."
            " Correct one of them.",
            code="another_commit",
        )
    files = files_of(source, Path(params["path"]))
    message = label(release, source.commit, digest(files))
    return Goal(
        lambda deployment: deployment.message == message,
        lambda: client.up(files, message),
        _predicted(params, release, source.commit),
    )


def _commit(params: Params, client: Railway, listed: Listed) -> RailwayGoal:
    commit = _sha(params)
    _connected(client)
    return _of_commit(
        params,
        commit,
        lambda: client.make(
            "serviceInstanceDeployV2",
            lambda: client.ask(graphql.DEPLOY, **client.instance, commitSha=commit),
            _of(commit),
        ),
    )


def _adopt(params: Params, client: Railway, listed: Listed) -> RailwayGoal:
    commit, settings = _sha(params), _connected(client)
    pick = _of(commit)
    found: Deployment | None = pick(listed) or client.find(pick)  # a push takes a moment to be listed
    if found is None:
        raise ApiError(
            f"Railway has created no deployment of {commit} for {client.name} from a push. Push it to"
            f" {settings.branch or 'the connected branch'} of {settings.repository} and check that auto-deploy is on,"
            " or set source to commit.",
            code="nothing_to_adopt",
        )
    adopted = found
    return _of_commit(params, commit, lambda: adopted)


def _image(params: Params, client: Railway, listed: Listed) -> RailwayGoal:
    image, settings = params["image"], read_settings(client)
    if not image:
        raise ConfigError(
            "source=image deploys an image. Set image, best with a digest: a tag may point to another image tomorrow.",
            code="no_image",
        )
    if settings.repository:
        raise ConfigError(
            f"{client.name} is connected to {settings.repository}, and an image would disconnect it. Disconnect it"
            " at Railway first, or set source to commit.",
            code="connected_service",
        )

    def make() -> Deployment:
        if settings.image != image:
            update(client, settings, source={"image": image})
        return client.make(
            "serviceInstanceDeployV2",
            lambda: client.ask(graphql.DEPLOY, **client.instance),
            lambda new: next((o for o in new if ran(o)), None),
        )

    def ran(deployment: Deployment) -> bool:
        return deployment.meta.get("image") == image

    release = params["release"] or image.rpartition("/")[2].partition("@")[0].partition(":")[2] or None
    return Goal(ran, make, _predicted(params, release and _name(release), None))


SOURCES: dict[str, Callable[[Params, Railway, Listed], RailwayGoal]] = {
    "adopt": _adopt,
    "commit": _commit,
    "image": _image,
    "upload": _upload,
}


def _of_commit(params: Params, commit: str, make: Callable[[], Deployment]) -> RailwayGoal:
    release = params["release"] or params["ref"]
    return Goal(
        lambda deployment: _built(deployment, commit),
        make,
        _predicted(params, _name(release) if release else None, commit),
    )


def _built(deployment: Deployment, commit: str) -> bool:
    """Whether Railway built this from the commit itself; an upload of the same commit may have other files."""
    return deployment.message is None and deployment.meta.get("commitHash") == commit


def _of(commit: str) -> Callable[[Listed], Deployment | None]:
    return lambda new: next((deployment for deployment in new if _built(deployment, commit)), None)


def _predicted(params: Params, release: str | None, commit: str | None) -> dict[str, Any]:
    status = "success" if params["wait"] else "queued"
    return {"id": None, "url": None, "status": status, "release": release, "commit": commit, "created_at": None}


def _name(release: str | None) -> str:
    if not release or len(release.split()) != 1:
        raise ConfigError(
            "The release has no name, or not one word. Set release, or set ref to its tag.", code="no_release"
        )
    return release


def _sha(params: Params) -> str:
    commit = params["commit"] or (resolve(params["path"], params["ref"]) if params["path"] and params["ref"] else None)
    if not commit or not SHA.fullmatch(commit):
        raise ConfigError(
            f"source={params['source']} needs a commit. Set commit to its full SHA, or path and ref to look it up.",
            code="no_commit",
        )
    return commit


def _connected(client: Railway) -> Settings:
    settings = read_settings(client)
    if not settings.repository:
        raise ConfigError(
            f"{client.name} is not connected to a repository, so Railway cannot build a commit for it. Connect it at"
            " Railway, or set source to upload.",
            code="no_repository",
        )
    return settings
