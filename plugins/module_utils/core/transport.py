# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One exchange over HTTP: a session that keeps secrets to their host, a time for the whole of it, and a
limit on what is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

try:
    import requests
    from requests.adapters import HTTPAdapter
    from requests.exceptions import ChunkedEncodingError, ContentDecodingError, SSLError
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
    from urllib3.exceptions import DecodeError, HTTPError, ReadTimeoutError
    from urllib3.exceptions import SSLError as BrokenTLS
except ImportError:  # core.http reports it to run()
    pass

from .charset import in_utf8
from .deadline import Deadline, deadline, nothing, timed_pools

CONNECTIONS = 32  # that a session keeps to a host, for as many threads
PIECE = 8192  # bytes that are read at a time: compressed ones become a thousand times as many
ENCODINGS = "gzip, deflate"  # what is asked for


class TooLarge(Exception):
    """An answer is longer than what is read of one."""


def make_session(secret_headers: Mapping[str, str]) -> requests.Session:
    """Return a session that never sends ``secret_headers`` to another host than the one first asked.

    ``requests`` itself drops only ``Authorization`` on such a redirect, and would replace it by an entry of ~/.netrc.
    """

    class Session(requests.Session):
        def rebuild_auth(self, prepared_request: Any, response: Any) -> None:
            if _origin(prepared_request.url) != _origin(response.request.url):
                for name in (*secret_headers, "Authorization"):
                    prepared_request.headers.pop(name, None)

        def get_redirect_target(self, resp: Any) -> str | None:
            target = super().get_redirect_target(resp)
            if target:  # requests would read the whole body before it checks the address, however long it is
                resp._content, resp._content_consumed = b"", True
                resp.raw.close()
            return target

        def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
            key = (_origin(url), stream, verify, cert)
            if key not in known:
                known[key] = super().merge_environment_settings(url, proxies, stream, verify, cert)
            return dict(known[key])

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **options: Any) -> None:
            super().init_poolmanager(*args, **options)
            self.poolmanager.pool_classes_by_scheme = timed_pools(HTTPConnectionPool, HTTPSConnectionPool)

        def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
            manager = super().proxy_manager_for(*args, **options)
            manager.pool_classes_by_scheme = timed_pools(HTTPConnectionPool, HTTPSConnectionPool)
            return manager

    # searching the environment for proxies takes longer than all else about a small request
    known: dict[Any, Mapping[str, Any]] = {}
    session = Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, Adapter(pool_maxsize=CONNECTIONS))
    session.auth = lambda request: request
    session.headers.update({"User-Agent": "storefront.runbook", "Accept-Encoding": ENCODINGS})
    return session


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


@contextmanager
def in_time(seconds: float, tick: Callable[[], None] = nothing) -> Iterator[Deadline]:
    """Bound an exchange. What ends with the time raises requests.Timeout, whichever read or write was cut
    off; a ConnectTimeout stays one.
    """
    with deadline(seconds, tick) as limit:
        try:
            yield limit
        except (requests.ConnectionError, ChunkedEncodingError, TimeoutError) as error:
            if limit.left() > 0 or isinstance(error, requests.ConnectTimeout):
                raise
            raise requests.ReadTimeout("timed out") from error


def exchange(
    session: requests.Session,
    method: str,
    url: str,
    *,
    seconds: float,
    most: int,
    tick: Callable[[], None] = nothing,
    **request: Any,
) -> requests.Response:
    """Send a request and return its response, whose body is read: all of it within ``seconds``.

    Raises what requests does, and TooLarge for a good answer of more than ``most`` bytes once decoded. Of a refusal no
    more than that is read.
    """
    with in_time(seconds, tick):
        response = session.request(method, url, timeout=seconds, allow_redirects=False, stream=True, **request)
        try:
            body, whole = read_body(response, most)
        except BaseException:
            response.close()
            raise
    if not whole:
        response.close()  # the rest is not read, so the connection is of no more use
        if response.status_code < 300:
            raise TooLarge
    text = in_utf8(body, response.headers.get("Content-Type", "")) if whole else None
    if text is not None:
        response.encoding = "utf-8"
    response._content, response._content_consumed = body if text is None else text, True  # type: ignore[attr-defined]
    return response


def read_body(response: requests.Response, most: int) -> tuple[bytes, bool]:
    """Return the body, decoded, and whether that is all of it: no more than ``most`` bytes are kept."""
    body = bytearray()
    for piece in pieces(response):
        body += piece
        if len(body) > most:
            return bytes(body[:most]), False
    return bytes(body), True


def pieces(response: requests.Response) -> Iterator[bytes]:
    """Give the body as it comes, decoded. Raises what requests raises."""
    # no server that is asked for gzip compresses twice; a decompression bomb does
    if "," in response.headers.get("Content-Encoding", ""):
        raise ContentDecodingError("more than one Content-Encoding")
    response.raw.decode_content = True
    try:
        while piece := response.raw.read1(PIECE):  # which waits for no more than there is
            yield piece
    except ReadTimeoutError as error:
        raise requests.ReadTimeout(error) from error
    except BrokenTLS as error:
        raise SSLError(error) from error
    except DecodeError as error:
        raise ContentDecodingError(error) from error
    except HTTPError as error:
        raise ChunkedEncodingError(error) from error
