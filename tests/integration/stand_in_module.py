#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for a platform's module: it writes down the options that it was given, and answers as if a unit
were live and healthy.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from ansible.module_utils import basic

DEPLOYMENT = {"id": "dep-2", "url": None, "status": "live", "release": "v1.1.0", "commit": "c" * 40, "created_at": None}
ANSWER = {
    **{
        "changed": False,
        "deployment": DEPLOYMENT,
        "previous": {**DEPLOYMENT, "id": "dep-1"},
        "live": DEPLOYMENT,
        "candidates": [DEPLOYMENT],
    },
    **{"service": {"auto_deploy": True}, "variables": [], "way": "rollback"},
}


def main() -> None:
    asked = json.loads(basic._ANSIBLE_ARGS)["ANSIBLE_MODULE_ARGS"]
    options = {name: value for name, value in asked.items() if not name.startswith("_ansible_")}
    result = {"module": sys.argv[0].rpartition(".")[2], "check_mode": asked["_ansible_check_mode"], "options": options}
    with Path(os.environ["ASKED"]).open("a") as book:
        book.write(json.dumps(result) + "\n")
    print(json.dumps(ANSWER))
