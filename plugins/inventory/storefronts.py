# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory of a fleet, from one file."""

from __future__ import annotations

DOCUMENTATION = r"""
name: storefronts
author: [Contributors to storefront.runbook (@storefront-runbook)]
short_description: The storefronts of a fleet and the waves of its rollout, from one file
version_added: 1.0.0
description:
  - Makes a host of each storefront, in the group C(storefronts), with the variables that all share.
  - A release reaches the fleet wave by wave, as P(storefront.runbook.rollout_batches#filter) says. Each wave is a group
    such as C(wave_1_canary) too, which C(--limit) takes, for example to roll that wave back.
  - The name of the file has to end in C(storefronts.yml) or C(storefronts.yaml).
  - Variables may be templates and vaulted values.
  - An unknown key, storefront or group, and a storefront that is in two waves or in none, is refused.
options:
  plugin:
    description: Name of this plugin.
    type: str
    required: true
    choices: [storefront.runbook.storefronts]
  shared:
    description: Variables of every storefront.
    type: dict
    default: {}
  groups:
    description: Variables of each group of storefronts, by its name.
    type: dict
    default: {}
  storefronts:
    description:
      - Variables of each storefront, by its name. They take precedence over those of its groups, and these over
        O(shared).
      - C(groups) lists the groups that it is in.
    type: dict
    required: true
  waves:
    description:
      - The waves of a rollout, in order. Without them the storefronts are deployed in the order of the file.
      - The last one may have only a name, and takes the rest.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the wave, of letters, digits and underscores.
        type: str
        required: true
      storefronts:
        description: Its storefronts, or groups of them.
        type: list
        elements: str
      size:
        description:
          - Number of storefronts, or percentage of the fleet. It takes those that are left, in the order of the file.
        type: raw
      variables:
        description: Variables of its storefronts. They take precedence over those of other groups.
        type: dict
        default: {}
"""

EXAMPLES = r"""
# production/storefronts.yml
plugin: storefront.runbook.storefronts
shared:
  store: s3://acme-releases/{{ inventory_hostname }}
  surfaces: [frontend]
  source_path: ../shop
  frontend_token: "{{ lookup('ansible.builtin.env', 'VERCEL_TOKEN') }}"
groups:
  europe: {preflight_timezone: Europe/Berlin}
storefronts:
  shop-ch: {frontend_project: shop-ch, frontend_url: https://shop.ch, groups: [europe]}
  shop-de: {frontend_project: shop-de, frontend_url: https://shop.de, groups: [europe]}
  shop-us: {frontend_project: shop-us, frontend_url: https://shop.us}
waves:
  - {name: canary, storefronts: [shop-ch]}
  - {name: half, size: 50%}
  - {name: rest}
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin

from ..module_utils.release.fleet import FleetError, fleet, group_of


class InventoryModule(BaseInventoryPlugin):
    """Adds the hosts, groups and variables of the file."""

    NAME = "storefront.runbook.storefronts"

    def verify_file(self, path: str) -> bool:
        return bool(super().verify_file(path)) and path.endswith(("storefronts.yml", "storefronts.yaml"))

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        try:
            if not isinstance(loader.load_from_file(path) or {}, Mapping):  # which Ansible does not check
                raise FleetError("the file must be a mapping, with plugin and storefronts.")
            self._add(self._read_config_data(path))
        except FleetError as problem:
            raise AnsibleParserError(f"{path}: {problem}") from None

    def _add(self, document: Any) -> None:
        described = fleet(document)
        self.inventory.add_group("storefronts")
        self._set("storefronts", described.shared)
        for name in described.order:
            self.inventory.add_host(name, group="storefronts")
            self._set(name, described.storefronts[name])
        for group, variables in described.groups.items():
            self._add_group(group, variables, described.members[group])
        for number, wave in enumerate(described.waves, 1):
            # the other groups have priority 1
            variables = {"ansible_group_priority": 10, **wave.variables}
            self._add_group(group_of(number, wave), variables, wave.storefronts)

    def _add_group(self, group: str, variables: Any, storefronts: Any) -> None:
        """Add a group below storefronts, so that its variables take precedence over the shared ones."""
        self.inventory.add_group(group)
        self.inventory.add_child("storefronts", group)
        self._set(group, variables)
        for name in storefronts:
            self.inventory.add_host(name, group=group)

    def _set(self, owner: str, variables: Any) -> None:
        for key, value in variables.items():
            self.inventory.set_variable(owner, str(key), value)
