# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A dynamic inventory: the storefronts of the sandbox, from the state that it wrote; SANDBOX_NAME chooses another
sandbox than the default one.

Each is a host of the group ``sandbox`` with ``sandbox_shop`` and ``sandbox_state`` as plain values; a shop given with
--shop has variables from its own files, too, and they override group_vars. inventories/development/hosts.yml says which
hosts are deployed to. Any Python runs it: it imports only the standard library.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

NAME = os.environ.get("SANDBOX_NAME") or "default"
# Scopes by vendor, as JSON: their tokens may do only that. See sandbox/cloud/scopes.py.
SCOPES = json.loads(os.environ.get("SANDBOX_SCOPES") or "{}")
STATE = Path(__file__).resolve().parents[1] / ".sandbox" / NAME / "state.json"


def inventory(file: Path = STATE) -> dict[str, Any]:
    """Return what Ansible expects of an inventory script."""
    if not file.exists():
        start = "python -m sandbox up" if NAME == "default" else f"python -m sandbox up --name {NAME}"
        down = f"{{{{ undef(hint='The sandbox {NAME} is not up: run .venv/bin/{start}') }}}}"
        return {"all": {"vars": {"sandbox_state": down, "sandbox_shop": down}}, "_meta": {"hostvars": {}}}
    state = json.loads(file.read_text())
    shops = state.pop("storefronts")
    for vendor, names in SCOPES.items():
        state["tokens"][vendor] = "~".join([state["tokens"][vendor], *names])
    return {
        "sandbox": {"hosts": list(shops), "vars": {"sandbox_state": state}},
        "_meta": {
            "hostvars": {name: {**shop.pop("inventory", {}), "sandbox_shop": shop} for name, shop in shops.items()}
        },
    }


if __name__ == "__main__":
    print(json.dumps(inventory()))
