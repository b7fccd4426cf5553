# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One HTTP client for every vendor: retries, deadlines, errors that keep the vendor's words, tokens that stay at home."""

from __future__ import annotations

import contextlib
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import IO, Any, TypeAlias
from urllib.parse import urlsplit

try:
    import requests
    from requests.adapters import HTTPAdapter
    from requests.exceptions import ChunkedEncodingError, InvalidHeader, InvalidSchema, InvalidURL, MissingSchema, SSLError
    from urllib3.exceptions import NewConnectionError

    REQUESTS_ERROR: str | None = None
except ImportError as error:  # reported by core.module.run through missing_required_lib
    REQUESTS_ERROR = str(error)

from .errors import ApiError, ConfigError, Unreachable
from .redact import redact

SAFE_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE"})
RETRIED_STATUS = frozenset({429, 502, 503, 504})
BACKOFF_CAP = 30.0
RETRY_AFTER_CAP = 120.0
CONNECTIONS = 32  # that a session keeps to a host, for as many threads

Parser: TypeAlias = "Callable[[requests.Response], tuple[str | None, str | None]]"
Opener = Callable[[], IO[bytes]]
Body: TypeAlias = "bytes | Opener | None"


def parse_nothing(response: requests.Response) -> tuple[str | None, str | None]:
    """The default error parser: a vendor gives its own, which returns (code, message)."""
    return None, None


def make_session(secret_headers: Mapping[str, str]) -> requests.Session:
    """Return a session that never sends ``secret_headers`` to another host than the one first asked.

    ``requests`` itself drops only ``Authorization`` on such a redirect, and would replace it by an entry of ~/.netrc.
    """

    class Session(requests.Session):
        def rebuild_auth(self, prepared_request, response):
            if _origin(prepared_request.url) != _origin(response.request.url):
                for name in (*secret_headers, "Authorization"):
                    prepared_request.headers.pop(name, None)

        def merge_environment_settings(self, url, proxies, stream, verify, cert):
            key = (_origin(url), stream, verify, cert)
            if key not in known:
                known[key] = super().merge_environment_settings(url, proxies, stream, verify, cert)
            return dict(known[key])

    known: dict[Any, Mapping[str, Any]] = {}  # to look for proxies in the environment takes longer than all else about a small request
    session = Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=CONNECTIONS))
    session.auth = lambda request: request
    session.headers["User-Agent"] = "storefront.runbook"
    return session


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


class ApiClient:
    """Speaks to one vendor's API.

    ``timeout`` is in seconds for one request, ``deadline`` in seconds for a call with all its retries. GET, HEAD, PUT and DELETE are
    tried again on connection errors, timeouts, 429 and 502–504; POST and PATCH only where the request never left, on 429, or with
    ``idempotent=True``. Redirects of an API are not followed. ``secrets`` are masked beside those in ``headers``, such as a path that is a secret.
    """

    def __init__(
        self,
        vendor: str,
        base_url: str,
        *,
        headers: Mapping[str, str],
        parse_error: Parser = parse_nothing,
        secrets: Iterable[str] = (),
        timeout: float = 30,
        deadline: float = 180,
        session: requests.Session | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.vendor = vendor
        self.base_url = base_url.rstrip("/")
        self.timeout = timeout
        self.deadline = deadline
        self._secrets = [value.removeprefix("Bearer ") for value in headers.values()] + list(secrets)
        self._headers = dict(headers)
        self._parse_error = parse_error
        self._session = session or make_session(headers)
        self._sleep, self._clock, self._jitter = sleep, clock, jitter

    def json(self, method: str, path: str, **request: Any) -> Any:
        """Send a request and return its decoded JSON body; None for an empty one."""
        response = self.request(method, path, **request)
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError:
            raise ApiError(
                f"{self.vendor} answered {method} {path} with {response.status_code} and a body that is not JSON. Try again; "
                "if it stays, check api_url and any proxy in between.",
                code="malformed_body",
                status=response.status_code,
                retryable=True,
            ) from None

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        data: Body = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool | None = None,
        timeout: float | None = None,
    ) -> requests.Response:
        """Send a request, with its retries, and return the 2xx response. Raises ApiError, Unreachable or ConfigError.

        ``data`` is bytes, or a function that opens the body anew for each try.
        """
        retry_lost = method in SAFE_METHODS if idempotent is None else idempotent
        give_up = self._clock() + self.deadline
        attempt = 0
        while True:
            attempt += 1
            pause = min(BACKOFF_CAP, 0.5 * 2 ** (attempt - 1)) * (0.5 + self._jitter() / 2)
            try:
                with contextlib.closing(data()) if callable(data) else contextlib.nullcontext(data) as body:
                    response = self._session.request(
                        method,
                        self.base_url + path,
                        params=params,
                        json=json,
                        data=body,
                        headers={**self._headers, **(headers or {})},
                        timeout=timeout or self.timeout,
                        allow_redirects=False,
                    )
            except (InvalidURL, InvalidSchema, MissingSchema):
                raise ConfigError(f"{self.base_url!r} is not the address of an API. Correct api_url: it begins with https://.", code="bad_api_url") from None
            except (InvalidHeader, UnicodeError):
                raise ConfigError(
                    f"The token of {self.vendor} holds a line break, a blank or a character that no token has. Copy it again.", code="bad_token"
                ) from None
            except (requests.ConnectionError, requests.Timeout, ChunkedEncodingError) as error:
                failure: ApiError | Unreachable = self._unreachable(method, path, error)
                retry = (retry_lost or _never_left(error)) and not isinstance(error, SSLError)
            else:
                if response.status_code < 300:
                    return response
                failure = self._api_error(method, path, response)
                retry = response.status_code == 429 or (retry_lost and response.status_code in RETRIED_STATUS)
                pause = max(pause, _retry_after(response))
            if not retry or self._clock() + pause > give_up:
                raise failure
            self._sleep(pause)

    def lines(self, path: str, *, params: Mapping[str, Any] | None = None, seconds: float = 5, limit: int = 1000) -> list[str]:
        """Return the lines that a GET streams, the last ``limit`` of those that come within ``seconds``; a stream need not end by itself."""
        give_up, found = self._clock() + seconds, deque[str](maxlen=limit)
        try:
            answer = self._session.request(
                "GET", self.base_url + path, params=params, headers=self._headers, timeout=(self.timeout, seconds), stream=True, allow_redirects=False
            )
            with contextlib.closing(answer) as response:
                if response.status_code >= 300:
                    raise self._api_error("GET", path, response)
                for line in response.iter_lines(chunk_size=1, decode_unicode=True):
                    found.append(line)
                    if self._clock() > give_up:
                        break
        except (requests.ConnectionError, requests.Timeout, ChunkedEncodingError) as error:
            silence = "timed out" in str(error).lower()  # nothing more was said within that time
            if not silence or _never_left(error):
                raise self._unreachable("GET", path, error) from None
        return list(found)

    def close(self) -> None:
        self._session.close()

    def _api_error(self, method: str, path: str, response: requests.Response) -> ApiError:
        code, message = self._parse_error(response)
        said = redact(message or response.text[:300].strip() or response.reason or "nothing", self._secrets)
        advice = {
            401: " Check the token: it is unknown or has expired.",
            403: " Check the token: it lacks the right to do this, or belongs to another account.",
            404: " Check the ids in the inventory, and that the token belongs to their account.",
            429: " The rate limit did not clear in time: try again later.",
        }.get(response.status_code, "")
        request_id = next((response.headers[h] for h in ("x-vercel-id", "x-railway-request-id", "cf-ray", "x-request-id") if h in response.headers), None)
        where = redact(path, self._secrets)
        error = ApiError(
            f"{self.vendor} answered {method} {where} with {response.status_code}{f' {code}' if code else ''}: {said}{_stop(said)}{advice}",
            code=code,
            status=response.status_code,
            request_id=request_id,
            retryable=response.status_code in RETRIED_STATUS,
        )
        error.response = response
        return error

    def _unreachable(self, method: str, path: str, error: Exception) -> Unreachable:
        reason = "the connection failed"
        if isinstance(error, requests.Timeout):
            reason = "timed out"
        elif isinstance(error, SSLError):
            reason = "its certificate was not accepted"
        return Unreachable(
            f"No answer from {self.vendor} at {self.base_url}{redact(path.partition('?')[0], self._secrets)} to {method}: {reason}. "
            "Check the network and api_url, and the vendor's status page.",
            code="timeout" if isinstance(error, requests.Timeout) else "connection",
            retryable=True,
        )


def _stop(said: str) -> str:
    return "" if said.endswith((".", "!", "?")) else "."


def _never_left(error: Exception) -> bool:
    """True when the connection was never made, so that the vendor cannot have acted."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, NewConnectionError)


def _retry_after(response: requests.Response) -> float:
    """Seconds of a ``Retry-After`` header, capped; 0 without one or where it is a date."""
    value = response.headers.get("Retry-After", "")
    return min(float(value), RETRY_AFTER_CAP) if value.replace(".", "", 1).isdecimal() else 0.0
