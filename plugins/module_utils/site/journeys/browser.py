# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the actions of a browser's step in the Chromium of the machine, and save a screenshot of a failure.

The library is playwright: it drives a Chromium that is there already, and waits for each element.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...core.errors import ConfigError
from .. import chromium
from .journey import Action, Request, Step
from .names import fill
from .sender import Sender, StepFailed
from .words import origin

NEED = "a browser"


def browse(
    step: Step, sender: Sender, values: Mapping[str, Any], *, program: str | None = None, folder: str | None = None
) -> int:
    """Run the actions of a step and return their milliseconds. Raises StepFailed, with a screenshot in ``folder``."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        raise StepFailed(NEED, "none: install the Python package playwright") from None
    try:
        browser_program = chromium.find(program)
    except ConfigError as missing:
        raise StepFailed(NEED, str(missing).rstrip(".")) from None
    began = time.monotonic()
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(
                executable_path=browser_program, args=chromium.arguments(), chromium_sandbox=os.geteuid() != 0
            )
        except Error as error:
            raise StepFailed(NEED, f"{browser_program} did not start: {_line(error)}") from None
        with browser:
            page = browser.new_page(service_workers="block")  # their requests would bypass the route
            with suppress(Error):  # an older Chromium has no such permission, and asks for none
                # A page that a route answers has no address, so Chromium keeps it from an API in a private network.
                page.context.grant_permissions(["local-network-access"])
            page.set_default_timeout(sender.timeout * 1000)
            page.route("**/*", lambda route: _send(route, sender))
            for action in step.actions:
                try:
                    _act(page, action, step.request.site, sender, values)
                except (Error, StepFailed) as error:
                    got = error.got if isinstance(error, StepFailed) else _seen(page, error)
                    seen = _screenshot(page, folder, step.name)
                    raise StepFailed(_wanted(action, values), got, screenshot=seen) from None
    return round((time.monotonic() - began) * 1000)


def _send(route: Any, sender: Sender) -> None:
    """Let a request go to the site that serves it, with the secret headers where that is one of the sites.

    A staged build is shown at the public URL: its pages have another host than the browser asks.
    """
    from playwright.sync_api import Error

    url, headers = sender.world.served(route.request.url), route.request.headers
    if origin(url) in {origin(site) for site in sender.world.sites.values()}:
        headers = {**headers, **{name.lower(): value for name, value in sender.headers.items()}}
    if url == route.request.url:
        route.continue_(headers=headers if sender.headers else None)
        return
    try:
        answer = route.fetch(url=url, headers=headers, max_redirects=0, timeout=sender.timeout * 1000)
        route.fulfill(response=answer)
    except Error:
        with suppress(Error):  # the page may be closed by now
            route.abort()


def _act(page: Any, action: Action, site: str, sender: Sender, values: Mapping[str, Any]) -> None:
    target, value = fill(action.target, values), fill(action.value, values)
    if action.kind == "open":
        address = sender.address(Request(action.target, site), values)
        answer = page.goto(sender.world.shown(address), wait_until="load")
        if answer is not None and answer.status >= 400:
            raise StepFailed("a page", f"status {answer.status}")
    elif action.kind == "fill":
        page.fill(target, str(value))
    elif action.kind == "click":
        page.click(target)
    else:
        place = page.locator(value) if value else page.locator("body")
        place.filter(has_text=target).first.wait_for(state="visible")


def _wanted(action: Action, values: Mapping[str, Any]) -> str:
    target, value = fill(action.target, values), fill(action.value, values)
    place = f" in {value}" if value else ""
    return {
        "open": f"a page at {target}",
        "fill": f"a field {target} to fill",
        "click": f"an element {target} to click",
        "expect": f"the text {target!r} on the page{place}",
    }[action.kind]


def _seen(page: Any, error: Exception) -> str:
    """Return what the page shows, or why it shows nothing."""
    try:
        text = " ".join(page.inner_text("body", timeout=1000).split())
    except Exception:  # whatever the library raises: the error above is the one to report
        text = ""
    return f"a page that shows {text[:300]!r}" if text else _line(error)


def _line(error: Exception) -> str:
    return re.sub(r"^[\w.]+: ", "", str(error).splitlines()[0])[:300]


def _screenshot(page: Any, folder: str | None, name: str) -> str | None:
    """Save what the page shows, with its fields covered: they may hold a password or a card."""
    if not folder:
        return None
    path = Path(folder) / f"{re.sub(r'[^A-Za-z0-9]+', '-', name).strip('-') or 'step'}.png"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=path, mask=[page.locator("input, textarea")], full_page=True)
    except Exception:  # the failure of the step is the one to report
        return None
    return str(path)
