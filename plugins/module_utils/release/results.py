# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages of registered task results, in one form for all decisions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SILENT = "the task gave no message; -vvv shows its output"


def failure_message(result: Mapping[str, Any] | None) -> str:
    """Return the message of a failed task; for a loop, the messages of its failed items."""
    result = result or {}
    items = [str(item.get("msg") or SILENT) for item in result.get("results") or [] if item.get("failed")]
    return " ".join(items) or str(result.get("msg") or SILENT)


def names(text: str | None) -> list[str]:
    """Return the names in an option such as ``-e approve_migration=a,b``."""
    return [name.strip() for name in str(text or "").split(",") if name.strip()]
