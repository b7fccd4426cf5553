# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentry's API: an organization of its own for each storefront, with its projects, releases and deploys."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Router

from ...state import Storefront, now
from ...vendor import Refusal, Vendor, json_body
from .shapes import PAGE, deploy, issue, project, release

RELEASE_FIELDS = ("ref", "url", "dateReleased")


class Sentry(Vendor):
    name = "sentry"

    def app(self) -> Router:
        organization = "/organizations/{organization}"
        # A version may hold what a path does not: the vendor takes everything up to the next slash.
        one = f"{organization}/releases/{{version}}"
        routes = [
            self.route("GET", f"{organization}/projects/", "list_projects", self.list_projects),
            self.route("GET", f"{organization}/releases/", "list_releases", self.list_releases),
            self.route("POST", f"{organization}/releases/", "create_release", self.create_release),
            self.route("GET", f"{one}/", "release", self.release),
            self.route("PUT", f"{one}/", "update_release", self.update_release),
            self.route("GET", f"{one}/deploys/", "list_deploys", self.list_deploys),
            self.route("POST", f"{one}/deploys/", "create_deploy", self.create_deploy),
            self.route("GET", f"{organization}/stats_v2/", "event_counts", self.event_counts),
            self.route("GET", f"{organization}/issues/", "list_issues", self.list_issues),
            self.route("GET", f"{organization}/sessions/", "session_counts", self.session_counts),
        ]
        return Router([Mount("/api/0", routes=routes)])

    def refusal(self, status: int, code: str, message: str, **more: Any) -> Refusal:
        return Refusal(status, more or {"detail": message})

    def authorize(self, request: Request) -> None:
        if not self.bearer(request):
            raise self.refusal(401, "", "Authentication credentials were not provided.")
        if self.bearer(request) != self.context.tokens["sentry"]:
            raise self.refusal(401, "", "Invalid token")

    def forbidden(self, request: Request, operation: str) -> Refusal:
        return self.refusal(403, "", "You do not have permission to perform this action.")

    def _front(self, request: Request) -> Storefront:
        for front in self.context.storefronts.values():
            if front.sentry["organization"] == request.path_params["organization"]:
                return front
        raise self.refusal(404, "", "The requested resource does not exist")

    def _release(self, request: Request) -> tuple[Storefront, dict[str, Any]]:
        front, version = self._front(request), request.path_params["version"]
        if version not in front.sentry["releases"]:
            raise self.refusal(404, "", "The requested resource does not exist")
        return front, front.sentry["releases"][version]

    async def event_counts(self, request: Request) -> Response:
        """Return the counts of the last hours; no shop of the sandbox sends events."""
        front, query = self._front(request), request.query_params
        if not {"field", "groupBy"} <= query.keys():
            raise self.refusal(400, "", 'Request is missing a "field" or a "groupBy"')
        hours = int(query.get("statsPeriod", "24h").removesuffix("h"))
        starts = [datetime.fromtimestamp(now() / 1000 - 3600 * back, UTC).isoformat() for back in range(hours, 0, -1)]
        count = int(front.sentry.get("errors", 0))
        series = [0] * (hours - 1) + [count]
        group = {
            "by": {query["groupBy"]: "accepted"},
            "totals": {query["field"]: count},
            "series": {query["field"]: series},
        }
        end = datetime.fromtimestamp(now() / 1000, UTC).isoformat()
        return JSONResponse({"start": starts[0], "end": end, "intervals": starts, "groups": [group] if count else []})

    async def list_issues(self, request: Request) -> Response:
        """Return the issues that a test has set, the newest first: of the environments that are asked for."""
        front, asked = self._front(request), request.query_params.getlist("environment")
        kept = [one for one in front.sentry.get("issues", []) if not asked or one["environment"] in asked]
        kept.sort(key=lambda one: str(one["first_seen"]), reverse=True)
        return self._page(request, [issue(front, number, one) for number, one in enumerate(kept, 1)])

    async def session_counts(self, request: Request) -> Response:
        """Return the sessions that a test has set, by release and by how they went."""
        front, query = self._front(request), request.query_params
        if not query.get("field"):
            raise self.refusal(400, "", 'Request is missing a "field"')
        groups = [
            {
                "by": {"release": version, "session.status": status},
                "totals": {query["field"]: count},
                "series": {query["field"]: [count]},
            }
            for version, counts in front.sentry.get("sessions", {}).items()
            for status, count in counts.items()
        ]
        at = datetime.fromtimestamp(now() / 1000, UTC).isoformat()
        return JSONResponse({"start": at, "end": at, "intervals": [at], "query": "", "groups": groups})

    def _page(self, request: Request, items: list[Any]) -> Response:
        """Return a page and the links to its neighbours, which are always there and say whether they have results."""
        size = int(request.query_params.get("per_page", PAGE))
        begin = int((request.query_params.get("cursor") or "0:0:0").split(":")[1])
        answer = JSONResponse(items[begin : begin + size])
        links = []
        for rel, start, results in (
            ("previous", max(0, begin - size), begin > 0),
            ("next", begin + size, begin + size < len(items)),
        ):
            url = request.url.include_query_params(cursor=f"0:{start}:0")
            links.append(f'<{url}>; rel="{rel}"; results="{str(results).lower()}"; cursor="0:{start}:0"')
        answer.headers["link"] = ", ".join(links)
        return answer

    async def list_projects(self, request: Request) -> Response:
        front = self._front(request)
        return self._page(request, [project(front, slug) for slug in front.sentry["projects"]])

    async def list_releases(self, request: Request) -> Response:
        front, wanted = self._front(request), request.query_params.get("query") or ""
        found = [kept for kept in front.sentry["releases"].values() if wanted in kept["version"]]
        return self._page(request, [release(front, kept) for kept in sorted(found, key=lambda kept: -kept["created"])])

    async def create_release(self, request: Request) -> Response:
        front, body = self._front(request), await json_body(request, self)
        version, projects = body.get("version"), body.get("projects")
        if (
            not isinstance(version, str)
            or not re.fullmatch(r"[^/\\\s]{1,200}", version)
            or version in (".", "..", "latest")
        ):
            raise self.refusal(400, "", "", version=["Release name is not valid"])
        if not isinstance(projects, list) or not projects:
            raise self.refusal(400, "", "", projects=["This field is required."])
        if unknown := [slug for slug in projects if slug not in front.sentry["projects"]]:
            raise self.refusal(400, "", "", projects=[f"Invalid project ids or slugs: {', '.join(map(str, unknown))}"])
        known = front.sentry["releases"].get(version)
        if known is None:
            known = {
                "id": now(),
                "version": version,
                "projects": [],
                "created": now(),
                "commits": [],
                "deploys": [],
                **dict.fromkeys(RELEASE_FIELDS),
            }
            front.sentry["releases"][version], status = known, 201
            self._set(front, known, body)
        else:
            self._set(front, known, {key: value for key, value in body.items() if key in ("commits", "refs")})
            status = 208
        known["projects"] += [slug for slug in projects if slug not in known["projects"]]
        self.context.save()
        return JSONResponse(release(front, known), status)

    def _set(self, front: Storefront, known: dict[str, Any], body: dict[str, Any]) -> None:
        for item in body.get("refs") or []:
            if item.get("repository") not in front.sentry["repositories"]:
                raise self.refusal(400, "", "", refs=[f"Invalid repository names: {item.get('repository')}"])
        known.update({key: body[key] for key in RELEASE_FIELDS if key in body})
        if body.get("commits"):
            known["commits"] = [
                {"id": item["id"], "message": item.get("message"), "email": item.get("author_email")}
                for item in body["commits"]
            ]
        elif body.get("refs"):
            known["commits"] = [{"id": item["commit"], "message": None, "email": None} for item in body["refs"]]

    async def release(self, request: Request) -> Response:
        return JSONResponse(release(*self._release(request)))

    async def update_release(self, request: Request) -> Response:
        front, known = self._release(request)
        self._set(front, known, await json_body(request, self))
        self.context.save()
        return JSONResponse(release(front, known))

    async def list_deploys(self, request: Request) -> Response:
        _unused, known = self._release(request)
        return self._page(request, [deploy(kept) for kept in reversed(known["deploys"])])

    async def create_deploy(self, request: Request) -> Response:
        _unused, known = self._release(request)
        body = await json_body(request, self)
        environment = body.get("environment")
        if not isinstance(environment, str) or not re.fullmatch(r"[^/\s]{1,64}", environment):
            raise self.refusal(400, "", "", environment=["Invalid value for environment"])
        finished = body.get("dateFinished") or datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        kept = {
            "id": str(now()),
            "dateFinished": finished,
            **{key: body.get(key) for key in ("environment", "name", "url", "dateStarted")},
        }
        known["deploys"].append(kept)
        self.context.save()
        return JSONResponse(deploy(kept), 201)
