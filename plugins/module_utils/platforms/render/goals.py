# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The deploy that must serve at Render: how to recognize it, and how to create it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ...core.errors import ConfigError
from ..common import Goal, decide
from .client import Render
from .states import Deploy, able, auto_deploys, by_id, is_suspended, live, tag_of
from .variables import differing

RenderGoal = Goal[Deploy]
SHA = re.compile(r"[0-9a-f]{40}")


def goal_of(params: Mapping[str, Any], client: Render, listed: list[Deploy], today: list[dict[str, Any]]) -> RenderGoal:
    """Return the goal of ``params['state']``. ``today`` has the digests of the service's variables."""
    if params["state"] == "rolled_back":
        return rolled_back(
            params, client, listed, differing(params["pinned_variables"], params["known_variables"], today)
        )
    return GOALS[params["state"]](params, client, listed)


def deployed(params: Mapping[str, Any], client: Render, listed: list[Deploy]) -> RenderGoal:
    """The commit or the image that the options name."""
    commit, image = params["commit"], params["image"]
    release = params["release"] or params["ref"] or client.releases.get(commit or "") or tag_of(image)
    if release and len(release.split()) != 1:
        raise ConfigError(f"The release {release!r} is not one word. Correct release.", code="no_release")
    _refuse_unfit(client, params["source"], commit, image)
    if params["source"] != "adopt" and params["auto_deploy"] is None:
        _refuse_auto_deploy(client)
    wanted = {"commitId": commit} if commit else {"imageUrl": image}
    if params["clear_cache"]:
        wanted["clearCache"] = "clear"

    def make() -> Deploy:
        return client.find(commit or image) if params["source"] == "adopt" else client.create(wanted)

    predicted = {
        "id": None,
        "url": None,
        "status": _status(params),
        "release": release,
        "commit": commit,
        "created_at": None,
    }
    goal = Goal(lambda deploy: (commit or image) in (deploy.commit, deploy.image), make, predicted)
    if params["source"] == "adopt" and not decide(listed, goal).found:
        listed.insert(0, client.find(commit))  # a push takes a moment to be listed
    return goal


def redeployed(params: Mapping[str, Any], client: Render, listed: list[Deploy]) -> RenderGoal:
    """The live deploy again, with today's variables and settings."""
    serving = live(listed)
    if serving is None:
        raise ConfigError(
            f"{client.service['name']} has no live deploy that could be redeployed. Deploy a release first, with"
            " state=deployed.",
            code="nothing_live",
        )
    return Goal(lambda deploy: False, lambda: client.create(serving.wanted), {**serving.describe(), **_new(params)})


def _status(params: Mapping[str, Any]) -> str:
    return "live" if params["wait"] else "created"


def _new(params: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a new deploy that are known beforehand."""
    return {"id": None, "status": _status(params), "created_at": None}


def _refuse_auto_deploy(client: Render) -> None:
    if auto_deploys(client.service):
        raise ConfigError(
            f"Render deploys each push to {client.service.get('branch') or 'the branch'} of {client.service['name']}"
            " automatically, without any check. Turn Auto-Deploy off in its settings, or set auto_deploy=false to turn"
            " it off (-e take_over=true in the playbooks); auto_deploy=true leaves it on.",
            code="auto_deploy",
        )


def _refuse_unfit(client: Render, source: str, commit: str | None, image: str | None) -> None:
    """Refuse a source that Render cannot build, and a service that builds from the other kind of source."""
    if bool(image) != (source == "image"):
        wanted = "image" if source == "image" else "ref, or commit"
        raise ConfigError(
            f"source is {source}, which needs {wanted}. Set {wanted}, or correct source.", code="wrong_source"
        )
    if commit and not SHA.fullmatch(commit):
        raise ConfigError(
            f"{commit!r} is not the full SHA of a commit. Set commit to all 40 digits of it, or set path and ref.",
            code="short_commit",
        )
    name, from_image = client.service["name"], bool(client.service.get("imagePath"))
    if commit and from_image:
        raise ConfigError(
            f"The service {name} runs an image ({client.service['imagePath']}). Set source=image and image.",
            code="wrong_source",
        )
    if image and not from_image:
        raise ConfigError(
            f"The service {name} is built from Git ({client.service.get('repo')}). Set path and ref, or commit, and no"
            " image.",
            code="wrong_source",
        )


def rolled_back(params: Mapping[str, Any], client: Render, listed: list[Deploy], changed: list[str]) -> RenderGoal:
    """The build of an older deploy with its variables of then. Where pinned variables have changed
    (``changed``), its source with today's variables.
    """
    target = by_id(listed, params["deployment"]) or client.deploy(params["deployment"])
    predicted, details = {**target.describe(), **_new(params)}, {"differing_variables": changed}

    def create_again() -> Deploy:
        client.waiter.warn(
            f"{', '.join(changed)} may have changed since {client.service['name']} ran {target.shown}, so its source is"
            " deployed again with today's variables."
        )
        return client.create(target.wanted)

    def back() -> Deploy:
        client.waiter.warn(
            f"{client.service['name']} runs {target.shown} with the variables that it had: a value that has"
            " changed since has its old value there."
        )
        return client.roll_back(target)

    if changed and live(listed) != target:
        goal = Goal(
            lambda deploy: deploy.trigger != "rollback" and deploy.repeats(target),
            create_again,
            predicted,
            {**details, "way": "redeploy"},
        )
    else:
        goal = Goal(
            lambda deploy: deploy.restores(target),
            back,
            predicted,
            {**details, "way": "resume" if target.word == "stopped" else "rollback"},
        )
    if not decide(listed, goal).found and target not in able([target]):
        others = ", ".join(f"{deploy.id} ({deploy.release or deploy.source})" for deploy in able(listed))
        raise ConfigError(
            f"Render cannot roll {client.service['name']} back to {target.id} ({target.release or target.source},"
            f" {target.word}): it never served. Set deployment to one of: {others or 'none at present'}; or deploy its"
            " release again with state=deployed.",
            code="no_rollback_candidate",
        )
    return goal


def started(params: Mapping[str, Any], client: Render, listed: list[Deploy]) -> RenderGoal:
    """The deploy that ran when the service was suspended."""
    if not is_suspended(client.service) and not any(deploy.is_live or deploy.in_progress for deploy in listed):
        raise ConfigError(
            f"{client.service['name']} has no deploy that can be started. Deploy a release first, with state=deployed.",
            code="nothing_to_start",
        )
    last = next(iter(able(listed)), None)
    nothing = dict.fromkeys(("url", "release", "commit"))

    def resume() -> Deploy:
        raise ConfigError(
            f"{client.service['name']} was resumed but has no live deploy. Deploy a release, with state=deployed.",
            code="nothing_to_start",
        )

    return Goal(
        lambda deploy: True, resume, {**(last.describe() if last else nothing), **_new(params)}, {"way": "resume"}
    )


GOALS = {"deployed": deployed, "redeployed": redeployed, "started": started}
