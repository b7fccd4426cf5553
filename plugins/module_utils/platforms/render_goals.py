# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What shall serve at Render, how it is known when it is there, and how it is made otherwise."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..core.errors import ConfigError
from .render import Render
from .render_states import Deploy, able, auto_deploys, by_id, digests, is_suspended, live, tag_of
from .render_variables import variables

SHA = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Goal:
    """What shall serve: ``reached_by(deploy)`` knows it when it is there, ``make()`` makes it, ``predicted`` is what that will be."""

    reached_by: Callable[[Deploy], bool]
    make: Callable[[], Deploy]
    predicted: dict[str, Any]


def decide(listed: Iterable[Deploy], goal: Goal) -> tuple[Deploy | None, list[Deploy]]:
    """Return the deploy that reaches the goal or is on its way there, and those on their way elsewhere."""
    listed = list(listed)
    coming = [deploy for deploy in listed if deploy.in_progress]
    serving = [deploy for deploy in [live(listed)] if deploy]
    found = next((deploy for deploy in coming + serving if goal.reached_by(deploy)), None)
    return found, [deploy for deploy in coming if not goal.reached_by(deploy)]


def deployed(params: Mapping[str, Any], client: Render, listed: list[Deploy]) -> Goal:
    """The commit or the image that the options name."""
    commit, image = params["commit"], params["image"]
    release = params["release"] or params["ref"] or client.releases.get(commit or "") or tag_of(image)
    if release and len(release.split()) != 1:
        raise ConfigError(f"The release {release!r} is not one word. Correct release.", code="no_release")
    _refuse_unfit(client, commit, image)
    if params["auto_deploy"] is None and auto_deploys(client.service):
        raise ConfigError(
            f"Render deploys each push to {client.service.get('branch') or 'the branch'} of {client.service['name']} by itself, past every check. "
            "Turn Auto-Deploy off in its settings, or have that done with auto_deploy=false, which is -e take_over=true in this collection's "
            "playbooks; auto_deploy=true leaves it on.",
            code="auto_deploy",
        )
    wanted = {"commitId": commit} if commit else {"imageUrl": image}
    if params["clear_cache"]:
        wanted["clearCache"] = "clear"
    status = "live" if params["wait"] else "created"
    predicted = {"id": None, "url": None, "status": status, "release": release, "commit": commit, "created_at": None}
    return Goal(lambda deploy: (commit or image) in (deploy.commit, deploy.image), lambda: client.create(wanted), predicted)


def _refuse_unfit(client: Render, commit: str | None, image: str | None) -> None:
    """Refuse what Render cannot build, and a service that builds from the other kind of source."""
    if commit and not SHA.fullmatch(commit):
        raise ConfigError(f"{commit!r} is not the full SHA of a commit. Set commit to all 40 digits of it, or set path and ref.", code="short_commit")
    name, from_image = client.service["name"], bool(client.service.get("imagePath"))
    if commit and from_image:
        raise ConfigError(f"The service {name} runs an image ({client.service['imagePath']}). Set image instead of ref or commit.", code="wrong_source")
    if image and not from_image:
        raise ConfigError(
            f"The service {name} is built from Git ({client.service.get('repo')}). Set path and ref, or commit, instead of image.", code="wrong_source"
        )


def rolled_back(params: Mapping[str, Any], client: Render, listed: list[Deploy]) -> Goal:
    """The build of an older deploy with the variables of then, or where pinned ones have changed its commit with those of today."""
    target = by_id(listed, params["deployment"]) or client.deploy(params["deployment"])
    predicted = {**target.describe(), "id": None, "status": "live" if params["wait"] else "created", "created_at": None}
    changed = _changed_pins(params, client) if params["pinned_variables"] else []
    if changed and live(listed) != target:
        source = {"commitId": target.commit} if target.commit else {"imageUrl": target.image or ""}

        def anew() -> Deploy:
            client.waiter.warn(f"{', '.join(changed)} changed since {target.id} was live, so its source is deployed anew with today's variables.")
            return client.create(source)

        return Goal(lambda deploy: deploy.trigger != "rollback" and deploy.repeats(target), anew, predicted)

    def back() -> Deploy:
        client.waiter.warn(f"Render runs {target.id} with the variables that it had: a value that was changed since then is the old one in it.")
        return client.roll_back(target)

    goal = Goal(lambda deploy: deploy.restores(target), back, predicted)
    if not decide(listed, goal)[0] and target.word not in ("deactivated", "stopped") and not (is_suspended(client.service) and target.status == "live"):
        others = ", ".join(f"{deploy.id} ({deploy.release or deploy.source})" for deploy in able(listed))
        raise ConfigError(
            f"Render cannot roll {client.service['name']} back to {target.id} ({target.release or target.source}, {target.word}): it never served. "
            f"Set deployment to one of: {others or 'none at present'}; or deploy its release again with state=deployed.",
            code="no_rollback_candidate",
        )
    return goal


def _changed_pins(params: Mapping[str, Any], client: Render) -> list[str]:
    if not params["digest_key"]:
        raise ConfigError("pinned_variables are compared by their digests. Set digest_key, and variable_digests made with it.", code="no_digest_key")
    known, today = params["variable_digests"], digests(variables(client), params["digest_key"])
    return [name for name in params["pinned_variables"] if today.get(name) != known.get(name)]


def started(params: Mapping[str, Any], client: Render, listed: list[Deploy]) -> Goal:
    """Whatever the service ran when it was suspended."""
    if not is_suspended(client.service) and not any(deploy.is_live or deploy.in_progress for deploy in listed):
        raise ConfigError(f"{client.service['name']} has no deploy that can be started. Deploy a release first, with state=deployed.", code="nothing_to_start")
    last = next(iter(able(listed)), None)
    nothing = dict.fromkeys(("url", "release", "commit"))
    predicted = {**(last.describe() if last else nothing), "id": None, "status": "live" if params["wait"] else "created", "created_at": None}

    def resume() -> Deploy:
        raise ConfigError(f"{client.service['name']} was resumed and runs nothing. Deploy a release, with state=deployed.", code="nothing_to_start")

    return Goal(lambda deploy: True, resume, predicted)
