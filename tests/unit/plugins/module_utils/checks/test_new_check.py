# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A check is one file and one row. This adds one, as CONTRIBUTING.md describes it, and changes nothing else."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.checks.check import GATE, Check, Context, row
from ansible_collections.storefront.runbook.plugins.module_utils.checks.register import CHECKS
from ansible_collections.storefront.runbook.plugins.module_utils.checks.run import Wanted, run_checks
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.core.options import validated

from conftest import ROOT

PACKAGE = "ansible_collections.storefront.runbook.plugins.module_utils.checks"
FILE = '''
"""Whether the stock of a warehouse is enough."""

from .answer import failed, passed

OPTIONS = {"stock": {"type": "int"}, "least": {"type": "int", "default": 10}}
SECONDS = 120.0


def missing(options):
    return "" if options["stock"] is not None else "set stock"


def wrong(options, context):
    return [] if options["least"] >= 0 else ["least is below 0"]


def ask(context, options):
    if options["stock"] < options["least"]:
        return failed(f"{options['stock']} are left", "Order more")
    return passed(f"{options['stock']} are left")
'''
CONTEXT = Context(release="v1.1.0", commit="a" * 40, started_by="alice", now=datetime(2026, 3, 3, 12, tzinfo=UTC))


@pytest.fixture
def check(tmp_path: Path) -> Iterator[Check]:
    (tmp_path / "stock.py").write_text(FILE)
    spec = importlib.util.spec_from_file_location(f"{PACKAGE}.stock", tmp_path / "stock.py")
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield row("C99", module, "The warehouse has enough", GATE, system="warehouse", yields=True)
    del sys.modules[spec.name]


def run(check: Check, **more: Any) -> dict[str, Any]:
    checks = (*CHECKS, check)
    return run_checks(checks, Wanted(CONTEXT, stop=False, **more), validated, only=[check])


def test_it_is_asked_judged_and_recorded_like_the_others(check: Check) -> None:
    assert (check.name, check.seconds) == ("stock", 120.0)
    assert run(check)["answers"][0]["outcome"] == "not_configured"
    assert run(check, systems={"warehouse": {"stock": 40}})["verdict"] == "go"
    entry = {"id": "C99", "options": {"stock": 3}}
    result = run(check, entries=[entry])
    assert result["message"].splitlines()[1:] == ["  C99 The warehouse has enough: 3 are left. Order more"]
    assert result["evidence"][0]["name"] == "C99 stock"
    waiver = {"by": "bob", "reason": "a delivery is on its way", "until": "2026-03-03"}
    assert run(check, entries=[{**entry, "waiver": waiver}])["verdict"] == "go"
    assert run(check, entries=[entry], emergency="down", emergency_approvers=["bob"])["verdict"] == "go"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"options": {"stock": 3, "least": -1}}, "C99 stock: least is below 0"),
        ({"options": {"stock": "many"}}, "stock"),
        ({"options": {"windows": []}}, "it has no option windows, which is one of C19 deploy_window"),
        ({"attested": {"by": "carol", "commit": "a" * 40}}, "it cannot be attested"),
    ],
)
def test_its_wrong_options_are_refused_like_those_of_the_others(check: Check, entry: Any, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        run(check, entries=[{"id": "C99", **entry}])
    assert said in str(raised.value)


@pytest.mark.parametrize("check", CHECKS, ids=[check.id for check in CHECKS])
def test_each_check_is_described_in_the_docs(check: Check) -> None:
    rows = (ROOT / "docs" / "checklist.md").read_text()
    assert f"| {check.id} | `{check.name}` |" in rows
    covered = [line.split("|")[1] for line in (ROOT / "docs" / "coverage.md").read_text().splitlines() if "|" in line]
    assert check.id in ",".join(covered).replace(" ", "").split(",")


def test_every_box_of_the_runbooks_checklist_has_its_check() -> None:
    assert {f"C{number}" for number in range(1, 20)} <= {check.id for check in CHECKS}
    assert len({check.id for check in CHECKS} | {check.name for check in CHECKS}) == 2 * len(CHECKS)
