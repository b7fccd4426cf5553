#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scan the files of a release for secrets."""

from __future__ import annotations

DOCUMENTATION = r"""
module: secret_scan
version_added: 1.0.0
short_description: Scan the files of a release for secrets
description:
  - Scans what is committed, with kingfisher and its rules, and with rules of this collection for keys of Stripe, key
    ids of AWS and passwords in addresses of databases. Reads the SARIF of other scanners, too.
  - The work tree, and files that are not committed, are not read. A committed file is scanned even where C(.gitignore)
    names it.
  - The scanner uses no network. It neither tries what it finds at its vendor nor asks for updates. No value of a secret
    is shown, written or returned.
author:
  - Contributors to storefront.runbook (@storefront)
requirements:
  - The program C(kingfisher) of the Python package C(kingfisher-bin), unless only O(sarif) is read
options:
  folders:
    description:
      - Folders of the repository to scan.
    type: list
    elements: str
    default: ["."]
  exclude:
    description:
      - Files that are not scanned, from the top of the repository. V(*) stands for anything, slashes too.
    type: list
    elements: str
    default: []
  baseline:
    description:
      - File of the release with the findings that are accepted. It is JSON, a list of entries with C(fingerprint) and
        C(reason), and if you like C(rule), C(file) and C(line). A fingerprint stays the same where lines move. It is in
        C(facts.findings) of the answer.
    type: str
  kingfisher:
    description:
      - The program kingfisher. Without it, the one on the E(PATH), or the one beside the controller's Python.
    type: str
  sarif:
    description:
      - Files on the controller with the SARIF 2.1.0 of other scanners. A file that is malformed is refused. One that
        names another commit in C(versionControlProvenance), whose tool failed, or that has no results, not even an
        empty list, counts as V(could_not_be_asked). Suppressed results and those that are no longer there do not
        count.
    type: list
    elements: path
    default: []
  sarif_level:
    description:
      - Results of this level and above count.
    type: str
    choices: [note, warning, error]
    default: warning
  sarif_tool:
    description:
      - Name of the tool whose runs count, as the file has it. Without it, every run counts.
    type: str
  release:
    description:
      - The release, such as V(v1.2.3).
    type: str
  commit:
    description:
      - Full SHA of the release.
    type: str
    required: true
  path:
    description:
      - The shop's checkout on the controller, with the commit in it. Its work tree is not read.
    type: path
    required: true
extends_documentation_fragment:
  - storefront.runbook.checks
attributes:
  check_mode:
    description: Changes nothing, so it runs as without check mode.
    support: full
  diff_mode:
    description: Changes nothing, so there is no difference to show.
    support: none
seealso:
  - module: storefront.runbook.preflight_checks
"""

EXAMPLES = r"""
- name: Scan the release
  storefront.runbook.secret_scan:
    path: /srv/shop
    commit: 0123456789abcdef0123456789abcdef01234567
    baseline: .secrets-baseline.json

- name: Take the report of another scanner
  storefront.runbook.secret_scan:
    path: /srv/shop
    commit: 0123456789abcdef0123456789abcdef01234567
    folders: []
    sarif: [reports/gitleaks.sarif]
"""

RETURN = r"""
verdict:
  description: V(go), V(no_go), or V(inconclusive) where nothing failed and something could not be asked.
  returned: success or a no
  type: str
  sample: go
answers:
  description: The evidence, one item for each check.
  returned: success or a no
  type: list
  elements: dict
  contains:
    id:
      description: The check, such as V(C19).
      type: str
    name:
      description: Its name, such as V(deploy_window).
      type: str
    outcome:
      description:
        - One of V(passed), V(failed), V(waived), V(attested), V(could_not_be_asked), V(due_later), V(not_applicable)
          and V(not_configured).
      type: str
    stops:
      description: Whether it stops the deploy.
      type: bool
    asked:
      description: What was asked.
      type: str
    answered:
      description: What was answered.
      type: str
    advice:
      description: What to do about a failed check.
      type: str
    url:
      description: URL at which the answer can be seen.
      type: str
    facts:
      description: What the answer is based on.
      type: dict
    by:
      description: Who waived or attested it.
      type: str
    reason:
      description: Why it was waived, or the note of the attestation.
      type: str
    until:
      description: The end of the waiver, in UTC.
      type: str
    commit:
      description: The commit that the answer is for.
      type: str
    at:
      description: When it was asked, in UTC.
      type: str
    seconds:
      description: How long the check took.
      type: float
summary:
  description: One line with the number of answers of each kind.
  returned: success or a no
  type: str
  sample: 15 passed, 1 waived (C10 by bob until 1 Apr), 2 due later
message:
  description: The failed checks, and what to do about each.
  returned: success or a no
  type: str
problems:
  description: The lines of RV(message) that stop the deploy.
  returned: success or a no
  type: list
  elements: str
unconfigured:
  description: What each check that is not configured lacks. Checks that lack the same share a line.
  returned: success or a no
  type: list
  elements: str
  sample: ["C1, C2, C12: set api_token and repository of github"]
due:
  description: The later points at which checks are due.
  returned: success or a no
  type: list
  elements: str
  sample: [staged]
evidence:
  description: The answers as the option C(evidence) of M(storefront.runbook.release_record) takes them, without
    those that are due later.
  returned: success or a no
  type: list
  elements: dict
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
      description: V(config) where nothing was asked, V(no_go) where a check stops the deploy.
      type: str
    message:
      description: The same as C(msg).
      type: str
"""

from typing import Any

from ..module_utils.checks.register import CHECKS
from ..module_utils.checks.run import run_one
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import checks_options, validated
from ..module_utils.core.plan import Plan

MINE = [check for check in CHECKS if check.name == "committed_secrets"]


def argument_spec() -> dict[str, Any]:
    return {
        **MINE[0].options,
        "folders": {"type": "list", "elements": "str", "default": ["."]},
        "release": {"type": "str"},
        "commit": {"type": "str", "required": True},
        "path": {"type": "path", "required": True},
        **checks_options(),
    }


def build_client(params: dict[str, Any], runtime: Runtime) -> None:
    return None


def plan(params: dict[str, Any], client: None) -> Plan:
    return Plan({}, {}, result=run_one(MINE, params, validated, required=True))


def apply(plan: Plan, client: None) -> None:
    """Nothing to write."""


def main() -> None:
    run(argument_spec(), build_client, plan, apply)


if __name__ == "__main__":
    main()
