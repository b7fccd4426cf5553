# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator sees of whole deploys at 80 columns: a good one, a failed one, a killed one and a fleet's."""

from __future__ import annotations

import os
import re
import signal
import subprocess

import pytest

from conftest import COLLECTIONS, ROOT
from molecule.conftest import development

NEW, BROKEN = "v1.1.0", "v1.2.0"


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    """A terminal of 80 columns, and a locale that has more than ASCII."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


def lines_of(played) -> list[str]:
    """The screen, which never has a control character or a line wider than 80 columns where there is no terminal. Only
    a long path of a command stays whole, so that it can be copied.
    """
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", played.stdout)
    lines = played.stdout.splitlines()
    assert all(max(map(len, line.split())) > 60 for line in lines if len(line) > 80), played.stdout
    return lines


def shape(text: str) -> list[str]:
    """What of a screen is the same each time: its words, without times, numbers, addresses and ids."""
    plain = re.sub(r"\b[0-9a-f]{7,}\b|\b[0-9a-f-]{36}\b|https?://\S+|\d[\d.,:TZ]*", "#", text)
    plain = re.sub(r"# (s|min|h|days?)\b( # s)?", "#", plain)
    lines = plain.splitlines()
    # which a busy machine adds
    kept = [line for line in lines if line.strip() and not line.startswith(("Deploy ", "$ ")) and " so far" not in line]
    return [" ".join(line.split()) for line in kept]


def readme(start: str) -> str:
    """The block of the README that has this line."""
    blocks = re.findall(r"```text\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (block,) = [block for block in blocks if start in block]
    return block


def test_the_readme_shows_what_a_deploy_prints(shop, tmp_path):
    for name in ("playbooks", "inventories"):
        (tmp_path / name).symlink_to(ROOT / name)
    ours = {
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "SANDBOX_NAME": shop.sandbox.name,
        "COLUMNS": "100",
    }

    def deploy(release: str) -> list[str]:
        command = [
            "ansible-playbook",
            "playbooks/deploy.yml",
            "-i",
            "inventories/development",
            "-e",
            f"release={release}",
        ]
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env={**os.environ, **ours},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return shape(done.stdout)

    good, failed = shape(readme("RELEASED v1.1.0")), shape(readme("ROLLED BACK to"))
    assert deploy(NEW) == good
    assert deploy(BROKEN)[-len(failed) :] == failed


def test_a_good_deploy_is_at_most_40_lines_and_ends_with_what_is_live(shop):
    played = shop.play("deploy.yml", release=NEW)
    lines = lines_of(played)
    assert played.rc == 0, played.stdout
    assert len(lines) <= 40, played.stdout
    assert lines[0].startswith("Deploy v1.1.0 to shop (development)")
    assert [line for line in lines if line.startswith("  release api ")]
    ending = lines[next(number for number, line in enumerate(lines) if line.startswith("RELEASED v1.1.0 in ")) :]
    assert f"api {NEW} · worker {NEW} · frontend {NEW}" in " ".join(ending)
    assert "playbooks/rollback.yml" in " ".join(ending)
    assert played.report["record"] in ending[-1]


def test_a_failed_deploy_is_at_most_60_lines_and_shows_the_log_once(shop):
    played = shop.play("deploy.yml", release=BROKEN)
    lines = lines_of(played)
    assert played.rc == 2
    assert len(lines) <= 60, played.stdout
    assert played.stdout.count("FAILED") == 1
    assert played.stdout.count("replicas never became healthy") == 1
    assert [line for line in lines if line.startswith("ROLLED BACK to v1.0.0: release api failed.")]
    assert lines[-1].endswith(played.report["record"])


def test_a_killed_deploy_ends_with_a_true_line(shop):
    played = shop.play("deploy.yml", at=[{"task": "Begin verify.staged", "signal": signal.SIGKILL}], release=NEW)
    lines = lines_of(played)
    assert played.rc == -signal.SIGKILL
    # what the API serves, in the line of its step
    assert [line for line in lines if line.startswith("  ")][-1].endswith("v1.1.0")
    assert [line for line in lines if line[2:3].strip()][-1].startswith("  verify the API ")
    assert "RELEASED" not in played.stdout


@pytest.mark.long
def test_a_fleet_has_the_storefronts_name_on_each_line(shop, tmp_path):
    shop.sandbox.create_storefront("second")
    try:
        inventory = development(tmp_path / "inventory", "shop", "second")
        played = shop.play("deploy.yml", inventory=inventory, release=NEW, rollout=2, surfaces=["frontend"])
        lines = lines_of(played)
        assert played.rc == 0, played.stdout
        assert all(re.match(r"(shop {2}|second) \| ", line) for line in lines), played.stdout
        assert sorted(line.partition(" in ")[0] for line in lines if "RELEASED" in line) == [
            "second | RELEASED v1.1.0",
            "shop   | RELEASED v1.1.0",
        ]
        assert len(lines) <= 2 * 40
    finally:
        shop.sandbox.drop_storefront("second")
