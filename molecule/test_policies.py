# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first release, probes that are turned away, pushes past the gates, and fleets."""

from __future__ import annotations

import pytest
import requests

from molecule.conftest import development
from molecule.phases import seen

OLD, NEW, PATCH, NEXT = "v1.0.0", "v1.1.0", "v1.1.1", "v2.0.0"
BACKEND = ["database", "backend"]


def test_a_first_release_that_breaks_goes_back_to_nothing(empty_shop):
    shop = empty_shop
    at = [
        {
            "task": "Begin frontend.stage",
            "fault": {"vendor": "vercel", "operation": "create", "kind": "build_fails", "times": -1},
        }
    ]
    played = shop.play("deploy.yml", at=at, release=OLD)
    assert played.rc == 2
    assert "ROLLED BACK" in played.message
    assert "Nothing was live before in api, worker, frontend" in played.message
    assert shop.running_units() == []
    assert shop.live()["frontend"] in ("404", "502")
    seen(
        "frontend.stage: in the first release",
        "nothing",
        2,
        "ROLLED BACK. … Nothing was live before in …",
        "starts over",
    )


# Probes

CHALLENGE = {"vendor": "edge", "kind": "challenge", "times": -1, "header": "x-probe-secret: let-the-runbook-in"}


def test_a_challenge_is_distinguished_from_an_unhealthy_site_before_anything_changes(shop):
    shop.fault(**CHALLENGE)
    played = shop.play("preflight.yml", release=NEW)
    assert played.rc == 2
    assert "a Cloudflare challenge answered" in played.message
    assert "baseline_broken" in played.message
    assert shop.writes() == []
    played = shop.play("preflight.yml", release=NEW, verify_headers={"x-probe-secret": "let-the-runbook-in"})
    assert played.rc == 0, played.stdout
    assert "let-the-runbook-in" not in played.stdout
    seen(
        "preflight: a challenge page answers the probes",
        OLD,
        2,
        "Nothing was changed. … a Cloudflare challenge answered …",
        "starts over",
    )


@pytest.mark.long
def test_the_hotfix_of_a_broken_site_goes_out_and_never_claims_a_verified_rollback(shop):
    shop.fault(vendor="edge", kind="status", status=500, host="frontend", release=OLD, times=-1)
    played = shop.play("deploy.yml", release=PATCH)
    assert played.rc == 2
    assert "before anything changed" in played.message
    assert shop.writes() == []
    at = [
        {"task": "Begin frontend.promote", "fault": {"vendor": "vercel", "operation": "promote", "kind": "alias_fails"}}
    ]
    broken = {"baseline_broken": "the homepage shows an error", "release": PATCH, "surfaces": "frontend"}
    played = shop.play("deploy.yml", at=at, **broken)
    assert played.rc == 2
    assert played.message.startswith(
        "ROLLED BACK (not verified: the site was broken before, the homepage shows an error)."
    )
    played = shop.play("deploy.yml", **broken)
    assert played.rc == 0, played.stdout
    assert shop.live() == {"frontend": PATCH, "backend": OLD}
    seen(
        "preflight: the site is broken before",
        OLD,
        2,
        "Nothing was changed. … baseline_broken=<reason> …",
        "starts over",
    )


def test_an_old_public_site_that_breaks_with_the_new_backend_puts_it_back(shop):
    checks = [
        {"name": "homepage", "url": "/"},
        {"name": "what the pages ask", "url": shop.at["backend_url"] + "/api/categories"},
    ]
    shop.fault(vendor="edge", kind="status", status=500, host="backend", path="/api/categories", release=NEW, times=-1)
    played = shop.play("deploy.yml", release=NEW, verify_frontend_checks=checks, verify_wait_timeout=2)
    assert played.rc == 2
    assert "ROLLED BACK" in played.message
    assert "the old public site works with it" in played.message
    assert shop.live() == {"frontend": OLD, "backend": OLD}
    seen(
        "verify.backend: the old site breaks with the new backend",
        OLD,
        2,
        "ROLLED BACK. verify.backend failed. … Live again: …",
        "starts over",
    )


# Git integrations


@pytest.fixture
def linked_shop(shop):
    """The project and the services deploy each push and serve it at once."""
    shop.link()
    return shop


def test_a_shop_that_a_push_can_change_past_the_gates_is_refused_until_it_is_taken_over(linked_shop):
    shop = linked_shop
    played = shop.play("deploy.yml", release=NEW)
    assert played.rc == 2
    for word in ("auto", "take_over=true", "api: a push to its branch deploys it without any check"):
        assert word in played.message
    assert shop.writes() == []
    played = shop.play("deploy.yml", release=NEW, take_over="true", backend_units=shop.units_with_a_root())
    assert played.rc == 0, played.stdout
    assert [item["name"] for item in shop.ledger()[-1]["evidence"]].count("take_over") == 2
    shop.push(PATCH)
    shop.settle()
    assert shop.live() == {"frontend": NEW, "backend": NEW}, "a push is served past the gates no more"
    seen("preflight: a push can serve production", OLD, 2, "Nothing was changed. … take_over=true …", "starts over")


@pytest.mark.long
def test_the_platform_s_own_build_of_the_commit_is_adopted(linked_shop):
    shop = linked_shop
    taken = shop.play("deploy.yml", release=OLD, take_over="true", backend_units=shop.units_with_a_root())
    assert taken.rc == 0, taken.stdout
    shop.push(NEW)
    shop.settle()
    assert shop.live()["frontend"] == OLD
    shop.forget_requests()
    played = shop.play("deploy.yml", release=NEW, source="adopt", surfaces=["database", "backend", "frontend"])
    assert played.rc == 0, played.stdout
    assert shop.live() == {"frontend": NEW, "backend": NEW}
    made = [request["operation"] for request in shop.writes()]
    assert "create" not in made, "the push had built it already"
    assert "up" not in made, "Railway builds the commit"


# Policies


def test_the_frontend_s_build_can_begin_with_the_deploy(shop):
    played = shop.play("deploy.yml", release=NEW, frontend_build_after="start")
    assert played.rc == 0, played.stdout
    steps = [step["name"] for step in played.report["steps"]]
    assert steps[0] == "frontend.begin"
    assert [request["operation"] for request in shop.writes() if request["operation"] in ("create", "up")] == [
        "create",
        "up",
        "up",
    ]


def pre_deploy(shop, command):
    """Have Railway run a command in each new image of the API before it serves."""
    railway, cloud = shop.at["railway"], shop.sandbox.state["cloud"]
    where, kinds = (
        "serviceId: $s, environmentId: $e, input: $input",
        "$s: String!, $e: String!, $input: ServiceInstanceUpdateInput!",
    )
    variables = {"s": railway["services"]["api"], "e": railway["environment"], "input": {"preDeployCommand": [command]}}
    body = {"query": f"mutation({kinds}) {{ serviceInstanceUpdate({where}) }}", "variables": variables}
    headers = {"Authorization": f"Bearer {shop.sandbox.state['tokens']['railway']}"}
    requests.post(f"{cloud['railway_url']}/graphql/v2", json=body, headers=headers, timeout=10).raise_for_status()
    shop.forget_requests()


def products(shop):
    return requests.get(shop.at["backend_url"] + "/api/products", timeout=10).status_code


def test_a_platform_migrates_in_maintenance_and_what_it_did_not_apply_is_put_back(shop):
    platform = {"database_migrate_runner": "platform", "maintenance": "true", "surfaces": BACKEND}
    pre_deploy(shop, "echo prisma migrate deploy")  # says that it migrates, and does not
    played = shop.play("deploy.yml", release=NEW, database_verify_timeout=1, **platform)
    assert played.rc == 2, played.stdout
    assert " ".join(played.message.split()).startswith("ROLLED BACK. database.verify failed."), played.message
    assert [step["name"] for step in played.report["steps"]] == [
        "database.backup",
        "backend.hold",
        "backend.release",
        "database.verify",
    ]
    assert shop.live() == {"frontend": OLD, "backend": OLD}
    assert products(shop) == 200, "the maintenance has ended"
    assert len(shop.running_units()) == 2
    policies = [item for item in shop.ledger()[-1]["evidence"] if item["name"] in ("backup_proof", "rehearsal")]
    assert [item["outcome"] for item in policies] == ["not_proven", "not_rehearsed"]
    seen(
        "database.verify: the platform migrated nothing",
        OLD,
        2,
        "ROLLED BACK. database.verify failed. … Live again: …",
        "starts over",
    )

    pre_deploy(shop, "npm run db:migrate")
    with shop.customers().watching() as customers:
        # its migration is not backward compatible: nobody need approve it
        played = shop.play("deploy.yml", release=NEXT, **platform)
    assert played.rc == 0, played.stdout
    steps = [step["name"] for step in played.report["steps"]]
    assert steps[:6] == [
        "database.backup",
        "backend.hold",
        "backend.release",
        "database.verify",
        "backend.unhold",
        "verify.backend",
    ]
    assert shop.live() == {"frontend": OLD, "backend": NEXT}
    assert products(shop) == 200
    assert len(shop.ledger()[-1]["migrations"]) == 2
    assert {what for where, what in customers.seen if where == "backend"} <= {OLD, NEXT}
    seen("backend.hold: a migration that old code cannot run on", NEXT, 0, "RELEASED", "deploys nothing")


def test_a_fleet_stops_at_the_first_storefront_that_fails(shop, tmp_path):
    for name in ("second", "third"):
        shop.sandbox.create_storefront(name)
    try:
        inventory = development(tmp_path / "inventory", "shop", "second", "third")
        at = [{"task": "Begin database.migrate", "fault": {"vendor": "railway", "operation": "up", "kind": "crashes"}}]
        played = shop.play("deploy.yml", inventory=inventory, at=at, release=NEW, surfaces=BACKEND)
        assert played.rc == 2
        assert "ROLLED BACK" in played.message
        assert {request["storefront"] for request in shop.writes()} == {"shop"}
        assert shop.live() == {"frontend": OLD, "backend": OLD}
    finally:
        for name in ("second", "third"):
            shop.sandbox.drop_storefront(name)
    seen(
        "backend.release: in the first storefront of a fleet",
        "each as before",
        2,
        "ROLLED BACK. … Live again: …",
        "starts over",
    )
