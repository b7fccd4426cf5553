# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an error of PostgreSQL advises: of rights only where they lack."""

from __future__ import annotations

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.sql_states import advice, restore_advice

# As pg_restore and psql print them.
CHECK = """pg_restore: error: COPY failed for table "t": ERROR:  relation "price" does not exist
CONTEXT:  PL/pgSQL function public.is_known(integer) line 1 at RETURN
COPY t, line 1"""
INDEX = """pg_restore: error: could not execute query: ERROR:  function h(integer) does not exist
CONTEXT:  SQL function "g" during inlining
Command was: CREATE INDEX i ON public.n USING btree (public.g(id));"""


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("42501", "Grant the user"),
        ("53200", "memory"),
        ("57014", "statement_timeout"),
        ("42883", "function"),
        ("55P03", "lock"),
        ("57P01", "ended the session"),
        ("08006", "connection was lost"),
        ("99999", "log"),
        (None, "log"),
    ],
)
def test_the_advice_is_that_of_the_state_or_of_its_class(state: str | None, words: str) -> None:
    assert words in advice(state)
    assert ("right" in advice(state)) == (state == "42501")


@pytest.mark.parametrize(("words", "function"), [(CHECK, "public.is_known(integer)"), (INDEX, '"g"')])
def test_a_function_that_lacks_its_search_path_is_named(words: str, function: str) -> None:
    assert f"ALTER FUNCTION {function} SET search_path" in (restore_advice(words) or "")


def test_other_failures_speak_for_themselves() -> None:
    assert restore_advice("pg_restore: error: connection lost") is None
    assert restore_advice('ERROR:  relation "note" does not exist') is None
