#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the logs of a storefront's units, merged by time."""

from __future__ import annotations

DOCUMENTATION = r"""
module: storefront_logs
version_added: 1.0.0
short_description: Read the logs of a storefront's units, merged by time
description:
  - Reads the logs of the frontend at Vercel and of the backend's units at Railway or Render at the same time, and
    merges them by time.
  - The values of the units' variables, passwords in URLs and what looks like a token are masked.
  - At most O(limit) lines are returned, the newest ones. Railway returns the last 5000 lines of each deployment.
  - Changes nothing.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  unit:
    description:
      - Units whose logs are read. If empty, all of them.
    type: list
    elements: str
    default: []
  since:
    description:
      - Start of the period, such as V(15m), V(2h) or V(1d) ago, V(02:30) for today, or V(2026-03-01T02:30).
    type: str
    default: 1h
  until:
    description:
      - End of the period, in the same form. The default is now.
    type: str
  level:
    description:
      - Minimum level of the lines.
    type: str
    choices: [debug, info, warning, error]
    default: debug
  filter:
    description:
      - Text that a line must contain; upper and lower case are the same.
    type: str
  grep:
    description:
      - Regular expression that a line must contain. One that could take more than a second of processor time on a long
        line is refused.
    type: str
  request:
    description:
      - Id of a request. Its lines of every unit are returned.
    type: str
  limit:
    description:
      - Maximum number of lines, up to 5000.
    type: int
    default: 200
  follow:
    description:
      - Seconds to wait for new lines, up to 600. They are shown while the module runs, and at most 5000 of
        them, where the play runs modules in its own process; elsewhere they are in the result.
    type: float
    default: 0
  log_source:
    description:
      - Whether the logs of the running units or of their newest builds are read.
    type: str
    choices: [runtime, build]
    default: runtime
extends_documentation_fragment:
  - storefront.runbook.storefront
  - storefront.runbook.store
attributes:
  check_mode:
    description: The module only reads, so check mode makes no difference.
    support: full
  diff_mode:
    description: The module changes nothing, so there is no diff.
    support: none
seealso:
  - module: storefront.runbook.storefront_diagnosis
"""

EXAMPLES = r"""
- name: Read the errors of the API in the last 15 minutes
  storefront.runbook.storefront_logs:
    storefront: shop
    backend:
      platform: railway
      api_token: "{{ vault_railway_token }}"
      project: 072ce67c-b784-47f6-9c57-20b3ef086d41
      environment: production
      units: [{name: api, service: f17310c9-c2d4-40a9-b83b-ff85abcb09f7}]
    unit: [api]
    since: 15m
    level: error
  register: logs
"""

RETURN = r"""
report:
  description:
    - The page as data, with C(level), C(verdict), C(lines) (each with C(at) in UTC, C(unit), C(level), C(message) and
      the id of the C(request)), how many older lines were C(left_out), and what was C(unreachable).
  returned: success
  type: dict
  sample: {level: ok, verdict: 12 lines.}
page:
  description: The rows of the page for the screen.
  returned: success
  type: list
  elements: dict
lines:
  description: The page as plain lines.
  returned: success
  type: list
  elements: str
elapsed:
  description: Run time of the module in seconds.
  returned: always
  type: float
"""

from datetime import UTC, datetime
from typing import Any

from ..module_utils.core import progress
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import store_options
from ..module_utils.core.plan import Plan
from ..module_utils.core.wait import Waiter, nothing
from ..module_utils.desk import logs, logs_page
from ..module_utils.desk.logs_follow import follow
from ..module_utils.desk.storefront import refuse_unfit, secrets, storefront_options, unit_names
from ..module_utils.release.page_options import log_asks


def argument_spec() -> dict[str, Any]:
    return {
        "unit": {"type": "list", "elements": "str", "default": []},
        "since": {"type": "str", "default": "1h"},
        "until": {"type": "str"},
        "level": {"type": "str", "choices": list(logs.LEVELS), "default": "debug"},
        "filter": {"type": "str"},
        "grep": {"type": "str"},
        "request": {"type": "str"},
        "limit": {"type": "int", "default": 200},
        "follow": {"type": "float", "default": 0.0},
        "log_source": {"type": "str", "choices": ["runtime", "build"], "default": "runtime"},
        **storefront_options(),
        **store_options(required=False),
    }


def build_client(params: dict[str, Any], runtime: Runtime) -> Runtime:
    refuse_unfit(params, *log_asks(params, unit_names(params), params["storefront"], datetime.now(UTC)))
    return runtime


def plan(params: dict[str, Any], client: Runtime) -> Plan:
    want = logs.wanted(params, datetime.now(UTC))
    names = params["unit"] or unit_names(params)

    def read(wanted: logs.Wanted) -> Any:
        return logs_page.read(params, wanted, names, params["log_source"])

    if not params["follow"]:
        return Plan({}, {}, result=logs_page.build(params, *read(want)))
    found = follow(read, want, params["follow"], lambda line: progress.show(logs_page.text_of(params, line)), Waiter())
    return Plan({}, {}, result=logs_page.build(params, *found, shown=progress.sink is not None))


def main() -> None:
    run(argument_spec(), build_client, plan, nothing, secrets=secrets)


if __name__ == "__main__":
    main()
