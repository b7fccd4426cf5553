# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the answers of an S3 service: a field may be missing or have a wrong type, a listing may never end,
and a refusal has a reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from ..core.errors import ApiError, ConfigError

EMPTY_PAGES = 100  # consecutive empty pages, each with a token for the next one
PAGES = 20_000  # pages of a thousand objects each
CLOCK = frozenset({"RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"})
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"})
REGION = frozenset(
    {
        "PermanentRedirect",
        "TemporaryRedirect",
        "Redirect",
        "301",
        "307",
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraintException",
    }
)
SKEW = timedelta(minutes=15)  # the largest clock difference that S3 allows


def field(answer: Any, name: str, kind: type | tuple[type, ...], where: str) -> Any:
    """Return a field that an answer must have. Raises ApiError."""
    value = answer.get(name) if isinstance(answer, dict) else None
    if isinstance(value, kind):
        return value
    raise malformed(where, f"its answer has no {name}, which every S3 service returns")


def malformed(where: str, problem: str) -> ApiError:
    return ApiError(
        f"{where} does not answer like S3: {problem}. Try again; if it happens again, check store_endpoint_url and any"
        " proxy in between.",
        code="malformed_body",
        retryable=True,
    )


def listed(client: Any, operation: str, items: str, request: dict[str, Any], where: str) -> Iterator[dict[str, Any]]:
    """Yield the items of all pages of a listing. Raises ApiError for a listing that never ends, or that
    stops before its end.
    """
    begun: set[str] = set()
    pages = empty = 0
    truncated = False
    for page in client.get_paginator(operation).paginate(**request):
        found = page.get(items)
        rows = found if isinstance(found, list) else []
        yield from rows
        pages, empty, truncated = pages + 1, 0 if rows else empty + 1, page.get("IsTruncated") is True
        begins = str([rows[0].get(name) for name in ("Key", "UploadId")]) if rows else ""
        if truncated and (begins in begun or empty > EMPTY_PAGES or pages > PAGES):
            raise endless(where)
        if begins:
            begun.add(begins)
    if truncated:
        raise malformed(where, "its listing is truncated and has no token for the next page")


def endless(where: str) -> ApiError:
    return malformed(where, "its listing does not end: it repeats the same page, or returns only empty pages")


def refusal(response: dict[str, Any], where: str, **details: Any) -> ConfigError | None:
    """Return why a service refuses the credentials or the clock of this machine, with the remedy; None for
    any other error.
    """
    error, metadata = response.get("Error") or {}, response.get("ResponseMetadata") or {}
    code, status, headers = (
        str(error.get("Code", "")),
        metadata.get("HTTPStatusCode"),
        metadata.get("HTTPHeaders") or {},
    )
    times = _times(error, headers)
    if code in CLOCK or (status == 403 and times and abs(times[0] - times[1]) > SKEW):
        clocks = (
            f": it is {times[0]:%Y-%m-%d %H:%M:%S} UTC on this machine and {times[1]:%Y-%m-%d %H:%M:%S} UTC at the"
            " store"
            if times
            else ""
        )
        return ConfigError(
            f"{where} refuses the request because of the time ({code}){clocks}. Correct the clock of this machine"
            " (NTP), or that of the store.",
            **details,
        )
    if code in EXPIRED:
        return ConfigError(
            f"{where} does not accept the credentials ({code}): they were temporary and have expired. Get new ones:"
            " sign in again, or renew the session token.",
            **details,
        )
    if code in ("InvalidAccessKeyId", "InvalidToken"):
        remedy = (
            "it does not know the access key" if code == "InvalidAccessKeyId" else "it does not know the session token"
        )
        return ConfigError(
            f"{where} does not accept the credentials ({code}): {remedy}. Correct store_access_key and"
            " store_secret_key.",
            **details,
        )
    if code == "SignatureDoesNotMatch":
        return ConfigError(
            f"{where} does not accept the credentials ({code}): the secret key is not that of the access key, or a"
            " proxy changes requests. Correct store_access_key and store_secret_key, or store_endpoint_url.",
            **details,
        )
    if code in REGION or status in (301, 307):
        region = headers.get("x-amz-bucket-region") or error.get("Region")
        return ConfigError(
            f"The bucket of {where} is in another region ({code}). Set store_region to {region or 'its region'}.",
            **details,
        )
    return None


def _times(error: dict[str, Any], headers: dict[str, Any]) -> tuple[datetime, datetime] | None:
    """Return the time on this machine and at the store; None where the answer has no time."""
    theirs = _time(error.get("ServerTime")) or _date(headers.get("date"))
    return (_time(error.get("RequestTime")) or datetime.now(UTC), theirs) if theirs else None


def _time(text: Any) -> datetime | None:
    for form in ("%Y-%m-%dT%H:%M:%S", "%Y%m%dT%H%M%S"):
        try:
            return datetime.strptime(str(text).removesuffix("Z").partition(".")[0], form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None


def _date(text: Any) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except (ValueError, TypeError, AttributeError):
        return None
