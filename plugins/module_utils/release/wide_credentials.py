# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which credentials of an inventory reach further than one storefront, as far as their form shows it.

The prefixes are the vendors' own: GitHub's ``ghp_`` (classic) and ``gho_`` (OAuth), Sentry's ``sntryu_`` (of a user),
Slack's ``xoxp-`` (of a user). A token of Vercel does not show its scope, and its API does not report it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

GLOBAL_KEY = re.compile(r"[0-9a-f]{37}")  # Cloudflare's, of the whole account


def wide_credentials(given: Mapping[str, Any]) -> list[str]:
    """Return a line for each credential that is too wide: what it reaches, and what to use. Values are never shown.

    ``given`` has environment_role, surfaces and the variables of the inventory by their names. In development nothing
    is flagged.
    """
    if given["environment_role"] == "development":
        return []
    return [*_of_backend(given), *_of_services(given), *_of_servers(given)]


def _of_backend(given: Mapping[str, Any]) -> Iterator[str]:
    if "backend" not in given["surfaces"] or not given["backend_token"]:
        return
    if given["backend_platform"] == "render":
        yield (
            "backend_token reaches every workspace of its user: Render has no narrower key. Create the key as a user"
            " who is a member of the shop's workspace only"
        )
    elif given["backend_token_type"] == "account":  # noqa: S105
        yield (
            "backend_token reaches every project of its account or workspace. Create a project token in the settings of"
            " the project, and set backend_token_type to project"
        )


def _of_services(given: Mapping[str, Any]) -> Iterator[str]:
    if str(given["notify_github_token"]).startswith(("ghp_", "gho_")):
        yield (
            "notify_github_token reaches every repository of its user. Use a fine-grained token of the shop's"
            " repository"
        )
    if str(given["notify_sentry_token"]).startswith("sntryu_"):
        yield "notify_sentry_token has the rights of its user. Use the token of an internal integration"
    if str(given["notify_slack_token"]).startswith("xoxp-"):
        yield "notify_slack_token acts as its user. Use the token of a bot (xoxb-)"
    if GLOBAL_KEY.fullmatch(str(given["edge_token"])):
        yield "edge_token looks like Cloudflare's Global API Key, of the whole account. Use a token of the shop's zone"


def _of_servers(given: Mapping[str, Any]) -> Iterator[str]:
    if _user(given["database_url"]) == "postgres":
        yield "database_url logs in as postgres, the server's superuser. Use a role with the rights of docs/rights.md"
    if given["redis_url"] and _user(given["redis_url"]) in ("", "default"):
        yield "redis_url logs in as the default user. Use a user with the rights of docs/rights.md"


def _user(url: Any) -> str:
    """Return the user of an address; empty where it names none, or is none."""
    try:
        return urlsplit(str(url)).username or ""
    except ValueError:
        return ""
