# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one HTTP client: what it tries again, how long, what it says, and what it never gives away."""

from __future__ import annotations

import http.server
import io
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ApiError, ConfigError, Unreachable
from ansible_collections.storefront.runbook.plugins.module_utils.core.http import ApiClient, make_session
from ansible_collections.storefront.runbook.plugins.module_utils.core.shape import EMPTY

from tests.unit.support import (
    Answer,
    Clock,
    FakeVendor,
    Request,
    answer_late,
    answer_lost,
    connect_timeout,
    never_left,
    reply,
)

TOKEN = "tok_4711secret"
READS = ["GET", "HEAD", "PUT", "DELETE"]
WRITES = ["POST", "PATCH"]


def client_of(vendor: FakeVendor, clock: Clock, **options: Any) -> ApiClient:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return ApiClient(
        "Acme",
        "https://api.acme.example",
        headers=headers,
        session=vendor.session(headers),
        sleep=clock.sleep,
        clock=clock,
        **options,
    )


FAULTS: dict[str, Callable[[], Answer]] = {
    "never_left": never_left,
    "connect_timeout": connect_timeout,
    "answer_lost": answer_lost,
    "answer_late": answer_late,
    "429": lambda: reply(429),
    "502": lambda: reply(502),
    "503": lambda: reply(503),
    "504": lambda: reply(504),
    "500": lambda: reply(500),
    "404": lambda: reply(404),
    "302": lambda: reply(302, headers={"Location": "https://elsewhere.example/"}),
}
ALWAYS_RETRIED = {"never_left", "connect_timeout", "429"}
RETRIED_WHEN_HARMLESS = {*ALWAYS_RETRIED, "answer_lost", "answer_late", "502", "503", "504"}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    ("method", "options", "retried"),
    [
        *((method, {}, RETRIED_WHEN_HARMLESS) for method in READS),
        *((method, {}, ALWAYS_RETRIED) for method in WRITES),
        ("POST", {"idempotent": True}, RETRIED_WHEN_HARMLESS),
        ("PUT", {"idempotent": False}, ALWAYS_RETRIED),
    ],
)
def test_a_request_is_tried_again_only_where_it_does_no_harm(
    method: str, options: dict[str, Any], retried: set[str], fault: str, clock: Clock
) -> None:
    vendor = FakeVendor([FAULTS[fault](), reply(200, {"fine": True})])
    client = client_of(vendor, clock)
    if fault in retried:
        assert client.request(method, "/thing", **options).status_code == 200
        assert len(vendor.requests) == 2
    else:
        with pytest.raises((ApiError, Unreachable)):
            client.request(method, "/thing", **options)
        assert len(vendor.requests) == 1


def test_a_post_whose_answer_was_lost_is_sent_once_and_said_to_be_unreachable(clock: Clock) -> None:
    vendor = FakeVendor([answer_lost()])
    with pytest.raises(
        Unreachable, match=r"No answer from Acme at https://api\.acme\.example/orders to POST: the connection failed"
    ) as caught:
        client_of(vendor, clock).request("POST", "/orders?secret=1", json={"buy": 1})
    assert caught.value.details["code"] == "connection"
    assert len(vendor.requests) == 1


def test_pauses_grow_up_to_the_cap_until_the_deadline(clock: Clock) -> None:
    vendor = FakeVendor(lambda request: reply(503, text="busy"))
    with pytest.raises(ApiError, match="with 503: busy"):
        client_of(vendor, clock, deadline=100, jitter=lambda: 1.0).request("GET", "/")
    assert clock.sleeps == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert clock.now - 1000 <= 100


def test_a_vendor_that_gives_no_answer_is_given_up_sooner_than_one_that_asks_for_a_pause(clock: Clock) -> None:
    refused = requests.ConnectionError("refused")
    vendor = FakeVendor([refused] * 9)
    with pytest.raises(Unreachable, match=r"No answer from Acme at https://api\.acme\.example/"):
        client_of(vendor, clock, unreachable=10, jitter=lambda: 1.0).request("GET", "/")
    assert clock.sleeps == [0.5, 1, 2, 4]
    clock.sleeps.clear()
    busy = FakeVendor([reply(429, headers={"Retry-After": "60"}), reply(200)])
    client_of(busy, clock, unreachable=10).request("GET", "/")
    assert clock.sleeps == [60]


def test_a_vendor_that_hangs_gets_one_attempt_of_that_time(clock: Clock) -> None:
    client = client_of(FakeVendor([]), clock, unreachable=10)
    assert (client.timeout, client.deadline) == (10, 180)
    assert client_of(FakeVendor([]), clock, timeout=2, unreachable=400).unreachable == 12


def test_jitter_halves_a_pause_at_most(clock: Clock) -> None:
    client_of(FakeVendor([reply(503), reply(200)]), clock, jitter=lambda: 0.0).request("GET", "/")
    assert clock.sleeps == [0.25]


@pytest.mark.parametrize(
    ("value", "pause"),
    [
        ("7", 7),
        ("2.5", 2.5),
        ("170", 170),
        ("0", 0.5),
        ("-5", 0.5),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.5),
        ("²", 0.5),
        ("soon", 0.5),
    ],
)
def test_retry_after_is_honoured_where_it_fits_and_never_makes_a_busy_loop(
    value: str, pause: float, clock: Clock
) -> None:
    vendor = FakeVendor([reply(429, headers={"Retry-After": value}), reply(200)])
    client_of(vendor, clock, jitter=lambda: 1.0).request("POST", "/")
    assert clock.sleeps == [pause]


def test_a_retry_after_beyond_the_deadline_fails_at_once(clock: Clock) -> None:
    vendor = FakeVendor([reply(429, headers={"Retry-After": "60"})])
    with pytest.raises(ApiError, match=r"Its rate limit clears at .*\(in 1 min\): run it again then") as caught:
        client_of(vendor, clock, deadline=30).request("GET", "/")
    assert clock.sleeps == []
    assert caught.value.details["retryable"] is True


def test_an_error_keeps_the_vendors_words_code_and_request_id_but_not_the_token(clock: Clock) -> None:
    vendor = FakeVendor(
        [
            reply(
                403,
                {"error": {"code": "forbidden", "message": f"{TOKEN} may not"}},
                headers={"x-vercel-id": "fra1::abc"},
            )
        ]
    )

    def parse_error(response: requests.Response) -> tuple[str, str]:
        error = response.json()["error"]
        return error["code"], error["message"]

    with pytest.raises(ApiError) as caught:
        client_of(vendor, clock, parse_error=parse_error).request("GET", "/secret")
    assert (
        str(caught.value)
        == "Acme answered GET /secret with 403 forbidden: ******** may not. Check the token: it lacks the right to do"
        " this, or belongs to another account."
    )
    assert caught.value.status == 403
    assert caught.value.code == "forbidden"
    assert caught.value.details["request_id"] == "fra1::abc"
    assert TOKEN not in repr(caught.value.details)


def test_a_body_that_is_not_json_is_an_error_and_an_empty_one_is_none(clock: Clock) -> None:
    client = client_of(FakeVendor([reply(200, text="<html>proxy</html>"), reply(204)]), clock)
    with pytest.raises(ApiError, match="a body that is not JSON") as caught:
        client.json("GET", "/", shape=object)
    assert caught.value.code == "malformed_body"
    assert client.json("DELETE", "/", shape=EMPTY) is None


def test_a_body_is_opened_again_for_each_try_and_closed(clock: Clock) -> None:
    opened: list[io.BytesIO] = []

    def body() -> io.BytesIO:
        opened.append(io.BytesIO(b"tarball"))
        return opened[-1]

    vendor = FakeVendor([reply(503), reply(200)])
    client_of(vendor, clock).request("PUT", "/upload", data=body)
    assert [request.body for request in vendor.requests] == [b"tarball", b"tarball"]
    assert [stream.closed for stream in opened] == [True, True]


@pytest.mark.parametrize("address", ["api.acme.example", "ftp://api.acme.example", "https://"])
def test_an_address_that_is_none_names_the_option(address: str, clock: Clock) -> None:
    with pytest.raises(ConfigError, match="Correct api_url"):
        ApiClient("Acme", address, headers={}, sleep=clock.sleep, clock=clock).request("GET", "/")


@pytest.mark.parametrize("token", [f"{TOKEN}\n", f"{TOKEN}…"])
def test_a_token_that_cannot_be_sent_is_refused_and_not_shown(token: str, clock: Clock) -> None:
    with pytest.raises(ConfigError, match="Copy it again") as caught:
        ApiClient(
            "Acme", "http://127.0.0.1:9", headers={"Authorization": f"Bearer {token}"}, sleep=clock.sleep, clock=clock
        ).request("GET", "/")
    assert TOKEN not in str(caught.value)


def test_a_certificate_that_is_not_accepted_is_not_tried_again(clock: Clock) -> None:
    vendor = FakeVendor([requests.exceptions.SSLError(ssl.SSLCertVerificationError(1, "certificate verify failed"))])
    with pytest.raises(Unreachable, match="its certificate was not accepted"):
        client_of(vendor, clock).request("GET", "/")
    assert clock.sleeps == []


SECRETS = {"Authorization": "Bearer s3cret", "x-vercel-protection-bypass": "s3cret"}


def asked(location: str) -> list[Request]:
    """Follow a redirect from https://shop.example/ to ``location`` and return what was asked."""
    vendor = FakeVendor(
        [
            reply(302, headers={"Location": location}),
            reply(302, headers={"Location": "https://shop.example/back"}),
            reply(200),
        ]
    )
    vendor.session(SECRETS).get("https://shop.example/", headers=SECRETS)
    return vendor.requests


def test_secret_headers_stay_with_the_host_through_a_redirect() -> None:
    assert all(SECRETS.items() <= dict(request.headers).items() for request in asked("/login"))


@pytest.mark.parametrize(
    "location",
    [
        "https://evil.example/",
        "https://shop.example:8443/",
        "http://shop.example/",
        "https://shop.example.evil.example/",
    ],
)
def test_secret_headers_never_follow_to_another_origin_nor_come_back(location: str) -> None:
    first, *others = asked(location)
    assert "x-vercel-protection-bypass" in first.headers
    assert len(others) == 2
    assert not any(set(SECRETS) & {*request.headers} for request in others)


def test_netrc_is_never_read(tmp_path, monkeypatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine shop.example login operator password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    vendor = FakeVendor(lambda request: reply(200))
    session = vendor.session({})
    session.trust_env = True
    session.get("https://shop.example/")
    session.get("https://shop.example/", headers={"Authorization": "Bearer mine"})
    assert "Authorization" not in vendor.requests[0].headers
    assert vendor.requests[1].headers["Authorization"] == "Bearer mine"


def test_the_environment_is_asked_for_a_proxy_once_for_each_host(monkeypatch) -> None:
    looked: list[str] = []

    def inspect(url: str, no_proxy: str | None = None) -> dict[str, str]:
        looked.append(url)
        return {"https": f"http://proxy-{len(looked)}.test"}

    monkeypatch.setattr(requests.sessions, "get_environ_proxies", inspect)
    session = make_session({})
    used = [
        session.merge_environment_settings(url, {}, None, None, None)["proxies"]
        for url in ("https://a.test/1", "https://a.test/2", "https://b.test/")
    ]
    assert looked == ["https://a.test/1", "https://b.test/"]
    assert [proxies["https"] for proxies in used] == [
        "http://proxy-1.test",
        "http://proxy-1.test",
        "http://proxy-2.test",
    ]


@pytest.fixture
def echo() -> Iterator[str]:
    """A real server on 127.0.0.1 that answers with the Authorization header it got."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.headers.get("Authorization", "").encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_over_a_real_connection_the_token_arrives(echo: str) -> None:
    client = ApiClient("Acme", echo, headers={"Authorization": "Bearer real"}, session=make_session({}))
    assert client.request("GET", "/").text == "Bearer real"
    client.close()


def test_of_a_stream_the_last_lines_are_kept(clock: Clock) -> None:
    vendor = FakeVendor([reply(200, text="one\ntwo\nthree")])
    assert client_of(vendor, clock).lines("/log", limit=2) == ["two", "three"]


def test_a_stream_that_continues_is_left_when_its_time_is_over(clock: Clock) -> None:
    ticks = iter(range(100))
    client = client_of(FakeVendor([reply(200, text="line\n" * 50)]), clock)
    client._clock = lambda: next(ticks)
    assert len(client.lines("/log", seconds=3)) == 4


def test_a_silent_stream_is_not_an_error_and_an_unavailable_one_is(clock: Clock) -> None:
    client = client_of(FakeVendor([answer_late(), never_left(), answer_lost(), reply(403)]), clock)
    assert client.lines("/log") == []
    for _unused in range(2):
        with pytest.raises(Unreachable):
            client.lines("/log")
    with pytest.raises(ApiError, match="403"):
        client.lines("/log")
