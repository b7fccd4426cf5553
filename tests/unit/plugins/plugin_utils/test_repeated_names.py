# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A name that a mapping has twice is found in YAML and JSON, wherever an inventory may have it."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.storefront.runbook.plugins.plugin_utils.repeated_names import inventory_files, repeated

RULES = """
refresh_rules:
  - table: User
    columns: &columns
      email: hash
      email: keep
  - {table: Customer, columns: *columns}
  - {table: Order, columns: {<<: *columns, id: keep}}
refresh_key: !vault |
  $ANSIBLE_VAULT;1.1;AES256
theirs: {a: 1, a: 2}
"""


def test_two_rules_for_one_column_are_found_and_what_is_not_read_is_left_alone() -> None:
    (problem,) = repeated(RULES, "vars.yml", ["refresh_rules", "refresh_key"])
    assert problem.startswith("refresh_rules.User.columns.email is there twice (vars.yml, lines 5 and 6)")


def test_json_of_the_command_line_and_options_in_an_inventory_are_found() -> None:
    assert next(repeated('{"scale": {"api": 3, "api": 5}}', "-e", ["scale"])).startswith(
        "scale.api is there twice (-e,"
    )
    hosts = "storefronts: {hosts: {shop: {variable_values: {A: '1', B: '1', A: '2'}}}}"
    assert "shop.variable_values.A is there twice" in next(repeated(hosts, "hosts.yml", ["variable_values"]))
    assert list(repeated("scale: 1\nscale: 2", "a.yml", ["scale"]))


def test_what_is_no_yaml_is_left_to_ansible() -> None:
    for text in ("", "a: [", "[storefronts]\nshop scale=1 scale=2\n", "unit=api unit=worker", "\udcff\0"):
        assert list(repeated(text, "hosts", ["scale", "unit"])) == []


def test_the_files_of_an_inventory_are_its_own_and_those_of_its_groups_and_hosts(tmp_path: Path) -> None:
    wanted = ["group_vars/all.yml", "group_vars/shops/vault.yml", "host_vars/shop", "hosts.yml"]
    for name in (*wanted, "key.pem", "run.sh"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for source in (tmp_path, tmp_path / "hosts.yml"):
        assert sorted(file.relative_to(tmp_path).as_posix() for file in inventory_files(source)) == wanted
