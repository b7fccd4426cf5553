# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Digests of variables: they show what differs, and nothing else."""

from __future__ import annotations

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.render.variables import (
    differing,
    digest,
    digests,
)

KEY = "pepper-pepper"


def test_a_digest_depends_on_key_name_and_value():
    known = digest(KEY, "NAME", "value")
    assert (
        len({known, digest("salt-salt", "NAME", "value"), digest(KEY, "OTHER", "value"), digest(KEY, "NAME", "other")})
        == 4
    )
    assert digest(KEY, "NAME", "value") == known


def test_they_are_listed_by_name():
    assert [one["name"] for one in digests({"B": "1", "A": "2"}, KEY)] == ["A", "B"]


@pytest.mark.parametrize(
    ("today", "names"),
    [
        ({"A": "1", "B": "2"}, []),
        ({"A": "1", "B": "3"}, ["B"]),
        ({"A": "1"}, ["B"]),
        ({"A": "1", "B": "2", "C": "3"}, []),
    ],
)
def test_a_name_differs_where_its_value_is_another_one_or_gone(today, names):
    assert differing(["A", "B", "A"], digests({"A": "1", "B": "2"}, KEY), digests(today, KEY)) == names


def test_a_name_of_which_nothing_was_known_counts_as_differing():
    assert differing(["A", "B"], digests({"A": "1"}, KEY), digests({"A": "1"}, KEY)) == ["B"]
