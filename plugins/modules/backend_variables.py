#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backend_variables
version_added: 1.0.0
short_description: Set the variables of a service of the backend
description:
  - Runs M(storefront.runbook.railway_variables) or M(storefront.runbook.render_env), whichever O(platform) names.

  - The options and results that only one platform has are in the documentation of its module. Its C(module_defaults)
    and those of its action groups apply, and only those, so the token of one platform never reaches another.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  platform:
    description:
      - Where the service runs.
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
  deploy:
    description:
      - Whether to run the service with the new values, and wait until it is healthy.
    type: bool
  wait_timeout:
    description:
      - Seconds to wait until the service has reached its state.
    type: float
  wait_interval:
    description:
      - Seconds between two requests for the state.
    type: float
attributes:
  check_mode:
    description: As the platform's module supports it.
    support: full
  diff_mode:
    description: As the platform's module supports it.
    support: full
notes:
  - This is an action that runs the platform's module. C(plugins/module_utils/release/platforms.py) lists them.
seealso:
  - module: storefront.runbook.railway_variables
  - module: storefront.runbook.render_env
"""

EXAMPLES = r"""
- name: Begin maintenance
  storefront.runbook.backend_variables:
    platform: railway
    service: api
    variables: {MAINTENANCE_MODE: "true"}
    deploy: true
"""

RETURN = r"""
deployment:
  description: The deployment that the service runs now, as in RV(storefront.runbook.railway_service#module:deployment).
  returned: success
  type: dict
variables:
  description: The service's variables by name and keyed digest as they are now.
  returned: success
  type: list
  elements: dict
"""
