# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be purged of the files that changed between two releases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...core.errors import ConfigError
from ...source.changed_paths import changed_files, reach
from .items import accepted


def changed(asked: Mapping[str, Any]) -> tuple[str, dict[str, list[Any]], dict[str, Any]]:
    """Return the kind of purge, its items, and the changes that were found.

    The kind is everything if the changes, or the paths that they affect, cannot be determined.
    """
    bases = [base.rstrip("/") for base in accepted("files", asked["base_urls"])]
    known, files, why = reach([], asked["routes"]), None, "changed.from names no release to compare with"
    try:
        if asked["from"]:
            files = changed_files(asked["path"], asked["from"], asked["to"])
            known = reach(files, asked["routes"])
            why = f"no route matches {', '.join(known.unmatched[:10])}"
    except ConfigError as error:
        if error.details.get("code") != "unknown_release":
            raise
        why = str(error)
    urls = [base + path for base in bases for path in known.urls]
    prefixes = [base.split("://", 1)[1] + path for base in bases for path in known.prefixes]
    found = {
        "files": None if files is None else len(files),
        "unmatched": known.unmatched[:10],
        "urls": urls,
        "prefixes": prefixes,
    }
    if files is None or known.unmatched:
        if asked["otherwise"] == "fail":
            raise ConfigError(
                f"The pages to purge cannot be determined: {why}. Complete changed, or set otherwise to everything.",
                code="unknown_change",
            )
        return "everything", {}, {"changes": {**found, "urls": [], "prefixes": []}}
    wanted = {kind: accepted(kind, some) for kind, some in (("files", urls), ("prefixes", prefixes)) if some}
    return "changed" if wanted else "nothing", wanted, {"changes": found}
