# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the receivers of a run's events. Without this they would refuse it only as the run begins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..core.amounts import number
from ..core.errors import ConfigError
from ..core.urls import refuse_credentials, refuse_plain_http
from .argument_spec import is_empty

ADDRESSES = ("notify_events_url", "notify_webhook_url", "notify_otlp_url")
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
    key = values.get("notify_webhook_key")
    if "notify_webhook_key" in specs and isinstance(key, str) and 0 < len(key) < SHORTEST_KEY:
        yield (
            f"notify_webhook_key has {number(len(key), 'character')} and needs {SHORTEST_KEY}, so that nobody can guess"
            " it: create one with openssl rand -hex 32"
        )
    if "notify_timeout" in specs and not 0 < _seconds(values.get("notify_timeout")) <= LONGEST_WAIT:
        yield f"notify_timeout must be more than 0 and at most {LONGEST_WAIT} seconds: a run waits for its receivers"


def _seconds(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return 1  # it is not set, or its type has been refused
