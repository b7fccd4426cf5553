# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures in Prometheus' text format, for the node exporter's textfile collector."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

GAUGES = {
    "deployments": ("storefront_deployments", "Deployments to production in the window."),
    "deployments_per_week": ("storefront_deployments_per_week", "Deployments to production per week."),
    "lead_time_seconds": ("storefront_lead_time_seconds", "Median time from a commit to its deployment."),
    "change_fail_rate": ("storefront_change_fail_ratio", "Share of deployments that needed an intervention."),
    "recovery_seconds": ("storefront_recovery_seconds", "Median time to recover from a failed deployment."),
    "rework_rate": ("storefront_rework_ratio", "Share of deployments that were made because of an incident."),
    "not_recovered": ("storefront_failed_deployments_not_recovered", "Failed deployments without a recovery yet."),
    "rollbacks": ("storefront_rollbacks", "Rollbacks in the window, also those of a failed deploy."),
    "rollback_success_rate": ("storefront_rollback_success_ratio", "Share of rollbacks that put everything back."),
    "restore_seconds": ("storefront_restore_seconds", "Median time to restore the database."),
    "deploy_seconds": ("storefront_deploy_seconds", "Median duration of a good deploy."),
}
WINDOW = ("storefront_figures_window_days", "Days that the figures cover.")
PHASE = ("storefront_phase_seconds", "Duration of a step of a run.")


def text(figures: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the figures of each storefront by its name. A figure that is not known has no line."""
    lines: list[str] = []
    for key, (name, explained) in GAUGES.items():
        samples = [
            f"{name}{{storefront={quoted(shop)}}} {known[key]}"
            for shop, known in figures.items()
            if known.get(key) is not None
        ]
        lines += _family(name, explained, samples)
    days = [f"{WINDOW[0]}{{storefront={quoted(shop)}}} {known['days']}" for shop, known in figures.items()]
    lines += _family(*WINDOW, days)
    lines += _family(*PHASE, list(_phases(figures)))
    return "".join(f"{line}\n" for line in lines)


def _phases(figures: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for shop, known in figures.items():
        for phase, seconds in known["phases"].items():
            for quantile, value in (("0.5", seconds["median"]), ("0.9", seconds["p90"])):
                labels = f'storefront={quoted(shop)},phase={quoted(phase)},quantile="{quantile}"'
                yield f"{PHASE[0]}{{{labels}}} {value}"


def _family(name: str, explained: str, samples: list[str]) -> list[str]:
    return [f"# HELP {name} {explained}", f"# TYPE {name} gauge", *samples] if samples else []


def quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
