# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much processor time the page of a run takes, and the figures of a ledger of 10,000 records."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ansible_collections.storefront.runbook.plugins.action import run_report
from ansible_collections.storefront.runbook.plugins.module_utils.release import ledger
from ansible_collections.storefront.runbook.plugins.modules import release_figures

from tests.unit.plugins.plugin_utils.report.facts import failed_deploy
from tests.unit.support import run_module

RECORDS = 10_000
STEPS = (
    *("database.backup", "database.prove", "database.rehearse", "database.migrate", "backend.release"),
    *("verify.backend", "frontend.stage", "verify.staged", "frontend.promote", "edge.purge", "verify.public"),
)
NOW = datetime.now(UTC)


def test_the_page_of_a_run_takes_at_most_half_a_second(tmp_path: Path) -> None:
    many = [{**failed_deploy(), "began": (NOW - timedelta(hours=number)).isoformat()} for number in range(30)]
    for facts in many:
        run_report.write(tmp_path, facts, NOW.isoformat())
    started = time.process_time()
    written = run_report.write(tmp_path, failed_deploy(), NOW.isoformat())
    took = time.process_time() - started
    size = (tmp_path / written["place"]).stat().st_size
    print(f"\nthe page of a run, and the indexes of 31 runs: {took * 1000:.0f} ms, {size / 1000:.0f} kB")
    assert took <= 0.5
    assert size <= 500_000


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    (folder / "ledger").mkdir()
    for number in range(RECORDS):
        at = NOW - timedelta(hours=number + 1)  # the newest has ended, too
        record = ledger.make(
            {
                "storefront": "shop",
                "kind": "deploy",
                "outcome": "released",
                "release": f"v{number}",
                "started_at": at.isoformat(),
                "units": {"api": {"platform": "railway", "id": "d", "release": f"v{number}"}},
                "steps": [{"name": name, "outcome": "ok", "seconds": 3.0} for name in STEPS],
                "evidence": [{"name": "ci", "asked": "?", "answered": "yes", "outcome": "passed"}] * 15,
            }
        )
        record |= {"finished_at": (at + timedelta(minutes=4)).isoformat(), "fence": RECORDS - number, "number": 1}
        name = f"f{RECORDS - number:08d}-0001-deploy-released-{record['id']}.json"
        (folder / "ledger" / name).write_text(json.dumps(record))
    return folder


def test_the_figures_of_ten_thousand_records_take_at_most_five_seconds(store: Path) -> None:
    started = time.process_time()
    found = run_module(release_figures, {"store": store.as_uri(), "store_is_shared": True, "days": 3650})
    took = time.process_time() - started
    assert found["figures"]["deployments"] == RECORDS
    print(f"\nthe figures of {RECORDS:,} records: {took:.1f} s")
    assert took <= 5
