# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the pages of the site that antsibull-docs does not write: the guides, and a page for each playbook from its
argument spec. python docs/site.py FOLDER (`make site`).
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
SOURCE = "https://github.com/storefront-runbook/storefront.runbook/blob/main/"
COLLECTION = "collection"
LINK = re.compile(r"(?<!!)\]\((?!https?:|#|mailto:)([^)#\s]+)(#[^)\s]*)?\)")
# The site's contents: each page by its file here, and where it is on the site.
SECTIONS: dict[str, dict[str, str]] = {
    "Guides": {
        "docs/guides/first-deploy.md": "guides/first-deploy",
        "docs/guides/production.md": "guides/production",
        "docs/guides/rollback.md": "guides/rollback",
        "docs/restore.md": "restore",
        "docs/ways-in.md": "ways-in",
        "extensions/awx/README.md": "guides/awx",
        "extensions/runner/README.md": "guides/runner",
        "docs/fleets.md": "fleets",
        "docs/maintenance.md": "maintenance",
        "docs/guides/extending.md": "guides/extending",
        "CONTRIBUTING.md": "contributing",
    },
    "What it does": {
        "docs/deploy.md": "deploy",
        "docs/checklist.md": "checklist",
        "docs/migrations.md": "migrations",
        "docs/backup.md": "backup",
        "docs/journeys.md": "journeys",
        "docs/desk.md": "desk",
        "docs/reports.md": "reports",
        "docs/events.md": "events",
        "docs/screen.md": "screen",
        "docs/shop.md": "shop",
        "docs/failure.md": "failure",
        "docs/faults.md": "faults",
    },
    "Reference": {
        "docs/contents.md": "contents",
        "docs/inventory.md": "inventory",
        "docs/costs.md": "costs",
        "docs/support.md": "support",
        "docs/architecture.md": "architecture",
        "docs/engine.md": "engine",
        "docs/sandbox.md": "sandbox",
        "docs/coverage.md": "coverage",
    },
}
LISTED = {file for section in SECTIONS.values() for file in section}
SECTIONS["Reference"] |= {  # a page that nobody has put elsewhere
    f"docs/{page.name}": page.stem for page in sorted((ROOT / "docs").glob("*.md")) if f"docs/{page.name}" not in LISTED
}
PLACES = {file: place for section in SECTIONS.values() for file, place in section.items()} | {"README.md": "readme"}


def pages() -> dict[str, str]:
    """Return the text of each page by its place, without its ending."""
    found = {place: rewritten(file, (ROOT / file).read_text(encoding="utf-8")) for file, place in PLACES.items()}
    return {**found, **{f"playbooks/{name}": playbook_page(name) for name in playbooks()}, "index": index()}


def playbooks() -> list[str]:
    return sorted(path.name.removesuffix(".meta.yml") for path in (ROOT / "playbooks").glob("*.meta.yml"))


def rewritten(file: str, text: str) -> str:
    """Return a page whose links lead to pages of the site, or to the repository."""
    here = Path(PLACES[file]).parent

    def link(found: re.Match[str]) -> str:
        target = os.path.normpath(Path(file).parent / found[1])
        place = PLACES.get(target)
        address = f"{os.path.relpath(place, here)}.md" if place else f"{SOURCE}{target}"
        return f"]({address}{found[2] or ''})"

    return LINK.sub(link, text)


def missing_links(file: str, text: str) -> list[str]:
    """Return the links of a page to files or headings that are not there."""
    missing = []
    for found in LINK.finditer(text):
        target = ROOT / os.path.normpath(Path(file).parent / found[1])
        if not target.exists() or (found[2] and target.suffix == ".md" and found[2][1:] not in headings(target)):
            missing.append(f"{file}: {found[1]}{found[2] or ''}")
    return missing


def headings(page: Path) -> set[str]:
    """Return the anchors of a page, as GitHub and the site make them."""
    titles = re.findall(r"^#+ +(.+?) *$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def playbook_page(name: str) -> str:
    """Return the page of a playbook: what it is for, how it is run, and its variables."""
    head = (ROOT / "playbooks" / f"{name}.yml").read_text(encoding="utf-8").removeprefix("---\n")
    comment = [line.removeprefix("#")[1:] for line in head.splitlines()[: _comments(head)]]
    words = [line for line in comment if not line.lstrip().startswith("ansible-playbook")]
    commands = [line.strip() for line in comment if line.lstrip().startswith("ansible-playbook")]
    entries = yaml.safe_load((ROOT / "playbooks" / f"{name}.meta.yml").read_text(encoding="utf-8"))["argument_specs"]
    parts = [f"# {name}.yml", " ".join(words).rstrip(":"), *_commands(name, commands)]
    return "\n\n".join([*parts, *(_entry(entry) for entry in entries.values())]) + "\n"


def _comments(text: str) -> int:
    lines = text.splitlines()
    return next(number for number, line in enumerate(lines) if not line.startswith("#"))


def _commands(name: str, commands: list[str]) -> Iterator[str]:
    shown = commands or [f"ansible-playbook storefront.runbook.{name} -i production"]
    yield "```console\n" + "\n".join(f"$ {command}" for command in shown) + "\n```"


def _entry(entry: Mapping[str, Any]) -> str:
    rows = [f"## {entry['short_description']}", "", "| variable | type | default | for |", "|---|---|---|---|"]
    for name, spec in entry["options"].items():
        default = "required" if spec.get("required") else "" if spec.get("default") in (None, "") else spec["default"]
        rows.append(f"| `{name}` | {spec['type']} | {default} | {_plain(spec)} |")
    return "\n".join(rows)


def _plain(spec: Mapping[str, Any]) -> str:
    text = spec["description"] if isinstance(spec["description"], str) else " ".join(spec["description"])
    text = re.sub(r"\b[OVCIM]\((?:storefront\.runbook\.)?([^)]*)\)", r"`\1`", text)
    return text.replace("|", "\\|").replace("\n", " ")


def index() -> str:
    """Return the first page: what this is, and the contents."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    intro = text.split("\n## ")[0].rstrip()
    parts = [rewritten("README.md", intro)]
    contents = {
        "Start": ["Try it, and deploy for real <readme>"],
        **{name: list(section.values()) for name, section in SECTIONS.items()},
    }
    contents["Playbooks"] = [f"playbooks/{name}" for name in playbooks()]
    contents["Modules, roles and filters"] = [COLLECTION]
    for name, places in contents.items():
        parts.append("\n".join(["```{toctree}", ":maxdepth: 1", f":caption: {name}", "", *places, "```"]))
    return "\n\n".join(parts) + "\n"


def write(folder: Path) -> None:
    if (folder / "index.rst").exists():  # antsibull-docs has written the collection's page as the first one
        (folder / "index.rst").replace(folder / f"{COLLECTION}.rst")
    for place, text in pages().items():
        path = folder / f"{place}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
