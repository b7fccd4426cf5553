# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The workflows of GitHub: ours, the one that users call, their caller in the docs, and the one that init writes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.storefront.runbook.plugins.module_utils.project.texts import WORKFLOW

from conftest import ROOT

FOLDER = ROOT / ".github/workflows"
REUSABLE = FOLDER / "storefront-deploy.yml"
BIN = Path(sys.executable).parent
PAGE = (ROOT / "docs/ways-in.md").read_text()
CALLER = re.search(r"```yaml\n(# \.github/workflows/release\.yml.*?)```", PAGE, re.DOTALL)
SECRETS = "          VERCEL_TOKEN: ${{ secrets.VERCEL_TOKEN }}"


@pytest.fixture
def workflows(tmp_path: Path) -> Path:
    """A repository's folder with all workflows."""
    folder = tmp_path / ".github/workflows"
    folder.mkdir(parents=True)
    for path in FOLDER.glob("*.yml"):
        (folder / path.name).write_text(path.read_text())
    assert CALLER
    commit = "0" * 40  # the docs name a release, and say to pin the commit
    (folder / "release.yml").write_text(CALLER[1].replace("@v1.0.0", f"@{commit}  # v1.0.0"))
    (folder / "ops.yml").write_text(WORKFLOW.replace("          # SECRETS", SECRETS))
    return folder


def test_zizmor_finds_nothing(workflows: Path) -> None:
    words = [str(BIN / "zizmor"), "--offline", "--no-progress", "--no-config", str(workflows)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_they_are_workflows_to_github(workflows: Path) -> None:
    words = [str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.github-workflows"]
    done = subprocess.run(
        [*words, *map(str, sorted(workflows.glob("*.yml")))], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_the_caller_gives_what_is_asked_for_and_nothing_else() -> None:
    assert CALLER
    given: dict[str, Any] = yaml.safe_load(CALLER[1])["jobs"]["deploy"]
    asked = yaml.safe_load(REUSABLE.read_text())[True]["workflow_call"]  # YAML reads on as true
    for kind, key in (("inputs", "with"), ("secrets", "secrets")):
        required = {name for name, spec in asked[kind].items() if spec.get("required")}
        assert required <= set(given[key]) <= set(asked[kind])


def test_no_input_is_part_of_a_script(workflows: Path) -> None:
    for path in workflows.glob("*.yml"):
        for job in yaml.safe_load(path.read_text())["jobs"].values():
            for step in job.get("steps", []):
                assert "${{" not in step.get("run", ""), f"{path.name}: {step.get('name')}"
