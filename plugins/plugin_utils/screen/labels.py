# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a step and a module's work are called on the screen."""

from __future__ import annotations

from .event import Event

STEPS = {
    "frontend.begin": "begin the build",
    "database.backup": "back up the database",
    "database.prove": "prove the backup",
    "database.rehearse": "rehearse the migration",
    "edge.hold": "close the shop at the edge",
    "backend.hold": "begin maintenance",
    "database.migrate": "migrate",
    "backend.release": "release the backend",
    "database.verify": "verify the migrations",
    "backend.unhold": "end maintenance",
    "edge.unhold": "open the shop at the edge",
    "verify.backend": "verify the API",
    "frontend.stage": "stage the frontend",
    "verify.staged": "verify the build",
    "preflight.staged": "check the build",
    "frontend.roll": "roll out the frontend",
    "verify.rolling": "watch the stage",
    "frontend.promote": "promote",
    "edge.purge": "purge the edge",
    "verify.public": "verify the public site",
    "verify.baseline": "measure the old release",
    "verify.watch": "watch the release",
    "preflight.after": "check the live release",
    "release.record": "record the release",
    "database.safety": "back up the live data",
    "database.stage": "restore beside it",
    "backend.stop": "stop the backend",
    "database.swap": "swap the databases",
}
UNITS = {
    "backend.release": "release",
    "backend.stop": "stop",
    "backend.hold": "hold",
    "backend.unhold": "end maintenance of",
}
MODULES = {
    "pg_backup": "back up the database",
    "pg_backup_prune": "remove old backups",
    "pg_backup_info": "backups",
    "pg_masked_backup": "mask a copy of production's backup",
    "pg_proof": "prove the backup",
    "pg_info": "database",
    "storefront_status": "ask every system",
    "storefront_diagnosis": "ask every system",
    "storefront_releases": "ask the platforms",
    "storefront_logs": "read the logs",
    "redis_info": "ask Redis",
    "redis_flush": "remove the keys",
    "prisma_migrate": "migrate",
    "pg_restore": "restore",
    "cf_maintenance": "maintenance at the edge",
    "cf_purge": "purge the edge",
    "health_check": "verify the public site",
    "database_seed": "seed the database",
    "pg_login_role": "change the login of the role",
    "redis_login_user": "change the login of the Redis user",
    "lever_journal": "record what changes",
    "maintenance_record": "record the maintenance",
    "http_journey": "journeys",
    "page_check": "links and images",
    "performance_check": "performance",
    "watch_release": "watch the release",
    "release_record": "record it",
    "dress_rehearsal": "dress rehearsal",
    "run_report": "write the report",
    "run_events": "send events",
    "deploy_lease": "lease",
    "slack_message": "notify Slack",
    "github_deployment": "notify GitHub",
    "sentry_release": "notify Sentry",
    "release_info": "read the ledger",
    "backend_variables": "set variables",
    "railway_variables": "set variables",
    "render_env": "set variables",
    "vercel_env": "set variables",
}
STATES = {
    "rolled_back": "put back",
    "stopped": "stop",
    "started": "start",
    "deployed": "release",
    "rolling": "roll out",
    "configured": "configure",
    "scaled": "scale",
    "restarted": "restart",
}


def of_step(step: str, unit: str = "") -> str:
    """The words for a step of the journal, or for its part that is one unit's."""
    if unit and step in UNITS:
        return f"{UNITS[step]} {unit}"
    return STEPS.get(step, step)


def of_event(event: Event, unit: str) -> str:
    """The words for a result that belongs to no step."""
    if event.module.endswith("_service"):
        return f"{STATES.get(str(event.args.get('state')), 'change')} {unit or 'a unit'}"
    if event.module == "vercel_deploy":
        return f"{STATES.get(str(event.args.get('state')), 'change')} frontend"
    if event.module == "health_check" and event.name.endswith("of the API"):
        return "verify the API"
    return MODULES.get(event.module) or (
        f"{unit}: {event.name}" if unit else event.name.partition(" : ")[2] or event.name
    )
