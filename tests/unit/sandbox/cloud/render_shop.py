# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A storefront whose backend is at Render, with a git repository of small releases."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import httpx

from tests.unit.sandbox.cloud.double import Double, backend, until

RELEASES: dict[str, dict[str, Any]] = {
    "v1.0.0": {},
    "v1.1.0": {},
    "v1.2.0": {"healthy": False},
    "v1.3.0": {"start": "node missing.mjs"},
}


def make_repository(folder: Path) -> dict[str, str]:
    """Make a repository with a server in apps/backend, and return the commits of its releases."""
    commits = {}
    _git(folder, "init", "--quiet", "--initial-branch=main")
    for release, how in RELEASES.items():
        for name, content in backend(release, **how).items():
            path = folder / "apps" / "backend" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        _git(folder, "add", ".")
        _git(
            folder,
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@t.test",
            "commit",
            "--quiet",
            "--message",
            f"Release {release}",
        )
        _git(folder, "tag", release)
        commits[release] = _git(folder, "rev-parse", "HEAD")
    return commits


def _git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, text=True).stdout.strip()


class RenderShop:
    """The storefront, with the steps of a deploy in a line each."""

    def __init__(self, double: Double, name: str, repository: Path, commits: dict[str, str]) -> None:
        self.double, self.name, self.repository, self.commits = double, name, repository, commits
        self.made, _unused = double.provision(name, {"COLOUR": "blue"}, backend="render", repository=str(repository))
        self.services = self.made["render"]["services"]

    def ask(self, method: str, path: str = "", unit: str = "api", **request: Any) -> httpx.Response:
        """Ask for something of a service."""
        return self.double.render.request(method, f"/v1/services/{self.services[unit]}{path}", **request)

    def create(self, release: str, unit: str = "api") -> httpx.Response:
        return self.ask("POST", "/deploys", unit, json={"commitId": self.commits[release]})

    def deploy(self, release: str, unit: str = "api", wait: str = "live") -> str:
        """Deploy a release and return its deploy's id once it is ``wait``."""
        key = self.create(release, unit).json()["id"]
        self.until(key, wait, unit)
        return key

    def until(self, key: str, wait: str = "live", unit: str = "api") -> None:
        until(lambda: self.word(key, unit) == wait)

    def word(self, key: str, unit: str = "api") -> str:
        return self.ask("GET", f"/deploys/{key}", unit).json()["status"]

    def deploys(self) -> list[dict[str, Any]]:
        return [item["deploy"] for item in self.ask("GET", "/deploys").json()]

    def roll_back(self, key: str) -> httpx.Response:
        return self.ask("POST", "/rollback", json={"deployId": key})

    def set_variable(self, key: str, value: str) -> None:
        assert self.ask("PUT", f"/env-vars/{key}", json={"value": value}).status_code == 200

    def update(self, **settings: Any) -> httpx.Response:
        return self.ask("PATCH", json=settings)

    def api(self, path: str = "/") -> httpx.Response:
        """Ask the public host."""
        return self.double.public.get(self.made["backend_url"] + path)

    def processes(self) -> list[str]:
        return [item["name"] for item in self.double.tell("GET", "/processes") if item["name"].startswith(self.name)]
