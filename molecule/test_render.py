# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A shop whose backend is at Render goes the ways of one at Railway: out, back automatically, held on a schema
that old code does not know, back by hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from molecule import desk
from molecule.conftest import Played, Running, Shop, development
from molecule.test_levers import environment_of, killed_at
from molecule.test_schema import incompatible_migration
from sandbox import customer
from sandbox.process import wait_until

NAME = "at-render"
SURFACES = ["database", "backend"]
OLD, NEW, BROKEN, NEXT = "v1.0.0", "v1.1.0", "v1.2.0", "v2.0.0"


class RenderShop(Shop):
    """A storefront of the inventory for development, beside the one that is at Railway."""

    def begin(
        self, playbook: str, cmdline: str = "", inventory: str | None = None, *args: Any, **extra: Any
    ) -> Running:
        return super().begin(playbook, cmdline, development(self.folder / "inventory", self.name), *args, **extra)

    def deploy(self, release: str, **options: Any) -> Played:
        """Deploy the backend: the frontend is at Vercel, as everywhere."""
        return self.play("deploy.yml", release=release, surfaces=SURFACES, **options)

    def serves(self) -> str:
        return self.live()["backend"]

    def ask_render(self, method: str, path: str, **request: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.sandbox.state['tokens']['render']}"}
        answer = requests.request(
            method,
            f"{self.sandbox.state['cloud']['render_url']}/services/{path}",
            headers=headers,
            timeout=10,
            **request,
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def environments(self, variable: str) -> dict[str, str]:
        """The value of a variable in each unit that runs."""
        found = {}
        for unit in self.sandbox.cloud("GET", "/processes"):
            if unit["name"].startswith(f"{self.name}-"):
                pairs = Path(f"/proc/{unit['pid']}/environ").read_text().split("\0")
                found[unit["name"]] = dict(pair.partition("=")[::2] for pair in pairs)[variable]
        return found


@pytest.fixture
def shop(sandbox: Any, tmp_path: Path) -> Iterator[RenderShop]:
    sandbox.create_storefront(NAME, backend="render")
    shop = RenderShop(sandbox, NAME, tmp_path)
    shop.clear_faults()
    yield shop
    shop.clear_faults()
    sandbox.drop_storefront(NAME)


def test_a_shop_at_render_goes_out_and_back_and_is_held_where_old_code_does_not_fit(shop: RenderShop) -> None:
    played = shop.deploy(OLD)
    assert played.rc == 0, played.stdout
    customer.fill_shelves(shop.at)
    customer.buy(shop.at)
    rows = shop.rows()
    with shop.customers().watching() as customers:
        played = shop.deploy(NEW)
        assert played.rc == 0, played.stdout
        assert shop.serves() == NEW
    its_log_is_followed(shop)
    it_is_closed_by_its_platform_and_opened(shop)
    each_change_in_its_dashboard_is_drift(shop)
    with shop.customers().watching() as later:
        played = shop.deploy(BROKEN)
    assert played.rc == 2, played.stdout
    assert "ROLLED BACK" in played.message
    assert "Live again: api v1.1.0, worker v1.1.0" in played.message
    assert shop.serves() == NEW
    assert {what for where, what in customers.seen + later.seen if where == "backend"} <= {OLD, NEW}
    assert shop.rows() == rows
    released = shop.ledger()[1]["units"]
    assert {unit: bool(released[unit].get("variables")) for unit in ("api", "worker")} == {
        "api": True,
        "worker": True,
    }, "what a rollback must know"

    migration = incompatible_migration()
    broken = {
        "vendor": "edge",
        "operation": "request",
        "kind": "status",
        "status": 500,
        "host": "backend",
        "path": "/health",
        "release": NEXT,
        "times": -1,
    }
    played = shop.deploy(
        NEXT, at=[{"task": "Begin verify.backend", "fault": broken}], verify_wait_timeout=2, approve_migration=migration
    )
    assert played.rc == 2
    assert played.message.startswith("ROLLBACK UNSAFE: schema."), played.message
    assert "in maintenance" in played.message
    assert requests.get(shop.at["backend_url"] + "/api/products", timeout=10).status_code == 503
    assert [name for name in shop.running_units() if "worker" in name] == [], "no worker takes a job meanwhile"

    shop.clear_faults()
    moved = shop.at["redis_url"].rpartition("/")[0] + "/15"
    for service in shop.at["render"]["services"].values():
        shop.ask_render("PUT", f"{service}/env-vars/REDIS_URL", json={"value": moved})
    played = shop.play("rollback.yml", to=NEW, surfaces=SURFACES, accept_schema=migration)
    assert played.rc == 0, played.stdout
    assert shop.serves() == NEW
    answer = requests.get(shop.at["backend_url"] + "/api/products", timeout=10)
    assert answer.status_code != 503, "the maintenance has ended, whatever old code makes of the schema"
    assert list(shop.environments("REDIS_URL").values()) == [
        moved,
        moved,
    ], "both units run again, and neither with a variable of the past"
    assert [(record["release"], record["outcome"]) for record in shop.ledger() if record["kind"] != "maintenance"] == [
        *((OLD, "released"), (NEW, "released"), (BROKEN, "rolled_back"), (NEXT, "unsafe"), (NEW, "rolled_back")),
    ]
    pull_the_levers(shop)


def status(shop: RenderShop) -> dict[str, Any]:
    """The page of the status; nothing of this shop is at Vercel."""
    return desk.status(shop, frontend={}, checks=desk.BACKEND_CHECKS)


def its_log_is_followed(shop: RenderShop) -> None:
    path = shop.at["backend_url"] + "/api/products"
    ended = desk.followed(shop, [r" api +info .*request completed"], [path], surfaces=SURFACES, unit=["api"])
    lines = [line for line in ended.stdout.splitlines() if " api " in line]
    assert len(lines) == len(set(lines)), "each line shows once"


def it_is_closed_by_its_platform_and_opened(shop: RenderShop) -> None:
    """Render answers 503 itself; the API has no variable for it, and customers who ask see nothing else."""
    products, api = shop.at["backend_url"] + "/api/products", shop.at["render"]["services"]["api"]
    before, rows = shop.environments("MAINTENANCE_MODE"), shop.rows()
    closed = shop.play("maintenance.yml", surfaces=SURFACES, maintenance_state="on", maintenance_minutes=20)
    assert closed.rc == 0, closed.stdout
    assert "IN MAINTENANCE by the platform's own maintenance mode" in closed.report["message"]
    assert requests.get(products, timeout=10).status_code == 503
    assert shop.ask_render("GET", api)["serviceDetails"]["maintenanceMode"]["enabled"]
    assert [name for name in shop.running_units() if "worker" in name] == []
    page = status(shop)
    assert (page["level"], page["drift"], page["maintenance"]["way"]) == ("attention", [], "platform")
    again = shop.play("maintenance.yml", surfaces=SURFACES, maintenance_state=True, maintenance_minutes=20)
    assert (again.rc, "nothing was changed" in again.report["message"]) == (0, True), again.stdout
    opened = shop.play("maintenance.yml", surfaces=SURFACES, maintenance_state="off")
    assert opened.rc == 0, opened.stdout
    assert requests.get(products, timeout=10).status_code == 200
    assert not shop.ask_render("GET", api)["serviceDetails"]["maintenanceMode"]["enabled"]
    assert (shop.environments("MAINTENANCE_MODE"), shop.rows()) == (before, rows)
    assert "maintenance.json" not in shop.objects()


def each_change_in_its_dashboard_is_drift(shop: RenderShop) -> None:
    """Each is undone, so that what follows finds the shop as it was."""
    api = shop.at["render"]["services"]["api"]

    def drift() -> set[str]:
        return {one["kind"] for one in status(shop)["drift"] if one["unit"] == "api"}

    def seen(kinds: set[str]) -> bool:
        return drift() == kinds

    assert status(shop)["drift"] == []
    shop.ask_render("PUT", f"{api}/env-vars/FEATURE_FLAG", json={"value": "on"})
    assert drift() == {"variables"}
    shop.ask_render("DELETE", f"{api}/env-vars/FEATURE_FLAG")
    for count, kinds in ((2, {"scaled"}), (1, set())):
        shop.ask_render("POST", f"{api}/scale", json={"numInstances": count})
        assert drift() == kinds
    for setting, kinds in (("yes", {"auto_deploy"}), ("no", set())):
        shop.ask_render("PATCH", api, json={"autoDeploy": setting})
        assert drift() == kinds
    newest, oldest = (shop.ask_render("GET", f"{api}/deploys")[place]["deploy"]["id"] for place in (0, -1))
    for target, kinds in ((oldest, {"rolled back"}), (newest, {"redeployed"})):
        shop.ask_render("POST", f"{api}/rollback", json={"deployId": target})
        assert wait_until(partial(seen, kinds), 60), drift()


def pull_the_levers(shop: RenderShop) -> None:
    """Scale, restart and the variables, refused and done, and compared with a storefront that is at Railway."""
    api = shop.at["render"]["services"]["api"]
    for wrong, said in (
        ({"api": 101}, "would have 101 instances, and Render allows 100 of a service"),
        ({"api": {"mars": 2}}, "which cannot move it to mars"),
    ):
        refused = shop.play("scale.yml", scale=wrong)
        assert (refused.rc, said in refused.text, "Nothing was changed" in refused.text) == (2, True, True), (
            refused.text
        )
    assert shop.play("scale.yml", scale={"api": 2}).rc == 0
    assert shop.ask_render("GET", api)["serviceDetails"]["numInstances"] == 2
    shop.forget_requests()
    assert shop.play("restart.yml", unit="worker").rc == 0
    assert [one["operation"] for one in shop.writes()] == ["restart"]
    given: dict[str, Any] = {"unit": "api", "variable_values": {"NEW_FLAG": "of-render"}}
    assert shop.play("variables.yml", at=killed_at("Verify the health of the API"), **given).rc != 0
    shop.age_the_lease()
    shop.forget_requests()
    changed = shop.play("variables.yml", **given)
    assert changed.rc == 0, changed.stdout
    assert [one["operation"] for one in shop.writes()] == ["create"], "Render does not show that it was redeployed"
    assert environment_of(shop, "api")["NEW_FLAG"] == "of-render"
    both = development(shop.folder / "both", NAME, "shop")
    compared = Shop.begin(shop, "variables.yml", f"--limit {NAME}", both, compare_with="shop").end()
    assert compared.rc == 0, compared.stdout
    assert re.search(r"api, compared with shop: .*only here: [\w, ]*NEW_FLAG", compared.text)
    assert re.search(r"the same value: [\w, ]*NODE_ENV", compared.text), compared.text
    assert "of-render" not in changed.stdout + compared.stdout
    assert [record["kind"] for record in shop.ledger()[-3:]] == ["scale", "restart", "variables"]
