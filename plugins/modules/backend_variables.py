#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backend_variables
version_added: 1.0.0
short_description: Set the variables of a backend service
description:
  - Runs M(storefront.runbook.railway_variables) or M(storefront.runbook.render_env), depending on O(platform).

  - Options and results that only one platform has are documented with its module. Only the C(module_defaults) of that
    module and of its action groups apply, so the token of one platform never reaches another.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  platform:
    description:
      - Platform that the service runs on.
    type: str
    choices: [railway, render]
    required: true
  service:
    description:
      - Id or name of the service.
    type: str
    required: true
  variables:
    description:
      - Dictionary of names and values. Values are never shown, logged or written to disk.
    type: dict
  absent:
    description:
      - Names of variables to remove.
    type: list
    elements: str
  deploy:
    description:
      - Whether to redeploy the service with the new values and wait until it is healthy.
    type: bool
  wait_timeout:
    description:
      - Seconds to wait until the service has reached its state.
    type: float
  wait_interval:
    description:
      - Seconds between two requests for the state.
    type: float
extends_documentation_fragment:
  - storefront.runbook.rotation
attributes:
  check_mode:
    description: Same support as the platform's module.
    support: full
  diff_mode:
    description: Same support as the platform's module.
    support: full
notes:
  - This is an action plugin that runs the platform's module. C(plugins/module_utils/release/platforms.py) lists the
    modules.
seealso:
  - module: storefront.runbook.railway_variables
  - module: storefront.runbook.render_env
"""

EXAMPLES = r"""
- name: Start maintenance
  storefront.runbook.backend_variables:
    platform: railway
    service: api
    variables: {MAINTENANCE_MODE: "true"}
    deploy: true
"""

RETURN = r"""
deployment:
  description: The deployment that the service runs now, in the shape of
    RV(storefront.runbook.railway_service#module:deployment).
  returned: success
  type: dict
variables:
  description: The service's current variables, each with its name and keyed digest.
  returned: success
  type: list
  elements: dict
rotation:
  description:
    - What O(rotate) found before it changed anything. The name of the C(variable), whether it is C(set), whether its
      value is C(hidden) by the platform, the C(user) of a URL, and whether there is a C(previous) value. C(others) are
      variables whose URL has the same login.
  returned: success
  type: dict
  sample: {"variable": "DATABASE_URL", "set": true, "hidden": false, "user": "shop_a", "previous": false, "others": []}
"""
