# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A page of several storefronts as one document, and when a page ends a run as failed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .spelling import suggestion

LEVELS = ("ok", "attention", "down")
REFUSED = "refused"


def worst(levels: Sequence[str]) -> str:
    """Return the worst level; a storefront that was refused is as bad as one that is down."""
    ranks = [_rank(level) for level in levels]
    return LEVELS[max(ranks, default=0)]


def _rank(level: str) -> int:
    return LEVELS.index(level) if level in LEVELS else len(LEVELS) - 1


def document(page: str, names: Sequence[str], facts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return {page, level, storefronts} of what each storefront's page has found. ``facts`` are Ansible's hostvars."""
    reports = {name: _report(facts[name]) for name in names}
    return {
        "page": page,
        "level": worst([str(report.get("level")) for report in reports.values()]),
        "storefronts": reports,
    }


def _report(facts: Mapping[str, Any]) -> dict[str, Any]:
    found = facts.get("desk_report")
    if found:
        given = (facts.get("preflight_checked") or {}).get("given") or {}
        # a command of the page names FILE instead of the secrets that this run was given
        return {**found, **({"file_sets": list(given["secrets"])} if "-e @FILE" in str(found) else {})}
    why = facts.get("rollout_failure") or facts.get("release_message") or "its page could not be made"
    return {"level": REFUSED, "error": str(why)}


def fails(level: str, fail_on: str) -> bool:
    """Return whether a page of this level ends the run as failed."""
    return fail_on != "never" and _rank(level) >= LEVELS.index(fail_on)


def window_options(checks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the options of the check of windows and freezes in the inventory's list of checks; empty without it."""
    found = next((one for one in checks if one.get("id") in ("C19", "deploy_window")), {})
    return dict(found.get("options") or {})


def unknown_storefronts(checks: Sequence[Mapping[str, Any]], known: Sequence[str]) -> Iterator[str]:
    """Yield what is wrong with each storefront of a freeze that is not in the inventory: the freeze would not stop the
    one that was meant.
    """
    for number, freeze in enumerate(window_options(checks).get("freezes") or [], 1):
        named = freeze.get("storefronts") or [] if isinstance(freeze, Mapping) else []
        for name in re.split(r"\s*,\s*", named) if isinstance(named, str) else named:
            if str(name) not in known:
                yield (
                    f"preflight_checks: freezes {number} names the storefront {name!r}, and the inventory has none of"
                    f" that name{suggestion(str(name), known) or '.'} Its storefronts are {', '.join(known)}"
                )
