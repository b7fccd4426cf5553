# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The README's smallest inventory is enough, and its first contact with production changes nothing."""

from __future__ import annotations

import re
from textwrap import dedent

import pytest

from conftest import ROOT


@pytest.fixture
def smallest(tmp_path) -> str:
    """The README's inventory of one surface."""
    block = re.search(
        r"^ *```yaml\n( *storefronts:\n.*?)^ *```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE
    )
    assert block
    assert len(block[1].strip().splitlines()) <= 10
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(dedent(block[1]))
    return str(inventory)


@pytest.fixture
def here(shop) -> dict:
    """What differs on the sandbox: its addresses, and that its store and its Vercel are not the real ones."""
    s3, vercel = shop.sandbox.state["s3"], shop.at["vercel"]
    return {
        "source_path": shop.sandbox.state["shop"]["repository"],
        "store": shop.at["store"],
        **{f"store_{key}": s3[key] for key in ("endpoint_url", "access_key", "secret_key", "region")},
        "frontend_project": vercel["project"],
        "frontend_team": vercel["team"],
        "frontend_api_url": shop.sandbox.state["cloud"]["vercel_url"],
        "frontend_url": shop.at["frontend_url"],
        "frontend_root_directory": "apps/frontend",
    }


def test_preflight_is_read_only(shop, smallest, here, monkeypatch):
    monkeypatch.setenv("VERCEL_TOKEN", shop.sandbox.state["tokens"]["vercel"])
    before = shop.objects()
    played = shop.play("preflight.yml", inventory=smallest, release="v1.1.1", **here)
    assert played.rc == 0, played.stdout
    assert played.changed() == []
    assert shop.writes() == []
    assert shop.objects() == before


def test_the_smallest_inventory_deploys_and_rolls_back(shop, smallest, here, monkeypatch):
    monkeypatch.setenv("VERCEL_TOKEN", shop.sandbox.state["tokens"]["vercel"])
    played = shop.play("deploy.yml", inventory=smallest, release="v1.1.1", **here)
    assert played.rc == 0, played.stdout
    assert {request["vendor"] for request in shop.writes()} == {"vercel"}
    assert [record["release"] for record in shop.ledger()] == ["v1.0.0", "v1.1.1"]
    played = shop.play("rollback.yml", inventory=smallest, **here)
    assert played.rc == 0, played.stdout
    assert shop.ledger()[-1]["release"] == "v1.0.0"


def test_without_its_token_it_is_refused(shop, smallest, here, monkeypatch):
    monkeypatch.delenv("VERCEL_TOKEN", raising=False)
    played = shop.play("preflight.yml", inventory=smallest, release="v1.1.1", **here)
    assert played.rc == 2
    assert "frontend_token is empty" in played.message
