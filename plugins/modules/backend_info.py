#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backend_info
version_added: 1.0.0
short_description: List what a service of the backend runs and can run again
description:
  - Runs M(storefront.runbook.railway_info) or M(storefront.runbook.render_info), whichever O(platform) names. It
    changes nothing.

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
  path:
    description:
      - The git repository whose tags name the releases at Render.
    type: path
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
  - module: storefront.runbook.railway_info
  - module: storefront.runbook.render_info
"""

EXAMPLES = r"""
- name: List the deployments of the API
  storefront.runbook.backend_info:
    platform: render
    service: srv-d1a2b3c4d5e6f7g8h9i0
"""

RETURN = r"""
live:
  description: The live deployment; null when there is none.
  returned: success
  type: dict
candidates:
  description: The deployments that can run again, the newest first.
  returned: success
  type: list
  elements: dict
variables:
  description: The service's variables by name and keyed digest.
  returned: success
  type: list
  elements: dict
"""
