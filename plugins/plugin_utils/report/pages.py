# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders the pages: one self-contained HTML file each, without a script. Jinja2, which ansible-core needs anyway,
escapes every value.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader
from jinja2.sandbox import SandboxedEnvironment

from . import model

TEMPLATES = Path(__file__).parent / "templates"
SECTIONS = {
    "units": ("live", "What is live"),
    "notes": ("notes", "Open points"),
    "back": ("back", "What was put back"),
    "bars": ("steps", "Steps"),
    "checks": ("checklist", "Checklist"),
    "migrations": ("migrations", "Migrations"),
    "backup": ("backup", "Backup"),
    "restore": ("restore", "Restored database"),
    "change": ("change", "What was changed"),
    "probes": ("probes", "Probes"),
    "watches": ("watch-1", "Watch"),
    "verified": ("verified", "Verified"),
    "logs": ("log-1", "Log"),
    "evidence": ("evidence", "Evidence"),
}


LARGEST = 500_000  # bytes of the page of a run


def of_facts(facts: Mapping[str, Any]) -> str:
    """Return the page of a run. Where its texts make it too big, they are cut shorter."""
    page = ""
    for room in model.ROOMS:
        page = run_page(model.model(facts, room))
        if len(page.encode()) <= LARGEST:
            break
    return page


def run_page(run: Mapping[str, Any]) -> str:
    """Return the page of a run, which is what ``model`` made of it."""
    sections = [place for part, place in SECTIONS.items() if run.get(part)]
    return _render("run.html.j2", run=run, sections=[*sections, ("about", "About this run")])


def index_page(index: Mapping[str, Any]) -> str:
    """Return the page of the runs of a storefront or of a fleet."""
    return _render("index.html.j2", index=index)


def is_web(url: Any) -> bool:
    """Whether a link to this address does nothing but open a page: an answer may have any text as its URL."""
    try:
        return isinstance(url, str) and urlsplit(url).scheme in ("http", "https") and bool(urlsplit(url).netloc)
    except ValueError:
        return False


def _render(name: str, **values: Any) -> str:
    return _environment().get_template(name).render(**values)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = SandboxedEnvironment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.tests["web"] = is_web
    return environment
