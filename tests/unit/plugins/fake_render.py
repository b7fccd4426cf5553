# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service at Render, kept in memory: each request for the list finds what is on its way one step further."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.unit.support import Answer, FakeVendor, Request, reply

SERVICE = "srv-d1a2b3c4d5e6f7g8h9i0"
OWNER = "tea-d1a2b3c4d5e6f7g8h9i0"
ON_THE_WAY = ("created", "queued", "build_in_progress", "pre_deploy_in_progress", "update_in_progress")
SHAS = {f"v1.{number}.0": f"{number}" * 40 for number in range(10)}


def refusal(status: int, message: str, code: str | None = None) -> Answer:
    return reply(status, {"id": "err-1", "message": message, **({"code": code} if code else {})})


def queued(honest: Callable[[], Answer]) -> Answer:
    """The deploy is made, and Render only says that it took the request."""
    honest()
    return reply(202)


class FakeRender:
    """One service. ``listed`` has the newest last; ``faults`` are answers that replace the next ones of an
    operation, given the honest one to call.
    """

    ROUTES = (
        ("GET", r"/services", "list_services"),
        ("GET", r"/services/([^/]+)", "service_of"),
        ("PATCH", r"/services/([^/]+)", "update"),
        ("GET", r"/services/([^/]+)/deploys", "deploys"),
        ("POST", r"/services/([^/]+)/deploys", "create"),
        ("GET", r"/services/([^/]+)/deploys/([^/]+)", "deploy"),
        ("POST", r"/services/([^/]+)/deploys/([^/]+)/cancel", "cancel"),
        ("POST", r"/services/([^/]+)/rollback", "rollback"),
        ("POST", r"/services/([^/]+)/suspend", "suspend"),
        ("POST", r"/services/([^/]+)/resume", "resume"),
        ("POST", r"/services/([^/]+)/restart", "restart"),
        ("POST", r"/services/([^/]+)/scale", "scale"),
        ("GET", r"/services/([^/]+)/instances", "instances"),
        ("GET", r"/services/([^/]+)/env-vars", "list_env"),
        ("PUT", r"/services/([^/]+)/env-vars/([^/]+)", "upsert_env"),
        ("DELETE", r"/services/([^/]+)/env-vars/([^/]+)", "delete_env"),
        ("GET", r"/logs", "logs"),
        ("GET", r"/metrics/http-requests", "http_requests"),
    )

    def __init__(self) -> None:
        self.listed: list[dict[str, Any]] = []
        self.steps = ["created", "build_in_progress", "update_in_progress", "live"]
        self.hidden = 0  # requests of the list until it shows what was just made
        self.values = {"DATABASE_URL": "postgresql://shop:hunter2@db/shop", "NODE_ENV": "production"}
        self.said = {"build": ["npm ci", ""], "app": ["listening"]}
        self.running = ["one"]
        self.service: dict[str, Any] = {
            **{
                "id": SERVICE,
                "name": "shop-api",
                "ownerId": OWNER,
                "type": "web_service",
                "autoDeploy": "no",
                "suspended": "not_suspended",
            },
            **{"branch": "main", "repo": "https://git.example/shop"},
            "serviceDetails": {
                "numInstances": 1,
                "url": "https://shop-api.onrender.com",
                "maintenanceMode": {"enabled": False, "uri": ""},
            },
        }
        self.faults: dict[str, list[Callable[[Callable[[], Answer]], Answer]]] = {}
        self.vendor = FakeVendor(self.answer)
        self._made = datetime(2026, 1, 31, 12, tzinfo=UTC)

    def operations(self) -> list[str]:
        return [self.route(request)[0] for request in self.vendor.requests]

    def writes(self) -> list[str]:
        """The operations that changed something, or tried to."""
        return [self.route(request)[0] for request in self.vendor.requests if request.method != "GET"]

    def sent(self, operation: str) -> list[Any]:
        """The bodies of the requests of an operation."""
        return [
            request.json() if request.body else None
            for request in self.vendor.requests
            if self.route(request)[0] == operation
        ]

    def route(self, request: Request) -> tuple[str, list[str]]:
        path = request.path.removeprefix("/v1")
        for method, pattern, operation in self.ROUTES:
            if method == request.method and (found := re.fullmatch(pattern, path)):
                return operation, [unquote(part) for part in found.groups()]
        raise AssertionError(f"Render has no {request.method} {path}")

    def has(self, release: str, status: str = "live", *, trigger: str = "api", **more: Any) -> dict[str, Any]:
        """Add a deploy; the one that served before it is deactivated when this one serves."""
        self._made += timedelta(minutes=1)
        if status == "live":
            self._deactivate_live()
        made = {
            "id": f"dep-{len(self.listed) + 1}",
            "status": status,
            "trigger": trigger,
            "createdAt": self._made.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "commit": {"id": SHAS[release], "message": f"Release {release}", "createdAt": "2026-01-01T00:00:00Z"},
            **more,
        }
        self.listed.append(made)
        return made

    def _deactivate_live(self) -> None:
        for one in self.listed:
            if one["status"] == "live":
                one["status"] = "deactivated"

    def one(self, key: str) -> dict[str, Any]:
        return next(one for one in self.listed if one["id"] == key)

    def answer(self, request: Request) -> Answer:
        operation, ids = self.route(request)
        if waiting := self.faults.get(operation):
            return waiting.pop(0)(lambda: getattr(self, operation)(request, *ids))
        if ids and ids[0] != SERVICE:
            return refusal(404, f"not found: {ids[0]}")
        return getattr(self, operation)(request, *ids)

    def page(self, request: Request, items: list[Any], name: str) -> Answer:
        """A page of a list; the cursor of an item is its place."""
        query = parse_qs(urlsplit(request.url).query)
        start, limit = int(query.get("cursor", ["0"])[0]), int(query.get("limit", ["20"])[0])
        assert 1 <= limit <= 100
        return reply(
            200,
            [{name: item, "cursor": str(place + 1)} for place, item in list(enumerate(items))[start : start + limit]],
        )

    def list_services(self, request: Request) -> Answer:
        others = [{**self.service, "id": "srv-other", "name": "shop-api-preview"}]
        return self.page(request, [self.service, *others], "service")

    def service_of(self, request: Request, service: str) -> Answer:
        return reply(200, self.service)

    def update(self, request: Request, service: str) -> Answer:
        wanted = request.json()
        self.service["serviceDetails"] |= wanted.pop("serviceDetails", {})
        self.service |= wanted
        return reply(200, self.service)

    def deploys(self, request: Request, service: str) -> Answer:
        for one in self.listed:
            if one["status"] in self.steps[:-1]:
                one["status"] = self.steps[self.steps.index(one["status"]) + 1]
                if one["status"] == "live":
                    one["status"] = "update_in_progress"
                    self._deactivate_live()
                    one["status"] = "live"
        shown = self.listed[:-1] if self.hidden else self.listed
        self.hidden = max(0, self.hidden - 1)
        return self.page(request, [dict(one) for one in reversed(shown)], "deploy")

    def create(self, request: Request, service: str) -> Answer:
        wanted = request.json()
        if image := wanted.get("imageUrl"):
            made = self.has("v1.0.0", "created", image={"ref": image, "sha": f"sha256:{image}"})
            del made["commit"]
        else:
            made = self.has(next(release for release, sha in SHAS.items() if sha == wanted["commitId"]), "created")
        return reply(201, dict(made))

    def deploy(self, request: Request, service: str, key: str) -> Answer:
        found = [one for one in self.listed if one["id"] == key]
        return reply(200, dict(found[0])) if found else refusal(404, f"not found: {key}")

    def cancel(self, request: Request, service: str, key: str) -> Answer:
        self.one(key)["status"] = "canceled"
        return reply(200, dict(self.one(key)))

    def rollback(self, request: Request, service: str) -> Answer:
        target = self.one(request.json()["deployId"])
        made = self.has("v1.0.0", "created", trigger="rollback")
        made.pop("commit")
        made |= {key: target[key] for key in ("commit", "image") if key in target}
        return reply(201, dict(made))

    def suspend(self, request: Request, service: str) -> Answer:
        self.service["suspended"] = "suspended"
        return reply(202)

    def resume(self, request: Request, service: str) -> Answer:
        self.service["suspended"] = "not_suspended"
        if serving := [one for one in self.listed if one["status"] == "live"]:
            self.has("v1.0.0", "created", trigger="service_resumed")["commit"] = serving[0]["commit"]
        return reply(202)

    def restart(self, request: Request, service: str) -> Answer:
        self.running = [f"{one}-again" for one in self.running]
        return reply(200)

    def scale(self, request: Request, service: str) -> Answer:
        count = request.json()["numInstances"]
        self.service["serviceDetails"]["numInstances"] = count
        self.running = [f"instance-{number}" for number in range(count)]
        return reply(202)

    def instances(self, request: Request, service: str) -> Answer:
        return reply(200, [{"id": one, "createdAt": "2026-01-31T12:00:00Z"} for one in self.running])

    def list_env(self, request: Request, service: str) -> Answer:
        return self.page(
            request, [{"key": key, "value": value} for key, value in sorted(self.values.items())], "envVar"
        )

    def upsert_env(self, request: Request, service: str, key: str) -> Answer:
        self.values[key] = request.json()["value"]
        return reply(200, {"key": key, "value": self.values[key]})

    def delete_env(self, request: Request, service: str, key: str) -> Answer:
        return (
            reply(204)
            if self.values.pop(key, None) is not None
            else refusal(404, f"environment variable not found: {key}")
        )

    def http_requests(self, request: Request) -> Answer:
        labels = [{"field": "statusCode", "value": "200"}]
        return reply(200, [{"labels": labels, "values": [{"value": 7.0}], "unit": "requests"}])

    def logs(self, request: Request) -> Answer:
        query = parse_qs(urlsplit(request.url).query)
        assert query["ownerId"] == [OWNER]
        assert query["resource"] == [SERVICE]
        assert query["direction"] == ["backward"]
        lines = [(kind, line) for kind, said in self.said.items() if kind in query.get("type", [kind]) for line in said]
        entries = [
            {
                **{"id": f"log-{place}", "message": line, "timestamp": f"2026-01-31T12:{place:02d}:00.000Z"},
                "labels": [{"name": "type", "value": kind}, {"name": "level", "value": "info"}],
            }
            for place, (kind, line) in enumerate(lines)
        ]
        until = query.get("endTime", ["9"])[0]
        fitting = [entry for entry in reversed(entries) if str(entry["timestamp"]) <= until]
        limit = int(query["limit"][0])
        more = len(fitting) > limit
        following = fitting[limit]["timestamp"] if more else "2026-01-31T12:00:00.000Z"
        return reply(
            200,
            {
                "hasMore": more,
                "nextStartTime": query["startTime"][0],
                "nextEndTime": following,
                "logs": fitting[:limit],
            },
        )
