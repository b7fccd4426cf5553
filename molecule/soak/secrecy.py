# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run playbooks as loudly as Ansible can, with everything that records them, and find each secret that is left."""

from __future__ import annotations

import json
import os
import secrets as random
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from conftest import COLLECTIONS, ROOT
from extensions.runner.storefront_run import Result, start
from molecule.canaries import Canaries
from molecule.conftest import UNASKED, Shop
from molecule.soak.kill import temporary_files
from molecule.soak.plays import DATABASE, NEW, OLD
from molecule.test_new_user import smallest

ARA = "ara[server]>=1.7,<2"  # records runs in a database of its own; here only, so it is no requirement
SECRET = (
    *("_token", "_secret_key", "_access_key", "_webhook_key", "_webhook_url", "maintenance_key", "database_url"),
    *("variable_values", "verify_headers", "otlp_headers"),
)
JWT = {"name": "jwt", "kind": "random", "variable": "JWT_SECRET", "previous": "JWT_SECRET_PREVIOUS", "units": ["api"]}
ECHOES = [  # each vendor once, where a deploy meets it
    ("objects", "put_ledger"),
    ("railway", "variables"),
    ("railway", "up"),
    ("vercel", "create"),
    ("vercel", "promote"),
    ("cloudflare", "purge"),
    ("slack", "post_message"),
    ("sentry", "create_release"),
    ("github", "create_deployment"),
]
CRASHES = {
    "Begin database.backup": "pg_backup.client",
    "Begin backend.release": "railway_service.build_client",
    "Begin frontend.stage": "vercel_deploy.build_client",
    "Begin edge.purge": "cf_purge.build_client",
    "Begin release.record": "release_record.build_client",
}


@dataclass(frozen=True)
class Scenario:
    """A run, and whether it succeeds. ``at`` is what happens at which task, ``faults`` what is wrong from the start."""

    name: str
    playbook: str
    options: Mapping[str, Any] = field(default_factory=dict)
    succeeds: bool | None = True
    at: tuple[Mapping[str, Any], ...] = ()
    faults: tuple[Mapping[str, Any], ...] = ()
    check: bool = False


def echo(vendor: str, operation: str) -> Scenario:
    """A deploy of which the vendor repeats a request in its answer."""
    fault = {"vendor": vendor, "operation": operation, "kind": "echo"}
    return Scenario(f"{vendor} echoes {operation}", "deploy.yml", {"release": NEW}, None, faults=(fault,))


def crash(task: str, function: str) -> Scenario:
    at = ({"task": task, "crash": function},)
    return Scenario(f"{function} crashes", "deploy.yml", {"release": NEW}, succeeds=False, at=at)


SCENARIOS = [
    Scenario("check", "deploy.yml", {"release": NEW}, check=True),
    Scenario("variables", "variables.yml", {"unit": ["api"]}),
    *(crash(*each) for each in CRASHES.items()),
    *(echo(*each) for each in ECHOES),
    Scenario("deploy", "deploy.yml", {"release": NEW}),
    Scenario("backup", "backup.yml"),
    Scenario("rotation", "secrets.yml", {"secrets": [JWT], "secret_name": "jwt", "source_path": ""}),
    Scenario("rollback", "rollback.yml", {"to": OLD}),
    Scenario("restore", "restore.yml", {**DATABASE, "backup": "latest"}),
    Scenario("closed", "maintenance.yml", {"maintenance_state": "on"}),
    Scenario("open", "maintenance.yml", {"maintenance_state": "off"}),
    Scenario("status", "status.yml", succeeds=None),
    Scenario("logs", "logs.yml", succeeds=None),
]


class Recorder:
    """An operations project whose secrets are in a vault, and the runs in it with all that they leave."""

    def __init__(self, shop: Shop, folder: Path, receiver: str) -> None:
        self.shop, self.folder = shop, folder
        shop.passes_at_github(NEW)
        variables = {**smallest(shop), **shop.telling()}
        variables["notify_webhook_url"] = f"{receiver}/hook/{random.token_hex(12)}"
        variables |= {"notify_events_url": f"{receiver}/events", "notify_otlp_url": f"{receiver}/v1/traces"}
        variables["notify_events_token"] = f"events-{random.token_hex(12)}"
        variables["notify_otlp_headers"] = {"X-Key": f"traces-{random.token_hex(12)}"}
        variables["verify_headers"] = {"X-Probe": f"probe-{random.token_hex(12)}"}
        variables["notify_webhook_key"] = f"key-{random.token_hex(16)}"
        variables["edge_maintenance_key"] = f"key-{random.token_hex(16)}"
        variables["variable_values"] = {"GIVEN_SECRET": f"given-{random.token_hex(12)}"}
        own = {name: value for name, value in variables.items() if name.endswith(SECRET)}
        self.project = folder / "ops"
        self._write({name: value for name, value in variables.items() if name not in own}, own)
        self.secrets = {"vault password": self.password, **self._at_vendor()}
        for name, value in own.items():
            self.secrets |= value if isinstance(value, dict) else {name: value}

    def _write(self, left: dict[str, Any], own: dict[str, Any]) -> None:
        (self.project / "production/group_vars/storefronts").mkdir(parents=True)
        left["preflight_systems"] = UNASKED
        left["store_endpoint_url"] = self.shop.sandbox.state["cloud"]["objects_url"]
        hosts = {"storefronts": {"hosts": {"shop": left}}}
        (self.project / "production/hosts.yml").write_text(yaml.safe_dump(hosts))
        vault = self.project / "production/group_vars/storefronts/vault.yml"
        vault.write_text(yaml.safe_dump(own))
        self.password = f"vault-{random.token_hex(12)}"
        self.password_file = self.folder / "password"
        self.password_file.write_text(self.password)
        encrypt = ["ansible-vault", "encrypt", "--vault-password-file", str(self.password_file), str(vault)]
        subprocess.run(encrypt, check=True, capture_output=True)

    def _at_vendor(self) -> dict[str, str]:
        """Set a variable at Railway that no option names, and return the secrets with which Railway answers."""
        at_vendor = f"vendor-{random.token_hex(12)}"
        self.shop.set_variable(self.shop.at["railway"]["services"]["api"], "VENDOR_SECRET", at_vendor)
        return {"VENDOR_SECRET": at_vendor, "JWT_SECRET": variable(self.shop, "JWT_SECRET")}

    def within(self, content: bytes) -> list[str]:
        return Canaries(self.secrets).within(content)

    def found(self, scenario: Scenario, ara: Path | None) -> tuple[Result, list[str]]:
        """Run a scenario, and return its result, and which secret is where or what the run ended too early for."""
        held = ("database_url", "JWT_SECRET", "VENDOR_SECRET", "GIVEN_SECRET", "JWT_SECRET_PREVIOUS")
        canaries = Canaries(self.secrets, of_processes=held)
        artefacts = self.folder / scenario.name.replace(" ", "-")
        artefacts.mkdir()
        with temporary_files() as left, canaries.watching_processes():
            result, missed = self._run(scenario, artefacts, ara)
            self.secrets["JWT_SECRET"] = variable(self.shop, "JWT_SECRET")
            temporary = Canaries(self.secrets).below(Path(os.environ["TMPDIR"]))
        later = canaries.knowing(self.secrets)
        said = later.within((result.output + repr(result.reports)).encode())
        posts = later.within("".join(self.shop.posts()).encode())
        wrong = [*later.below(artefacts), *temporary, *later.seen]
        wrong += [f"the screen: {name}" for name in said] + [f"Slack: {name}" for name in posts]
        wrong += [f"{key}: {name}" for key, body in self.shop.objects().items() for name in later.within(body)]
        return result, [*missed, *wrong, *(f"{name} is left" for name in left)]

    def _missed(self, scenario: Scenario, result: Result) -> list[str]:
        """Return the faults and the crashes that the run did not meet."""
        faults = [fault for fault in self.shop.sandbox.cloud("GET", "/faults") if fault["times"]]
        crashed = "failed unexpectedly" in result.output + repr(result.reports)
        crashes = [entry["crash"] for entry in scenario.at if "crash" in entry and not crashed]
        return [
            *(f"the run did not meet the fault of {fault['vendor']} {fault['operation']}" for fault in faults),
            *(f"{function} did not crash" for function in crashes),
        ]

    def _run(self, scenario: Scenario, artefacts: Path, ara: Path | None) -> tuple[Result, list[str]]:
        cloud = self.shop.sandbox.state["cloud"]
        reach = {"url": cloud["control_url"], "token": cloud["control_token"]}
        order = self.folder / f"{artefacts.name}.json"
        order.write_text(json.dumps([{**reach, **entry} for entry in scenario.at]))
        for fault in scenario.faults:
            self.shop.fault(**fault, storefront=self.shop.name)
        callbacks, enabled = [str(ROOT / "molecule/plugins/callback")], ["at_task", "storefront.runbook.preload"]
        environment = {
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_VAULT_PASSWORD_FILE": str(self.password_file),
            "ANSIBLE_VERBOSITY": "5",
            "ANSIBLE_DIFF_ALWAYS": "1",
            "ANSIBLE_LOG_PATH": str(artefacts / "ansible.log"),
            "AT_TASK": str(order),
        }
        if ara:
            callbacks.append(str(ara / "ara/plugins/callback"))
            enabled.append("ara_default")
            environment |= {"PYTHONPATH": str(ara), "ARA_BASE_DIR": str(artefacts / "ara")}
        environment |= {"ANSIBLE_CALLBACK_PLUGINS": ":".join(callbacks), "ANSIBLE_CALLBACKS_ENABLED": ",".join(enabled)}
        run = start(
            f"storefront.runbook.{scenario.playbook.removesuffix('.yml')}",
            project=self.project,
            inventory="production",
            options=scenario.options,
            check=scenario.check,
            folder=artefacts,
            environment=environment,
        )
        result = run.result()
        missed = self._missed(scenario, result)
        self.shop.clear_faults()
        for written in self.folder.glob(f"{artefacts.name}.*"):  # what another callback received
            written.rename(artefacts / f"at-task{written.suffix}") if written != order else written.unlink()
        return result, missed


def variable(shop: Shop, name: str) -> str:
    """A variable of the API at Railway."""
    kept = json.loads((Path(shop.sandbox.state["root"]) / "cloud/state.json").read_text())
    services = kept["storefronts"][shop.name]["services"].values()
    return next(one["variables"][name] for one in services if one["name"] == "api")


def install_ara() -> Path | None:
    """Return the folder in which ARA is, or None where it cannot be installed."""
    folder = ROOT / ".cache/ara"
    if not (folder / "ara").exists():
        argv = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), ARA]
        if subprocess.run(argv, check=False, capture_output=True).returncode:
            return None
    return folder
