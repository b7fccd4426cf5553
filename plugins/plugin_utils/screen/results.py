# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each module did, in a few words: one function for each module."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from . import labels
from .amounts import age, duration, number, size
from .event import Event
from .text import listed

Describe = Callable[[Event, bool], str]
_MISSING = re.compile(r"\b(None|inf|nan)\b|\{\}|\[\]")  # what Python writes for what a result does not have
SERVES = ("success", "live", "ready")  # the platforms' words for what serves


def words(event: Event, check: bool) -> str:
    """Describe a result; with ``check``, what would be done. Empty for a module that is not shown."""
    describe = MODULES.get(event.module)
    try:
        text = describe(event, check) if describe and event.good else ""
    # a result of another shape must not end the screen
    except (TypeError, ValueError, AttributeError, KeyError, IndexError):
        text = "None"
    if not _MISSING.search(text):
        return text
    return "changed" if event.get("changed") else "done"


def _backup(event: Event, check: bool) -> str:
    backup = event.get("backup") or {}
    if check:
        return f"would back up {size(backup.get('database_size'))} to {backup.get('location')}"
    recipients = backup.get("recipients") or []
    how = (
        f"encrypted to {number(len(recipients), 'recipient')}"
        if backup.get("encryption") not in (None, "off")
        else "not encrypted"
    )
    verified = {"checksum": "checksum verified", "decode": "read back", "restore": "restored"}.get(
        str(backup.get("verified")), ""
    )
    return listed([part for part in (size(backup.get("size")), how, verified, backup.get("name")) if part])


def _proof(event: Event, check: bool) -> str:
    proof = event.get("proof") or {}
    if proof.get("at") is None:
        return f"would restore {proof.get('backup')}"
    seen = f"{number(proof['rows'], 'row')} in {number(proof['tables'], 'table')}"
    return f"{proof.get('backup')} restored in {duration(proof.get('recovery_seconds'))}: {seen}"


def _rehearsal(event: Event, check: bool) -> str:
    rehearsed = event.get("rehearsed") or []
    if not rehearsed:
        pending = event.get("pending") or []
        return f"would rehearse {listed(pending)}" if pending else "nothing to rehearse"
    longest = max(rehearsed, key=lambda migration: migration.get("seconds") or 0)
    blocks = sorted(
        {what for migration in rehearsed for lock in migration.get("locks") or [] for what in lock.get("blocks") or []}
    )
    return f"{number(len(rehearsed), 'migration')} on a copy, at most {duration(longest['seconds'])}" + (
        f"; blocks {listed(blocks)}" if blocks else ""
    )


def _migration(event: Event, check: bool) -> str:
    if check:
        names = [migration["name"] for migration in event.get("pending") or []]
        return f"would apply {listed(names)}" if names else "nothing is pending"
    if event.args.get("state") == "verified":
        return "every migration of the release is applied"
    return listed(event.get("applied") or []) or "nothing was pending"


def _service(event: Event, check: bool) -> str:
    state, release = event.args.get("state"), event.get("deployment", "release")
    before = event.get("previous", "release") or "nothing"
    status = str(event.get("deployment", "status") or "").replace("_", " ")
    if state == "configured":
        return "a push no longer deploys it" if event.get("changed") else "unchanged"
    if state == "stopped":
        return "would be stopped" if check else "stopped" if event.get("changed") else "was stopped already"
    if not event.get("changed"):
        return f"unchanged, {release}" if release else "unchanged"
    if check:
        # these keep the release
        kept = {"scaled": "would be scaled", "restarted": "would be restarted"}
        return kept.get(str(state), f"would go from {before} to {release}")
    verb = {"rolled_back": "back on", "started": "runs", "deployed": "runs"}.get(str(state), "runs")
    described = f"{verb} {release or event.get('deployment', 'id')}"
    return described if status in SERVES or not status else f"{described}, {status}"


def _vercel(event: Event, check: bool) -> str:
    state, release = event.args.get("state"), event.get("deployment", "release") or event.get("deployment", "id")
    upload = event.get("upload") or {}
    if state == "staged":
        files = upload.get("files")
        if check:
            return f"would build {release}" + (
                f" from {number(files, 'file')}, {size(upload.get('bytes'))}" if files else ""
            )
        if not event.get("changed"):
            return f"{release} is built already"
        sent = f" ({upload.get('sent_files', 0):,} of {number(files, 'file')} sent)" if files else ""
        built = "began to build" if event.args.get("wait") is False else "built"
        return f"{built} {release}{sent}"
    if state == "rolling" and event.get("share") is not None:
        return f"{'would serve' if check else 'serves'} {release} to {event.get('share'):g} % of the visitors"
    if not event.get("changed"):
        return f"unchanged, {release}"
    if check:
        return f"would serve {release}"
    return f"serves {release}, before it {event.get('previous', 'release') or 'nothing'}"


def _purge(event: Event, check: bool) -> str:
    purged = event.get("purged") or {}
    what = purged.get("kind") if purged.get("count") is None else f"{purged['count']:,} {purged.get('kind')}"
    return f"{'would purge ' if check else ''}{what} of {event.get('zone', 'name') or 'the zone'}"


def _health(event: Event, check: bool) -> str:
    checks = event.get("checks") or []
    healthy = sum(one.get("outcome") == "healthy" for one in checks)
    releases = sorted({one["release"] for one in checks if one.get("release")})
    passes = min((one.get("passes") or 0 for one in checks), default=0)
    text = (
        f"{number(healthy, 'check')} passed"
        if healthy == len(checks)
        else f"{healthy} of {number(len(checks), 'check')} passed"
    )
    return text + (f", {passes} in a row" if passes > 1 else "") + (f"; serves {listed(releases)}" if releases else "")


def _journeys(event: Event, check: bool) -> str:
    journeys = event.get("journeys")
    if journeys is None:
        return ""
    ran = [one for one in journeys if one.get("outcome") != "skipped"]
    passed = sum(one.get("outcome") == "passed" for one in ran)
    left_out = len(journeys) - len(ran)
    return f"{passed} of {number(len(ran), 'journey')} passed" + (f", {left_out} not run" if left_out else "")


def _pages(event: Event, check: bool) -> str:
    problems = event.get("problems") or []
    asked = number(event.get("asked") or 0, "address", "addresses")
    return f"{number(len(problems), 'problem')} in {asked}" if problems else f"{asked} are right"


def _performance(event: Event, check: bool) -> str:
    problems, measured = event.get("problems") or [], event.get("measured", "targets") or {}
    slowest = max((one.get("p95") or 0 for one in measured.values()), default=0)
    limits = f"{number(len(problems), 'limit')} exceeded" if problems else "within the limits"
    return f"{limits}, p95 of the slowest {slowest:g} ms"


def _watch(event: Event, check: bool) -> str:
    rows = event.get("comparisons")
    if rows is None:
        return str(event.get("summary") or "").splitlines()[0]
    errors = [f"{row['what']} {row['new']} failed, old {row['old']}" for row in rows if row["measure"] == "errors"]
    ways = {row["against"] for row in rows}
    how = f", compared {ways.pop()}" if len(ways) == 1 else ""
    return f"{event.get('verdict')} after {duration(event.get('seconds'))}{how}: {'; '.join(errors[:2])}"


def _dress_rehearsal(event: Event, check: bool) -> str:
    found = event.get("rehearsal") or {}
    where = f"{found.get('storefront')} of {found.get('inventory')}"
    if check:
        missing = f"; it has no {listed(found['missing'])}" if found.get("missing") else ""
        return (
            f"would deploy {found.get('release')} to {where} first ({listed(found.get('surfaces') or [])}), where"
            f" {found.get('live')} is live{missing}"
        )
    times = sorted((found.get("planned") or {}).items(), key=lambda step: step[1], reverse=True)
    planned = [f"{labels.of_step(name)} {duration(seconds)}" for name, seconds in times]
    return f"{found.get('release')} is live in {where}; planned: {listed(planned, 5)}"


def _record(event: Event, check: bool) -> str:
    return "would be written to the ledger" if check else f"record {event.get('record', 'id')}"


def _prune(event: Event, check: bool) -> str:
    removed, kept = event.get("removed") or [], event.get("kept") or {}
    done = (
        f"{'would remove' if check else 'removed'} {number(len(removed), 'backup')}" if removed else "nothing to remove"
    )
    return f"{done}, {len(kept)} kept" + (f", {size(event.get('freed'))} freed" if removed else "")


def _variables(event: Event, check: bool) -> str:
    if not event.get("changed"):
        return "unchanged"
    return "would be set" if check else "set"


def _masked(event: Event, check: bool) -> str:
    masked = event.get("masked") or {}
    if masked.get("already"):
        return f"{masked.get('source')} is masked already"
    if check:
        return f"would mask a copy of {masked.get('source')}"
    columns = number(masked.get("columns") or 0, "column")
    searched = number((masked.get("sampled") or 0) + (masked.get("canaries") or 0), "original value")
    return f"{masked.get('source')}, {columns} masked; {searched} searched for, none left"


def _restore(event: Event, check: bool) -> str:
    restore = event.get("restore") or {}
    if restore.get("already"):
        return f"{restore.get('serves')} is live already"
    lost = f", {number(restore['lost_rows'], 'row')} differ" if restore.get("lost_rows") is not None else ""
    if check:
        return f"would put {restore.get('backup') or restore.get('serves')} in place of {restore.get('database')}{lost}"
    if event.args.get("state") == "staged":
        rows = (restore.get("verified") or {}).get("rows")
        return f"{restore.get('backup') or restore.get('staged')} as {restore.get('staged')}" + (
            f", {number(rows, 'row')} verified" if rows is not None else ""
        )
    return f"{restore.get('serves')} is live{lost}; the one before is {restore.get('kept')}"


def _catalogue(event: Event, check: bool) -> str:
    backups = event.get("backups") or []
    return (
        f"{number(len(backups), 'backup')}, {size(sum(backup.get('size') or 0 for backup in backups))}"
        if backups
        else "there is no backup"
    )


def _info(event: Event, check: bool) -> str:
    server = event.get("server") or {}
    if not server:
        return "answered"
    return (
        f"PostgreSQL {server.get('version')}, {size(server.get('size_bytes'))}, {server.get('connections')} of"
        f" {server.get('max_connections')} connections"
    )


def catalogue_rows(backups: list[Mapping[str, Any]]) -> list[str]:
    """Return a line for each backup, the newest first."""
    rows = []
    for backup in backups:
        proof = "not proven" if backup.get("proof") in (None, "none") else f"proven by {backup['proof']}"
        release = f"for {backup['release']}" if backup.get("release") else ""
        how = f"encrypted to {listed(backup['recipients'], 2)}" if backup.get("recipients") else "not encrypted"
        restored = f"restored in {duration(backup['recovery_seconds'])}" if backup.get("recovery_seconds") else ""
        damage = f"DAMAGED: {backup['damage']}" if backup.get("damage") else ""
        parts = [
            f"{age(backup.get('age') or 0)} old",
            size(backup.get("size")),
            release,
            str(backup.get("format") or ""),
            how,
            proof,
            restored,
            damage,
        ]
        rows.append(f"{backup.get('name')}  {', '.join(part for part in parts if part)}")
    return rows


MODULES: dict[str, Describe] = {
    "pg_backup": _backup,
    "pg_masked_backup": _masked,
    "pg_proof": _proof,
    "prisma_rehearse": _rehearsal,
    "prisma_migrate": _migration,
    "backend_service": _service,
    "railway_service": _service,
    "render_service": _service,
    "backend_variables": _variables,
    "railway_variables": _variables,
    "render_env": _variables,
    "vercel_env": _variables,
    "vercel_deploy": _vercel,
    "cf_purge": _purge,
    "health_check": _health,
    "http_journey": _journeys,
    "page_check": _pages,
    "performance_check": _performance,
    "watch_release": _watch,
    "dress_rehearsal": _dress_rehearsal,
    "release_record": _record,
    "pg_backup_prune": _prune,
    "pg_backup_info": _catalogue,
    "pg_restore": _restore,
    "pg_info": _info,
}
