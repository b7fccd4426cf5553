# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""backup/retention.py: which backups each rule keeps, and which a release depends on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.backup.listing import Backup
from ansible_collections.storefront.runbook.plugins.module_utils.backup.retention import Rules, depended_on
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.release import ledger
from ansible_collections.storefront.runbook.plugins.module_utils.release.ledger_keys import newest_first
from ansible_collections.storefront.runbook.plugins.module_utils.store.folder import FolderStore

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)  # a Tuesday


def made(*days_ago: float) -> list[Backup]:
    """Backups that were finished so many days ago, named after it."""
    return [
        Backup({"name": f"{days:g}", "finished_at": (NOW - timedelta(days=days)).isoformat()}, None, None)
        for days in sorted(days_ago)
    ]


def kept(rules: Rules, *days_ago: float, protected: dict[str, str] | None = None) -> list[str]:
    return [name for name, why in rules.reasons(made(*days_ago), protected or {}, NOW).items() if why]


@pytest.mark.parametrize(
    ("rules", "days_ago", "expected"),
    [
        (Rules(last=2), (0, 1, 2, 3), ["0", "1"]),
        (Rules(daily=2), (0, 0.1, 0.2, 1, 1.1, 2), ["0", "1"]),
        (Rules(daily=2), (0, 5, 9), ["0", "5"]),  # days without a backup do not count
        (Rules(daily=2), (0.49, 0.51), ["0.49", "0.51"]),  # midnight in UTC is between them
        (Rules(weekly=2), (0, 1, 2, 3, 8.5, 9), ["0", "2"]),  # Tuesday, Monday | Sunday of the week before
        (Rules(monthly=2), (0, 29, 31, 40, 70), ["0", "31"]),  # two in March, two in February
        (Rules(last=1, monthly=2), (0, 1, 31), ["0", "31"]),
        (Rules(max_age=10), (0, 9, 11, 12), ["0", "9"]),
        (Rules(monthly=12, max_age=40), (0, 31, 70), ["0", "31"]),
        (Rules(max_age=10), (11, 12), ["11"]),  # one stays, whatever its age
        (Rules(max_age=10, minimum=2), (11, 12, 13), ["11", "12"]),
        (Rules(last=1, minimum=3), (0, 1, 2, 3), ["0", "1", "2"]),
    ],
)
def test_a_rule_keeps(rules: Rules, days_ago: tuple[float, ...], expected: list[str]) -> None:
    assert kept(rules, *days_ago) == expected


def test_what_a_release_depends_on_is_kept_at_any_age() -> None:
    assert kept(Rules(last=1, max_age=10), 0, 50, 60, protected={"60": "made for the deploy of v1.0.0"}) == ["0", "60"]


@pytest.mark.parametrize("rules", [Rules(), Rules(last=-1), Rules(max_age=0), Rules(last=1, minimum=0)])
def test_rules_that_could_remove_everything_are_refused(rules: Rules) -> None:
    with pytest.raises(ConfigError):
        rules.check()


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(str(tmp_path / "store"))


@pytest.fixture
def ended(store: FolderStore) -> Any:
    """Record that a deploy ended, each a day later, with the backup of its release's name."""
    days = iter(range(1, 29))

    def record(release: str, outcome: str = "released", kind: str = "deploy", **other: Any) -> None:
        finished = f"2026-01-{next(days):02}T12:00:00.000Z"
        units = {"frontend": {"id": release}} if outcome != "incomplete" else {}
        backup = f"before-{release}" if kind == "deploy" else None
        facts = {
            "kind": kind,
            "outcome": outcome,
            "release": release,
            "backup": backup,
            "units": units,
            "started_at": finished,
            **other,
        }
        ledger.write(store, ledger.place({**ledger.make(facts), "finished_at": finished}, newest_first(store), 1))

    return record


def test_an_empty_ledger_needs_no_backup(store: FolderStore) -> None:
    assert depended_on(store) == {}


def test_the_live_release_and_the_one_to_go_back_to_need_theirs(store: FolderStore, ended: Any) -> None:
    for release in ("v1.0.0", "v1.1.0", "v1.2.0"):
        ended(release)
    assert depended_on(store) == {
        "before-v1.2.0": "made for the deploy of v1.2.0",
        "before-v1.1.0": "made for the deploy of v1.1.0",
    }


def test_what_was_tried_since_needs_its_own(store: FolderStore, ended: Any) -> None:
    for release, outcome in (
        ("v1.0.0", "released"),
        ("v1.1.0", "released"),
        ("v1.2.0", "rolled_back"),
        ("v1.3.0", "incomplete"),
    ):
        ended(release, outcome)
    assert set(depended_on(store)) == {"before-v1.1.0", "before-v1.2.0", "before-v1.3.0"}


def test_after_a_rollback_both_releases_need_theirs(store: FolderStore, ended: Any) -> None:
    for release in ("v0.9.0", "v1.0.0", "v1.1.0"):
        ended(release)
    ended("v1.0.0", "rolled_back", kind="rollback", withdrawn="v1.1.0")
    assert set(depended_on(store)) == {"before-v1.0.0", "before-v1.1.0"}


def test_a_ledger_that_cannot_be_read_stops_it(store: FolderStore, ended: Any) -> None:
    ended("v1.0.0")
    store.put_if_absent("ledger/20260201T000000000Z-x.json", b"half a rec")
    with pytest.raises(
        ConfigError, match=r"Nothing is removed, since the ledger does not say.*20260201T000000000Z-x\.json"
    ):
        depended_on(store)
