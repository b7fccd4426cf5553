# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""core/options.py: what is documented of the shared options is what they are."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
import yaml
from ansible_collections.storefront.runbook.plugins.module_utils.core import options

PLAIN = {"type": "str", "required": False, "default": None}


def documented(name: str) -> dict[str, Any]:
    file, _dot, part = name.partition(".")
    fragment = import_module(f"ansible_collections.storefront.runbook.plugins.doc_fragments.{file}").ModuleDocFragment
    return yaml.safe_load(getattr(fragment, part.upper() or "DOCUMENTATION"))["options"]


@pytest.mark.parametrize(
    ("fragments", "spec"),
    [
        (["api"], options.api_options("https://api.example", "TOKEN")),
        (["wait"], options.wait_options()),
        (["store"], options.store_options(required=False)),
        (["lease", "store"], options.lease_options()),
        (["source"], options.source_options()),
        (["postgres"], options.postgres_options()),
        (["postgres.direct"], options.direct_options()),
        (["postgres.programs"], options.programs_options()),
        (["source", "migrations"], options.migrations_options()),
        (["scratch"], options.scratch_options()),
        (["restoring"], options.restoring_options()),
    ],
)
def test_the_documentation_has_each_option_with_its_type_and_default(fragments: list[str], spec: options.Spec) -> None:
    described = {name: option for fragment in fragments for name, option in documented(fragment).items()}
    described.get("api_url", {})["default"] = "https://api.example"  # each vendor's module documents its own
    assert {
        name: {key: option.get(key, value) for key, value in PLAIN.items()} for name, option in described.items()
    } == {name: {key: option.get(key, value) for key, value in PLAIN.items()} for name, option in spec.items()}


def test_what_is_secret_is_never_logged() -> None:
    spec = {
        **options.api_options("https://api.example"),
        **options.lease_options(),
        **options.scratch_options(),
        **options.restoring_options(),
        **options.postgres_options(),
        **options.direct_options(),
    }
    secret = {
        "api_token",
        "database_url",
        "direct_url",
        "store_access_key",
        "store_secret_key",
        "scratch_url",
        "identity",
    }
    assert {name for name, option in spec.items() if option.get("no_log")} == secret
