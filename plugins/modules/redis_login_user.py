#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give one of two users of a shop's Redis a new password, or end its login."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_login_user
version_added: 1.0.0
short_description: Rotate the password of a shop's Redis user, with two ACL users in turn
description:
  - A shop logs in as one of two ACL users with equal rights. The other one gets a new password, all consumers move to
    it, and then the first one's login ends. So no consumer is ever without a valid login.
  - Refuses users that cannot be used in turn. These are C(default), users without a password, and users with different
    rights.
  - The users are saved with C(ACL SAVE), or C(CONFIG REWRITE) where the server has no ACL file. A server with neither
    file would forget them as it restarts, so it is refused.
author:
  - Contributors to storefront.runbook (@storefront)
extends_documentation_fragment:
  - storefront.runbook.redis
  - storefront.runbook.lease
  - storefront.runbook.store
attributes:
  check_mode:
    description: Checks both users and predicts the result.
    support: full
  diff_mode:
    description: Shows whether the user can log in, never a password.
    support: full
options:
  user:
    description:
      - ACL user whose login changes.
    type: str
    required: true
  peer:
    description:
      - ACL user that is used in turn with it. It has to have the same rights.
    type: str
    required: true
  state:
    description:
      - V(enabled) lets O(user) log in with O(password). The module logs in with it.
      - V(disabled) ends the login of O(user), once it has no session and O(peer) has one. So a consumer that still uses
        the old login stops it. See O(peer_in_use).
    type: str
    choices: [enabled, disabled]
    required: true
  password:
    description:
      - New password, at least 32 characters. Required with O(state=enabled). The server gets its hash only
        (SHA-256).
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
  - The user of O(url) needs C(+acl|getuser +acl|setuser +acl|whoami +acl|save +client|list +config|get +info +ping),
    and C(+config|rewrite) where the server has no ACL file. It needs no key and is neither of the two.
  - Users belong to one server. A cluster and a server behind Sentinels are refused, because the others would not know
    the new password.
seealso:
  - module: storefront.runbook.pg_login_role
"""

EXAMPLES = r"""
- name: Give the user that nobody uses a new password
  storefront.runbook.redis_login_user:
    url: "{{ vault_redis_admin_url }}"
    user: shop_b
    peer: shop_a
    state: enabled
    password: "{{ vault_new_password }}"
"""

RETURN = r"""
can_login:
  description: Whether O(user) could log in before the task.
  returned: success
  type: bool
peer_can_login:
  description: Whether O(peer) can log in.
  returned: success
  type: bool
sessions:
  description: Number of sessions of O(user) and of O(peer) before the task.
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
from ..module_utils.core.options import lease_options
from ..module_utils.core.plan import Plan, carry_out
from ..module_utils.core.wait import Waiter
from ..module_utils.redis import login_users
from ..module_utils.redis.connection import REDIS_ERROR, connect, redis_options, secrets_of
from ..module_utils.release.lease import guard
from ..module_utils.release.rotation import ended, refuse_short


def argument_spec() -> dict[str, Any]:
    return {
        **redis_options(),
        "user": {"type": "str", "required": True},
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
        self.server = connect(params)
        self.close = self.server.close
        self.waiter = Waiter(params["wait_timeout"], params["wait_interval"], runtime.heartbeat, runtime.warn)


def plan(params: dict[str, Any], client: Client) -> Plan:
    user, peer, server = params["user"], params["peer"], client.server
    found = login_users.read(server, [user, peer])
    if problems := login_users.problems(user, peer, found):
        raise ConfigError(". ".join(problems) + ".", code="users")
    now = found.users[user]
    result = {
        **{"can_login": now.can_login, "peer_can_login": found.users[peer].can_login},
        "sessions": login_users.sessions(server, [user, peer]),
    }
    before = {user: "can log in" if now.can_login else "cannot log in"}
    if params["state"] == "enabled":
        refuse_short(params["password"])
        todo = partial(login_users.enable, server, params, found.saves)
        return Plan(before, {user: "can log in, with a new password"}, todo, result)
    todo = partial(_disable, client, user, peer, found.saves, params["peer_in_use"])
    return Plan(before, {user: "cannot log in"}, todo, result)


def _disable(client: Client, user: str, peer: str, saves: str, in_use: bool) -> None:
    client.waiter.wait_for(
        lambda: login_users.sessions(client.server, [user, peer]),
        lambda counts: ended(user, peer, counts, in_use),
        what=f"The login of {user}",
        check_next=f"who is connected as {user} (CLIENT LIST): a consumer that the secret does not name in units",
    )
    login_users.disable(client.server, user, saves)


def main() -> None:
    run(
        argument_spec(),
        Client,
        plan,
        carry_out,
        guard=guard,
        secrets=secrets_of,
        libraries={"redis": REDIS_ERROR},
        required_if=[("state", "enabled", ["password"])],
    )


if __name__ == "__main__":
    main()
