# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input is refused before anything changes, with a message that names the option and the remedy."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

REFUSALS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "an unknown release": ({"release": "v9.9.9"}, ["v9.9.9", "git fetch --tags"]),
    "no release": ({"release": ""}, ["release is missing", "-e release="]),
    "a missing token": ({"frontend_token": ""}, ["frontend_token is empty"]),
    "a placeholder": ({"backend_project": "FILL_IN_railway_project_id"}, ["backend_project is still to be filled in", "FILL_IN_railway_project_id"]),
    "an unknown token": ({"frontend_token": "not-a-token"}, ["Vercel", "token"]),
    "a wrong project": ({"frontend_project": "prj_wrong"}, ["prj_wrong"]),
    "a wrong service": ({"backend_units": [{"name": "api", "service": str(uuid.UUID(int=7))}]}, [str(uuid.UUID(int=7))]),
    "an unreachable database": ({"database_url": "postgresql://shop:hidden-password@127.0.0.1:1/shop"}, ["127.0.0.1:1", "database_url"]),
    "an empty source folder": ({"frontend_root_directory": "apps/nothing"}, ["apps/nothing", "root_directory"]),
    "an unknown surface": ({"surfaces": "fronted"}, ["fronted", "frontend"]),
    "an unknown zone": ({"edge_zone": "not-ours.example"}, ["not-ours.example"]),
    "a store that is not there": ({"store": "s3://no-such-bucket/shop"}, ["no-such-bucket"]),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_it_is_refused_before_anything_changes(shop, case):
    extra, words = REFUSALS[case]
    before = shop.objects()
    options: dict[str, Any] = {"release": "v1.1.0", **extra}
    played = shop.play("deploy.yml", **options)
    assert played.rc == 2, played.stdout
    for word in words:
        assert word in played.message
    assert "Nothing was changed" in played.message
    assert "hidden-password" not in played.stdout
    assert shop.writes() == []
    assert shop.objects() == before


def test_everything_that_is_wrong_is_named_at_once(shop):
    played = shop.play("deploy.yml", release="v9.9.9", frontend_project="prj_wrong", database_url="postgresql://shop@127.0.0.1:1/shop")
    assert played.rc == 2
    for word in ("v9.9.9", "prj_wrong", "127.0.0.1:1"):
        assert word in played.message


@pytest.mark.parametrize("option", ["--tags frontend", "--skip-tags edge"])
def test_tags_are_refused(shop, option):
    played = shop.play("deploy.yml", cmdline=option, release="v1.1.0")
    assert played.rc == 2
    assert "-e surfaces=" in played.message
    assert shop.writes() == []


def test_a_lease_held_by_another_is_refused_and_named(shop, hold_the_lease):
    hold_the_lease("somebody@elsewhere", "v1.0.9")
    before = shop.objects()
    played = shop.play("deploy.yml", release="v1.1.0")
    assert played.rc == 2
    for word in ("somebody@elsewhere", "v1.0.9", "break_lease"):
        assert word in played.message
    assert shop.writes() == []
    assert shop.objects() == before


def test_production_names_every_placeholder_that_is_left(shop):
    from conftest import ROOT

    played = shop.play("deploy.yml", cmdline="--check --diff", inventory=str(ROOT / "inventories/production"), release="v1.1.0")
    assert played.rc == 2
    for option in ("frontend_token", "frontend_project", "backend_token", "backend_project", "backend_units", "database_url", "store", "edge_token"):
        assert f"{option} is still to be filled in" in played.message
