# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options for the scratch database: a temporary copy for proofs and rehearsals."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  scratch_url:
    description:
      - URL of a database on a server other than the live one. The module connects to it to create the copy. Its user
        must be allowed to create databases.
    type: str
  local_server:
    description:
      - Starts a PostgreSQL server on the controller for the copy, with the programs in O(postgres_bin), and stops it at
        the end of the task. O(scratch_url) is then ignored.
    type: bool
    default: false
  same_server:
    description:
      - Allows a copy on the server of the live database. The copy uses disk space and processor time of that server.
    type: bool
    default: false
  same_server_limit:
    description:
      - Maximum size of the live database, in bytes, for a copy on its own server.
    type: int
    default: 1073741824
  same_server_volume:
    description:
      - Size of that server's volume in bytes. PostgreSQL does not report it. With this option the module refuses a copy
        that would leave less than a fifth of the volume free.
    type: int
  maintenance_database:
    description:
      - Another database on the live database's server. The module connects to it to create and drop databases.
    type: str
    default: postgres
"""
