# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The prober: how often it asks, when it gives up, and what it makes of no answer."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from ansible_collections.storefront.runbook.plugins.module_utils.core import progress
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import LeaseLost
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import Waiter, nothing
from ansible_collections.storefront.runbook.plugins.module_utils.site.checks import Check
from ansible_collections.storefront.runbook.plugins.module_utils.site.probe import (
    MAX_BODY,
    MAX_PARALLEL,
    Prober,
    Result,
)

from tests.unit.support import (
    Answer,
    Clock,
    FakeVendor,
    Request,
    Script,
    answer_late,
    answer_lost,
    connect_timeout,
    never_left,
    reply,
)

HOME = Check(name="Home", url="https://www.shop.example/")


def prober(
    script: Script | FakeVendor,
    clock: Clock,
    *,
    wait_timeout: float = 60,
    interval: float = 2,
    heartbeat: Callable[[], None] = nothing,
    **options: Any,
) -> Prober:
    vendor = script if isinstance(script, FakeVendor) else FakeVendor(script)
    waiter = Waiter(wait_timeout, interval, heartbeat=heartbeat, sleep=clock.sleep, clock=clock, _controller=None)
    return Prober(waiter, session=vendor.session, **options)


def ask(script: Script | FakeVendor, clock: Clock, check: Check = HOME, **options: Any) -> Result:
    (result,) = prober(script, clock, **options).run([check])
    return result


def test_a_healthy_site_is_asked_once(clock: Clock) -> None:
    result = ask([reply(200, text="hello", headers={"CF-Cache-Status": "HIT"})], clock)
    assert (result.outcome, result.status, result.passes, result.tries, result.cf_cache_status, result.reasons) == (
        "healthy",
        200,
        1,
        1,
        "HIT",
        [],
    )
    assert clock.sleeps == []


def test_a_failing_site_is_asked_until_it_is_healthy(clock: Clock) -> None:
    result = ask([reply(503), never_left(), reply(200)], clock)
    assert (result.outcome, result.tries, clock.sleeps) == ("healthy", 3, [2, 2])


def test_it_gives_up_after_the_wait_timeout_with_the_last_answer(clock: Clock) -> None:
    result = ask(lambda request: reply(503), clock, wait_timeout=5)
    assert (result.outcome, result.status, result.reasons, result.tries) == (
        "unhealthy",
        503,
        ["status 503 instead of 200"],
        4,
    )
    assert clock.sleeps == [2, 2, 1]


def test_progress_counts_the_checks_that_have_passed(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    monkeypatch.setattr(progress, "sink", lines.append)
    checks = [HOME, Check(name="Shop", url="https://www.shop.example/products")]
    answers = {"/": iter([reply(503), reply(200)]), "/products": iter([reply(503), reply(503), reply(200)])}
    prober(lambda request: next(answers[request.path]), clock).run(checks)
    assert lines == ["0 of 2 checks passed (0 s of at most 60 s)", "1 of 2 checks passed (2 s of at most 60 s)"]


def test_a_wait_timeout_of_zero_is_one_try(clock: Clock) -> None:
    assert ask([reply(503)], clock, wait_timeout=0).tries == 1
    assert clock.sleeps == []


def test_passes_have_to_be_in_a_row(clock: Clock) -> None:
    answers = [reply(200), reply(200), reply(503), reply(200), reply(200), reply(200)]
    result = ask(answers, clock, passes=3)
    assert (result.outcome, result.passes, result.tries) == ("healthy", 3, 6)


def test_a_row_that_has_started_may_end_after_the_wait_timeout_but_a_failure_may_not(clock: Clock) -> None:
    assert ask([reply(200), reply(200), reply(200)], clock, passes=3, wait_timeout=0).outcome == "healthy"
    broken = ask([reply(200), reply(503)], clock, passes=3, wait_timeout=0)
    assert (broken.outcome, broken.passes, broken.tries) == ("unhealthy", 0, 2)


def test_a_flapping_site_ends(clock: Clock) -> None:
    turns = iter(range(1000))
    result = ask(lambda request: reply(503 if next(turns) % 2 else 200), clock, passes=2, wait_timeout=30)
    assert result.outcome == "unhealthy"
    assert clock.now - 1000 == 30


def test_only_what_is_not_settled_is_asked_again_and_results_keep_their_order(clock: Clock) -> None:
    seen: list[str] = []
    lock = threading.Lock()

    def script(request: Request) -> Answer:
        with lock:
            seen.append(request.host)
            return reply(503 if request.host == "slow.example" and seen.count("slow.example") < 3 else 200)

    slow, fast = Check("slow", "https://slow.example/"), Check("fast", "https://fast.example/")
    results = prober(script, clock).run([slow, fast])
    assert [(result.name, result.tries) for result in results] == [("slow", 3), ("fast", 1)]
    assert len(seen) == 4


def test_checks_are_asked_at_the_same_time(clock: Clock) -> None:
    together = threading.Barrier(MAX_PARALLEL, timeout=10)

    def script(request: Request) -> Answer:
        together.wait()
        return reply(200)

    results = prober(script, clock, wait_timeout=0).run(
        [Check(str(number), f"https://{number}.example/") for number in range(MAX_PARALLEL)]
    )
    assert {result.outcome for result in results} == {"healthy"}


def test_every_turn_beats_and_a_lost_lease_ends_it(clock: Clock) -> None:
    beats: list[int] = []

    def heartbeat() -> None:
        beats.append(1)
        if len(beats) == 3:
            raise LeaseLost("taken over")

    vendor = FakeVendor(lambda request: reply(503))
    with pytest.raises(LeaseLost):
        ask(vendor, clock, heartbeat=heartbeat)
    assert len(vendor.requests) == 2


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (never_left, "the connection was refused"),
        (connect_timeout, "no connection within 7 s"),
        (answer_lost, "the connection failed"),
        (answer_late, "no complete answer within 7 s"),
        (
            lambda: requests.exceptions.SSLError(ssl.SSLCertVerificationError(1, "certificate verify failed")),
            "its certificate was not accepted",
        ),
        (
            lambda: requests.exceptions.InvalidHeader("Invalid character in header value: 's3cret\n'"),
            "a secret header contains a line break",
        ),
    ],
)
def test_no_answer_is_unreachable_and_says_why(fault: Callable[[], Exception], reason: str, clock: Clock) -> None:
    result = ask([fault()], clock, wait_timeout=0, timeout=7)
    assert (result.outcome, result.status, result.latency_ms) == ("unreachable", None, None)
    assert result.reasons[0].startswith(reason)
    assert "s3cret" not in result.reasons[0]


def test_an_answer_that_does_not_come_leaves_nothing_of_the_one_before(clock: Clock) -> None:
    check = Check("Home", "https://shop.example/", release={"json": "release"})
    result = ask(
        [reply(503, {"release": "v1.0.0"}, headers={"cf-cache-status": "MISS"}), never_left()],
        clock,
        check,
        wait_timeout=1,
    )
    assert (result.status, result.release, result.cf_cache_status, result.latency_ms) == (None, None, None, None)


def test_a_challenge_is_probe_blocked_and_nothing_else_is_said_of_the_site(clock: Clock) -> None:
    result = ask(
        [reply(403, text="<title>Just a moment...</title>", headers={"cf-mitigated": "challenge"})],
        clock,
        wait_timeout=0,
    )
    assert result.outcome == "probe_blocked"
    assert len(result.reasons) == 1


def test_redirects_are_followed_without_the_secret_headers(clock: Clock) -> None:
    vendor = FakeVendor([reply(307, headers={"Location": "https://other.example/home"}), reply(200)])
    check = Check("Home", "https://user:p%40ss@shop.example/", secret_headers={"X-Probe": "s3cret"})
    assert ask(vendor, clock, check).outcome == "healthy"
    first, second = vendor.requests
    assert (first.headers["X-Probe"], first.headers["Authorization"]) == (
        "s3cret",
        requests.auth._basic_auth_str("user", "p@ss"),
    )
    assert not {"X-Probe", "Authorization"} & {*second.headers}
    assert second.host == "other.example"


def test_an_expected_redirect_is_not_followed(clock: Clock) -> None:
    check = Check("To https", "http://shop.example/", status=[301], headers={"location": "https://"})
    assert ask([reply(301, headers={"Location": "https://shop.example/"})], clock, check).outcome == "healthy"


def test_redirects_without_an_end_are_unhealthy(clock: Clock) -> None:
    vendor = FakeVendor(lambda request: reply(302, headers={"Location": "/again"}))
    result = ask(vendor, clock, wait_timeout=0)
    assert (result.outcome, result.reasons) == ("unhealthy", ["more than 5 redirects"])
    assert len(vendor.requests) == 6


def test_a_post_sends_its_body(clock: Clock) -> None:
    vendor = FakeVendor(lambda request: reply(200))
    ask(vendor, clock, Check("Search", "https://shop.example/search", method="POST", json_body={"q": "tea"}))
    ask(vendor, clock, Check("Form", "https://shop.example/form", method="POST", body="q=tea"))
    assert (vendor.requests[0].method, vendor.requests[0].json()) == ("POST", {"q": "tea"})
    assert vendor.requests[1].body == b"q=tea"


def test_the_latency_lasts_to_the_last_byte(clock: Clock) -> None:
    def script(request: Request) -> Answer:
        clock.now += 0.8
        return reply(200)

    result = ask(script, clock, Check("Home", "https://shop.example/", max_latency_ms=500), wait_timeout=0)
    assert (result.latency_ms, result.reasons) == (800, ["took 800 ms instead of at most 500 ms"])


def test_no_more_than_the_limit_of_a_body_is_read(clock: Clock) -> None:
    result = ask([reply(200, text="x" * (MAX_BODY + 1))], clock, wait_timeout=0)
    assert result.reasons == ["the body is larger than a probe reads: choose a smaller page"]
    assert ask([reply(200, text="x" * MAX_BODY)], clock, wait_timeout=0).outcome == "healthy"


def test_the_password_of_a_url_is_not_in_the_result(clock: Clock) -> None:
    result = ask([reply(200)], clock, Check("Home", "https://user:hunter2@shop.example/"))
    assert result.url == "https://user:********@shop.example/"


@pytest.fixture
def dripping() -> Iterator[str]:
    """A real server on 127.0.0.1 that sends one byte of its body every 20 ms, without an end."""
    stop = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection = listener.accept()[0]
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while not stop.wait(0.02):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    stop.set()
    thread.join()
    listener.close()


def test_an_answer_that_only_drips_is_cut_off_at_the_timeout(dripping: str) -> None:
    waiter = Waiter(timeout=0, interval=1, _controller=None)
    (result,) = Prober(waiter, timeout=0.3).run([Check("Home", dripping)])
    assert (result.outcome, result.reasons) == ("unreachable", ["no complete answer within 0.3 s"])


def test_over_real_connections_nothing_listening_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    (result,) = Prober(Waiter(timeout=0, interval=1, _controller=None)).run(
        [Check("Home", f"http://127.0.0.1:{port}/")]
    )
    assert (result.outcome, result.reasons) == ("unreachable", ["the connection was refused"])
