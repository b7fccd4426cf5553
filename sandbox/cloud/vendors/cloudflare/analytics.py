# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cloudflare's analytics: GraphQL on what the edge has answered. The types are those of the vendor's
documentation; its schema is not published.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo, build_schema, graphql_sync

from ...edge import Edge

LONGEST = timedelta(days=1)  # of one query, on the smallest plan
SCHEMA = build_schema("""
scalar string
scalar Time
scalar uint64

type Query { viewer: viewer }
type viewer { zones(filter: ZoneFilter_InputObject, limit: uint64): [zone!]! }
type zone {
  zoneTag: string!
  httpRequestsAdaptiveGroups(
    filter: ZoneHttpRequestsAdaptiveGroupsFilter_InputObject, limit: uint64!, orderBy: [ZoneHttpRequestsAdaptiveGroupsOrderBy!]
  ): [ZoneHttpRequestsAdaptiveGroups!]!
}
type ZoneHttpRequestsAdaptiveGroups {
  count: uint64!
  sum: ZoneHttpRequestsAdaptiveGroupsSum
  dimensions: ZoneHttpRequestsAdaptiveGroupsDimensions
}
type ZoneHttpRequestsAdaptiveGroupsSum { edgeResponseBytes: uint64! visits: uint64! }
type ZoneHttpRequestsAdaptiveGroupsDimensions { cacheStatus: string! }
enum ZoneHttpRequestsAdaptiveGroupsOrderBy { count_DESC count_ASC }
input ZoneFilter_InputObject { zoneTag: string, zoneTag_in: [string!] }
input ZoneHttpRequestsAdaptiveGroupsFilter_InputObject {
  datetime_geq: Time
  datetime_lt: Time
  requestSource: string
  clientRequestHTTPHost: string
  clientRequestHTTPHost_in: [string!]
}
""")  # noqa: E501


class _Viewer:
    def __init__(self, edges: Mapping[str, Edge]) -> None:
        self.edges = edges

    def viewer(self, info: GraphQLResolveInfo[Any]) -> _Viewer:
        return self

    def zones(self, info: GraphQLResolveInfo[Any], filter: dict[str, Any] | None = None, **_: Any) -> list[_Zone]:
        tag = (filter or {}).get("zoneTag")
        found = [edge for edge in self.edges.values() if tag in (None, edge.front.zone)]
        if not found:
            raise GraphQLError(f"zones [{tag}] are not authorized", extensions={"code": "authz"})
        return [_Zone(edge.front.zone, edge.seen) for edge in found]


class _Zone:
    def __init__(self, tag: str, seen: Any) -> None:
        self.zoneTag, self.seen = tag, seen

    def httpRequestsAdaptiveGroups(
        self, info: GraphQLResolveInfo[Any], limit: int, filter: dict[str, Any] | None = None, **_: Any
    ) -> list[dict[str, Any]]:
        given = filter or {}
        since, until = (datetime.fromisoformat(given[key]) for key in ("datetime_geq", "datetime_lt"))
        if until - since > LONGEST:
            raise GraphQLError(
                "query time range is too large: you cannot request more than 1 day", extensions={"code": "quota"}
            )
        hosts = given.get("clientRequestHTTPHost_in") or (
            [given["clientRequestHTTPHost"]] if given.get("clientRequestHTTPHost") else None
        )
        groups: dict[str, list[int]] = defaultdict(list)
        for at, host, status, size in self.seen:
            if since.timestamp() <= at < until.timestamp() and (hosts is None or host in hosts):
                groups[status].append(size)
        ordered = sorted(groups.items(), key=lambda group: -len(group[1]))[:limit]
        return [
            {
                "count": len(sizes),
                "sum": {"edgeResponseBytes": sum(sizes), "visits": 0},
                "dimensions": {"cacheStatus": key},
            }
            for key, sizes in ordered
        ]


def execute(edges: Mapping[str, Edge], body: dict[str, Any]) -> dict[str, Any]:
    """Answer a GraphQL request; errors are in the body, as at the vendor."""
    result = graphql_sync(SCHEMA, str(body.get("query")), _Viewer(edges), variable_values=body.get("variables"))
    errors = [
        {"message": error.message, "path": error.path, "extensions": error.extensions or {}}
        for error in result.errors or ()
    ]
    return {"data": None if errors else result.data, "errors": errors or None}
