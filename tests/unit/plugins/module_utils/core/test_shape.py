# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an answer has to look like: what is passed on, and what is said of the rest."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.shape import (
    EMPTY,
    MILLISECONDS,
    TIME,
    Mismatch,
    Names,
    conform,
    read_json,
)

DEPLOYMENT = {"id": str, "made": TIME, "size?": int, "rate?": float, "live?": bool, "tags?": [str], "at?": MILLISECONDS}


def test_only_what_is_named_is_passed_on_and_null_is_as_good_as_missing() -> None:
    answer = {"id": "d", "made": "2026-01-31T12:00:00Z", "size": None, "rate": 2, "secret": "x", "live": True}
    assert conform(answer, DEPLOYMENT) == {"id": "d", "made": "2026-01-31T12:00:00Z", "rate": 2, "live": True}


@pytest.mark.parametrize(
    ("answer", "shape", "said"),
    [
        (None, DEPLOYMENT, "the whole is null in place of an object"),
        (EMPTY, DEPLOYMENT, "the whole is an empty body in place of an object"),
        (None, EMPTY, "the whole is null in place of an empty body"),
        ({}, DEPLOYMENT, "id is missing in place of text"),
        ({"id": 7}, DEPLOYMENT, "id is a whole number in place of text"),
        ({"list": [{"id": "a"}, {"id": None}]}, {"list": [{"id": str}]}, "list[1].id is null in place of text"),
        ({"id": "d", "made": "yesterday"}, DEPLOYMENT, "made is text that is none in place of a time in ISO 8601"),
        ({"id": "d", "made": "0001-01-01T00:00:00+14:00"}, DEPLOYMENT, "made is text that is none"),
        (
            {"at": 1e30},
            {"at": MILLISECONDS},
            "at is a number that is none in place of a time in milliseconds since 1970",
        ),
        (True, int, "the whole is true or false in place of a whole number"),
        (1.5, int, "the whole is a number in place of a whole number"),
        ({"A": 7}, Names(str), "A is a whole number in place of text"),
        ("\ud800", str, "the whole is text with half of a letter in place of text"),
        ([], [str, ...], "the whole is an empty list in place of a list"),
        (7, (str, [str], None), "the whole is a whole number in place of text or a list or null"),
        ({"ok": True}, ({"ok": False}, {"ok": True, "ts": str}), "ts is missing in place of text"),
        (False, True, "the whole is true or false in place of true"),
        ({"x" * 500: 7}, Names(str), f"{'x' * 100} is a whole number"),
    ],
)
def test_a_mismatch_names_the_field_and_what_it_should_be(answer: Any, shape: Any, said: str) -> None:
    with pytest.raises(Mismatch) as caught:
        conform(answer, shape)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "shape"),
    [(1, float), (None, (str, None)), ({"any": [1]}, object), (True, True), (EMPTY, EMPTY), ([], [str])],
)
def test_what_fits_is_taken(answer: Any, shape: Any) -> None:
    assert conform(answer, shape) == (None if answer is EMPTY else answer)


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000 + "]" * 100_000, '{"a": NaN}', "Infinity", "1e999", '{"a": 1, "a": 2}', "", "<html>", "9" * 5000],
)
def test_what_is_no_json_for_everybody_is_none(text: str) -> None:
    with pytest.raises(ValueError):
        read_json(text)
