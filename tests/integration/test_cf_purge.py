# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cf_purge against the sandbox's edge: a page that is not purged really is old."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from sandbox.storefront import Sandbox
from tests.integration.small_site import Site


@pytest.fixture(scope="module")
def site(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site that serves v1.1.0."""
    site = Site(sandbox, "test-purge", tmp_path_factory.mktemp("site"))
    site.release("v1.1.0")
    yield site
    site.close()


@pytest.fixture
def cached(site: Site) -> Site:
    """The site with its two pages in the cache."""
    assert not site.purge(everything=True)["failed"]
    for path in ("/", "/products"):
        site.page(path)
        assert site.page(path) == ("v1.1.0", "HIT")
    return site


def test_a_new_release_is_seen_only_after_the_purge(cached: Site) -> None:
    cached.release("v1.2.0")
    assert cached.page() == ("v1.1.0", "HIT")

    predicted = cached.purge(everything=True, check=True)
    assert predicted["changed"]
    assert cached.page() == ("v1.1.0", "HIT")

    done = cached.purge(everything=True)
    assert {key: done[key] for key in ("changed", "purged", "zone")} == {
        key: predicted[key] for key in ("changed", "purged", "zone")
    }
    assert done["zone"] == {"id": cached.state["cloudflare"]["zone"], "name": "test-purge.example"}
    assert cached.page() == ("v1.2.0", "MISS")

    assert cached.purge(everything=True)["changed"]  # what a cache holds cannot be asked for
    cached.release("v1.1.0")


def host_of(site: Site) -> str:
    return urlsplit(site.url).netloc


@pytest.mark.parametrize(
    ("what", "home", "products"),
    [
        (lambda site: {"files": [f"{site.url}/products"]}, "HIT", "MISS"),
        (
            lambda site: {
                "files": [f"{site.url}/products", {"url": f"{site.url}/", "headers": {"Accept-Language": "de"}}]
            },
            "MISS",
            "MISS",
        ),
        (lambda site: {"prefixes": [f"{host_of(site)}/prod"]}, "HIT", "MISS"),
        (lambda site: {"tags": ["nothing-has-this-tag"]}, "HIT", "HIT"),
    ],
    ids=["files", "files with headers", "prefixes", "tags"],
)
def test_only_what_is_named_is_purged(cached: Site, what: Any, home: str, products: str) -> None:
    result = cached.purge(**what(cached))
    assert not result["failed"], result
    assert (cached.page("/")[1], cached.page("/products")[1]) == (home, products)


def test_what_a_release_has_changed_is_purged(cached: Site, tmp_path: Path) -> None:
    for release in ("v1", "v2"):
        (tmp_path / "products.html").write_text(release)
        for argv in (
            ["init", "-q"],
            ["add", "-A"],
            ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", release],
            ["tag", release],
        ):
            subprocess.run(["git", *argv], cwd=tmp_path, check=True, capture_output=True)
    routes = [{"source": "products.html", "urls": ["/products"]}]
    changed = {"path": str(tmp_path), "from": "v1", "to": "v2", "base_urls": [cached.url], "routes": routes}
    result = cached.purge(changed=changed)
    assert result["purged"] == {"kind": "changed", "count": 1, "requests": 1}
    assert (cached.page("/")[1], cached.page("/products")[1]) == ("HIT", "MISS")
    assert not cached.purge(changed={**changed, "from": "v2"})["changed"]
    assert cached.page("/products")[1] == "HIT"


def test_the_zone_may_be_given_by_its_id(cached: Site) -> None:
    result = cached.purge(zone=cached.state["cloudflare"]["zone"], everything=True)
    assert result["zone"]["name"] == "test-purge.example"


def test_more_than_a_batch_is_sent_in_batches_that_cloudflare_takes(cached: Site) -> None:
    cached.sandbox.cloud("DELETE", "/requests")
    result = cached.purge(files=[f"{cached.url}/{number}" for number in range(150)])
    assert result["purged"] == {"kind": "files", "count": 150, "requests": 2}
    purges = [request for request in cached.sandbox.cloud("GET", "/requests") if request["operation"] == "purge"]
    assert len(purges) == 2


@pytest.mark.parametrize("kind", ["rate_limited", "unavailable", "reset", "lost_answer"])
def test_a_passing_fault_is_got_over(cached: Site, kind: str) -> None:
    cached.fault("cloudflare", "purge", kind, retry_after=0.1)
    assert not cached.purge(everything=True)["failed"]
    assert cached.page() == ("v1.1.0", "MISS")
    assert {fault["times"] for fault in cached.sandbox.cloud("GET", "/faults")} == {0}


@pytest.mark.parametrize(
    ("params", "said"),
    [
        (
            {"zone": "no-such-shop.example"},
            "Cloudflare has no zone 'no-such-shop.example' that this token may read. Correct zone",
        ),
        ({"zone": "0" * 32}, "with 404 1001: Invalid zone identifier"),
        ({"api_token": "wrong-token"}, "with 403 10000: Authentication error. Check the token"),
        ({"everything": False}, "Set exactly one of everything, files, tags, hosts, prefixes and changed"),
    ],
)
def test_bad_input_is_refused_in_check_mode_already(cached: Site, params: dict[str, Any], said: str) -> None:
    result = cached.purge(**{"everything": True, **params}, check=True)
    assert result["failed"]
    assert said in result["msg"]


def test_a_url_of_another_zone_is_refused_in_cloudflares_words(cached: Site) -> None:
    result = cached.purge(files=["https://elsewhere.example/"])
    assert (result["error"]["status"], result["error"]["code"]) == (400, "1016")
    assert "its host is not in this zone" in result["msg"]
