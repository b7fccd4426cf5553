# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import yaml
from ansible_collections.storefront.runbook.plugins.filter.decisions import FilterModule

from conftest import ROOT

PAGES = {path.stem: path for path in (ROOT / "plugins/filter").glob("*.yml")}


def test_each_filter_has_a_page_and_each_page_a_filter() -> None:
    """ansible-doc, and with it the sanity tests, end at a filter without documentation."""
    assert sorted(PAGES) == sorted(FilterModule().filters())


def test_each_page_can_be_read_and_has_its_own_name() -> None:
    pages = {name: yaml.safe_load(path.read_text()) for name, path in PAGES.items()}
    assert {name: page["DOCUMENTATION"]["name"] for name, page in pages.items()} == {name: name for name in PAGES}
    assert [name for name, page in pages.items() if not page["EXAMPLES"] or not page["RETURN"]["_value"]] == []
