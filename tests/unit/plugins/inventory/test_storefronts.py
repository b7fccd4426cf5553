# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory of a fleet, as Ansible reads it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible_collections.storefront.runbook.plugins.inventory.storefronts import InventoryModule

FLEET = """\
plugin: storefront.runbook.storefronts
shared: {a: shared, b: shared, c: shared, d: shared, store: "file:///tmp/{{ inventory_hostname }}"}
groups: {europe: {b: group, c: group, d: group}}
storefronts:
  us: {frontend_project: us}
  ch: {groups: [europe], d: own}
  de: {groups: [europe]}
waves:
  - {name: canary, storefronts: [ch], variables: {c: wave, d: wave}}
  - {name: rest}
"""


def read(folder: Path, text: str, *, name: str = "storefronts.yml") -> subprocess.CompletedProcess[str]:
    (folder / name).write_text(text)
    command = ["ansible-inventory", "-i", str(folder / name), "--list"]
    return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(read(tmp_path_factory.mktemp("fleet"), FLEET).stdout)
    return found


def test_storefronts_are_in_the_order_of_the_waves(inventory: dict[str, Any]) -> None:
    assert inventory["storefronts"]["hosts"] == ["ch", "us", "de"]
    assert inventory["wave_1_canary"]["hosts"] == ["ch"]
    assert inventory["wave_2_rest"]["hosts"] == ["us", "de"]


def test_a_storefront_precedes_its_wave_a_wave_its_groups_and_a_group_what_all_share(
    inventory: dict[str, Any],
) -> None:
    own = {name: inventory["_meta"]["hostvars"][name] for name in ("ch", "de", "us")}
    assert [own["ch"][key] for key in "abcd"] == ["shared", "group", "wave", "own"]
    assert [own["de"][key] for key in "abcd"] == ["shared", "group", "group", "group"]
    assert [own["us"][key] for key in "abcd"] == ["shared"] * 4
    assert "groups" not in own["ch"]


def test_what_is_wrong_is_named_with_the_file(tmp_path: Path) -> None:
    refused = read(tmp_path, FLEET.replace("[ch]", "[cg]"))
    assert refused.returncode != 0
    said = "".join(refused.stderr.split())  # a warning is wrapped, at hyphens too
    what = f"{tmp_path}/storefronts.yml: waves.canary.storefronts: there is no storefront or group cg"
    assert what.replace(" ", "") in said


@pytest.mark.parametrize("text", ["[1]", "plugin"])
def test_a_file_that_is_not_a_mapping_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "storefronts.yml"
    file.write_text(text)
    with pytest.raises(AnsibleParserError, match="the file must be a mapping"):
        InventoryModule().parse(InventoryData(), DataLoader(), str(file))


def test_a_file_of_another_name_is_left_to_others(tmp_path: Path) -> None:
    assert "waves.canary" not in read(tmp_path, FLEET.replace("[ch]", "[cg]"), name="hosts.yml").stderr
