# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service's variables at Railway, shown by name and digest; their values do not leave this file."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from functools import cached_property

from ...core.errors import ApiError
from .client import Railway
from .settings import read_settings
from .states import Deployment

PURPOSE = b"storefront.runbook variables"
REFERENCE = "${{"  # starts a reference to another variable, which Railway resolves when it deploys


def digest(key: str, name: str, value: str) -> str:
    """Return the HMAC-SHA256 of a variable.

    The key of the HMAC is derived from ``key``, so that a digest cannot be used to test guesses of an API token. The
    name is digested too, so that two variables with the same value have different digests.
    """
    derived = hmac.new(key.encode(), PURPOSE, hashlib.sha256).digest()
    return hmac.new(derived, f"{name}\0{value}".encode(), hashlib.sha256).hexdigest()


def digests(values: Mapping[str, str], key: str) -> list[dict[str, str]]:
    """Return ``[{name, digest}]``, sorted by name."""
    return [{"name": name, "digest": digest(key, name, value)} for name, value in sorted(values.items())]


class Pins:
    """Variables that must have today's values, whichever image runs."""

    def __init__(self, client: Railway, names: Sequence[str]) -> None:
        self.client, self.names = client, list(dict.fromkeys(names))
        self._known: dict[str, dict[str, str] | None] = {}

    def differing(self, deployment: Deployment) -> list[str]:
        """Return the names whose value in ``deployment`` may differ from today's: a different one, a
        reference, or one that cannot be read.
        """
        if not self.names:
            return []
        there = self._of(deployment)
        return [name for name in self.names if there is None or not self._same(name, there)]

    def contradicted(self, deployment: Deployment) -> list[str]:
        """Return the names whose value in ``deployment`` certainly differs from today's."""
        there = self._of(deployment) or {}
        return [name for name in self.names if self._contradicts(name, there)]

    def missing(self, deployment: Deployment) -> list[str]:
        """Return the names that have a value today and none in ``deployment``: they were set after it was created."""
        there = self._of(deployment)
        known = [name for name in self.names if there and name not in there]
        return [name for name in known if name in self._today and REFERENCE not in self._today[name]]

    def require(self, made: Deployment) -> None:
        """Check the new deployment ``made``. When a value differs from today's, cancel it and raise ApiError."""
        there = self._of(made) if self.names else {}
        if there is None:
            self.client.waiter.warn(
                f"Railway does not return the variables of {self.client.name} with {made.shown}, so they were not"
                " checked; a redeploy uses today's."
            )
            return
        if wrong := self.contradicted(made):
            self.client.cancel([made])
            serving = [
                deployment
                for deployment in self.client.deployments()
                if deployment.id == made.id and deployment.is_live
            ]
            self.client.stop(serving)  # an outage is better than a wrong pinned value
            raise ApiError(
                f"Railway created the deployment {made.id} of {self.client.name} with a value of {', '.join(wrong)}"
                " that differs from today's, so it was"
                f" {'stopped as soon as it served' if serving else 'cancelled before it served'}. Check the service's"
                " variables in Railway's dashboard: they may have changed during the run. Then run it again.",
                code="old_variables",
                retryable=True,
            )

    def _of(self, deployment: Deployment) -> dict[str, str] | None:
        if self._known.get(deployment.id) is None:
            self._known[deployment.id] = self.client.snapshot(deployment.id)
        return self._known[deployment.id]

    def _same(self, name: str, there: Mapping[str, str]) -> bool:
        if name in self._today:
            return there.get(name) == self._today[name] and REFERENCE not in self._today[name]
        return name not in there and name not in self._declared

    def _contradicts(self, name: str, there: Mapping[str, str]) -> bool:
        if name not in there or REFERENCE in there[name]:
            return False
        return there[name] != self._today[name] if name in self._today else name not in self._declared

    @cached_property
    def _today(self) -> dict[str, str]:
        return self.client.variables()

    @cached_property
    def _declared(self) -> frozenset[str]:
        """The names of the service's variables, sealed ones included, whose values Railway never returns.
        All names where Railway does not list them.
        """
        try:
            return read_settings(self.client).variable_names
        except ApiError:
            return frozenset(self.names)
