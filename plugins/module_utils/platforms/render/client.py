# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One service at Render: its deploys, and the calls that change them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from ...core.errors import ApiError, ConfigError, WaitTimeout
from ...core.http import ApiClient, unlimited
from ...core.shape import EMPTY, TIME, Shape
from ...core.wait import Outcome, Waiter, nothing
from ...source.checkout import tags
from . import logs
from .states import ADVICE, Deploy, by_id, classify

API_URL = "https://api.render.com/v1"
ID = re.compile(r"(srv|crn)-[0-9a-z]+(-[0-9a-z]+)?")
PAGE = 100  # the most items in one answer of Render
PAGES = 100  # pages of a list; a longer one would never end
LISTED_WITHIN = 5.0  # seconds until a new deploy must be listed
QUEUED = 60.0  # seconds until a queued deploy must be listed
LISTED = 50  # deploys that a decision considers
RECENT = 10  # deploys that a wait considers

Listed = list[Deploy]

DEPLOY = {
    **{"id": str, "createdAt": TIME, "status?": str, "trigger?": str},
    **{"commit?": {"id?": str}, "image?": {"ref?": str, "sha?": str}},
}
SERVICE = {
    **{"id": str, "name": str, "ownerId": str},
    **{f"{name}?": str for name in ("type", "autoDeploy", "suspended", "branch", "repo", "imagePath", "rootDir")},
    "serviceDetails?": {
        **{
            "url?": str,
            "numInstances?": int,
            "plan?": str,
            "region?": str,
            "disk?": {"id?": str},
            "healthCheckPath?": str,
            "maintenanceMode?": {"enabled": bool, "uri?": str},
        },
        "autoscaling?": {"enabled": bool, "min?": int, "max?": int},
        "envSpecificDetails?": {"preDeployCommand?": str, "startCommand?": str, "dockerCommand?": str},
    },
}
NOTHING: Shape = (EMPTY, {})  # Render's answer when it only accepts a request


def parse_error(response: Any) -> tuple[str | None, str | None]:
    """Return Render's (code, message)."""
    try:
        error = response.json()
        return error.get("code"), error.get("message")
    except (ValueError, AttributeError):
        return None, None


def connect(
    params: Mapping[str, Any],
    *,
    releases: Mapping[str, str] | None = None,
    heartbeat: Callable[[], None] = nothing,
    warn: Callable[[str], None] = nothing,
    before_write: Callable[[float], float] = unlimited,
) -> Render:
    """Return the client for a module's options; ``releases`` maps commits to releases."""
    headers = {"Authorization": f"Bearer {params['api_token']}"}
    hooks: dict[str, Any] = {
        "before_write": before_write,
        "tick": heartbeat,
        "allow_plain_http": params.get("allow_plain_http", False),
        "deadline": params.get("deadline"),
        "unreachable": params.get("unreachable_timeout"),
    }
    api = ApiClient(
        "Render", params["api_url"], headers=headers, parse_error=parse_error, timeout=params["timeout"], **hooks
    )
    waiter = Waiter(
        timeout=params.get("wait_timeout") or 0,
        interval=params.get("wait_interval") or 0,
        heartbeat=heartbeat,
        warn=warn,
    )
    return Render(api, params["service"], waiter, releases or {})


class Render:
    """The service is given by id or by name."""

    def __init__(self, api: ApiClient, name: str, waiter: Waiter, releases: Mapping[str, str]) -> None:
        self.api, self.name, self.waiter, self.releases = api, name, waiter, dict(releases)
        self._service: dict[str, Any] = {}

    def close(self) -> None:
        self.api.close()

    @property
    def service(self) -> dict[str, Any]:
        """The service as Render last described it."""
        return self._service or self.refresh()

    @property
    def path(self) -> str:
        return f"/services/{self.service['id']}"

    def refresh(self) -> dict[str, Any]:
        """Fetch the service again. Raises ConfigError when no service, or several, have the name."""
        if self._service or ID.fullmatch(self.name):
            self._service = self.api.json("GET", f"/services/{self._service.get('id') or self.name}", shape=SERVICE)
            return self._service
        found = [
            service
            for service in self.pages("/services", "service", SERVICE, name=self.name)
            if service["name"] == self.name
        ]
        if len(found) != 1:
            ids = ", ".join(service["id"] for service in found) or "none"
            raise ConfigError(
                f"{len(found)} services at Render are called {self.name!r} ({ids}). Set service to an id, which begins"
                " with srv-.",
                code="unknown_service",
            )
        self._service = found[0]
        return self._service

    def pages(self, path: str, item: str, shape: Shape, most: int | None = None, **query: Any) -> list[Any]:
        """Return the items of a list, all of them or the first ``most``."""
        found: list[Any] = []
        for _unused in range(PAGES):
            limit = PAGE if most is None else min(PAGE, most - len(found))
            page = (
                self.api.json(
                    "GET", path, shape=([{item: shape, "cursor?": str}], None, EMPTY), params={**query, "limit": limit}
                )
                or []
            )
            found += [element[item] for element in page]
            query["cursor"] = page[-1].get("cursor") if page else None
            if len(page) < limit or len(found) == most or not query["cursor"]:
                return found
        raise ApiError(
            f"Render's list of {item}s at {path} does not end. Try again; if it happens again, check api_url and any"
            " proxy in between.",
            code="endless_list",
        )

    def of(self, node: Mapping[str, Any]) -> Deploy:
        return Deploy.of(node, self.service, self.releases)

    def deploys(self, most: int = LISTED) -> Listed:
        """Return the service's deploys, the newest first."""
        found = [self.of(node) for node in self.pages(f"{self.path}/deploys", "deploy", DEPLOY, most)]
        return sorted(found, key=lambda deploy: deploy.created_at, reverse=True)

    def deploy(self, deploy_id: str) -> Deploy:
        """Return a deploy of this service, of any age."""
        return self.of(self.api.json("GET", f"{self.path}/deploys/{deploy_id}", shape=DEPLOY))

    def create(self, wanted: Mapping[str, str]) -> Deploy:
        """Deploy a commit (``commitId``) or an image (``imageUrl``); Render may only queue it, without
        returning an id.
        """
        source = wanted.get("commitId") or wanted.get("imageUrl")

        def made(new: Listed) -> Deploy | None:
            return next((deploy for deploy in new if source in (deploy.commit, deploy.image)), None)

        return self._make(
            "deploy",
            lambda: self.api.json("POST", f"{self.path}/deploys", shape=(DEPLOY, EMPTY), json=dict(wanted)),
            made,
        )

    def find(self, source: str | None) -> Deploy:
        """Return the deploy of a commit or an image that Render created, or is creating, after a push.
        Raises ConfigError when there is none.
        """

        def made() -> Deploy | None:
            usable = (deploy for deploy in self.deploys() if deploy.in_progress or deploy.is_live)
            return next((deploy for deploy in usable if source in (deploy.commit, deploy.image)), None)

        found = self.seek(made)
        if found is None:
            raise ConfigError(
                f"Render has no deploy of {source} to {self.service['name']} that is live or under way. Push it to the"
                " branch that the service deploys, or deploy it with source=commit.",
                code="nothing_to_adopt",
            )
        return found

    def roll_back(self, target: Deploy) -> Deploy:
        """Run the build of ``target`` again with its settings and variables of then, as a new deploy."""

        def made(new: Listed) -> Deploy | None:
            return next((deploy for deploy in new if deploy.restores(target)), None)

        return self._make(
            "rollback",
            lambda: self.api.json("POST", f"{self.path}/rollback", shape=DEPLOY, json={"deployId": target.id}),
            made,
        )

    def cancel(self, deploys: Listed) -> None:
        """Cancel the deploys under way, as far as Render still allows it, and wait a moment for the end."""
        ids = [deploy.id for deploy in deploys]

        def over() -> bool:
            return not any(deploy.id in ids and deploy.in_progress for deploy in self.deploys(RECENT))

        def cancel(deploy_id: str) -> Any:
            return self.api.json("POST", f"{self.path}/deploys/{deploy_id}/cancel", shape={"id": str})

        for one in deploys:
            try:
                self.ask(partial(cancel, one.id), over)
            except ApiError as error:
                self.waiter.warn(
                    f"{self.service['name']} with {one.shown} was not canceled, so it may still serve for a moment."
                    f" {error}"
                )
        if ids:
            self.seek(over)

    def update(self, settings: Mapping[str, Any]) -> None:
        """Change settings of the service that cause no deploy; a second identical change does no harm."""
        self._service = self.api.json("PATCH", self.path, shape=SERVICE, json=dict(settings), idempotent=True)

    def wait_live(self, deploy: Deploy) -> Deploy:
        """Wait for Render's status live, which a web service gets after its health check."""
        found = self.waiter.wait_for(
            lambda: by_id(self.deploys(RECENT), deploy.id),
            classify,
            what=f"The deploy {deploy.id} of {deploy.release or deploy.source} to {self.service['name']}",
            check_next="the deploy in Render's dashboard",
            explain=lambda _: logs.tail(self, deploy),
            advice=ADVICE,
        )
        return found or deploy

    def _make(self, operation: str, send: Callable[[], Any], pick: Callable[[Listed], Deploy | None]) -> Deploy:
        """Request a new deploy and return it. Where Render returns no id (202, or a lost answer), find it
        among the new deploys.
        """
        known = {deploy.id for deploy in self.deploys()}

        def made() -> Deploy | None:
            return pick([deploy for deploy in self.deploys(RECENT) if deploy.id not in known])

        answer = self.ask(send, made)
        found = self.of(answer) if answer else self.seek(made, QUEUED)
        if found is None:
            raise ApiError(
                f"Render accepted the {operation} for {self.name}, but lists no new deploy after {QUEUED:g} s. Check"
                " the service in Render's dashboard, and run it again when no deploy is under way there.",
                code="no_deployment",
                retryable=True,
            )
        return found

    def ask(self, send: Callable[[], Any], done: Callable[[], object]) -> Any:
        """Write and return Render's answer; None where the answer was lost but the write took effect."""
        return self.waiter.settle(send, lambda: self.seek(done))

    def seek(self, seek: Callable[[], Any], seconds: float | None = None) -> Any:
        """Return what ``seek`` finds; None when it finds nothing for a while."""
        brief = replace(self.waiter, timeout=LISTED_WITHIN if seconds is None else seconds)
        try:
            return brief.wait_for(
                seek, lambda found: (Outcome.READY if found else Outcome.PENDING, "looked for"), what="It"
            )
        except WaitTimeout:
            return None


def releases_in(path: str | None, warn: Callable[[str], None]) -> dict[str, str]:
    """Return the releases of a repository by commit. An unreadable repository is only a warning, since a
    rollback must not depend on it.
    """
    try:
        return tags(path) if path else {}
    except ConfigError as problem:
        warn(f"{problem} Therefore the deploys are shown without their releases.")
        return {}


def named(releases: Mapping[str, str], wanted: Iterable[str | None], release: str | None) -> dict[str, str]:
    """Return ``releases`` with the name of the wanted commit or image added."""
    return {**releases, **{source: release for source in wanted if source and release}}
