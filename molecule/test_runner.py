# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Another program runs the playbooks: with the helper in extensions/runner, and on another machine by transmit, worker
and process. No secret is left in any folder.
"""

from __future__ import annotations

import base64
import html
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import ansible_runner
import pytest
import yaml

from conftest import COLLECTIONS, ROOT
from extensions.runner.storefront_run import MEMORY, STARTED, start
from molecule.canaries import Canaries
from molecule.conftest import UNASKED
from molecule.test_new_user import NEW, smallest
from sandbox.process import wait_until

ENVIRONMENT = {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
IN_ENV = "environment: token"
OF_THE_HOST = "token-of-the-host-program"
SECRET = ("_token", "_secret_key", "_access_key", "database_url")


@pytest.fixture
def project(shop, tmp_path, monkeypatch) -> tuple[Path, dict[str, Any]]:
    """An operations project without its secrets, and the secrets."""
    monkeypatch.setenv("VENDOR_TOKEN", OF_THE_HOST)
    variables = smallest(shop)
    secrets = {name: value for name, value in variables.items() if name.endswith(SECRET)}
    left = {name: value for name, value in variables.items() if name not in secrets}
    left["preflight_systems"] = UNASKED
    left["store_endpoint_url"] = shop.sandbox.state["cloud"]["objects_url"]
    folder = tmp_path / "ops"
    (folder / "production").mkdir(parents=True)
    (folder / "production/hosts.yml").write_text(yaml.safe_dump({"storefronts": {"hosts": {"shop": left}}}))
    return folder, secrets


def written(folder: Path, secrets: dict[str, Any]) -> list[str]:
    """Return the files below a folder with a secret in them."""
    return Canaries({**secrets, "host program": OF_THE_HOST}).below(folder)


@pytest.mark.parametrize(
    "wrap", [quote, html.escape, json.dumps, repr, lambda text: base64.b64encode(text.encode()).decode()]
)
def test_the_search_finds_a_secret_in_each_form(tmp_path, wrap):
    canaries = Canaries({"token": "p%/+'\"<&-é-a-secret"})
    (tmp_path / "log").write_text(wrap("user:p%/+'\"<&-é-a-secret:more"))
    assert canaries.below(tmp_path) == ["log: token"]


def test_the_search_finds_a_secret_of_a_process():
    given = "a-secret-of-a-process"
    canaries = Canaries({"token": given})
    waits = ["/bin/sh", "-c", "read end", given]
    with canaries.watching_processes(), subprocess.Popen(waits, env={"TOKEN": given}, stdin=subprocess.PIPE) as shell:
        assert wait_until(lambda: {one.partition(", ")[2] for one in canaries.seen} == {"arguments: token", IN_ENV}, 60)
        shell.communicate()


def in_memory() -> set[Path]:
    return set(MEMORY.glob("storefront-*.json"))


def test_a_program_follows_a_deploy_and_reads_its_result(shop, project, tmp_path):
    folder, secrets = project
    before = in_memory()
    canaries = Canaries(secrets)
    with canaries.watching_processes():
        run = start(
            "storefront.runbook.deploy",
            project=folder,
            inventory="production",
            options={"release": NEW},
            secrets=secrets,
            folder=tmp_path / "artefacts",
            environment={**ENVIRONMENT, "ANSIBLE_VERBOSITY": "5", "ANSIBLE_DIFF_ALWAYS": "1"},
        )
        phases = list(run.phases())
        result = run.result()
    assert result.ok, [path.read_text() for path in (tmp_path / "artefacts").rglob("stdout")]
    names = [phase.name for phase in phases if phase.state == STARTED]
    assert names[0] == "database.backup"
    assert names[-1] == "release.record"
    assert [phase.name for phase in phases if phase.state == "ended"] == names
    report = result.reports["shop"]
    assert (report["outcome"], report["release"]) == ("released", NEW)
    assert shop.live() == {"frontend": NEW, "backend": NEW}
    assert written(tmp_path / "artefacts", secrets) == []
    assert canaries.within((result.output + repr(result.reports)).encode()) == []
    assert [name for name, content in shop.objects().items() if canaries.within(content)] == []
    assert canaries.seen == set(), "no process had a secret where others can read it"
    assert in_memory() == before, "the secrets' file is gone"


def test_a_program_cancels_a_deploy_and_the_next_one_settles_it(shop, project):
    folder, secrets = project
    before = in_memory()
    options = {"release": NEW}
    where: dict[str, Any] = {"project": folder, "inventory": "production", "environment": ENVIRONMENT}
    run = start("storefront.runbook.deploy", options=options, secrets=secrets, **where)
    for phase in run.phases():
        if phase.name == "backend.release":
            run.cancel()
    result = run.result()
    assert (result.ok, result.status) == (False, "canceled")
    assert result.reports["shop"]["outcome"] == "cancelled"
    assert f"during {result.reports['shop']['step']}" in result.reports["shop"]["message"]
    assert not run.folder.exists(), "nothing was asked to be kept"
    assert in_memory() == before
    shop.age_the_lease()
    again = start("storefront.runbook.deploy", options=options, secrets=secrets, **where).result()
    assert again.reports["shop"]["outcome"] == "released"


def test_a_refused_run_has_a_result_too_and_no_secret_that_a_vendor_repeats(shop, project, tmp_path):
    folder, secrets = project
    given = {**secrets, "frontend_token": "a-token-that-nobody-knows"}
    shop.fault(vendor="vercel", operation="project", kind="echo", times=-1, storefront=shop.name)
    run = start(
        "storefront.runbook.preflight",
        project=folder,
        inventory="production",
        options={"release": "v9.9.9"},
        secrets=given,
        folder=tmp_path / "artefacts",
        environment={**ENVIRONMENT, "ANSIBLE_VERBOSITY": "5", "ANSIBLE_DIFF_ALWAYS": "1"},
    )
    assert list(run.phases()) == []
    result = run.result()
    assert (result.ok, result.reports["shop"]["outcome"]) == (False, "refused")
    assert "v9.9.9" in result.reports["shop"]["message"]
    assert "The request is not understood" in result.reports["shop"]["message"]
    assert Canaries(given).within((result.output + repr(result.reports)).encode()) == []
    assert written(tmp_path / "artefacts", given) == []


def test_another_machine_runs_it_by_transmit_worker_and_process(shop, project, tmp_path):
    folder, secrets = project
    here, there, back = (tmp_path / name for name in ("here", "there", "back"))
    (here / "project").mkdir(parents=True)
    (here / "inventory").mkdir()
    (here / "inventory/hosts.yml").write_text((folder / "production/hosts.yml").read_text())
    (here / "project/deploy.yml").write_text("- ansible.builtin.import_playbook: storefront.runbook.deploy\n")
    options = {**secrets, "release": NEW}
    job, ran = tmp_path / "job", tmp_path / "ran"
    common: dict[str, Any] = {"playbook": "deploy.yml", "envvars": ENVIRONMENT, "cmdline": "--check"}
    with job.open("wb") as stream:
        ansible_runner.interface.run(
            streamer="transmit", private_data_dir=str(here), extravars=options, _output=stream, **common
        )
    # the worker's folder is deleted with what the job brought, as `ansible-runner worker --delete` does
    worker = [sys.executable, "-m", "ansible_runner", "worker", "--private-data-dir", str(there), "--delete"]
    with job.open("rb") as given, ran.open("wb") as stream:
        subprocess.run(worker, stdin=given, stdout=stream, check=True)
    events: list[dict[str, Any]] = []
    with ran.open("rb") as stream:
        read = ansible_runner.interface.run(
            streamer="process", private_data_dir=str(back), _input=stream, event_handler=events.append
        )
    assert read.status == "successful", json.dumps(events[-3:], default=str)
    (stats,) = [event for event in events if event["event"] == "playbook_on_stats"]
    assert stats["event_data"]["artifact_data"]["storefront_reports"]["shop"]["outcome"] == "checked"
    assert not there.exists() or written(there, secrets) == []
