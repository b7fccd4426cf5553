# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the platforms say of the units: what is live, what was built last, and what somebody set in a dashboard."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from ..core.errors import ConfigError, RunbookError
from ..core.http import ApiClient
from ..platforms.railway import client as railway
from ..platforms.railway import logs as railway_logs
from ..platforms.railway import states as railway_states
from ..platforms.railway.settings import settings_summary as railway_settings
from ..platforms.railway.variables import digests as railway_digests
from ..platforms.render import client as render
from ..platforms.render import states as render_states
from ..platforms.render.settings import settings_summary as render_settings
from ..platforms.render.variables import digests as render_digests
from ..platforms.render.variables import variables as render_variables
from ..platforms.vercel import client as vercel
from ..platforms.vercel.git import git_link
from ..platforms.vercel.states import auto_assigns, describe, last_request, production, state_of, timestamp
from ..platforms.vercel.variables import changes as variable_changes
from ..release.maintenance import VARIABLE
from ..release.page_budget import within
from .storefront import Params

WINDOW, USUAL = 15, 120  # minutes in which answers are counted, and with which that is compared
DAY = 24 * 60  # minutes
ON = ("true", "1", "on", "yes")


def hurry(api: ApiClient, seconds: float) -> None:
    """Give a call all of its retries within ``seconds``, so that what went wrong is known before the page is due."""
    api.timeout = api.deadline = within(seconds)


@contextmanager
def opened_frontend(params: Params) -> Iterator[vercel.Vercel]:
    given = params["frontend"]
    options = {**given, "api_url": given["api_url"] or vercel.API_URL, "timeout": params["timeout"]}
    with closing(vercel.connect(_with_token(options, "frontend"))) as client:
        hurry(client.api, params["timeout"])
        yield client


def frontend(params: Params) -> dict[str, Any]:
    """Return what Vercel serves, built last and could serve again, and who may change that automatically."""
    with opened_frontend(params) as client:
        project = client.project(params["frontend"]["project"])
        live = production(project)
        listed = client.deployments(project)
        moved = last_request(project)
        newest = listed[0] if listed else None
        return {
            "live": describe(live) if live else None,
            "newest": {**describe(newest), "error": newest.get("errorMessage")} if newest else None,
            "building": [describe(one) for one in listed if state_of(one)[1] in ("queued", "initializing", "building")],
            "candidates": [describe(one) for one in client.deployments(project, rollbackCandidate="true")],
            "auto_assign": auto_assigns(project),
            "git": git_link(project),
            "moved": {
                "type": moved.get("type"),
                "at": timestamp(moved.get("requestedAt")),
                "from": moved.get("fromDeploymentId"),
                "to": moved.get("toDeploymentId"),
                "status": moved.get("jobStatus"),
            }
            if moved
            else None,
            "variables": variable_changes(client, project),
        }


def build_log(params: Params) -> str:
    """Return the end of the log of the build that failed last at Vercel; empty where the newest did not fail."""
    with opened_frontend(params) as client:
        project = client.project(params["frontend"]["project"])
        listed = client.deployments(project)
        failed = next((one for one in listed[:1] if state_of(one)[1] == "error"), None)
        return client.build_log(failed) if failed else ""


@contextmanager
def opened_unit(params: Params, unit: Mapping[str, Any]) -> Iterator[Any]:
    """Give the platform's client for a unit of the backend."""
    given = {**params["backend"], "service": unit["service"], "timeout": params["timeout"]}
    _with_token(given, "backend")
    if given["platform"] == "railway":
        options = {**given, "api_url": given["api_url"] or railway.API_URL}
        client: Any = railway.connect(options)
    else:
        releases = _releases(params)
        client = render.connect({**given, "api_url": given["api_url"] or render.API_URL}, releases=releases)
    with closing(client):
        hurry(client.api, params["timeout"])
        yield client


def unit(params: Params, one: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a unit of the backend runs, was given last and could run again, and its settings."""
    with opened_unit(params, one) as client:
        ask = _railway if params["backend"]["platform"] == "railway" else _render
        return ask(client, params, one)


def _railway(client: railway.Railway, params: Params, one: Mapping[str, Any]) -> dict[str, Any]:
    listed = client.deployments()
    values = client.variables()
    serving = railway_states.live(listed)
    settings = railway_settings(client)
    found: dict[str, Any] = {
        "live": serving.describe() if serving else None,
        "newest": listed[0].describe() if listed else None,
        "candidates": [deployment.describe() for deployment in railway_states.candidates(listed)],
        "in_progress": [deployment.describe() for deployment in listed if deployment.in_progress],
        "rolled_back": bool(serving and serving.meta.get("reason") == "rollback"),
        "replicas": sum((settings.get("regions") or {}).values()) or None,
        "auto_deploy": settings.get("auto_deploy"),
        "start_command": settings.get("start_command"),
        "suspended": False,
        "maintenance": _is_on(values.get(VARIABLE)),
        "variables": railway_digests(values, params["backend"]["api_token"]),
    }
    if one.get("kind") in (None, "web"):
        with suppress(RunbookError):  # a plan without metrics
            lately = railway_logs.answers(client, WINDOW)
            found |= {"http": lately, "http_usual": _before(railway_logs.answers(client, USUAL), lately)}
            if serving:
                found |= _around(client, serving.created_at)
    return found


def _render(client: render.Render, params: Params, _one: Mapping[str, Any]) -> dict[str, Any]:
    listed, service = client.deploys(), client.service
    values = render_variables(client)
    serving = render_states.live(listed)
    settings = render_settings(service)
    mode = settings["maintenance_mode"] or {}
    return {
        "live": serving.describe() if serving else None,
        "newest": listed[0].describe() if listed else None,
        "candidates": [deploy.describe() for deploy in render_states.candidates(listed)],
        "in_progress": [deploy.describe() for deploy in listed if deploy.in_progress],
        "rolled_back": bool(serving and serving.trigger == "rollback"),
        "resumed": bool(serving and serving.trigger == "service_resumed"),
        "replicas": settings["replicas"],
        "auto_deploy": settings["auto_deploy"],
        "start_command": settings["start_command"],
        "suspended": settings["suspended"],
        "maintenance": bool(mode.get("enabled")) or _is_on(values.get(VARIABLE)),
        "variables": render_digests(values, params["backend"]["api_token"]),
    }


def _before(whole: Mapping[str, Any], last: Mapping[str, Any]) -> dict[str, int]:
    return {name: max(whole[name] - last[name], 0) for name in ("requests", "errors_4xx", "errors_5xx")}


def _around(client: railway.Railway, released: datetime) -> dict[str, Any]:
    """Return the answers since a release and as long before it; nothing for one that is older than a day."""
    minutes = int((datetime.now(UTC) - released).total_seconds() // 60) + 1
    if minutes > DAY:
        return {}
    since = railway_logs.answers(client, minutes)
    return {"http_since": since, "http_before": _before(railway_logs.answers(client, 2 * minutes), since)}


def _is_on(value: str | None) -> bool:
    return (value or "").strip().lower() in ON


def _with_token(options: dict[str, Any], system: str) -> dict[str, Any]:
    if not options.get("api_token"):
        raise ConfigError(f"{system}_token is not set, so the platform cannot be asked. Set it.", code="no_token")
    return options


def _releases(params: Params) -> Mapping[str, str]:
    return render.releases_in(params.get("path"), lambda _text: None)


def sources(params: Params) -> dict[str, Callable[[], Any]]:
    """Return a question for each unit, by ``unit:<name>``."""
    found: dict[str, Callable[[], Any]] = {}
    if params["frontend"].get("project"):
        found["unit:frontend"] = lambda: frontend(params)
    for one in params["backend"].get("units") or []:
        found[f"unit:{one['name']}"] = lambda one=one: unit(params, one)  # type: ignore[misc]
    return found
