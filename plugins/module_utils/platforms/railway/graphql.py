# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Railway's GraphQL: the documents that are sent, and the check of their answers for errors."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from ...core.errors import ApiError
from ...core.http import LOG_BYTES, ApiClient
from ...core.shape import TIME, Names, Shape


class Document(str):
    """The text of one operation, named after the one field that it requests; ``shape`` is the shape of that field."""

    shape: Shape

    def __new__(cls, text: str, shape: Shape) -> Document:
        made = super().__new__(cls, text)
        made.shape = shape
        return made


def _edges(node: Shape) -> Shape:
    return {"edges": [{"node": node}]}


_META = {f"{name}?": str for name in ("cliMessage", "commitHash", "image", "imageDigest", "reason")}
_DEPLOYMENT = {
    **{
        "id": str,
        "status": str,
        "deploymentStopped": bool,
        "createdAt": TIME,
        "canRollback": bool,
        "canRedeploy": bool,
        "meta?": _META,
    },
    **{f"{name}?": str for name in ("staticUrl", "url", "serviceId", "environmentId")},
}
_NAMED = _edges({"id": str, "name": str})
_PROJECT = {"name": str, "environments": _NAMED, "services": _NAMED}
_PATCH = {"patch?": Names(object)}
_LOG = [{"timestamp": str, "severity?": str, "message": str}]
_SERVICE = {
    "source?": {"repo?": str, "branch?": str, "image?": str, "rootDirectory?": str},
    "deploy?": {"multiRegionConfig?": Names(({"numReplicas?": int}, None))},
    "variables?": Names(object),
}
_SETTINGS = {
    "serviceInstance": {
        **{"source?": {"image?": str, "repo?": str}, "preDeployCommand?": (str, [str])},
        **{f"{name}?": str for name in ("rootDirectory", "startCommand", "healthcheckPath")},
        **{f"{name}?": int for name in ("healthcheckTimeout", "overlapSeconds", "drainingSeconds")},
    },
    "serviceInstanceAutoDeployStatus": {"enabled": bool, "canEnable?": bool, "reason?": str},
    "environment": {"config?": {"services?": Names((_SERVICE, None))}},
}
_ANSWER = {"errors?": [{"message?": str, "extensions?": {"code?": str}, "traceId?": str}], "data?": Names(object)}
STAGED_VARIABLES = {"services?": Names({"variables?": Names(object)})}
MADE_OF_UPLOAD = {"deploymentId": str}

_FIELDS = "id status deploymentStopped createdAt staticUrl url serviceId environmentId canRollback canRedeploy meta"

PROJECT = Document(
    """query project($id: String!) {
  project(id: $id) { name environments { edges { node { id name } } } services { edges { node { id name } } } } }""",
    {"name": str, "environments": _NAMED, "services": _NAMED},
)
PLAN = Document(
    "query project($id: String!) { project(id: $id) { subscriptionType } }",
    {"subscriptionType": str},
)
PROJECT_TOKEN = Document(
    "query projectToken { projectToken { projectId environmentId } }", {"projectId": str, "environmentId": str}
)
INSTANCE = Document(
    """query serviceInstance($environmentId: String!, $serviceId: String!) {
  serviceInstance(environmentId: $environmentId, serviceId: $serviceId) {
    rootDirectory domains { customDomains { domain } serviceDomains { domain } } } }""",
    {"rootDirectory?": str, "domains?": {f"{kind}Domains?": [{"domain": str}] for kind in ("custom", "service")}},
)
DEPLOYMENTS = Document(
    f"""query deployments($input: DeploymentListInput!, $first: Int) {{
  deployments(input: $input, first: $first) {{ edges {{ node {{ {_FIELDS} }} }} }} }}""",
    _edges(_DEPLOYMENT),
)
DEPLOYMENT = Document(f"query deployment($id: String!) {{ deployment(id: $id) {{ {_FIELDS} }} }}", _DEPLOYMENT)
VARIABLES = Document(
    """query variables($projectId: String!, $environmentId: String!, $serviceId: String, $unrendered: Boolean) {
  variables(projectId: $projectId, environmentId: $environmentId, serviceId: $serviceId, unrendered: $unrendered) }""",
    Names(str),
)
STAGED = Document(
    "query environmentStagedChanges($id: String!) { environmentStagedChanges(environmentId: $id) {"
    " patch(decryptVariables: false) } }",
    {"patch?": Names(object)},
)
SNAPSHOT = Document(
    "query deploymentSnapshot($id: String!) { deploymentSnapshot(deploymentId: $id) { variables } }",
    {"variables": Names(str)},
)
SETTINGS = Document(
    """query settings($projectId: String!, $environmentId: String!, $serviceId: String!) {
  serviceInstance(environmentId: $environmentId, serviceId: $serviceId) {
    source { image repo } rootDirectory startCommand preDeployCommand healthcheckPath healthcheckTimeout overlapSeconds drainingSeconds }
  serviceInstanceAutoDeployStatus(projectId: $projectId, environmentId: $environmentId, serviceId: $serviceId) { enabled canEnable reason }
  environment(id: $environmentId) { config(decryptVariables: false) } }""",  # noqa: E501
    _SETTINGS,
)
BUILD_LOGS = Document(
    """query buildLogs($id: String!, $limit: Int, $filter: String) {
  buildLogs(deploymentId: $id, limit: $limit, filter: $filter) { timestamp severity message } }""",
    _LOG,
)
DEPLOYMENT_LOGS = Document(
    """query deploymentLogs($id: String!, $limit: Int, $filter: String) {
  deploymentLogs(deploymentId: $id, limit: $limit, filter: $filter) { timestamp severity message } }""",
    _LOG,
)
HTTP_METRICS = Document(
    """query httpMetricsGroupedByStatus(
  $environmentId: String!, $serviceId: String!, $startDate: DateTime!, $endDate: DateTime!, $stepSeconds: Int) {
  httpMetricsGroupedByStatus(environmentId: $environmentId, serviceId: $serviceId, startDate: $startDate, endDate: $endDate, stepSeconds: $stepSeconds) {
    statusCode samples { value } } }""",  # noqa: E501
    [{"statusCode": int, "samples": [{"value": float}]}],
)

AUTO_DEPLOY = Document(
    """mutation serviceInstanceAutoDeployUpdate($input: ServiceInstanceAutoDeployUpdateInput!) {
  serviceInstanceAutoDeployUpdate(input: $input) { enabled } }""",
    {"enabled": bool},
)
DEPLOY = Document(
    """mutation serviceInstanceDeployV2($environmentId: String!, $serviceId: String!, $commitSha: String) {
  serviceInstanceDeployV2(environmentId: $environmentId, serviceId: $serviceId, commitSha: $commitSha) }""",
    str,
)
UPDATE = Document(
    """mutation serviceInstanceUpdate($environmentId: String, $serviceId: String!, $input: ServiceInstanceUpdateInput!) {
  serviceInstanceUpdate(environmentId: $environmentId, serviceId: $serviceId, input: $input) }""",  # noqa: E501
    True,
)
PATCH = Document(
    """mutation environmentPatchCommit($environmentId: String!, $patch: EnvironmentConfig, $message: String) {
  environmentPatchCommit(environmentId: $environmentId, patch: $patch, commitMessage: $message) }""",
    str,
)
REGIONS = Document("query regions($projectId: String) { regions(projectId: $projectId) { name } }", [{"name": str}])
SET_VARIABLES = Document(
    "mutation variableCollectionUpsert($input: VariableCollectionUpsertInput!) { variableCollectionUpsert(input:"
    " $input) }",
    True,
)
STAGE = Document(
    """mutation environmentStageChanges($environmentId: String!, $input: EnvironmentConfig!) {
  environmentStageChanges(environmentId: $environmentId, input: $input, merge: true) { id } }""",
    {"id": str},
)
COMMIT_STAGED = Document(
    """mutation environmentPatchCommitStaged($environmentId: String!, $message: String) {
  environmentPatchCommitStaged(environmentId: $environmentId, commitMessage: $message, skipDeploys: true) }""",
    str,
)
CANCEL = Document("mutation deploymentCancel($id: String!) { deploymentCancel(id: $id) }", True)
REDEPLOY = Document(
    "mutation deploymentRedeploy($id: String!) { deploymentRedeploy(id: $id, usePreviousImageTag: true) { id } }",
    {"id": str},
)
REMOVE = Document("mutation deploymentRemove($id: String!) { deploymentRemove(id: $id) }", True)
RESTART = Document("mutation deploymentRestart($id: String!) { deploymentRestart(id: $id) }", True)
ROLLBACK = Document("mutation deploymentRollback($id: String!) { deploymentRollback(id: $id) }", True)
STOP = Document("mutation deploymentStop($id: String!) { deploymentStop(id: $id) }", True)

REPEATABLE = {
    "environmentStageChanges",
    "serviceInstanceAutoDeployUpdate",
    "serviceInstanceUpdate",
    "variableCollectionUpsert",
}


def graphql(api: ApiClient, document: Document, **variables: Any) -> Any:
    """Return the field that ``document`` is named after. Raises ApiError, also for an empty answer or one
    of another shape.
    """
    _kind, name = _operation(document)
    found = _ask(api, document, **variables).get(name)
    if found is None or found is False:
        raise ApiError(
            f"Railway answered {name} with {found} instead of a result. Check the service in Railway's dashboard.",
            code="no_result",
        )
    return api.conform(name, found, document.shape)


def fields(api: ApiClient, document: Document, **variables: Any) -> dict[str, Any]:
    """Return all fields that ``document`` requests. Raises ApiError."""
    return api.conform(_operation(document)[1], _ask(api, document, **variables), document.shape)


def _operation(document: Document) -> list[str]:
    return document.replace("(", " ").split()[:2]


def _ask(api: ApiClient, document: Document, **variables: Any) -> dict[str, Any]:
    """Send a document. Queries are retried like any other read, and so are mutations that set given values; other
    mutations are not.

    Raises ApiError, also for a 200 with errors.
    """
    kind, name = _operation(document)
    writes = kind != "query"
    answer = api.json(
        "POST",
        "/graphql/v2",
        shape=_ANSWER,
        # Railway's edge has a stricter limit for an address without a query string
        params={"source": "storefront.runbook"},
        json={"query": document, "variables": variables},
        idempotent=not writes or name in REPEATABLE,
        writes=writes,
        most=LOG_BYTES,
    )
    if errors := answer.get("errors"):
        raise _refused(name, errors[0])
    return answer.get("data", {})


def parse_error(response: Any) -> tuple[str | None, str | None]:
    """Return (code, message) of an answer with an error status, from GraphQL or from an upload."""
    try:
        answer = response.json()
        first = (answer.get("errors") or [answer])[0]
        return (first.get("extensions") or {}).get("code"), first.get("message")
    except (ValueError, LookupError, TypeError, AttributeError):
        return None, None


def _refused(name: str, error: Mapping[str, Any]) -> ApiError:
    reason = str(error.get("message") or "no reason").rstrip(".")
    advice = "Correct the named problem, or check the service in Railway's dashboard."
    if "not authorized" in reason.lower():
        advice = (
            "Check api_token, and token_type: an account's or workspace's token goes with token_type=account, a project"
            " token with token_type=project. A project token reaches one environment only. Railway also answers this"
            " for a project or environment that the token cannot see."
        )
    elif "not found" in reason.lower():
        advice = "Check project, environment, service and deployment, and that the token belongs to their account."
    code = (error.get("extensions") or {}).get("code")
    return ApiError(
        f"Railway refused {name}: {reason}. {advice}",
        code=code,
        status=HTTPStatus.OK.value,
        request_id=error.get("traceId"),
    )
