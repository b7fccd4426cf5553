# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Performance budgets: a file in the form that Lighthouse had until version 11, held against a report of today's.

See https://developer.chrome.com/docs/lighthouse/performance/performance-budgets of Lighthouse 11.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from ..core.json_text import loads

TYPES = ("document", "script", "stylesheet", "image", "media", "font", "other", "third-party", "total")
TIMINGS = (
    *("first-contentful-paint", "largest-contentful-paint", "interactive", "speed-index", "total-blocking-time"),
    *("cumulative-layout-shift", "max-potential-fid"),
)
KINDS = {
    "resourceSizes": ("resourceType", TYPES),
    "resourceCounts": ("resourceType", TYPES),
    "timings": ("metric", TIMINGS),
}
Budget = Mapping[str, Any]


def read(text: str) -> tuple[list[Budget], list[str]]:
    """Return the budgets of a file, and what is wrong with it."""
    try:
        budgets = loads(text)
    except ValueError:
        return [], ["it is not JSON"]
    if not isinstance(budgets, list) or not budgets or not all(isinstance(one, dict) for one in budgets):
        return [], ["it is not a list of budgets"]
    return budgets, [problem for one in budgets for problem in _wrong(one)]


def _wrong(budget: Budget) -> Iterator[str]:
    yield from (f"a budget has no {name}" for name in budget if name not in (*KINDS, "path", "options"))
    if not any(budget.get(kind) for kind in KINDS):
        yield f"a budget limits nothing: give it {', '.join(KINDS)}"
    hosts = (
        budget.get("options", {}).get("firstPartyHostnames", [])
        if isinstance(budget.get("options", {}), dict)
        else None
    )
    if not isinstance(hosts, list) or not all(isinstance(host, str) for host in hosts):
        yield "options is neither left out nor has a list of firstPartyHostnames"
    if not str(budget.get("path", "/")).startswith("/"):
        yield f"the path {budget['path']!r} does not begin with a slash"
    for kind, (key, known) in KINDS.items():
        if not isinstance(budget.get(kind) or [], list):
            yield f"{kind} is not a list"
            continue
        for one in budget.get(kind) or []:
            name, limit = (one.get(key), one.get("budget")) if isinstance(one, dict) else (None, None)
            if name not in known:
                yield f"{kind} has no {key} {name!r}: choose from {', '.join(known)}"
            elif isinstance(limit, bool) or not isinstance(limit, int | float) or not 0 <= limit < float("inf"):
                yield f"the budget of {name} in {kind} is {limit!r}: give a number"


def over(budgets: list[Budget], report: Mapping[str, Any]) -> list[str]:
    """Return what of a report is over its budget. The last budget whose path matches the page counts."""
    url = str(report.get("finalDisplayedUrl") or report.get("requestedUrl"))
    budget = next((one for one in reversed(budgets) if _matches(str(one.get("path", "/")), url)), {})
    found = _resources(report, budget, url)
    audits = report.get("audits") or {}
    return [
        *_over(budget.get("resourceSizes"), {name: size / 1024 for name, (size, _count) in found.items()}, " KiB"),
        *_over(budget.get("resourceCounts"), {name: count for name, (_size, count) in found.items()}, " requests"),
        *_timings(budget.get("timings"), audits),
    ]


def _over(limits: Any, found: Mapping[str, float], unit: str) -> Iterator[str]:
    for one in limits or []:
        value = found.get(one["resourceType"], 0)
        if value > one["budget"]:
            word = unit.removesuffix("s") if value == 1 else unit
            yield f"{one['resourceType']} has {_number(value)}{word}, more than {_number(one['budget'])}"


def _timings(limits: Any, audits: Mapping[str, Any]) -> Iterator[str]:
    for one in limits or []:
        value = (audits.get(one["metric"]) or {}).get("numericValue")
        if value is None:
            yield f"{one['metric']} was not measured, which needs the category performance"
        elif value > one["budget"]:
            unit = "" if one["metric"] == "cumulative-layout-shift" else " ms"
            yield f"{one['metric']} is {_number(value)}{unit}, more than {_number(one['budget'])}"


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if value < 10 else f"{value:,.0f}"


def _matches(path: str, url: str) -> bool:
    """Match as robots.txt does: * stands for anything, $ for the end."""
    pattern = ".*".join(re.escape(part) for part in path.removesuffix("$").split("*"))
    parts = urlsplit(url)
    here = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return re.match(pattern + ("$" if path.endswith("$") else ""), here) is not None


def _resources(report: Mapping[str, Any], budget: Budget, url: str) -> dict[str, tuple[float, int]]:
    """Return bytes sent and number of requests by type."""
    own = (budget.get("options") or {}).get("firstPartyHostnames") or [_domain(urlsplit(url).hostname or "")]
    found: dict[str, tuple[float, int]] = {}
    details = ((report.get("audits") or {}).get("network-requests") or {}).get("details") or {}
    for one in details.get("items") or []:
        parts = urlsplit(str(one.get("url")))
        if parts.scheme not in ("http", "https"):
            continue
        kind = str(one.get("resourceType") or "other").lower()
        kinds = ["total", kind if kind in TYPES else "other"]
        if not any(_is_of(parts.hostname or "", host) for host in own):
            kinds.append("third-party")
        for name in kinds:
            size, count = found.get(name, (0.0, 0))
            found[name] = (size + float(one.get("transferSize") or 0), count + 1)
    return found


def _domain(host: str) -> str:
    """Return the last two labels of a name; an address as it is."""
    return host if re.fullmatch(r"[\d.]+|.*:.*", host) else ".".join(host.split(".")[-2:])


def _is_of(host: str, own: str) -> bool:
    name = own.removeprefix("*.")
    return host == name or host.endswith(f".{name}")
