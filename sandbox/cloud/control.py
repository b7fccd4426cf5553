# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control API, by which the sandbox and the tests control the double."""

from __future__ import annotations

import asyncio
import hmac
import inspect
import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from . import git
from .faults import Fault
from .state import identifier, now

if TYPE_CHECKING:
    from .cloud import Cloud
    from .state import Storefront


class _No(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.response = JSONResponse({"error": message}, status)


class Control:
    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    def app(self) -> Starlette:
        front = "/storefronts/{name}"
        routes: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]] = [
            ("GET", "/health", self.health),
            ("POST", "/storefronts", self.create),
            ("GET", front, self.show),
            ("DELETE", front, self.delete),
            ("GET", f"{front}/kept", self.kept),
            ("POST", f"{front}/save", self.save),
            ("POST", f"{front}/restore", self.restore),
            ("POST", f"{front}/git", self.connect),
            ("DELETE", f"{front}/git", self.disconnect),
            ("POST", f"{front}/push", self.push),
            ("POST", f"{front}/environments", self.add_environment),
            ("POST", f"{front}/railway/connect", self.connect_railway),
            ("POST", "/faults", self.add_fault),
            ("GET", "/faults", self.faults),
            ("DELETE", "/faults", self.clear_faults),
            ("GET", "/held", self.held),
            ("GET", f"{front}/busy", self.busy),
            ("POST", "/delays", self.set_delays),
            ("DELETE", "/delays", self.reset_delays),
            ("GET", "/requests", self.requests),
            ("DELETE", "/requests", self.clear_requests),
            ("GET", "/operations", self.operations),
            ("GET", "/violations", self.violations),
            ("PUT", f"{front}/check-runs", self.set_check_runs),
            ("PUT", f"{front}/pulls", self.set_pulls),
            ("PUT", f"{front}/sentry", self.set_sentry),
            ("PUT", f"{front}/workflow-runs", self.set_workflow_runs),
            ("PUT", "/policies/{key}", self.set_policy),
            ("GET", "/processes", self.processes),
        ]
        return Starlette(
            routes=[Route(path, self._guarded(handler), methods=[method]) for method, path, handler in routes]
        )

    def _guarded(self, handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            if not hmac.compare_digest(
                request.headers.get("authorization", "").encode(),
                f"Bearer {self.cloud.context.tokens['control']}".encode(),
            ):
                return JSONResponse({"error": "The control token is wrong or missing."}, 401)
            try:
                return await handler(request)
            except _No as no:
                return no.response

        return endpoint

    async def health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def create(self, request: Request) -> Response:
        wanted = await _body(request)
        if existing := self.cloud.context.storefronts.get(str(wanted.get("name"))):
            if differ := self.cloud.configure_storefront(existing, wanted):
                raise _No(409, f"units: {', '.join(differ)} came or went since the storefront was made.")
            return JSONResponse(existing.public())
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,40}", str(wanted.get("name"))):
            raise _No(400, "name: lower-case letters, digits and dashes only.")
        if wanted.get("backend", "railway") not in ("railway", "render"):
            raise _No(400, "backend: railway or render.")
        try:
            front = await self.cloud.create_storefront(wanted)
        except KeyError as error:
            raise _No(400, f"{error.args[0]} is missing.") from None
        except OSError as error:
            raise _No(409, f"A port of this storefront is taken: {error}.") from None
        return JSONResponse(front.public(), 201)

    async def show(self, request: Request) -> Response:
        return JSONResponse(self.cloud.context.storefronts[self._name(request)].public())

    async def kept(self, request: Request) -> Response:
        """Return everything that the vendors store about a storefront, including secrets, and whether a job
        is in progress.
        """
        name = self._name(request)
        return JSONResponse({**self.cloud.context.storefronts[name].dump(), "busy": self.cloud.context.busy(name)})

    async def delete(self, request: Request) -> Response:
        await self.cloud.delete_storefront(self._name(request))
        return Response(status_code=204)

    async def save(self, request: Request) -> Response:
        self.cloud.save_storefront(self._name(request), await _label(request))
        return Response(status_code=204)

    async def restore(self, request: Request) -> Response:
        name, label = self._name(request), await _label(request)
        try:
            await self.cloud.restore_storefront(name, label)
        except FileNotFoundError:
            raise _No(404, f"Nothing is saved for {name!r} under {label!r}.") from None
        return Response(status_code=204)

    async def connect(self, request: Request) -> Response:
        front, wanted = self.cloud.context.storefronts[self._name(request)], await _body(request)
        self._connect(front, self._repository(wanted), wanted)
        return Response(status_code=204)

    async def disconnect(self, request: Request) -> Response:
        self._connect(self.cloud.context.storefronts[self._name(request)], None, {})
        return Response(status_code=204)

    def _connect(self, front: Storefront, repository: str | None, wanted: dict[str, Any]) -> None:
        for vendor in self._vendors():
            if connect := getattr(vendor, "connect", None):
                connect(front, repository, wanted)
        self.cloud.context.save()

    async def push(self, request: Request) -> Response:
        """Report a pushed commit to every vendor that builds from Git. Returns the deployments by vendor."""
        front, wanted = self.cloud.context.storefronts[self._name(request)], await _body(request)
        repository = self._repository(wanted)
        try:
            commit = await git.resolve(repository, str(wanted.get("ref")))
        except git.NoCommit as error:
            raise _No(404, f"ref: {error}.") from None
        pushed = {
            vendor.name: vendor.push(front, commit, repository) for vendor in self._vendors() if hasattr(vendor, "push")
        }
        made = {name: await answer if inspect.isawaitable(answer) else answer for name, answer in pushed.items()}
        return JSONResponse({"commit": commit, "made": made})

    async def add_environment(self, request: Request) -> Response:
        """Give the project at Vercel a custom environment, which the API has no call for that is described."""
        front, slug = self.cloud.context.storefronts[self._name(request)], str((await _body(request)).get("slug"))
        made = {"id": identifier("env_"), "slug": slug, "type": "preview", "createdAt": now(), "updatedAt": now()}
        front.site.environments.append(made)
        self.cloud.context.save()
        return JSONResponse(made, 201)

    def _vendors(self) -> list[Any]:
        return self.cloud.vendors

    def _repository(self, wanted: dict[str, Any]) -> str:
        repository = wanted.get("repository") or self.cloud.context.repository
        if not repository:
            raise _No(400, "repository: missing, and this double has none of its own.")
        return str(repository)

    async def connect_railway(self, request: Request) -> Response:
        front = self.cloud.context.storefronts[self._name(request)]
        try:
            service = self.cloud.railway.connect_service(front, await _body(request))
        except KeyError as error:
            raise _No(400, f"{error.args[0]} is missing.") from None
        except StopIteration:
            raise _No(
                400, f"service: use one of {', '.join(service.name for service in front.services.values())}."
            ) from None
        return JSONResponse({**service.source, "auto_deploy": service.auto_deploy})

    async def add_fault(self, request: Request) -> Response:
        try:
            self.cloud.context.faults.active.append(Fault.parse(await _body(request)))
        except (ValueError, TypeError) as error:
            raise _No(400, str(error)) from None
        return Response(status_code=204)

    async def faults(self, request: Request) -> Response:
        return JSONResponse([asdict(fault) for fault in self.cloud.context.faults.active])

    async def clear_faults(self, request: Request) -> Response:
        self.cloud.context.faults.clear()
        return Response(status_code=204)

    async def busy(self, request: Request) -> Response:
        return JSONResponse(self.cloud.context.busy(self._name(request)))

    async def held(self, request: Request) -> Response:
        return JSONResponse(self.cloud.context.faults.held)

    async def set_delays(self, request: Request) -> Response:
        try:
            self.cloud.context.delays = replace(
                self.cloud.context.delays, **{name: float(seconds) for name, seconds in (await _body(request)).items()}
            )
        except (ValueError, TypeError) as error:
            raise _No(
                400, f"delays: {error}; known are {', '.join(asdict(self.cloud.context.delays))}, in seconds."
            ) from None
        return Response(status_code=204)

    async def reset_delays(self, request: Request) -> Response:
        self.cloud.context.delays = type(self.cloud.context.delays)()
        return Response(status_code=204)

    async def requests(self, request: Request) -> Response:
        return JSONResponse(list(self.cloud.context.requests))

    async def clear_requests(self, request: Request) -> Response:
        self.cloud.context.requests.clear()
        return Response(status_code=204)

    async def operations(self, request: Request) -> Response:
        return JSONResponse(self.cloud.context.exchanges.listing())

    async def violations(self, request: Request) -> Response:
        return JSONResponse(await asyncio.to_thread(self.cloud.context.exchanges.violations))

    async def set_check_runs(self, request: Request) -> Response:
        """Set the check-runs of a commit: an app makes them at the vendor, and there is none here."""
        front, body = self.cloud.context.storefronts[self._name(request)], await _body(request)
        try:
            listed = body["runs"].items() if isinstance(body["runs"], dict) else body["runs"]
            runs = [{"id": now(), "at": now(), "sha": body["sha"], "name": name, **_run(word)} for name, word in listed]
        except (KeyError, ValueError, TypeError):
            raise _No(
                400,
                "Give sha, and runs as a map of names to conclusions, or to queued or in_progress; or as a list of such"
                " pairs.",
            ) from None
        front.github["check_runs"] = [kept for kept in front.github["check_runs"] if kept["sha"] != body["sha"]] + runs
        self.cloud.context.save()
        return Response(status_code=204)

    async def set_sentry(self, request: Request) -> Response:
        """Set the issues and the sessions that Sentry has: the shop's own SDK sends them at the vendor."""
        front, body = self.cloud.context.storefronts[self._name(request)], await _body(request)
        unknown = body.keys() - {"issues", "sessions"}
        needed = {"title", "count", "first_seen", "environment"}
        if unknown or any(one.keys() != needed for one in body.get("issues", [])):
            raise _No(400, "Give issues (each with title, count, first_seen, environment) and sessions (by release).")
        front.sentry.update(body)
        self.cloud.context.save()
        return Response(status_code=204)

    async def set_pulls(self, request: Request) -> Response:
        """Set the pull requests of a storefront's repository, with their reviews: people make them at the vendor."""
        front, body = self.cloud.context.storefronts[self._name(request)], await _body(request)
        try:
            pulls = [
                {"author": "alice", "base": "main", "merged": True, "commits": [], "reviews": [], "at": now(), **pull}
                for pull in body["pulls"]
            ]
            for pull in pulls:
                pull["reviews"] = [
                    {"id": now(), "association": "MEMBER", "type": "User", **one} for one in pull["reviews"]
                ]
                if not {"number", "head", "merge_commit"} <= pull.keys() or any(
                    not {"by", "state", "commit"} <= one.keys() for one in pull["reviews"]
                ):
                    raise KeyError
        except (KeyError, TypeError):
            raise _No(
                400, "Give pulls, each with number, head and merge_commit, and reviews, each with by, state and commit."
            ) from None
        front.github["pulls"] = pulls
        self.cloud.context.save()
        return Response(status_code=204)

    async def set_workflow_runs(self, request: Request) -> Response:
        """Set the runs of a storefront's workflows, with the reviews of their environments: people give them there."""
        front, body = self.cloud.context.storefronts[self._name(request)], await _body(request)
        try:
            runs = [{"by": "alice", "at": now(), "approvals": [], **run} for run in body["runs"]]
            for run in runs:
                given = {"state": "approved", "environment": "production", "comment": ""}
                run["approvals"] = [{**given, **one} for one in run["approvals"]]
                if not {"id", "sha"} <= run.keys() or any("by" not in one for one in run["approvals"]):
                    raise KeyError
        except (KeyError, TypeError):
            raise _No(400, "Give runs, each with id, sha, and approvals, each with by.") from None
        front.github["workflow_runs"] = runs
        self.cloud.context.save()
        return Response(status_code=204)

    async def set_policy(self, request: Request) -> Response:
        """Set what an access key of S3 may do at the address of the double. It lasts until the double ends."""
        self.cloud.context.policies[request.path_params["key"]] = await _body(request)
        return Response(status_code=204)

    async def processes(self, request: Request) -> Response:
        return JSONResponse(self.cloud.context.units.listing())

    def _name(self, request: Request) -> str:
        name = request.path_params["name"]
        if name not in self.cloud.context.storefronts:
            raise _No(404, f"There is no storefront {name!r}.")
        return name


def _run(word: str) -> dict[str, str | None]:
    going = word in ("queued", "in_progress")
    return {"status": word if going else "completed", "conclusion": None if going else word}


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise _No(400, "The body must be a JSON object.")
    return body


async def _label(request: Request) -> str:
    label = str((await _body(request)).get("label"))
    if not re.fullmatch(r"[\w.-]{1,60}", label):
        raise _No(400, "label: letters, digits, dots and dashes only.")
    return label
