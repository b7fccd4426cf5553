# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Change a service's variables at Railway, without a deployment for each change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ...core.errors import ApiError, ConfigError
from . import graphql
from .client import Railway, is_own
from .settings import read_settings
from .states import Deployment, live
from .variables import Pins


@dataclass(frozen=True)
class Change:
    """``before`` has today's values, ``values`` those to set; ``removed`` are names. Values are secrets."""

    before: Mapping[str, str]
    values: Mapping[str, str]
    removed: list[str]

    @property
    def added(self) -> list[str]:
        return sorted(set(self.values) - set(self.before))

    @property
    def updated(self) -> list[str]:
        return sorted(set(self.values) & set(self.before))

    @property
    def after(self) -> dict[str, str]:
        return {name: value for name, value in {**self.before, **self.values}.items() if name not in self.removed}


def plan_change(client: Railway, wanted: Mapping[str, str], absent: Iterable[str], exclusive: bool) -> Change:
    """Compare the wanted variables with the present ones. Raises ConfigError for a change that is
    impossible or not allowed.
    """
    absent = set(absent)
    if odd := sorted(name for name, value in wanted.items() if not isinstance(value, str)):
        raise ConfigError(
            f'variables has values that are not text: {", ".join(odd)}. Quote them, as in PORT: "3000".',
            code="not_text",
        )
    if own := sorted(name for name in {*wanted, *absent} if is_own(name)):
        raise ConfigError(
            f"{', '.join(own)}: Railway sets these itself. Remove them from variables and absent.", code="railways_own"
        )
    if both := sorted(absent & set(wanted)):
        raise ConfigError(
            f"{', '.join(both)}: both in variables and in absent. Remove them from one of the two.", code="both_ways"
        )
    if exclusive and not wanted:
        raise ConfigError(
            "exclusive would remove every variable of the service, since variables is empty. Set variables.",
            code="all_removed",
        )
    before = client.variables(unrendered=True)
    values = {name: value for name, value in wanted.items() if before.get(name) != value}
    if not absent and not exclusive:
        return Change(before, values, [])
    there = read_settings(client).variable_names | before.keys()  # sealed ones have a name only
    removed = sorted(name for name in there if not is_own(name) if name in absent or (exclusive and name not in wanted))
    if removed:
        _refuse_staged(client, set(removed))
    return Change(before, values, removed)


def _refuse_staged(client: Railway, removed: set[str]) -> None:
    """Refuse a removal while another change is staged: the removal commits everything staged. The same
    removal, from a run that was interrupted, is fine.
    """
    staged = _staged(client)
    there = client.api.conform("environmentStagedChanges", staged, graphql.STAGED_VARIABLES).get("services", {})
    variables = there.get(client.scope["serviceId"], {}).get("variables", {})
    ours = {"services": {client.scope["serviceId"]: {"variables": dict.fromkeys(removed & variables.keys())}}}
    if staged and staged != ours:
        raise ConfigError(
            f"The environment {client.environment} at Railway has staged changes, and removing a variable would commit"
            " them. Commit or discard them in Railway's dashboard first.",
            code="staged_changes",
        )


def _staged(client: Railway) -> Any:
    patch = client.ask(graphql.STAGED, id=client.scope["environmentId"]).get("patch", {})
    return {part: changes for part, changes in patch.items() if changes}


def write(client: Railway, change: Change) -> None:
    """Set and remove the variables without a deployment. After an interruption, the next run finds the
    finished part and does the rest.
    """
    if change.values:
        client.ask(
            graphql.SET_VARIABLES,
            input={**client.scope, "variables": dict(change.values), "skipDeploys": True, "replace": False},
        )
    if change.removed:
        client.waiter.settle(
            lambda: _remove(client, change.removed),
            lambda: not read_settings(client).variable_names & set(change.removed),
        )


def _remove(client: Railway, names: list[str]) -> None:
    """Stage the removal and commit it without a deployment; Railway's mutation for one variable deploys each time."""
    environment = {"environmentId": client.scope["environmentId"]}
    patch = {"services": {client.scope["serviceId"]: {"variables": dict.fromkeys(names)}}}
    client.ask(graphql.STAGE, **environment, input=patch)
    client.ask(graphql.COMMIT_STAGED, **environment, message=f"storefront.runbook removes {', '.join(names)}")


def to_deploy(client: Railway, names: Iterable[str], changed: bool) -> tuple[Deployment | None, Deployment | None]:
    """Return (the deployment to redeploy, the one to wait for): redeploy the live one unless it, or one
    under way, has today's values.
    """
    listed = client.deployments()
    serving = live(listed)
    if serving is None:
        return None, None
    pins = Pins(client, list(names))
    for coming in (
        deployment for deployment in listed if deployment.in_progress and deployment.created_at > serving.created_at
    ):
        if not pins.differing(coming):
            return None, coming
    again = changed or pins.contradicted(serving) or pins.missing(serving)
    return (serving, None) if again else (None, None)


@dataclass(frozen=True)
class Rollout:
    """The planned change of variables, and the deployment that brings it into effect.

    ``again`` says that the live deployment is to be redeployed; ``coming`` is the one in progress that already has the
    new values. ``names`` are the variables that the deployment must have.
    """

    change: Change
    names: list[str]
    deploys: bool
    waits: bool
    again: bool
    coming: Deployment | None

    def do(self, client: Railway) -> Deployment | None:
        """Write the variables; return the deployment that runs with them, or None where none is needed."""
        write(client, self.change)
        changed = bool(self.change.values or self.change.removed)
        again, made = to_deploy(client, self.names, changed) if self.deploys else (None, None)
        if self.again and not again and not made:
            raise ApiError(
                f"The variables are set, but nothing was deployed with them. Railway reports that {client.name} runs"
                " nothing any more. Check the service in Railway's dashboard, then rerun the task.",
                code="nothing_live",
                retryable=True,
            )
        if again:
            made = client.redeploy(again)
            Pins(client, self.names).require(made)
        made = made or self.coming
        return client.wait_healthy(made) if made and self.waits else made
