# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of an inventory behind the options of a task, as the playbooks write them."""

from __future__ import annotations

from typing import Any

import yaml
from ansible_collections.storefront.runbook.plugins.module_utils.release.variable_names import OPTIONS
from ansible_collections.storefront.runbook.plugins.plugin_utils.option_variables import defaults_of, option_variables

from conftest import ROOT

VARIABLES: dict[str, Any] = yaml.safe_load((ROOT / "playbooks/vars/play.yml").read_text())
[DEPLOY] = [play for play in yaml.safe_load((ROOT / "playbooks/deploy.yml").read_text()) if "module_defaults" in play]
GROUPS: dict[str, list[str]] = {}  # by module, as Ansible keeps them
for _group, _modules in yaml.safe_load((ROOT / "meta/runtime.yml").read_text())["action_groups"].items():
    for _module in _modules:
        if isinstance(_module, str):
            GROUPS.setdefault(f"storefront.runbook.{_module}", []).append(f"storefront.runbook.{_group}")


def named(module: str, **options: Any) -> dict[str, str]:
    defaults = defaults_of(f"storefront.runbook.{module}", [DEPLOY["module_defaults"]], GROUPS)
    return option_variables([*defaults, options], VARIABLES, OPTIONS)


def test_the_defaults_of_a_deploy_are_followed_to_the_inventory() -> None:
    backup = named("pg_backup")
    assert backup["postgres_bin"] == "database_postgres_bin"
    assert backup["scratch_dir"] == "database_backup_scratch_dir"
    assert "store_region" not in backup, "an option whose variable has its name stays as it is"
    assert named("vercel_deploy")["api_url"] == "frontend_api_url"
    assert named("railway_service")["api_url"] == "backend_api_url"
    assert named("cf_purge")["api_token"] == "edge_token"
    migrate = named("prisma_migrate")
    assert (migrate["lock_timeout"], migrate["path"]) == ("database_lock_timeout", "source_path")


def test_the_options_of_the_task_come_before_the_defaults() -> None:
    own = named("pg_backup", wait_timeout="{{ seed_timeout }}", postgres_bin="/usr/bin", scratch_dir="{{ here }}")
    assert own["wait_timeout"] == "seed_timeout"
    assert named("pg_backup", postgres_bin="{{ database_backup_scratch_dir }}")["postgres_bin"].endswith("scratch_dir")


def test_a_variable_that_leads_to_itself_ends() -> None:
    assert option_variables(["{{ one }}"], {"one": "{{ one }}"}, OPTIONS) == {}
    assert option_variables([{"format": "{{ one }}"}], {"one": "{{ two }}", "two": "{{ one }}"}, OPTIONS) == {}
    assert option_variables([None, 3, {"format": None}], {}, OPTIONS) == {}
