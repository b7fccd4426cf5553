# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes AWX's credential types and job templates with their surveys from the playbooks' argument specs
(`make variables`). The rest of extensions/awx is written by hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "extensions" / "awx" / "data"
HEAD = "# Written by docs/awx.py (make variables) from the playbooks' argument specs: change a variable there.\n---\n"
# init writes an operations project, which a job would lose with its folder.
WITHOUT = ("init",)
STAGING = ("preflight", "deploy", "rollback", "verify", "seed", "refresh")
NEVER_PRODUCTION = ("seed", "refresh")
# The playbooks of which a run may move fewer surfaces than the inventory has.
PARTIAL = ("deploy", "preflight", "rollback")
SURFACES = ("database", "backend", "frontend", "edge")
# A job's folder is deleted with the job: what a playbook writes is read from the job's artefacts instead.
SECONDS = {"deploy": 7200, "restore": 14400, "backup": 14400, "prove": 14400, "migrate": 7200}
PLURAL = {"list": "Separate several by commas."}
# Each credential type: what it is for, then its fields. Variables with a star are needed.
CREDENTIALS: dict[str, tuple[str, tuple[str, ...]]] = {
    "Storefront Vercel": ("The frontend's platform.", ("frontend_token*",)),
    "Storefront Railway or Render": ("The backend's platform.", ("backend_token*",)),
    "Storefront Cloudflare": (
        "The edge.",
        ("edge_token*", "edge_maintenance_key", "edge_maintenance_health_secret"),
    ),
    "Storefront database": ("The shop's database.", ("database_url*", "database_direct_url")),
    "Storefront database copies": (
        "Databases that proofs, rehearsals and restores write to.",
        ("database_scratch_url", "database_rehearsal_url", "database_restore_url", "database_restore_direct_url"),
    ),
    "Storefront backup key": (
        "Reads encrypted backups. Only proofs and restores need it.",
        ("database_backup_identity*",),
    ),
    "Storefront refresh": (
        "Refreshes staging from a masked backup of production.",
        (
            "refresh_store_access_key",
            "refresh_store_secret_key",
            "refresh_identity",
            "refresh_key",
            "refresh_scratch_url",
            "refresh_database_url",
        ),
    ),
    "Storefront secrets": ("Rotates secrets of the shop.", ("secrets_database_url", "secrets_redis_url")),
    "Storefront store": ("Backups, the lease and the ledger.", ("store_access_key*", "store_secret_key*")),
    "Storefront Redis": ("The shop's Redis.", ("redis_url*", "redis_sentinel_password")),
    "Storefront Slack": ("Messages of runs.", ("notify_slack_token", "notify_slack_webhook_url")),
    "Storefront GitHub": ("Deployments at GitHub.", ("notify_github_token*",)),
    "Storefront Sentry": ("Releases at Sentry.", ("notify_sentry_token*",)),
    "Storefront events": (
        "Receivers of a run's events.",
        ("notify_events_token", "notify_webhook_url", "notify_webhook_key"),
    ),
    "Storefront signing key": ("Signs the evidence of the checklist.", ("preflight_signing_key*",)),
    "Storefront approval key": ("Signs approvals in the name of AWX's users.", ("approval_key*",)),
}
# An option of type raw, since YAML reads on and off as true and false.
CHOICES = {"maintenance_state": ("on", "off", "status")}
KEYS = ("database_backup_identity", "refresh_identity")  # of several lines
FILES = ("preflight_signing_key", "approval_key")  # the variable names a file, which AWX writes for the job


class Unsafe(str):
    """A template that AWX evaluates, and Ansible must not."""


class Dumper(yaml.SafeDumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _unsafe(dumper: yaml.SafeDumper, value: Unsafe) -> yaml.ScalarNode:
    return dumper.represent_scalar("!unsafe", str(value), style='"')


Dumper.add_representer(Unsafe, _unsafe)


def credential_types(variables: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [_credential_type(name, about, fields, variables) for name, (about, fields) in CREDENTIALS.items()]


def _credential_type(
    name: str, about: str, marked: tuple[str, ...], variables: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    fields = [field.rstrip("*") for field in marked]
    injectors: dict[str, dict[str, Unsafe]] = {}
    for field in fields:
        value = Unsafe("{{ " + field + " }}")
        if field in FILES:
            injectors.setdefault("file", {})[f"template.{field}"] = value
            value = Unsafe("{{ tower.filename." + field + " }}")
        injectors.setdefault("extra_vars", {})[field] = value
    return {
        "name": name,
        "description": about,
        "kind": "cloud",
        "inputs": {
            "fields": [_field(field, variables[field]) for field in fields],
            "required": [field.rstrip("*") for field in marked if field.endswith("*")],
        },
        "injectors": injectors,
    }


def _field(name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    file = {"multiline": True} if name in (*FILES, *KEYS) else {}
    return {"id": name, "label": name, "type": "string", "secret": True, **file, "help_text": _plain(spec)}


def job_templates(specs: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the template of each playbook for production, then those for staging."""
    production = [playbook for playbook in specs if playbook not in NEVER_PRODUCTION]
    for environment, playbooks in (("production", production), ("staging", STAGING)):
        for playbook in playbooks:
            if playbook not in WITHOUT:
                yield _job_template(playbook, environment, specs[playbook])


def _job_template(playbook: str, environment: str, entries: Mapping[str, Any]) -> dict[str, Any]:
    questions = list(survey(playbook, entries))
    return {
        "name": f"{{{{ awx_shop }}}} {environment} {playbook}",
        "description": f"Runs {playbook}.yml in {environment}.",
        "organization": "{{ awx_organization }}",
        "project": "{{ awx_shop }} operations",
        "playbook": f"{playbook}.yml",
        "inventory": f"{{{{ awx_shop }}}} {environment}",
        "credentials": f"{{{{ awx_credentials.{environment} }}}}",
        "execution_environment": "{{ awx_shop }} runbook",
        "instance_groups": ["{{ awx_shop }} deploys"],
        "job_type": "run",
        "ask_job_type_on_launch": True,
        "ask_limit_on_launch": True,
        "allow_simultaneous": False,
        "timeout": SECONDS.get(playbook, 3600),
        "survey_enabled": bool(questions),
        **({"survey_spec": {"name": "", "description": "", "spec": questions}} if questions else {}),
        "notification_templates_error": ["{{ awx_shop }} failed jobs"],
    }


def survey(playbook: str, entries: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a question for each variable that is chosen for one run."""
    for name, spec in entries.get("run", {}).get("options", {}).items():
        if spec["type"] != "path" and name not in FILES and not spec.get("no_log"):
            yield _question(name, spec)
    if playbook in PARTIAL:
        spec = entries["storefront"]["options"]["surfaces"]
        yield _question("surfaces", {**spec, "type": "list", "choices": SURFACES, "required": False})


def _question(name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    kind, default = spec["type"], spec.get("default")
    choices = ["true", "false"] if kind == "bool" else [*spec.get("choices", CHOICES.get(name, ()))]
    question = {
        "question_name": name.replace("_", " ").capitalize(),
        "question_description": _plain(spec),
        "variable": name,
        "required": bool(spec.get("required")),
        "type": _type(kind, choices),
    }
    if choices:
        question["choices"] = choices
    if question["type"] == "text":
        question |= {"min": 0, "max": 1024}
    if default is not None:
        question["default"] = str(default).lower() if kind == "bool" else default
    return question


def _type(kind: str, choices: list[str]) -> str:
    if choices:
        return "multiselect" if kind == "list" else "multiplechoice"
    return {"int": "integer", "float": "float"}.get(kind, "text")


def _plain(spec: Mapping[str, Any]) -> str:
    text = spec["description"] if isinstance(spec["description"], str) else " ".join(spec["description"])
    text = re.sub(r"\b[OVCIM]\((?:storefront\.runbook\.)?([^)]*)\)", r"\1", text)
    return " ".join([text, *([PLURAL[spec["type"]]] if spec["type"] == "list" and not spec.get("choices") else [])])


def files(specs: Mapping[str, Mapping[str, Any]]) -> dict[Path, str]:
    """Return what is written, by its path. ``specs`` are the entries of each playbook's argument spec."""
    chosen = [entry for playbook, entries in specs.items() if playbook not in WITHOUT for entry in entries.values()]
    variables = {name: spec for entry in chosen for name, spec in entry["options"].items()}
    return {
        DATA / "credential_types.yml": _text("controller_credential_types", credential_types(variables)),
        DATA / "job_templates.yml": _text("controller_templates", list(job_templates(specs))),
    }


def _text(name: str, rows: list[dict[str, Any]]) -> str:
    return HEAD + yaml.dump({name: rows}, Dumper=Dumper, sort_keys=False, width=110, allow_unicode=True)
