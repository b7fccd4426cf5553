#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give one of two roles of a shop a new password, or end its login."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_login_role
version_added: 1.0.0
short_description: Rotate the password of a shop's PostgreSQL role, with two roles in turn
description:
  - A shop logs in as one of two roles with equal rights. The other one gets a new password, all consumers move to it,
    and then the first one's login ends. So no consumer is ever without a valid login.
  - Refuses roles that cannot be used in turn. These are superusers, roles that own objects, and roles with different
    rights or settings.
author:
  - Contributors to storefront.runbook (@storefront)
extends_documentation_fragment:
  - storefront.runbook.postgres
  - storefront.runbook.lease
  - storefront.runbook.store
attributes:
  check_mode:
    description: Checks both roles and predicts the result.
    support: full
  diff_mode:
    description: Shows whether the role can log in, never a password.
    support: full
options:
  role:
    description:
      - Role whose login changes.
    type: str
    required: true
  peer:
    description:
      - Role that is used in turn with it. It has to have the same rights.
    type: str
    required: true
  state:
    description:
      - V(enabled) lets O(role) log in with O(password). The module logs in with it.
      - V(disabled) ends the login of O(role), once it has no session and O(peer) has one. So a consumer that still uses
        the old login stops it. See O(peer_in_use).
    type: str
    choices: [enabled, disabled]
    required: true
  password:
    description:
      - New password, at least 32 characters. Required with O(state=enabled). The server and its log get its hash
        only (SCRAM).
    type: str
  peer_in_use:
    description:
      - Whether O(state=disabled) needs a session of O(peer). Set it to V(false) to end a new login again, where the old
        one has stayed valid.
    type: bool
    default: true
  wait_timeout:
    description:
      - Seconds to wait until the sessions are as O(state=disabled) needs them.
    type: float
    default: 120.0
  wait_interval:
    description:
      - Seconds between two checks.
    type: float
    default: 2.0
notes:
  - The user of O(database_url) needs C(CREATEROLE), and from PostgreSQL 16 on C(ADMIN OPTION) on both roles. It needs
    no right on the shop's tables and is neither of the two.
seealso:
  - module: storefront.runbook.redis_login_user
"""

EXAMPLES = r"""
- name: Give the role that nobody uses a new password
  storefront.runbook.pg_login_role:
    database_url: "{{ vault_role_admin_url }}"
    role: shop_b
    peer: shop_a
    state: enabled
    password: "{{ vault_new_password }}"
"""

RETURN = r"""
can_login:
  description: Whether O(role) could log in before the task.
  returned: success
  type: bool
peer_can_login:
  description: Whether O(peer) can log in.
  returned: success
  type: bool
sessions:
  description: Number of sessions of O(role) and of O(peer) before the task.
  returned: success
  type: dict
  sample: {"shop_a": 4, "shop_b": 0}
elapsed:
  description: Run time of the module in seconds.
  returned: always
  type: float
error:
  description: The error in machine-readable form.
  returned: failure
  type: dict
  contains:
    kind:
      description: Kind of the error, such as V(config), V(unreachable), V(wait_timeout) or V(lease_lost).
      type: str
    message:
      description: Same text as C(msg).
      type: str
"""

from functools import partial
from typing import Any

from ..module_utils.core.errors import ConfigError
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import lease_options, postgres_options
from ..module_utils.core.plan import Plan, carry_out
from ..module_utils.core.redact import secrets_of_url
from ..module_utils.core.wait import Waiter
from ..module_utils.postgres import login_roles
from ..module_utils.postgres.connection import PSYCOPG2_ERROR, connect, direct
from ..module_utils.release.lease import guard
from ..module_utils.release.rotation import ended, refuse_short


def argument_spec() -> dict[str, Any]:
    return {
        **postgres_options(),
        "role": {"type": "str", "required": True},
        "peer": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["enabled", "disabled"], "required": True},
        "password": {"type": "str", "no_log": True},
        "peer_in_use": {"type": "bool", "default": True},
        "wait_timeout": {"type": "float", "default": 120.0},
        "wait_interval": {"type": "float", "default": 2.0},
        **lease_options(),
    }


class Client:
    def __init__(self, params: dict[str, Any], runtime: Runtime) -> None:
        self.database = direct(params["database_url"], option="database_url", remedy="database_url")
        self.connection = connect(self.database, heartbeat=runtime.heartbeat)
        self.close = self.connection.close
        self.waiter = Waiter(params["wait_timeout"], params["wait_interval"], runtime.heartbeat, runtime.warn)


def plan(params: dict[str, Any], client: Client) -> Plan:
    role, peer = params["role"], params["peer"]
    found, admin = login_roles.read(client.connection, [role, peer])
    if problems := login_roles.problems(role, peer, found, admin):
        raise ConfigError(". ".join(problems) + ".", code="roles")
    now = found[role]
    result = {
        **{"can_login": now.can_login, "peer_can_login": found[peer].can_login},
        "sessions": {one: found[one].sessions for one in (role, peer)},
    }
    before = {role: "can log in" if now.can_login else "cannot log in"}
    if params["state"] == "enabled":
        refuse_short(params["password"])
        todo = partial(login_roles.enable, client.connection, client.database, role, params["password"])
        return Plan(before, {role: "can log in, with a new password"}, todo, result)
    todo = partial(_disable, client, role, peer, params["peer_in_use"])
    return Plan(before, {role: "cannot log in"}, todo, result)


def _disable(client: Client, role: str, peer: str, in_use: bool) -> None:
    client.waiter.wait_for(
        lambda: login_roles.sessions(client.connection, [role, peer]),
        lambda counts: ended(role, peer, counts, in_use),
        what=f"The login of {role}",
        check_next=f"who is connected as {role} (pg_stat_activity): a consumer that the secret does not name in units",
    )
    login_roles.disable(client.connection, role)


def secrets(params: dict[str, Any]) -> list[str]:
    return secrets_of_url(params["database_url"])


def main() -> None:
    run(
        argument_spec(),
        Client,
        plan,
        carry_out,
        guard=guard,
        secrets=secrets,
        libraries={"psycopg2": PSYCOPG2_ERROR},
        required_if=[("state", "enabled", ["password"])],
    )


if __name__ == "__main__":
    main()
