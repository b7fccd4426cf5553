# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that name the deploy lease under which a module writes."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  lease:
    description:
      - Token of the deploy lease that M(storefront.runbook.deploy_lease) returned. The module renews the lease in
        O(store) before each write and while it waits. If the lease expires or another run takes it over, the module
        fails and writes nothing more.
      - Without this option the module checks no lease.
    type: str
  lease_step:
    description:
      - Current step of the play, such as V(backend.release). The module records it in the lease's journal, so that a
        later run can settle a deploy that was killed.
    type: str
extends_documentation_fragment:
  - storefront.runbook.store
"""
