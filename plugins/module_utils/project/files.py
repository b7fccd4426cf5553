# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of an operations project, as texts by their paths."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from ..release.argument_spec import described
from .facts import Facts
from .texts import ANSIBLE_CFG, IGNORE, README, REQUIREMENTS, WORKFLOW
from .variables import PRODUCTION, STAGING, Wanted, secrets, variables
from .vendors import Answers

try:
    import yaml
except ImportError:  # core/shop/tree.py says so before a file is written
    HAS_YAML = False
else:
    HAS_YAML = True

VERSION = "1.0.0"  # of this collection; a test holds it to galaxy.yml
MARK = "ansible.cfg"  # the file by which a project is recognized
FIRST_LINE = ANSIBLE_CFG.partition("\n")[0]
WIDTH = 120
OWN = {
    "ansible_connection": "Everything runs on this machine. The playbooks set it, too; `ansible NAME -m …` needs it.",
}
HINTS = {
    "store": "S3's credentials come from boto3's usual chain: AWS_PROFILE, AWS_ACCESS_KEY_ID, or an instance's role.",
    "database_backup_recipients": "Create a key with age-keygen, and keep the secret key away from this machine.",
    "backend_units": "The id of a service is in the URL of its page.",
    "verify_backend_checks": "docs/shop.md of the collection says how the API reports its release.",
}


def files(
    facts: Facts, answers: Answers, wanted: Wanted, playbooks: Sequence[str], spec: Mapping[str, Any]
) -> dict[str, str]:
    """Return every file of the project. ``spec`` has the description of each variable (playbooks/deploy.meta.yml)."""
    found = {
        MARK: ANSIBLE_CFG,
        "requirements.yml": REQUIREMENTS.format(version=VERSION),
        ".gitignore": IGNORE,
        "README.md": README.format(name=facts.name),
        ".github/workflows/deploy.yml": _workflow(facts, answers),
    }
    found |= {f"{name}.yml": playbook(name) for name in playbooks}
    for environment in (PRODUCTION, STAGING):
        folder = f"{environment}/group_vars/storefronts"
        found |= {
            f"{environment}/hosts.yml": f"---\nstorefronts:\n  hosts:\n    {facts.name}:\n",
            f"{folder}/vars.yml": inventory(facts, answers, wanted, environment, spec),
            f"{folder}/vault.yml.example": vault(facts, answers, environment),
        }
    return dict(sorted(found.items()))


def playbook(name: str) -> str:
    return f"---\n- name: {name.capitalize()}\n  ansible.builtin.import_playbook: storefront.runbook.{name}\n"


def inventory(facts: Facts, answers: Answers, wanted: Wanted, environment: str, spec: Mapping[str, Any]) -> str:
    """Return the variables of an environment as YAML, each with what it is for."""
    options = {name: one for entry in spec.get("argument_specs", {}).values() for name, one in entry["options"].items()}
    lines = [
        "---",
        f"# {environment.capitalize()} of {facts.name}. Written by storefront.runbook.init, once; it is yours.",
        "# Replace each FILL_IN. Copy vault.yml.example to vault.yml, fill it in and encrypt it with ansible-vault.",
        "# `ansible-playbook preflight.yml` lists what is left.",
    ]
    for name, value in variables(facts, answers, wanted, environment).items():
        if name != "ansible_python_interpreter":
            comment = OWN.get(name) or " ".join(filter(None, [described(options.get(name, {})), HINTS.get(name)]))
            lines += ["", *textwrap.wrap(comment, WIDTH - 2, initial_indent="# ", subsequent_indent="# ")]
        lines.append(entry(name, value))
    return "\n".join(lines) + "\n"


def entry(name: str, value: Any) -> str:
    """Return one variable as YAML; a list of mappings has a line for each."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "\n".join([f"{name}:", *(f"  - {_flow(one)}" for one in value)])
    return f"{name}: {_flow(value)}"


def _flow(value: Any) -> str:
    if isinstance(value, str) and "{{" in value and '"' not in value:
        return f'"{value}"'
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")


def vault(facts: Facts, answers: Answers, environment: str) -> str:
    """Return the example of an environment's secrets."""
    lines = ["---", "# Copy to vault.yml, fill in, then: ansible-vault encrypt vault.yml"]
    lines += [
        f"{name}: FILL_IN  # or {exported} in the environment"
        for name, exported in secrets(facts, answers, environment)
    ]
    return "\n".join(lines) + "\n"


def _workflow(facts: Facts, answers: Answers) -> str:
    exported = [name for environment in (PRODUCTION, STAGING) for _vault, name in secrets(facts, answers, environment)]
    lines = [f"          {name}: ${{{{ secrets.{name} }}}}" for name in dict.fromkeys(exported)]
    return WORKFLOW.replace("          # SECRETS", "\n".join(lines))
