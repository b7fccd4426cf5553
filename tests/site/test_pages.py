# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The built site in Chromium, at the width of a phone and of a desktop: `make site` builds it and runs this."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests import browsers

HTML = Path(__file__).parents[2] / "docs/build/build/html"
WIDTHS = {"phone": 390, "desktop": 1280}
SHOWN = [
    "index",
    "guides/first-deploy",
    "guides/production",
    "guides/rollback",
    "restore",
    "guides/awx",
    "guides/runner",
    "guides/extending",
    "deploy",
    "events",
    "costs",
    "support",
    "architecture",
    "inventory",
    "playbooks/deploy",
    "collection",
    "vercel_deploy_module",
    "backend_role",
]
# The headings that are wider than their place, so that the window cuts them off.
CUT_OFF = """() => [...document.querySelectorAll("h1, h2, h3, h4")]
  .filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.innerText)"""
ON_ONE_LINE = """() => [...document.querySelectorAll("td")]
  .filter(one => getComputedStyle(one).whiteSpace == "nowrap").length"""
pytestmark = pytest.mark.skipif(not (HTML / "index.html").exists(), reason="make site builds the site")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(browsers.browser()), args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture(params=sorted(WIDTHS))
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": WIDTHS[request.param], "height": 900})
    # nothing is loaded from elsewhere: what a page shows is on the site
    page.route("**/*", lambda route: route.continue_() if route.request.url.startswith("file:") else route.abort())
    yield page
    page.close()


@pytest.mark.parametrize("name", SHOWN)
def test_a_page_can_be_read(page: Page, name: str) -> None:
    page.goto((HTML / f"{name}.html").as_uri(), wait_until="domcontentloaded")
    assert page.locator("h1").first.inner_text().strip()
    assert len(page.locator("[role=main], main").first.inner_text()) > 200
    too_wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert too_wide <= 1, f"{name} is {too_wide} pixels wider than the window"
    assert page.evaluate(CUT_OFF) == []
    assert page.evaluate(ON_ONE_LINE) == 0, "the cells of a table wrap"


def test_every_link_of_the_site_leads_to_a_page_of_it(browser: Browser) -> None:
    page, broken = browser.new_page(java_script_enabled=False), []
    for file in sorted(HTML.rglob("*.html")):
        page.goto(file.as_uri(), wait_until="domcontentloaded")
        links = page.eval_on_selector_all("a[href]", "all => all.map(one => one.href)")
        for link in {link for link in links if link.startswith("file:")}:
            target = Path(unquote(urlsplit(link).path))
            if not target.exists():
                broken.append(f"{file.relative_to(HTML)}: {link}")
    page.close()
    assert broken == []
