# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""railway_service with a large upload: that its memory does not grow with it, and how long it takes beside
tar and curl, in one run against the same double.
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

from sandbox.storefront import Sandbox
from tests.bench.test_backup import SIZE

NAME = "bench-railway"
ROOT = Path(__file__).parents[2]
ROUNDS = 1 if SIZE == "small" else 3
MEGABYTES = 100  # of what gzip cannot make smaller, as pictures are
BOUND = 40  # MB that a module may need above one that sends next to nothing
MANIFEST = {"name": "bench", "version": "1.0.0", "scripts": {"start": "sleep 3600"}}
PEAK = "int(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1]) / 1024"
# As Ansible runs a module: in a process of its own, which reports the most memory that it had.
MODULE = f"""
import json, sys
from ansible_collections.storefront.runbook.plugins.modules import railway_service
from tests.unit.support import run_module
result = run_module(railway_service, json.load(sys.stdin))
print(json.dumps([result, {PEAK}]))
"""
# What is usual in its place. The token is in curl's configuration, which it reads from a pipe; the memory is that of
# the larger of the two programs.
SHELL = """
import json, resource, subprocess, sys
folder, archive, url, token = json.load(sys.stdin)
subprocess.run(["tar", "czf", archive, "-C", folder, "."], check=True)
words = ["--silent", "--fail-with-body", "--data-binary", f"@{archive}", "--header", "Content-Type: application/gzip", "--config", "-", url]
done = subprocess.run(["curl", *words], input=f'header = "Project-Access-Token: {token}"', capture_output=True, text=True, check=True)
print(json.dumps([json.loads(done.stdout), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024]))
"""  # noqa: E501


class Bench:
    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox, self.shop, self.folder = sandbox, sandbox.create_storefront(NAME), folder
        self.random, self.version = random.Random(1), 0

    def app(self, megabytes: int) -> Path:
        """Return a folder with an application of so many files of 1 MB, other ones each time."""
        self.version += 1
        app = self.folder / f"app{self.version}"
        (app / "pictures").mkdir(parents=True)
        (app / "package.json").write_text(json.dumps(MANIFEST))
        for number in range(megabytes):
            (app / "pictures" / f"{number}.jpg").write_bytes(self.random.randbytes(1_000_000))
        return app

    def measure(self, by: str, app: Path) -> dict[str, float]:
        """Upload an application, and see that all of it has come."""
        self.sandbox.cloud("DELETE", "/requests")
        ids, api_url = self.shop["railway"], self.sandbox.state["cloud"]["railway_url"]
        token = {"api_token": ids["project_token"], "token_type": "project"}
        place = {"project": ids["project"], "environment": ids["environment"], "service": ids["services"]["api"]}
        program, given = (
            MODULE,
            {
                **token,
                **place,
                "api_url": api_url,
                "state": "deployed",
                "path": str(app),
                "release": f"v{self.version}",
                "wait": False,
            },
        )
        if by == "tar and curl":
            url = f"{api_url}/project/{ids['project']}/environment/{ids['environment']}/up?serviceId={ids['services']['api']}"  # noqa: E501
            program, given = SHELL, [str(app), str(self.folder / "app.tar.gz"), url, ids["project_token"]]  # type: ignore[assignment]
        env = {"PYTHONPATH": f"{ROOT / '.ansible' / 'collections'}:{ROOT}", "PATH": "/usr/bin:/bin"}
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", program],
            input=json.dumps(given),
            env=env,
            capture_output=True,
            text=True,
            check=True,
        )
        seconds = time.perf_counter() - began
        answer, megabytes = json.loads(done.stdout)
        assert not answer.get("failed"), answer["msg"]
        (upload,) = (request for request in self.sandbox.cloud("GET", "/requests") if request["operation"] == "up")
        assert upload["status"] == 200, answer
        assert upload["bytes"] >= sum(file.stat().st_size for file in app.rglob("*.jpg"))
        return {"seconds": seconds, "memory": megabytes, "sent": upload["bytes"] / 1e6}


@pytest.fixture
def bench(sandbox: Sandbox, tmp_path: Path) -> Iterator[Bench]:
    yield Bench(sandbox, tmp_path)
    sandbox.drop_storefront(NAME)


def test_a_large_upload_takes_no_more_memory_than_a_small_one(bench: Bench) -> None:
    found: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for turn in range(ROUNDS):
        for megabytes in (0, MEGABYTES):
            for by in ("module", "tar and curl") if turn % 2 else ("tar and curl", "module"):
                found.setdefault((megabytes, by), []).append(bench.measure(by, bench.app(megabytes)))
    print(
        f"\nAn application packed and uploaded against the same double, rounds: {ROUNDS}; the median, and the most"
        " memory that a process had.\n"
    )
    print(f"{'':<10}{'by':<18}{'seconds':>8}{'MB sent':>9}{'MB memory':>11}")
    for (megabytes, by), rounds in found.items():
        seconds, sent = (median(item[key] for item in rounds) for key in ("seconds", "sent"))
        name, memory = "railway_service" if by == "module" else by, max(item["memory"] for item in rounds)
        print(f"{f'{megabytes} MB':<10}{name:<18}{seconds:>8.2f}{sent:>9.2f}{memory:>11.1f}")
    large, small = (max(item["memory"] for item in found[megabytes, "module"]) for megabytes in (MEGABYTES, 0))
    assert large - small <= BOUND, (
        f"an upload of {MEGABYTES} MB took {large - small:.0f} MB more memory than one of none"
    )
