# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lighthouse in a real browser: a good page, a bad one, one behind a protection, one that leads away, and none."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.modules import lighthouse_audit

from tests import browsers
from tests.unit.support import run_module

SECRET = "bypass-Kq7wTz4n9c"
GOOD = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A shop</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">
<meta name="description" content="Mugs and shirts, sent within a day."><link rel="icon" href="data:,"></head>
<body><main><h1>A shop</h1><p>Welcome. See <a href="/products">the mugs and shirts</a>.</p>MORE</main></body></html>"""
BAD = """<html><body><div style="color:#eee;background:#fff;font-size:6px">Buy now</div><img src="/logo.png">
<a href="javascript:void(0)">click here</a><input><script>document.write("<p>x"); undefined_function()</script>
</body></html>"""
# Chromium asks a name server for hosts of its own; these tests ask nobody.
OFFLINE = ["--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1, EXCLUDE localhost"]
Respond = Callable[[str, Mapping[str, str]], tuple[int, str, dict[str, str]]]


class Site:
    def __init__(self, respond: Respond) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                status, text, headers = respond(self.path, dict(self.headers))
                body = text.encode()
                self.send_response(status)
                shown = {"Content-Type": "text/html; charset=utf-8", "Content-Length": str(len(body)), **headers}
                for name, value in shown.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *words: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def serve() -> Iterator[Callable[[Respond], Site]]:
    sites: list[Site] = []

    def start(respond: Respond) -> Site:
        sites.append(Site(respond))
        return sites[-1]

    yield start
    for site in sites:
        site.close()


@pytest.fixture
def audit(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    programs = {"browser": str(browsers.browser()), "lighthouse": str(browsers.lighthouse())}

    def run(url: str, **params: Any) -> dict[str, Any]:
        more = {"runs": 1, "reports": str(tmp_path / "reports"), "browser_arguments": OFFLINE, **programs}
        return run_module(lighthouse_audit, {"url": url, **more, **params})

    return run


def answer(result: dict[str, Any]) -> tuple[str, str]:
    return result["answers"][0]["outcome"], result["answers"][0]["answered"]


def page(text: str) -> Respond:
    def respond(path: str, headers: Mapping[str, str]) -> tuple[int, str, dict[str, str]]:
        return (200, text, {}) if path in ("/", "/products") else (404, "", {})

    return respond


def test_a_good_page_behind_a_protection_passes_and_its_report_is_kept_without_the_secret(
    serve: Any, audit: Any
) -> None:
    other = serve(page(""))

    def protected(path: str, headers: Mapping[str, str]) -> tuple[int, str, dict[str, str]]:
        if headers.get("x-vercel-protection-bypass") != SECRET:
            return 401, "<title>Log in</title>", {}
        away = f'<img src="{other.url.replace("127.0.0.1", "localhost")}products" alt="" width="1" height="1">'
        return 200, GOOD.replace("MORE", f"<p>{SECRET}</p>{away}"), {}

    site = serve(protected)
    bypass = {"x-vercel-protection-bypass": SECRET, "x-vercel-set-bypass-cookie": "true"}
    result = audit(site.url, headers=bypass, runs=5, thresholds=dict.fromkeys(["performance", "accessibility"], 90))
    assert answer(result)[0] == "passed", result
    facts = result["answers"][0]["facts"]
    assert len(facts["runs"]["performance"]) == 5
    assert min(facts["scores"].values()) > 90
    report = json.loads(Path(facts["report"]).read_text())
    assert report["finalDisplayedUrl"] == site.url
    assert "</html>" in Path(facts["page"]).read_text()
    assert other.asked, "the page loads a picture of another host"
    assert not [headers for _path, headers in other.asked if SECRET in str(headers)]
    for shown in (Path(facts["report"]).read_text(), Path(facts["page"]).read_text(), str(result)):
        assert SECRET not in shown


def test_a_staged_page_that_must_not_be_indexed_has_its_full_score(serve: Any, audit: Any) -> None:
    site = serve(page(GOOD.replace("MORE", "")))
    assert answer(audit(site.url, thresholds={"seo": 90}))[0] == "passed"
    counted = audit(site.url, thresholds={"seo": 90}, skip_audits=[])
    assert answer(counted)[0] == "failed"
    assert "seo is" in answer(counted)[1]


def test_a_bad_page_fails_by_category_and_by_its_budget(serve: Any, audit: Any, tmp_path: Path) -> None:
    budget = tmp_path / "budget.json"
    budget.write_text(json.dumps([{"path": "/*", "resourceCounts": [{"resourceType": "image", "budget": 0}]}]))
    result = audit(serve(page(BAD)).url, thresholds={"accessibility": 90, "performance": 5}, budget=str(budget))
    outcome, answered = answer(result)
    assert (outcome, result["failed"]) == ("failed", True)
    assert "accessibility is" in answered
    assert "performance" not in answered
    assert "image has 1 request, more than 0" in answered
    assert Path(result["answers"][0]["facts"]["page"]).exists()


@pytest.mark.parametrize(("status", "advice"), [(401, "in headers"), (500, "Correct the page")])
def test_a_page_that_answers_with_an_error_could_not_be_asked(serve: Any, audit: Any, status: int, advice: str) -> None:
    result = audit(serve(lambda path, headers: (status, "no", {})).url)
    assert answer(result)[0] == "could_not_be_asked"
    assert f"answers {status}" in answer(result)[1]
    assert advice in result["msg"]


def test_a_page_that_leads_to_another_site_could_not_be_asked(serve: Any, audit: Any) -> None:
    other = serve(page(GOOD))
    site = serve(lambda path, headers: (302, "", {"Location": other.url}))
    assert "led to" in answer(audit(site.url, thresholds={"accessibility": 90}))[1]


def test_a_server_that_is_down_could_not_be_asked(audit: Any) -> None:
    site = Site(page(GOOD))
    site.close()
    result = audit(site.url)
    assert answer(result)[0] == "could_not_be_asked"
    assert "No answer from The site" in answer(result)[1]
