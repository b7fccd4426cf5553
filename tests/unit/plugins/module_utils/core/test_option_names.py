# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A message names the inventory's variable where a module's names its own option."""

from __future__ import annotations

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.option_names import renamed

NAMES = {
    "postgres_bin": "database_postgres_bin",
    "migrations": "database_migrations",
    "root_directory": "database_root_directory",
    "api_url": "frontend_api_url",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name their folder in postgres_bin.", "name their folder in database_postgres_bin."),
        ("Correct migrations or root_directory.", "Correct database_migrations or database_root_directory."),
        ("There is no folder of migrations here.", "There is no folder of migrations here."),
        ("check api_url, its path included", "check frontend_api_url, its path included"),
        ("(postgres_bin)", "(database_postgres_bin)"),
        (
            "my_postgres_bin, /srv/postgres_bin/x, postgres_bin.d",
            "my_postgres_bin, /srv/postgres_bin/x, postgres_bin.d",
        ),
    ],
)
def test_a_name_is_replaced_where_it_is_an_options(text: str, expected: str) -> None:
    assert renamed(text, NAMES) == expected
    assert renamed(expected, NAMES) == expected
