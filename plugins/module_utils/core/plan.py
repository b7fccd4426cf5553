# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module is about to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Plan:
    """What is, what will be, and what follows from the difference.

    ``before`` and ``after`` are what the diff shows: whitelisted fields, never a secret; dictionaries, or text where a
    diff of lines reads better. ``result`` is returned in check mode as it stands. Otherwise what ``apply`` returns
    updates it. ``todo`` is for ``apply`` alone: a typed plan, or a function that does all of it. ``skipped`` says why
    there is nothing to check yet. ``unshown`` is set where something changes that the diff does not show.
    """

    before: Any
    after: Any
    todo: Any = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)
    skipped: str | None = None
    unshown: bool = False

    @property
    def changed(self) -> bool:
        return self.unshown or self.before != self.after


def carry_out(plan: Plan, _client: Any) -> Any:
    """Return what a plan's ``todo`` returns, where that is a function."""
    return plan.todo()
