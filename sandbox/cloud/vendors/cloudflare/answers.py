# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The form of Cloudflare's answers, and the one account of the sandbox."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

ACCOUNT = hashlib.sha256(b"account").hexdigest()[:32]


def envelope(result: Any, errors: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    return {"success": not errors, "errors": errors or [], "messages": [], "result": result, **more}


def time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
