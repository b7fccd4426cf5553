# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shop moved to a database at another address: where nothing can be renamed, or where a database that
somebody else restored is adopted.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from ..backup.archive import Archive, choose, fetch_file
from ..core.errors import ConfigError
from ..core.plan import Plan
from ..postgres import databases
from ..postgres.connection import connect
from ..postgres.databases import DatabaseRow
from ..postgres.programs import Tool
from . import load, replace_live, rights, url_swap, verify
from .job import Job, Report, approved, nothing_to_do
from .scope import left_out
from .source import fetched
from .target import RestoreTarget


@dataclass
class Move:
    """The shop's move to ``target``: to ``restored``, which an earlier run or somebody else restored, else
    to a restore of ``archive`` by ``tool``.
    """

    job: Job
    target: RestoreTarget
    report: Report
    note: dict[str, str | None]
    restored: DatabaseRow | None = None
    archive: Archive | None = None
    tool: Tool | None = None
    ownership: bool = True

    def apply(self) -> dict[str, Any]:
        """Do it, and return the completed report."""
        job, report = self.job, self.report
        replace_live.begin(self.target.site)
        restored = self.restored or self._load()
        if job.state == "staged":
            report.count(url_swap.compare(job.live, self.target.database(restored), job.heartbeat))
            return report.as_result()
        serving, losses, known = self.target.go(restored, self.note, **job.swap_options)
        report.count(losses)
        report.update(serves=serving.name, kept=job.live.name, **known)
        return report.as_result()

    def _load(self) -> DatabaseRow:
        if not (self.archive and self.tool and self.report.staged):
            raise AssertionError("what is not restored yet has an archive, a tool and a name")
        how = {"name": self.report.staged, "jobs": self.job.params["jobs"], "ownership": self.ownership}
        restored, self.report.verified = self.target.load(self.archive, self.tool, self.note, **how)
        return restored

    def prepare(self, archive: Archive | None, manifest: Mapping[str, Any]) -> None:
        """Fetch the backup and refuse a restore that would fail. Raises ConfigError."""
        job, site = self.job, self.target.site
        with closing(connect(job.target or site.server, heartbeat=job.heartbeat)) as connection:
            self.archive = archive or fetched(job, manifest, connection)
            self.tool, reasons = load.fit_for_trial(connection, self.archive, job.params["postgres_bin"], job.heartbeat)
            with closing(
                connect(job.target or (job.live if site.present.open else site.server), heartbeat=job.heartbeat)
            ) as inside:
                reasons += rights.withheld(inside, connection, self.archive, into=bool(job.target))
            reasons = reasons if job.params["ownership"] else [load.NOT_ASKED]
            self.ownership = not reasons
            if not job.target:
                databases.refuse_uncopyable(connection, job.live.name)
        name = job.target.name if job.target else databases.label(job.live.name, "incoming", job.now)
        self.report.update(staged=name, left_out=[*load.without_ownership(reasons), *left_out(self.archive)])

    def inspect(self, restored: DatabaseRow, manifest: Mapping[str, Any]) -> None:
        """Verify an adopted database, and count what would be lost by the move."""
        job, report, database = self.job, self.report, self.target.database(restored)
        found = verify.verify(database, manifest, job.heartbeat) if job.params["adopt"] and not job.check_mode else None
        report.update(staged=restored.name, verified=restored.note.get("verified") or found)
        if job.counts_losses_first:
            report.count(url_swap.compare(job.live, database, job.heartbeat))


def move(job: Job, target: RestoreTarget, report: Report) -> Plan:
    """Plan to restore or adopt a database at another address and to leave the live one for it. Raises ConfigError."""
    params = job.params
    archive = (
        job.held.enter_context(fetch_file(params["file"], params["sha256"], job.heartbeat)) if params["file"] else None
    )
    manifest = _manifest(job, archive)
    restored, serving = target.find_restored(manifest["sha256"]), target.serving()
    report.backup = manifest["name"]
    if serving and serving != restored:
        raise url_swap.already_left(job.live.name)
    if restored and serving:
        report.update(
            already=True, serves=restored.name, kept=job.live.name, kept_until=restored.note.get("kept_until")
        )
        return nothing_to_do(report, restored.name)
    steps = Move(job, target, report, {"backup": manifest["name"], "sha256": manifest["sha256"]}, restored)
    if restored:
        steps.inspect(restored, manifest)
    else:
        steps.prepare(archive, manifest)
    before: dict[str, Any] = {"database": report.database}
    if job.state == "staged":
        before["staged"] = restored.name if restored else None
        return Plan(before, {**before, "staged": report.staged}, todo=steps.apply, result=report.as_result())
    after = {"database": f"{report.staged} from {manifest['name']}"}
    return approved(Plan(before, after, todo=steps.apply, result=report.as_result()), report, job)


def _manifest(job: Job, archive: Archive | None) -> Mapping[str, Any]:
    if job.params["adopt"]:
        return {"name": "adopted", "sha256": None}
    return archive.manifest if archive else choose(job.store, job.params["backup"], job.prefix, job.live.name, job.warn)


def move_back(job: Job, target: RestoreTarget, report: Report) -> Plan:
    """Plan to leave the database at another address for the one from before. Raises ConfigError."""
    serving = target.serving()
    if serving is None:
        restored = target.site.of_kind("restored")
        if not job.target and not restored:
            raise ConfigError(
                f"There is nothing to undo: the shop was not moved away from {job.live.name} to another address.",
                code="nothing_to_undo",
            )
        report.update(already=True, kept=job.target.name if job.target else restored[0].name)
        return nothing_to_do(report, report.database)
    report.backup = serving.note.get("backup")
    if job.counts_losses_first:
        report.count(url_swap.compare(target.database(serving), job.live, job.heartbeat))

    def apply() -> dict[str, Any]:
        replace_live.begin(target.site)
        losses, known = target.go_back(serving, **job.swap_options)
        report.count(losses)
        report.update(kept=serving.name, **known)
        return report.as_result()

    return approved(
        Plan({"database": serving.name}, {"database": job.live.name}, todo=apply, result=report.as_result()),
        report,
        job,
    )
