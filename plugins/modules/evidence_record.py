#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Save the answers of the checklist in the store, as an in-toto statement, signed where a key is given."""

from __future__ import annotations

DOCUMENTATION = r"""
module: evidence_record
version_added: 1.0.0
short_description: Save the answers of the checklist as evidence
description:
  - Writes the answers of M(storefront.runbook.preflight_checks) to the store as an in-toto statement about the
    release's commit, in a DSSE envelope. Its
    predicate is the test-result that other tools read, with every answer beside it.
  - A statement is written once and never changed. Its key names the SHA-256 of its bytes.
  - It is signed by C(ssh-keygen) where O(signing_key) is set. M(storefront.runbook.evidence_info) verifies it.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  store:
    description:
      - Where the evidence is stored, as C(s3://bucket/prefix), or C(file:///path) for development.
    type: str
    required: true
  storefront:
    description:
      - Name of the storefront.
    type: str
    required: true
  release:
    description:
      - The release.
    type: str
    required: true
  commit:
    description:
      - Full SHA of the release. Answers for another commit are refused.
    type: str
    required: true
  point:
    description:
      - Where in the deploy the checks were asked.
    type: str
    choices: [gate, staged, after]
    default: gate
  verdict:
    description:
      - Their verdict.
    type: str
    choices: [go, no_go, inconclusive]
    required: true
  answers:
    description:
      - The answers, as M(storefront.runbook.preflight_checks) returned them.
    type: list
    elements: dict
    required: true
  started_by:
    description:
      - Who started the deploy.
    type: str
  signing_key:
    description:
      - File with a private key of ssh, without a passphrase.
    type: path
extends_documentation_fragment:
  - storefront.runbook.lease
  - storefront.runbook.store
attributes:
  check_mode:
    description: Predicts whether it would write, and signs nothing.
    support: full
  diff_mode:
    description: Shows what the evidence covers.
    support: full
requirements:
  - ssh-keygen of OpenSSH 8.2 or later, to sign
seealso:
  - module: storefront.runbook.evidence_info
  - module: storefront.runbook.preflight_checks
"""

EXAMPLES = r"""
- name: Save what was answered
  storefront.runbook.evidence_record:
    store: s3://backups/shop
    storefront: shop
    release: v1.2.3
    commit: 0123456789abcdef0123456789abcdef01234567
    verdict: "{{ checks.verdict }}"
    answers: "{{ checks.answers }}"
    signing_key: /etc/storefront/evidence_key
"""

RETURN = r"""
key:
  description: Key of the statement in the store. Null in check mode if it would be written.
  returned: success
  type: str
  sample: evidence/v1.2.3/20260303T154213Z-gate-2f530c63e5ad.json
signed:
  description: Whether it is signed.
  returned: success
  type: bool
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
      description: Such as V(config) or V(unreachable).
      type: str
    message:
      description: The same as C(msg).
      type: str
"""

import re
from dataclasses import dataclass
from typing import Any

from ..module_utils.checks import envelope, evidence_store, statement
from ..module_utils.checks.check import POINTS
from ..module_utils.core.errors import ConfigError
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import lease_options, store_options
from ..module_utils.core.plan import Plan
from ..module_utils.release.lease import guard
from ..module_utils.store.base import Store
from ..module_utils.store.open import open_store


def argument_spec() -> dict[str, Any]:
    return {
        **{name: {"type": "str", "required": True} for name in ("storefront", "release", "commit")},
        "point": {"type": "str", "choices": list(POINTS), "default": "gate"},
        "verdict": {"type": "str", "choices": list(statement.RESULTS), "required": True},
        "answers": {"type": "list", "elements": "dict", "required": True},
        "started_by": {"type": "str"},
        "signing_key": {"type": "path", "no_log": False},
        **lease_options(),
        **store_options(),
    }


@dataclass(frozen=True)
class Client:
    store: Store

    def close(self) -> None:
        self.store.close()


def build_client(params: dict[str, Any], runtime: Runtime) -> Client:
    return Client(open_store(params, runtime.permit))


def plan(params: dict[str, Any], client: Client) -> Plan:
    if not re.fullmatch(r"[0-9a-f]{40}", params["commit"]):
        raise ConfigError(f"commit is {params['commit']!r}. Give the full SHA of 40 digits.")
    at = max((str(one.get("at")) for one in params["answers"]), default="")
    words = {name: params[name] for name in ("storefront", "release", "commit", "point", "verdict", "answers")}
    try:
        payload = statement.make(**words, at=at, started_by=params["started_by"] or "")
        statement.read(payload)
    except (ValueError, KeyError) as error:
        raise ConfigError(
            f"answers are not those of preflight_checks for this commit: {error}. Give its answers as they are.",
            code="bad_answers",
        ) from None
    data = envelope.wrap(payload, params["signing_key"])  # in check mode, too: a key that cannot sign is found early
    found = evidence_store.find(client.store, payload, params["release"], params["point"], at)
    shown = {name: params[name] for name in ("storefront", "release", "commit", "point", "verdict")}
    return Plan(
        shown if found else {},
        shown,
        {"data": data, "at": at, "params": params},
        {"key": found, "signed": bool(params["signing_key"])},
    )


def apply(plan: Plan, client: Client) -> dict[str, Any]:
    params, data = plan.todo["params"], plan.todo["data"]
    key = evidence_store.key_of(data, params["release"], params["point"], plan.todo["at"])
    evidence_store.write(client.store, key, data)
    return {"key": key}


def main() -> None:
    run(argument_spec(), build_client, plan, apply, guard=guard)


if __name__ == "__main__":
    main()
