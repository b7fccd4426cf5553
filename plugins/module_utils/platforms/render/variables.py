# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Render service's own variables, changed one by one. Render can also replace the whole list; nothing
here does that.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from urllib.parse import quote

from ...core.errors import ApiError
from ...core.shape import EMPTY
from .client import Render

PURPOSE = b"storefront.runbook variables"


def variables(client: Render) -> dict[str, str]:
    """Return the service's variables with their values, which are secrets; without those of linked
    environment groups.
    """
    return {
        item["key"]: item["value"]
        for item in client.pages(f"{client.path}/env-vars", "envVar", {"key": str, "value": str})
    }


def write(client: Render, values: Mapping[str, str]) -> None:
    """Set each of ``values``; the others stay."""
    for name, value in values.items():
        client.api.json(
            "PUT", f"{client.path}/env-vars/{quote(name, safe='')}", shape={"key": str}, json={"value": value}
        )


def remove(client: Render, names: list[str]) -> None:
    for name in names:
        try:
            client.api.json("DELETE", f"{client.path}/env-vars/{quote(name, safe='')}", shape=EMPTY)
        except ApiError as error:
            if not error.is_missing:  # already removed, for example by a try whose answer was lost
                raise


def digest(key: str, name: str, value: str) -> str:
    """Return the HMAC-SHA256 of a variable.

    The key of the HMAC is derived from ``key``, so that a digest cannot be used to test guesses of an API token. The
    name is digested too, so that two variables with the same value have different digests.
    """
    derived = hmac.new(key.encode(), PURPOSE, hashlib.sha256).digest()
    return hmac.new(derived, f"{name}\0{value}".encode(), hashlib.sha256).hexdigest()


def digests(values: Mapping[str, str], key: str) -> list[dict[str, str]]:
    """Return ``[{name, digest}]``, sorted by name. Comparing two lists shows which values differ, and reveals none."""
    return [{"name": name, "digest": digest(key, name, value)} for name, value in sorted(values.items())]


def differing(
    names: Iterable[str], known: Iterable[Mapping[str, str]], today: Iterable[Mapping[str, str]]
) -> list[str]:
    """Return those of ``names`` whose value may have changed; a name without a known earlier value is one of them."""
    before, after = ({one["name"]: one["digest"] for one in listed} for listed in (known, today))
    return [name for name in dict.fromkeys(names) if name not in before or before[name] != after.get(name)]
