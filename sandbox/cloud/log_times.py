# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When each line of a process was written. The file of its output has no times, and the vendors' logs do."""

from __future__ import annotations

import json
from collections.abc import Sequence


def timed(lines: Sequence[str], changed: int) -> list[tuple[int, str]]:
    """Return each line with its time in milliseconds, no two alike: that of a JSON line is its own ``time``, any other
    follows the line before it. ``changed`` is when the deployment last changed, for a log without a time.
    """
    own = [_own_time(line) for line in lines]
    at = next((time for time in own if time), changed) - len(lines)
    found = []
    for time, line in zip(own, lines, strict=True):
        at = max(time, at + 1)
        found.append((at, line))
    return found


def _own_time(line: str) -> int:
    try:
        time = json.loads(line).get("time") if line.startswith("{") else 0
    except ValueError:
        return 0
    return time if isinstance(time, int) else 0
