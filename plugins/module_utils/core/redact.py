# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one redactor: keeps secrets out of messages, logs and results."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from .secret_forms import beginning, forms, shortened

MASK = "********"
SHORTEST = 4  # characters of a secret: masking a shorter one would garble the text and hide nothing
TOKEN = 8  # characters of a user in a URL that is a token
SENSITIVE = r"(?:[\w.-]{0,40}[_.-])?(?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|signature|sig|protection-bypass|credential)"  # noqa: E501
_URL = re.compile(r"[a-z][a-z0-9+.-]{0,30}://\S+", re.IGNORECASE)
# In a database's address up to the last @, as a raw password may hold / and @ itself.
_DATABASE_PASSWORD = re.compile(r"(?P<head>postgres(?:ql)?://[^\s:/@]*:)\S+(?=@)", re.IGNORECASE)
_TORN = re.compile(r"[/?#@:&=]")
_PASSWORD = re.compile(r"(?P<head>://[^\s:/@]*:)[^\s/]+(?=@)")
_PARAMETER = re.compile(rf"(?P<head>[?&#]{SENSITIVE}=)[^&#\s\"'<>]+", re.IGNORECASE)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return ``text`` with every secret masked, in each form that ``secret_forms`` knows, and the password and secret
    parameters of every URL in it.

    A secret shorter than SHORTEST is left alone.
    """
    masks = _masks(frozenset(s for s in secrets if s and len(s) >= SHORTEST))
    for form in masks.whole:
        if form in text:
            text = text.replace(form, MASK)
    for first, secret in masks.beginnings:
        text = _without(text, first, secret)
    for pattern in masks.shortened:
        text = pattern.sub(MASK, text)
    return _URL.sub(
        lambda url: _PARAMETER.sub(_masked, _PASSWORD.sub(_masked, _DATABASE_PASSWORD.sub(_masked, url[0]))), text
    )


def _masked(found: re.Match[str]) -> str:
    return f"{found['head']}{MASK}"


def _without(text: str, first: str, secret: str) -> str:
    """Return ``text`` without what begins with the first characters of a secret, for as long as it
    continues like the secret.
    """
    shown, at = [], 0
    while (begin := text.find(first, at)) >= 0:
        end = begin + len(first)
        while text[end : end + 1] == secret[end - begin : end - begin + 1] != "":
            end += 1
        shown += [text[at:begin], MASK]
        at = end
    return "".join([*shown, text[at:]])


@dataclass(frozen=True)
class Masks:
    """What is masked everywhere, the longest first; beginnings, with their secrets; and what is cut short."""

    whole: list[str]
    beginnings: list[tuple[str, str]]
    shortened: list[re.Pattern[str]]


@lru_cache(maxsize=64)
def _masks(secrets: frozenset[str]) -> Masks:
    whole = {form for secret in secrets for form in (secret, *forms(secret))}
    return Masks(
        sorted(whole, key=len, reverse=True),
        [(first, secret) for secret in secrets for first in beginning(secret)],
        [pattern for secret in secrets for pattern in shortened(secret)],
    )


def all_forms(secrets: Iterable[str]) -> set[str]:
    """Return what has to be masked for ``secrets`` by somebody who can only compare text."""
    masks = _masks(frozenset(s for s in secrets if s and len(s) >= SHORTEST))
    return {*masks.whole, *(first for first, _secret in masks.beginnings)}


def secrets_of_url(url: str | None) -> list[str]:
    """Return what must never be shown of a URL with credentials: itself, and its password and secret parameters as
    written, decoded and encoded.

    Over HTTP a user without a password is a token, as of a Git host.
    """
    if not url:
        return []
    try:
        parts = urlsplit(url)
        asked = parse_qsl(parts.query)
    except ValueError:  # whatever it is, it is not an address that could be shown
        return [url, *_meant(url)]
    token = (
        parts.username
        if parts.scheme in ("http", "https", "git+https") and len(parts.username or "") >= TOKEN
        else None
    )
    written = [
        parts.password or token,
        *(value for name, value in asked if re.fullmatch(SENSITIVE, name, re.IGNORECASE)),
    ]
    found = [url]
    for secret in written:
        if secret:
            plain = unquote(secret)
            found += [secret, plain, quote(plain, safe="")]
    found += _meant(url)
    return list(dict.fromkeys(found)) if len(found) > 1 else []


def _meant(url: str) -> list[str]:
    """The password that an address has when its special characters were not encoded, and the pieces that it
    falls into.
    """
    if "://" not in url or not is_torn(url):
        return []
    password = url.partition("://")[2].rpartition("@")[0].partition(":")[2]
    return [password, unquote(password), *_TORN.split(password)] if _TORN.search(password) else []


def is_torn(url: str) -> bool:
    """Whether a raw / # or ? of the password ended the address too early, so that the rest of it passes for host, path
    or options.

    An address that is not a database's may have a path of several parts and an @ in it.
    """
    try:
        parts = urlsplit(url)
        int(parts.port or 0)  # reading it refuses a port that is none
    except ValueError:
        return True
    if parts.scheme not in ("postgres", "postgresql"):
        return False
    path = parts.path.lstrip("/")
    return "@" in path or "/" in path or "@" in parts.fragment or ("@" in parts.query and not (parts.username and path))
