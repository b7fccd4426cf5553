# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""verify.yml on the released shop, and the journeys of customers within a deploy."""

from __future__ import annotations

from contextlib import closing

import psycopg2
import pytest
import requests
from ansible_collections.storefront.runbook.plugins.modules import verify_turn

from tests.unit.support import run_module

NEW = "v1.1.0"
SECRETS = ("journey-password-1",)


def customers(shop) -> int:
    """Return how many test customers the shop has."""
    with (
        closing(psycopg2.connect(shop.at["database_url"].partition("?")[0])) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute('SELECT count(*) FROM "User" WHERE email LIKE %s', (f"%@{shop.at['test_customers_domain']}",))
        ((count,),) = cursor.fetchall()
        return count


def mails(shop) -> list:
    """Return the mails to test customers."""
    cloud, token = shop.sandbox.state["cloud"], shop.sandbox.state["tokens"]["mail"]
    headers = {"authorization": f"Bearer {token}"}
    found = requests.get(f"{cloud['mail_url']}/messages", headers=headers, timeout=10).json()["items"]
    return [mail for mail in found if mail["to"][0].endswith(f"@{shop.at['test_customers_domain']}")]


def secrets_of(shop) -> list[str]:
    return [*SECRETS, shop.at["test_customers_token"], shop.sandbox.state["tokens"]["mail"]]


def store_of(shop) -> dict:
    s3 = shop.sandbox.state["s3"]
    keys = ("endpoint_url", "access_key", "secret_key", "region")
    return {"store": shop.at["store"], **{f"store_{key}": s3[key] for key in keys}}


@pytest.fixture
def slack(shop) -> dict:
    """Where the shop posts, as variables of a run."""
    made = shop.at["slack"]
    token, cloud = shop.sandbox.state["tokens"]["slack"], shop.sandbox.state["cloud"]
    return {
        "notify_slack_token": token,
        "notify_slack_channel": made["channel"],
        "notify_slack_api_url": cloud["slack_url"],
    }


def posted(shop) -> list[str]:
    kept = shop.sandbox.cloud("GET", f"/storefronts/{shop.name}/kept")
    return [message["text"] for message in kept["slack"]["messages"]]


def test_everything_passes_on_the_released_shop_and_nothing_is_left(released_shop):
    played = released_shop.play("verify.yml", cmdline="-v", verify_tables={"Product": 1, "User": 1})
    assert played.rc == 0, played.stdout
    for step in ("frontend", "backend", "database", "performance", "journeys of customers"):
        assert f"{step}: passed" in played.stdout, played.stdout
    assert "9 of 9 journeys passed" in played.stdout
    assert (customers(released_shop), mails(released_shop)) == (0, [])
    assert not [secret for secret in secrets_of(released_shop) if secret in played.stdout]


def test_a_change_of_state_is_reported_once_and_a_tag_chooses_a_step(released_shop, slack):
    shop = released_shop
    before = len(posted(shop))
    shop.fault(vendor="edge", kind="status", host="backend", path="/api/search", times=-1, status=500)
    for _unused in range(2):
        failed = shop.play("verify.yml", cmdline="--tags uat", **slack)
        assert failed.rc == 2
        assert "search: step 'find a product' expected status 2xx, got 500" in failed.text
        assert "frontend: passed" not in failed.stdout
    shop.clear_faults()
    assert shop.play("verify.yml", cmdline="--tags uat", **slack).rc == 0
    posts = posted(shop)[before:]
    assert len(posts) == 2, posts
    assert "The verification failed: journeys of customers" in posts[0]
    assert "the verification passes again" in posts[1]


def test_a_second_verification_waits_for_its_turn(released_shop):
    taken = run_module(verify_turn, {"state": "taken", **store_of(released_shop)})
    assert not taken["failed"], taken
    played = released_shop.play("verify.yml", verify=["backend"])
    assert played.rc == 2
    assert "Wait for it to end" in played.text
    gone = run_module(
        verify_turn, {"state": "recorded", "outcome": "passed", "token": taken["token"], **store_of(released_shop)}
    )
    assert not gone["failed"], gone
    assert released_shop.play("verify.yml", verify="backend, database").rc == 0
    wrong = released_shop.play("verify.yml", verify=["backnd"])
    assert wrong.rc == 2
    assert "did you mean backend?" in wrong.text


def test_a_deploy_runs_the_journeys_on_the_staged_build_and_rolls_back_when_one_fails(shop):
    shop.fault(vendor="stripe", operation="create_payment", kind="unavailable", times=-1)
    played = shop.play("deploy.yml", release=NEW, verify_deploy=["uat"])
    assert played.rc == 2
    assert "ROLLED BACK" in played.message
    assert "payment: step 'refuse a declined card' expected status 402" in played.text
    assert customers(shop) == 0
    shop.clear_faults()
    played = shop.play("deploy.yml", release=NEW, verify_deploy=["uat"])
    assert played.rc == 0, played.stdout
    assert customers(shop) == 0
