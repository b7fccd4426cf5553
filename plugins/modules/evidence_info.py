#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show, verify and export the evidence of a release."""

from __future__ import annotations

DOCUMENTATION = r"""
module: evidence_info
version_added: 1.0.0
short_description: Show, verify and export the evidence of a release
description:
  - Reads what M(storefront.runbook.evidence_record) wrote about a release and verifies it. It fails if a byte was
    changed, if the signer is not allowed to sign, or if the evidence is for another commit or release.
  - Writes it as JSON, JUnit, SARIF or a page of HTML to O(dest).
author:
  - Contributors to storefront.runbook (@storefront)
options:
  store:
    description:
      - Where the evidence is stored, as C(s3://bucket/prefix), or C(file:///path) for development.
    type: str
    required: true
  release:
    description:
      - The release.
    type: str
    required: true
  commit:
    description:
      - Full SHA of the commit that the evidence must cover. By default any commit.
    type: str
  allowed_signers:
    description:
      - People who may sign, each as one line of an C(allowed_signers) file of ssh, such as V(alice ssh-ed25519 AAAA).
    type: list
    elements: str
    default: []
  must_be_signed:
    description:
      - Whether evidence without such a signature fails. By default it fails if O(allowed_signers) is not empty.
    type: bool
  dest:
    description:
      - Folder to which the evidence is exported. Only verified evidence is exported.
    type: path
  formats:
    description:
      - Formats of the export.
    type: list
    elements: str
    choices: [json, junit, sarif, html]
    default: [json, junit, sarif, html]
extends_documentation_fragment:
  - storefront.runbook.store
attributes:
  check_mode:
    description: Verifies, and exports nothing.
    support: full
  diff_mode:
    description: Names the files that are exported.
    support: full
requirements:
  - ssh-keygen of OpenSSH 8.2 or later, to verify signatures
seealso:
  - module: storefront.runbook.evidence_record
"""

EXAMPLES = r"""
- name: Verify what was answered before v1.2.3 went out
  storefront.runbook.evidence_info:
    store: s3://backups/shop
    release: v1.2.3
    allowed_signers:
      - deploys@acme.example ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleExamp
    dest: reports/v1.2.3
"""

RETURN = r"""
evidence:
  description: Each statement, the oldest first.
  returned: success
  type: list
  elements: dict
  contains:
    key:
      description: Where it is in the store.
      type: str
    commit:
      description: The commit that it is for.
      type: str
    point:
      description: Where in the deploy the checks were asked.
      type: str
    verdict:
      description: Their verdict.
      type: str
    at:
      description: When, in UTC.
      type: str
    signed_by:
      description: Who signed it, of those in O(allowed_signers).
      type: list
      elements: str
    answers:
      description: The answers.
      type: list
      elements: dict
lines:
  description: A line for each statement, and for each answer in it that did not pass.
  returned: success
  type: list
  elements: str
files:
  description: What was exported.
  returned: success
  type: list
  elements: str
elapsed:
  description: Seconds that the module took.
  returned: always
  type: float
error:
  description: What went wrong, for programs.
  returned: failure
  type: dict
  contains:
    kind:
      description: V(tampered) where evidence does not verify, or such as V(config) and V(unreachable).
      type: str
    message:
      description: The same as C(msg).
      type: str
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..module_utils.checks import evidence_store, exports
from ..module_utils.checks.envelope import Tampered
from ..module_utils.checks.evidence_store import lines as evidence_lines
from ..module_utils.checks.statement import commit_of
from ..module_utils.core.errors import ConfigError
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import store_options
from ..module_utils.core.plan import Plan
from ..module_utils.store.base import Store
from ..module_utils.store.open import open_store


def argument_spec() -> dict[str, Any]:
    return {
        "release": {"type": "str", "required": True},
        "commit": {"type": "str"},
        "allowed_signers": {"type": "list", "elements": "str", "default": []},
        "must_be_signed": {"type": "bool"},
        "dest": {"type": "path"},
        "formats": {"type": "list", "elements": "str", "choices": list(exports.FORMS), "default": list(exports.FORMS)},
        **store_options(),
    }


@dataclass(frozen=True)
class Client:
    store: Store

    def close(self) -> None:
        self.store.close()


def build_client(params: dict[str, Any], runtime: Runtime) -> Client:
    return Client(open_store(params))


def plan(params: dict[str, Any], client: Client) -> Plan:
    allowed, release, commit = params["allowed_signers"], params["release"], params["commit"]
    signed = bool(allowed) if params["must_be_signed"] is None else params["must_be_signed"]
    if signed and not allowed:
        raise ConfigError("must_be_signed needs allowed_signers: name who may sign.", code="no_signers")
    found = evidence_store.read_all(client.store, release, allowed, must_be_signed=signed)
    problems = [
        f"{one.key}: {one.problem}"
        for one in [*found, *evidence_store.removed(client.store, release, found)]
        if one.problem
    ]
    if problems:
        raise Tampered(
            f"The evidence of {release} does not verify. "
            + "; ".join(problems)
            + ". Find out who can write to the store.",
            code="tampered",
        )
    mine = [one for one in found if not commit or commit_of(one.statement) == commit]
    if not mine:
        others = ", ".join(sorted({commit_of(one.statement)[:7] for one in found}))
        what = f"only of {others}, and none of {commit[:7]}" if others else "none"
        raise ConfigError(
            f"Of {release} there is evidence: {what}. Run preflight.yml or deploy.yml for it.", code="no_evidence"
        )
    statements = [one.statement for one in mine]
    texts = (
        {str(Path(params["dest"], exports.NAMES[form])): exports.FORMS[form](statements) for form in params["formats"]}
        if params["dest"]
        else {}
    )
    new = {
        path: text
        for path, text in texts.items()
        if not Path(path).is_file() or Path(path).read_text(encoding="utf-8") != text
    }
    return Plan(
        {},
        dict.fromkeys(new, "written"),
        {"files": new},
        {"evidence": [_shown(one) for one in mine], "lines": evidence_lines(mine), "files": list(texts)},
    )


def _shown(one: evidence_store.Evidence) -> dict[str, Any]:
    words = {name: one.predicate[name] for name in ("point", "verdict", "at", "answers")}
    return {"key": one.key, "commit": commit_of(one.statement), "signed_by": list(one.signed_by), **words}


def apply(plan: Plan, client: Client) -> None:
    for path, text in plan.todo["files"].items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text, encoding="utf-8")


def main() -> None:
    run(argument_spec(), build_client, plan, apply)


if __name__ == "__main__":
    main()
