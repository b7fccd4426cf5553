# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the whole log of a vendor is written."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

FOLDER = "reports"


def folder(log_path: str | None) -> Path:
    """Return the folder of Ansible's own log where there is one, else reports/ below the current folder."""
    return Path(log_path).parent if log_path else Path(FOLDER)


def keep(where: Path, storefront: str, name: str, text: str, now: float) -> str:
    """Write a text that only its owner can read, and return the path to show; empty where it cannot be written."""
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    file = where / f"{stamp}-{_safe(storefront)}-{_safe(name) or 'step'}.log"
    with suppress(OSError):
        where.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            os.fchmod(stream.fileno(), 0o600)
            stream.write(text if text.endswith("\n") else f"{text}\n")
        return str(file)
    return ""


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")
