# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Railway's GraphQL: the documents that are sent, and an answer with errors taken for what it is."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from ..core.errors import ApiError
from ..core.http import ApiClient

_FIELDS = "id status deploymentStopped createdAt staticUrl url serviceId environmentId canRollback canRedeploy meta"

PROJECT = """query project($id: String!) {
  project(id: $id) { name environments { edges { node { id name } } } services { edges { node { id name } } } } }"""
DEPLOYMENTS = f"""query deployments($input: DeploymentListInput!, $first: Int) {{
  deployments(input: $input, first: $first) {{ edges {{ node {{ {_FIELDS} }} }} }} }}"""
DEPLOYMENT = f"query deployment($id: String!) {{ deployment(id: $id) {{ {_FIELDS} }} }}"
VARIABLES = """query variables($projectId: String!, $environmentId: String!, $serviceId: String, $unrendered: Boolean) {
  variables(projectId: $projectId, environmentId: $environmentId, serviceId: $serviceId, unrendered: $unrendered) }"""
STAGED = "query environmentStagedChanges($id: String!) { environmentStagedChanges(environmentId: $id) { patch(decryptVariables: false) } }"
SNAPSHOT = "query deploymentSnapshot($id: String!) { deploymentSnapshot(deploymentId: $id) { variables } }"
SETTINGS = """query settings($projectId: String!, $environmentId: String!, $serviceId: String!) {
  serviceInstance(environmentId: $environmentId, serviceId: $serviceId) {
    source { image repo } rootDirectory startCommand preDeployCommand healthcheckPath healthcheckTimeout overlapSeconds drainingSeconds }
  serviceInstanceAutoDeployStatus(projectId: $projectId, environmentId: $environmentId, serviceId: $serviceId) { enabled canEnable reason }
  environment(id: $environmentId) { config(decryptVariables: false) } }"""
BUILD_LOGS = """query buildLogs($id: String!, $limit: Int, $filter: String) {
  buildLogs(deploymentId: $id, limit: $limit, filter: $filter) { timestamp severity message } }"""
DEPLOYMENT_LOGS = """query deploymentLogs($id: String!, $limit: Int, $filter: String) {
  deploymentLogs(deploymentId: $id, limit: $limit, filter: $filter) { timestamp severity message } }"""
HTTP_METRICS = """query httpMetricsGroupedByStatus(
  $environmentId: String!, $serviceId: String!, $startDate: DateTime!, $endDate: DateTime!, $stepSeconds: Int) {
  httpMetricsGroupedByStatus(environmentId: $environmentId, serviceId: $serviceId, startDate: $startDate, endDate: $endDate, stepSeconds: $stepSeconds) {
    statusCode samples { value } } }"""

AUTO_DEPLOY = """mutation serviceInstanceAutoDeployUpdate($input: ServiceInstanceAutoDeployUpdateInput!) {
  serviceInstanceAutoDeployUpdate(input: $input) { enabled } }"""
DEPLOY = """mutation serviceInstanceDeployV2($environmentId: String!, $serviceId: String!, $commitSha: String) {
  serviceInstanceDeployV2(environmentId: $environmentId, serviceId: $serviceId, commitSha: $commitSha) }"""
UPDATE = """mutation serviceInstanceUpdate($environmentId: String, $serviceId: String!, $input: ServiceInstanceUpdateInput!) {
  serviceInstanceUpdate(environmentId: $environmentId, serviceId: $serviceId, input: $input) }"""
PATCH = """mutation environmentPatchCommit($environmentId: String!, $patch: EnvironmentConfig, $message: String) {
  environmentPatchCommit(environmentId: $environmentId, patch: $patch, commitMessage: $message) }"""
REGIONS = "query regions($projectId: String) { regions(projectId: $projectId) { name } }"
SET_VARIABLES = "mutation variableCollectionUpsert($input: VariableCollectionUpsertInput!) { variableCollectionUpsert(input: $input) }"
STAGE = """mutation environmentStageChanges($environmentId: String!, $input: EnvironmentConfig!) {
  environmentStageChanges(environmentId: $environmentId, input: $input, merge: true) { id } }"""
COMMIT_STAGED = """mutation environmentPatchCommitStaged($environmentId: String!, $message: String) {
  environmentPatchCommitStaged(environmentId: $environmentId, commitMessage: $message, skipDeploys: true) }"""
CANCEL = "mutation deploymentCancel($id: String!) { deploymentCancel(id: $id) }"
REDEPLOY = "mutation deploymentRedeploy($id: String!) { deploymentRedeploy(id: $id, usePreviousImageTag: true) { id } }"
REMOVE = "mutation deploymentRemove($id: String!) { deploymentRemove(id: $id) }"
RESTART = "mutation deploymentRestart($id: String!) { deploymentRestart(id: $id) }"
ROLLBACK = "mutation deploymentRollback($id: String!) { deploymentRollback(id: $id) }"
STOP = "mutation deploymentStop($id: String!) { deploymentStop(id: $id) }"

REPEATABLE = {"environmentStageChanges", "serviceInstanceAutoDeployUpdate", "serviceInstanceUpdate", "variableCollectionUpsert"}


def graphql(api: ApiClient, document: str, **variables: Any) -> Any:
    """Return the one field that ``document`` asks for, which it is named after. Raises ApiError, also for an answer that is nothing."""
    name = document.partition("(")[0].split()[1]
    found = fields(api, document, **variables).get(name)
    if found is None or found is False:
        raise ApiError(f"Railway answered {name} with {found} in place of a result. Look at the service in Railway's dashboard.", code="no_result")
    return found


def fields(api: ApiClient, document: str, **variables: Any) -> dict[str, Any]:
    """Return all fields that ``document`` asks for.

    A query is tried again like any other read, and so is a mutation that sets what it is told; any other one is not. Raises ApiError, also
    where Railway answers 200 with errors.
    """
    kind, name = document.partition("(")[0].split()
    body = {"query": document, "variables": variables}
    repeatable = kind == "query" or name in REPEATABLE
    # The limit at Railway's edge is stricter for an address without a query string.
    answer = api.json("POST", "/graphql/v2", params={"source": "storefront.runbook"}, json=body, idempotent=repeatable) or {}
    if errors := answer.get("errors"):
        raise _refused(name, errors[0])
    return answer.get("data") or {}


def parse_error(response: Any) -> tuple[str | None, str | None]:
    """Return (code, message) of an answer with an error status, GraphQL's or that of an upload."""
    try:
        answer = response.json()
        first = (answer.get("errors") or [answer])[0]
        return (first.get("extensions") or {}).get("code"), first.get("message")
    except (ValueError, LookupError, TypeError, AttributeError):
        return None, None


def _refused(name: str, error: Mapping[str, Any]) -> ApiError:
    said = str(error.get("message") or "no reason").rstrip(".")
    advice = "Correct what it names, or look at the service in Railway's dashboard."
    if "not authorized" in said.lower():
        advice = (
            "Check api_token, and token_type: an account's or workspace's token goes with token_type=account, a project token with token_type=project. "
            "A project token reaches one environment only; Railway says the same of a project or environment that the token may not see."
        )
    elif "not found" in said.lower():
        advice = "Check project, environment, service and deployment, and that the token belongs to their account."
    code = (error.get("extensions") or {}).get("code")
    return ApiError(f"Railway refused {name}: {said}. {advice}", code=code, status=HTTPStatus.OK.value, request_id=error.get("traceId"))
