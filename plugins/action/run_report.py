# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the report of a run: a page, its JSON and its text, and the index pages that list it; an action of our roles
alone.

Its options are ``folder``; ``run``, the facts as roles/notify/vars/main.yml gathers them; and ``url``, under which the
folder can be read. It returns ``page``, ``json``, ``text`` and ``index``, the paths, and ``url`` of the page. It runs
on the controller, since only there the template and every secret to mask are known.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..plugin_utils.report import files, index, model, pages, plain
from ..plugin_utils.screen.ansible_facts import learn_secrets
from ..plugin_utils.screen.secrets import Mask


class ActionModule(ActionBase):
    _VALID_ARGS = frozenset(("folder", "run", "url"))
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        if self._task.check_mode:
            return {**result, "skipped": True, "msg": "Check mode writes no report."}
        folder = Path(self._task.args["folder"]).absolute()
        refuse_inventory(folder, (task_vars or {}).get("ansible_inventory_sources") or [])
        mask = Mask()
        learn_secrets(mask, task_vars or {})
        mask.learn_environment(os.environ)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        facts = {"ended": now, **mask.deep(self._task.args["run"])}
        try:
            written = write(folder, facts, now)
        except OSError as error:
            raise AnsibleActionFail(
                f"The report could not be written: {error}. Correct notify_report_folder."
            ) from None
        url = str(self._task.args.get("url") or "")
        address = f"{url.rstrip('/')}/{quote(written.pop('place'))}" if url else ""
        return {**result, "changed": False, **written, "url": address}


def refuse_inventory(folder: Path, sources: Iterable[str]) -> None:
    """Refuse a folder below an inventory's: Ansible reads every file there as inventory."""
    for source in map(Path, map(str, sources)):
        if source.is_dir() and folder.is_relative_to(source.absolute()):
            raise AnsibleActionFail(
                f"The report was not written: {folder} is inside of the inventory {source}, where Ansible would read it"
                " as inventory. Set notify_report_folder to a folder elsewhere, such as ../../reports."
            )


def write(top: Path, facts: Mapping[str, Any], now: str) -> dict[str, str]:
    """Write the files of a run, and the indexes. Return their paths, and the page's ``place`` in the folder."""
    run = model.model(facts)
    folder = files.folder_of(top, run["storefront"])
    name = files.name_of(str(facts.get("began") or now), run["kind"], run["release"])
    page, twin, text = (folder / f"{name}.{ending}" for ending in ("html", "json", "txt"))
    files.write(page, pages.of_facts(facts))
    files.write(twin, json.dumps(facts, indent=1, default=str) + "\n")
    files.write(text, plain.text(run))
    row = {
        **{key: run[key] for key in ("storefront", "kind", "release", "outcome", "by", "record")},
        "began": run["began"]["iso"],
        "ended": run["ended"]["iso"],
        "seconds": run["seconds"],
        "page": page.name,
    }
    rows = files.merged(files.rows(folder), [row])
    files.write(folder / files.ROWS, json.dumps(rows, indent=1) + "\n")
    files.write(folder / files.INDEX, pages.index_page(index.model_of(run["storefront"], rows, now=now)))
    write_fleet(top, now)
    paths = {"page": page, "json": twin, "text": text, "index": folder / files.INDEX}
    return {**{kind: brief(path) for kind, path in paths.items()}, "place": f"{folder.name}/{page.name}"}


def brief(path: Path) -> str:
    """Return a path as a person in the current folder writes it."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def write_fleet(top: Path, now: str, figures: Mapping[str, Any] | None = None) -> None:
    """Write the index of all storefronts. ``figures`` are those of the fleet, and by the name of each storefront."""
    known = files.storefronts(top)
    shops = [
        {
            "name": rows[0].get("storefront", name),
            "page": f"{name}/{files.INDEX}",
            "rows": rows,
            "figures": (figures or {}).get(rows[0].get("storefront", name)),
        }
        for name, rows in known.items()
    ]
    placed = [
        {**row, "page": f"{name}/{row['page']}" if row.get("page") else ""}
        for name, rows in known.items()
        for row in rows
    ]
    newest = sorted(placed, key=lambda row: str(row.get("began", "")), reverse=True)[: files.MOST]
    fleet = index.model_of("the fleet", newest, figures=(figures or {}).get(""), storefronts=shops, now=now)
    files.write(top / files.INDEX, pages.index_page(fleet))
