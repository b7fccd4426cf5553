# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Payments in Stripe's test mode, and the mail server."""

from __future__ import annotations

import smtplib
from email.message import EmailMessage

import pytest

from sandbox.cloud.vendors.stripe.double import DECLINES
from tests.unit.sandbox.cloud.double import Double, Shop

INTENTS = "/v1/payment_intents"
DUE = {"amount": "6400", "currency": "usd", "confirm": "true", "metadata[order]": "7"}


def pay(shop: Shop, method: str, key: str = "") -> tuple[int, dict]:
    headers = {"idempotency-key": key} if key else {}
    answer = shop.double.stripe.post(INTENTS, data={**DUE, "payment_method": method}, headers=headers)
    return answer.status_code, answer.json()


def test_a_test_card_pays_and_charges_nobody(shop: Shop) -> None:
    status, intent = pay(shop, "pm_card_visa")
    assert (status, intent["status"], intent["livemode"], intent["amount_received"]) == (200, "succeeded", False, 6400)
    assert shop.double.stripe.get(f"{INTENTS}/{intent['id']}").json()["metadata"] == {"order": "7"}


@pytest.mark.parametrize("method", DECLINES)
def test_a_declining_card_is_declined_with_its_code(shop: Shop, method: str) -> None:
    status, answer = pay(shop, method)
    assert (status, answer["error"]["type"], answer["error"]["code"]) == (402, "card_error", DECLINES[method][0])
    assert answer["error"]["payment_intent"]["status"] == "requires_payment_method"


def test_a_request_with_the_same_key_pays_once(shop: Shop) -> None:
    first, again = pay(shop, "pm_card_visa", key="order-7"), pay(shop, "pm_card_visa", key="order-7")
    assert first[1]["id"] == again[1]["id"]
    assert pay(shop, "pm_card_mastercard", key="order-7")[0] == 400
    assert pay(shop, "pm_card_chargeCustomerFail", key="a") == pay(shop, "pm_card_chargeCustomerFail", key="a")


def test_a_live_key_is_refused(shop: Shop) -> None:
    answer = shop.double.stripe.post(INTENTS, data=DUE, headers={"authorization": "Bearer sk_live_1234567890"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "livemode_mismatch")


def send(double: Double, to: str, subject: str) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "shop@shop.example", to, subject
    message.set_content("Grüße aus dem Laden")
    with smtplib.SMTP("127.0.0.1", double.ports["smtp"], timeout=10) as server:
        server.send_message(message)


def test_mail_is_kept_and_found_by_its_recipient_and_subject(double: Double, shop: Shop) -> None:
    send(double, "ada@shop.example", "Your order 7")
    send(double, "bob@shop.example", "Your order 8")
    (found,) = double.mail.get("/messages", params={"to": "Ada@shop.example", "subject": "order 7"}).json()["items"]
    assert (found["to"], found["text"].strip()) == (["ada@shop.example"], "Grüße aus dem Laden")
    assert double.mail.delete("/messages", params={"to": "ada@shop.example"}).status_code == 204
    assert [mail["to"] for mail in double.mail.get("/messages").json()["items"]] == [["bob@shop.example"]]
    double.mail.delete("/messages")


def test_lost_mail_is_accepted_and_forgotten(double: Double, shop: Shop) -> None:
    double.tell("POST", "/faults", {"vendor": "mail", "operation": "receive", "kind": "lost"})
    send(double, "ada@shop.example", "Your order 7")
    assert double.mail.get("/messages").json()["items"] == []


def test_mail_is_shown_only_with_the_token(double: Double, shop: Shop) -> None:
    assert double.mail.get("/messages", headers={"authorization": "Bearer other"}).status_code == 401
