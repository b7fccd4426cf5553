# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One deadline for a whole page, from the command to its last line: what is left of it for the systems to answer, and
what each part of a question may take of that.
"""

from __future__ import annotations

import math
from typing import Any

from ..core.process import ansibles_age

MOST_SECONDS = 60.0  # of desk_timeout
ASKED = 6.0  # seconds in which the systems answer, unless desk_timeout says otherwise
ANSIBLE = 4.0  # seconds of the page beside that: Ansible starts, reads the inventory and prints
SHORTEST = 2.0  # seconds in which a system that works still answers
PRINTED = 1.0  # seconds at least until the page is printed
SLOWNESS = 0.6  # of the time that Ansible took until the questions, which it takes again to print the page


def seconds(timeout: Any, storefronts: int = 1, forks: int = 1) -> Any:
    """Return the seconds in which the systems of this page have to answer. ``timeout`` is desk_timeout, or None.

    A page of its own comes within ``timeout`` and four seconds. The storefronts of a fleet that is larger than
    Ansible's ``forks`` take turns, and each has its whole time. A value that the module refuses is returned as it is.
    """
    given = ASKED if timeout in (None, "") else _number(timeout)
    if given is None or not 0 < given <= MOST_SECONDS:
        return timeout
    return given if int(storefronts) > int(forks) else share(given, ansibles_age() or 0.0)


def share(timeout: float, elapsed: float) -> float:
    """Return what is left of the page's time after ``elapsed`` seconds; all of it after a long run."""
    whole = timeout + ANSIBLE
    if elapsed >= whole:
        return timeout
    left = whole - elapsed - max(PRINTED, elapsed * SLOWNESS)
    return round(min(timeout, max(left, SHORTEST)), 3)


def within(timeout: float) -> float:
    """Return the seconds for one answer, such that why it failed is known before the page is due."""
    return max(timeout - 1.0, timeout / 2)


def _number(value: Any) -> float | None:
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None
