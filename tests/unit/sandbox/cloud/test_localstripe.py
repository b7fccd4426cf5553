# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A second opinion on the double of Stripe: localstripe answers the calls of a payment alike.

localstripe speaks an older API: it refuses automatic_payment_methods and confirm within the creation, ignores
idempotency keys, declines pm_card_chargeCustomerFail only, and gives a decline another type than Stripe documents
(card_error). So a payment is created and confirmed by two requests here, and what it does not know is left to
tests/contract and test_payments_and_mail.py.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sandbox.cloud.server import free_port
from tests.unit.sandbox.cloud.double import Double, until

INTENTS = "/v1/payment_intents"
# its own command listens on every address, and it saves its state in /tmp
SERVE = """
import sys
from aiohttp import web
from localstripe import resources, server
resources.store.dump_to_disk = lambda: None
web.run_app(server.app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
"""


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    port, folder = free_port(), tmp_path_factory.mktemp("localstripe")
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen([sys.executable, "-c", SERVE, str(port)], cwd=folder, stdout=log, stderr=log) as process,
        httpx.Client(
            base_url=f"http://127.0.0.1:{port}", auth=("sk_test_12345", ""), timeout=20, trust_env=False
        ) as client,
    ):

        def answers() -> bool:
            assert process.poll() is None, (folder / "log").read_text()
            try:
                return client.get("/v1/customers").status_code == 200
            except httpx.TransportError:
                return False

        until(answers)
        yield client
        process.terminate()


def seen(answer: httpx.Response) -> dict[str, Any]:
    """Return what a shop reads of an answer."""
    body = answer.json()
    error = body.get("error") or {}
    kept = {key: body.get(key) for key in ("object", "status", "amount", "currency", "livemode", "metadata")}
    return {"http": answer.status_code, "error": error.get("type"), "code": error.get("code"), **kept}


def pay(stripe: httpx.Client, method: str) -> list[dict[str, Any]]:
    """Create a payment, confirm it, and read it."""
    due = {"amount": "6400", "currency": "usd", "payment_method_types[]": "card", "metadata[order]": "7"}
    created = stripe.post(INTENTS, data={**due, "payment_method": method})
    there = f"{INTENTS}/{created.json()['id']}"
    return [seen(created), seen(stripe.post(f"{there}/confirm")), seen(stripe.get(there))]


def test_a_card_that_pays_is_answered_alike(double: Double, other: httpx.Client) -> None:
    ours = pay(double.stripe, "pm_card_visa")
    assert ours == pay(other, "pm_card_visa")
    assert [one["status"] for one in ours] == ["requires_confirmation", "succeeded", "succeeded"]


def test_a_card_that_is_declined_is_answered_alike(double: Double, other: httpx.Client) -> None:
    ours, theirs = pay(double.stripe, "pm_card_chargeCustomerFail"), pay(other, "pm_card_chargeCustomerFail")
    assert (ours[1].pop("error"), theirs[1].pop("error")) == ("card_error", "invalid_request_error")
    assert ours == theirs
    assert [one["http"] for one in ours] == [200, 402, 200]
    assert [one["status"] for one in ours] == ["requires_confirmation", None, "requires_payment_method"]


def test_a_payment_that_is_not_there_is_answered_alike(double: Double, other: httpx.Client) -> None:
    ours, theirs = (seen(stripe.get(f"{INTENTS}/pi_nothing")) for stripe in (double.stripe, other))
    assert (ours["http"], ours["error"]) == (theirs["http"], theirs["error"]) == (404, "invalid_request_error")


def test_a_payment_that_has_ended_is_not_cancelled_by_either(double: Double, other: httpx.Client) -> None:
    for stripe in (double.stripe, other):
        made = stripe.post(INTENTS, data={"amount": "6400", "currency": "usd", "payment_method": "pm_card_visa"})
        there = f"{INTENTS}/{made.json()['id']}"
        stripe.post(f"{there}/confirm").raise_for_status()
        assert stripe.post(f"{there}/cancel").status_code == 400
