# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings that our own sessions begin with."""

from __future__ import annotations

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.postgres import session


def test_ours_come_after_those_of_the_url_and_so_win() -> None:
    options = session.startup_options("-c statement_timeout=5 -c jit=off")
    assert options.startswith("-c statement_timeout=5 -c jit=off -c default_transaction_read_only=off ")
    assert options.index("statement_timeout=0") > options.index("statement_timeout=5")
    assert r"-c default_transaction_isolation=read\ committed" in options


@pytest.mark.parametrize(
    ("major", "known"),
    [(0, set()), (13, set()), (14, {"idle_session_timeout"}), (17, {"idle_session_timeout", "transaction_timeout"})],
)
def test_a_server_is_never_given_a_setting_that_it_does_not_know(major: int, known: set[str]) -> None:
    assert {name for name in session.LATER if f" {name}=" in session.startup_options("", major)} == known
    assert set(session.later(major)) == known


@pytest.mark.parametrize(
    ("style", "readable"),
    [("SQL, DMY", "ISO, DMY"), ("German, YMD", "ISO, YMD"), ("ISO, MDY", "ISO, MDY"), ("", "ISO, MDY")],
)
def test_dates_are_readable_and_keep_their_order(style: str, readable: str) -> None:
    assert session.readable_dates(style) == readable
