# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new user with a shop of his own: he writes an operations project with the installed collection, fills in what is
left, makes his mistakes, and deploys.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from sandbox.storefront import Sandbox
from tests.integration.installed import Installed

OLD, NEW = "v1.0.0", "v1.1.0"


@dataclass
class Newcomer:
    """``shop`` is his checkout, ``filled`` the inventory of production without a mistake."""

    installed: Installed
    sandbox: Sandbox
    shop: Path
    filled: dict[str, Any] = field(default_factory=dict)

    @property
    def ops(self) -> Path:
        return self.shop.parent / "shop-ops"

    @property
    def at(self) -> dict[str, Any]:
        return self.sandbox.storefront()

    @property
    def tokens(self) -> dict[str, str]:
        tokens = self.sandbox.state["tokens"]
        return {
            "VERCEL_TOKEN": tokens["vercel"],
            "RAILWAY_API_TOKEN": tokens["railway"],
            "RENDER_API_KEY": tokens["render"],
        }

    def addresses(self) -> dict[str, str]:
        """Return the addresses of the doubles, which a user of the real vendors leaves out."""
        cloud, platform = self.sandbox.state["cloud"], self.at["backend"]
        return {"frontend_api_url": cloud["vercel_url"], "backend_api_url": cloud[f"{platform}_url"]}

    def play(self, playbook: str, *options: str) -> tuple[int, str]:
        """Run a playbook of the project; returns its exit code and its output on one line."""
        done = self.installed.run("ansible-playbook", playbook, *options, cwd=self.ops, environment=self.tokens)
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    def init(self) -> str:
        words = [f"{name}={value}" for name, value in self.addresses().items()]
        more = [f"frontend_project={self.at['vercel']['project']}", f"frontend_team={self.at['vercel']['team']}"]
        if self.at["backend"] == "railway":
            more.append(f"backend_project={self.at['railway']['project']}")
        options = [one for word in (*words, *more, "project_storefront=shop") for one in ("-e", word)]
        done = self.installed.run(
            *("ansible-playbook", "storefront.runbook.init", "-e", "dest=shop-ops", "-e", f"app={self.shop.name}"),
            *options,
            cwd=self.shop.parent,
            environment=self.tokens,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return " ".join(done.stdout.split())

    def inventory(self) -> dict[str, Any]:
        return yaml.safe_load(self._vars.read_text())

    def fill_in(self) -> None:
        """Fill in what init could not find out, and the addresses of the sandbox."""
        state, found = self.sandbox.state, self.inventory()
        surfaces = [one for one in ("backend", "frontend") if one in found["surfaces"]]
        values = {
            "store": self.at["store"],
            **{f"store_{key}": state["s3"][key] for key in ("endpoint_url", "access_key", "secret_key", "region")},
            **self.addresses(),
            **{f"{one}_url": self.at[f"{one}_url"] for one in surfaces},
            **{f"{one}_wait_interval": 0.2 for one in surfaces},
            "verify_interval": 0.2,
            "preflight_systems": {"dependencies": {"folders": []}},  # no registry here audits packages (C13)
        }
        if "database" in found["surfaces"]:
            values |= {"database_url": self.at["database_url"], "database_postgres_bin": state["postgres"]["bin"]}
            values |= {"database_backup_encryption": "off"}
        self.filled = {
            name: value for name, value in {**found, **values}.items() if name != "database_backup_recipients"
        }
        self.write()

    def write(self, without: tuple[str, ...] = (), **changed: Any) -> None:
        """Write the inventory with a mistake, or without one."""
        values = {name: value for name, value in {**self.filled, **changed}.items() if name not in without}
        self._vars.write_text(yaml.safe_dump(values))

    def refused(self, playbook: str, *options: str, words: tuple[str, ...], **mistake: Any) -> None:
        """Run a playbook with a mistake in the inventory; it must be refused with these words, and nothing changed."""
        self.write(**mistake)
        code, said = self.play(playbook, "-i", "production", *options)
        self.write()
        assert code == 2, said
        assert "Nothing was changed" in said, said
        for word in words:
            assert word in said, said
        for secret in self.tokens.values():
            assert secret not in said

    def deploys(self) -> None:
        """Check what a first deploy would do, then deploy the first release."""
        code, said = self.play("deploy.yml", "-i", "production", "--check")
        assert code == 0, said
        assert "Deploy a release to shop" in said or NEW in said
        assert "CHECKED" in said
        code, said = self.play("deploy.yml", "-i", "production", "-e", f"release={OLD}")
        assert code == 0, said
        assert f"RELEASED {OLD}" in said

    @property
    def _vars(self) -> Path:
        return self.ops / "production/group_vars/storefronts/vars.yml"
