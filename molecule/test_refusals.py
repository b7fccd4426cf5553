# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input is refused before anything changes, with a message that names the option and the remedy."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

NOWHERE = "postgresql://shop:hidden-password@127.0.0.1:1/shop"
FRONTEND = {"surfaces": "frontend"}


@pytest.fixture
def shop(one_shop):
    """One shop for all of them, since none changes anything."""
    one_shop.forget_requests()
    return one_shop


REFUSALS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "options that are missing or not filled in": (
        {"release": "", "frontend_token": "", "backend_project": "FILL_IN_railway_project_id"},
        [
            *("release is missing", "-e release=", "frontend_token is empty"),
            *("backend_project is still to be filled in", "FILL_IN_railway_project_id"),
        ],
    ),
    "an unknown surface": ({"surfaces": "fronted"}, ["fronted", "frontend"]),
    "what the platforms and the database do not know": (
        {
            **{"frontend_project": "prj_wrong", "backend_units": [{"name": "api", "service": str(uuid.UUID(int=7))}]},
            **{"database_url": NOWHERE, "edge_zone": "not-ours.example"},
        },
        ["prj_wrong", str(uuid.UUID(int=7)), "127.0.0.1:1", "database_url", "not-ours.example"],
    ),
    "a vendor that refuses connections": (
        {"frontend_api_url": "http://127.0.0.1:1", **FRONTEND},
        ["No answer from Vercel at http://127.0.0.1:1", "frontend_api_url", "status page"],
    ),
    "an unknown release": ({"release": "v9.9.9", **FRONTEND}, ["v9.9.9", "git fetch --tags"]),
    "an unknown token": ({"frontend_token": "not-a-token", **FRONTEND}, ["Vercel", "token"]),
    "an empty source folder": (
        {"frontend_root_directory": "apps/nothing", **FRONTEND},
        ["apps/nothing", "root_directory"],
    ),
    "a store that is not there": ({"store": "s3://no-such-bucket/shop", **FRONTEND}, ["no-such-bucket"]),
}


def kept(shop):
    """The objects of the store, but for the evidence of what the checklist answered: a refusal is kept, too."""
    return {key: content for key, content in shop.objects().items() if not key.startswith("evidence/")}


@pytest.mark.parametrize("case", REFUSALS)
def test_it_is_refused_before_anything_changes(shop, case):
    extra, words = REFUSALS[case]
    before = kept(shop)
    options: dict[str, Any] = {"release": "v1.1.0", **extra}
    played = shop.play("deploy.yml", **options)
    assert played.rc == 2, played.stdout
    for word in words:
        assert word in played.message, "everything that is wrong is named at once"
    assert "Nothing was changed" in played.message
    assert "hidden-password" not in played.stdout
    assert shop.writes() == []
    assert kept(shop) == before


@pytest.mark.parametrize("option", ["--tags frontend", "--skip-tags edge"])
def test_tags_are_refused(shop, option):
    played = shop.play("deploy.yml", cmdline=option, release="v1.1.0")
    assert played.rc == 2
    assert "-e surfaces=" in played.message
    assert shop.writes() == []


def test_a_lease_held_by_another_is_refused_and_named(shop, hold_the_lease):
    hold_the_lease("somebody@elsewhere", "v1.0.9")
    before = kept(shop)
    played = shop.play("deploy.yml", release="v1.1.0")
    assert played.rc == 2
    for word in ("somebody@elsewhere", "v1.0.9", "break_lease"):
        assert word in played.message
    assert shop.writes() == []
    assert kept(shop) == before


def test_production_names_every_placeholder_that_is_left(shop):
    from conftest import ROOT

    played = shop.play(
        "deploy.yml", cmdline="--check --diff", inventory=str(ROOT / "inventories/production"), release="v1.1.0"
    )
    assert played.rc == 2
    for option in (
        "frontend_token",
        "frontend_project",
        "backend_token",
        "backend_project",
        "backend_units",
        "database_url",
        "store",
        "edge_token",
    ):
        assert f"{option} is still to be filled in" in played.message
