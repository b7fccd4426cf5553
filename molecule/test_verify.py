# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""verify.yml on the released shop, and the journeys of customers within a deploy."""

from __future__ import annotations

import re
import signal
from concurrent.futures import wait
from contextlib import closing, suppress
from pathlib import Path

import psycopg2
import pytest
import requests
from ansible_collections.storefront.runbook.plugins.modules import verify_turn

from molecule.test_killed import until
from tests.unit.support import run_module

NEW = "v1.1.0"
SECRETS = ("journey-password-1", "pm_card_visa")


def customers(shop) -> int:
    """Return how many test customers the shop has."""
    with (
        closing(psycopg2.connect(shop.at["database_url"].partition("?")[0])) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute('SELECT count(*) FROM "User" WHERE email LIKE %s', (f"%@{shop.at['test_customers_domain']}",))
        ((count,),) = cursor.fetchall()
        return count


def leave_a_customer(shop, caller: str) -> None:
    """Register the test customer of a caller, as a run that came no further."""
    body = {"email": f"journey-{caller}@{shop.at['test_customers_domain']}", "password": SECRETS[0], "name": "Journey"}
    headers = {"x-test-customers-token": shop.at["test_customers_token"]}
    url = f"{shop.at['backend_url']}/api/auth/register"
    requests.post(url, json=body, headers=headers, timeout=10).raise_for_status()
    assert customers(shop) == 1


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


def command_lines() -> set[str]:
    """Return the command line of every process, as ps shows it."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.add(entry.read_text(errors="replace").replace("\0", " "))
    return found


def test_everything_passes_on_the_released_shop_and_nothing_is_left(released_shop):
    shop = released_shop
    running = shop.begin("verify.yml", cmdline="-vvv", verify_tables={"Product": 1, "User": 1})
    commands: set[str] = set()
    while not wait([running.future], timeout=0.2).done:
        commands |= command_lines()
    played = running.end()
    assert played.rc == 0, played.stdout
    for step in ("frontend", "backend", "database", "performance", "journeys of customers"):
        assert f"{step}: passed" in played.stdout, played.stdout
    assert "9 of 9 journeys passed" in played.stdout
    assert "Cloudflare's cache gave" in played.stdout
    assert (customers(shop), mails(shop)) == (0, [])
    written = [path.read_text(errors="replace") for path in shop.folder.rglob("*") if path.is_file()]
    kept = [body.decode(errors="replace") for body in shop.objects().values()]
    text = "\n".join([*written, *kept, *commands])
    assert [secret for secret in secrets_of(shop) if re.search(rf"{re.escape(secret)}(?!\w)", text)] == []


def test_an_old_page_at_the_edge_fails_though_every_page_is_healthy(released_shop):
    shop = released_shop
    for path in ("/", "/products", "/checkout"):
        requests.get(shop.at["frontend_url"] + path, timeout=10).raise_for_status()
    shop.serve("v1.0.0")  # in Vercel's dashboard, which purges nothing
    failed = shop.play("verify.yml", cmdline="--tags frontend")
    assert failed.rc == 2
    assert "homepage v1.1.0, products v1.1.0, checkout v1.1.0, homepage past the cache v1.0.0" in failed.text
    shop.purge()
    assert shop.play("verify.yml", cmdline="--tags frontend").rc == 0


@pytest.mark.long
def test_a_shop_in_maintenance_is_verified_with_the_pass_of_an_operator(released_shop):
    key = {"edge_maintenance_key": "0123456789abcdef" * 4}
    assert released_shop.play("maintenance.yml", maintenance_state="on", **key).rc == 0
    played = released_shop.play("verify.yml", verify=["frontend", "backend"], **key)
    assert played.rc == 0, played.stdout
    assert "The shop is in maintenance since" in played.text
    without = released_shop.play("verify.yml", verify=["backend"])
    assert "status 503 instead of 200" in without.text
    assert released_shop.play("maintenance.yml", maintenance_state="off", **key).rc == 0


def test_of_two_runs_one_verifies_and_a_killed_one_leaves_the_turn_to_the_next(released_shop, slack):
    shop, before = released_shop, len(posted(released_shop))
    shop.fault(vendor="edge", kind="hold", host="backend", path="/health", times=1)
    first = shop.begin("verify.yml", verify=["backend"], **slack)
    until(shop.held, "the first run asks the API")
    first.send(signal.SIGSTOP)  # it reports nothing, however long the second one takes
    second = shop.play("verify.yml", verify=["backend"], **slack)
    assert second.rc == 2
    assert "Wait for it to end" in second.text
    first.send(signal.SIGKILL)
    first.end()
    until(lambda: not first.processes(), "nothing of the first run is left")
    shop.clear_faults()
    third = shop.play("verify.yml", verify=["backend"], **slack)
    assert third.rc == 0, third.stdout
    assert posted(shop)[before:] == []


@pytest.mark.parametrize(
    ("cmdline", "words"),
    [
        ("--tags uta", "--tags names 'uta', which is not a step of the verification: did you mean uat?"),
        ("--tags backend --skip-tags backend", "so nothing would be verified"),
    ],
)
def test_tags_that_choose_nothing_are_refused(released_shop, cmdline, words):
    played = released_shop.play("verify.yml", cmdline=cmdline)
    assert played.rc == 2
    assert words in played.text
    assert "verify/state.json" not in released_shop.objects("verify/")


@pytest.mark.long
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


@pytest.mark.long
def test_a_deploy_runs_the_journeys_on_the_staged_build_and_rolls_back_when_one_fails(shop):
    shop.fault(vendor="stripe", operation="create_payment", kind="unavailable", times=-1)
    played = shop.play("deploy.yml", release=NEW, verify_deploy=["uat"])
    assert played.rc == 2
    assert "ROLLED BACK" in played.message
    assert "payment: step 'refuse a declined card' expected status 402" in played.text
    assert customers(shop) == 0
    shop.clear_faults()
    shop.fault(vendor="stripe", operation="create_payment", kind="hold", times=1)
    killed = shop.begin("deploy.yml", release=NEW, verify_deploy=["uat"])
    until(shop.held, "a journey through the staged build pays for its order")
    killed.send(signal.SIGKILL)
    killed.end()
    until(lambda: not killed.processes(), "nothing of the deploy runs, which would clean up")
    shop.clear_faults()
    shop.age_the_lease()
    leave_a_customer(shop, "deploy")  # as a machine that lost its power does: a module that is killed cleans up
    shop.play("verify.yml", verify=["uat"])
    assert customers(shop) == 0
    played = shop.play("deploy.yml", release=NEW, verify_deploy=["uat"])
    assert played.rc == 0, played.stdout
    assert played.text.count("9 of 9 journeys") == 2, played.stdout  # the staged build, and the public site
    assert customers(shop) == 0
