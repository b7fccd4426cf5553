# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory for development is what the sandbox's state says."""

from __future__ import annotations

import json
import subprocess

from conftest import ROOT
from sandbox.inventory import inventory


def test_each_storefront_is_a_host_with_its_own_values_and_the_sandbox_s(tmp_path):
    file = tmp_path / "state.json"
    file.write_text(
        json.dumps(
            {"tokens": {"vercel": "t"}, "storefronts": {"shop": {"store": "s3://a"}, "second": {"store": "s3://b"}}}
        )
    )
    found = inventory(file)
    assert found["sandbox"] == {"hosts": ["shop", "second"], "vars": {"sandbox_state": {"tokens": {"vercel": "t"}}}}
    assert found["_meta"]["hostvars"] == {
        "shop": {"sandbox_shop": {"store": "s3://a"}},
        "second": {"sandbox_shop": {"store": "s3://b"}},
    }


def test_a_sandbox_that_is_down_is_an_error_where_its_values_are_used_which_says_what_to_do():
    environment = {"SANDBOX_NAME": "never-started", "PATH": "/usr/bin:/bin"}
    asked = subprocess.run(
        [ROOT / "inventories/development/sandbox.sh", "--list"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    values = json.loads(asked.stdout)["all"]["vars"]
    assert values.keys() == {"sandbox_state", "sandbox_shop"}
    for value in values.values():
        assert "never-started is not up: run .venv/bin/python -m sandbox up --name never-started" in value
