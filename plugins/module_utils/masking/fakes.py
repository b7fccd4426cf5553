# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Invented values: tables of them, which a key alone decides, from which the server picks by the original value.

Faker invents them, since its names and addresses look like those of a shop's customers, and it is kept current.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import traceback
from collections.abc import Callable
from typing import Any

try:
    import faker
except ImportError:
    FAKER_ERROR: str | None = traceback.format_exc()
else:
    FAKER_ERROR = None

SIZE = 4096  # values of a table; a power of two, so that a digest picks one by its first bits
SUFFIX = 6  # characters that a value gets where it is also a real one


def _word(source: Any) -> str:
    return re.sub("[^a-z]", "", source.first_name().lower())[:20] or "customer"


# What fills a table of invented values. phone needs none: it is made of the digest alone.
POOLS: dict[str, Callable[[Any], str]] = {
    "name": lambda source: source.name(),
    "first_name": lambda source: source.first_name(),
    "last_name": lambda source: source.last_name(),
    "email": _word,
    "username": _word,
    "address": lambda source: f"{source.street_address()}, {source.city()}",
    "street": lambda source: source.street_address(),
    "city": lambda source: source.city(),
    "postcode": lambda source: f"00{source.random_int(0, 499):03}",  # which the USPS has given to nobody
    "company": lambda source: source.company(),
    "text": lambda source: source.sentence(),
}
KINDS = (*POOLS, "phone")
UNIQUE = ("email", "username")  # they hold 64 bits of the digest
# The fewest characters that a column needs for each.
SHORTEST = {"email": 49, "username": 37, "phone": 14, "postcode": 5 + SUFFIX}
DEFAULT_SHORTEST = 16


def shortest(kind: str) -> int:
    return SHORTEST.get(kind, DEFAULT_SHORTEST)


def pool(kind: str, limit: int | None, key: str) -> list[str]:
    """Return the values for a column of ``limit`` characters, always the same for a key and a release of Faker."""
    source = faker.Faker("en_US")
    source.seed_instance(
        int.from_bytes(hmac.new(key.encode(), f"pool {kind}".encode(), hashlib.sha256).digest()[:8], "big")
    )
    values = [POOLS[kind](source) for _turn in range(SIZE)]
    return [value[: limit - SUFFIX].strip() for value in values] if limit and kind not in UNIQUE else values


def pads(key: str) -> tuple[bytes, bytes]:
    """Return the inner and the outer pad of HMAC-SHA256 (RFC 2104), with which SQL computes it by sha256 alone."""
    raw = key.strip().encode()
    block = (hashlib.sha256(raw).digest() if len(raw) > 64 else raw).ljust(64, b"\0")
    return bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block)
