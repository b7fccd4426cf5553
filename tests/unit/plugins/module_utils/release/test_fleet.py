# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet from one file: its waves, and what is refused of the file."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release.fleet import FleetError, batches, fleet

SHOPS = ["ch", "de", "fr", "us", "ca"]


def document(**keys: Any) -> dict[str, Any]:
    storefronts = {name: {"groups": ["europe"]} if name in ("ch", "de", "fr") else None for name in SHOPS}
    return {"plugin": "storefront.runbook.storefronts", "groups": {"europe": {}}, "storefronts": storefronts, **keys}


def waves_of(*waves: dict[str, Any]) -> list[list[str]]:
    return [[*wave.storefronts] for wave in fleet(document(waves=[*waves])).waves]


@pytest.mark.parametrize(
    ("waves", "expected"),
    [
        ([{"name": "all_of_them"}], [SHOPS]),
        ([{"name": "canary", "storefronts": ["us"]}, {"name": "rest"}], [["us"], ["ch", "de", "fr", "ca"]]),
        ([{"name": "a", "storefronts": ["europe"]}, {"name": "rest"}], [["ch", "de", "fr"], ["us", "ca"]]),
        ([{"name": "a", "size": 1}, {"name": "b", "size": "40%"}, {"name": "c"}], [["ch"], ["de", "fr"], ["us", "ca"]]),
        ([{"name": "a", "size": "1%"}, {"name": "b"}], [["ch"], ["de", "fr", "us", "ca"]]),  # at least one
        ([{"name": "a", "storefronts": ["fr", "ch"]}, {"name": "b"}], [["ch", "fr"], ["de", "us", "ca"]]),
        ([{"name": "a", "size": 3}, {"name": "b", "size": 9}], [["ch", "de", "fr"], ["us", "ca"]]),
    ],
)
def test_waves_take_names_groups_sizes_and_the_rest(waves: list[dict[str, Any]], expected: list[list[str]]) -> None:
    assert waves_of(*waves) == expected


def test_the_order_is_that_of_the_waves() -> None:
    assert fleet(document()).order == SHOPS
    waves = [{"name": "canary", "storefronts": ["us"]}, {"name": "rest"}]
    assert fleet(document(waves=waves)).order == ["us", "ch", "de", "fr", "ca"]


def test_what_is_said_of_storefronts_and_groups_is_kept_apart() -> None:
    found = fleet(document(shared={"a": 1}, groups={"europe": {"b": 2}}, storefronts={"ch": {"groups": ["europe"]}}))
    assert (found.shared, found.groups, found.members, found.storefronts) == (
        {"a": 1},
        {"europe": {"b": 2}},
        {"europe": ("ch",)},
        {"ch": {}},
    )


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"wave": []}, "the file has wave, which is not known: did you mean waves?"),
        ({"storefronts": {}}, "storefronts is empty"),
        ({"storefronts": ["ch"]}, "storefronts must be a mapping of names to values, not list"),
        ({"storefronts": {"ch": "x"}}, "storefronts.ch must be a mapping of names to values, not str"),
        ({"storefronts": {"-x": None}}, "'-x' cannot be a name there"),
        ({"storefronts": {False: None}}, "YAML does not read the name False as text. Write it in quotes."),
        ({"storefronts": {1: None, "1": None}}, "storefronts: 1 is there twice"),
        ({"storefronts": {"wave_1_x": None}}, "storefronts.wave_1_x: choose another name"),
        ({"storefronts": {"c" * 101: None}}, "cannot be a name there: use at most 100 letters"),
        ({"storefronts": {"ch": {"a b": 1}}}, "storefronts.ch: 'a b' is not the name of a variable"),
        ({"storefronts": {"ch": {"groups": [["europe"]]}}}, "storefronts.ch.groups must be a list of names"),
        ({"shared": {"{{ x }}": 1}}, "shared: '{{ x }}' is not the name of a variable"),
        ({"storefronts": {"all": None}}, "'all' cannot be a name there"),
        ({"storefronts": {"ch": {"groups": "europe"}}}, "storefronts.ch.groups must be a list of names"),
        ({"storefronts": {"ch": {"groups": ["europ"]}}}, "there is no group europ: did you mean europe?"),
        ({"groups": {"not-one": {}}}, "'not-one' cannot be a name there"),
        ({"groups": {"europe": {}, "de": {}}}, "groups.de: choose another name"),
        ({"groups": {"europe": {}, "wave_1_x": {}}}, "groups.wave_1_x: choose another name"),
        ({"shared": [1]}, "shared must be a mapping"),
        ({"waves": []}, "waves must be a list, and not an empty one"),
        ({"waves": {"name": "a"}}, "waves must be a list"),
        ({"waves": ["a"]}, "waves, number 1 must be a mapping"),
        ({"waves": [{}]}, "waves, number 1: name must be letters, digits and underscores, not ''"),
        ({"waves": [{"name": "a b"}]}, "not 'a b'"),
        ({"waves": [{"name": "a", "sise": 1}]}, "waves, number 1 has sise, which is not known: did you mean size?"),
        ({"waves": [{"name": "a", "size": 1, "storefronts": ["ch"]}]}, "waves.a has storefronts and size"),
        ({"waves": [{"name": "a"}, {"name": "b"}]}, "waves.a: give storefronts or size"),
        ({"waves": [{"name": "a", "size": 5}, {"name": "b"}]}, "waves.b has no storefront"),
        ({"waves": [{"name": "a", "storefronts": []}]}, "waves.a has no storefront"),
        ({"waves": [{"name": "a", "storefronts": "ch"}]}, "waves.a.storefronts must be a list"),
        ({"waves": [{"name": "a", "storefronts": [{"ch": 1}]}]}, "waves.a.storefronts must be a list"),
        ({"waves": [{"name": "a", "storefronts": ["cj"]}]}, "waves.a.storefronts: there is no storefront or group cj"),
        ({"waves": [{"name": "a", "storefronts": ["ch"]}]}, "de, fr, us, ca is in no wave"),
        (
            {"waves": [{"name": "a", "storefronts": ["ch"]}, {"name": "b", "storefronts": ["europe"]}]},
            "waves.b: ch is in an earlier wave already",
        ),
        ({"waves": [{"name": "a", "size": 1}, {"name": "a"}]}, "two waves have the same name"),
        *(
            ({"waves": [{"name": "a", "size": size}]}, f"waves.a.size: '{size}' is not a size")
            for size in (0, -1, "0%", "101%", "ten", 1.5, True, "")
        ),
        ({"waves": [{"name": "a", "variables": "x"}]}, "waves.a.variables must be a mapping"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(FleetError, match=re.escape(said)):
        fleet(document(**keys))


GROUPS = {"storefronts": SHOPS, "wave_1_canary": ["ch"], "wave_2_more": ["de", "fr", "us"], "wave_10_rest": ["ca"]}


@pytest.mark.parametrize(
    ("everyone", "rollout", "expected"),
    [
        (SHOPS, None, [1, 3, 1]),
        (SHOPS, 2, [1, 2, 1, 1]),
        (SHOPS, "50%", [1, 2, 1, 1]),
        (SHOPS, 20, [1, 3, 1]),
        (["de", "us", "ca"], None, [2, 1]),  # --limit
    ],
)
def test_a_batch_is_a_wave_or_a_part_of_one(everyone: list[str], rollout: Any, expected: list[int]) -> None:
    assert batches(everyone, GROUPS, rollout) == expected


@pytest.mark.parametrize("rollout", [2, "25%", [1, 4]])
def test_without_waves_the_batches_are_those_that_were_asked_for(rollout: Any) -> None:
    assert batches(SHOPS, {"storefronts": SHOPS}, rollout) == rollout
    assert batches(SHOPS, {"storefronts": SHOPS}) == 1


@pytest.mark.parametrize(
    ("everyone", "rollout", "said"),
    [
        (["de", "ch"], None, "the order of the inventory is not that of the waves"),
        (["ch", "at"], None, "at are in no wave"),
        (["ch"], 0, "'0' is not a size"),
        (["ch"], "many", "'many' is not a size"),
    ],
)
def test_waves_that_do_not_fit_are_refused(everyone: list[str], rollout: Any, said: str) -> None:
    with pytest.raises(FleetError, match=said):
        batches(everyone, GROUPS, rollout)
