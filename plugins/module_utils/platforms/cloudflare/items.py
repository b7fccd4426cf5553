# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Items to purge from Cloudflare's cache, in the form that Cloudflare compares: only ASCII, without duplicates."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any
from urllib.parse import quote, urlsplit

with suppress(ImportError):  # comes with requests; core.http reports it in run()
    import idna

from ...core.errors import ConfigError
from ...core.redact import redact

# The form of each kind, as an expression and in words.
SHAPES = {
    "files": (
        r"https?://[^/?\s#@]+(?:[/?][^\s#]*)?",
        "a URL that begins with https:// or http://, without a fragment (#…), or a dictionary of url, headers",
    ),
    "tags": (
        r"[!-+\--~]{1,1024}",
        "a tag of at most 1,024 ASCII characters without blanks; a comma separates two tags, so give a list",
    ),
    "hosts": (r"[^\s/:?#@]+(:\d+)?", "a host name without scheme and path"),
    "prefixes": (
        r"[^\s/:?#@]+(:\d+)?(/[^\s?#]*)?",
        "host and path without scheme, query and fragment, such as www.shop.example/products",
    ),
}
HEADERS = 16 << 10  # bytes of the headers that are part of a URL's cache key
WRITTEN = "!$%&'()*+,;=:@/?~[]"  # characters of a path and a query that stay as they are


def accepted(kind: str, items: list[Any]) -> list[Any]:
    """Return the items in one form and without duplicates. Raises ConfigError for one that Cloudflare would refuse."""
    sent = [_item(kind, item) for item in items]
    if any(isinstance(item, dict) for item in sent):
        sent = [item if isinstance(item, dict) else {"url": item, "headers": {}} for item in sent]
    return list({json.dumps(item, sort_keys=True): item for item in sent}.values())


def _item(kind: str, item: Any) -> Any:
    shape, meaning = SHAPES[kind]
    of_dictionary = kind == "files" and isinstance(item, dict) and set(item) <= {"url", "headers"}
    text = item.get("url") if of_dictionary else item
    if not isinstance(text, str) or not re.fullmatch(shape, text):
        raise ConfigError(f"{redact(repr(item))} in {kind} is not a form that Cloudflare accepts. Give {meaning}.")
    if kind == "tags":
        return text
    try:
        text = _ascii(text, kind)
    except (ValueError, UnicodeError):
        raise ConfigError(f"{redact(repr(item))} in {kind} has an invalid host name. Give {meaning}.") from None
    return {"url": text, "headers": _headers(item.get("headers"), item)} if of_dictionary else text


def _ascii(text: str, kind: str) -> str:
    """Return an address as a browser sends it: the host in punycode, other letters percent-encoded. Raises
    ValueError.
    """
    if text.isascii():
        urlsplit(text)  # raises for an invalid IPv6 address
        return text
    scheme, found, rest = text.partition("://") if kind == "files" else ("", "", text)
    host, slash, path = re.fullmatch(r"([^/?]*)(/?)(.*)", rest, re.DOTALL).groups()  # type: ignore[union-attr]
    name, colon, port = host.partition(":")
    name = name if name.isascii() else idna.encode(name, uts46=True).decode()
    return f"{scheme}{found}{name}{colon}{port}{slash}{quote(path, safe=WRITTEN)}"


def _headers(headers: Any, item: Any) -> dict[str, str]:
    fine = isinstance(headers or {}, dict) and all(
        isinstance(text, str) and text.isprintable() for pair in (headers or {}).items() for text in pair
    )
    if not fine or len(json.dumps(headers or {})) > HEADERS:
        raise ConfigError(
            f"The headers of {redact(str(item.get('url')))} in files are not a form that Cloudflare accepts. Give names"
            " and texts, at most 16 KB together."
        )
    return headers or {}
