# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages of the site, without building it: every page is on it, and every link leads somewhere."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def load() -> Any:
    spec = importlib.util.spec_from_file_location("site_pages", ROOT / "docs" / "site.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


site = load()
PAGES = [
    *(ROOT / "docs").glob("*.md"),
    *(ROOT / "docs").glob("guides/*.md"),
    *(ROOT / "extensions").glob("*/README.md"),
    *(ROOT / "roles").glob("*/README.md"),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
]


def test_every_page_is_on_the_site() -> None:
    documents = {path.relative_to(ROOT).as_posix() for path in PAGES if path.parts[-2] in ("docs", "guides")}
    assert documents <= set(site.PLACES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    assert site.missing_links(page.relative_to(ROOT).as_posix(), page.read_text(encoding="utf-8")) == []


def test_links_of_the_site_lead_to_its_pages() -> None:
    pages = site.pages()
    assert "](../restore.md)" in pages["guides/rollback"]
    assert "](../inventory.md)" in site.rewritten("docs/guides/rollback.md", "[x](../inventory.md)")
    assert f"]({site.SOURCE}Makefile)" in site.rewritten("docs/deploy.md", "[x](../Makefile)")
    assert "](https://example.com)" in site.rewritten("docs/deploy.md", "[x](https://example.com)")


def test_every_playbook_has_a_page_with_its_command_and_variables() -> None:
    pages = site.pages()
    for name in site.playbooks():
        text = pages[f"playbooks/{name}"]
        assert "$ ansible-playbook " in text
        assert text.startswith(f"# {name}.yml")
    assert "| `release` | str | required |" in pages["playbooks/deploy"]
    assert "playbooks/deploy" in pages["index"]


def test_a_link_that_leads_nowhere_is_found() -> None:
    assert site.missing_links("docs/deploy.md", "[x](nothing.md) [y](failure.md#no-such-heading)") == [
        "docs/deploy.md: nothing.md",
        "docs/deploy.md: failure.md#no-such-heading",
    ]


@pytest.mark.parametrize("page", ["coverage.md", "faults.md"])
def test_a_page_names_proofs_that_exist(page: str) -> None:
    named = set(re.findall(r"`((?:molecule|tests)/[^`]+\.py)`", (ROOT / "docs" / page).read_text()))
    assert named
    assert [file for file in sorted(named) if not (ROOT / file).exists()] == []
