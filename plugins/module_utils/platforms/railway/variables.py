# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service's variables at Railway, told by name and digest; their values stay in here."""

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
REFERENCE = "${{"  # begins a reference to another variable, which Railway fills in when it deploys


def digest(key: str, name: str, value: str) -> str:
    """Return the HMAC-SHA256 of a variable.

    The key that is used is derived from ``key``, so that digests give nothing to check a guess of an API token with; the name is part of what is
    digested, so that two variables with the same value do not look alike.
    """
    derived = hmac.new(key.encode(), PURPOSE, hashlib.sha256).digest()
    return hmac.new(derived, f"{name}\0{value}".encode(), hashlib.sha256).hexdigest()


def digests(values: Mapping[str, str], key: str) -> list[dict[str, str]]:
    """Return ``[{name, digest}]``, sorted by name."""
    return [{"name": name, "digest": digest(key, name, value)} for name, value in sorted(values.items())]


class Pins:
    """Variables that must have the values of today, whatever image runs."""

    def __init__(self, client: Railway, names: Sequence[str]) -> None:
        self.client, self.names = client, list(dict.fromkeys(names))
        self._known: dict[str, dict[str, str] | None] = {}

    def differing(self, deployment: Deployment) -> list[str]:
        """Return the names whose value in ``deployment`` is not known to be that of today: another one, a reference, one that cannot be read."""
        if not self.names:
            return []
        there = self._of(deployment)
        return [name for name in self.names if there is None or not self._same(name, there)]

    def contradicted(self, deployment: Deployment) -> list[str]:
        """Return the names whose value in ``deployment`` is known to be another one than today's."""
        there = self._of(deployment) or {}
        return [name for name in self.names if self._contradicts(name, there)]

    def require(self, made: Deployment) -> None:
        """Cancel ``made``, a deployment that was just asked for, and raise ApiError when it has another value than today's."""
        there = self._of(made) if self.names else {}
        if there is None:
            self.client.waiter.warn(f"Railway does not tell the variables of the deployment {made.id}; a redeploy takes those of today.")
            return
        if wrong := self.contradicted(made):
            self.client.cancel([made])
            serving = [deployment for deployment in self.client.deployments() if deployment.id == made.id and deployment.is_live]
            self.client.stop(serving)  # better that nothing serves than that this does
            raise ApiError(
                f"Railway made the deployment {made.id} of {self.client.service} with another value of {', '.join(wrong)} than the service has today, "
                f"so it was {'stopped as soon as it served' if serving else 'cancelled before it served'}. Look at the service's variables in Railway's "
                "dashboard: somebody may have changed them meanwhile. Then run it again.",
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
        """The names that the service has, those of sealed variables too, whose values Railway never tells. All, where it does not say."""
        try:
            return read_settings(self.client).variable_names
        except ApiError:
            return frozenset(self.names)
