# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each answer to each request of each module is replaced by JSON of another shape: that ends in an error or
in the goal, never in a crash or a false claim.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core import wait
from ansible_collections.storefront.runbook.plugins.module_utils.core.http import ApiClient
from ansible_collections.storefront.runbook.plugins.modules import (
    cf_info,
    cf_maintenance,
    cf_purge,
    github_deployment,
    railway_info,
    railway_service,
    railway_variables,
    render_env,
    render_info,
    render_service,
    sentry_release,
    slack_message,
    vercel_deploy,
    vercel_env,
    vercel_info,
)

from tests.unit.plugins.fake_railway import PROJECT, FakeRailway
from tests.unit.plugins.fake_render import SERVICE, SHAS, FakeRender
from tests.unit.plugins.fake_vercel import FakeVercel
from tests.unit.plugins.modules.test_cf_info import Zone
from tests.unit.plugins.modules.test_cf_maintenance import BASE as HELD
from tests.unit.plugins.modules.test_cf_maintenance import answer as maintenance_answer
from tests.unit.plugins.modules.test_cf_purge import answer as purge_answer
from tests.unit.plugins.modules.test_github_deployment import Repository
from tests.unit.plugins.modules.test_sentry_release import KNOWN, Organization
from tests.unit.plugins.modules.test_slack_message import answer as slack_answer
from tests.unit.support import Answer, Clock, FakeVendor, Request, reply, run_module

TOKEN = "tok_4711secret"
DEEP = "[" * 100_000 + "]" * 100_000
KINDS = {"api", "config", "wait_timeout", "deployment_failed"}
WHOLES = {
    "list": "[]",
    "null": "null",
    "object": "{}",
    "text": '"x"',
    "number": "7",
    "deep": DEEP,
    "deep inside": '{"data": ' + DEEP + "}",
    "nan": '{"id": NaN}',
}
WHOLES |= {
    "twice": '{"id": "a", "id": "b"}',
    "infinite": '{"id": 1e999}',
    "half a letter": '{"id": "\\ud800", "success": "\\ud800"}',
}


@dataclass
class World:
    """A vendor in memory; ``state`` is what a module may change of it."""

    vendor: FakeVendor
    state: Callable[[], Any]


def of_vercel(arrange: Callable[[FakeVercel], Any]) -> Callable[[], World]:
    def build() -> World:
        fake = FakeVercel()
        arrange(fake)
        return World(
            fake.vendor,
            lambda: [fake.project, [(d["id"], d["readyState"]) for d in fake.deployments], variables_of(fake)],
        )

    return build


def variables_of(fake: FakeVercel) -> list[Any]:
    return [(item["key"], item["value"], item["target"]) for item in fake.site.variables]


def of_railway(*releases: str, **source: str) -> Callable[[], World]:
    def build() -> World:
        fake = FakeRailway()
        for release in releases:
            fake.has(release)
        if source:
            fake.instance["source"] = source
        return World(
            fake.vendor,
            lambda: [
                [(d["id"], d["status"], d["deploymentStopped"]) for d in fake.listed],
                fake.values,
                fake.instance,
                fake.regions_there,
            ],
        )

    return build


def of_render(*releases: str) -> Callable[[], World]:
    def build() -> World:
        fake = FakeRender()
        for release in releases:
            fake.has(release)
        return World(fake.vendor, lambda: [[(d["id"], d["status"]) for d in fake.listed], fake.values, fake.service])

    return build


def of_github() -> World:
    fake = Repository()
    return World(fake.vendor, lambda: [fake.deployments, fake.statuses])


def of_sentry(release: Any) -> Callable[[], World]:
    def build() -> World:
        fake = Organization(copy.deepcopy(release), [{"id": "3", "environment": "production", "name": "record-1"}])
        return World(fake.vendor, fake.written)

    return build


def of_answers(answer: Callable[[Request], Answer]) -> Callable[[], World]:
    def build() -> World:
        vendor = FakeVendor(answer)
        return World(vendor, lambda: None)

    return build


def of_zone() -> World:
    return World(Zone().vendor, lambda: None)


def served(fake: FakeVercel) -> None:
    fake.serves(fake.has("v1.0.0"))
    fake.serves(fake.has("v1.1.0", served_once=True))
    fake.has("v1.2.0")
    fake.is_linked()
    fake.project["customEnvironments"] = [{"id": "env_qa", "slug": "qa"}]
    fake.project["autoAssignCustomDomains"] = False
    fake.runtime = [{"timestampInMs": 1_767_225_600_000, "level": "info", "source": "lambda", "message": "hello"}]
    for name, kind in (("OLD", "encrypted"), ("COLOUR", "sensitive")):
        fake.variables.create(
            fake.site, {"key": name, "value": "1", "type": kind, "target": ["production"]}, upsert=False
        )


VERCEL = {"api_token": TOKEN, "api_url": "https://api.test", "team": "team_1", "project": "shop"}
RAILWAY = {
    "api_token": TOKEN,
    "api_url": "https://api.test",
    "project": PROJECT,
    "environment": "production",
    "service": "api",
}
RENDER = {"api_token": TOKEN, "api_url": "https://api.test/v1", "service": SERVICE}
SLACK = {"api_token": TOKEN, "channel": "C0123456789", "text": "new"}
SENTRY = {"api_token": TOKEN, "organization": "acme", "projects": ["shop"], "version": "v1.0.0"}
DEPLOY = {"environment": "production", "name": "record-2"}
VARIABLES = {"variables": {"COLOUR": "red-value", "NEW": "new-value"}, "absent": ["OLD", "NODE_ENV"]}
SCENARIOS: dict[str, tuple[ModuleType, Callable[[], World], dict[str, Any]]] = {
    "vercel_deploy staged": (
        vercel_deploy,
        of_vercel(served),
        {**VERCEL, "state": "staged", "release": "v1.3.0", "path": "(a folder)"},
    ),
    "vercel_deploy commit": (
        vercel_deploy,
        of_vercel(served),
        {**VERCEL, "state": "staged", "release": "v1.3.0", "source": "commit", "commit": "a" * 40},
    ),
    "vercel_deploy redeploy": (
        *(vercel_deploy, of_vercel(served)),
        {
            **VERCEL,
            "state": "staged",
            "release": "v1.0.0",
            "source": "redeploy",
            "deployment": "dpl_1",
            "environment": "preview",
        },
    ),
    "vercel_deploy promoted": (
        vercel_deploy,
        of_vercel(served),
        {**VERCEL, "state": "promoted", "deployment": "dpl_3"},
    ),
    "vercel_deploy rolled back": (
        vercel_deploy,
        of_vercel(served),
        {**VERCEL, "state": "rolled_back", "deployment": "dpl_1"},
    ),
    "vercel_deploy canceled": (
        *(vercel_deploy, of_vercel(lambda fake: fake.has("v1.0.0", state="BUILDING"))),
        {**VERCEL, "state": "canceled", "deployment": "dpl_1"},
    ),
    "vercel_env": (vercel_env, of_vercel(served), {**VERCEL, **VARIABLES}),
    "vercel_info": (vercel_info, of_vercel(served), {**VERCEL, "logs": ["build", "runtime"], "digest_key": "pepper"}),
    "railway_service image": (
        railway_service,
        of_railway("v1.0.0", image="shop:v1"),
        {**RAILWAY, "state": "deployed", "source": "image", "image": "shop:v2"},
    ),
    "railway_service upload": (
        railway_service,
        of_railway("v1.0.0"),
        {**RAILWAY, "state": "deployed", "release": "v2", "path": "(a folder)"},
    ),
    "railway_service rolled back": (
        *(railway_service, of_railway("v1.0.0", "v1.1.0")),
        {**RAILWAY, "state": "rolled_back", "deployment": "deployment-1", "pinned_variables": ["DATABASE_URL"]},
    ),
    **{
        f"railway_service {state}": (railway_service, of_railway("v1.0.0"), {**RAILWAY, "state": state})
        for state in ("stopped", "removed", "restarted")
    },
    "railway_service scaled": (
        railway_service,
        of_railway("v1.0.0"),
        {**RAILWAY, "state": "scaled", "regions": {"us-west2": 3}},
    ),
    "railway_service configured": (
        *(railway_service, of_railway("v1.0.0")),
        {**RAILWAY, "state": "configured", "healthcheck_path": "/up", "auto_deploy": False},
    ),
    "railway_variables": (railway_variables, of_railway("v1.0.0"), {**RAILWAY, **VARIABLES, "deploy": True}),
    "railway_info": (railway_info, of_railway("v1.0.0"), {**RAILWAY, "logs": ["build", "runtime"], "http_minutes": 5}),
    "render_service deployed": (
        render_service,
        of_render("v1.0.0"),
        {**RENDER, "state": "deployed", "commit": SHAS["v1.1.0"]},
    ),
    "render_service by name": (
        render_service,
        of_render("v1.0.0"),
        {**RENDER, "service": "shop-api", "state": "configured", "maintenance_mode": True},
    ),
    "render_service rolled back": (
        render_service,
        of_render("v1.0.0", "v1.1.0"),
        {**RENDER, "state": "rolled_back", "deployment": "dep-1"},
    ),
    **{
        f"render_service {state}": (render_service, of_render("v1.0.0"), {**RENDER, "state": state})
        for state in ("stopped", "restarted", "redeployed")
    },
    "render_service scaled": (render_service, of_render("v1.0.0"), {**RENDER, "state": "scaled", "replicas": 3}),
    "render_env": (render_env, of_render("v1.0.0"), {**RENDER, **VARIABLES, "deploy": True}),
    "render_info": (render_info, of_render("v1.0.0"), {**RENDER, "log_lines": 2}),
    "cf_info": (cf_info, of_zone, {"api_token": TOKEN, "zone": "shop.example"}),
    "cf_maintenance": (cf_maintenance, of_answers(maintenance_answer), {**HELD, "api_token": TOKEN, "state": "off"}),
    "cf_purge": (cf_purge, of_answers(purge_answer), {"api_token": TOKEN, "zone": "shop.example", "tags": ["a"]}),
    "github_deployment": (
        github_deployment,
        of_github,
        {"api_token": TOKEN, "repository": "acme/shop", "ref": "v1.0.0", "state": "success"},
    ),
    "sentry_release new": (sentry_release, of_sentry(None), {**SENTRY, "ref": "v1.0.0", "deploy": DEPLOY}),
    "sentry_release known": (
        sentry_release,
        of_sentry(KNOWN),
        {**SENTRY, "projects": ["shop", "api"], "ref": "v1.0.0", "deploy": DEPLOY},
    ),
    "slack_message new": (slack_message, of_answers(slack_answer), SLACK),
    "slack_message changed": (slack_message, of_answers(slack_answer), {**SLACK, "ts": "1767225600.000100"}),
    "slack_message webhook": (
        slack_message,
        of_answers(slack_answer),
        {"text": "new", "webhook_url": f"https://hooks.slack.com/services/T/B/{TOKEN}"},
    ),
}


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """Nobody waits."""

    def sleep(seconds: float) -> None:
        clock.sleep(max(seconds, 0.01))  # a sum of floats must not stand still just before its end

    init: Any = wait.Waiter.__init__
    monkeypatch.setattr(
        wait.Waiter, "__init__", lambda self, **options: init(self, **{"sleep": sleep, "clock": clock, **options})
    )
    monkeypatch.setattr(
        ApiClient.__init__, "__kwdefaults__", {**ApiClient.__init__.__kwdefaults__, "sleep": sleep, "clock": clock}
    )


@dataclass
class Ran:
    result: dict[str, Any]
    state: Any
    answers: list[tuple[Request, Any]]


def ran(
    name: str,
    folder: Any,
    replace: Callable[[int, Request, Callable[[], Answer]], Answer] = lambda number, request, honest: honest(),
) -> Ran:
    """Run a scenario; ``replace`` gives the answer to each request."""
    module, build, params = SCENARIOS[name]
    world = build()
    honest = world.vendor._answer
    seen: list[tuple[Request, Any]] = []

    def answer(request: Request) -> Answer:
        given = replace(len(seen), request, lambda: asked(honest, request))
        seen.append((request, given))
        return given

    world.vendor._answer = answer
    params = {key: str(folder) if value == "(a folder)" else value for key, value in params.items()}
    with world.vendor.installed():
        result = run_module(module, params)
    return Ran(result, json.loads(json.dumps(world.state(), default=str)), seen)


def asked(honest: Callable[[Request], Answer], request: Request) -> Answer:
    """Return the honest answer; to a request that a vendor in memory does not know, as a wrong id may lead
    to, that of a real one.
    """
    try:
        return honest(request)
    except (AssertionError, LookupError, StopIteration):
        return reply(400, {"message": "Bad request"})


def judge(wrong: Ran, right: Ran, start: Any, where: str, *, writes: bool = True) -> None:
    """Hold what must be so; an answer to a read may be another one and still of the right shape, such as an
    empty list.
    """
    result = wrong.result
    assert TOKEN not in json.dumps(result), where
    if result["failed"]:
        assert result["error"]["kind"] in KINDS, f"{where}: {result}"
        assert result["msg"], where
    elif not writes:
        return
    elif result["changed"] or not right.result["changed"]:
        assert wrong.state == right.state, f"{where}: claims what did not happen"
    else:
        assert wrong.state == start, f"{where}: hides what happened"


@pytest.fixture
def folder(tmp_path: Any) -> Any:
    (tmp_path / "index.html").write_text("<p>Welcome</p>")
    return tmp_path


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_malformed_response_ends_in_an_error_or_in_the_requested_state(name: str, folder: Any) -> None:
    right, start = ran(name, folder), json.loads(json.dumps(SCENARIOS[name][1]().state(), default=str))
    assert not right.result["failed"], right.result
    for operation, number in operations(right).items():
        request, honest = right.answers[number]
        if operation in READ and not is_write(request):
            continue
        READ.add(operation)
        for label, text in [*WHOLES.items(), ("nulls", nulls(honest))]:
            for happens in (False, True):

                def instead(at: int, _request: Request, answer: Callable[[], Answer]) -> Answer:
                    if at != number:  # noqa: B023
                        return answer()
                    if happens:  # noqa: B023
                        answer()
                    return reply(200, text=text)  # noqa: B023

                judge(
                    ran(name, folder, instead),
                    right,
                    start,
                    f"{name}, {request.method} {request.path} answered {label}, {happens=}",
                    writes=is_write(request),
                )


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_field_that_is_missing_null_or_of_another_type_ends_in_an_error_or_in_the_requested_state(
    name: str, folder: Any
) -> None:
    right, start = ran(name, folder), json.loads(json.dumps(SCENARIOS[name][1]().state(), default=str))
    for operation, number in operations(right).items():
        request, given = right.answers[number]
        if operation in TRIED:
            continue
        TRIED.add(operation)
        try:
            body = json.loads(given.content or "null")
        except ValueError:
            continue
        for label, wrong in mutated(body):

            def instead(at: int, _request: Request, answer: Callable[[], Answer]) -> Answer:
                honest = answer()
                return reply(200, text=json.dumps(wrong)) if at == number else honest  # noqa: B023

            found = ran(name, folder, instead)
            if found.result["failed"]:
                judge(found, right, start, f"{name}, {request.method} {request.path}: {label}")
            assert found.result["failed"] or "error" not in found.result


READ: set[Any] = set()  # reads that another scenario has tried
TRIED: set[Any] = set()  # operations whose fields another scenario has tried


def operations(right: Ran) -> dict[Any, int]:
    """Return which request was the first of each operation."""
    first: dict[Any, int] = {}
    for number, (request, _given) in enumerate(right.answers):
        document = request.json()["query"][:40] if request.path.endswith("/graphql/v2") else ""
        first.setdefault((request.host, request.method, re.sub(r"\d+", "", request.path), document), number)
    return first


def is_write(request: Request) -> bool:
    return request.method != "GET" and b'"query": "query ' not in request.body


def nulls(answer: Any) -> str:
    """The answer with null in place of each of its fields."""
    try:
        body = json.loads(answer.content or "null")
    except ValueError:
        return "null"
    if isinstance(body, list):
        return json.dumps([dict.fromkeys(item) if isinstance(item, dict) else None for item in body])
    return json.dumps(
        {
            name: dict.fromkeys(value) if isinstance(value, dict) and name in ("data", "result") else None
            for name, value in (body or {}).items()
        }
    )


def mutated(body: Any) -> Iterator[tuple[str, Any]]:
    """Give copies of a body in which one field is null, of another type, or gone."""
    for path in places(body):
        for label in ("null", "number", "gone"):
            copied = copy.deepcopy(body)
            parent = copied
            for step in path[:-1]:
                parent = parent[step]
            if label == "gone":
                del parent[path[-1]]
            else:
                parent[path[-1]] = {"null": None, "number": 7 if not isinstance(parent[path[-1]], int) else "x"}[label]
            yield f"{'.'.join(map(str, path))} {label}", copied


def places(body: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the paths to all fields of a body; of a list only those of its first item."""
    items = body.items() if isinstance(body, dict) else enumerate(body[:1]) if isinstance(body, list) else ()
    for name, value in items:
        yield (*path, name)
        yield from places(value, (*path, name))
