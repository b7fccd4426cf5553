# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Vercel's API: uploads, deployments, and the deployment that the production domains serve."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from ...core.errors import ApiError, ConfigError, DeploymentFailed, RunbookError
from ...core.http import LOG_BYTES, ApiClient, unlimited
from ...core.redact import redact
from ...core.shape import Shape
from ...core.wait import Outcome, Waiter, nothing
from . import shapes
from .states import (
    ADVICE,
    ROLLING,
    UNKNOWN,
    Deployment,
    Project,
    Status,
    beside,
    describe,
    last_request,
    parse_error,
    polling,
    production,
    rolling,
    serving,
    state_of,
    timestamp,
)

API_URL = "https://api.vercel.com"
PAGE = 100  # Vercel's maximum for one answer, and the most items that are read of a list
LOG_LINES = 50
LEFT_ON = "Vercel may now serve each new production build at once: run it again with auto_assign_domains=false."
KNOWN = 60.0  # seconds until a read must find a new deployment


def connect(
    params: Mapping[str, Any],
    *,
    heartbeat: Callable[[], None] = nothing,
    warn: Callable[[str], None] = nothing,
    before_write: Callable[[float], float] = unlimited,
) -> Vercel:
    """Return the client for a module's options; without ``wait_interval`` it polls like Vercel's own client."""
    headers = {"Authorization": f"Bearer {params['api_token']}"}
    hooks: dict[str, Any] = {
        "before_write": before_write,
        "tick": heartbeat,
        "allow_plain_http": params.get("allow_plain_http", False),
        "deadline": params.get("deadline"),
        "unreachable": params.get("unreachable_timeout"),
    }
    api = ApiClient(
        "Vercel", params["api_url"], headers=headers, parse_error=parse_error, timeout=params["timeout"], **hooks
    )
    waiter = Waiter(
        timeout=params.get("wait_timeout") or 0,
        interval=params.get("wait_interval") or polling,
        heartbeat=heartbeat,
        warn=warn,
    )
    return Vercel(api, params["team"], waiter)


class Vercel:
    """Calls Vercel for one team (its id or slug), or for the token's own account. ``held`` owns the
    resources that ``close`` releases.
    """

    def __init__(self, api: ApiClient, team: str | None, waiter: Waiter) -> None:
        self.api, self.team, self.waiter = api, team, waiter
        self.held = ExitStack()
        self._team = {"teamId" if team.startswith("team_") else "slug": team} if team else {}

    def close(self) -> None:
        self.held.close()

    def call(
        self, method: str, path: str, *, shape: Shape, params: Mapping[str, Any] | None = None, **request: Any
    ) -> Any:
        """Send a request for the team; returns like ``ApiClient.json``."""
        return self.api.json(method, path, shape=shape, params={**self._team, **(params or {})}, **request)

    def project(self, name: str) -> Project:
        """Return a project by id or name. Raises ConfigError when the token sees no such project."""
        try:
            return self.call("GET", f"/v9/projects/{quote(name, safe='')}", shape=shapes.PROJECT)
        except ApiError as error:
            if not error.is_missing:
                raise
            raise ConfigError(
                f"This token sees no project {name!r} {f'in the team {self.team}' if self.team else 'outside of teams'}"
                " at Vercel. Correct project or team, or use a token that belongs to the project's team.",
                code="unknown_project",
            ) from None

    def domains(self, project: Project) -> list[str]:
        """Return the names of the production domains, except those that only redirect or are not verified yet."""
        answer = self.call(
            "GET",
            f"/v9/projects/{project['id']}/domains",
            shape=shapes.DOMAINS,
            params={"production": "true", "limit": PAGE},
        )
        return [
            domain["name"]
            for domain in answer["domains"]
            if domain.get("verified", True) and not domain.get("redirect")
        ]

    def set_auto_assign(self, project: Project, wanted: bool) -> None:
        """Set whether a new production build is served at once."""
        self.call(
            "PATCH",
            f"/v9/projects/{project['id']}",
            shape=shapes.PROJECT,
            json={"autoAssignCustomDomains": wanted},
            idempotent=True,
        )

    def deployment(self, project: Project, deployment_id: str) -> Deployment:
        """Return a deployment of a project. Raises ConfigError when it has none with that id."""
        try:
            found = self.call("GET", f"/v13/deployments/{quote(deployment_id, safe='')}", shape=shapes.DEPLOYMENT)
        except ApiError as error:
            if not error.is_missing:
                raise
            found = {}
        if found.get("projectId") == project["id"]:
            return found
        raise ConfigError(
            f"The project {project['name']} has no deployment {deployment_id}. Set deployment to one of its ids;"
            " storefront.runbook.vercel_info lists some.",
            code="unknown_deployment",
        )

    def deployments(self, project: Project, **filters: Any) -> list[Deployment]:
        """Return production deployments, the newest first, at most ``PAGE``; with ``target=None`` those of
        all environments.
        """
        params = {"projectId": project["id"], "target": "production", "limit": PAGE, **filters}
        return self.call("GET", "/v7/deployments", shape=shapes.DEPLOYMENTS, params=params)["deployments"]

    def find(self, project: Project, meta: Mapping[str, str], since: int = 0) -> Deployment | None:
        """Return the newest deployment of this release and source that is built or under way: of the same files, of the
        same commit built by Vercel, or of the same deployment built again. ``since`` leaves out older ones; it is in
        milliseconds.
        """
        same = {"release", "environment", "redeploy_of", *meta.keys() & {"run"}}
        if "redeploy_of" not in meta:  # its metadata are those of the first one
            same |= {"source_digest", *([] if "source_digest" in meta else ["commit"])}
        for deployment in self.deployments(
            project, target="production" if meta.get("environment", "production") == "production" else None
        ):
            known = deployment.get("meta") or {}
            alike = all(known.get(key) == meta.get(key) for key in same) and (deployment.get("createdAt") or 0) >= since
            if alike and state_of(deployment)[0] is not Outcome.FAILED:
                return deployment
        return None

    def cancel(self, deployment_id: str) -> Deployment:
        """Cancel a build. One that is canceled already, by a try whose answer was lost, is no error."""
        try:
            return self.call(
                "PATCH", f"/v12/deployments/{deployment_id}/cancel", shape=shapes.DEPLOYMENT, idempotent=True
            )
        except ApiError as error:
            if error.status != HTTPStatus.BAD_REQUEST:
                raise
            found = self.call("GET", f"/v13/deployments/{quote(deployment_id, safe='')}", shape=shapes.DEPLOYMENT)
            if found.get("readyState") != "CANCELED":
                raise
            return found

    def wait_ready(self, project: Project, deployment: Deployment) -> Deployment:
        """Wait until a deployment is built; it does not serve yet. For a while, a read may not find a new
        deployment.
        """
        summary, began = describe(deployment), self.waiter.clock()

        def fetch() -> Deployment:
            try:
                return self.deployment(project, summary["id"])
            except ConfigError:
                if self.waiter.clock() - began > KNOWN:
                    raise
                return UNKNOWN

        return self.waiter.wait_for(
            fetch,
            state_of,
            what=f"The build {summary['id']} of {summary['release'] or 'an unnamed release'}",
            check_next=deployment.get("inspectorUrl") or "the deployment in Vercel's dashboard",
            explain=self.build_log,
            advice=ADVICE,
        )

    def build_log(self, deployment: Deployment) -> str:
        """Return Vercel's own message about a failed build and the last lines of its log, as far as they
        are available.
        """
        events: list[Any] = []
        with contextlib.suppress(RunbookError):
            path = f"/v3/deployments/{describe(deployment)['id']}/events"
            query = {"direction": "backward", "limit": PAGE, "builds": 1}
            events = self.call("GET", path, shape=shapes.EVENTS, params=query, most=LOG_BYTES) or []
        events.sort(key=lambda event: event.get("created") or 0)
        lines = [event.get("text") or (event.get("payload") or {}).get("text") or "" for event in events]
        tail = [line.rstrip() for line in lines if line.strip()][-LOG_LINES:]
        return redact("\n".join(filter(None, [deployment.get("errorMessage"), *tail])))

    def runtime_log(self, project: Project, deployment_id: str, seconds: float) -> list[dict[str, Any]]:
        """Return the request logs of a deployment that arrive within ``seconds``: at, level, source,
        domain, method, path, status, message.
        """
        path = f"/v1/projects/{project['id']}/deployments/{quote(deployment_id, safe='')}/runtime-logs"
        rows = [
            self.api.decode(f"GET {path}", line, shapes.RUNTIME)
            for line in self.api.lines(path, params=self._team, seconds=seconds, limit=PAGE)
            if line.strip()
        ]
        return [
            {
                **{
                    "at": timestamp(row.get("timestampInMs")),
                    "level": row.get("level"),
                    "source": row.get("source"),
                    "domain": row.get("domain"),
                },
                **{
                    "method": row.get("requestMethod"),
                    "path": row.get("requestPath"),
                    "status": row.get("responseStatusCode"),
                },
                "message": redact(row.get("message") or ""),
            }
            for row in rows
            if row.get("source") != "delimiter"
        ]

    def refuse_unservable(self, project: Project, deployment: Deployment, verb: str) -> None:
        """Raise ConfigError when production cannot serve a deployment, or when Vercel cannot ``rollback`` to it."""
        outcome, word = state_of(deployment)
        if deployment.get("target") != "production" or outcome is Outcome.FAILED:
            raise ConfigError(
                f"The deployment {deployment['id']} is {word} and was built for"
                f" {deployment.get('target') or 'preview'}, so production cannot serve it. Set deployment to one that"
                " was staged for production.",
                code="not_servable",
            )
        if verb == "promote" or deployment["id"] == (production(project) or {}).get("id"):
            return
        candidates = [found["uid"] for found in self.deployments(project, rollbackCandidate="true")]
        if deployment["id"] not in candidates:
            raise ConfigError(
                f"Vercel cannot roll {project['name']} back to {deployment['id']}: it never served production, or is"
                " older than the team's plan allows. Set deployment to one of:"
                f" {', '.join(candidates[:5]) or '(there is none at present)'}.",
                code="no_rollback_candidate",
            )

    def rolling_release(self, project: Project) -> Mapping[str, Any]:
        """Return the rolling release that is under way or was the last; empty before the first."""
        path = f"/v1/projects/{project['id']}/rolling-release"
        return self.call("GET", path, shape=shapes.ROLLING_RELEASE).get("rollingRelease") or {}

    def status(self, project: Project, deployment_id: str, stale: int | None = None) -> Status:
        """Return whether production serves a deployment: see ``serving``."""
        if project.get("rollingRelease"):
            release = self.rolling_release(project)
            if verdict := rolling(project, release, deployment_id) or beside(release, deployment_id):
                return verdict
        job, aliases = last_request(project), []
        if job.get("toDeploymentId") == deployment_id:
            aliases = self.call(
                "GET", f"/v1/projects/{project['id']}/promote/aliases", shape=shapes.MOVED, params={"limit": PAGE}
            ).get("aliases", [])
        elif job.get("jobStatus") == "failed":  # it may have moved some of the domains already
            held = {
                alias["alias"]
                for alias in self.call("GET", f"/v2/deployments/{deployment_id}/aliases", shape=shapes.ALIASES)[
                    "aliases"
                ]
            }
            aliases = [
                {"alias": domain, "status": "completed" if domain in held else "pending"}
                for domain in self.domains(project)
            ]
        return serving(project, aliases, deployment_id, stale)

    def point(self, project: Project, deployment_id: str, verb: str, *, keep_off: bool = False) -> int | None:
        """Request ``promote`` or ``rollback`` of a deployment. Returns the argument ``stale`` of ``wait_served``.

        A promotion turns auto-assignment on at Vercel. ``keep_off`` turns it off again at once, also when it is unknown
        whether Vercel accepted the promotion: until then a push is served as soon as it is built.
        """
        problem: RunbookError | None = None
        stale = None
        try:
            stale = self._point(project, deployment_id, verb)
        except RunbookError as error:
            problem = error
        if keep_off and verb == "promote":
            try:
                self.set_auto_assign(project, False)
            except RunbookError as error:
                problem = problem or error
                problem.advise(LEFT_ON)
        if problem:
            raise problem
        return stale

    def _point(self, project: Project, deployment_id: str, verb: str) -> int | None:
        stale = last_request(project).get("requestedAt")
        version = {"promote": "v10", "rollback": "v1"}[verb]
        try:
            self.call(
                "POST",
                f"/{version}/projects/{project['id']}/{verb}/{deployment_id}",
                shape=shapes.NOT_SAID,
                idempotent=True,
            )
        except ApiError as error:
            if error.status != HTTPStatus.CONFLICT:
                raise
            now = self.project(project["id"])
            if deployment_id not in (last_request(now).get("toDeploymentId"), (production(now) or {}).get("id")):
                raise  # it conflicts with another request, not with this one
            return None
        return stale

    def wait_served(
        self,
        project: Project,
        deployment_id: str,
        stale: int | None = None,
        rolls: Callable[[], None] = nothing,
    ) -> Project:
        """Wait until every production domain serves a deployment; return the project at that time. ``rolls`` is called
        while a rolling release serves it to some visitors.
        """

        def fetch() -> tuple[Project, Status]:
            now = self.project(project["id"])
            status = self.status(now, deployment_id, stale)
            if status[1].startswith(f"{ROLLING}: at"):
                rolls()
            return now, status

        try:
            return self.waiter.wait_for(
                fetch,
                lambda answer: answer[1],
                what=f"Serving {deployment_id}",
                check_next="the project's domains at Vercel",
            )[0]
        except DeploymentFailed as error:
            advice = "Check these domains in the project's settings at Vercel, then run it again."
            raise DeploymentFailed(f"{error} {advice}", state=error.details.get("state")) from None
