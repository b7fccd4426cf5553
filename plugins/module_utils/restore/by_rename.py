# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The live database replaced on its own server: a backup is restored beside it and takes its name. Undone
the same way.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import Any

from ..backup.archive import Archive, choose, fetch_file, proofs
from ..core.plan import Plan
from ..postgres import databases
from ..postgres.connection import connect
from ..postgres.databases import DatabaseRow
from ..postgres.drop_database import drop
from ..postgres.programs import Tool
from . import load, replace_live, rights
from .job import Job, Report, approved, nothing_to_do
from .replace_live import Site
from .scope import left_out
from .source import fetched


@dataclass
class Swap:
    """A database that takes the live one's place: ``staged`` by an earlier run, else restored from
    ``archive`` by ``tool``.
    """

    job: Job
    site: Site
    report: Report
    kind: str  # of the predecessor: before, or undone
    note: dict[str, str | None]
    staged: DatabaseRow | None = None
    archive: Archive | None = None
    tool: Tool | None = None

    def apply(self) -> dict[str, Any]:
        """Do it, and return the completed report."""
        replace_live.begin(self.site)
        successor = self.staged or self._stage()
        if self.job.state == "staged":
            self.report.count(replace_live.compare(self.site, successor))
            return self.report.as_result()
        kept, losses, seconds = replace_live.put_in_place(
            self.site, successor, self.note, kind=self.kind, **self.job.swap_options
        )
        self.report.count(losses)
        until = self.site.replaced_by_present(self.kind)[0].note["kept_until"]
        self.report.update(kept=kept, kept_until=until, **seconds)
        return self.report.as_result()

    def _stage(self) -> DatabaseRow:
        if not (self.archive and self.tool and self.report.staged):
            raise AssertionError("what is not restored yet has an archive, a tool and a name")
        jobs = self.job.params["jobs"]
        successor, self.report.verified = replace_live.stage(
            self.site,
            self.archive,
            self.tool,
            self.note,
            name=self.report.staged,
            jobs=jobs,
            ownership=self.job.params["ownership"],
        )
        return successor


def restore(job: Job, site: Site, report: Report) -> Plan:
    """Plan to restore a backup, as far as ``state`` says. Raises ConfigError for what cannot be done or was
    not approved.
    """
    params, database = job.params, report.database
    archive = (
        job.held.enter_context(fetch_file(params["file"], params["sha256"], job.heartbeat)) if params["file"] else None
    )
    manifest = archive.manifest if archive else choose(job.store, params["backup"], job.prefix, job.live.name, job.warn)
    digest = manifest["sha256"]
    known = proofs(job.store, manifest, job.prefix, job.warn) if job.store and not archive else []
    report.update(backup=manifest["name"], expected_seconds=known[0]["recovery_seconds"] if known else None)
    same = [row for row in site.replaced_by_present("before") if row.note.get("sha256") == digest]
    if same:
        report.update(already=True, kept=same[0].name, kept_until=same[0].note["kept_until"])
        return nothing_to_do(report, database)
    swap = Swap(job, site, report, "before", {"backup": manifest["name"], "sha256": digest}, staged=site.staged(digest))
    if not swap.staged:
        swap.archive = archive or fetched(job, manifest, site.admin)
        swap.tool = _fit(job, site, swap.archive)
        reasons = [] if params["ownership"] else [load.NOT_ASKED]
        report.update(
            left_out=[*load.without_ownership(reasons), *left_out(swap.archive)],
            staged=databases.label(database, "incoming", job.now),
        )
    else:
        report.update(staged=swap.staged.name, verified=swap.staged.note["verified"])
        if job.counts_losses_first:
            report.count(replace_live.compare(site, swap.staged))
    before = {"database": database, "staged": swap.staged.name if swap.staged else None}
    if job.state == "staged":
        return Plan(before, {**before, "staged": report.staged}, todo=swap.apply, result=report.as_result())
    after = {"database": f"{database} from {manifest['name']}"}
    return approved(Plan(before, after, todo=swap.apply, result=report.as_result()), report, job)


def _fit(job: Job, site: Site, archive: Archive) -> Tool:
    """Return the program that restores an archive. Raises ConfigError for a restore that would fail."""
    options, ownership = (job.params["postgres_bin"], job.heartbeat), job.params["ownership"]
    with closing(connect(job.live if site.present.open else site.server, heartbeat=job.heartbeat)) as inside:
        if ownership:
            tool = load.fit(site.admin, archive, *options)
            rights.refuse_without(inside, site.admin, archive)
        else:
            tool, _lacks = load.fit_for_trial(site.admin, archive, *options)
            rights.withheld(inside, site.admin, archive)
    databases.refuse_uncopyable(site.admin, job.live.name)
    return tool


def undo(job: Job, site: Site, report: Report) -> Plan:
    """Plan to put the predecessor back. Raises ConfigError where there is none, or where that was not approved."""
    kept = replace_live.undoable(site, job.now)
    if kept is None:
        report.already = True
        return nothing_to_do(report, report.database)
    report.backup = kept.note.get("backup")
    swap = Swap(job, site, report, "undone", {key: kept.note.get(key) for key in ("backup", "sha256")}, staged=kept)
    if job.counts_losses_first:
        report.count(replace_live.compare(site, kept))
    before, after = f"{report.database} from {report.backup}", f"{report.database} as {kept.name}"
    return approved(
        Plan({"database": before}, {"database": after}, todo=swap.apply, result=report.as_result()), report, job
    )


def drop_expired(job: Job, site: Site, report: Report) -> Plan:
    """Plan to drop the databases whose time is over."""
    names = [row.name for row in replace_live.expired(site, job.now)]

    def apply() -> dict[str, Any]:
        replace_live.begin(site)
        for name in names:
            slots = drop(site.admin, site.server, name)
            if slots:
                job.warn(
                    f"{name} had subscriptions. Their replication slots remain on the publishers and retain WAL there. "
                    f"Drop the slots that nothing uses: {', '.join(slots)}."
                )
        return {}

    return Plan({"databases": names}, {"databases": []}, todo=apply, result={**report.as_result(), "dropped": names})
