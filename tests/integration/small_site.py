# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small site on the sandbox's Vercel, with the sandbox's Cloudflare before it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible_collections.storefront.runbook.plugins.modules import cf_purge, health_check, vercel_deploy

from sandbox.storefront import Sandbox
from tests.unit.support import run_module

BUILD = """
const fs = require("fs");
const release = "v" + JSON.parse(fs.readFileSync("package.json")).version;
fs.mkdirSync("out");
fs.writeFileSync("out/index.html", `<meta name="release" content="${release}"><p>Welcome</p>`);
fs.writeFileSync("out/products.html", `<meta name="release" content="${release}"><p>Products</p>`);
fs.writeFileSync("out/release.json", JSON.stringify({ release, status: "healthy" }));
"""


class Site:
    """A storefront of its own. ``url`` is the public address, behind the cache."""

    def __init__(self, sandbox: Sandbox, name: str, folder: Path) -> None:
        self.sandbox, self.name, self.folder = sandbox, name, folder
        self.state = sandbox.create_storefront(name)
        self.url = self.state["frontend_url"]

    def release(self, release: str) -> None:
        """Build a release and serve it. The cache is left as it is."""
        (self.folder / "build.js").write_text(BUILD)
        (self.folder / "package.json").write_text(
            json.dumps({"version": release.removeprefix("v"), "scripts": {"build": "node build.js"}})
        )
        staged = self._vercel(state="staged", path=str(self.folder), release=release)
        self._vercel(state="promoted", deployment=staged["deployment"]["id"])

    def _vercel(self, **params: Any) -> dict[str, Any]:
        vercel, servers = self.state["vercel"], self.sandbox.state
        access = {
            "api_token": servers["tokens"]["vercel"],
            "api_url": servers["cloud"]["vercel_url"],
            "team": vercel["team"],
            "project": vercel["project"],
        }
        result = run_module(vercel_deploy, {**access, "wait_interval": 0.05, "wait_timeout": 60, **params})
        assert not result["failed"], result
        return result

    def purge(self, *, check: bool = False, **params: Any) -> dict[str, Any]:
        servers = self.sandbox.state
        access = {
            "api_token": servers["tokens"]["cloudflare"],
            "api_url": servers["cloud"]["cloudflare_url"],
            "zone": f"{self.name}.example",
        }
        return run_module(cf_purge, {**access, **params}, check=check)

    def check(self, *checks: dict[str, Any], **params: Any) -> dict[str, Any]:
        return run_module(health_check, {"checks": list(checks), "wait_timeout": 0, "interval": 0.05, **params})

    def page(self, path: str = "/") -> tuple[str | None, str | None]:
        """Return the release that a page reports, and what the cache did."""
        (seen,) = self.check({"name": "page", "url": self.url + path, "release": {"meta": "release"}}, require="none")[
            "checks"
        ]
        return seen["release"], seen["cf_cache_status"]

    def fault(self, vendor: str, operation: str, kind: str, **more: Any) -> None:
        self.sandbox.cloud("POST", "/faults", {"vendor": vendor, "operation": operation, "kind": kind, **more})

    def close(self) -> None:
        self.sandbox.cloud("DELETE", "/faults")
        self.sandbox.drop_storefront(self.name)
