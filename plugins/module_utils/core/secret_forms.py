# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The forms in which a service may echo a secret: encoded for a URL, JSON, HTML or base64, or only its beginning."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

LEAST = 8  # characters of a secret, and of its form: shorter ones are parts of common words
BEGINNING = 12  # characters by which a vendor names a token
OF_WORDS = 20  # where the first of them are words, such as AGE-SECRET-KEY-1, which every such key begins with
STARS = 4  # characters before stars that stand for the rest, as in abcd****
DOTS = 8  # before three dots, which end a sentence too
WORDS = re.compile(r"(?:[a-z]+|[A-Z]+)(?:[-_ .:/]+(?:[a-z]+|[A-Z]+))+[-_ .:/]*")


def forms(secret: str) -> Iterator[str]:
    """Give the encoded forms of a secret that differ from it."""
    if len(secret) < LEAST:
        return
    data = secret.encode(errors="surrogatepass")
    for encoded in (
        quote(data, safe=""),
        quote(data, safe="/"),
        quote_plus(data, safe=""),
        "".join(f"%{byte:02X}" for byte in data),
    ):
        lower = re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), encoded)
        yield from (encoded, lower, quote(encoded, safe=""), quote(lower, safe=""))
    for text in (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
        yield from (text, text.replace("/", "\\/"), json.dumps(text)[1:-1])
    yield from (
        repr(secret)[1:-1],
        html.escape(secret),
        html.escape(secret).replace("&#x27;", "&#39;"),
        data.hex(),
        data.hex().upper(),
    )
    yield from _base64(data)


def _base64(data: bytes) -> Iterator[str]:
    """Give the characters that stand for ``data`` alone inside of the base64 of a longer text, wherever in
    it that begins: ``user:secret`` too.
    """
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + data).decode()
        piece = encoded[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]
        if len(piece) >= LEAST:
            yield from (piece, piece.translate(str.maketrans("+/", "-_")))


def beginning(secret: str) -> Iterator[str]:
    """Give the beginning of a secret that is masked everywhere; none of a URL, which begins as others do."""
    if "://" in secret:
        return
    length = OF_WORDS if WORDS.fullmatch(secret[:BEGINNING]) else BEGINNING
    if len(secret) > length:
        yield secret[:length]


def shortened(secret: str) -> Iterator[re.Pattern[str]]:
    """Give a pattern for the first characters of a secret before what stands for the rest."""
    if len(secret) <= BEGINNING or "://" in secret:
        return
    for least, rest in ((STARS, r"(?=\*{3}|•{3}|…)"), (DOTS, r"(?=\.{3})")):
        more = ""
        for letter in reversed(secret[least:BEGINNING]):
            more = f"(?:{re.escape(letter)}{more})?"
        yield re.compile(re.escape(secret[:least]) + more + rest)
