# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions that are asked at the same time, and one that must not take longer than its time."""

from __future__ import annotations

import threading
from functools import partial

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.core.parallel import answers, bounded


def test_a_question_without_an_answer_does_not_hide_the_others() -> None:
    over = threading.Event()
    try:
        found = answers({"silent": over.wait, "fine": lambda: True}, timeout={"silent": 0.01, "fine": 60.0}, threads=2)
    finally:
        over.set()
    assert found.keys() == {"fine"}


def test_what_a_bounded_question_answers_or_raises_is_passed_on() -> None:
    found = bounded(lambda: 7, 60)
    assert found is not None
    assert found.value == 7
    with pytest.raises(ConfigError, match="no such host"):
        bounded(partial(_refuse, "no such host"), 60)


def test_a_bounded_question_that_is_late_is_left_alone() -> None:
    over = threading.Event()
    try:
        assert bounded(over.wait, 0.01) is None
    finally:
        over.set()


def _refuse(why: str) -> None:
    raise ConfigError(why)
