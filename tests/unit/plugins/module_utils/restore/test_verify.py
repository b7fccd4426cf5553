# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a restored database is not as its backup's manifest has it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.restore.verify import differing

COUNTS = {("public", "item"): 3, ("public", "system_user"): 1}


@pytest.mark.parametrize(
    ("manifest", "broken", "wrong"),
    [
        ({"tables": {"public.item": 3, 'public."system_user"': 1}}, [], []),
        ({"tables": {"public.system_user": 2}}, [], ["public.system_user has 1 row and not 2"]),
        ({"estimates": {'public."item"': 9, "public.gone": 9}}, [], ["public.gone is missing"]),
        ({"invalid_indexes": ['public."part_a"']}, [("public.part_a", True)], []),
        ({"invalid_indexes": []}, [("public.part_a", True)], ["the index public.part_a is not valid"]),
        ({}, [("public.part_a", True)], []),
        ({"invalid_indexes": ["public.item_a"]}, [("public.item_a", False)], ["the index public.item_a is not valid"]),
    ],
    ids=["quoted otherwise", "rows", "missing", "as it was", "unlike it was", "of an older manifest", "of a table"],
)
def test_it_is_compared_with_what_was_backed_up(
    manifest: dict[str, Any], broken: list[tuple[str, bool]], wrong: list[str]
) -> None:
    assert differing(manifest, COUNTS, broken) == wrong
