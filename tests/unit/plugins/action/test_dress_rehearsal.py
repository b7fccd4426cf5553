# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The deploy in staging is a real ansible-playbook, here of a small playbook."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible_collections.storefront.runbook.plugins.action import dress_rehearsal

from conftest import COLLECTIONS

STAND_IN = """
- hosts: storefronts
  gather_facts: false
  connection: local
  vars: {ansible_python_interpreter: "{{ ansible_playbook_python }}"}
  tasks:
    - ansible.builtin.copy:
        content: "{{ {'steps': [release, secret, dress_rehearsal, store | default('not given')]} | to_json }}"
        dest: "{{ notify_report_path }}"
        mode: "0600"
    - ansible.builtin.fail: {msg: it broke in staging}
      when: release == 'broken'
"""

CHECK = """
- hosts: storefronts
  gather_facts: false
  connection: local
  vars: {ansible_python_interpreter: "{{ ansible_playbook_python }}"}
  tasks:
    - storefront.runbook.dress_rehearsal:
        inventory: staging
        release: HEAD
        path: "{{ playbook_dir }}/shop"
        surfaces: [frontend, edge]
      check_mode: true
      register: found
    - ansible.builtin.copy: {content: "{{ found | to_json }}", dest: "{{ playbook_dir }}/found.json", mode: "0600"}
"""


def vaulted(text: str, secret: VaultSecret) -> str:
    """Return the YAML of a value that is encrypted."""
    lines = VaultLib([("", secret)]).encrypt(text.encode(), secret=secret).decode().splitlines()
    return "!vault |\n" + "".join(f"  {line}\n" for line in lines)


def checked(folder: Path, **extra: Any) -> dict[str, Any]:
    """Return what a run in ``folder`` finds, whose command line has ``extra`` and the password of the vault."""
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    argv = [program, "check.yml", "-i", "production", "-e", json.dumps(extra)]
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS)}
    argv += ["--vault-password-file", "password"]
    done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((folder / "found.json").read_text())


def test_staging_is_judged_by_its_own_variables(tmp_path: Path) -> None:
    (tmp_path / "staging/group_vars").mkdir(parents=True)
    (tmp_path / "password").write_text("the password of the vault")
    (tmp_path / "check.yml").write_text(CHECK)
    (tmp_path / "production").write_text("[storefronts]\nshop store=s3://backups/production\n")
    (tmp_path / "staging/hosts.yml").write_text("storefronts: {hosts: {shop: {}}}")
    role = vaulted("staging", VaultSecret(b"the password of the vault"))
    staging = {"store": (tmp_path / "store").as_uri(), "store_is_shared": True, "surfaces": ["frontend"]}
    staging |= {"frontend_url": "https://{{ 'staging' }}.example", "source_path": "../shop"}
    variables = "\n".join(f"{name}: {json.dumps(value)}" for name, value in staging.items())
    (tmp_path / "staging/group_vars/storefronts.yml").write_text(f"environment_role: {role}{variables}")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-C", str(tmp_path / "shop")]
    (tmp_path / "shop").mkdir()
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "one"], check=True)
    found = checked(tmp_path, frontend_url="https://shop.example", environment_role="production")
    assert (found["changed"], found["problems"]) == (False, [])
    rehearsal = {"inventory": "staging", "storefront": "shop", "release": "HEAD", "live": "nothing"}
    assert found["rehearsal"] == {**rehearsal, "surfaces": ["frontend"], "missing": ["edge"]}
    (problem,) = checked(tmp_path, frontend_url="https://staging.example")["problems"]
    assert problem.startswith("dress_rehearsal: shop and this storefront have the same frontend_url:")


def test_staging_has_the_passwords_of_the_vault_and_no_variable_of_this_run(tmp_path: Path, monkeypatch) -> None:
    secret = VaultSecret(b"the password of the vault")
    (tmp_path / "staging/group_vars").mkdir(parents=True)
    (tmp_path / "staging/hosts.yml").write_text("storefronts: {hosts: {stage: {}, other: {}}}")
    (tmp_path / "staging/group_vars/storefronts.yml").write_text(f"secret: {vaulted('from the vault', secret)}")
    (tmp_path / "deploy.yml").write_text(STAND_IN)
    monkeypatch.setattr(dress_rehearsal, "DEPLOY", tmp_path / "deploy.yml")
    action = dress_rehearsal.ActionModule.__new__(dress_rehearsal.ActionModule)
    action._loader, action._here, action._host = DataLoader(), tmp_path, "shop"
    action._loader.set_vault_secrets([("default", secret)])
    code, report, output = action._deploy(tmp_path / "staging", "stage", {"release": "v1", "commit": ""})
    assert (code, report) == (0, {"steps": ["v1", "from the vault", "none", "not given"]}), output
    code, _report, output = action._deploy(tmp_path / "staging", "stage", {"release": "broken"})
    assert code == 2
    rehearsal = {"storefront": "stage", "inventory": "/staging", "release": "broken", "seconds": 3.0}
    words = dress_rehearsal.failure(rehearsal, {}, output)
    assert words.startswith("The dress rehearsal of broken failed in stage of /staging after 3.0 s. Nothing was")
    assert "it broke in staging" in words
    assert "the password" not in json.dumps([words, output])
