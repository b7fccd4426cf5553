# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run health checks against sites, many in parallel, until each one passes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from urllib.parse import unquote, urlsplit

try:
    import requests
    from requests.exceptions import ConnectTimeout, ContentDecodingError, InvalidHeader
    from urllib3.exceptions import HTTPError, NameResolutionError, ReadTimeoutError
except ImportError:  # core.http reports the missing library in run()
    pass

from ..core.amounts import number
from ..core.charset import in_utf8
from ..core.deadline import nothing
from ..core.redact import redact
from ..core.tls import trouble
from ..core.transport import in_time, make_session, read_body
from ..core.wait import Outcome, Waiter
from .checks import Answer, Check, blocked_by, differences, reported_release

MAX_PARALLEL = 16
MAX_REDIRECTS = 5
MAX_BODY = 5_000_000


@dataclass
class Result:
    """The result of a check's last try. ``outcome``: healthy, unhealthy, probe_blocked or unreachable;
    ``passes`` counts those in a row, of ``tries``.
    """

    name: str
    url: str
    outcome: str = "unreachable"
    status: int | None = None
    latency_ms: int | None = None
    release: str | None = None
    cf_cache_status: str | None = None
    reasons: list[str] = field(default_factory=list)
    passes: int = 0
    tries: int = 0


@dataclass
class Prober:
    """Runs checks in parallel until each passed ``passes`` times in a row, or still fails ``waiter.timeout`` seconds
    after the start.

    ``timeout`` is in seconds and covers one request, up to the last byte of its answer.
    """

    waiter: Waiter
    passes: int = 1
    timeout: float = 10
    session: Callable[[Mapping[str, str]], requests.Session] = make_session

    def run(self, checks: Sequence[Check]) -> list[Result]:
        """Return one result per check, in their order. Raises what ``waiter.heartbeat`` raises."""
        results = [Result(check.name, redact(check.url)) for check in checks]
        pending = list(zip(checks, results, strict=True))
        interval, limit, began = self.waiter.interval, self.waiter.timeout, self.waiter.clock()

        def ask_pending() -> list[Result]:
            nonlocal pending
            list(pool.map(lambda pair: self._try(*pair), pending))
            late = self.waiter.clock() - began >= limit
            pending = [
                (check, result)
                for check, result in pending
                if result.passes < self.passes and (result.passes or not late)
            ]
            return results

        def classify(asked: list[Result]) -> tuple[Outcome, str]:
            return (Outcome.PENDING if pending else Outcome.READY), _passed(asked)

        def pause(waited: float) -> float:
            seconds = interval(waited) if callable(interval) else interval
            return min(seconds, limit - waited) if waited < limit else seconds

        endless = replace(self.waiter, timeout=float("inf"), interval=pause)
        with ThreadPoolExecutor(min(MAX_PARALLEL, len(checks) or 1)) as pool:
            return endless.wait_for(ask_pending, classify, what="The checks", describe=_passed, limit=limit)

    def _try(self, check: Check, result: Result) -> None:
        result.tries += 1
        try:
            answer = self._ask(check)
        except (requests.RequestException, HTTPError, OSError, UnicodeError) as error:
            result.outcome = "unhealthy" if isinstance(error, requests.TooManyRedirects) else "unreachable"
            result.status = result.latency_ms = result.release = result.cf_cache_status = None
            result.reasons, result.passes = [why_no_answer(error, check.url, self.timeout)], 0
            return
        result.status, result.latency_ms, result.cf_cache_status = (
            answer.status,
            answer.latency_ms,
            answer.headers.get("cf-cache-status"),
        )
        result.release = reported_release(check, answer)
        blocked = blocked_by(check, answer)
        result.reasons = [blocked] if blocked else list(differences(check, answer))
        result.outcome = "probe_blocked" if blocked else "unhealthy" if result.reasons else "healthy"
        result.passes = 0 if result.reasons else result.passes + 1

    def _ask(self, check: Check) -> Answer:
        """Send the request once, over a new connection: an open one may lead to the previous deployment."""
        address = urlsplit(check.url)
        began = self.waiter.clock()
        with in_time(self.timeout, nothing), self.session(check.secret_headers) as session:
            session.max_redirects = MAX_REDIRECTS
            response = session.request(
                check.method,
                check.url,
                headers=dict(check.secret_headers),
                auth=(unquote(address.username), unquote(address.password or "")) if address.username else None,
                data=None if check.body is None else check.body.encode(),
                json=check.json_body,
                timeout=self.timeout,
                allow_redirects=not any(300 <= status < 400 for status in check.status),
                stream=True,
            )
            with closing(response):
                body, whole = read_body(response, MAX_BODY)
        if self.waiter.clock() - began > self.timeout:
            raise requests.ReadTimeout
        text = (in_utf8(body, response.headers.get("Content-Type", "")) or body).decode("utf-8", errors="replace")
        latency_ms = round((self.waiter.clock() - began) * 1000)
        return Answer(response.url, response.status_code, response.headers, text, not whole, latency_ms)


def _passed(results: Sequence[Result]) -> str:
    healthy = sum(result.outcome == "healthy" for result in results)
    return f"{healthy} of {number(len(results), 'check')} passed"


def why_no_answer(error: Exception, url: str, timeout: float) -> str:
    asked = getattr(error, "request", None)
    if found := trouble(error, asked.url if asked is not None else url):  # after a redirect: the URL of the other host
        return f"{found.reason}. {found.advice}"
    cause = getattr(error.args[0], "reason", error.args[0]) if error.args else None
    if isinstance(error, requests.Timeout | ReadTimeoutError):
        return f"no {'connection' if isinstance(error, ConnectTimeout) else 'complete answer'} within {timeout:g} s"
    if isinstance(error, requests.TooManyRedirects):
        return f"more than {MAX_REDIRECTS} redirects"
    if isinstance(error, ContentDecodingError):
        return "the body is not compressed as its Content-Encoding header states"
    if isinstance(error, InvalidHeader | UnicodeError):
        return (
            "a secret header contains a line break or another character that is not allowed in a header: copy its value"
            " again"
        )
    if isinstance(cause, NameResolutionError):
        return "the host name does not resolve"
    return "the connection was refused" if "refused" in str(cause) else "the connection failed"
