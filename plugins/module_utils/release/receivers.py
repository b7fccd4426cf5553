# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with those whom a run reports to. Without this they would refuse it only as the run begins, when a
report that fails is a warning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..core.amounts import number
from ..core.errors import ConfigError
from ..core.urls import refuse_credentials, refuse_plain_http
from . import placeholders
from .argument_spec import is_empty

ADDRESSES = ("notify_events_url", "notify_webhook_url", "notify_otlp_url")
LINKS = ("notify_report_url", "notify_log_url", "notify_url")  # everybody who reads a report sees them
SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
FORMS = {
    "notify_github_repository": (re.compile(rf"{SLUG.pattern}/{SLUG.pattern}"), "owner/name, such as yourstore/shop"),
    "notify_sentry_organization": (SLUG, "its slug, which is in its address at Sentry"),
    "notify_sentry_projects": (SLUG, "slugs, which are in the addresses of the projects at Sentry"),
    "notify_slack_channel": (re.compile(r"\S+"), "its id or its name, such as C0123456789"),
}
SHORTEST_KEY = 32  # characters
LONGEST_WAIT = 60  # seconds


def wrong(specs: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the addresses, the key and the time. ``values`` are those of the storefront."""
    allowed = str(values.get("allow_plain_http", "")).lower() in ("true", "yes", "on", "1")
    for name in ADDRESSES:
        address = values.get(name)
        if name not in specs or is_empty(address):
            continue
        try:
            refuse_credentials(str(address), name, "Use notify_events_token or notify_otlp_headers.")
            refuse_plain_http(str(address), name, "the report of the run", allowed)
        except ConfigError as error:
            yield str(error).rstrip(".")
    yield from _links(specs, values)
    for name in (one for one in FORMS if one in specs):
        yield from _form(name, values.get(name))
    key = values.get("notify_webhook_key")
    if "notify_webhook_key" in specs and isinstance(key, str) and 0 < len(key) < SHORTEST_KEY:
        yield (
            f"notify_webhook_key has {number(len(key), 'character')} and needs {SHORTEST_KEY}, so that nobody can guess"
            " it: create one with openssl rand -hex 32"
        )
    if "notify_timeout" in specs and not 0 < _seconds(values.get("notify_timeout")) <= LONGEST_WAIT:
        yield f"notify_timeout must be more than 0 and at most {LONGEST_WAIT} seconds: a run waits for its receivers"


def _links(specs: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[str]:
    given = {name: values.get(name) for name in LINKS if name in specs}
    links = values.get("notify_links") if "notify_links" in specs else None
    for place, link in enumerate(links if isinstance(links, list) else []):
        url = link.get("url") if isinstance(link, Mapping) else None
        given[f"notify_links[{place}].url"] = url
        if isinstance(url, str) and not re.match("https?://", url, re.IGNORECASE):
            yield f"notify_links[{place}].url must begin with https:// or http://"
    for name, address in given.items():
        try:
            refuse_credentials(str(address or ""), name, "It is shown in messages and on pages.")
        except ConfigError as error:
            yield str(error).rstrip(".")


def _form(name: str, value: Any) -> Iterator[str]:
    """Yield what is wrong with a text, or with the texts of a list; their types are checked elsewhere."""
    pattern, form = FORMS[name]
    texts = [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str) and one]
    wrong_ones = [one for one in texts if not pattern.fullmatch(one) and not placeholders.found("", one)]
    if wrong_ones:
        yield f"{name} is {', '.join(map(repr, wrong_ones))}. Write {form}"


def _seconds(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return 1  # it is not set, or its type has been refused
