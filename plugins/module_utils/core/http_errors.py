# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The errors of requests that a vendor refused, did not answer, or answered unreadably."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

try:
    import requests
    from urllib3.exceptions import NewConnectionError
except ImportError:  # core.http reports it to run()
    pass

from .edge_pages import BLOCKED, CODE, MISSING, ORIGIN, STARTING, SUSPENDED, edge_answer
from .errors import NOT_ITS_API, ApiError, Unreachable
from .rate_limit import is_limited, say_when, wanted_pause
from .redact import redact
from .shape import read_json
from .tls import trouble

Parser = Callable[[Any], "tuple[Any, Any]"]
# 520 to 524: Cloudflare did not reach what is behind it
RETRIED_STATUS = frozenset({429, 502, 503, 504, *range(520, 525)})
LOST = ("timeout", "connection")  # codes of a request that may have left, where not trouble() but never_left() knows
REQUEST_IDS = ("x-vercel-id", "x-railway-request-id", "cf-ray", "x-request-id")
ADVICE = {
    401: " Check the token: it is unknown or has expired.",
    403: " Check the token: it lacks the right to do this, or belongs to another account.",
    404: " Check the ids in the inventory, and that the token belongs to their account.",
    429: " The rate limit did not clear in time: try again later.",
}


def refused(
    vendor: str,
    operation: str,
    response: requests.Response,
    parse_error: Parser,
    secrets: Iterable[str],
    *,
    option: str = "api_url",
) -> ApiError:
    """Return the error of an answer that refuses; ``operation`` is method and path, ``option`` is where the
    user gave the address.
    """
    code, message = words(parse_error, response)
    text = redact(message or response.text[:300].strip() or response.reason or "nothing", secrets)
    pause = wanted_pause(response, body_of(response))
    foreign = not (code or message) and 300 <= response.status_code < 500 and not is_limited(response)
    advice = (
        _of_address(vendor, option, response)
        if foreign
        else ""
        if option == "webhook_url"
        else ADVICE.get(response.status_code, "")
    )
    if pause is not None and (is_limited(response) or response.status_code in RETRIED_STATUS):
        what = "Its rate limit clears" if is_limited(response) else "It asks to be tried again"
        advice = f" {what} at {say_when(pause)}: run it again then."
    status = response.status_code
    from_edge = edge_answer(status, response.headers, response.text)
    if from_edge:
        text, advice = (
            from_edge.what,
            f" {EDGES.get(from_edge.kind, from_edge.advice)}{advice if pause is not None else ''}",
        )
    error = ApiError(
        f"{vendor} answered {redact(operation, secrets)} with {status}{f' {code}' if code else ''}:"
        f" {text}{stop(text)}{advice}",
        code=(
            f"edge_{from_edge.kind}"
            if from_edge
            else code or ("rate_limited" if is_limited(response) else NOT_ITS_API if foreign else None)
        ),
        status=status,
        request_id=next((response.headers[name] for name in REQUEST_IDS if name in response.headers), None),
        retryable=status in RETRIED_STATUS or is_limited(response),
        retry_after=pause if pause is None else round(pause),
    )
    error.response = response
    return error


# What an edge before a vendor's API has to be asked for: it is not the token that is wrong.
EDGES = {
    BLOCKED: "The token is not the cause: have the vendor allow this machine's address, or run from another network.",
    ORIGIN: "The request itself is correct: try again, and check the vendor's status page.",
    MISSING: "Check api_url: there is no API at this address.",
    SUSPENDED: "Check api_url, and the vendor's status page.",
    STARTING: "Try again, and check the vendor's status page.",
    CODE: "The request itself is correct: try again, and check the vendor's status page.",
}


def _of_address(vendor: str, option: str, response: requests.Response) -> str:
    """Return what to do about an answer that is not of the vendor's form: the address is wrong, not a token
    or an id.
    """
    host = urlsplit(response.headers.get("location", "")).hostname
    leads = f" It redirects to {host}." if host and response.status_code < 400 else ""
    if option == "webhook_url":
        return (
            f"{leads} Check webhook_url: it was deleted or is mistyped. Make a new one in the app's settings at"
            f" {vendor} (Incoming Webhooks)."
        )
    return (
        f"{leads} That is not an answer of {vendor}'s API: check {option}, its path included, and any proxy in between."
    )


def words(parse_error: Parser, response: requests.Response) -> tuple[str | None, str | None]:
    """Return the vendor's (code, message): a refusal may look like anything, so what does not look like the
    vendor's has none.
    """
    try:
        parsed = parse_error(response)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None, None
    code, message = (str(word) if isinstance(word, str | int) and word != "" else None for word in parsed)
    return code, message


def body_of(response: requests.Response) -> Any:
    """Return the decoded JSON of an answer; None where it is none."""
    try:
        return read_json(response.content)
    except ValueError:
        return None


def malformed(vendor: str, operation: str, status: int | None, what: str) -> ApiError:
    """Return the error of an unreadable answer; for a write it is unknown whether it happened."""
    return ApiError(
        f"{vendor} answered {operation} with {status} and {what}. Try again; if it happens again, check api_url and"
        " any proxy in between.",
        code="malformed_body",
        status=status,
        retryable=True,
    )


def unreachable(vendor: str, address: str, method: str, error: Exception, seconds: float) -> Unreachable:
    """Return the error of a request that got no answer; ``address`` shows no secret."""
    text = f"No answer from {vendor} at {address} to {method}"
    if found := trouble(error, address):
        return Unreachable(f"{text}: {found.reason}. {found.advice}", code=found.code, retryable=found.retry)
    reason = "the connection failed"
    if isinstance(error, requests.Timeout):
        reason = (
            f"timed out, with no {'connection' if isinstance(error, requests.ConnectTimeout) else 'complete answer'}"
            f" within {seconds:.3g} s"
        )
    return Unreachable(
        f"{text}: {reason}. Check the network and api_url, and the vendor's status page.",
        code="timeout" if isinstance(error, requests.Timeout) else "connection",
        retryable=True,
    )


def never_left(error: Exception) -> bool:
    """True when the connection was never made, so that the vendor cannot have acted."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, NewConnectionError)


def stop(text: str) -> str:
    return "" if text.endswith((".", "!", "?")) else "."
