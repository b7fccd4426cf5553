# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running double, and a shop that has been through a whole life at it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.cloudflare.workers import Script

from tests.contract.services import live_through_services
from tests.unit.sandbox.cloud.double import Double, Shop, frontend, repository, until


@pytest.fixture(scope="session")
def double(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Double]:
    running = Double(tmp_path_factory.mktemp("double"), tmp_path_factory.mktemp("cache"))
    yield running
    running.close()


@pytest.fixture(scope="session")
def answers(double: Double, tmp_path_factory: pytest.TempPathFactory) -> list[httpx.Response]:
    """Every answer of the doubles in the life of a shop, refusals among them; Railway's are another test's."""
    seen: list[httpx.Response] = []
    clients = (double.vercel, double.cloudflare, double.github, double.slack, double.sentry, double.stripe)
    for client in clients:
        client.event_hooks["response"].append(seen.append)
    shop = double.storefront("shop")
    live_through(shop)
    live_with_git(double.storefront("git-shop"), repository(tmp_path_factory.mktemp("repository"), "v1.0.0"))
    live_through_services(shop)
    for client in clients:
        client.event_hooks["response"].clear()
    return seen


def live_with_a_worker(shop: Shop) -> None:
    """Upload a script, lead the shop's requests to it and back, and ask for what there is not."""
    cloudflare = shop.double.cloudflare
    script = Script("export default { fetch: () => new Response('held') };", {}, {"CONFIG": "{}"}, {"KEY": "secret"})
    account = cloudflare.get(shop.zone).json()["result"]["account"]["id"]
    path, routes = f"/client/v4/accounts/{account}/workers/scripts/held", f"{shop.zone}/workers/routes"
    cloudflare.get(f"{path}/settings")
    body, kind = script.form()
    cloudflare.put(path, content=body, headers={"content-type": kind}, timeout=300)
    cloudflare.get(f"{path}/settings")
    pattern = shop.frontend_url.removeprefix("http://") + "/*"
    for wanted in ({"pattern": pattern, "script": "other"}, {"pattern": "other.test/*"}):
        cloudflare.post(routes, json=wanted)
    made = cloudflare.post(routes, json={"pattern": pattern, "script": "held"}).json()["result"]
    cloudflare.post(routes, json={"pattern": pattern, "script": "held"})
    assert httpx.get(shop.frontend_url, timeout=10).text == "held"
    cloudflare.get(routes)
    for _unused in range(2):
        cloudflare.delete(f"{routes}/{made['id']}")


def live_with_git(shop: Shop, checkout: Path) -> None:
    """Link the project to Git, have a push and a commit built, and one that there is not."""
    front, place = f"/storefronts/{shop.name}", {"repository": str(checkout)}
    shop.double.tell("POST", f"{front}/git", place)
    pushed = shop.double.tell("POST", f"{front}/push", {"ref": "v1.0.0", **place})
    until(lambda: shop.site_deployment(pushed["made"]["vercel"])["aliasAssigned"])
    shop.vercel_project()
    shop.vercel("GET", "/v7/deployments", params={"projectId": shop.project, "sha": pushed["commit"]})
    body = {
        "name": shop.name,
        "target": "production",
        "gitSource": {"type": "github", "repoId": 100_200_300, "ref": "main", "sha": pushed["commit"]},
    }
    for source in (body["gitSource"], {**body["gitSource"], "sha": "0" * 40}):  # type: ignore[dict-item]
        shop.vercel("POST", "/v13/deployments", json={**body, "gitSource": source})


def roll_out(shop: Shop, path: str, key: str) -> None:
    """Go through a rolling release with three stages, with what is refused on the way."""
    canary = {"canaryDeploymentId": key}
    shop.vercel("GET", f"{path}/billing")
    shop.vercel("GET", f"{path}/config")
    shop.vercel("POST", f"{path}/start", json=canary)
    stages = [{"targetPercentage": 10}, {"targetPercentage": 50}, {"targetPercentage": 100}]
    shop.vercel(
        "PATCH", f"{path}/config", json={"enabled": True, "advancementType": "manual-approval", "stages": stages}
    )
    shop.vercel("GET", f"{path}/config")
    for verb, more in (("start", {}), ("start", {}), ("approve-stage", {"nextStageIndex": 1})):
        shop.vercel("POST", f"{path}/{verb}", json={**canary, **more})
    shop.vercel("GET", path)
    for verb, more in (("approve-stage", {"nextStageIndex": 1}), ("complete", {}), ("complete", {})):
        shop.vercel("POST", f"{path}/{verb}", json={**canary, **more})
    shop.vercel("PATCH", f"{path}/config", json={"enabled": False})


def live_through(shop: Shop) -> None:
    """Deploy, promote, roll back, purge and ask all there is to ask, before, between and after."""
    project, team = f"projects/{shop.project}", {"teamId": shop.team}
    shop.double.vercel.get("/v2/user")
    shop.double.vercel.get(f"/v2/teams/{shop.team}")
    shop.vercel("GET", f"/v9/{project}")
    shop.vercel("GET", f"/v1/{project}/promote/aliases")
    first, second = shop.stage("v1.0.0"), shop.stage("v1.1.0")
    shop.promote(first)
    shop.promote(second)
    shop.point("promote", second)
    shop.point("rollback", first)
    until(lambda: shop.job() == "succeeded")
    failed = shop.create({**frontend("v1.2.0"), "build.mjs": b"process.exit(1)"}).json()["id"]
    until(lambda: shop.site_deployment(failed)["readyState"] == "ERROR")
    canceled = shop.create(
        {**frontend("v1.3.0"), "build.mjs": b"setTimeout(() => {}, 60000)"}, target="preview"
    ).json()["id"]
    shop.vercel("PATCH", f"/v12/deployments/{canceled}/cancel")
    for key in (first, second, failed, canceled, "dpl_unknown"):
        shop.site_deployment(key)
        if key != "dpl_unknown":  # the contract does not say what its events are answered with
            shop.vercel("GET", f"/v3/deployments/{key}/events")
        shop.vercel("GET", f"/v2/deployments/{key}/aliases")
    shop.vercel("GET", f"/v1/{project}/deployments/{first}/runtime-logs")
    shop.vercel("GET", f"/v1/{project}/rolling-release")
    shop.double.fault("vercel", "promote", "rolls")
    shop.point("promote", second)
    until(lambda: shop.vercel("GET", f"/v1/{project}/rolling-release").json()["rollingRelease"])
    shop.vercel("GET", f"/v9/{project}")
    until(lambda: shop.job() == "succeeded")
    shop.vercel("GET", f"/v1/{project}/rolling-release")
    roll_out(shop, f"/v1/{project}/rolling-release", shop.stage("v1.4.0"))
    for version in ("v6", "v7"):
        shop.vercel("GET", f"/{version}/deployments", params={"projectId": shop.project, "limit": 2})
    shop.vercel("GET", f"/v9/{project}")
    shop.vercel("GET", f"/v9/{project}/domains")
    variable = {"key": "COLOUR", "value": "blue", "type": "plain", "target": ["production"]}
    created = shop.vercel("POST", f"/v10/{project}/env", json=variable).json()["created"]
    shop.vercel("GET", f"/v10/{project}/env")
    shop.vercel("GET", f"/v1/{project}/env/{created['id']}")
    shop.vercel("PATCH", f"/v9/{project}/env/{created['id']}", json={"value": "red"})
    shop.vercel("DELETE", f"/v9/{project}/env/{created['id']}")
    shop.vercel("POST", "/v13/deployments", json={"name": shop.name, "files": [{"file": "a", "sha": "0" * 40}]})
    shop.double.vercel.get("/v2/user", headers={"authorization": "Bearer other"})
    for kind in ("rate_limited", "unavailable"):
        shop.double.fault("vercel", "create", kind, status=500)
        shop.double.fault("cloudflare", "purge", kind)
        shop.double.vercel.post("/v13/deployments", params=team, json={"name": shop.name})
        shop.purge(purge_everything=True)
    shop.purge(purge_everything=True)
    shop.purge(tags=[])
    cloudflare = shop.double.cloudflare
    for path in (
        "/client/v4/user/tokens/verify",
        "/client/v4/zones",
        shop.zone,
        f"{shop.zone}/settings/development_mode",
    ):
        cloudflare.get(path)
    cloudflare.patch(f"{shop.zone}/settings/development_mode", json={"value": "off"})
    cloudflare.post("/client/v4/graphql", json={"query": "{ viewer { zones { zoneTag } } }"})
    cloudflare.get("/client/v4/zones", headers={"authorization": "Bearer other"})
    live_with_a_worker(shop)
