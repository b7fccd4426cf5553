# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one redactor: keeps secrets out of messages, logs and results."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote, urlsplit

MASK = "********"
SHORTEST = 4  # characters of a secret: masking a shorter one would garble the text and hide nothing
# In a database's address up to the last @, as a raw password may hold / and @ itself.
_DATABASE_PASSWORD = re.compile(r"(?P<head>postgres(?:ql)?://[^\s:/@]*:)\S+(?=@)", re.IGNORECASE)
_TORN = re.compile(r"[/?#@:&=]")
_URL_PASSWORD = re.compile(r"(?P<head>[a-z][a-z0-9+.-]*://[^\s:/@]*:)[^\s/]+(?=@)", re.IGNORECASE)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return ``text`` with every secret, and the password of every URL in it, masked.

    A secret shorter than SHORTEST is left alone.
    """
    for secret in sorted({s for s in secrets if s and len(s) >= SHORTEST}, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return _URL_PASSWORD.sub(rf"\g<head>{MASK}", _DATABASE_PASSWORD.sub(rf"\g<head>{MASK}", text))


def secrets_of_url(url: str | None) -> list[str]:
    """Return what must never be shown of a URL with credentials: itself, and its password as written, decoded and encoded."""
    if not url:
        return []
    try:
        password = urlsplit(url).password
    except ValueError:  # whatever it is, it is no address that could be shown
        return [url, *_meant(url)]
    meant = _meant(url)
    if not password:
        return [url, *meant] if meant else []
    plain = unquote(password)
    return list(dict.fromkeys([url, password, plain, quote(plain, safe=""), *meant]))


def _meant(url: str) -> list[str]:
    """The password that an address has when its special characters were not encoded, and the pieces that it falls into."""
    if "://" not in url or not is_torn(url):
        return []
    password = url.partition("://")[2].rpartition("@")[0].partition(":")[2]
    return [password, unquote(password), *_TORN.split(password)] if _TORN.search(password) else []


def is_torn(url: str) -> bool:
    """Whether a raw / # or ? of the password ended the address too early, so that the rest of it passes for host, path or options.

    An address that is not a database's may have a path of several parts and an @ in it.
    """
    try:
        parts = urlsplit(url)
        _unused = parts.port
    except ValueError:
        return True
    if parts.scheme not in ("postgres", "postgresql"):
        return False
    path = parts.path.lstrip("/")
    return "@" in path or "/" in path or "@" in parts.fragment or ("@" in parts.query and not (parts.username and path))
