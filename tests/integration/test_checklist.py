# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checklist in a play: asked by the role preflight, refused by its verdict, saved, verified and
exported by evidence.yml.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sandbox import repository

ROOT = Path(__file__).parents[2]
PLAY = """
- hosts: storefronts
  connection: local
  gather_facts: false
  module_defaults:
    group/storefront.runbook.store: {store: "{{ store }}", store_is_shared: true}
  tasks:
    - ansible.builtin.import_role: {name: storefront.runbook.preflight, tasks_from: checklist, rolespec_validate: false}
    - ansible.builtin.import_role: {name: storefront.runbook.preflight, tasks_from: evidence, rolespec_validate: false}
    - ansible.builtin.import_role: {name: storefront.runbook.preflight, tasks_from: verdict, rolespec_validate: false}
"""
CLOSED = {
    "id": "C19",
    "options": {
        "windows": [
            {
                "rule": "DTSTART:20260101T000000\nRRULE:FREQ=YEARLY;BYMONTH=1;BYMONTHDAY=1",
                "from": "00:00",
                "to": "00:01",
            }
        ]
    },
}


class Shop:
    def __init__(self, folder: Path) -> None:
        self.folder, self.checkout = folder, folder / "shop"
        repository.build(self.checkout)
        (folder / "play.yml").write_text(PLAY)
        (folder / "hosts.yml").write_text(json.dumps({"storefronts": {"hosts": {"shop": {}}}}))

    def run(self, playbook: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        values = {
            "store": f"file://{self.folder}/store",
            "store_is_shared": True,
            "source_path": str(self.checkout),
            "release": "v1.1.0",
            **variables,
        }
        (self.folder / "vars.json").write_text(json.dumps(values))
        words = ["ansible-playbook", "-i", f"{self.folder}/hosts.yml", playbook, "-e", f"@{self.folder}/vars.json"]
        env = {
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".ansible" / "collections"),
            "USER": "alice",
        }
        return subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=120)

    def gate(self, **variables: Any) -> subprocess.CompletedProcess[str]:
        return self.run(str(self.folder / "play.yml"), **variables)

    def evidence(self, **variables: Any) -> subprocess.CompletedProcess[str]:
        return self.run(str(ROOT / "playbooks" / "evidence.yml"), surfaces=["frontend"], **variables)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop(tmp_path_factory.mktemp("checklist"))


def test_what_is_not_configured_stops_nothing(shop: Shop) -> None:
    done = shop.gate(store=f"file://{shop.folder}/first")
    assert done.returncode == 0, done.stdout
    assert list((shop.folder / "first" / "evidence").rglob("*-gate-*.json"))


def test_a_no_is_refused_saved_and_exported(shop: Shop) -> None:
    done = shop.gate(preflight_checks=[CLOSED])
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode != 0
    assert "Nothing was changed. 1 check says no, 0 say go." in said
    assert "C19 The deploy window is open: the window is closed: the next opening is Fri 1 Jan" in said

    shown = shop.evidence(export=str(shop.folder / "reports"))
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "no_go" in shown.stdout
    assert (shop.folder / "reports" / "evidence.html").is_file()

    for file in (shop.folder / "store").rglob("*-gate-*.json"):
        file.write_bytes(file.read_bytes().replace(b"payload", b"Payload", 1))
    tampered = shop.evidence()
    assert tampered.returncode != 0
    assert "was changed after it was written" in " ".join((tampered.stdout + tampered.stderr).split())


def test_a_waiver_of_the_command_line_lets_it_pass(shop: Shop) -> None:
    done = shop.gate(
        preflight_checks=[CLOSED],
        waive="C19",
        waive_reason="the shop is not open yet",
        store=f"file://{shop.folder}/waived",
    )
    assert done.returncode == 0, done.stdout


def test_wrong_settings_are_refused_beside_all_others(shop: Shop) -> None:
    done = shop.gate(preflight_checks=[{"id": "C99"}], release_problems=["the lease is held"])
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode != 0
    assert "Nothing was changed. 2 in the way" in said
    assert "there is no check 'C99'" in said


def test_settings_of_another_shape_are_refused_and_leave_no_check_out(shop: Shop) -> None:
    checks, approvers = [{"id": "C19", "severity": "fatal"}], [{"name": "bob", "colour": "red"}]
    done = shop.gate(preflight_checks=checks, approvers=approvers, approvals_needed=1)
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode != 0
    assert "Nothing was changed. 2 in the way" in said
    assert "value of severity must be one of: stop, warn" in said
    assert "Supported parameters include: awx, github, keys, name" in said
