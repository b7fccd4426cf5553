# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentry's API: releases, their commits and their deploys."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from ...core.errors import ApiError, ConfigError, Unreachable
from ...core.http import ApiClient
from ...core.shape import EMPTY, Shape

API_URL = "https://sentry.io"
PAGES = 10  # pages of one release's deploys
RELEASE = {
    "version": str,
    "projects?": [{"slug": str}],
    "lastCommit?": {"id": str},
    "dateReleased?": str,
    "url?": str,
    "ref?": str,
}
PROJECT = {"id": str, "slug": str}
QUANTITY = "sum(quantity)"
STATS = {"groups": [{"totals": {f"{QUANTITY}?": int}}]}
ISSUE = {"id": str, "title": str, "count": str, "firstSeen": (str, None), "permalink": str}
SESSIONS = "sum(session)"
SESSION_COUNTS = {
    "groups": [{"by": {"release": str, "session.status": str}, "totals": {f"{SESSIONS}?": (int, float, None)}}]
}
WRITTEN = {"version": str}
DEPLOY = {"id": (str, int), "environment": str, "name?": str}


def parse_error(response: Any) -> tuple[str | None, str | None]:
    """Return the code and message of ``{detail}``, or of ``{field: [problem]}``."""
    try:
        body = response.json()
        detail = body.get("detail")
    except (ValueError, AttributeError):
        return None, None
    if isinstance(detail, dict):  # {code, message}
        return detail.get("code"), detail.get("message")
    if detail:
        return None, str(detail)
    if response.status_code != HTTPStatus.BAD_REQUEST:
        return None, None
    fields = {
        name: text if isinstance(text, str) else " ".join(map(str, text))
        for name, text in body.items()
        if isinstance(text, (str, list))
    }
    return None, "; ".join(f"{name}: {text}" for name, text in fields.items()) or None


class Sentry:
    """Calls Sentry for one organization. ``client`` goes to ApiClient."""

    def __init__(self, api_token: str, organization: str, api_url: str = API_URL, **client: Any) -> None:
        self.organization = organization
        self._api = ApiClient(
            "Sentry", api_url, headers={"Authorization": f"Bearer {api_token}"}, parse_error=parse_error, **client
        )

    def close(self) -> None:
        self._api.close()

    def release(self, version: str) -> dict[str, Any] | None:
        """Return the release of a version; None where there is none."""
        try:
            return self._call("GET", _path(version), RELEASE)
        except ApiError as error:
            if not error.is_missing:
                raise
        return None

    def create(self, version: str, projects: list[str], fields: dict[str, Any]) -> dict[str, Any]:
        """Create a release, or add projects to an existing one (208); a second request changes nothing."""
        try:
            return self._call(
                "POST",
                "/releases/",
                (WRITTEN, EMPTY),
                json={"version": version, "projects": projects, **fields},
                idempotent=True,
            )
        except ApiError as error:
            raise self._explained(error) from None

    def update(self, version: str, fields: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._call("PUT", _path(version), WRITTEN, json=fields)
        except ApiError as error:
            raise self._explained(error) from None

    def find_deploy(self, version: str, environment: str, name: str | None) -> dict[str, Any] | None:
        """Return the newest deploy of a release to an environment; with a name, the newest of this name."""
        for deploy in self._listed(f"{_path(version)}deploys/", DEPLOY):
            if deploy.get("environment") == environment and name in (None, deploy.get("name")):
                return deploy
        return None

    def projects(self) -> dict[str, str]:
        """Return the ids of the organization's projects by their slugs."""
        return {project["slug"]: project["id"] for project in self._listed("/projects/", PROJECT)}

    def _listed(self, path: str, item: Shape) -> Iterator[Any]:
        """Yield what a list has, page by page."""
        params: dict[str, str] = {}
        where = self._of_organization(path)
        for _unused in range(PAGES):
            answer = self._api.request("GET", where, params=params)
            yield from self._api.decode(f"GET {where}", answer.content, [item], answer.status_code)
            further = re.search(r'rel="next"; results="true"; cursor="([^"]+)"', answer.headers.get("link", ""))
            if not further:
                break
            params = {"cursor": further[1]}

    def create_deploy(self, version: str, deploy: dict[str, Any]) -> dict[str, Any]:
        """Record a deploy. When the answer is lost, look for the deploy before failing: a retry would
        record a second one.
        """
        try:
            return self._call("POST", f"{_path(version)}deploys/", {"id": (str, int)}, json=deploy)
        except Unreachable:
            if made := self.find_deploy(version, deploy["environment"], deploy.get("name")):
                return made
            raise

    def errors(self, hours: int, project: int | None = None) -> int:
        """Return how many error events Sentry accepted within the last hours, in one project or in all."""
        query = {"field": QUANTITY, "groupBy": "outcome", "category": "error", "outcome": "accepted"}
        period = {"statsPeriod": f"{hours}h", "interval": "1h"}
        of = {} if project is None else {"project": str(project)}
        groups = self._call("GET", "/stats_v2/", STATS, params={**query, **period, **of})["groups"]
        return sum(group["totals"].get(QUANTITY, 0) for group in groups)

    def issues(self, hours: int, projects: Sequence[str] = (), environment: str = "") -> list[dict[str, Any]]:
        """Return the newest unresolved issues that were first seen within the last hours, at most 25."""
        query = {"query": f"is:unresolved firstSeen:-{hours}h", "sort": "new", "limit": "25"}
        params = {**query, "statsPeriod": f"{hours}h", **_chosen(projects, environment)}
        return self._call("GET", "/issues/", [ISSUE], params=params)

    def sessions(self, hours: int, projects: Sequence[str] = (), environment: str = "") -> dict[str, dict[str, int]]:
        """Return how many sessions of the last hours went how, by release and by Sentry's word for it."""
        query = {"field": SESSIONS, "groupBy": ["release", "session.status"], "includeSeries": "0"}
        params = {**query, "statsPeriod": f"{hours}h", "interval": "1h", **_chosen(projects, environment)}
        found: dict[str, dict[str, int]] = {}
        for group in self._call("GET", "/sessions/", SESSION_COUNTS, params=params)["groups"]:
            release, status = group["by"]["release"], group["by"]["session.status"]
            found.setdefault(release, {})[status] = int(group["totals"].get(SESSIONS) or 0)
        return found

    def _call(self, method: str, path: str, shape: Shape, **request: Any) -> Any:
        return self._api.json(method, self._of_organization(path), shape=shape, **request)

    def _of_organization(self, path: str) -> str:
        return f"/api/0/organizations/{quote(self.organization, safe='')}{path}"

    def _explained(self, error: ApiError) -> ApiError:
        """Add the remedy to Sentry's message."""
        advice = {
            400: (
                f"Correct the named fields: write projects as slugs, and repositories as {self.organization} lists them"
                " under Settings > Repositories."
            ),
            404: (
                f"Check organization ({self.organization}) and, for an organization in the EU, api_url"
                " (https://de.sentry.io)."
            ),
        }.get(error.status or 0)
        if error.status == HTTPStatus.NOT_FOUND and not error.is_missing:
            advice = None
        details = {key: value for key, value in error.details.items() if key not in ("kind", "message")}
        return ApiError(f"{error} {advice}", **details) if advice else error


def _chosen(projects: Sequence[str], environment: str) -> dict[str, Any]:
    return {
        **({"project": list(projects)} if projects else {}),
        **({"environment": environment} if environment else {}),
    }


def _path(version: str) -> str:
    return f"/releases/{quote(version, safe='')}/"


def check_version(version: str) -> None:
    """Raise ConfigError for a name that Sentry would refuse for a release."""
    if not re.fullmatch(r"[^/\\\s]{1,200}", version) or version in (".", "..", "latest"):
        raise ConfigError(
            f"Sentry does not accept the release {version!r}. "
            "Set version to at most 200 characters, without blanks and slashes, and not to '.', '..' or 'latest'."
        )
