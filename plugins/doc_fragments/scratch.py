# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a copy of the database may be made for a try."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  scratch_url:
    description:
      - URL of a database on another server than the live one, to be connected to. Its user has to have the right to create databases.
    type: str
  local_server:
    description:
      - Starts a PostgreSQL server on the controller for this, with the programs in O(postgres_bin), and ends it with the task. O(scratch_url) is not used then.
    type: bool
    default: false
  same_server:
    description:
      - Allows a copy on the live database's own server. It takes room and work from that.
    type: bool
    default: false
  same_server_limit:
    description:
      - Bytes that the live database may have at most for that.
    type: int
    default: 1073741824
  same_server_volume:
    description:
      - Bytes that the volume of that server holds, which PostgreSQL does not tell. With it a copy is refused that would leave less than a fifth of it free.
    type: int
  maintenance_database:
    description:
      - Another database on the live one's server to be connected to.
    type: str
    default: postgres
"""
