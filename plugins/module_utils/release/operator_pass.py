# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pass with which an operator enters a shop that the edge holds in maintenance."""

from __future__ import annotations

import hashlib
import hmac
import re
import time

LONGEST = 24 * 7  # hours


def operator_pass(key: str, shop: str, name: str, hours: float = 1, now: float | None = None) -> str:
    """Return ``NAME.EXPIRES.SIGNATURE``, which the Worker accepts until EXPIRES. Raises ValueError."""
    if not re.fullmatch(r"[\w-]{1,64}", name, re.ASCII):
        raise ValueError(f"{name!r} cannot be the name on a pass. Use letters, digits, hyphens and underscores.")
    if not 0 < hours <= LONGEST:
        raise ValueError(f"A pass for {hours:g} hours is not possible. Choose more than 0 and at most {LONGEST}.")
    expires = int((time.time() if now is None else now) + hours * 3600)
    signature = hmac.new(key.encode(), f"{shop}|{name}|{expires}".encode(), hashlib.sha256).hexdigest()
    return f"{name}.{expires}.{signature}"
