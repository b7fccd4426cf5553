# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The answers that a platform counted for the backend's web units."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ApiError, ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.watch.platform import counted, refuse_missing

from tests.unit.support import Answer, FakeVendor, Request, reply

UNITS = [{"name": "api", "service": "srv-1", "kind": "web"}, {"name": "worker", "service": "srv-2", "kind": "worker"}]
RENDER = {"platform": "render", "api_token": "token", "api_url": "https://render.test", "units": UNITS}


def series(status: str, *values: float) -> dict[str, Any]:
    labels = [{"field": "resource", "value": "srv-1"}, {"field": "statusCode", "value": status}]
    return {"labels": labels, "values": [{"value": value} for value in values], "unit": "requests"}


def render(request: Request) -> Answer:
    if request.path.endswith("/metrics/http-requests"):
        return reply(200, [series("200", 90, 5), series("404", 2), series("500", 1), series("503", 2), series("", 7)])
    return reply(200, {"id": "srv-1", "name": "api", "ownerId": "tea-1"})


def test_render_counts_the_answers_of_the_web_units() -> None:
    vendor = FakeVendor(render)
    with vendor.installed():
        found = counted(RENDER, 90, lambda: None)
    assert list(found) == ["Render api"]
    api = found["Render api"]
    assert (api.asked, api.failed) == (100, 3)
    assert api.why == "1 answer with 500, 2 answers with 503"
    query = vendor.requests[-1].query
    assert (query["resource"], query["aggregateBy"]) == ("srv-1", "statusCode")


def test_an_answer_of_another_shape_is_an_error_and_no_count() -> None:
    vendor = FakeVendor(lambda request: reply(200, {"id": "srv-1", "name": "a", "ownerId": "t"}))
    with vendor.installed(), pytest.raises(ApiError):
        counted(RENDER, 60, lambda: None)


def test_a_platform_that_cannot_be_asked_is_refused() -> None:
    with pytest.raises(ConfigError, match="api_token, units is missing"):
        refuse_missing({"platform": "railway"})
    with pytest.raises(ConfigError, match="no unit of backend_units answers requests"):
        refuse_missing({**RENDER, "units": UNITS[1:]})
    refuse_missing(RENDER)
