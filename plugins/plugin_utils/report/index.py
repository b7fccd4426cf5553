# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an index page shows: the runs of a storefront or of a fleet, and the figures with their plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..screen.amounts import age, duration, moment
from . import model, plots

Row = Mapping[str, Any]
FIGURES = {
    "deployments_per_week": ("Deployment frequency", "how often a change is deployed to production"),
    "lead_time_seconds": ("Lead time for changes", "from a commit to production, median"),
    "change_fail_rate": ("Change fail rate", "deployments that needed an intervention"),
    "recovery_seconds": ("Failed deployment recovery time", "median"),
    "rework_rate": ("Deployment rework rate", "deployments made because of an incident"),
    "rollback_success_rate": ("Rollback success", "rollbacks that put everything back"),
    "restore_seconds": ("Time to restore the database", "median"),
    "deploy_seconds": ("Duration of a good deploy", "median"),
}


def model_of(
    title: str,
    rows: Sequence[Row],
    *,
    figures: Mapping[str, Any] | None = None,
    storefronts: Sequence[Mapping[str, Any]] = (),
    now: str = "",
) -> dict[str, Any]:
    """Return what the template of an index shows. ``storefronts`` are those of a fleet, each with its own index."""
    at = moment(now)
    return {
        "title": title,
        "runs": [_row(row) for row in rows],
        "days": f"{figures['days']:g}" if figures else "",
        "cards": [_card(name, figures) for name in FIGURES] if figures else [],
        "phases": phases(figures) if figures else [],
        "plots": plots.of_weeks(figures["weeks"]) if figures else [],
        "storefronts": [_storefront(one) for one in storefronts],
        "at": model.time_of(at),
    }


def figure(name: str, value: Any) -> str:
    """Return a figure as it is read: a rate in per cent, a duration with its unit."""
    if value is None:
        return "not known"
    if name.endswith("_rate"):
        return f"{100 * value:.1f} %"
    if name.endswith("_seconds"):
        return age(value) if value >= 86400 else duration(value)
    return f"{value:g} per week" if name.endswith("_per_week") else f"{value:g}"


def _card(name: str, figures: Mapping[str, Any]) -> dict[str, str]:
    title, explained = FIGURES[name]
    return {"title": title, "value": figure(name, figures.get(name)), "explained": explained}


def phases(figures: Mapping[str, Any]) -> list[dict[str, str]]:
    return [
        {
            "label": model.step_label(name),
            "median": duration(seconds["median"]),
            "p90": duration(seconds["p90"]),
            "count": str(seconds["count"]),
        }
        for name, seconds in figures["phases"].items()
    ]


def _row(row: Row) -> dict[str, Any]:
    began = moment(row.get("began"))
    outcome, kind = str(row.get("outcome", "")), str(row.get("kind", ""))
    return {
        **{key: row.get(key) or "" for key in ("storefront", "release", "by", "page", "record")},
        "kind": kind,
        "outcome": model.HEADLINES.get(outcome, outcome),
        "tone": model.tone(kind, outcome),
        "began": model.time_of(began),
        "took": duration(row.get("seconds")),
    }


def _storefront(one: Mapping[str, Any]) -> dict[str, Any]:
    last: Row = next((row for row in one["rows"] if row.get("kind") in ("deploy", "rollback")), {})
    return {
        "name": one["name"],
        "page": one["page"],
        "last": _row(last) if last else None,
        "figures": [figure(name, (one.get("figures") or {}).get(name)) for name in list(FIGURES)[:5]],
    }
