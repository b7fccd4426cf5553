# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cf_purge in process: what is refused, predicted and sent."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release.lease import take
from ansible_collections.storefront.runbook.plugins.module_utils.store.base import unguarded
from ansible_collections.storefront.runbook.plugins.module_utils.store.open import open_store
from ansible_collections.storefront.runbook.plugins.modules import cf_purge

from tests.unit.support import Answer, FakeVendor, Request, never_left, reply, run_module

ZONE = "023e105f4ecef8ad9ca31a8372d0c353"
BASE = {"api_token": "cf-token", "zone": "shop.example"}


def answer(request: Request) -> Answer:
    if request.path == "/client/v4/zones":
        return reply(
            200,
            {
                "success": True,
                "errors": [],
                "messages": [],
                "result": [{"id": ZONE, "name": "shop.example", "status": "active"}],
            },
        )
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
    assert {key: done[key] for key in ("changed", "purged", "zone", "diff")} == {
        key: predicted[key] for key in ("changed", "purged", "zone", "diff")
    }


def test_a_purge_is_a_change_each_time(vendor: FakeVendor) -> None:
    assert purge(vendor, tags=["products"])["changed"]
    assert purge(vendor, tags=["products"])["changed"]
    assert bodies(vendor) == [{"tags": ["products"]}] * 2


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [
        ("files", "https://www.shop.example/{}"),
        ("tags", "t{}"),
        ("hosts", "{}.shop.example"),
        ("prefixes", "shop.example/{}"),
    ],
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
        ({}, "Set now: none"),
        ({"files": []}, "Set now: none"),
        ({"everything": True, "tags": ["a"]}, "Set now: everything and tags"),
        ({"tags": ["a"], "batch_size": 0}, "batch_size is 0. Set it to at least 1"),
        (
            {"files": ["/terms"]},
            "'/terms' in files is not a form that Cloudflare accepts. Give a URL that begins with https://",
        ),
        (
            {"files": [{"url": "https://www.shop.example/", "method": "GET"}]},
            "in files is not a form that Cloudflare accepts",
        ),
        ({"files": [{"headers": {}}]}, "in files is not a form that Cloudflare accepts"),
        ({"files": [7]}, "7 in files is not a form that Cloudflare accepts"),
        ({"tags": ["two words"]}, "characters without blanks"),
        ({"hosts": ["https://www.shop.example"]}, "a host name without scheme and path"),
        ({"hosts": ["www.shop.example/"]}, "a host name without scheme and path"),
        ({"prefixes": ["https://www.shop.example/products"]}, "host and path without scheme, query and fragment"),
        ({"prefixes": ["www.shop.example/products?page=2"]}, "host and path without scheme, query and fragment"),
        ({"prefixes": ["www.shop.example/products#top"]}, "host and path without scheme, query and fragment"),
        ({"tags": ["a,b"]}, "a comma separates two tags"),
        ({"tags": ["a", ""]}, "characters without blanks"),
        ({"tags": [" a"]}, "characters without blanks"),
        ({"tags": ["größe"]}, "ASCII characters without blanks"),
        ({"tags": ["t" * 1025]}, "at most 1,024"),
        ({"files": ["https://www.shop.example/#top"]}, "without a fragment"),
        ({"files": ["https://www.shop.example/?a=1#top"]}, "without a fragment"),
        ({"files": ["https://www.shop.example/a b"]}, "'https://www.shop.example/a b' in files is not"),
        ({"files": [""]}, "'' in files is not"),
        ({"files": ["https://u:hunter2@www.shop.example/"]}, "in files is not a form that Cloudflare accepts"),
        ({"files": [{"url": "https://www.shop.example/", "headers": {"X": 7}}]}, "Give names and texts"),
        ({"files": [{"url": "https://www.shop.example/", "headers": {"X": "a\r\nb"}}]}, "Give names and texts"),
        ({"files": [{"url": "https://www.shop.example/", "headers": {"X": "a" * 17_000}}]}, "at most 16 KB"),
        ({"hosts": ["www..größe.example"]}, "an invalid host name"),
        ({"hosts": [" "]}, "a host name without scheme and path"),
    ],
)
def test_what_cloudflare_would_refuse_is_refused_before_anything_is_sent(
    vendor: FakeVendor, params: dict[str, Any], said: str
) -> None:
    result = purge(vendor, check=True, **params)
    assert result["failed"]
    assert result["error"]["kind"] == "config"
    assert said in result["msg"]
    assert vendor.requests == []


def test_an_error_contains_code_and_message_but_not_the_token(vendor: FakeVendor) -> None:
    refusal = {
        "success": False,
        "errors": [{"code": 10000, "message": "Authentication error"}],
        "messages": [],
        "result": None,
    }
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
        for argv in (
            ["init", "-q"],
            ["add", "-A"],
            ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", release],
            ["tag", release],
        ):
            subprocess.run(["git", *argv], cwd=tmp_path, check=True, capture_output=True)
    routes = [
        {"source": "public/**", "urls": ["/{rest}"]},
        {"source": "app/products/**", "prefixes": ["/products"]},
        {"source": "tests/**"},
    ]
    return {
        "path": str(tmp_path),
        "from": "v1",
        "to": "v2",
        "base_urls": ["https://www.shop.example/", "https://shop.example"],
        "routes": routes,
    }


def test_only_the_pages_that_a_release_changed_are_purged(vendor: FakeVendor, changed: dict[str, Any]) -> None:
    predicted = purge(vendor, changed=changed, check=True)
    assert bodies(vendor) == []
    result = purge(vendor, changed=changed)
    files, prefixes = (
        ["https://www.shop.example/logo.svg", "https://shop.example/logo.svg"],
        ["www.shop.example/products", "shop.example/products"],
    )
    assert bodies(vendor) == [{"files": files}, {"prefixes": prefixes}]
    assert result["purged"] == predicted["purged"] == {"kind": "changed", "count": 4, "requests": 2}
    assert result["changes"] == {"files": 3, "unmatched": [], "urls": files, "prefixes": prefixes}


def test_nothing_is_purged_when_visitors_see_no_change(vendor: FakeVendor, changed: dict[str, Any]) -> None:
    result = purge(vendor, changed={**changed, "from": "v2"})
    assert (result["changed"], result["purged"]) == (False, {"kind": "nothing", "count": 0, "requests": 0})
    assert bodies(vendor) == []


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            {"routes": [{"source": "public/**", "urls": ["/{rest}"]}]},
            "no route matches app/products/page.tsx, tests/a.ts",
        ),
        ({"from": None}, "changed.from names no release to compare with"),
        ({"from": "v9"}, "The release 'v9' is unknown"),
    ],
    ids=["a file without a route", "no release before", "an unknown release"],
)
def test_everything_is_purged_when_the_changes_are_unknown(
    vendor: FakeVendor, changed: dict[str, Any], more: dict[str, Any], said: str
) -> None:
    result = purge(vendor, changed={**changed, **more})
    assert bodies(vendor) == [{"purge_everything": True}]
    assert (result["purged"]["kind"], result["changes"]["urls"]) == ("everything", [])
    refused = purge(vendor, changed={**changed, **more, "otherwise": "fail"})
    assert (refused["failed"], said in refused["msg"]) == (True, True)
    assert len(bodies(vendor)) == 1


def test_a_folder_that_is_no_repository_is_refused(
    vendor: FakeVendor, changed: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    result = purge(vendor, changed={**changed, "path": str(tmp_path_factory.mktemp("none"))})
    assert "is not a git repository" in result["msg"]
    assert vendor.requests == []


def test_it_retries_no_longer_than_the_retry_timeout() -> None:
    vendor = FakeVendor([never_left()])
    result = purge(vendor, everything=True, retry_timeout=0)
    assert (result["failed"], result["error"]["kind"], len(vendor.requests)) == (True, "unreachable", 1)


@pytest.mark.parametrize(
    ("params", "sent"),
    [
        (
            {"files": ["https://bücher.example/größe/ä?q=ß&b=%20"]},
            ["https://xn--bcher-kva.example/gr%C3%B6%C3%9Fe/%C3%A4?q=%C3%9F&b=%20"],
        ),
        (
            {"files": ["https://www.shop.example/größe", "https://www.shop.example/gr%C3%B6%C3%9Fe"]},
            ["https://www.shop.example/gr%C3%B6%C3%9Fe"],
        ),
        ({"files": ["https://straße.example:8443"]}, ["https://xn--strae-oqa.example:8443"]),
        ({"hosts": ["Bücher.example", "xn--bcher-kva.example"]}, ["xn--bcher-kva.example"]),
        ({"prefixes": ["bücher.example/größe"]}, ["xn--bcher-kva.example/gr%C3%B6%C3%9Fe"]),
        ({"tags": ["a", "b", "a"]}, ["a", "b"]),
    ],
)
def test_letters_outside_ascii_are_sent_as_browsers_send_them(
    vendor: FakeVendor, params: dict[str, Any], sent: list[str]
) -> None:
    assert not purge(vendor, **params)["failed"]
    assert bodies(vendor) == [{next(iter(params)): sent}]


def limited(most: int, words: str, status: int = 400) -> FakeVendor:
    """A zone that takes ``most`` items in a request, and says so in ``words``."""

    def small(request: Request) -> Answer:
        if request.method != "POST" or len(next(iter(request.json().values()))) <= most:
            return answer(request)
        return reply(
            status, {"success": False, "errors": [{"code": 1094, "message": words}], "messages": [], "result": None}
        )

    return FakeVendor(small)


@pytest.mark.parametrize(
    ("most", "words", "status"),
    [
        (30, "You may only purge 30 files per request", 400),
        (30, "Max 30 files can be purged in a single request", 400),
        (30, "Request contains 70 files, the maximum is 30", 200),
        (30, "Too many files in the request", 400),
        (1, "The limit of files is exceeded", 413),
    ],
)
def test_batches_become_smaller_when_the_zone_accepts_fewer_items(most: int, words: str, status: int) -> None:
    vendor = limited(most, words, status)
    files = [f"https://www.shop.example/{number}" for number in range(70)]
    result = purge(vendor, files=files)
    assert not result["failed"]
    taken = [body["files"] for body in bodies(vendor) if len(body["files"]) <= most]
    assert [file for batch in taken for file in batch] == files
    assert result["purged"] == {"kind": "files", "count": 70, "requests": len(taken)}


def test_other_refusals_do_not_make_batches_smaller() -> None:
    refusal = {
        "success": False,
        "errors": [{"code": 1016, "message": "Invalid URL: its host is not in this zone"}],
        "messages": [],
        "result": None,
    }
    vendor = FakeVendor(lambda request: answer(request) if request.method == "GET" else reply(400, refusal))
    result = purge(vendor, files=["https://www.other.example/", "https://www.shop.example/"])
    assert len(bodies(vendor)) == 1
    assert (result["failed"], result["changed"]) == (True, False)
    assert "Purged before: nothing. Not purged: 2 files." in result["msg"]


def test_a_failure_halfway_reports_what_was_purged_and_what_was_not() -> None:
    def fails(request: Request) -> Answer:
        if request.method == "POST" and request.json()["tags"] == ["t2"]:
            return reply(
                403,
                {
                    "success": False,
                    "errors": [{"code": 10000, "message": "Authentication error"}],
                    "messages": [],
                    "result": None,
                },
            )
        return answer(request)

    result = purge(FakeVendor(fails), tags=["t0", "t1", "t2", "t3", "t4"], batch_size=1)
    assert (result["failed"], result["changed"]) == (True, True)
    assert result["purged"] == {"count": 2, "requests": 2, "items": {"tags": ["t0", "t1"]}}
    assert result["not_purged"] == {"count": 3, "items": {"tags": ["t2", "t3", "t4"]}}
    assert "Purged before: 2 tags. Not purged: 3 tags." in result["msg"]
    assert result["error"]["code"] == "10000"
