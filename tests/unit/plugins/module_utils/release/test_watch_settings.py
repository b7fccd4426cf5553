# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What preflight refuses of a watch, and what it means by default."""

from __future__ import annotations

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release import watch_settings, watch_sites
from ansible_collections.storefront.runbook.plugins.module_utils.release.watch_settings import problems, settings_of


def test_without_a_bake_time_no_release_is_watched():
    assert not watch_settings.is_on({})
    assert not watch_settings.is_on(None)
    assert not watch_settings.is_on({"bake": ""})
    assert watch_settings.is_on({"bake": "10 min"})
    assert list(problems({})) == []


def test_the_defaults():
    settings = settings_of({"bake": "10 min"})
    assert (settings.bake, settings.before, settings.interval, settings.hold) == (600, 120, 5, 1800)
    assert (settings.errors, settings.latency, settings.latency_ms) == (0.01, 0.25, None)
    assert (settings.traffic, settings.inconclusive, settings.rounds(settings.bake)) == (20, "hold", 120)
    assert settings_of({"bake": "30 s"}).before == 30
    assert settings_of({"bake": "1 h", "latency": "0.2 s"}).latency_ms == 200


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"bake": 600}, "verify_watch.bake is 600, which has no unit"),
        ({"bake": "600"}, "verify_watch.bake is '600', which has no unit"),
        ({"bake": "ten minutes"}, "Write a number with s, min or h"),
        ({"bake": "-5 min"}, "Write a number with s, min or h"),
        ({"bake": "0 s"}, "Set it to 1 s to 24 h"),
        ({"bake": "10 min", "errors": 1}, "verify_watch.errors is 1, which has no unit"),
        ({"bake": "10 min", "errors": "1 ms"}, "Write the tolerated increase with %"),
        ({"bake": "10 min", "errors": "100 %"}, "tolerates everything"),
        ({"bake": "10 min", "latency": 200}, "verify_watch.latency is 200, which has no unit"),
        ({"bake": "10 min", "latency": "200"}, "which has no unit"),
        ({"bake": "10 min", "latency": "0 %"}, "Set it above 0"),
        ({"bake": "10 min", "latency": "2 h"}, "with % or ms"),
        ({"bake": "10 min", "traffic": 0}, "Set the minimum number of answers"),
        ({"bake": "10 min", "interval": "10 m"}, "verify_watch.interval is '10 m'"),
        ({"bake": "10 min", "interval": "2 min"}, "Set it to 0.05 s to 60 s"),
        ({"bake": "10 s", "interval": "30 s"}, "is longer than verify_watch.bake"),
        ({"bake": "24 h", "interval": "1 s"}, "5,000 times are the most"),
        ({"bake": "10 min", "hold": "2 days"}, "verify_watch.hold is '2 days'"),
        ({"errors": "1 %"}, "verify_watch.bake is missing"),
    ],
)
def test_a_wrong_value_is_refused_with_what_to_write(given, text):
    found = list(problems(given))
    assert len(found) == 1, found
    assert text in found[0]
    with pytest.raises(ValueError, match=r"verify_watch"):
        settings_of(given)


def test_everything_wrong_is_named_at_once():
    assert len(list(problems({"bake": 5, "errors": 2, "latency": 3}))) == 3


PUBLIC = {"frontend": "https://shop.example", "backend": "https://api.shop.example"}
NEW, OLD = {"id": "dpl_2", "url": "https://new.vercel.app"}, {"id": "dpl_1", "url": "https://old.vercel.app"}


def test_both_releases_are_asked_where_each_is_served():
    found = watch_sites.sites(PUBLIC, {"frontend": NEW}, {"frontend": OLD, "api": {"id": "x", "url": "https://no"}})
    assert found == [
        {"name": "frontend", "url": NEW["url"], "old_url": OLD["url"]},
        {"name": "backend", "url": PUBLIC["backend"], "old_url": ""},
    ]


@pytest.mark.parametrize(("new", "old"), [({}, OLD), (NEW, {"id": None, "status": "absent"}), (NEW, NEW), ({}, {})])
def test_without_an_old_deployment_the_public_url_is_asked(new, old):
    (first, _second) = watch_sites.sites(PUBLIC, {"frontend": new}, {"frontend": old})
    assert first == {"name": "frontend", "url": PUBLIC["frontend"], "old_url": ""}


def test_watch_yml_watches_the_last_good_deploy_only():
    record = {"kind": "deploy", "outcome": "released", "release": "v2", "units": {"frontend": NEW}, "snapshot": {}}
    assert watch_sites.last_release([record])["release"] == "v2"
    assert watch_sites.last_release([{**record, "outcome": "rolled_back"}, record]) == {}
    assert watch_sites.last_release([]) == {}


def test_the_release_of_units_is_that_of_the_frontend():
    assert watch_sites.release_of({"api": {"release": "v1"}, "frontend": {"release": "v2"}}) == "v2"
    assert watch_sites.release_of({"api": {"release": "v1"}, "frontend": {"id": None}}) == "v1"
    assert watch_sites.release_of({}) == ""
