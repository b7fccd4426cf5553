# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A release that is deployed in staging before it is deployed in production."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from molecule.conftest import UNASKED, Played, Shop, development

OLD, NEW, STAGING = "v1.0.0", "v1.1.0", "stage"


class Rehearsed:
    """The shop as production, and another storefront as staging, each in an inventory of its own."""

    def __init__(self, shop: Shop, folder: Path) -> None:
        self.shop = shop
        self.staging = Shop(shop.sandbox, STAGING, folder)
        self.production = development(folder / "production", shop.name)
        # what other deploys test is left out in staging: the systems of the checklist
        development(folder / "staging", STAGING, preflight_systems=UNASKED)

    def play(self, **options: Any) -> Played:
        chosen = {"release": NEW, "surfaces": ["frontend"], "dress_rehearsal": "staging", **options}
        return self.shop.begin("deploy.yml", inventory=self.production, **chosen).end()

    def writes(self, storefront: str) -> list[str]:
        return [str(one["operation"]) for one in self.shop.writes() if one["storefront"] == storefront]


@pytest.fixture
def rehearsed(shop, tmp_path) -> Iterator[Rehearsed]:
    shop.sandbox.create_storefront(STAGING)
    shop.forget_requests()
    yield Rehearsed(shop, tmp_path)
    shop.clear_faults()
    shop.sandbox.drop_storefront(STAGING)


def test_what_fails_in_staging_changes_nothing_and_what_works_there_is_the_plan(rehearsed):
    shop = rehearsed.shop
    shop.fault(vendor="vercel", operation="create", kind="build_fails", times=-1, storefront=STAGING)
    failed = rehearsed.play()
    assert failed.rc == 2, failed.stdout
    assert f"The dress rehearsal of {NEW} failed in {STAGING} of " in failed.message
    assert "Nothing was changed here. ROLLED BACK. frontend.stage failed." in failed.message
    assert rehearsed.writes(STAGING)
    assert rehearsed.writes(shop.name) == []

    shop.clear_faults()
    # by ansible-runner, whose callback writes the events of the run
    done = rehearsed.play(cancel=lambda: False)
    assert done.rc == 0, done.stdout
    assert shop.live()["frontend"] == NEW
    ledger = rehearsed.staging.ledger()
    assert (ledger[-1]["release"], ledger[-1]["outcome"]) == (NEW, "released")
    rehearsal = next(result["rehearsal"] for _name, result in done.tasks if "planned" in result.get("rehearsal", {}))
    steps = {step["name"]: step["seconds"] for step in ledger[-1]["steps"]}
    assert rehearsal["planned"].items() >= steps.items()
    evidence = next(one for one in shop.ledger()[-1]["evidence"] if one["name"] == "dress_rehearsal")
    assert "frontend.promote" in evidence["answered"].partition("planned: ")[2]
    assert done.stdout.count("PLAY [Deploy the storefront]") == 1, "the tasks in staging are none of this run"
    page = next(shop.folder.rglob(f"reports/{shop.name}/*-deploy-{NEW}.html")).read_text()
    assert f"{NEW} was deployed to {STAGING} of " in page
    assert ">planned</th>" in page
