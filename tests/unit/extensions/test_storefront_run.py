# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The helper that starts a playbook from a program: paths as a user writes them, and what is not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from extensions.runner.storefront_run import RESULT, Phases, start

PLAY = """
- hosts: storefronts
  gather_facts: false
  connection: local
  tasks:
    - ansible.builtin.debug: {msg: "{{ release }} with a secret of {{ secret | length }}"}
    - ansible.builtin.fail: {msg: the shop is closed}
      when: release == "v9"
"""
SCREEN = {"ANSIBLE_STDOUT_CALLBACK": "default", "ANSIBLE_NOCOLOR": "1"}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a space in its name, which is the current one, with the project shop-ops."""
    folder = tmp_path / "a folder"
    (folder / "shop-ops/production").mkdir(parents=True)
    (folder / "shop-ops/deploy.yml").write_text(PLAY)
    (folder / "shop-ops/production/hosts.yml").write_text("storefronts: {hosts: {shop: }}")
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize(
    ("folder", "release", "ok", "words"),
    [
        (None, "v1", True, "v1 with a secret of 6"),
        (Path("artefacts"), "v1", True, "v1 with a secret of 6"),
        (None, "v9", False, "the shop is closed"),
    ],
)
def test_paths_may_be_relative_and_the_output_says_what_happened(
    here: Path, folder: Path | None, release: str, ok: bool, words: str
) -> None:
    given: dict[str, Any] = {"options": {"release": release}, "secrets": {"secret": "sesame"}}
    run = start(
        "deploy.yml", project=Path("shop-ops"), inventory="production", folder=folder, environment=SCREEN, **given
    )
    result = run.result()
    assert (result.ok, words in result.output) == (ok, True), result.output
    assert "sesame" not in result.output
    assert run.folder.exists() == (folder is not None)
    assert not folder or json.loads((folder / RESULT).read_text()) == {"status": "successful", "code": 0, "reports": {}}


def test_a_cancelled_run_leaves_its_result(here: Path) -> None:
    run = start("deploy.yml", project=Path("shop-ops"), inventory="production", folder=Path("artefacts"))
    run.cancel()
    assert run.result().status == "canceled"
    assert json.loads(Path("artefacts", RESULT).read_text())["status"] == "canceled"


@pytest.mark.parametrize(
    ("playbook", "project", "inventory"),
    [
        ("deploy.yml", "nowhere", "production"),
        ("deploy.yml", "shop-ops", "prodction"),
        ("depoly.yml", "shop-ops", "production"),
    ],
)
def test_what_is_not_there_is_refused_before_anything_starts(
    here: Path, playbook: str, project: str, inventory: str
) -> None:
    with pytest.raises(FileNotFoundError, match=r"There is no .*(nowhere|prodction|depoly\.yml)\. Name the folder"):
        start(playbook, project=Path(project), inventory=inventory, folder=Path("artefacts"))
    assert not (here / "artefacts").exists()


def test_a_storefront_in_which_the_run_was_killed_has_a_result() -> None:
    reader = Phases(reports={"done": {"outcome": "released"}})
    for host in ("shop", "done"):
        facts = {"ansible_facts": {"release_step": {"name": "backend.release"}}}
        event = {"event": "runner_on_ok", "created": "now", "event_data": {"host": host, "res": facts}}
        assert [phase.state for phase in reader.read(event)] == ["started"]
    failed: dict[str, Any] = {"host": "rescued", "res": {"ansible_facts": {"release_step": {"name": "verify.public"}}}}
    list(reader.read({"event": "runner_on_ok", "event_data": failed}))
    failed["res"] = {"ansible_facts": {"release_failure": {"step": "verify.public"}}}
    list(reader.read({"event": "runner_on_ok", "event_data": failed}))
    for host in ("waiting", "localhost"):
        list(reader.read({"event": "runner_on_start", "event_data": {"host": host}}))
    reader.killed()
    assert "localhost" not in reader.reports
    assert "killed after verify.public" in reader.reports["rescued"]["message"]
    assert "killed before its first step" in reader.reports["waiting"]["message"]
    assert reader.reports["done"] == {"outcome": "released"}
    assert reader.reports["shop"]["outcome"] == "cancelled"
    assert "during backend.release" in reader.reports["shop"]["message"]
