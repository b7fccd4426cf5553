# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Another program runs the playbooks: with the helper in extensions/runner, and on other machines by transmit, worker
and process. No secret is left in any folder.
"""

from __future__ import annotations

import base64
import html
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import ansible_runner
import pytest
import yaml

from conftest import COLLECTIONS, ROOT
from extensions.runner.storefront_run import MEMORY, STARTED, start
from molecule.canaries import Canaries
from molecule.conftest import UNASKED, Shop
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


FLEET = [f"worker-{number}" for number in range(1, 5)]
# What a deploy of the frontend alone reads of the smallest inventory.
OF_FRONTEND = ("source_path", "store", "frontend")


@dataclass
class Job:
    """One storefront's deploy, sent to a machine of its own: ``there`` is that machine's folder."""

    shop: Shop
    folder: Path
    secrets: dict[str, Any]

    def transmit(self) -> None:
        """Write what the machine receives, with all that the deploy needs."""
        variables = {name: value for name, value in smallest(self.shop).items() if name.startswith(OF_FRONTEND)}
        self.secrets |= {name: variables.pop(name) for name in list(variables) if name.endswith(SECRET)}
        variables |= {"surfaces": ["frontend"], "preflight_systems": UNASKED}
        variables["store_endpoint_url"] = self.shop.sandbox.state["cloud"]["objects_url"]
        here = self.folder / "here"
        for name in ("project", "inventory"):
            (here / name).mkdir(parents=True)
        hosts = {"storefronts": {"hosts": {self.shop.name: variables}}}
        (here / "inventory/hosts.yml").write_text(yaml.safe_dump(hosts))
        (here / "project/deploy.yml").write_text("- ansible.builtin.import_playbook: storefront.runbook.deploy\n")
        common: dict[str, Any] = {"playbook": "deploy.yml", "envvars": {**ENVIRONMENT, "WORKER": self.shop.name}}
        with (self.folder / "job").open("wb") as stream:
            options = {**self.secrets, "release": NEW}
            ansible_runner.interface.run(
                streamer="transmit", private_data_dir=str(here), extravars=options, _output=stream, **common
            )

    def work(self) -> subprocess.Popen[bytes]:
        """Start the worker. Its folder is deleted with what the job brought, as `ansible-runner worker --delete`
        does.
        """
        there = str(self.folder / "there")
        worker = [sys.executable, "-m", "ansible_runner", "worker", "--private-data-dir", there, "--delete"]
        with (self.folder / "job").open("rb") as given, (self.folder / "ran").open("wb") as stream:
            environment = {**os.environ, "WORKER": self.shop.name}
            return subprocess.Popen(worker, stdin=given, stdout=stream, env=environment)

    def outcome(self) -> str:
        """Process what the worker sent back: the outcome of the storefront; empty where its report never came."""
        events: list[dict[str, Any]] = []
        with (self.folder / "ran").open("rb") as stream:
            ansible_runner.interface.run(
                streamer="process",
                private_data_dir=str(self.folder / "back"),
                _input=stream,
                event_handler=events.append,
                quiet=True,
            )
        stats = [event for event in events if event["event"] == "playbook_on_stats"]
        reports = stats[0]["event_data"]["artifact_data"]["storefront_reports"] if stats else {}
        return reports.get(self.shop.name, {}).get("outcome", "")

    def kill(self) -> None:
        """Kill everything that runs on the machine, as if it had lost its power."""

        def none_is_left() -> bool:
            mark, found = f"WORKER={self.shop.name}".encode(), []
            for entry in Path("/proc").glob("[0-9]*/environ"):
                with suppress(OSError):
                    if mark in entry.read_bytes().split(b"\0"):
                        found.append(int(entry.parent.name))
            for process in found:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            return not found

        assert wait_until(none_is_left, 60)


@pytest.fixture
def jobs(shop: Shop, tmp_path: Path) -> Iterator[list[Job]]:
    """A job for each of four storefronts on which nothing is live."""
    made = []
    for name in FLEET:
        shop.sandbox.create_storefront(name)
        (tmp_path / name).mkdir()
        made.append(Job(Shop(shop.sandbox, name, tmp_path), tmp_path / name, {}))
    yield made
    shop.clear_faults()
    for name in FLEET:
        shop.sandbox.drop_storefront(name)


@pytest.mark.long
def test_four_machines_deploy_a_storefront_each_and_what_one_left_when_it_was_killed_is_settled(
    shop: Shop, jobs: list[Job]
) -> None:
    lost = jobs[1]
    shop.fault(vendor="vercel", operation="create", kind="hold", storefront=lost.shop.name)
    for job in jobs:
        job.transmit()
    workers = [job.work() for job in jobs]
    assert wait_until(shop.held, 240)
    lost.kill()
    codes = [worker.wait(400) for worker in workers]
    assert codes == [0, -signal.SIGKILL, 0, 0]
    assert [job.outcome() for job in jobs] == ["released", "", "released", "released"]
    assert [job.folder.name for job in jobs if written(job.folder / "there", job.secrets)] in ([], [lost.folder.name])

    shop.clear_faults()
    lost.shop.age_the_lease()
    again = Job(lost.shop, lost.folder / "again", {})
    again.transmit()
    assert again.work().wait(400) == 0
    assert again.outcome() == "released"
    assert not (again.folder / "there").exists() or written(again.folder / "there", again.secrets) == []
    assert [lost.shop.built(NEW), len(lost.shop.ledger())] == [1, 1]
