# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One HTTP client for every vendor: retries, deadlines, errors that keep the vendor's words, tokens that
stay at home.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any, TypeAlias

try:
    import requests
    from requests.exceptions import ContentDecodingError, InvalidHeader, InvalidSchema, InvalidURL, MissingSchema

    REQUESTS_ERROR: str | None = None
except ImportError as error:  # reported by core.module.run through missing_required_lib
    REQUESTS_ERROR = str(error)

from .deadline import TICK_EVERY, nothing
from .errors import ApiError, ConfigError, RunbookError, Unreachable
from .http_errors import LOST, RETRIED_STATUS, Parser, body_of, malformed, never_left, refused, unreachable
from .rate_limit import is_limited, wanted_pause
from .redact import redact
from .shape import EMPTY, Mismatch, Shape, conform, read_json
from .transport import CONNECTIONS, TooLarge, exchange, in_time, make_session, pieces, read_body
from .urls import refuse_credentials, refuse_plain_http

__all__ = ["CONNECTIONS", "REQUESTS_ERROR", "ApiClient", "make_session"]

READS = frozenset({"GET", "HEAD"})
SAFE_METHODS = frozenset({*READS, "PUT", "DELETE"})
BACKOFF_CAP = 30.0
DEADLINE = 180.0  # seconds at most for a call with all its retries
ATTEMPTS = 6  # that a call has time for, where that is less
JSON_BYTES = 8 << 20  # of an answer; some MB are a long list of variables
LOG_BYTES = 32 << 20  # of an answer that holds a log
LINE_BYTES = 64 << 10  # of a line of a log
UPLOAD_RATE = 64 << 10  # bytes a second of a body: a slower one is given up

Opener = Callable[[], IO[bytes]]
Body: TypeAlias = "bytes | Opener | None"


def parse_nothing(response: requests.Response) -> tuple[str | None, str | None]:
    """The default error parser: a vendor gives its own, which returns (code, message) and may raise for an
    answer of another shape.
    """
    return None, None


def unlimited(seconds: float) -> float:
    """Stands for ``before_write`` where no lease is held."""
    return seconds


def never(response: requests.Response) -> bool:
    """The default ``is_busy``."""
    return False


@dataclass
class Failure:
    """What came of an attempt that failed; ``pause`` is what the vendor asks for before the next one."""

    error: RunbookError
    retry: bool
    pause: float = 0.0


class ApiClient:
    """Speaks to one vendor's API.

    ``timeout`` is in seconds for one attempt with its whole body, ``deadline`` in seconds for a call with all its
    retries, by default the smaller of 180 and six times ``timeout``. ``unreachable`` is in seconds for a call that gets
    no answer at all, where that is less; a vendor that answers, if only to ask for a pause, has ``deadline``. GET,
    HEAD, PUT and DELETE are tried again on connection errors, timeouts, 429 and 502–504; POST and PATCH only where the
    request never left, on 429, or with ``idempotent=True``. Redirects of an API are not followed. ``secrets`` are
    masked beside those in ``headers``, such as a path that is a secret. ``option`` is where the user gave ``base_url``,
    which holds no credentials, and is HTTPS where a secret is sent to another machine, unless ``allow_plain_http``.

    ``before_write(seconds)`` is called before each attempt of a write and returns how many seconds that may take, at
    most ``seconds``; it raises where nothing may be written. ``tick`` is called every few seconds while an answer or a
    retry is waited for. ``is_busy`` recognizes a refusal for a rate limit that comes with a good status.
    """

    def __init__(
        self,
        vendor: str,
        base_url: str,
        *,
        headers: Mapping[str, str],
        parse_error: Parser = parse_nothing,
        secrets: Iterable[str] = (),
        option: str = "api_url",
        allow_plain_http: bool = False,
        timeout: float = 30,
        deadline: float | None = None,
        unreachable: float | None = None,
        before_write: Callable[[float], float] = unlimited,
        tick: Callable[[], None] = nothing,
        is_busy: Callable[[requests.Response], bool] = never,
        session: requests.Session | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        refuse_credentials(base_url, option, "The token is api_token.")
        self._secrets = [value.removeprefix("Bearer ") for value in headers.values()] + list(secrets)
        if self._secrets:
            refuse_plain_http(base_url, option, f"the secret that {vendor} asks for", allow_plain_http)
        self.vendor, self._option = vendor, option
        self.base_url = base_url.rstrip("/")
        self.deadline = min(DEADLINE, ATTEMPTS * timeout) if deadline is None else deadline
        self.unreachable = self.deadline if unreachable is None else min(unreachable, self.deadline)
        self.timeout = min(timeout, self.unreachable)
        self._headers = dict(headers)
        self._parse_error, self._is_busy = parse_error, is_busy
        self._before_write, self._tick = before_write, tick
        self._session = session or make_session(headers)
        self._sleep, self._clock, self._jitter = sleep, clock, jitter

    def json(self, method: str, path: str, *, shape: Shape, **request: Any) -> Any:
        """Send a request and return what ``shape`` names of its JSON body. Raises ApiError for another shape."""
        response = self.request(method, path, **request)
        return self.decode(f"{method} {path}", response.content, shape, response.status_code)

    def decode(self, operation: str, body: bytes | str, shape: Shape, status: int | None = 200) -> Any:
        """Return what ``shape`` names of a JSON text that answered ``operation``. Raises ApiError."""
        try:
            return self.conform(operation, read_json(body) if body else EMPTY, shape, status)
        except ValueError:
            raise malformed(self.vendor, redact(operation, self._secrets), status, "a body that is not JSON") from None

    def conform(self, operation: str, value: Any, shape: Shape, status: int | None = 200) -> Any:
        """Return what ``shape`` names of a part of an answer. Raises ApiError."""
        try:
            return conform(value, shape)
        except Mismatch as problem:
            what = f"a body with a different structure than its API has: {redact(str(problem), self._secrets)}"
            raise malformed(self.vendor, redact(operation, self._secrets), status, what) from None

    def request(
        self,
        method: str,
        path: str,
        *,
        idempotent: bool | None = None,
        writes: bool | None = None,
        timeout: float | None = None,
        most: int = JSON_BYTES,
        **content: Any,
    ) -> requests.Response:
        """Send a request, with its retries, and return the 2xx response. Raises ApiError, Unreachable or ConfigError,
        and what ``before_write`` raises.

        ``content`` is ``params``, ``json``, ``headers``, and ``data``: bytes, or a function that opens the body again
        for each try. ``writes`` is False for a POST that only asks. ``timeout`` gives this call more time, such as an
        upload. ``most`` is how many bytes the answer may have.
        """
        retry_lost = method in SAFE_METHODS if idempotent is None else idempotent
        writes = method not in READS if writes is None else writes
        began = self._clock()
        give_up = began + max(self.deadline, timeout or 0)
        attempt = 0
        while True:
            seconds = min(timeout or self.timeout, max(give_up - self._clock(), 0.001))
            if writes:
                seconds = min(seconds, self._before_write(seconds))
            outcome = self._attempt(method, path, retry_lost, seconds, most, **content)
            if not isinstance(outcome, Failure):
                return outcome
            pause = max(outcome.pause, min(BACKOFF_CAP, 0.5 * 2**attempt) * (0.5 + self._jitter() / 2))
            silent = isinstance(outcome.error, Unreachable)
            latest = min(give_up, began + self.unreachable) if silent else give_up
            if not outcome.retry or self._clock() + pause > latest:
                raise outcome.error
            self._wait(pause)
            attempt += 1

    def _attempt(
        self,
        method: str,
        path: str,
        retry_lost: bool,
        seconds: float,
        most: int,
        *,
        data: Body = None,
        headers: Mapping[str, str] | None = None,
        **content: Any,
    ) -> requests.Response | Failure:
        operation = f"{method} {path}"
        try:
            with (
                contextlib.closing(data()) if callable(data) else contextlib.nullcontext(data) as body,
                self._readable(operation),
            ):
                content |= {"data": body, "headers": {**self._headers, **(headers or {})}}
                response = exchange(
                    self._session, method, self.base_url + path, seconds=seconds, most=most, tick=self._tick, **content
                )
        except requests.RequestException as error:
            failed = self._unreachable(method, path, error, seconds)
            lost = failed.details["code"] in LOST
            return Failure(failed, retry_lost or never_left(error) if lost else failed.details["retryable"])
        busy = response.status_code < 300 and self._is_busy(response)
        if response.status_code < 300 and not busy:
            return response
        retry = busy or is_limited(response) or (retry_lost and response.status_code in RETRIED_STATUS)
        return Failure(self._refused(operation, response), retry, wanted_pause(response, body_of(response)) or 0.0)

    @contextlib.contextmanager
    def _readable(self, operation: str) -> Iterator[None]:
        """Turn what is wrong with an address, a token or a body into errors that no retry mends."""
        try:
            yield
        except (InvalidURL, InvalidSchema, MissingSchema):
            raise ConfigError(
                f"{redact(self.base_url)!r} is not the address of an API. Correct api_url: it begins with https://.",
                code="bad_api_url",
            ) from None
        except (InvalidHeader, UnicodeError):
            raise ConfigError(
                f"The token of {self.vendor} holds a line break, a blank or a character that cannot be in a token."
                " Copy it again.",
                code="bad_token",
            ) from None
        except (ContentDecodingError, TooLarge) as error:
            what = (
                "a body that is larger than any of its API"
                if isinstance(error, TooLarge)
                else "a body that is not compressed as it says"
            )
            raise malformed(self.vendor, redact(operation, self._secrets), 200, what) from None

    def _wait(self, pause: float) -> None:
        """Sleep, and call ``tick`` every few seconds."""
        while self._tick is not nothing and pause > TICK_EVERY:
            self._sleep(TICK_EVERY)
            self._tick()
            pause -= TICK_EVERY
        self._sleep(pause)

    def lines(
        self, path: str, *, params: Mapping[str, Any] | None = None, seconds: float = 5, limit: int = 1000
    ) -> list[str]:
        """Return the lines that a GET streams, the last ``limit`` of those that come within ``seconds``; a stream may
        never end.
        """
        give_up, found = self._clock() + seconds, deque[str](maxlen=limit)
        try:
            with (
                self._readable(f"GET {path}"),
                in_time(seconds, self._tick),
                contextlib.closing(self._open(path, params, seconds)) as response,
            ):
                if response.status_code >= 300:
                    response._content = read_body(response, LINE_BYTES)[0]
                    raise self._refused(f"GET {path}", response)
                for line in _lines(pieces(response)):
                    found.append(line)
                    if self._clock() > give_up:
                        break
        except requests.RequestException as error:
            silence = isinstance(error, requests.ReadTimeout)  # nothing more was said within that time
            if not silence:
                raise self._unreachable("GET", path, error, seconds) from None
        return list(found)

    def _open(self, path: str, params: Mapping[str, Any] | None, seconds: float) -> requests.Response:
        return self._session.request(
            "GET",
            self.base_url + path,
            params=params,
            headers=self._headers,
            timeout=seconds,
            stream=True,
            allow_redirects=False,
        )

    def close(self) -> None:
        self._session.close()

    def _refused(self, operation: str, response: requests.Response) -> ApiError:
        return refused(self.vendor, operation, response, self._parse_error, self._secrets, option=self._option)

    def _unreachable(self, method: str, path: str, error: Exception, seconds: float) -> RunbookError:
        return unreachable(
            self.vendor, self.base_url + redact(path.partition("?")[0], self._secrets), method, error, seconds
        )


def _lines(parts: Iterable[bytes]) -> Iterator[str]:
    """Give the lines of a text that comes piece by piece. A text that is too long ends early, and of a line
    that is too long the beginning is kept.
    """
    rest, read = b"", 0
    for part in parts:
        read += len(part)
        *whole, rest = (rest + part).split(b"\n")
        yield from (line[:LINE_BYTES].removesuffix(b"\r").decode(errors="replace") for line in whole)
        rest = rest[:LINE_BYTES]
        if read > LOG_BYTES:
            return
    if rest:
        yield rest.decode(errors="replace")
