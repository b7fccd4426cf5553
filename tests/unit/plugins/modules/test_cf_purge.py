# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cf_purge in process: what is refused, predicted and sent."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.data.lease import take
from ansible_collections.storefront.runbook.plugins.module_utils.data.store import open_store, unguarded
from ansible_collections.storefront.runbook.plugins.modules import cf_purge

from tests.unit.support import Answer, FakeVendor, Request, never_left, reply, run_module

ZONE = "023e105f4ecef8ad9ca31a8372d0c353"
BASE = {"api_token": "cf-token", "zone": "shop.example"}


def answer(request: Request) -> Answer:
    if request.path == "/client/v4/zones":
        return reply(200, {"success": True, "errors": [], "messages": [], "result": [{"id": ZONE, "name": "shop.example", "status": "active"}]})
    return reply(200, {"success": True, "errors": [], "messages": [], "result": {"id": ZONE}})


@pytest.fixture
def vendor() -> FakeVendor:
    return FakeVendor(answer)


def purge(vendor: FakeVendor, *, check: bool = False, **params: Any) -> dict[str, Any]:
    with vendor.installed():
        return run_module(cf_purge, {**BASE, **params}, check=check)


def bodies(vendor: FakeVendor) -> list[Any]:
    return [request.json() for request in vendor.requests if request.method == "POST"]


def test_everything(vendor: FakeVendor) -> None:
    result = purge(vendor, everything=True)
    assert (result["failed"], result["changed"]) == (False, True)
    assert result["purged"] == {"kind": "everything", "count": None, "requests": 1}
    assert result["zone"] == {"id": ZONE, "name": "shop.example"}
    assert result["diff"]["after"] == {"zone": "shop.example", "purged": "everything"}
    assert bodies(vendor) == [{"purge_everything": True}]


def test_check_mode_predicts_and_purges_nothing(vendor: FakeVendor) -> None:
    predicted = purge(vendor, hosts=["www.shop.example"], check=True)
    assert bodies(vendor) == []
    done = purge(vendor, hosts=["www.shop.example"])
    assert {key: done[key] for key in ("changed", "purged", "zone", "diff")} == {key: predicted[key] for key in ("changed", "purged", "zone", "diff")}


def test_a_purge_is_a_change_each_time(vendor: FakeVendor) -> None:
    assert purge(vendor, tags=["products"])["changed"]
    assert purge(vendor, tags=["products"])["changed"]
    assert bodies(vendor) == [{"tags": ["products"]}] * 2


@pytest.mark.parametrize(
    ("kind", "pattern"), [("files", "https://www.shop.example/{}"), ("tags", "t{}"), ("hosts", "{}.shop.example"), ("prefixes", "shop.example/{}")]
)
def test_more_than_a_batch_takes_more_requests(vendor: FakeVendor, kind: str, pattern: str) -> None:
    items = [pattern.format(number) for number in range(201)]
    listed: dict[str, Any] = {kind: [*items, items[0]]}
    result = purge(vendor, **listed)
    assert result["purged"] == {"kind": kind, "count": 201, "requests": 3}
    assert bodies(vendor) == [{kind: items[:100]}, {kind: items[100:200]}, {kind: items[200:]}]


def test_the_batch_size_is_an_option(vendor: FakeVendor) -> None:
    assert purge(vendor, tags=["a", "b", "c"], batch_size=2)["purged"]["requests"] == 2


def test_urls_with_and_without_headers_are_sent_in_one_form(vendor: FakeVendor) -> None:
    german = {"url": "https://www.shop.example/terms", "headers": {"Accept-Language": "de"}}
    purge(vendor, files=["https://www.shop.example/", german])
    assert bodies(vendor) == [{"files": [{"url": "https://www.shop.example/", "headers": {}}, german]}]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({}, "not none"),
        ({"files": []}, "not none"),
        ({"everything": True, "tags": ["a"]}, "not everything and tags"),
        ({"tags": ["a"], "batch_size": 0}, "batch_size is 0. Give at least 1"),
        ({"files": ["/terms"]}, "'/terms' in files is not what Cloudflare takes. Give a URL that begins with https://"),
        ({"files": [{"url": "https://www.shop.example/", "method": "GET"}]}, "in files is not what Cloudflare takes"),
        ({"files": [{"headers": {}}]}, "in files is not what Cloudflare takes"),
        ({"files": [7]}, "7 in files is not what Cloudflare takes"),
        ({"tags": ["two words"]}, "a tag without blanks"),
        ({"hosts": ["https://www.shop.example"]}, "a host name without scheme and path"),
        ({"hosts": ["www.shop.example/"]}, "a host name without scheme and path"),
        ({"prefixes": ["https://www.shop.example/products"]}, "host and path without scheme, query and fragment"),
        ({"prefixes": ["www.shop.example/products?page=2"]}, "host and path without scheme, query and fragment"),
        ({"prefixes": ["www.shop.example/products#top"]}, "host and path without scheme, query and fragment"),
    ],
)
def test_what_cloudflare_would_refuse_is_refused_before_anything_is_sent(vendor: FakeVendor, params: dict[str, Any], said: str) -> None:
    result = purge(vendor, check=True, **params)
    assert result["failed"]
    assert result["error"]["kind"] == "config"
    assert said in result["msg"]
    assert vendor.requests == []


def test_an_error_keeps_code_and_message_and_not_the_token(vendor: FakeVendor) -> None:
    refusal = {"success": False, "errors": [{"code": 10000, "message": "Authentication error"}], "messages": [], "result": None}
    result = purge(FakeVendor([reply(403, refusal)]), everything=True)
    assert (result["error"]["code"], result["error"]["status"]) == ("10000", 403)
    assert "Authentication error" in result["msg"]
    assert "cf-token" not in repr(result)


def test_under_a_lease_it_purges_only_while_this_run_holds_it(vendor: FakeVendor, tmp_path: Path) -> None:
    store: dict[str, Any] = {"store": f"file://{tmp_path}", "store_is_shared": True}
    held, _loser = take(open_store(store, unguarded), holder="alice")
    assert not purge(vendor, everything=True, lease=held.token, **store)["failed"]
    take(open_store(store, unguarded), holder="bob", reason="alice is away")
    result = purge(vendor, everything=True, lease=held.token, **store)
    assert result["error"]["kind"] == "lease_lost"
    assert len(bodies(vendor)) == 1


@pytest.fixture
def changed(tmp_path: Path) -> dict[str, Any]:
    """v1, and v2 with another picture, another product page and another test."""
    for release in ("v1", "v2"):
        for name in ("public/logo.svg", "app/products/page.tsx", "tests/a.ts"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(release)
        for argv in (["init", "-q"], ["add", "-A"], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", release], ["tag", release]):
            subprocess.run(["git", *argv], cwd=tmp_path, check=True, capture_output=True)
    routes = [
        {"source": "public/**", "urls": ["/{rest}"]},
        {"source": "app/products/**", "prefixes": ["/products"]},
        {"source": "tests/**"},
    ]
    return {"path": str(tmp_path), "from": "v1", "to": "v2", "base_urls": ["https://www.shop.example/", "https://shop.example"], "routes": routes}


def test_what_a_release_has_changed_is_purged_and_nothing_else(vendor: FakeVendor, changed: dict[str, Any]) -> None:
    predicted = purge(vendor, changed=changed, check=True)
    assert bodies(vendor) == []
    result = purge(vendor, changed=changed)
    files, prefixes = ["https://www.shop.example/logo.svg", "https://shop.example/logo.svg"], ["www.shop.example/products", "shop.example/products"]
    assert bodies(vendor) == [{"files": files}, {"prefixes": prefixes}]
    assert result["purged"] == predicted["purged"] == {"kind": "changed", "count": 4, "requests": 2}
    assert result["changes"] == {"files": 3, "unmatched": [], "urls": files, "prefixes": prefixes}


def test_nothing_is_purged_where_nobody_sees_a_change(vendor: FakeVendor, changed: dict[str, Any]) -> None:
    result = purge(vendor, changed={**changed, "from": "v2"})
    assert (result["changed"], result["purged"]) == (False, {"kind": "nothing", "count": 0, "requests": 0})
    assert bodies(vendor) == []


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"routes": [{"source": "public/**", "urls": ["/{rest}"]}]}, "no route tells what app/products/page.tsx, tests/a.ts reaches"),
        ({"from": None}, "there is no release to compare with"),
        ({"from": "v9"}, "The release 'v9' is unknown"),
    ],
    ids=["a file without a route", "no release before", "an unknown release"],
)
def test_where_it_is_not_known_what_to_purge_everything_is(vendor: FakeVendor, changed: dict[str, Any], more: dict[str, Any], said: str) -> None:
    result = purge(vendor, changed={**changed, **more})
    assert bodies(vendor) == [{"purge_everything": True}]
    assert (result["purged"]["kind"], result["changes"]["urls"]) == ("everything", [])
    refused = purge(vendor, changed={**changed, **more, "otherwise": "fail"})
    assert (refused["failed"], said in refused["msg"]) == (True, True)
    assert len(bodies(vendor)) == 1


def test_a_folder_that_is_no_repository_is_refused(vendor: FakeVendor, changed: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    result = purge(vendor, changed={**changed, "path": str(tmp_path_factory.mktemp("none"))})
    assert "is not a git repository" in result["msg"]
    assert vendor.requests == []


def test_it_asks_no_longer_than_the_retry_timeout() -> None:
    vendor = FakeVendor([never_left()])
    result = purge(vendor, everything=True, retry_timeout=0)
    assert (result["failed"], result["error"]["kind"], len(vendor.requests)) == (True, "unreachable", 1)
