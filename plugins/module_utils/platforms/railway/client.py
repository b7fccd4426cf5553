# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One service at Railway, in one environment: its deployments, and the calls that change them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ...core.errors import ApiError, ConfigError, WaitTimeout
from ...core.http import UPLOAD_RATE, ApiClient, unlimited
from ...core.progress import CountedFile
from ...core.wait import Outcome, Waiter, nothing
from ...source.files import SourceFile
from . import graphql as documents
from .graphql import graphql, parse_error
from .logs import log_tail
from .states import ADVICE, Deployment, by_id, classify
from .upload import pack

API_URL = "https://backboard.railway.com"
TOKEN_HEADERS = {"account": ("Authorization", "Bearer {}"), "project": ("Project-Access-Token", "{}")}
PLACE_OPTIONS: dict[str, dict[str, Any]] = {  # they identify the service; documented in the fragment railway
    "token_type": {"type": "str", "choices": ["account", "project"], "default": "account"},
    "project": {"type": "str", "required": True},
    "environment": {"type": "str", "required": True},
    "service": {"type": "str", "required": True},
}
OWN = "RAILWAY_"  # prefix of the variables that Railway sets itself, except for some that its users set
SETTABLE = {
    f"{OWN}{name}"
    for name in (
        "DEPLOYMENT_DRAINING_SECONDS",
        "DEPLOYMENT_OVERLAP_SECONDS",
        "DOCKERFILE_PATH",
        "HEALTHCHECK_TIMEOUT_SEC",
    )
}
SETTABLE |= {f"{OWN}RUN_UID", f"{OWN}SHM_SIZE_BYTES"}
LISTED_WITHIN = 5.0  # seconds until a new deployment must be listed; half a second is usual
LISTED = 50  # deployments that a decision considers
RECENT = 10  # deployments that a wait considers

Listed = list[Deployment]


def is_own(name: str) -> bool:
    """Whether Railway itself sets the variable of this name."""
    return name.startswith(OWN) and name not in SETTABLE


def connect(
    params: Mapping[str, Any],
    *,
    heartbeat: Callable[[], None] = nothing,
    warn: Callable[[str], None] = nothing,
    before_write: Callable[[float], float] = unlimited,
) -> Railway:
    """Return the client for a module's options."""
    header, value = TOKEN_HEADERS[params["token_type"]]
    headers = {header: value.format(params["api_token"])}
    hooks: dict[str, Any] = {
        "before_write": before_write,
        "tick": heartbeat,
        "allow_plain_http": params.get("allow_plain_http", False),
        "deadline": params.get("deadline"),
        "unreachable": params.get("unreachable_timeout"),
    }
    api = ApiClient(
        "Railway", params["api_url"], headers=headers, parse_error=parse_error, timeout=params["timeout"], **hooks
    )
    waiter = Waiter(
        timeout=params.get("wait_timeout") or 0,
        interval=params.get("wait_interval") or 0,
        heartbeat=heartbeat,
        warn=warn,
    )
    return Railway(api, params["project"], params["environment"], params["service"], waiter)


class Railway:
    """Environment and service are given by id or by name. ``held`` owns the resources that ``close`` releases; ``name``
    is the service's name at Railway as soon as ``scope`` has been read.
    """

    def __init__(self, api: ApiClient, project: str, environment: str, service: str, waiter: Waiter) -> None:
        self.api, self.project, self.environment, self.service, self.waiter = api, project, environment, service, waiter
        self.name = service
        self.held = ExitStack()

    def close(self) -> None:
        self.held.close()
        self.api.close()

    def ask(self, document: documents.Document, **variables: Any) -> Any:
        """Return the one field that ``document`` requests. Raises ApiError."""
        return graphql(self.api, document, **variables)

    @cached_property
    def scope(self) -> dict[str, str]:
        """The ids of project, environment and service. Raises ConfigError for one that the project does not have."""
        found = self.ask(documents.PROJECT, id=self.project)

        def pick(option: str, wanted: str) -> Any:
            nodes = [edge["node"] for edge in found[f"{option}s"]["edges"]]
            for node in nodes:
                if wanted in (node["id"], node["name"]):
                    return node
            known = ", ".join(f"{node['name']} ({node['id']})" for node in nodes) or "none that this token can see"
            raise ConfigError(
                f"The project {found['name']} at Railway has no {option} {wanted!r}. Set {option} to one of: {known}.",
                code=f"unknown_{option}",
            )

        environment, service = pick("environment", self.environment), pick("service", self.service)
        self.name = service["name"]
        return {"projectId": self.project, "environmentId": environment["id"], "serviceId": service["id"]}

    @property
    def instance(self) -> dict[str, str]:
        """The ids of environment and service, which together identify an instance."""
        return {key: self.scope[key] for key in ("environmentId", "serviceId")}

    def deployments(self, first: int = LISTED) -> Listed:
        """Return the service's deployments, the newest first."""
        edges = self.ask(documents.DEPLOYMENTS, input=self.scope, first=first)["edges"]
        return sorted(
            (Deployment.of(edge["node"]) for edge in edges), key=lambda deployment: deployment.created_at, reverse=True
        )

    def deployment(self, deployment_id: str) -> Deployment:
        """Return a deployment of this service, of any age. Raises ConfigError when it belongs to another service."""
        found = Deployment.of(self.ask(documents.DEPLOYMENT, id=deployment_id))
        if (found.service, found.environment) != (self.scope["serviceId"], self.scope["environmentId"]):
            raise ConfigError(
                f"The deployment {deployment_id} belongs to another service or environment than {self.name} in"
                f" {self.environment}. Correct deployment.",
                code="foreign_deployment",
            )
        return found

    def variables(self, unrendered: bool = False) -> dict[str, str]:
        """Return the service's variables with their values, which are secrets; without those that Railway sets itself.

        A reference to another variable is resolved, or left as written with ``unrendered``.
        """
        found = self.ask(documents.VARIABLES, **self.scope, unrendered=unrendered)
        return {name: value for name, value in found.items() if not is_own(name)}

    def snapshot(self, deployment_id: str) -> dict[str, str] | None:
        """Return the variables of a deployment, which are secrets; None where Railway does not return them."""
        try:
            return self.ask(documents.SNAPSHOT, id=deployment_id)["variables"]
        except ApiError:
            return None

    def up(self, files: Iterable[SourceFile], message: str) -> Deployment:
        """Upload ``files`` and return the deployment that Railway creates, which is recognized by ``message``."""
        path = f"/project/{self.scope['projectId']}/environment/{self.scope['environmentId']}/up"
        query = {
            "params": {"serviceId": self.scope["serviceId"], "message": message},
            "headers": {"Content-Type": "application/gzip"},
        }
        with tempfile.TemporaryDirectory(prefix="storefront-") as folder:
            archive = Path(folder, "source.tar.gz")
            pack(files, archive)
            seconds = self.api.deadline + archive.stat().st_size / UPLOAD_RATE

            def opened() -> CountedFile:
                return CountedFile(archive, "Upload to Railway")

            return self.make(
                "up",
                lambda: self.api.json(
                    "POST", path, shape=documents.MADE_OF_UPLOAD, data=opened, timeout=seconds, **query
                )["deploymentId"],
                lambda new: next((deployment for deployment in new if deployment.message == message), None),
            )

    def roll_back(self, target: Deployment) -> Deployment:
        """Run the image of ``target`` again, with its variables of then. Railway creates a new deployment
        and does not return its id.
        """
        self.waiter.warn(
            f"Railway restores the variables that {self.name} had with {target.shown}: a value that was changed since"
            " then has its old value again."
        )
        return self.make(
            "deploymentRollback",
            lambda: self.ask(documents.ROLLBACK, id=target.id),
            lambda new: next(
                (deployment for deployment in new if deployment.same_image(target)), new[0] if new else None
            ),
        )

    def start(self, target: Deployment) -> Deployment:
        """Run a stopped deployment again; a removed or crashed one is redeployed from its image."""
        if target.word == "stopped":
            self._write(
                lambda: self.ask(documents.RESTART, id=target.id),
                lambda listed: any(d.id == target.id and d.word != "stopped" for d in listed),
            )
            return target
        return self.redeploy(target)

    def redeploy(self, target: Deployment) -> Deployment:
        """Redeploy the image of ``target``, with today's variables."""
        return self.make(
            "deploymentRedeploy",
            lambda: self.ask(documents.REDEPLOY, id=target.id)["id"],
            lambda new: next((deployment for deployment in new if deployment.same_image(target)), None),
        )

    def restart(self, target: Deployment) -> Deployment:
        """Restart the process of a deployment. A second restart, after a lost answer, does no harm."""
        self.waiter.settle(lambda: self.ask(documents.RESTART, id=target.id), lambda: False)
        return target

    def stop(self, deployments: Iterable[Deployment]) -> None:
        for deployment in deployments:
            self._end(documents.STOP, deployment.id, lambda one: one.is_live)

    def remove(self, deployments: Iterable[Deployment]) -> None:
        """Remove deployments, stopped ones included."""
        for deployment in deployments:
            self._end(documents.REMOVE, deployment.id, lambda one: one.is_live or one.word == "stopped")

    def end(self, how: str, *, wait: bool) -> None:
        """Stop the whole service: ``stopped`` stops what runs, ``removed`` also removes what was stopped before."""
        left = [deployment for deployment in self.deployments() if deployment.is_live or deployment.word == "stopped"]
        if how == "removed":
            self.remove(left)
        else:
            self.stop([deployment for deployment in left if deployment.is_live])
        if wait:
            self.wait_stopped(*(("stopped", "removing") if how == "removed" else ()))

    def cancel(self, deployments: Listed) -> None:
        """Cancel the deployments under way, as far as Railway still allows it, and wait a moment for the end."""
        ids = [deployment.id for deployment in deployments]
        for one in deployments:
            try:
                self._end(documents.CANCEL, one.id, lambda deployment: deployment.in_progress)
            except ApiError as error:
                self.waiter.warn(
                    f"{self.name} with {one.shown} was not cancelled, so it may still serve for a moment. {error}"
                )
        if ids:
            self.find(lambda listed: not any(deployment.id in ids and deployment.in_progress for deployment in listed))

    def wait_healthy(self, deployment: Deployment) -> Deployment:
        """Wait for Railway's status SUCCESS, which a web unit gets after its health check."""
        found = self.waiter.wait_for(
            lambda: by_id(self.deployments(RECENT), deployment.id),
            classify,
            what=f"The deployment {deployment.id} of {deployment.release or 'an unnamed release'} to {self.name}",
            check_next="the deployment in Railway's dashboard",
            explain=lambda _: log_tail(self, deployment.id),
            advice=ADVICE,
        )
        return found or deployment

    def wait_stopped(self, *gone: str) -> None:
        """Wait until nothing of the service runs, and no deployment is in one of the states ``gone``."""

        def running(listed: Listed) -> tuple[Outcome | None, str]:
            for deployment in listed:
                if not deployment.is_known:  # it may be running
                    return None, deployment.word
                if deployment.is_live or deployment.in_progress or deployment.word in gone:
                    return Outcome.PENDING, deployment.word
            return Outcome.READY, "stopped"

        self.waiter.wait_for(
            lambda: self.deployments(RECENT),
            running,
            what=f"The service {self.name}",
            check_next="the service in Railway's dashboard",
        )

    def make(self, operation: str, send: Callable[[], Any], pick: Callable[[Listed], Deployment | None]) -> Deployment:
        """Request a new deployment and return it as it is listed. ``send`` returns its id, or anything else
        where Railway returns no id.
        """
        known = {deployment.id for deployment in self.deployments()}

        def made(listed: Listed) -> Deployment | None:
            return pick([deployment for deployment in listed if deployment.id not in known])

        answer = self._write(send, made)
        found = self.find(lambda listed: by_id(listed, answer) if isinstance(answer, str) else made(listed))
        if found is None:
            raise ApiError(
                f"Railway accepted {operation} for {self.name}, but lists no new deployment after"
                f" {LISTED_WITHIN:g} s. Check the service in Railway's dashboard, and run it again when no deployment"
                " is under way there.",
                code="no_deployment",
                retryable=True,
            )
        return found

    def _end(self, document: documents.Document, deployment_id: str, running: Callable[[Deployment], bool]) -> None:
        self._write(
            lambda: self.ask(document, id=deployment_id),
            lambda listed: not any(d.id == deployment_id and running(d) for d in listed),
        )

    def _write(self, send: Callable[[], Any], done: Callable[[Listed], object]) -> Any:
        return self.waiter.settle(send, lambda: self.find(done))

    def find(self, seek: Callable[[Listed], Any]) -> Any:
        """Return what ``seek`` finds among the newest deployments; None when it finds nothing in LISTED_WITHIN."""
        brief = replace(self.waiter, timeout=LISTED_WITHIN)
        try:
            return brief.wait_for(
                lambda: seek(self.deployments(RECENT)),
                lambda found: (Outcome.READY if found else Outcome.PENDING, "looked for"),
                what="It",
            )
        except WaitTimeout:
            return None
