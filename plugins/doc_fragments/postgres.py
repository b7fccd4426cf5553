# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that say how a PostgreSQL database is reached."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  database_url:
    description:
      - URL of the live database, in the form that Prisma uses, such as
        C(postgresql://user:password@host:5432/shop?schema=public). Never shown or logged, and never in the arguments or
        the environment of a program.
      - The environment variable E(DATABASE_URL) is used when this option is not set.
    type: str
    required: true
"""

    # postgres.direct: modules that also accept a URL that goes through a pooler
    DIRECT = r"""
options:
  direct_url:
    description:
      - URL that bypasses a connection pooler. Required if O(database_url) goes through one, because locks and limits
        belong to a session. Never shown or logged.
      - The environment variable E(DIRECT_URL) is used when this option is not set.
    type: str
"""

    # postgres.programs: modules that start PostgreSQL's client programs
    PROGRAMS = r"""
options:
  postgres_bin:
    description:
      - Folder of PostgreSQL's client programs. By default the module finds the programs of the server's version, or
        else of the next newer version.
    type: path
"""
