# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decisions of the playbooks, as filters. Each filter calls one pure function of module_utils/release
with the facts that YAML collected.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ..module_utils.release import (
    alert_policy,
    backup_listing,
    checklist,
    checklist_systems,
    database_outcome,
    database_outlook,
    database_policy,
    evidence,
    fleet,
    maintenance,
    migrations,
    notices,
    options,
    outcome,
    outlook,
    pages,
    phases,
    redis_page,
    remedies,
    restart,
    restores,
    rollout,
    run_facts,
    scale,
    secret_rotation,
    secrets_declared,
    seed,
    settling,
    stages,
    target,
    units,
    variable_changes,
    verification,
    watch_settings,
    watch_sites,
)
from ..module_utils.release.operator_pass import operator_pass
from ..module_utils.release.page_budget import seconds as page_seconds
from ..module_utils.release.results import failure_message
from ..module_utils.release.wide_credentials import wide_credentials


def _fields(decision: Any) -> dict[str, Any]:
    """Return the fields of a dataclass. dataclasses.asdict does not work, since it cannot copy Ansible's
    lazy containers.
    """
    return dict(vars(decision))


def _situation(seen: Mapping[str, Any]) -> database_policy.Situation:
    numbers = {name: float(seen[name]) for name in ("backup_max_age", "proof_max_age")}
    # lists of the options that enable it
    flags = {name: any(seen[name]) for name in ("encrypts", "can_scratch", "can_decrypt", "rehearsal_copy_given")}
    # YAML parses off without quotes as false
    rehearse = "off" if seen["rehearse"] in (False, "off") else seen["rehearse"]
    return database_policy.Situation(**{**seen, **numbers, **flags, "rehearse": rehearse})


def decide_database_policy(seen: Mapping[str, Any]) -> dict[str, Any]:
    situation = _situation(seen)
    return {
        "reads_catalogue": situation.reads_catalogue,
        **_fields(database_policy.decide(situation, datetime.now(UTC))),
    }


def decide_database_outlook(seen: Mapping[str, Any], plans: Mapping[str, Any], migrate_runner: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    situation = _situation(seen)
    decision = database_policy.decide(situation, now)
    return _fields(database_outlook.outlook(situation, decision, plans, migrate_runner=migrate_runner, now=now))


def database_problems(seen: Mapping[str, Any]) -> list[str]:
    return migrations.check_problems(**seen)


def applied_migrations(
    pending: Sequence[Mapping[str, Any]], database: Sequence[Mapping[str, Any]]
) -> dict[str, list[str]]:
    return {
        "applied": migrations.applied(pending, database),
        "incompatible": migrations.applied_incompatible(pending, database),
    }


def unsafe_for_target(unknown: Sequence[Mapping[str, Any]], target: str, accept_schema: str = "") -> dict[str, Any]:
    unsafe = migrations.unsafe_for_target(unknown, accept_schema)
    return {"migrations": unsafe, "message": migrations.unsafe_target_message(target, unsafe)}


def rehearsal_evidence(result: Mapping[str, Any], copy: str) -> dict[str, Any]:
    return evidence.rehearsal_evidence(result, copy, datetime.now(UTC))


def restore_problems(plan: Mapping[str, Any], urls: Mapping[str, str], **seen: Any) -> list[str]:
    return restores.check_problems(plan, restores.Urls(**urls), **seen)


def restore_addresses(urls: Mapping[str, str], serves: str, left: str, returns: bool) -> dict[str, str]:
    return restores.addresses(restores.Urls(**urls), serves=serves, left=left, returns=returns)


def backend_check(results: Sequence[Mapping[str, Any]], take_over: bool) -> dict[str, Any]:
    return units.backend_check(results, take_over=take_over)


def frontend_taken_over(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    if not units.took_over(result):
        return []
    question, answer = (
        "Does Vercel serve a push as soon as it is built?",
        "Yes, so auto-assignment of the production domains was turned off",
    )
    return [take_over_evidence(question, answer)]


def take_over_evidence(question: str, answer: str) -> dict[str, Any]:
    return evidence.take_over_evidence(question, answer, datetime.now(UTC))


def deploy_phases(deploy: Mapping[str, Any]) -> list[str]:
    return phases.of_deploy(phases.Deploy(**deploy))


def maintenance_message(record: Mapping[str, Any], state: str, **seen: Any) -> str:
    tell = maintenance.started_message if state == maintenance.ON else maintenance.ended_message
    return tell(record, **seen)


def listed(given: Any) -> list[str]:
    return restart.listed("the option", given)[0]


def variables_wanted(asked: Mapping[str, Any], units: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return variable_changes.wanted(asked, units, os.environ)


def restart_wanted(unit: str, units: Sequence[Mapping[str, Any]], left: Mapping[str, Any]) -> dict[str, Any]:
    return restart.wanted(unit, units, left, datetime.now(UTC).timestamp())


def maintenance_problems(state: str, **seen: Any) -> list[str]:
    return maintenance.problems(state, **seen)


def systems_of_the_checklist(facts: Mapping[str, Any]) -> dict[str, Any]:
    return checklist_systems.systems(checklist_systems.seen_of(facts))


def approvals_wanted(needed: int | str, approvers: Sequence[Any], emergency: str) -> bool:
    return run_facts.approvals_wanted(int(needed), approvers, emergency)  # core 2.18 gives a number as text


def run_starter(named: Sequence[str]) -> str:
    return run_facts.started_by(named, os.environ, pwd.getpwuid(os.getuid()).pw_name)


def preflight_message(seen: Mapping[str, Any]) -> str:
    return outlook.message(outlook.Outlook(**seen))


def restore_phases(plan: Mapping[str, Any]) -> list[str]:
    return phases.of_restore(**plan)


def run_notices(run: Mapping[str, Any]) -> dict[str, Any]:
    described = notices.Run(**run)
    return {
        **notices.texts(described),
        "blocks": notices.blocks(described),
        "good": described.good,
        "word": described.word,
    }


def alert_refusal(records: Sequence[Mapping[str, Any]], policy: Mapping[str, Any]) -> str:
    return alert_policy.refusal(policy, records, datetime.now(UTC))


def rollout_batches(everyone: Sequence[str], groups: Mapping[str, Any], rollout: Any = None) -> Any:
    return fleet.batches(everyone, groups, rollout)


def rollout_stand(
    everyone: Sequence[str], facts: Mapping[str, Any], playing: Sequence[str], here: str, allowed: int
) -> dict[str, Any]:
    stand = rollout.stand(everyone, facts, playing=playing, here=here, allowed=int(allowed))
    return {**_fields(stand), "stopped": stand.stopped, "tolerated": stand.tolerated, "left": stand.left}


def rollback_target(known: Mapping[str, Any]) -> dict[str, Any]:
    seen = target.Known(**known)
    chosen = target.choose(seen)
    return {**_fields(chosen), "refusal": target.refusal(seen)}


def timed_step(step: Mapping[str, Any], how: str) -> dict[str, Any]:
    return outcome.timed_step(step, how, datetime.now(UTC))


def outcome_message(event: str, **seen: Any) -> str:
    return MESSAGES[event](**seen)


MESSAGES: dict[str, Callable[..., str]] = {
    "lost": outcome.lost_message,
    "put_back": outcome.put_back_message,
    "rollback": outcome.rollback_message,
    "settling": outcome.settling_message,
    "unsafe": outcome.unsafe_message,
    "unsettled": outcome.unsettled_message,
}


class FilterModule:
    """Registers the filters."""

    def filters(self) -> dict[str, Any]:
        return {
            "alert_refusal": alert_refusal,
            "applied_migrations": applied_migrations,
            "backend_check": backend_check,
            "baseline_problems": units.baseline_problems,
            "frontend_problems": units.frontend_problems,
            "frontend_served": units.frontend_served,
            "frontend_snapshot": units.frontend_snapshot,
            "frontend_taken_over": frontend_taken_over,
            "checklist_evidence": checklist.saved,
            "checklist_refusal": checklist.refusal,
            "checklist_systems": systems_of_the_checklist,
            "migrated_message": database_outcome.migrated_message,
            "migration_failed_message": database_outcome.migration_failed_message,
            "migration_phases": phases.of_migration,
            "movable_units": units.movable,
            "named_surfaces": options.asked,
            "moved_surfaces": options.moved,
            "preflight_message": preflight_message,
            "refusal": options.refusal,
            "reported_releases": units.reported_releases,
            "site_checks": units.site_checks,
            "approvals_wanted": approvals_wanted,
            "github_review": run_facts.github_review,
            "page_lookup": run_facts.page_lookup,
            "probe_headers": run_facts.probe_headers,
            "restores_a_backup": restores.reads_a_backup,
            "run_message": run_facts.message,
            "run_outcome": run_facts.outcome,
            "run_record": run_facts.recorded,
            "run_starter": run_starter,
            "notified_services": notices.notified,
            "run_notices": run_notices,
            "take_over_evidence": take_over_evidence,
            "unit_put_back": units.put_back,
            "units_offered": units.offered,
            "units_released": units.released,
            "units_with_variable": units.with_variable,
            "units_snapshot": units.snapshot,
            "backup_lines": backup_listing.lines,
            "database_outlook": decide_database_outlook,
            "database_policy": decide_database_policy,
            "database_problems": database_problems,
            "deploy_phases": deploy_phases,
            "scale_wanted": scale.wanted,
            "scale_planned": scale.planned,
            "scale_message": scale.message,
            "data_refused": seed.refused,
            "seed_change": seed.change,
            "seed_message": seed.message,
            "secrets_wanted": secrets_declared.wanted,
            "secret_value": secret_rotation.value,
            "secret_planned": secret_rotation.planned,
            "secret_after": secret_rotation.after,
            "secret_lines": secret_rotation.lines,
            "secret_problems": secret_rotation.problems,
            "secret_message": secret_rotation.message,
            "secrets_listing": secret_rotation.listing,
            "listed": listed,
            "variables_wanted": variables_wanted,
            "variables_by_unit": variable_changes.by_unit,
            "variables_planned": variable_changes.planned,
            "variables_listing": variable_changes.listing,
            "variables_of_example": variable_changes.of_example,
            "variables_compared": variable_changes.compared,
            "variables_message": variable_changes.message,
            "restart_wanted": restart_wanted,
            "restart_problems": restart.problems,
            "restart_change": restart.change,
            "restart_message": restart.message,
            "maintenance_change": maintenance.change,
            "maintenance_message": maintenance_message,
            "maintenance_stays": maintenance.stays_message,
            "migration_to_resolve": remedies.migration_to_resolve,
            "remedy_target_problem": remedies.target_problem,
            "unit_to_restart": remedies.unit_to_restart,
            "maintenance_problems": maintenance_problems,
            "maintenance_state": maintenance.state_of,
            "maintenance_status": maintenance.status_lines,
            "operator_pass": operator_pass,
            "earlier_incompatible": settling.earlier_incompatible,
            "error_kinds": outcome.error_kinds,
            "failed_task": outcome.failure,
            "failure_logs": outcome.logs,
            "failure_message": failure_message,
            "keeps_journal": settling.keeps_journal,
            "lease_check": settling.lease_check,
            "live_again": outcome.live_again,
            "live_now": outcome.live_now,
            "old_code_cannot_run": outcome.incompatible,
            "outcome_message": outcome_message,
            "rollback_changes": target.changes,
            "rollback_target": rollback_target,
            "rollout_batches": rollout_batches,
            "rollout_stand": rollout_stand,
            "runs_forward": settling.runs_forward,
            "timed_step": timed_step,
            "proof_evidence": evidence.proof_evidence,
            "proof_message": evidence.proof_message,
            "rehearsal_evidence": rehearsal_evidence,
            "releases_by_unit": units.releases,
            "restore_addresses": restore_addresses,
            "restore_approval": restores.approval_message,
            "restore_connection_failure": restores.connection_failure,
            "restore_message": database_outcome.restore_message,
            "restore_outcome": database_outcome.restore_outcome,
            "restore_phases": restore_phases,
            "restore_problems": restore_problems,
            "restore_serving_note": restores.serving_note,
            "shop_sessions": restores.sessions,
            "page_document": pages.document,
            "page_fails": pages.fails,
            "page_seconds": page_seconds,
            "redis_report": redis_page.report,
            "wide_credentials": wide_credentials,
            "window_options": pages.window_options,
            "stray_sessions": restores.strays,
            "unsafe_for_target": unsafe_for_target,
            "verify_change": verification.change,
            "verify_database": verification.database,
            "verify_past_the_cache": verification.past_the_cache,
            "verify_results": verification.results_of,
            "verify_targets": verification.targets,
            "verify_edge_window": verification.edge_window,
            "verify_lines": verification.lines,
            "verify_result": verification.result,
            "verify_state": verification.state,
            "verify_steps": verification.steps,
            "verify_steps_problem": verification.steps_problem,
            "verify_verdict": verification.verdict,
            "rolling_stage": stages.following,
            "watch_is_on": watch_settings.is_on,
            "watch_release_of": watch_sites.release_of,
            "watch_sites": watch_sites.sites,
            "watch_subject": watch_sites.last_release,
        }
