# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the figures of the storefronts of a play: JSON, Prometheus' text and the index pages; an action of figures.yml
alone.

Its options are ``folder``; and ``fact``, the variable in which each storefront has what release_figures returned. It
returns ``fleet``, the figures of all together; ``lines``, the figures as a person reads them; and ``json``,
``prometheus`` and ``index``, the paths.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..module_utils.core.amounts import number
from ..module_utils.release import figures, prometheus
from ..plugin_utils.report import files, index, pages
from .run_report import brief, refuse_inventory, write_fleet

Results = Mapping[str, Mapping[str, Any]]


class ActionModule(ActionBase):
    _VALID_ARGS = frozenset(("folder", "fact"))
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        hosts, fact = variables.get("hostvars") or {}, str(self._task.args["fact"])
        counted = {str(name): hosts[name].get(fact) or {} for name in variables["ansible_play_hosts_all"]}
        found = {name: one for name, one in counted.items() if one.get("figures")}  # one that failed has none
        now = datetime.now(UTC)
        known = of_fleet(found, now.timestamp())
        result |= {"changed": False, "fleet": known.get(""), "lines": lines(known)}
        if self._task.check_mode or not found:
            return result
        folder = Path(self._task.args["folder"]).absolute()
        refuse_inventory(folder, variables.get("ansible_inventory_sources") or [])
        try:
            return {**result, **write(folder, found, known, now.isoformat(timespec="seconds"))}
        except OSError as error:
            raise AnsibleActionFail(
                f"The figures could not be written: {error}. Correct notify_report_folder."
            ) from None


def of_fleet(found: Results, now: float) -> dict[str, dict[str, Any]]:
    """Return the figures by the name of the storefront; those of the fleet have the name ""."""
    if not found:
        return {}
    known = {name: dict(one["figures"]) for name, one in found.items()}
    days = max(float(one["days"]) for one in known.values())
    fleet = figures.merged(figures.from_dict(one["tally"]) for one in found.values())
    return {**known, "": figures.figures(fleet, now, days)}


def lines(known: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return a block for each storefront, and one for the fleet: a line for each figure and each step of a deploy."""
    shown = [name for name in known if name or len(known) > 2]  # the fleet of one storefront is that storefront
    return [line for name in shown for line in block(name or "the fleet", known[name])]


def block(name: str, found: Mapping[str, Any]) -> list[str]:
    rows = [(title.lower(), index.figure(key, found[key])) for key, (title, _what) in index.FIGURES.items()]
    rows += [(one["label"], f"{one['median']} (9 of 10 within {one['p90']})") for one in index.phases(found)]
    wide = max(len(label) for label, _value in rows)
    return [f"{name}, {number(found['days'], 'day')}:", *(f"  {label:{wide}}  {value}" for label, value in rows)]


def write(top: Path, found: Results, known: Mapping[str, Mapping[str, Any]], now: str) -> dict[str, str]:
    """Write all files and return their paths."""
    for name, one in found.items():
        folder = files.folder_of(top, name)
        rows = files.merged(files.rows(folder), one["runs"])
        files.write(folder / files.ROWS, json.dumps(rows, indent=1) + "\n")
        page = index.model_of(name, rows, figures=known[name], now=now)
        files.write(folder / files.INDEX, pages.index_page(page))
    shops = {name: figures_of for name, figures_of in known.items() if name}
    files.write(
        top / "figures.json", json.dumps({"at": now, "fleet": known.get(""), "storefronts": shops}, indent=1) + "\n"
    )
    files.write(top / "figures.prom", prometheus.text(shops))
    write_fleet(top, now, known)
    paths = {"json": top / "figures.json", "prometheus": top / "figures.prom", "index": top / files.INDEX}
    return {name: brief(path) for name, path in paths.items()}
