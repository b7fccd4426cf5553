# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check a page as a visitor's browser meets it: what it links and shows, the security headers, robots.txt and the
sitemap.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

with suppress(ImportError):  # journeys/queries.py reports the missing library
    import bs4

from ..core.amounts import number
from ..core.wait import nothing
from .journeys.journey import Options, Request
from .journeys.queries import Answer
from .journeys.sender import Sender, StepFailed
from .journeys.words import origin

MAX_PARALLEL = 8
LOCATION = re.compile(r"<loc>\s*([^<\s]+)\s*</loc>", re.IGNORECASE)


@dataclass
class Pages:
    """Checks one site. ``most`` bounds the links and images that are followed, and the entries of a sitemap.

    Only addresses of the same origin are asked: the pages of others are not this shop's to judge.
    """

    sender: Sender
    most: int = 50
    tick: Callable[[], None] = nothing
    problems: list[str] = field(default_factory=list)
    asked: int = 0
    left_out: int = 0

    def page(self, url: str, headers: Mapping[str, str], *, links: bool, images: bool) -> None:
        """Check a page, and what it links and shows."""
        answer = self._ask(url, "the page")
        if answer is None:
            return
        self.problems += [f"{url}: {problem}" for problem in wrong_headers(answer, headers)]
        wanted = list(addresses(answer, links=links, images=images))
        chosen = [(what, there) for what, there in wanted if origin(there) == origin(url)]
        self.left_out += max(0, len(chosen) - self.most)
        with ThreadPoolExecutor(MAX_PARALLEL) as pool:
            list(pool.map(lambda one: self._follow(one[1], one[0], url), chosen[: self.most]))
        self.tick()

    def robots(self, site: str) -> None:
        """Check that robots.txt is there and lets search engines in, and the sitemaps that it names."""
        answer = self._ask(urljoin(site, "/robots.txt"), "robots.txt")
        if answer is None:
            return
        if shuts_all_out(answer.text):
            self.problems.append(f"{answer.url} blocks every search engine (Disallow: / for *)")
        named = re.findall(r"(?im)^\s*sitemap:\s*(\S+)", answer.text)
        for there in named[:3]:
            self.sitemap(urljoin(site, there))

    def sitemap(self, url: str) -> None:
        """Check that a sitemap names pages, and that they answer."""
        answer = self._ask(url, "the sitemap")
        if answer is None:
            return
        found = LOCATION.findall(answer.text)
        if not found:
            self.problems.append(f"{url} lists no page")
        own = [there for there in found if origin(there) == origin(url)]
        self.left_out += max(0, len(own) - self.most)
        with ThreadPoolExecutor(MAX_PARALLEL) as pool:
            list(pool.map(lambda there: self._follow(there, "page", url), own[: self.most]))

    def _follow(self, url: str, what: str, where: str) -> None:
        answer = self._ask(url, what, f" of {where}")
        kind = answer.headers.get("content-type", "") if answer else ""
        if answer and what == "image" and not kind.startswith(("image/", "application/octet-stream")):
            self.problems.append(f"image {url} of {where} is {kind.partition(';')[0] or 'of no type'} and no image")
        if answer and what == "image" and not answer.text:
            self.problems.append(f"image {url} of {where} is empty")

    def _ask(self, url: str, what: str, of: str = "") -> Answer | None:
        self.asked += 1
        try:
            answer = self.sender.send(Request(url), Options(location=True), {})
        except StepFailed as failed:
            self.problems.append(f"{what} {url}{of}: {failed.got}")
            return None
        if answer.status >= 400:
            self.problems.append(f"{what} {url}{of} answered {answer.status}")
            return None
        return answer


def wrong_headers(answer: Answer, wanted: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong with the security headers of a page. Over plain HTTP there is no transport to secure."""
    for name, text in wanted.items():
        if name.lower() == "strict-transport-security" and urlsplit(answer.url).scheme == "http":
            continue
        found = answer.headers.get(name)
        if found is None:
            yield f"the header {name} is missing"
        elif str(text).lower() not in found.lower():
            yield f"the header {name} is {found!r:.100} and does not contain {text!r}"


def addresses(answer: Answer, *, links: bool, images: bool) -> Iterator[tuple[str, str]]:
    """Yield (what, address) for each link and image of a page, once."""
    page = bs4.BeautifulSoup(answer.text, "html.parser")
    base = page.find("base", href=True)
    start = urljoin(answer.url, str(base["href"])) if base else answer.url
    seen: set[str] = set()
    found: list[tuple[str, Any]] = []
    if links:
        found += [("link", element.get("href")) for element in page.select("a[href], link[rel=stylesheet][href]")]
        found += [("script", element.get("src")) for element in page.select("script[src]")]
    if images:
        found += [("image", element.get("src")) for element in page.select("img[src]")]
        found += [("image", element.get("href")) for element in page.select("link[rel~=icon][href]")]
    for what, written in found:
        try:
            there = urldefrag(urljoin(start, str(written).strip())).url
            scheme = urlsplit(there).scheme
        except ValueError:
            there, scheme = "", ""
        if scheme in ("http", "https") and there not in seen:
            seen.add(there)
            yield what, there


def shuts_all_out(robots: str) -> bool:
    """Whether a robots.txt disallows everything to everybody."""
    everybody, naming = False, False
    for line in robots.splitlines():
        word, _colon, value = (part.strip() for part in line.partition("#")[0].partition(":"))
        if word.lower() == "user-agent":
            everybody = value == "*" or (everybody and naming)
            naming = True
        elif word:
            naming = False
            if everybody and word.lower() == "disallow" and value == "/":
                return True
    return False


def summary(pages: Sequence[str], checked: Pages) -> str:
    """Return in words what was checked, a line for each problem."""
    more = (
        f" {number(checked.left_out, 'address', 'addresses')} beyond the limit"
        f" {'was' if checked.left_out == 1 else 'were'} not asked."
        if checked.left_out
        else ""
    )
    if not checked.problems:
        what = f"{len(pages)} pages are" if len(pages) > 1 else "The page is"
        return f"{what} right, with {number(checked.asked, 'address', 'addresses')} asked.{more}"
    count = len(checked.problems)
    asked = number(checked.asked, "address", "addresses")
    first = f"{number(count, 'problem')} in {asked}.{more}"
    return "\n".join([first, *sorted(checked.problems)])
