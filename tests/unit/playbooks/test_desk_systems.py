# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks give the operator's pages only keys that their modules have: with another one, no page comes."""

from __future__ import annotations

import re

import pytest
import yaml
from ansible_collections.storefront.runbook.plugins.module_utils.desk.storefront import storefront_options

from conftest import ROOT

PLAY = yaml.safe_load((ROOT / "playbooks/vars/play.yml").read_text())
SYSTEMS = {
    name: spec["options"]
    for name, spec in storefront_options().items()
    if spec["type"] == "dict" and spec.get("options")
}


@pytest.mark.parametrize("system", sorted(SYSTEMS.keys() & PLAY["desk_storefront"].keys()))
def test_a_system_has_only_the_keys_of_its_option(system: str) -> None:
    named = re.match(r"\{\{ (\w+)", PLAY["desk_storefront"][system])
    assert named
    assert PLAY[named[1]].keys() <= SYSTEMS[system].keys()
