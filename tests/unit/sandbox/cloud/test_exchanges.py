# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exchanges: one of each form is kept and judged, over a kill as well."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.cloud.exchanges import Exchanges

ONE = {
    "type": "object",
    "properties": {"state": {"type": "string", "enum": ["ready", "failed"]}, "id": {"type": "integer"}},
    "required": ["state"],
}
BODY = {"content": {"application/json": {"schema": ONE}}}
DOCUMENT = {
    "openapi": "3.0.3",
    "paths": {
        "/things": {
            "post": {
                "parameters": [{"name": "force", "in": "query"}],
                "requestBody": BODY,
                "responses": {"200": BODY, "404": {}},
            },
        }
    },
}


@pytest.fixture
def exchanges(tmp_path: Path) -> Exchanges:
    (tmp_path / "vendor.json").write_text(json.dumps(DOCUMENT))
    return Exchanges(tmp_path, tmp_path)


def note(
    exchanges: Exchanges,
    asked: Any = None,
    answer: Any = None,
    *,
    status: int = 200,
    query: str = "",
    path: str = "/things",
    agent: str = "",
) -> None:
    body = json.dumps(asked if asked is not None else {"state": "ready"}).encode()
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "scheme": "http",
        "server": ("a", 1),
    }
    request = Request({**scope, "headers": [(b"content-type", b"application/json"), (b"user-agent", agent.encode())]})
    exchanges.note(
        "vendor", "make", request, body, JSONResponse(answer if answer is not None else {"state": "ready"}, status)
    )


def problems(exchanges: Exchanges) -> list[str]:
    return exchanges.violations()["violations"]


def test_what_the_contract_allows_is_no_violation(exchanges: Exchanges) -> None:
    note(exchanges, query="force=1")
    assert exchanges.violations() == {"checked": 1, "violations": []}


@pytest.mark.parametrize(
    ("exchange", "said"),
    [
        ({"asked": {"state": "almost"}}, "vendor make, asked: state: 'almost' is not one of ['ready', 'failed']"),
        ({"asked": {}}, "vendor make, asked: : 'state' is a required property"),
        (
            {"answer": {"state": "ready", "id": "7"}},
            "vendor make, answered: POST /things 200: id: '7' is not of type 'integer'",
        ),
        ({"query": "fast=1"}, "vendor make, asked: fast: no such query parameter"),
        ({"path": "/other"}, "vendor make, asked: POST /other: no such operation"),
        ({"status": 418, "answer": {}}, "vendor make, answered: POST /things: no such status 418"),
    ],
    ids=["a word", "a missing field", "a type in the answer", "a parameter", "an operation", "a status"],
)
def test_what_it_does_not_allow_is_one(exchanges: Exchanges, exchange: dict[str, Any], said: str) -> None:
    note(exchanges)
    note(exchanges, **exchange)
    assert problems(exchanges) == [said]


def test_a_wrong_request_that_was_refused_is_none(exchanges: Exchanges) -> None:
    note(exchanges, asked={"state": "almost"}, answer={}, status=404)
    assert problems(exchanges) == []


def test_what_the_vendors_own_client_asks_is_not_judged_and_what_it_is_answered_is(exchanges: Exchanges) -> None:
    note(exchanges, asked={"state": "almost"}, answer={"state": "almost"}, agent="vercel 60.1.3 node-v20")
    assert problems(exchanges) == [
        "vendor make, answered: POST /things 200: state: 'almost' is not one of ['ready', 'failed']"
    ]
    note(exchanges, asked={"state": "almost"}, answer={"state": "almost"})  # the same from somebody else
    assert len(problems(exchanges)) == 2


def test_the_same_form_is_kept_once_and_another_word_is_another_form(exchanges: Exchanges) -> None:
    for key in range(50):
        note(exchanges, answer={"state": "ready", "id": key})
    assert exchanges.violations()["checked"] == 1
    note(exchanges, answer={"state": "failed", "id": 1})
    assert exchanges.violations()["checked"] == 2
    assert exchanges.listing() == [{"vendor": "vendor", "operation": "make", "status": 200, "times": 51}]


def test_what_was_seen_before_a_kill_is_judged_after_it(exchanges: Exchanges, tmp_path: Path) -> None:
    note(exchanges, asked={"state": "almost"})
    again = Exchanges(tmp_path, tmp_path)
    note(again, asked={"state": "almost"})
    assert (again.violations()["checked"], len(problems(again))) == (1, 1)


def test_without_contracts_nothing_is_kept_and_it_says_so(tmp_path: Path) -> None:
    exchanges = Exchanges(tmp_path, None)
    note(exchanges)
    assert (exchanges.violations()["checked"], "RUNBOOK_CONTRACTS" in exchanges.violations()["reason"]) == (0, True)
    assert not exchanges.file.exists()
    assert exchanges.listing()[0]["times"] == 1


def test_an_answer_that_is_no_json_is_judged_by_its_status(exchanges: Exchanges) -> None:
    request = Request(
        {
            "type": "http",
            "method": "POST",
            "path": "/things",
            "raw_path": b"/things",
            "query_string": b"",
            "headers": [],
        }
    )
    exchanges.note("vendor", "make", request, b"", Response(status_code=404))
    exchanges.note("another", "make", request, b"", Response("text"))  # a vendor without a contract
    assert problems(exchanges) == []
