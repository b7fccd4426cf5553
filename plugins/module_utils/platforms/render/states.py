# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The meaning of Render's answers: states, shapes, and the live deploy. Pure: no calls."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ...core.wait import Outcome

STATES = {
    "created": Outcome.PENDING,
    "queued": Outcome.PENDING,
    "build_in_progress": Outcome.PENDING,
    "pre_deploy_in_progress": Outcome.PENDING,
    "update_in_progress": Outcome.PENDING,
    "live": Outcome.READY,
    "build_failed": Outcome.FAILED,
    "pre_deploy_failed": Outcome.FAILED,
    "update_failed": Outcome.FAILED,
    "canceled": Outcome.FAILED,  # also when a newer deploy replaced it
    "deactivated": Outcome.FAILED,  # it was live, and another one is now
}
# The remedy for each failed state.
ADVICE = {
    "build_failed": "Correct the error in the log, then deploy again.",
    "pre_deploy_failed": "Its pre-deploy command failed: correct the error in the log, then deploy again.",
    "update_failed": (
        "It was built but did not become healthy: check its start command, its port and its health check path,, then"
        " deploy again."
    ),
    "canceled": "A person or a newer deploy canceled it: check the deploys at Render, and deploy again.",
    "deactivated": (
        "A newer deploy serves instead: check the deploys at Render, and deploy again if that one is not wanted."
    ),
}
PUT_BACK = ("rollback", "service_resumed")  # triggers of a deploy that runs the build of another one

TAG = re.compile(r".*/[^/@]+:(?P<tag>[\w.-]+)(@.+)?")


@dataclass(frozen=True)
class Deploy:
    """A deploy as Render lists it, and what is known beyond that: its release, the service's URL, and
    whether the service is suspended.
    """

    id: str
    status: str
    trigger: str | None
    created_at: datetime
    commit: str | None
    image: str | None
    digest: str | None
    release: str | None
    url: str | None
    suspended: bool

    @classmethod
    def of(cls, node: Mapping[str, Any], service: Mapping[str, Any], releases: Mapping[str, str]) -> Deploy:
        """``releases`` maps commits, and references of images, to releases."""
        commit, image = (node.get("commit") or {}).get("id"), (node.get("image") or {}).get("ref")
        return cls(
            id=node["id"],
            status=node.get("status") or "unknown",
            trigger=node.get("trigger"),
            created_at=datetime.fromisoformat(node["createdAt"]).astimezone(UTC),
            commit=commit,
            image=image,
            digest=(node.get("image") or {}).get("sha"),
            release=releases.get(commit or "") or releases.get(image or "") or tag_of(image),
            url=(service.get("serviceDetails") or {}).get("url") or None,
            suspended=is_suspended(service),
        )

    @property
    def word(self) -> str:
        """Render's word for its state; "stopped" for that of a suspended service, whatever Render calls it."""
        return "stopped" if self.status == "live" and self.suspended else self.status

    @property
    def is_live(self) -> bool:
        return self.word == "live"

    @property
    def in_progress(self) -> bool:
        return STATES.get(self.status) is Outcome.PENDING

    @property
    def source(self) -> str | None:
        """Its source: a commit, or an image with its digest where Render returns it."""
        return self.commit or self.digest or self.image

    @property
    def shown(self) -> str:
        """What a person knows it by, and the id that finds it in Render's dashboard."""
        return f"{self.release or self.source or 'an unnamed release'} (deploy {self.id})"

    @property
    def wanted(self) -> dict[str, str]:
        """The request to Render that deploys the same source again."""
        return {"commitId": self.commit} if self.commit else {"imageUrl": self.image or ""}

    def restores(self, target: Deploy) -> bool:
        """Whether this is ``target`` itself or a rollback to it: a new deploy of the same build with the
        variables of then.
        """
        if self.id == target.id:
            return True
        return self.trigger in PUT_BACK and self.repeats(target)

    def repeats(self, target: Deploy) -> bool:
        """Whether this is a later deploy of the same commit or image as ``target``."""
        return self.created_at > target.created_at and self.source is not None and self.source == target.source

    def describe(self) -> dict[str, Any]:
        """Return a deploy as modules return it."""
        return {
            "id": self.id,
            "url": self.url,
            "status": self.word,
            "release": self.release,
            "commit": self.commit,
            "created_at": self.created_at.isoformat(timespec="seconds"),
        }


def tag_of(image: str | None) -> str | None:
    """Return the tag of an image's reference; None where it has none."""
    found = TAG.fullmatch(f"/{image or ''}")
    return found["tag"] if found else None


def is_suspended(service: Mapping[str, Any]) -> bool:
    return service.get("suspended") == "suspended"


def auto_deploys(service: Mapping[str, Any]) -> bool:
    """Whether Render deploys a push to the service's branch automatically. A service with an image has no
    branch, whatever its setting is.
    """
    return service.get("autoDeploy") == "yes" and not service.get("imagePath")


def maintenance(service: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the maintenance mode of a web service, ``enabled`` and ``uri``; None for a service without
    one, such as a worker.
    """
    details = service.get("serviceDetails") or {}
    if service.get("type") != "web_service":
        return None
    return {"enabled": False, "uri": "", **(details.get("maintenanceMode") or {})}


def replicas(service: Mapping[str, Any]) -> int | None:
    return (service.get("serviceDetails") or {}).get("numInstances")


def classify(deploy: Deploy | None) -> tuple[Outcome | None, str]:
    """Return the outcome for a wait until a deploy is live; None is one that is not listed yet."""
    if deploy is None:
        return Outcome.PENDING, "not listed yet"
    if deploy.word == "stopped":
        return Outcome.PENDING, "stopped"
    return STATES.get(deploy.status), deploy.word


def by_id(listed: Iterable[Deploy], deploy_id: str) -> Deploy | None:
    return next((deploy for deploy in listed if deploy.id == deploy_id), None)


def live(listed: Iterable[Deploy]) -> Deploy | None:
    """Return the live deploy; ``listed`` has the newest first."""
    return next((deploy for deploy in listed if deploy.is_live), None)


def brief(deploy: Deploy | None) -> dict[str, Any] | None:
    """Return a deploy as a diff shows it."""
    return (
        {key: value for key, value in deploy.describe().items() if key in ("id", "release", "status")}
        if deploy
        else None
    )


def able(listed: Iterable[Deploy]) -> list[Deploy]:
    """Return the deploys that have served; Render can roll back to them as long as it keeps their builds."""
    return [deploy for deploy in listed if deploy.word in ("deactivated", "stopped")]


def candidates(listed: Iterable[Deploy]) -> list[Deploy]:
    """Return the deploys to which a rollback is possible: those older than the live build, then the newer
    ones, the newest first in each part.
    """
    listed = list(listed)
    serving = live(listed)
    if serving is None:
        return able(listed)
    built = min(deploy.created_at for deploy in listed if deploy is serving or serving.restores(deploy))
    others = [deploy for deploy in able(listed) if deploy.source != serving.source]
    return [d for d in others if d.created_at < built] + [d for d in others if d.created_at > built]
