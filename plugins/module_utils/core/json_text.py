# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON that somebody else has written: whatever is wrong with it is a ValueError."""

from __future__ import annotations

import json
from typing import Any


def loads(text: str | bytes, **hooks: Any) -> Any:
    """Decode JSON. Raises ValueError, also for a value nested so deep that Python gives up."""
    try:
        return json.loads(text, **hooks)
    except RecursionError:
        raise ValueError("nested too deep") from None
