# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cloudflare's API: zones, purges of their cache, cache statistics, and the token itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ...core.errors import ApiError, ConfigError
from ...core.http import ApiClient
from ...core.shape import Shape
from ...core.wait import nothing

API_URL = "https://api.cloudflare.com/client/v4"
BATCH_SIZE = 100  # items; every plan accepts this many, Enterprise accepts 500 URLs

CACHE_STATUSES = """
query CacheStatuses($zone: string!, $filter: ZoneHttpRequestsAdaptiveGroupsFilter_InputObject!) {
  viewer {
    zones(filter: {zoneTag: $zone}) {
      httpRequestsAdaptiveGroups(limit: 100, filter: $filter, orderBy: [count_DESC]) {
        count
        sum { edgeResponseBytes }
        dimensions { cacheStatus }
      }
    }
  }
}
"""


ERRORS = [{"code?": (int, str), "message?": str}]
ANSWER = {"success?": bool, "errors?": ERRORS, "result?": object}
ZONE = {"id": str, "name": str, "status?": str, "paused?": bool, "plan?": {"name?": str}}
MODE = {"value": str, "time_remaining?": float}
STATISTICS = {"errors?": [{"message?": str, "extensions?": {"code?": str}}], "data?": object}
GROUP = {"count": int, "sum": {"edgeResponseBytes": int}, "dimensions": {"cacheStatus": str}}
GROUPS = {"viewer": {"zones": [{"httpRequestsAdaptiveGroups": [GROUP]}]}}


@dataclass(frozen=True)
class Zone:
    """``name`` is None where the token may purge the zone but not read it."""

    id: str
    name: str | None


def parse_error(response: Any) -> tuple[str | None, str | None]:
    """Return the code and message of an error answer; (None, None) when it does not come from Cloudflare's API."""
    try:
        return first_error(response.json())
    except ValueError:
        return None, None


def first_error(answer: Any) -> tuple[str | None, str | None]:
    """Return code and message of the first of ``{success: false, errors: [{code, message}]}``."""
    try:
        error = answer["errors"][0]
        return str(error["code"]), str(error["message"])
    except (LookupError, TypeError):
        return None, None


class Cloudflare:
    """Calls Cloudflare with an API token. ``client`` goes to ApiClient."""

    def __init__(
        self,
        api_token: str,
        api_url: str = API_URL,
        *,
        warn: Callable[[str], None] = nothing,
        **client: Any,
    ) -> None:
        self._api = ApiClient(
            "Cloudflare", api_url, headers={"Authorization": f"Bearer {api_token}"}, parse_error=parse_error, **client
        )
        self._warn = warn

    def close(self) -> None:
        self._api.close()

    def zone(self, name_or_id: str) -> Zone:
        """Find a zone by its name or its id of 32 hexadecimal digits. Raises ConfigError when the token
        sees no such zone.
        """
        if re.fullmatch(r"[0-9a-f]{32}", name_or_id):
            return self._zone_by_id(name_or_id)
        found = self._call("GET", "/zones", [ZONE], params={"name": name_or_id})
        live = [zone for zone in found if zone.get("status") == "active"] or found
        if len(live) == 1:
            return Zone(live[0]["id"], live[0]["name"])
        if not live:
            raise ConfigError(
                f"Cloudflare has no zone {name_or_id!r} that this token may read. Correct zone (the domain's apex, such"
                " as shop.example), give the zone's id instead, or give the token the permission Zone: Read.",
                code="unknown_zone",
            )
        raise ConfigError(
            f"Cloudflare has {len(live)} zones called {name_or_id!r}. Set zone to the id of the right one.",
            code="ambiguous_zone",
        )

    def _zone_by_id(self, zone_id: str) -> Zone:
        try:
            return Zone(zone_id, self._call("GET", f"/zones/{zone_id}", ZONE)["name"])
        except ApiError as error:
            if error.status != 403:
                raise
        self._warn(
            f"The token may not read the zone {zone_id}, so only the purge itself will show whether the zone exists and"
            " the token may purge it."
        )
        return Zone(zone_id, None)

    def purge_everything(self, zone_id: str) -> None:
        self._purge(zone_id, {"purge_everything": True})

    def purge(self, zone_id: str, kind: str, batches: Sequence[Sequence[Any]]) -> None:
        """Purge ``batches`` of one ``kind`` (files, tags, hosts or prefixes), with one request for each."""
        for batch in batches:
            self._purge(zone_id, {kind: list(batch)})

    def details(self, zone_id: str) -> dict[str, Any]:
        """Return the zone as Cloudflare describes it."""
        return self._call("GET", f"/zones/{zone_id}", ZONE)

    def development_mode(self, zone_id: str) -> int | None:
        """Return the remaining seconds of development mode; None when it is off."""
        mode = self._call("GET", f"/zones/{zone_id}/settings/development_mode", MODE)
        return int(mode.get("time_remaining") or 0) if mode.get("value") == "on" else None

    def cache_statuses(self, zone_id: str, since: str, until: str, hosts: Sequence[str]) -> dict[str, dict[str, int]]:
        """Return the number of visitors' requests and bytes by cache status. Times are in ISO 8601; the
        counts are sampled.
        """
        asked: dict[str, Any] = {"datetime_geq": since, "datetime_lt": until, "requestSource": "eyeball"}
        if hosts:
            asked["clientRequestHTTPHost_in"] = list(hosts)
        # A query changes nothing, so it is sent again when the answer is lost.
        body = {"query": CACHE_STATUSES, "variables": {"zone": zone_id, "filter": asked}}
        answer = self._api.json("POST", "/graphql", shape=STATISTICS, json=body, idempotent=True, writes=False)
        if errors := answer.get("errors"):
            first: dict[str, Any] = errors[0]
            code = (first.get("extensions") or {}).get("code")
            raise ApiError(
                f"Cloudflare did not return the cache statistics: {first.get('message')}. Give the token the permission"
                " Zone: Analytics: Read, and ask for a period that the zone's plan keeps.",
                code=code,
                status=200,
            )
        zones = self._api.conform("POST /graphql", answer.get("data"), GROUPS)["viewer"]["zones"]
        groups = zones[0]["httpRequestsAdaptiveGroups"] if zones else []
        return {
            group["dimensions"]["cacheStatus"]: {"requests": group["count"], "bytes": group["sum"]["edgeResponseBytes"]}
            for group in groups
        }

    def verify_token(self) -> str:
        """Return the status of the token, such as ``active``; for tokens of a user, not of an account."""
        return self._call("GET", "/user/tokens/verify", {"status": str})["status"]

    def token(self) -> dict[str, Any]:
        """Return the token's ``status`` and, where it ends, ``expires_on``; for tokens of a user, not of an account."""
        return self._call("GET", "/user/tokens/verify", {"status": str, "expires_on?": (str, None)})

    def _purge(self, zone_id: str, body: dict[str, Any]) -> None:
        # A second purge does no harm, so the request is sent again when the answer is lost.
        self._call("POST", f"/zones/{zone_id}/purge_cache", ({}, None), json=body, idempotent=True)

    def _call(self, method: str, path: str, shape: Shape, **request: Any) -> Any:
        """Return the fields of ``result`` that ``shape`` names. A 200 with ``success: false`` is an error too."""
        answer = self._api.json(method, path, shape=ANSWER, **request)
        if answer.get("success") is not True:
            code, message = first_error(answer)
            raise ApiError(
                f"Cloudflare refused {method} {path}:"
                f" {message or 'it gave no reason'}{f' (code {code})' if code else ''}. Check zone and the permissions"
                " of the token, then run it again.",
                code=code,
                status=200,
            )
        return self._api.conform(f"{method} {path}", answer.get("result"), shape)
