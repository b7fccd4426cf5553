# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A deploy that breaks in any phase ends with the old release live everywhere, says so, and can be run again.

The scenarios run in the order of the phases on one shop: deploys that come after get past the phase in which one broke.
Where a phase concerns the backend or the frontend alone, that alone is deployed.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import psycopg2
import pytest

from molecule.phases import phases, seen

OLD, NEW, WRONG = "v1.0.0", "v1.1.0", "v1.3.0-broken-frontend"
NOTHING = "Nothing was changed"
RERUN = "starts over"


def fault(task: str, vendor: str, operation: str, kind: str = "unavailable", **more: Any) -> dict[str, Any]:
    """A fault that is switched on as ``task`` begins; 500 is an answer that nobody asks again after."""
    return {
        "task": task,
        "fault": {
            "vendor": vendor,
            "operation": operation,
            "kind": kind,
            "times": -1,
            **({"status": 500} if kind == "unavailable" else {}),
            **more,
        },
    }


@dataclass(frozen=True)
class Broken:
    """Where and by what a deploy breaks, and what it says. ``errors`` is what customers may meet meanwhile;
    ``outcome`` is None where it never began.
    """

    phase: str
    by: str
    at: list[dict[str, Any]]
    says: str
    outcome: str | None = "rolled_back"
    errors: tuple[str, ...] = ()
    release: str = NEW
    extra: dict[str, Any] = field(default_factory=dict)
    locks: bool = False
    surfaces: tuple[str, ...] = ("database", "backend", "frontend", "edge")

    @property
    def units(self) -> list[str]:
        return [
            unit
            for unit, surface in (("api", "backend"), ("worker", "backend"), ("frontend", "frontend"))
            if surface in self.surfaces
        ]


BACKEND: dict[str, Any] = {"surfaces": ("database", "backend")}
FRONTEND: dict[str, Any] = {"surfaces": ("frontend", "edge")}


SCENARIOS = [
    Broken(
        "preflight",
        "Vercel answers 500",
        [fault("Ask Vercel what the release would change", "vercel", "project")],
        NOTHING,
        None,
        **FRONTEND,
    ),
    Broken(
        "lease",
        "the store answers 500",
        [fault("Take the lease", "objects", "put_lease", times=3)],
        "could not be written",
        None,
        **BACKEND,
    ),
    Broken(
        "snapshot",
        "Railway answers 500",
        [fault("List the deployments of each unit of the backend", "railway", "deployments")],
        "Railway answered",
        None,
        **BACKEND,
    ),
    Broken(
        "journal",
        "the store answers 500",
        [fault("Write what is live to the journal", "objects", "put_lease", times=3)],
        "could not be written",
        None,
        **BACKEND,
    ),
    Broken(
        "database.backup",
        "the store answers 500",
        [fault("Begin database.backup", "objects", "upload_backup")],
        "database.backup failed",
        **BACKEND,
    ),
    Broken(
        "database.prove",
        "the backup cannot be read",
        [fault("Begin database.prove", "objects", "get_backup")],
        "database.prove failed",
        extra={"database_proof_max_age": 1},
        **BACKEND,
    ),
    Broken(
        "database.rehearse",
        "the scratch server allows no copy",
        [
            {"task": "Begin database.rehearse", "sql": "ALTER ROLE shop NOCREATEDB"},
            {"task": "Record what failed", "sql": "ALTER ROLE shop CREATEDB"},
        ],
        "database.rehearse failed",
        extra={"database_rehearse": "schema_only"},
        **BACKEND,
    ),
    Broken(
        "database.migrate",
        "a table is locked",
        [],
        "database.migrate failed",
        extra={"database_lock_timeout": 0.1},
        locks=True,
        **BACKEND,
    ),
    Broken(
        "backend.release",
        "the API is unhealthy",
        [fault("Begin backend.release", "railway", "up", "unhealthy", times=1)],
        "backend.release failed",
        **BACKEND,
    ),
    Broken(
        "backend.release",
        "the worker crashes",
        [fault("Begin backend.release", "railway", "up", "crashes", times=1, after=1)],
        "backend.release failed",
        **BACKEND,
    ),
    Broken(
        "verify.backend",
        "the API's public URL answers 500",
        [fault("Begin verify.backend", "edge", "request", "status", status=500, host="backend", release=NEW)],
        "verify.backend failed",
        errors=("status 500",),
        **BACKEND,
    ),
    Broken(
        "frontend.stage",
        "the build fails",
        [fault("Begin frontend.stage", "vercel", "create", "build_fails")],
        "frontend.stage failed",
        **FRONTEND,
    ),
    Broken("verify.staged", "the pages show a wrong release", [], "verify.staged failed", release=WRONG, **FRONTEND),
    Broken(
        "frontend.promote",
        "the domains are not moved",
        [fault("Begin frontend.promote", "vercel", "promote", "alias_fails", times=1)],
        "frontend.promote failed",
    ),
    Broken(
        "edge.purge",
        "Cloudflare answers 500",
        [fault("Begin edge.purge", "cloudflare", "purge", times=1)],
        "edge.purge failed",
        **FRONTEND,
    ),
    Broken(
        "verify.public",
        "the public site answers 500",
        [fault("Begin verify.public", "edge", "request", "status", status=500, host="frontend", release=NEW)],
        "verify.public failed",
        errors=("status 500",),
        **FRONTEND,
    ),
    Broken(
        "release.record",
        "the ledger cannot be written",
        [fault("Begin release.record", "objects", "put_ledger", times=3)],
        "release.record failed",
        **FRONTEND,
    ),
]
UNBROKEN = {
    "edge.hold": "has a scenario of its own: test_maintenance.py",
    "edge.unhold": "has a scenario of its own: test_maintenance.py",
    "verify.baseline": "counts what fails, and never fails a deploy for it",
    "verify.watch": "has scenarios of its own: test_watch.py",
    "frontend.roll": "has a scenario of its own: test_watch.py",
    "verify.rolling": "has a scenario of its own: test_watch.py",
    "preflight.staged": "has a scenario of its own: test_checklist.py",
    "preflight.after": "does what preflight.staged does",
    "begin": "never fails a deploy",
    "backend.hold": "has a scenario of its own: test_policies.py",
    "database.verify": "has a scenario of its own: test_policies.py",
    "backend.unhold": "has a scenario of its own: test_schema.py",
    "frontend.begin": "does what frontend.stage does",
    "settle": "has scenarios of its own: test_settling.py",
}


def test_every_phase_of_the_playbook_is_broken_once():
    assert {scenario.phase for scenario in SCENARIOS} == set(phases()) - UNBROKEN.keys()
    assert list(dict.fromkeys(scenario.phase for scenario in SCENARIOS)) == [
        phase for phase in phases() if phase not in UNBROKEN
    ]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: f"{scenario.phase}: {scenario.by}")
def test_it_is_put_back(one_shop, scenario):
    shop, rows, before = one_shop, one_shop.rows(), len(one_shop.ledger())
    shop.clear_faults()
    shop.forget_requests()
    with (
        closing(psycopg2.connect(shop.at["database_url"].partition("?")[0])) as writer,
        shop.customers().watching() as customers,
    ):
        if scenario.locks:  # somebody's long transaction, in the way of the new table's foreign key
            writer.cursor().execute('UPDATE "Product" SET stock = stock WHERE id = (SELECT min(id) FROM "Product")')
        played = shop.play(
            "deploy.yml",
            at=scenario.at,
            release=scenario.release,
            surfaces=scenario.surfaces,
            verify_wait_timeout=3,
            **scenario.extra,
        )
    assert played.rc == 2, played.stdout
    assert scenario.says in played.message
    assert shop.live() == {"frontend": OLD, "backend": OLD}
    assert shop.rows() == rows
    assert {what for where, what in customers.seen if where == "backend"} <= {OLD, scenario.release, *scenario.errors}
    assert {what for where, what in customers.seen if where == "frontend"} <= {OLD, scenario.release, *scenario.errors}
    assert customers.seen[-1][1] == OLD or OLD in [what for _where, what in customers.seen[-6:]]
    assert shop.lease()["state"] == "released"
    assert shop.lease()["journal"] == {}
    recorded = [record["outcome"] for record in shop.ledger()[before:]]
    assert recorded == ([scenario.outcome] if scenario.outcome else [])
    if scenario.outcome:
        assert played.message.startswith("ROLLED BACK.")
        assert f"Live again: {', '.join(f'{unit} {OLD}' for unit in scenario.units)}." in played.message
        assert [step["name"] for step in played.report["steps"] if step["outcome"] == "failed"] == [scenario.phase]
    else:
        assert shop.writes() == []
    says = (
        f"ROLLED BACK. {scenario.phase} failed. … Live again: …"
        if scenario.outcome
        else "Nothing was changed. …"
        if scenario.says == NOTHING
        else "the message of the store or the platform"
    )
    seen(f"{scenario.phase}: {scenario.by}", OLD, 2, says, RERUN)


def test_and_then_the_release_goes_out(one_shop):
    one_shop.clear_faults()
    played = one_shop.play("deploy.yml", release=NEW)
    assert played.rc == 0, played.stdout
    assert one_shop.live() == {"frontend": NEW, "backend": NEW}
