# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rulebook in ansible-rulebook: an alert starts the playbooks once, for the storefront that it is about.

The playbooks are stand-ins that write what they were given; what they would do has tests of its own.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from conftest import COLLECTIONS, ROOT
from sandbox.cloud.server import free_port
from sandbox.process import wait_until

TOKEN, SECRET = "token-of-alertmanager", "secret-of-the-integration"
RULEBOOK = ROOT / "extensions/eda/rulebooks/alerts.yml"
STAND_IN = """
- hosts: storefronts
  gather_facts: false
  connection: local
  tasks:
    - name: Write what was asked
      ansible.builtin.copy:
        content: "{{ alert | default('') }}"
        dest: "{{ folder }}/%s-{{ inventory_hostname }}-{{ now(utc=true).strftime('%%s%%f') }}"
        mode: "0600"
"""
MISSING = [name for name in ("ansible-rulebook", "java") if not shutil.which(name)]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")


class Desk:
    """A rulebook that runs, and what its playbooks wrote."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.written = folder, folder / "written"
        self.written.mkdir()
        self.ports = {"alerts_port": free_port(), "alerts_sentry_port": free_port()}
        rulebook = RULEBOOK.read_text()
        for name in ("diagnose", "rollback"):
            (folder / f"{name}.yml").write_text(STAND_IN % name)
            rulebook = rulebook.replace(f"storefront.runbook.{name}", str(folder / f"{name}.yml"))
        for action in (rule := yaml.safe_load(rulebook))[0]["rules"][0]["actions"]:
            more = {"folder": str(self.written), "ansible_python_interpreter": sys.executable}
            action["run_playbook"].setdefault("extra_vars", {}).update(more)
        (folder / "rulebook.yml").write_text(yaml.safe_dump(rule))
        secrets = {"alerts_token": TOKEN, "alerts_sentry_secret": SECRET}
        (folder / "vars.yml").write_text(json.dumps({**self.ports, **secrets}))
        (folder / "inventory.yml").write_text("storefronts: {hosts: {shop: {}, other: {}}}")

    def start(self) -> subprocess.Popen[bytes]:
        words = ["-r", "rulebook.yml", "-i", "inventory.yml", "--vars", "vars.yml"]
        environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS)}
        environment |= {"ALERTS_STOREFRONTS": "production=shop, shop-frontend=other", "PYTHONUNBUFFERED": "1"}
        with (self.folder / "log").open("wb") as log:
            return subprocess.Popen(
                ["ansible-rulebook", *words], cwd=self.folder, env=environment, stdout=log, stderr=subprocess.STDOUT
            )

    def post(self, port: str, payload: Any, **headers: str) -> int:
        body = json.dumps(payload).encode()
        if port == "alerts_sentry_port" and not headers:
            headers = {"Sentry-Hook-Signature": hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}
        url = f"http://127.0.0.1:{self.ports[port]}/endpoint"
        return requests.post(url, body, headers={"Content-Type": "application/json", **headers}, timeout=10).status_code

    def listens(self) -> bool:
        with suppress(requests.ConnectionError):
            return all(self.post(port, {}, Authorization="Bearer wrong") for port in self.ports)
        return False

    def runs(self) -> list[str]:
        files = sorted(self.written.iterdir(), key=lambda file: file.stat().st_mtime_ns)
        return ["-".join(file.name.split("-")[:2]) for file in files]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    running = desk.start()
    try:
        assert wait_until(desk.listens, 60), (tmp_path / "log").read_text()
        yield desk
    finally:
        running.terminate()
        running.wait(30)


def alertmanager(status: str, environment: str) -> dict[str, Any]:
    labels = {"alertname": "Errors {{ 1 }}", "environment": environment}
    return {"version": "4", "status": status, "alerts": [{"status": status, "labels": labels}]}


def test_an_alert_runs_diagnose_and_then_rollback_once_for_its_storefront(desk: Desk) -> None:
    given = {"Authorization": f"Bearer {TOKEN}"}
    assert desk.post("alerts_port", alertmanager("firing", "production"), Authorization="Bearer wrong") in (401, 403)
    wrong = {"Sentry-Hook-Signature": "0" * 64}
    metric = {"action": "critical", "data": {"metric_alert": {"projects": ["shop-frontend"]}}}
    assert desk.post("alerts_sentry_port", metric, **wrong) in (401, 403)
    for status, environment in (("resolved", "production"), ("firing", "all"), ("firing", "production")):
        assert desk.post("alerts_port", alertmanager(status, environment), **given) == 200
    assert desk.post("alerts_port", alertmanager("firing", "production"), **given) == 200
    assert desk.post("alerts_sentry_port", metric) == 200
    expected = ["diagnose-other", "diagnose-shop", "rollback-other", "rollback-shop"]
    assert wait_until(lambda: len(desk.runs()) >= len(expected), 90), (desk.folder / "log").read_text()
    assert sorted(desk.runs()) == expected
    assert desk.runs().index("diagnose-shop") < desk.runs().index("rollback-shop")
    asked = [file.read_text() for file in desk.written.iterdir() if file.name.startswith("rollback-shop")]
    assert asked == ["Alertmanager: Errors  1  "]
