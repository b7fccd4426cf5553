# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages of a run and of a fleet in a real browser: what is visible, at every width, in light and dark and on paper,
by keyboard, and what axe-core says.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.action import run_report
from ansible_collections.storefront.runbook.plugins.module_utils.site import chromium

from tests.browsers import browser
from tests.unit.plugins.plugin_utils.report.facts import EVIL, failed_deploy

WIDTHS = (1200, 360)
SCHEMES = ("light", "dark")
NOW = "2026-03-03T10:44:01+00:00"


@pytest.fixture(scope="module")
def reports(tmp_path_factory) -> Path:
    """A folder with a failed deploy, a good one and another storefront's."""
    top = tmp_path_factory.mktemp("reports")
    good = failed_deploy(began="2026-03-04T10:42:00Z", logs=[], failure="")
    good["report"] = {**good["report"], "outcome": "released", "message": "RELEASED v1.1.0.", "live": {"api": "v1.1.0"}}
    other = failed_deploy()
    other["report"] = {**other["report"], "storefront": "books", "outcome": "incomplete"}
    for facts in (failed_deploy(), good, other):
        run_report.write(top, facts, NOW)
    return top


@pytest.fixture(scope="module")
def chrome() -> Iterator[Any]:
    program = browser()
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(program), args=chromium.arguments())
        yield started
        started.close()


def opened(chrome: Any, path: Path, width: int = 1200, scheme: str = "light") -> Any:
    context = chrome.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    page.alerts = []
    page.on("dialog", lambda dialog: (page.alerts.append(dialog.message), dialog.dismiss()))
    page.goto(path.as_uri())
    return page


def pages(reports: Path) -> list[Path]:
    return sorted(reports.rglob("*.html"))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_is_accessible_and_fits(chrome, reports, width, scheme):
    from axe_playwright_python.sync_playwright import Axe

    assert len(pages(reports)) == 6
    for path in pages(reports):
        page = opened(chrome, path, width, scheme)
        found = Axe().run(page).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found] == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        page.context.close()


def test_the_verdict_and_what_is_live_are_seen_at_once(chrome, reports):
    page = opened(chrome, reports / "shop" / "20260303T104200Z-deploy-v1.1.0.html")
    verdict = page.locator(".verdict")
    assert verdict.is_visible()
    assert "Rolled back" in verdict.inner_text()
    live = page.locator("section[aria-labelledby=live]")
    assert live.bounding_box()["y"] < 900
    assert "v1.0.0 (unchanged)" in live.inner_text()
    assert page.get_by_role("row", name="release the backend").inner_text().split("\t")[4] == "failed"
    assert EVIL in page.locator("pre").inner_text()
    assert page.alerts == []


def test_at_the_width_of_a_phone_each_value_has_its_name(chrome, reports):
    page = opened(chrome, reports / "shop" / "20260303T104200Z-deploy-v1.1.0.html", width=360)
    named = page.evaluate("getComputedStyle(document.querySelector('td[data-label=\"result\"]'), '::before').content")
    assert "result" in named
    assert page.get_by_text("61.0 s").first.is_visible()


def test_the_keyboard_reaches_the_content_and_the_log(chrome, reports):
    page = opened(chrome, reports / "shop" / "20260303T104200Z-deploy-v1.1.0.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.locator("a.skip").bounding_box()["x"] >= 0
    reached = set()
    for _press in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.tagName"))
    assert "PRE" in reached


def test_on_paper_the_whole_log_is_printed_and_no_menu(chrome, reports):
    page = opened(chrome, reports / "shop" / "20260303T104200Z-deploy-v1.1.0.html")
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    assert page.evaluate("getComputedStyle(document.querySelector('pre')).maxHeight") == "none"
    assert len(page.pdf()) > 10_000


def test_an_index_leads_to_each_run_and_the_fleet_to_each_storefront(chrome, reports):
    page = opened(chrome, reports / "index.html")
    assert page.get_by_role("row").count() == 2 + 1 + 3 + 1
    page.get_by_role("link", name="books", exact=True).click()
    assert "Runs of books" in page.title()
    page.get_by_role("link", name="deploy v1.1.0").click()
    assert "Rollback incomplete" in page.locator(".verdict").inner_text()
    page.get_by_role("link", name="All runs of books").click()
    assert "Runs of books" in page.title()


def test_a_page_asks_for_nothing_from_elsewhere(chrome, reports):
    context = chrome.new_context()
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for path in pages(reports):
        page.goto(path.as_uri())
    assert {url.partition(":")[0] for url in asked} == {"file"}
    assert len(asked) == len(pages(reports))
