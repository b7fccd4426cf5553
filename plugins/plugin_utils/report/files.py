# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of the reports: a folder for each storefront, with an index and, for each run, a page, its JSON and its
text.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...module_utils.core.json_text import loads

INDEX, ROWS = "index.html", "runs.json"
MOST = 500  # runs that an index lists
KEYS = ("storefront", "kind", "release", "outcome", "began", "ended", "seconds", "by", "page", "record")


def folder_of(top: Path, storefront: str) -> Path:
    return top / (safe(storefront) or "storefront")


def name_of(began: str, kind: str, release: str) -> str:
    """Return the name of a run's files, without their ending: 20260303T154213Z-deploy-v1.1.0."""
    stamp = re.sub(r"[-:]|\.\d+|\+.*", "", began)
    return "-".join(part for part in (stamp, safe(kind), safe(release)[:80]) if part)


def safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")


def write(path: Path, text: str) -> None:
    """Write a file that only its owner can read, at once: a reader never finds half of it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as stream:
            stream.write(text)
        Path(temporary).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise


def rows(folder: Path) -> list[dict[str, Any]]:
    """Return the runs of a storefront, newest first; none where the list is missing or broken."""
    try:
        found = loads((folder / ROWS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def merged(known: Iterable[Mapping[str, Any]], added: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the runs of both lists, newest first. A run is known by its storefront, kind and time; what one list
    lacks of it, such as its page, comes from the other.
    """
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in [*known, *added]:
        given = {key: row[key] for key in KEYS if row.get(key) not in (None, "")}
        identity = (given.get("storefront"), given.get("kind"), given.get("began"))
        found[identity] = {**found.get(identity, {}), **given}
    return sorted(found.values(), key=lambda row: str(row.get("began", "")), reverse=True)[:MOST]


def storefronts(top: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the runs of each storefront by the name of its folder."""
    with suppress(OSError):
        return {folder.name: found for folder in sorted(top.iterdir()) if (found := rows(folder))}
    return {}
