# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator's pages of a shop on the sandbox, asked in this process; and what somebody does in a dashboard."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import requests
from ansible_collections.storefront.runbook.plugins.modules import (
    storefront_diagnosis,
    storefront_logs,
    storefront_releases,
    storefront_status,
)

from molecule.conftest import Played, Shop
from sandbox.process import wait_until
from tests.unit.support import run_module

FRONTEND_CHECKS = [
    {"name": name, "url": url, "site": "frontend", "release": {"meta": "release"}}
    for name, url in (("homepage", "/"), ("products", "/products"))
]
HEALTH = {"status": "healthy", "services.database": "connected", "services.redis": "connected"}
BACKEND_CHECKS = [
    {"name": "health", "url": "/health", "site": "backend", "json": HEALTH, "release": {"json": "release"}}
]


def options(shop: Shop, **other: Any) -> dict[str, Any]:
    """Return the options of a page's module."""
    state, at = shop.sandbox.state, shop.at
    cloud, tokens, s3 = state["cloud"], state["tokens"], state["s3"]
    frontend = {"project": at["vercel"]["project"], "team": at["vercel"]["team"], "url": at["frontend_url"]}
    return {
        "storefront": shop.name,
        "store": at["store"],
        **{f"store_{name}": s3[name] for name in ("endpoint_url", "access_key", "secret_key", "region")},
        "frontend": {**frontend, "api_token": tokens["vercel"], "api_url": cloud["vercel_url"]},
        "backend": backend(shop),
        "database": {"url": at["database_url"], "root_directory": "apps/backend"},
        "redis": {"url": at["redis_url"]},
        "edge": {
            "zone": at["cloudflare"]["zone"],
            "api_token": tokens["cloudflare"],
            "api_url": cloud["cloudflare_url"],
        },
        "checks": [*FRONTEND_CHECKS, *BACKEND_CHECKS],
        "path": state["shop"]["repository"],
        "timeout": 30.0,  # of a busy machine
        "command": {"playbooks": "playbooks", "inventory": ["production"]},
        **other,
    }


def backend(shop: Shop) -> dict[str, Any]:
    """Return the options of the backend: at Railway, or at Render."""
    state, at = shop.sandbox.state, shop.at
    platform, kinds = at["backend"], {"api": "web", "worker": "worker"}
    services = at[platform]["services"].items()
    return {
        "platform": platform,
        "api_token": state["tokens"][platform],
        "api_url": state["cloud"][f"{platform}_url"],
        "project": at[platform].get("project"),
        "environment": at[platform].get("environment"),
        "url": at["backend_url"],
        "root_directory": "apps/backend",
        "units": [{"name": name, "kind": kinds[name], "service": id_} for name, id_ in services],
    }


def page(module: Any, shop: Shop, **other: Any) -> dict[str, Any]:
    result = run_module(module, options(shop, **other))
    assert not result["failed"], result
    assert not result["changed"]
    return result["report"]


def status(shop: Shop, **other: Any) -> dict[str, Any]:
    return page(storefront_status, shop, **other)


def diagnosis(shop: Shop, **other: Any) -> list[dict[str, Any]]:
    found = page(storefront_diagnosis, shop, **other)
    assert found["problems"] == []
    return found["findings"]


def releases(shop: Shop, **other: Any) -> dict[str, Any]:
    return page(storefront_releases, shop, **other)


def logs(shop: Shop, **other: Any) -> dict[str, Any]:
    return page(storefront_logs, shop, **other)


def followed(shop: Shop, patterns: Sequence[str], paths: Sequence[str], **options: Any) -> Played:
    """Follow the logs, and request ``paths`` until the screen shows a line of each pattern. The play, which would run
    for ten minutes, is then interrupted.
    """
    running = shop.begin("logs.yml", follow=600, since="1s", **options)

    def asked(pattern: str) -> bool:
        for path in paths:
            requests.get(f"{path}?{time.monotonic()}", timeout=10)
        return bool(re.search(pattern, running.printed()))

    try:
        for pattern in patterns:
            assert wait_until(partial(asked, pattern), 90), running.printed()
        assert not running.future.done()
    finally:
        running.send(signal.SIGINT)
        ended = running.end()
    return ended


def vercel(shop: Shop, method: str, path: str, **content: Any) -> Any:
    """Send a request to Vercel as its dashboard does."""
    url = f"{shop.sandbox.state['cloud']['vercel_url']}{path.format(project=shop.at['vercel']['project'])}"
    headers = {"Authorization": f"Bearer {shop.sandbox.state['tokens']['vercel']}"}
    query = {"teamId": shop.at["vercel"]["team"]}
    answer = requests.request(method, url, headers=headers, params=query, timeout=30, **content)
    answer.raise_for_status()
    return answer.json() if answer.content else None


def railway(shop: Shop, document: str, **variables: Any) -> Any:
    """Send a document to Railway as its dashboard does."""
    headers = {"Authorization": f"Bearer {shop.sandbox.state['tokens']['railway']}"}
    url = f"{shop.sandbox.state['cloud']['railway_url']}/graphql/v2"
    answer = requests.post(url, json={"query": document, "variables": variables}, headers=headers, timeout=30)
    answer.raise_for_status()
    assert "errors" not in answer.json(), answer.text
    return answer.json()["data"]


def stop_worker(shop: Shop) -> None:
    """Stop the worker in Railway's dashboard."""
    worker = shop.at["railway"]["services"]["worker"]
    document = "query($i: DeploymentListInput!) { deployments(input: $i, first: 1) { edges { node { id } } } }"
    place = {"projectId": shop.at["railway"]["project"], "environmentId": shop.at["railway"]["environment"]}
    edges = railway(shop, document, i={**place, "serviceId": worker})["deployments"]["edges"]
    railway(shop, "mutation($i: String!) { deploymentStop(id: $i) }", i=edges[0]["node"]["id"])
    assert wait_until(lambda: f"{shop.name}-worker" not in " ".join(shop.running_units()), 60)
