# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rollout to a fleet, batch by batch: the storefronts that failed, those that have not started, and
whether more may start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Rollout:
    """The state of a rollout, as seen from the storefront ``here``.

    ``everyone`` lists all storefronts in the order of the rollout. ``failed`` are those that failed, ``waiting`` those
    that have not started, ``allowed`` is how many may fail before no further one starts.
    """

    everyone: Sequence[str]
    failed: Sequence[str]
    waiting: Sequence[str]
    allowed: int
    here: str

    @property
    def stopped(self) -> bool:
        """Whether more storefronts failed than allowed, so that no further one starts."""
        return len(self.failed) > self.allowed

    @property
    def tolerated(self) -> bool:
        """Whether the others continue although this storefront failed."""
        return len(self.everyone) > 1 and len({*self.failed, self.here}) <= self.allowed

    @property
    def left(self) -> str:
        """Return the storefronts that were not started and how to continue; empty when there are none."""
        failing = {*self.failed} if self.here in self.waiting else {*self.failed, self.here}
        failed = [name for name in self.everyone if name in failing]
        if not self.waiting or len(failed) <= self.allowed:
            return ""
        return (
            f"{', '.join(failed)} failed and rollout_failures_allowed is {self.allowed}, so these were not started:"
            f" {', '.join(self.waiting)}. Correct what failed, then continue with --limit"
            f" {','.join([*failed, *self.waiting])}"
        )


def stand(
    everyone: Sequence[str], facts: Mapping[str, Mapping[str, Any]], *, playing: Sequence[str], here: str, allowed: int
) -> Rollout:
    """Return the state of a rollout. ``facts`` are the variables of each storefront; ``playing`` are the
    storefronts that Ansible still runs.
    """
    started = [name for name in everyone if "rollout_started" in facts[name]]
    failed = [name for name in started if name not in playing or "rollout_failure" in facts[name]]
    waiting = [name for name in everyone if name not in started]
    return Rollout(everyone, failed, waiting, allowed, here)
