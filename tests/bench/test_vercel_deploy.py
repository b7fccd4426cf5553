# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vercel_deploy beside Vercel's own client: how long each takes to stage a folder, and what it asks of
Vercel, in one run against the same double.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import requests

from sandbox.storefront import Sandbox
from tests.bench.test_backup import SIZE
from tests.integration.vercel_client import Client

NAME = "bench-vercel"
ROUNDS = 1 if SIZE == "small" else 3
FILES = 2_000  # of 1 to 9 KB
CHANGED = FILES // 100
# a static site: there is nothing to build, so that the time is that of the clients
MANIFEST = {"name": "bench", "version": "1.0.0"}
# As Ansible runs a module: in a process of its own, which has all to import, and nothing besides.
MODULE = """
import sys
from ansible.module_utils import basic
from ansible_collections.storefront.runbook.plugins.modules import vercel_deploy
basic._ANSIBLE_ARGS, basic._ANSIBLE_PROFILE = sys.stdin.buffer.read(), "legacy"
vercel_deploy.main()
"""


class Bench:
    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox, self.shop = sandbox, sandbox.create_storefront(NAME)
        self.site, self.random = folder / "site", random.Random()  # nothing that an earlier run has sent, or built
        self.site.mkdir()
        self.ask("PATCH", f"/v9/projects/{self.shop['vercel']['project']}", json={"outputDirectory": "."})
        self.client = Client(self.site, folder / "home", sandbox.state, self.shop)
        self.version = 0

    def write(self, count: int) -> None:
        """Give ``count`` of the files other contents, and the release another number; without ``count``
        being all of them the rest stays.
        """
        self.version += 1
        (self.site / "package.json").write_text(json.dumps(MANIFEST))
        (self.site / "page.json").write_text(json.dumps({"version": self.version}))
        for number in self.random.sample(range(FILES), count):
            file = self.site / f"part{number % 40}" / f"{number}.bin"
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(self.random.randbytes(self.random.randint(1_000, 9_000)))

    def stage(self, by: str) -> str:
        """Stage the folder and return the URL of the deployment."""
        if by == "client":
            return self.client.stage().replace("https", "http")
        api = {
            "api_token": self.sandbox.state["tokens"]["vercel"],
            "api_url": self.sandbox.state["cloud"]["vercel_url"],
        }
        place = {
            "team": self.shop["vercel"]["team"],
            "project": NAME,
            "state": "staged",
            "path": str(self.site),
            "release": f"v{self.version}",
        }
        options = json.dumps({"ANSIBLE_MODULE_ARGS": {**api, **place}})
        done = subprocess.run(
            [sys.executable, "-c", MODULE], input=options, env=self.env(), capture_output=True, text=True, check=False
        )
        result = json.loads(done.stdout)
        assert not result.get("failed"), result["msg"]
        return result["deployment"]["url"]

    @staticmethod
    def env() -> dict[str, str]:
        return {"PYTHONPATH": str(Path(__file__).parents[2] / ".ansible" / "collections"), "PATH": "/usr/bin:/bin"}

    def measure(self, by: str) -> dict[str, float]:
        self.sandbox.cloud("DELETE", "/requests")
        began = time.perf_counter()
        url = self.stage(by)
        seconds = time.perf_counter() - began
        assert requests.get(f"{url}/page.json", timeout=10).json() == {"version": self.version}
        asked = [request for request in self.sandbox.cloud("GET", "/requests") if request["vendor"] == "vercel"]
        built = self.build_seconds()
        return {
            "seconds": seconds,
            "built": built,
            "own": seconds - built,
            "requests": len(asked),
            "bytes": sum(request["bytes"] for request in asked),
        }

    def build_seconds(self) -> float:
        """Return how long the double took over the build, from the request to the end: in that time a
        client has nothing to do.
        """
        (newest,) = self.ask("GET", "/v7/deployments", projectId=self.shop["vercel"]["project"], limit="1")[
            "deployments"
        ]
        return (newest["ready"] - newest["createdAt"]) / 1000

    def ask(self, method: str, path: str, json: Any = None, **query: str) -> Any:
        headers, params = (
            {"Authorization": f"Bearer {self.sandbox.state['tokens']['vercel']}"},
            {"teamId": self.shop["vercel"]["team"], **query},
        )
        return requests.request(
            method,
            f"{self.sandbox.state['cloud']['vercel_url']}{path}",
            params=params,
            json=json,
            headers=headers,
            timeout=10,
        ).json()


@pytest.fixture
def bench(sandbox: Sandbox, tmp_path: Path) -> Iterator[Bench]:
    yield Bench(sandbox, tmp_path)
    sandbox.drop_storefront(NAME)


def test_a_deployment_beside_the_one_by_vercels_own_client(bench: Bench) -> None:
    cases = {f"{FILES:,} new files": FILES, f"{CHANGED} of {FILES:,} files changed": CHANGED}
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    bench.write(FILES)
    bench.stage("client")  # the first build of all, and Node's own cache of the client
    for turn in range(ROUNDS):
        for case, count in cases.items():
            for by in ("module", "client") if turn % 2 else ("client", "module"):
                bench.write(count)
                found.setdefault((case, by), []).append(bench.measure(by))
    print(
        f"\nA folder staged for production against the same double, rounds: {ROUNDS}; the median, time also as a"
        " multiple of the client's in its round."
    )
    print("The double's build is in the seconds of both; what is left without it is each one's own.\n")
    print(f"{'':<32}{'by':<16}{'seconds':>8}{'time':>7}{'build':>7}{'own':>7}{'time':>7}{'requests':>10}{'MB sent':>9}")
    for (case, by), rounds in found.items():
        peers = found[case, "client"]
        whole = median(own["seconds"] / peer["seconds"] for own, peer in zip(rounds, peers, strict=True))
        rest = median(own["own"] / peer["own"] for own, peer in zip(rounds, peers, strict=True))
        seconds, built, own, asked, sent = (
            median(item[key] for item in rounds) for key in ("seconds", "built", "own", "requests", "bytes")
        )
        name = "vercel_deploy" if by == "module" else "vercel deploy"
        print(
            f"{case:<32}{name:<16}{seconds:>8.2f}{whole:>7.2f}{built:>7.2f}{own:>7.2f}{rest:>7.2f}{asked:>10.0f}{sent / 1e6:>9.2f}"  # noqa: E501
        )
