# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GitHub's API: deployments, their statuses, and the reason when GitHub creates none."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from ..core.errors import ApiError, ConfigError, Unreachable
from ..core.http import ApiClient
from ..core.shape import TIME, Shape, Text, read_json

API_URL = "https://api.github.com"
STATES = ("queued", "pending", "in_progress", "success", "failure", "error", "inactive")
PAGE = 100
PAGES = 10  # pages of a list that are read; one ref has few deployments in one environment
# check-runs, statuses or reviews that are read of one commit; more are an error, since a list that is cut off proves
# nothing
MOST = 2000
# On request, since they are not secret and may be shown.
DEPLOYMENT = {"id": int, "url?": str, "sha?": str, "created_at?": str, "payload?": object}
STATUS = {"state": str, "description?": str, "log_url?": str, "environment_url?": str}
APP = {"slug?": str}
CHECK_RUN = {
    "id": int,
    "name": str,
    "status": str,
    "conclusion": (str, None),
    "started_at?": TIME,
    "html_url?": str,
    "app?": APP,
}
COMMIT_STATUS = {"context": str, "state": str, "target_url?": str}
USER = {"login": str, "type?": str}
PULL = {
    **{
        "number": int,
        "html_url?": str,
        "merged_at": (str, None),
        "merge_commit_sha": (str, None),
        "user": (USER, None),
    },
    **{"head": {"sha": str}, "base": {"ref": str, "repo": {"default_branch": str}}},
}
WORKFLOW_RUN = {"id": int, "head_sha": str, "created_at": TIME, "run_started_at?": TIME}
RUN_APPROVAL = {"state": str, "comment": (str, None), "user": USER, "environments": [{"name": str}]}
REVIEW = {"state": str, "commit_id": (str, None), "user": (USER, None), "author_association": str}
HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}


def parse_error(response: Any) -> tuple[str | None, str | None]:
    """Return code and message of ``{message, errors: [{resource, field, code, message}]}``."""
    try:
        body = response.json()
        message, errors = body["message"], [error for error in body.get("errors") or () if isinstance(error, dict)]
    except (ValueError, LookupError, TypeError, AttributeError):
        return None, None
    details = [
        error.get("message") or " ".join(str(error[key]) for key in ("resource", "field", "code") if error.get(key))
        for error in errors
    ]
    return next((error["code"] for error in errors if error.get("code")), None), ": ".join(
        [message, *(["; ".join(details)] if details else [])]
    )


def _exactly(sha: str) -> Text:
    """Return the shape of a commit's SHA: an answer about another commit proves nothing about this one."""

    def check(answered: str) -> None:
        if answered != sha:
            raise ValueError

    return Text(f"the commit {sha[:7]} that was asked about", check)


def payload_of(deployment: dict[str, Any]) -> dict[str, Any]:
    """Return a deployment's payload: GitHub returns it as it was sent, or as text."""
    payload = deployment.get("payload")
    if isinstance(payload, str):
        try:
            payload = read_json(payload or "{}")
        except ValueError:
            payload = {"": payload}
    return payload if isinstance(payload, dict) else {}


class GitHub:
    """Calls GitHub for one repository, ``owner/name``. ``client`` goes to ApiClient."""

    def __init__(self, api_token: str, repository: str, api_url: str = API_URL, **client: Any) -> None:
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
            raise ConfigError(f"{repository!r} is not a repository. Give repository as owner/name, such as acme/shop.")
        self.repository = repository
        self._api = ApiClient(
            "GitHub", api_url, headers={"Authorization": f"Bearer {api_token}"}, parse_error=parse_error, **client
        )

    def close(self) -> None:
        self._api.close()

    def find_deployment(self, wanted: dict[str, Any]) -> dict[str, Any] | None:
        """Return the newest deployment of this ref, task, environment and payload."""
        query = {key: wanted[key] for key in ("ref", "task", "environment")}
        found = self._pages("/deployments", DEPLOYMENT, query)
        return next((deployment for deployment in found if payload_of(deployment) == wanted["payload"]), None)

    def deployment(self, key: int) -> dict[str, Any]:
        return self._call("GET", f"/deployments/{key}", DEPLOYMENT)

    def create_deployment(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Create a deployment. When the answer is lost, look for the deployment before failing: a retry
        would create a second one.
        """
        body = {**{key: value for key, value in wanted.items() if value is not None}, "auto_merge": False}
        try:
            made = self._call("POST", "/deployments", (DEPLOYMENT, {"message?": str}), json=body)
        except Unreachable:
            if made := self.find_deployment(wanted):
                return made
            raise
        except ApiError as error:
            raise self._explained(error, wanted) from None
        if "id" not in made:  # a 202
            raise ApiError(
                f"GitHub merged instead of creating a deployment of {wanted['ref']}:"
                f" {made.get('message') or 'it gave no reason'} Deploy the commit of the merge, by its SHA.",
                code="merged",
                status=202,
            )
        return made

    def latest_status(self, deployment: int) -> dict[str, Any] | None:
        """Return the newest status of a deployment; None before the first."""
        return next(self._pages(f"/deployments/{deployment}/statuses", STATUS, {}, size=1), None)

    def create_status(self, deployment: int, status: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._call(
                "POST",
                f"/deployments/{deployment}/statuses",
                ({"id": int}, STATUS),
                json={key: value for key, value in status.items() if value is not None},
            )
        except Unreachable:
            latest = self.latest_status(deployment)
            if latest and all(
                latest.get(key) == value for key, value in status.items() if value and key != "auto_inactive"
            ):
                return latest
            raise

    def check_runs(self, sha: str) -> list[dict[str, Any]]:
        """Return the latest check-runs of a commit, as GitHub keeps them: those of an earlier attempt of
        the same suite are left out.
        """
        return self._counted(f"/commits/{sha}/check-runs", "check_runs", {**CHECK_RUN, "head_sha": _exactly(sha)})

    def commit_statuses(self, sha: str) -> list[dict[str, Any]]:
        """Return the newest status of each context of a commit."""
        return self._counted(f"/commits/{sha}/status", "statuses", COMMIT_STATUS, {"sha": _exactly(sha)})

    def pulls_of(self, sha: str) -> list[dict[str, Any]]:
        """Return the pull requests that GitHub connects with a commit."""
        return self._whole(f"/commits/{sha}/pulls", PULL)

    def reviews(self, number: int) -> list[dict[str, Any]]:
        """Return the reviews of a pull request, the oldest first."""
        return self._whole(f"/pulls/{number}/reviews", REVIEW)

    def workflow_run(self, key: int) -> dict[str, Any]:
        return self._call("GET", f"/actions/runs/{key}", WORKFLOW_RUN)

    def run_approvals(self, key: int) -> list[dict[str, Any]]:
        """Return the reviews of the environments that a run of a workflow deploys to. GitHub gives all of them."""
        return self._call("GET", f"/actions/runs/{key}/approvals", [RUN_APPROVAL])

    def _counted(
        self, path: str, field: str, shape: Shape, more: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """Return every item of a list that includes its length. Raises ApiError where it does not give them all."""
        found: dict[Any, dict[str, Any]] = {}
        for page in range(1, MOST // PAGE + 1):
            answer = self._call(
                "GET",
                path,
                {"total_count": int, field: [shape], **(more or {})},
                params={"per_page": PAGE, "page": page},
            )
            found.update({item.get("id", item.get("context")): item for item in answer[field]})
            if len(found) >= answer["total_count"]:
                return list(found.values())
            if not answer[field]:
                break
        raise self._cut_off(path, len(found))

    def _whole(self, path: str, shape: Shape) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for page in range(1, MOST // PAGE + 1):
            items = self._call("GET", path, [shape], params={"per_page": PAGE, "page": page})
            found += items
            if len(items) < PAGE:
                return found
        raise self._cut_off(path, len(found))

    def _cut_off(self, path: str, count: int) -> ApiError:
        return ApiError(
            f"GitHub gave {count} items of {path} and has more, so what is missing is not known. Ask again later.",
            code="cut_off",
        )

    def _pages(self, path: str, shape: Shape, query: dict[str, Any], size: int = PAGE) -> Iterator[dict[str, Any]]:
        for page in range(1, PAGES + 1):
            items = self._call("GET", path, [shape], params={**query, "per_page": size, "page": page})
            yield from items
            if len(items) < size:
                return

    def _call(self, method: str, path: str, shape: Shape, **request: Any) -> Any:
        return self._api.json(method, f"/repos/{quote(self.repository)}{path}", shape=shape, headers=HEADERS, **request)

    def _explained(self, error: ApiError, wanted: dict[str, Any]) -> ApiError:
        """Add the remedy to GitHub's message."""
        advice = {
            409: (
                f"required_contexts requires {', '.join(wanted['required_contexts']) or 'nothing'}: wait until these"
                f" checks of {wanted['ref']} have passed, or remove those that do not matter here."
            ),
            422: (
                f"Push the ref ({wanted['ref']}) to {self.repository} before it is deployed, and check the options that"
                " GitHub names."
            ),
        }.get(error.status or 0)
        if advice is None:
            return error
        return ApiError(f"{error} {advice}", **_details(error))


def _details(error: ApiError) -> dict[str, Any]:
    return {key: value for key, value in error.details.items() if key not in ("kind", "message")}
