# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lease under which a module may write."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  lease:
    description:
      - Token of the deploy lease, as M(storefront.runbook.deploy_lease) returned it. The lease in O(store) is renewed before each write and while the
        module waits; a module whose lease was taken over or ran out fails and writes nothing more.
      - Without it the module does not look at a lease.
    type: str
  lease_step:
    description:
      - What the play is doing, such as V(backend.release). Noted in the lease's journal, for whoever settles a deploy that was killed.
    type: str
extends_documentation_fragment:
  - storefront.runbook.store
"""
