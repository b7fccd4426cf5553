# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stripe's API in test mode: payment intents, confirmed with its test payment methods. They and the answers by
idempotency key outlive the process, as the vendor's do.
"""

from __future__ import annotations

import copy
import json
import secrets
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Router

from ...state import identifier, now
from ...vendor import Refusal, Vendor

PAYS = {"pm_card_visa", "pm_card_mastercard", "pm_card_amex"}
# docs.stripe.com/testing: the test payment methods that are declined, with the decline code of each
DECLINES = {
    "pm_card_visa_chargeDeclined": ("card_declined", "generic_decline", "Your card was declined."),
    "pm_card_chargeCustomerFail": ("card_declined", "generic_decline", "Your card was declined."),
    "pm_card_visa_chargeDeclinedInsufficientFunds": (
        *("card_declined", "insufficient_funds"),
        "Your card has insufficient funds.",
    ),
    "pm_card_chargeDeclinedExpiredCard": ("expired_card", None, "Your card has expired."),
}
LEAST = 50  # cents: Stripe takes no smaller amount
ENDED = ("succeeded", "canceled")


class Stripe(Vendor):
    name = "stripe"

    def app(self) -> Router:
        self.intents: dict[str, dict[str, Any]] = self.context.payments.setdefault("intents", {})
        # by idempotency key: {body, status, answer}
        self.answered: dict[str, dict[str, Any]] = self.context.payments.setdefault("answered", {})
        return Router(
            [
                self.route("POST", "/v1/payment_intents", "create_payment", self.create),
                self.route("GET", "/v1/payment_intents/{intent}", "payment", self.get),
                self.route("POST", "/v1/payment_intents/{intent}/confirm", "confirm_payment", self.confirm),
                self.route("POST", "/v1/payment_intents/{intent}/cancel", "cancel_payment", self.cancel),
            ]
        )

    def refusal(self, status: int, code: str, message: str, **more: Any) -> Refusal:
        kinds = {
            402: "card_error",
            400: "invalid_request_error",
            401: "invalid_request_error",
            404: "invalid_request_error",
        }
        kind = kinds.get(status, "api_error")
        return Refusal(status, {"error": {"type": kind, "code": code, "message": message, **more}})

    def authorize(self, request: Request) -> None:
        """Only the test key is known here. A live one would be a mistake, so it is named as such."""
        key = self.bearer(request)
        if key.startswith("sk_live_"):
            raise self.refusal(401, "livemode_mismatch", "This is a test mode, and the key is a live one.")
        if key != self.context.tokens["stripe"]:
            raise self.refusal(401, "api_key_invalid", "Invalid API Key provided.")

    async def create(self, request: Request) -> Response:
        body = (await request.body()).decode(errors="replace")
        key = request.headers.get("idempotency-key")
        if key and key in self.answered:
            before = self.answered[key]
            if before["body"] != body:
                raise self.refusal(400, "idempotency_key_in_use", "Keys can be used with the same parameters only.")
            return JSONResponse(before["answer"], before["status"])
        status = 200
        try:
            answer = self._created(_parameters(body))
        except Refusal as refusal:
            status, answer = refusal.response.status_code, json.loads(bytes(refusal.response.body))
        if key and status in (200, 402):
            self.answered[key] = {"body": body, "status": status, "answer": copy.deepcopy(answer)}
        self.context.save()
        return JSONResponse(answer, status)

    def _created(self, wanted: dict[str, Any]) -> dict[str, Any]:
        for name in ("amount", "currency"):
            if name not in wanted:
                raise self.refusal(400, "parameter_missing", f"Missing required param: {name}.", param=name)
        if not str(wanted["amount"]).isdecimal() or int(wanted["amount"]) < LEAST:
            raise self.refusal(400, "amount_too_small", f"Amount must be at least {LEAST} cents.", param="amount")
        intent = {
            **{"id": identifier("pi_"), "object": "payment_intent", "livemode": False, "created": now() // 1000},
            **{"amount": int(wanted["amount"]), "amount_received": 0, "currency": wanted["currency"].lower()},
            **{"capture_method": "automatic", "confirmation_method": "automatic", "payment_method_types": ["card"]},
            **{"client_secret": f"pi_secret_{secrets.token_hex(12)}", "metadata": wanted.get("metadata") or {}},
            "payment_method": wanted.get("payment_method"),
            "status": "requires_confirmation" if wanted.get("payment_method") else "requires_payment_method",
            **{"last_payment_error": None, "canceled_at": None, "cancellation_reason": None},
        }
        self.intents[intent["id"]] = intent
        return self._confirmed(intent, wanted) if wanted.get("confirm") == "true" else intent

    def _confirmed(self, intent: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
        method = wanted.get("payment_method") or intent["payment_method"]
        if intent["status"] in ENDED:
            message = f"You cannot confirm this PaymentIntent because it has a status of {intent['status']}."
            raise self.refusal(400, "payment_intent_unexpected_state", message)
        if method in DECLINES:
            code, declined, message = DECLINES[method]
            intent.update(status="requires_payment_method", payment_method=None)
            decline = {"decline_code": declined} if declined else {}
            raise self.refusal(402, code, message, payment_intent=intent, **decline)
        if method not in PAYS:
            raise self.refusal(400, "resource_missing", f"No such PaymentMethod: '{method}'.", param="payment_method")
        intent.update(status="succeeded", payment_method=method, amount_received=intent["amount"])
        return intent

    def _intent(self, request: Request) -> dict[str, Any]:
        found = self.intents.get(request.path_params["intent"])
        if found is None:
            raise self.refusal(404, "resource_missing", "No such payment_intent.", param="intent")
        return found

    async def get(self, request: Request) -> Response:
        return JSONResponse(self._intent(request))

    async def confirm(self, request: Request) -> Response:
        wanted = _parameters((await request.body()).decode(errors="replace"))
        try:
            return JSONResponse(self._confirmed(self._intent(request), wanted))
        finally:
            self.context.save()

    async def cancel(self, request: Request) -> Response:
        intent = self._intent(request)
        if intent["status"] in ENDED:
            message = f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}."
            raise self.refusal(400, "payment_intent_unexpected_state", message)
        intent.update(status="canceled", canceled_at=now() // 1000, cancellation_reason="requested_by_customer")
        self.context.save()
        return JSONResponse(intent)


def _parameters(body: str) -> dict[str, Any]:
    """Return the parameters of a form, those with a name in brackets as a mapping."""
    found: dict[str, Any] = {}
    for name, value in parse_qsl(body, keep_blank_values=True):
        outer, _bracket, inner = name.rstrip("]").partition("[")
        if inner:
            found.setdefault(outer, {})[inner] = value
        else:
            found[outer] = value
    return found
