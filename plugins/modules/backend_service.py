#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backend_service
version_added: 1.0.0
short_description: Deploy, roll back, stop or start a service of the backend at its platform
description:
  - Runs M(storefront.runbook.railway_service) or M(storefront.runbook.render_service), whichever O(platform) names,
    with the options that it takes.

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
  state:
    description:
      - What the service shall do; V(configured) changes O(auto_deploy) alone.
    type: str
    choices: [configured, deployed, rolled_back, started, stopped]
    required: true
  source:
    description:
      - What is deployed. Render takes no upload, so it builds the commit with V(upload).
    type: str
    choices: [adopt, commit, image, upload]
  path:
    description:
      - The git repository or the folder of the release on the controller. Railway gets it with O(source=upload) alone.
    type: path
  ref:
    description:
      - Tag, branch or commit of the release.
    type: str
  root_directory:
    description:
      - Folder of the service inside the repository. Render's service knows it by itself.
    type: str
  commit:
    description:
      - Full SHA of the commit to deploy.
    type: str
  image:
    description:
      - The image to deploy.
    type: str
  release:
    description:
      - Name of the release.
    type: str
  auto_deploy:
    description:
      - Whether the platform deploys each push by itself. Railway takes it with O(state=configured) alone.
    type: bool
  deployment:
    description:
      - The older deployment that O(state=rolled_back) runs again.
    type: str
  pinned_variables:
    description:
      - Variables that keep today's values with O(state=rolled_back).
    type: list
    elements: str
  known_variables:
    description:
      - The digests of the variables that O(deployment) ran with. Railway knows them by itself.
    type: list
    elements: dict
  wait:
    description:
      - Whether to wait until the service has reached its state.
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
  - module: storefront.runbook.railway_service
  - module: storefront.runbook.render_service
"""

EXAMPLES = r"""
- name: Deploy the API
  storefront.runbook.backend_service:
    platform: railway
    state: deployed
    service: api
    source: upload
    path: /srv/shop
    ref: v1.1.0
"""

RETURN = r"""
deployment:
  description: The deployment that the service runs now, as in RV(storefront.runbook.railway_service#module:deployment).
  returned: success
  type: dict
previous:
  description: The deployment that was live before; null when none was.
  returned: success
  type: dict
"""
