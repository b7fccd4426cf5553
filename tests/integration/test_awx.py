# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data for AWX is applied with awx.awx 24.6.1 to a double of AWX's API. Its modules run in forks, as ours do, which
is quicker than a new Python for each of the 63 objects.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from conftest import ROOT
from tests.awx_double import TOKEN, Awx, running
from tests.event_receiver import Receiver

AWX = ROOT / ".cache" / "awx" / "ansible_collections"
pytestmark = pytest.mark.skipif(not AWX.is_dir(), reason="awx.awx is missing: make setup downloads it")


@pytest.fixture(scope="module")
def collections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with awx.awx, whose modules run in a fork."""
    folder = tmp_path_factory.mktemp("collections")
    shutil.copytree(AWX, folder / "ansible_collections")
    file = folder / "ansible_collections/awx/awx/meta/runtime.yml"
    runtime = yaml.safe_load(file.read_text())
    for name in runtime["action_groups"]["controller"]:
        runtime["plugin_routing"]["modules"].setdefault(name, {})["action_plugin"] = "storefront.runbook.in_process"
    file.write_text(yaml.safe_dump(runtime))
    return folder


def apply(collections: Path, address: str, *options: str) -> tuple[int, str]:
    """Apply the data; returns the exit code and the output."""
    environment = {
        **os.environ,
        "CONTROLLER_HOST": address,
        "CONTROLLER_OAUTH_TOKEN": TOKEN,
        "ANSIBLE_COLLECTIONS_PATH": f"{collections}:{ROOT / '.ansible/collections'}",
        "ANSIBLE_STDOUT_CALLBACK": "default",
    }
    done = subprocess.run(
        ["ansible-playbook", "extensions/awx/apply.yml", *options],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.long
def test_the_second_application_changes_nothing(collections: Path) -> None:
    awx = Awx()
    with running(awx) as address:
        code, output = apply(collections, address)
        assert code == 0, output
        written = awx.writes
        code, output = apply(collections, address)
    assert code == 0, output
    assert re.search(r"changed=0 +unreachable=0 +failed=0", output), output
    assert "WARNING" not in output
    assert awx.writes == written
    playbooks = {path.name.removesuffix(".meta.yml") for path in (ROOT / "playbooks").glob("*.meta.yml")} - {"init"}
    refused = {"seed", "refresh"}  # in production
    wanted = {f"shop {'staging' if name in refused else 'production'} {name}" for name in playbooks}
    assert wanted <= set(awx.names("job_templates"))
    nodes = {row["identifier"]: number for number, row in awx.kinds["workflow_job_template_nodes"].items()}
    after = {name: _linked(awx, number) for name, number in nodes.items()}
    assert after["check production"] == {"success_nodes": [nodes["approve production"]]}
    assert after["approve production"] == {"success_nodes": [nodes["deploy to production"]]}
    assert after["verify production"] == {"failure_nodes": [nodes["roll back production"]]}
    assert "failure_nodes" not in after["deploy to production"], "a failed deploy has put everything back itself"


def _linked(awx: Awx, node: int) -> dict[str, list[int]]:
    found = {part: to for (kind, number, part), to in awx.linked.items() if (number, kind) == (node, NODES)}
    return {part: to for part, to in found.items() if to}


NODES = "workflow_job_template_nodes"


@pytest.mark.parametrize(
    ("awx", "options", "words"),
    [
        (Awx(version="21.14.0"), (), ("is AWX 21.14.0, and this needs AWX 24", "awx_collection")),
        (Awx(version="25.0.0"), (), ("is AWX 25.0.0",)),
        (Awx("4.6.2", "Red Hat Ansible Automation Platform"), (), ("infra.aap_configuration",)),
        (Awx(), ("-e", '{"awx_credentials": {"production": "vercel", "staging": []}}'), ("a list of credentials",)),
        (Awx(), ("-e", "awx_host=awx.example.com"), ("must be the address of AWX",)),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(
    collections: Path, awx: Awx, options: tuple[str, ...], words: tuple[str, ...]
) -> None:
    with running(awx) as address:
        code, output = apply(collections, address, *options)
    assert code == 2
    assert "Nothing was changed" in output
    for word in words:
        assert word in " ".join(output.split())
    assert awx.writes == 0


def test_what_is_no_awx_is_refused(collections: Path) -> None:
    other = Receiver()
    try:
        for address in ("http://127.0.0.1:9", other.url("")):
            code, output = apply(collections, address)
            said = " ".join(output.split())
            assert code == 2
            assert f"Nothing was changed. {address} is no AWX" in said
            assert "check CONTROLLER_HOST" in said
    finally:
        other.stop()
    assert other.got == []
