# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Render service's own variables, one by one: Render can replace the whole list at once as well, which nothing here does."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import quote

from ..core.errors import ApiError
from .render import Render


def variables(client: Render) -> dict[str, str]:
    """Return the service's variables with their values, which are secrets; without those of linked environment groups."""
    return {item["key"]: item["value"] for item in client.pages(f"{client.path}/env-vars", "envVar")}


def write(client: Render, values: Mapping[str, str]) -> None:
    """Set each of ``values``; the others stay."""
    for name, value in values.items():
        client.waiter.beat()
        client.api.json("PUT", f"{client.path}/env-vars/{quote(name, safe='')}", json={"value": value})


def remove(client: Render, names: list[str]) -> None:
    for name in names:
        client.waiter.beat()
        try:
            client.api.json("DELETE", f"{client.path}/env-vars/{quote(name, safe='')}")
        except ApiError as error:
            if error.status != HTTPStatus.NOT_FOUND:  # as after an answer that was lost
                raise
