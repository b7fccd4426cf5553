# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each vendor's errors advise: each terminal word has a remedy, and what no vendor has said is no reason to check
a token.
"""

from __future__ import annotations

import pkgutil
import re
from importlib import import_module
from types import ModuleType

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils import platforms
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import Outcome
from ansible_collections.storefront.runbook.plugins.modules import slack_message

from tests.unit.plugins.modules.test_addresses import APIS
from tests.unit.support import Answer, FakeVendor, reply, run_module

TABLES = [
    import_module(found.name)
    for found in pkgutil.walk_packages(platforms.__path__, f"{platforms.__name__}.")
    if found.name.endswith(".states")
]


def test_each_vendor_with_states_is_here() -> None:
    assert len(TABLES) == 3


@pytest.mark.parametrize(
    ("table", "word"),
    [(table, word) for table in TABLES for word, outcome in table.STATES.items() if outcome is Outcome.FAILED],
    ids=lambda item: str(item)[-30:],
)
def test_each_terminal_word_says_what_to_do(table: ModuleType, word: str) -> None:
    assert re.fullmatch(r"[A-Z].{20,}\.", table.ADVICE[word.lower()])


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__.split(".")[-2])
def test_there_is_advice_for_known_words_alone(table: ModuleType) -> None:
    assert set(table.ADVICE) <= {word.lower() for word in table.STATES}


def nginx() -> Answer:
    return reply(
        404,
        text=(
            "<html><head><title>404 Not Found</title></head><body><center><h1>404 Not"
            " Found</h1></center><hr>nginx</body></html>"
        ),
    )


def express() -> Answer:
    return reply(404, text="<pre>Cannot GET /v9/projects/shop</pre>")


def spring() -> Answer:
    return reply(404, {"timestamp": "2026-11-30T06:31:12Z", "status": 404, "error": "Not Found", "path": "/v9"})


def fastapi() -> Answer:
    return reply(404, {"title": "Not Found", "type": "about:blank"})


def nothing() -> Answer:
    return reply(404, text="")


def forbidden() -> Answer:
    return reply(403, text="<title>403 Forbidden</title><center>nginx</center>")


def password() -> Answer:
    return reply(401, text="<title>401 Authorization Required</title>")


def login() -> Answer:
    return reply(302, headers={"Location": "https://login.test/"})


@pytest.mark.parametrize("name", sorted(APIS))
@pytest.mark.parametrize(
    "answer", [nginx, express, spring, fastapi, nothing, forbidden, password, login], ids=lambda answer: answer.__name__
)
def test_an_answer_of_another_server_points_at_api_url(name: str, answer: object) -> None:
    module, params = APIS[name]
    with FakeVendor(lambda _request: answer()).installed():  # type: ignore[operator]
        result = run_module(module, params)
    assert result["failed"]
    assert "api_url" in result["msg"]
    assert "Check the token" not in result["msg"]
    assert "ids in the inventory" not in result["msg"]
    assert result["error"]["code"] == ("could_not_be_asked" if name.endswith("_checks") else "not_its_api")
    assert answer is not login or "login.test" in result["msg"]


@pytest.mark.parametrize(
    "answer",
    [
        nginx,
        nothing,
        forbidden,
        lambda: reply(404, text="no_service"),
        lambda: reply(403, text="invalid_token"),
        spring,
    ],
)
def test_a_deleted_webhook_is_no_question_of_a_token(answer: object) -> None:
    with FakeVendor(lambda _request: answer()).installed():  # type: ignore[operator]
        result = run_module(
            slack_message, {"text": "new", "webhook_url": "https://hooks.slack.com/services/T0/B0/4711secret"}
        )
    assert result["failed"]
    assert "webhook" in result["msg"].lower()
    assert "Check the token" not in result["msg"]
    assert "ids in the inventory" not in result["msg"]
