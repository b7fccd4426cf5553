# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backup that a restore reads, fetched from the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..backup.archive import Archive, fetch
from . import load
from .job import Job


def fetched(job: Job, manifest: Mapping[str, Any], connection: Any) -> Archive:
    """Return the archive, held until the job is closed."""
    jobs = 1 if job.target else job.params["jobs"]  # into a database that was named it is one transaction
    frozen = load.loads_frozen(connection, manifest, job.params["postgres_bin"], jobs)
    return job.held.enter_context(
        fetch(job.store, manifest["name"], job.prefix, job.identity, job.heartbeat, frozen=frozen)
    )
