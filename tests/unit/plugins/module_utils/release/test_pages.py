# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pages take from the inventory and from the command line."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release import pages

FREEZE: dict[str, Any] = {"from": "2026-11-25", "to": "2026-11-30", "reason": "Black Friday"}


@pytest.mark.parametrize("name", ["C19", "deploy_window"])
@pytest.mark.parametrize("named", [["shop-us", "shop-eo"], "shop-us, shop-eo"])
def test_a_freeze_of_a_storefront_that_is_not_there_is_named_with_the_one_that_was_meant(name: str, named: Any) -> None:
    checks = [{"id": name, "options": {"freezes": [FREEZE, {**FREEZE, "storefronts": named}]}}]
    (problem,) = pages.unknown_storefronts(checks, ["shop-us", "shop-eu"])
    assert "freezes 2 names the storefront 'shop-eo'" in problem
    assert "did you mean shop-eu?" in problem
    assert "Its storefronts are shop-us, shop-eu" in problem
    assert list(pages.unknown_storefronts(checks, ["shop-us", "shop-eo"])) == []


@pytest.mark.parametrize("checks", [[], [{"id": "C19"}], [{"id": "C19", "options": {"freezes": ["black friday"]}}]])
def test_a_freeze_without_storefronts_has_none_that_is_wrong(checks: list[dict[str, Any]]) -> None:
    assert list(pages.unknown_storefronts(checks, ["shop"])) == []


def test_the_document_names_what_the_operators_own_file_has_to_set() -> None:
    given = {"given": {"secrets": ["redis_url"]}}
    facts = {"desk_report": {"level": "ok", "next": ["ansible-playbook x.yml -e @FILE"]}, "preflight_checked": given}
    assert pages.document("status", ["shop"], {"shop": facts})["storefronts"]["shop"]["file_sets"] == ["redis_url"]
    well = {**facts, "desk_report": {"level": "ok", "next": []}}
    assert "file_sets" not in pages.document("status", ["shop"], {"shop": well})["storefronts"]["shop"]
