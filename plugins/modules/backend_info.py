#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backend_info
version_added: 1.0.0
short_description: List the live deployment of a backend service and its rollback candidates
description:
  - Runs M(storefront.runbook.railway_info) or M(storefront.runbook.render_info), depending on O(platform). It changes
    nothing.

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
  path:
    description:
      - Git repository whose tags name the releases on Render.
    type: path
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
  description: The live deployment. Null if there is none.
  returned: success
  type: dict
candidates:
  description: The deployments that the service can be rolled back to, newest first.
  returned: success
  type: list
  elements: dict
variables:
  description: The service's variables, each with its name and keyed digest.
  returned: success
  type: list
  elements: dict
"""
