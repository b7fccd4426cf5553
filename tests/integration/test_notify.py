# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role notify against the sandbox: one thread at Slack, a deployment at GitHub, a release at Sentry,
and none of it fails a run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import COLLECTIONS, ROOT
from sandbox.services import call
from sandbox.storefront import Sandbox
from tests.event_receiver import Receiver, silent_address

NAME = "test-notify"
PLAY = """
- hosts: shop
  gather_facts: false
  tasks:
    - name: Begin
      ansible.builtin.include_role: {name: storefront.runbook.notify, tasks_from: "{{ item }}"}
      loop: [slack, github, events]
      vars: {notify_event: begin}
    - name: Two steps
      ansible.builtin.include_tasks: step.yml
      loop: [{name: database.backup, outcome: ok, seconds: 3.2}, {name: verify.public, outcome: "{{ step_outcome }}", seconds: 7}]
    - name: End
      ansible.builtin.include_role: {name: storefront.runbook.notify, tasks_from: "{{ item }}"}
      loop: [slack, github, sentry, events]
      vars: {notify_event: end}
"""  # noqa: E501
STEP = """
- name: Note it
  ansible.builtin.set_fact:
    release_steps: "{{ release_steps | default([]) + [item] }}"
- name: Tell it
  ansible.builtin.include_role: {name: storefront.runbook.notify, tasks_from: slack}
  vars: {notify_event: step}
"""
RELEASED = {
    "step_outcome": "ok",
    "release_outcome": "released",
    "release_message": "",
    "frontend_units": {"frontend": {"commit": "a" * 40}},
}
BROKEN = {
    "step_outcome": "failed",
    "release_outcome": "rolled_back",
    "release_message": "ROLLED BACK. /checkout answered <500> & nothing else",
}


class Desk:
    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox, self.folder, self.state = sandbox, folder, sandbox.create_storefront(NAME)
        self.tokens, self.cloud = sandbox.state["tokens"], sandbox.state["cloud"]
        (folder / "play.yml").write_text(PLAY)
        (folder / "step.yml").write_text(STEP)

    def play(self, *arguments: str, **variables: Any) -> str:
        """Run the play and return what it printed. It must not fail."""
        known = {
            **{
                "ansible_connection": "local",
                "ansible_python_interpreter": sys.executable,
                "release": "v1.0.0",
                "notify_environment": "production",
            },
            **{
                "notify_slack_token": self.tokens["slack"],
                "notify_slack_channel": self.state["slack"]["channel"],
                "notify_slack_api_url": self.cloud["slack_url"],
            },
            **{
                "notify_github_token": self.tokens["github"],
                "notify_github_repository": self.state["github"]["repository"],
            },
            **{"notify_github_api_url": self.cloud["github_url"], "notify_url": "https://shop.example"},
            **{
                "notify_sentry_token": self.tokens["sentry"],
                "notify_sentry_organization": NAME,
                "notify_sentry_projects": [NAME],
            },
            **{"notify_sentry_repository": f"sandbox/{NAME}", "notify_sentry_api_url": self.cloud["sentry_url"]},
            **{
                "notify_links": [{"name": "errors", "url": "https://errors.example"}],
                "notify_contacts": ["Ada, 555 1234"],
                "notify_page": {"url": "https://reports.example/1.html"},
            },
        }
        given = self.folder / "variables.json"
        given.write_text(json.dumps({**known, **variables}))
        argv = ["ansible-playbook", "-i", "shop,", str(self.folder / "play.yml"), "-e", f"@{given}", *arguments]
        environment = {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        }
        done = subprocess.run(argv, capture_output=True, text=True, cwd=self.folder, env=environment, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert not any(token in done.stdout for token in self.tokens.values())
        return done.stdout

    def said(self) -> list[dict[str, Any]]:
        """The messages of the channel, the first one first."""
        kept = json.loads((Path(self.sandbox.state["root"]) / "cloud" / "state.json").read_text())
        return kept["storefronts"][NAME]["slack"]["messages"]

    def thread(self) -> list[str]:
        """What the channel's one thread says."""
        first, *answers = self.said()
        assert {message["thread_ts"] for message in answers} == {first["ts"]}
        return [message["text"] for message in (first, *answers)]

    def ask(self, vendor: str, path: str) -> Any:
        return call("GET", self.cloud[f"{vendor}_url"] + path, self.tokens[vendor])

    def statuses(self) -> list[str]:
        path = f"/repos/{self.state['github']['repository']}/deployments"
        return [
            status["state"]
            for one in self.ask("github", path)
            for status in self.ask("github", f"{path}/{one['id']}/statuses")
        ]


@pytest.fixture(scope="module")
def desk(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    desk = Desk(sandbox, tmp_path_factory.mktemp("notify"))
    sandbox.cloud("POST", f"/storefronts/{NAME}/save", {"label": "fresh"})
    yield desk
    sandbox.drop_storefront(NAME)


@pytest.fixture(autouse=True)
def _fresh(desk: Desk) -> Iterator[None]:
    desk.sandbox.cloud("POST", f"/storefronts/{NAME}/restore", {"label": "fresh"})
    yield
    desk.sandbox.cloud("DELETE", "/faults")


def test_a_release_is_reported_in_one_thread_on_its_commit_and_to_sentry(desk: Desk) -> None:
    desk.play(**RELEASED)
    first, ended = desk.thread()
    assert (
        first
        == ":white_check_mark: *production*: deploy of v1.0.0 is live.\nDashboards: <https://errors.example|errors>"
    )
    assert ended == f"{first}\n<https://reports.example/1.html|Report of this run>"
    edited, answer = desk.said()
    assert edited["edited"]
    headline, progress, links = edited["blocks"]
    assert headline["text"]["text"] == ":white_check_mark: *production*: deploy of v1.0.0 is live."
    assert progress["text"]["text"].splitlines() == [
        ":heavy_check_mark: database.backup in 3.2 s",
        ":heavy_check_mark: verify.public in 7 s",
    ]
    pages = {button["text"]["text"]: button["url"] for button in links["elements"]}
    assert pages == {"Report": "https://reports.example/1.html", "errors": "https://errors.example"}
    assert answer["blocks"][-1] == links
    assert desk.statuses() == ["success", "in_progress"]
    (release,) = desk.ask("sentry", f"/api/0/organizations/{NAME}/releases/")
    assert (release["version"], release["lastCommit"]["id"], release["lastDeploy"]["environment"]) == (
        "v1.0.0",
        "a" * 40,
        "production",
    )


def test_a_deploy_that_was_put_back_is_reported_with_whom_to_call(desk: Desk) -> None:
    desk.play(**BROKEN)
    first, ended = desk.thread()
    assert first.startswith(":x: *production*: deploy of v1.0.0 was rolled back.")
    assert ":x: verify.public in 7 s" in desk.said()[0]["blocks"][1]["text"]["text"]
    assert "/checkout answered &lt;500&gt; &amp; nothing else" in ended
    assert ended.endswith("Call: Ada, 555 1234")
    assert desk.statuses() == ["failure", "in_progress"]
    assert desk.ask("sentry", f"/api/0/organizations/{NAME}/releases/") == []


def test_none_of_them_fails_a_run(desk: Desk) -> None:
    for vendor, operation in (("slack", "post_message"), ("github", "list_deployments"), ("sentry", "release")):
        desk.sandbox.cloud(
            "POST",
            "/faults",
            {"vendor": vendor, "operation": operation, "kind": "malformed", "times": -1, "storefront": NAME},
        )
    printed = desk.play(**RELEASED)
    assert all(f"{name} was not notified: " in printed for name in ("Slack", "GitHub", "Sentry"))
    assert desk.said() == []


def test_check_mode_posts_nothing_and_a_webhook_is_posted_twice(desk: Desk) -> None:
    desk.play("--check", **RELEASED)
    assert (desk.said(), desk.statuses()) == ([], [])
    nobody = {"notify_slack_token": "", "notify_github_token": "", "notify_sentry_token": ""}
    printed = desk.play(**RELEASED, **nobody, notify_slack_webhook_url=desk.state["slack"]["webhook"])
    assert [message["text"].split(":")[1] for message in desk.said()] == ["hourglass_flowing_sand", "white_check_mark"]
    assert desk.state["slack"]["webhook"] not in printed


def test_events_are_delivered_and_a_silent_receiver_fails_nothing(desk: Desk) -> None:
    receiver, key = Receiver(), "k" * 40
    try:
        with silent_address() as silent:
            printed = desk.play(
                **RELEASED,
                notify_events_url=receiver.url("/events"),
                notify_events_token="a-token-of-the-receiver",
                notify_webhook_url=f"{silent}/a-secret-path",
                notify_webhook_key=key,
                notify_timeout=0.3,
                release_surfaces=["frontend"],
            )
    finally:
        receiver.stop()
    types = [event["type"].removeprefix("dev.cdevents.") for event in receiver.events()]
    assert types == ["pipelinerun.started.0.2.0", "pipelinerun.finished.0.2.0", "service.deployed.0.2.0"]
    assert "The event was not delivered: The webhook did not" in " ".join(printed.split())
    assert [secret for secret in (key, "a-secret-path", "a-token-of-the-receiver") if secret in printed] == []
    assert desk.said() != [], "the others are notified"
