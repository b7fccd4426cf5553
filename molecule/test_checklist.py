# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole deploys with a checklist: one that waits for its approval and goes out, one that is stopped at the gate, and
one that is stopped at the staged build.
"""

from __future__ import annotations

import json
import signal
import subprocess
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.checks.check import STAGED
from ansible_collections.storefront.runbook.plugins.module_utils.checks.register import CHECKS

from sandbox.process import wait_until
from tests import browsers

OLD, NEW = "v1.0.0", "v1.1.0"
NEVER = {"rule": "DTSTART:20260101T000000\nRRULE:FREQ=YEARLY;BYMONTH=1;BYMONTHDAY=1", "from": "00:00", "to": "00:01"}


@pytest.fixture
def bob(tmp_path):
    """Somebody who may approve, and the file of his key."""
    key = tmp_path / "bob"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    return {"approvers": [{"name": "bob", "keys": [key.with_suffix(".pub").read_text()]}], "key": str(key)}


def until(condition, what):
    assert wait_until(condition, 120), what


def test_a_deploy_with_a_checklist_waits_for_its_approval_and_goes_out(shop, bob):
    sha = shop.passes_at_github(NEW)
    notifying = {name: value for name, value in shop.telling().items() if "github" in name}
    options = {"approvers": bob["approvers"], "approvals_needed": 1, "awx_user_name": "alice"}
    checks = [{"id": "C12", "required": True, "options": {"tests": ["unit", "e2e"]}}, {"id": "C18", "severity": "warn"}]
    waits = {"approval_wait": 300, "approval_wait_interval": 0.5, "preflight_systems": {"secrets": {"folders": ["."]}}}
    given = {"release": NEW, "preflight_checks": checks, **waits, **options, **notifying}
    killed = shop.begin("deploy.yml", **given)
    until(lambda: shop.objects("approvals/"), "the deploy never asked for an approval")
    killed.send(signal.SIGKILL)
    killed.end()
    asked, answered = shop.objects("approvals/"), len(shop.objects("evidence/"))
    running = shop.begin("deploy.yml", **given)
    until(lambda: len(shop.objects("evidence/")) > answered, "the rerun never came through the gate")
    assert shop.objects("approvals/") == asked, "it waits for the approval that the killed run has asked for"
    assert shop.lease()["state"] == "released", "nothing is held while it waits"
    assert shop.writes() == []

    known = {key: value for key, value in options.items() if key != "awx_user_name"}
    approved = shop.play("approve.yml", release=NEW, approval_key=bob["key"], **known)
    assert approved.rc == 0, approved.stdout
    deployed = running.end()
    assert deployed.rc == 0, deployed.stdout
    assert shop.live() == {"frontend": NEW, "backend": NEW}

    outcomes = {item["name"]: item["outcome"] for item in shop.ledger()[-1]["evidence"]}
    passed = ("C1 ci", "C2 review", "C4 environment", "C5 backup", "C7 rollback", "C8 dashboards")
    for name in (*passed, "C9 changelog", "C12 named_tests", "C15 committed_secrets", "C16 cors"):
        assert outcomes[name] == "passed", outcomes
    assert outcomes["approval"] == "approved"
    assert "1 of 1 approval (bob" in deployed.text
    assert "passed" in deployed.text

    shown = shop.play("evidence.yml", release=NEW, commit=sha)
    assert shown.rc == 0, shown.stdout
    key = next(item["answered"] for item in shop.ledger()[-1]["evidence"] if item["name"] == "evidence")
    bucket, _unused, root = shop.at["store"].removeprefix("s3://").partition("/")
    shop.sandbox.s3().delete_object(Bucket=bucket, Key=f"{root}/{key}")
    removed = shop.play("evidence.yml", release=NEW, commit=sha)
    assert removed.rc == 2
    assert "the ledger names it, and it is gone" in removed.text


def test_every_no_stops_at_the_gate_at_once_and_an_emergency_needs_a_verified_approval(shop, bob):
    closed = {"id": "C19", "options": {"windows": [NEVER]}}
    checks = {"preflight_checks": [closed, {"id": "C18", "required": True}], "approval_wait": 0}
    played = shop.play("deploy.yml", release=NEW, **checks)
    assert played.rc == 2
    assert "Nothing was changed. 2 checks say no" in played.text
    for words in ("C18 TLS is valid", "C19 The deploy window is open", "-e waive=C19", "approve.yml -e release="):
        assert words in played.text
    assert shop.writes() == []

    hotfix: dict[str, Any] = {**checks, "emergency": "the checkout is down", "awx_user_name": "alice"}
    unnamed = shop.play("preflight.yml", release=NEW, **hotfix)
    assert "An emergency needs an approval, and the inventory has no approvers" in unnamed.text
    hotfix |= {"approvers": bob["approvers"]}
    waiting = shop.play("deploy.yml", release=NEW, **hotfix)
    assert waiting.rc == 2
    assert "has 0 of 1 approval" in waiting.text

    given = {"approvers": bob["approvers"], "emergency": "the checkout is down", "approval_key": bob["key"]}
    assert shop.play("approve.yml", release=NEW, **given).rc == 0
    approved = shop.play("preflight.yml", release=NEW, **{**hotfix, "waive": "C18", "waive_reason": "no TLS here"})
    assert approved.rc == 0, approved.stdout
    assert "2 waived (C18 by alice" in approved.text
    assert "C19 by bob" in approved.text


@pytest.mark.skipif(not [one for one in CHECKS if one.point == STAGED], reason="no check is asked of the staged build")
def test_a_no_of_the_staged_build_puts_everything_back(shop):
    audit = {"id": "C14", "options": {"thresholds": {"performance": 90}, "lighthouse": "/nowhere/lighthouse"}}
    played = shop.play("deploy.yml", release=NEW, preflight_checks=[audit])
    assert played.rc == 2
    assert "1 due later" in played.text
    assert "ROLLED BACK" in played.text
    assert "C14" in played.text
    assert shop.live() == {"frontend": OLD, "backend": OLD}
    assert [step["name"] for step in shop.ledger()[-1]["steps"]][-1] == "preflight.staged"
    points = [json.loads(one)["payload"] for one in shop.objects(f"evidence/{NEW}/").values()]
    assert len(points) == 2, "the gate's answers and those of the staged build are kept"


@pytest.mark.long
def test_a_staged_page_that_lighthouse_finds_good_goes_out(shop):
    """One run on a busy machine says little about the performance, and enough about the rest."""
    programs = {"lighthouse": str(browsers.lighthouse()), "browser": str(browsers.browser())}
    quiet = ["--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"]
    thresholds = {"accessibility": 90, "best-practices": 90, "seo": 90}
    audit = {**programs, "browser_arguments": quiet, "thresholds": thresholds, "runs": 1}
    checks = [{"id": "C14", "required": True, "options": audit}]
    played = shop.play("deploy.yml", release=NEW, surfaces=["frontend"], preflight_checks=checks)
    assert played.rc == 0, played.stdout
    assert shop.live()["frontend"] == NEW
    found = next(item for item in shop.ledger()[-1]["evidence"] if item["name"] == "C14 lighthouse")
    assert found["outcome"] == "passed"
    assert "accessibility 100" in found["answered"]
