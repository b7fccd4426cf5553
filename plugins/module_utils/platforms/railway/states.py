# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The meaning of Railway's answers: states, shapes, and the live deployment. Pure: no calls."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ...core.wait import Outcome

STATES = {
    "QUEUED": Outcome.PENDING,
    "WAITING": Outcome.PENDING,
    "NEEDS_APPROVAL": Outcome.PENDING,
    "INITIALIZING": Outcome.PENDING,
    "BUILDING": Outcome.PENDING,
    "DEPLOYING": Outcome.PENDING,
    "SUCCESS": Outcome.READY,
    "SLEEPING": Outcome.READY,  # it was healthy; the next request wakes it
    "FAILED": Outcome.FAILED,
    "CRASHED": Outcome.FAILED,
    "SKIPPED": Outcome.FAILED,
    "REMOVING": Outcome.FAILED,
    "REMOVED": Outcome.FAILED,
    "CANCELLED": Outcome.FAILED,  # not in the schema, but observed
}

# The remedy for each failed state, and for the pending one that waits for a person; in lower case, as in
# ``Deployment.word``.
ADVICE = {
    "failed": "Correct the error in the log, then deploy again.",
    "crashed": "Its process started and exited: correct the error in the log, then deploy again.",
    "skipped": (
        "Railway skipped it, for example because no watch path changed or a check failed: check the service's settings,"
        " and deploy again."
    ),
    "removing": "A person or a newer deployment is removing it: check the deployments at Railway, and deploy again.",
    "removed": "A person or a newer deployment removed it: check the deployments at Railway, and deploy again.",
    "cancelled": "A person or a newer deployment canceled it: check the deployments at Railway, and deploy again.",
    "needs_approval": "Approve it in Railway's dashboard.",
}

LABEL = re.compile(r"(?P<release>\S+) (?P<commit>[0-9a-f]{40}|-) [0-9a-f]{12}")
LOOPBACK = re.compile(r"(127(\.\d+){3}|localhost)(:\d+)?")


def label(release: str, commit: str | None, digest: str) -> str:
    """Return the message that Railway stores with a deployment (``meta.cliMessage``) and that identifies it later."""
    return f"{release} {commit or '-'} {digest[:12]}"


@dataclass(frozen=True)
class Deployment:
    """A deployment as Railway lists it; ``stopped`` has a meaning only when the status is SUCCESS."""

    id: str
    status: str
    stopped: bool
    created_at: datetime
    host: str | None
    service: str | None
    environment: str | None
    can_rollback: bool
    can_redeploy: bool
    meta: Mapping[str, Any]

    @classmethod
    def of(cls, node: Mapping[str, Any]) -> Deployment:
        return cls(
            id=node["id"],
            status=node["status"],
            stopped=node["deploymentStopped"],
            created_at=datetime.fromisoformat(node["createdAt"]).astimezone(UTC),
            host=node.get("staticUrl") or node.get("url"),
            service=node.get("serviceId"),
            environment=node.get("environmentId"),
            can_rollback=node["canRollback"],
            can_redeploy=node["canRedeploy"],
            meta=node.get("meta", {}),
        )

    @property
    def message(self) -> str | None:
        return self.meta.get("cliMessage")

    @property
    def release(self) -> str | None:
        found = LABEL.fullmatch(self.message or "")
        return found["release"] if found else None

    @property
    def shown(self) -> str:
        """What a person knows it by, and the id that finds it in Railway's dashboard."""
        return f"{self.release or 'an unnamed release'} (deployment {self.id})"

    @property
    def commit(self) -> str | None:
        found = LABEL.fullmatch(self.message or "")
        return found["commit"] if found and found["commit"] != "-" else self.meta.get("commitHash")

    @property
    def word(self) -> str:
        """Railway's word for its state in lower case; a stopped one, which keeps the status SUCCESS, is "stopped"."""
        return "stopped" if self.status == "SUCCESS" and self.stopped else self.status.lower()

    @property
    def is_live(self) -> bool:
        return self.word in ("success", "sleeping")

    @property
    def is_known(self) -> bool:
        """Whether the table has its state."""
        return self.status in STATES

    @property
    def in_progress(self) -> bool:
        return STATES.get(self.status) is Outcome.PENDING

    def same_image(self, other: Deployment) -> bool:
        mine, theirs = self.meta.get("imageDigest"), other.meta.get("imageDigest")
        if mine and theirs:
            return mine == theirs
        sources = [(one.message, one.meta.get("commitHash")) for one in (self, other)]
        return sources[0] == sources[1] and sources[0] != (None, None)

    def runs(self, target: Deployment) -> bool:
        """Whether this is ``target`` itself or a later deployment of its image, with any variables."""
        return self.id == target.id or (self.created_at > target.created_at and self.same_image(target))

    def restores(self, target: Deployment) -> bool:
        """Whether this is ``target`` itself or a rollback to it.

        A rollback is a new deployment of the old image. One with the reason ``deploy`` or ``redeploy`` may run that
        image too, but with other variables.
        """
        return self.id == target.id or (self.runs(target) and self.meta.get("reason") not in ("deploy", "redeploy"))

    def describe(self, release: str | None = None) -> dict[str, Any]:
        """Return a deployment as modules return it; ``release`` is its name where Railway stores none."""
        return {
            "id": self.id,
            "url": url_of(self.host),
            "status": self.word,
            "release": self.release or release,
            "commit": self.commit,
            "created_at": self.created_at.isoformat(timespec="seconds"),
        }


def brief(deployment: Deployment | None) -> dict[str, Any] | None:
    """Return a deployment as a diff shows it."""
    return (
        {key: value for key, value in deployment.describe().items() if key in ("id", "release", "status")}
        if deployment
        else None
    )


def url_of(host: str | None) -> str | None:
    """Return the URL of a service's host: https, or http for a host on this machine. A worker has none."""
    if not host or "://" in host:
        return host or None
    return f"{'http' if LOOPBACK.fullmatch(host) else 'https'}://{host}"


def classify(deployment: Deployment | None) -> tuple[Outcome | None, str]:
    """Return the outcome for a wait until a deployment is healthy; None is one that is not listed yet."""
    if deployment is None:
        return Outcome.PENDING, "not listed yet"
    if deployment.word == "stopped":
        return Outcome.PENDING, "stopped"
    return STATES.get(deployment.status), deployment.word


def by_id(listed: Iterable[Deployment], deployment_id: str) -> Deployment | None:
    return next((deployment for deployment in listed if deployment.id == deployment_id), None)


def live(listed: Iterable[Deployment]) -> Deployment | None:
    """Return the live deployment; ``listed`` has the newest first."""
    return next((deployment for deployment in listed if deployment.is_live), None)


def candidates(listed: Iterable[Deployment]) -> list[Deployment]:
    """Return the deployments to which a rollback is possible: those older than the live image, then the others, the
    newest first in each part.

    The age of the live image is that of its first deployment: a rollback or a redeploy does not make an old image
    newer.
    """
    listed = list(listed)
    serving = live(listed)
    able = [deployment for deployment in listed if deployment.can_rollback and not deployment.is_live]
    if serving is None:
        return able
    built = min(deployment.created_at for deployment in listed if serving.runs(deployment))
    able = [deployment for deployment in able if not serving.restores(deployment)]
    return [d for d in able if d.created_at < built] + [d for d in able if d.created_at >= built]
