#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backend_service
version_added: 1.0.0
short_description: Deploy, roll back, scale, restart, stop or start a backend service on its platform
description:
  - Runs M(storefront.runbook.railway_service) or M(storefront.runbook.render_service), depending on O(platform), with
    the options that this module supports.

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
  state:
    description:
      - The requested state of the service. V(configured) changes only O(auto_deploy). V(scaled) runs O(replicas) or
        O(regions). V(restarted) starts new processes of the live deployment on every run.
    type: str
    choices: [configured, deployed, restarted, rolled_back, scaled, started, stopped]
    required: true
  source:
    description:
      - Source of the deployment. Render accepts no uploads, so with V(upload) it builds the release's commit.
    type: str
    choices: [adopt, commit, image, upload]
  path:
    description:
      - Git repository or folder of the release on the controller. Railway receives it only with O(source=upload).
    type: path
  ref:
    description:
      - Tag, branch or commit of the release.
    type: str
  root_directory:
    description:
      - Folder of the service inside the repository. On Render the service itself has this setting.
    type: str
  commit:
    description:
      - Full SHA of the commit to deploy.
    type: str
  image:
    description:
      - Image to deploy.
    type: str
  release:
    description:
      - Name of the release.
    type: str
  auto_deploy:
    description:
      - Whether the platform deploys each push automatically. On Railway it works only with O(state=configured).
    type: bool
  maintenance_mode:
    description:
      - Whether Render shows its maintenance page instead of the web service. Used with O(state=configured). Railway has
        no such mode.
    type: bool
  deployment:
    description:
      - Id of the older deployment that O(state=rolled_back) runs again.
    type: str
  pinned_variables:
    description:
      - Names of the variables that keep their current values with O(state=rolled_back).
    type: list
    elements: str
  known_variables:
    description:
      - Digests of the variables that O(deployment) ran with. Railway reports them itself.
    type: list
    elements: dict
  replicas:
    description:
      - Number of replicas for O(state=scaled), for a service that runs in one region.
    type: int
  regions:
    description:
      - Number of replicas in each region for O(state=scaled). On Railway a region with 0 is left. A service at Render
        runs in one region.
    type: dict
  replicas_limit:
    description:
      - Most replicas of a service that the platform has agreed to, instead of those of the plan.
    type: int
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
    description: Same support as the platform's module.
    support: full
  diff_mode:
    description: Same support as the platform's module.
    support: full
notes:
  - This is an action plugin that runs the platform's module. C(plugins/module_utils/release/platforms.py) lists the
    modules.
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
  description: The deployment that the service runs now, in the shape of
    RV(storefront.runbook.railway_service#module:deployment).
  returned: success
  type: dict
previous:
  description: The deployment that was live before. Null if there was none.
  returned: success
  type: dict
"""
