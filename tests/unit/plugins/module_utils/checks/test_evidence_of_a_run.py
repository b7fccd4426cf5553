# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""C5, C6 and C8: a backup that was restored, a message with its ts, a baseline of errors and latency."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.checks import backup, dashboards, notification
from ansible_collections.storefront.runbook.plugins.module_utils.checks.check import Context
from ansible_collections.storefront.runbook.plugins.module_utils.core.options import validated

from tests.unit.plugins.stored_backups import StoredBackups

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
CONTEXT = Context(release="v1.1.0", now=NOW)


def options(module: ModuleType, **given: Any) -> dict[str, Any]:
    read, problems = validated(module.OPTIONS, given)
    assert problems == []
    return read


def ask(module: ModuleType, **given: Any) -> Any:
    chosen = options(module, **given)
    assert module.missing(chosen) == ""
    assert module.wrong(chosen, CONTEXT) == []
    return module.ask(CONTEXT, chosen)


def wrong(module: ModuleType, **given: Any) -> str:
    return "; ".join(module.wrong(options(module, **given), CONTEXT))


def stored(name: str = "new", at: str = "2026-03-03T02:00:00+00:00", **more: Any) -> dict[str, Any]:
    return {"name": name, "database": "shop", "finished_at": at, "proof": "restore", "proven_at": at, **more}


OLD = stored("old", "2026-02-20T02:00:00+00:00")


@pytest.mark.parametrize(
    ("backups", "said"),
    [
        ([], "there is no backup"),
        ([stored(database="other")], "there is no backup"),
        ([stored(at="2026-03-01T02:00:00+00:00")], "new, the newest, is 58 h old, and not 26"),
        ([stored(proof="none"), OLD], "nothing proves the checksum of new"),
        ([stored(proof="checksum")], "no backup was restored for a try within 31 days"),
        ([stored(proof="checksum"), stored("old", "2026-01-20T02:00:00+00:00")], "no backup was restored"),
        ([stored(damage="dump.zst has 0 bytes"), OLD], "new is damaged: dump.zst has 0 bytes"),
    ],
)
def test_a_backup_that_is_old_unproven_or_damaged_is_a_no(backups: list[dict[str, Any]], said: str) -> None:
    answer = ask(backup, backups=backups, database="shop")
    assert answer.outcome == "failed"
    assert said in answer.answered


@pytest.mark.parametrize("backups", [[stored()], [OLD, stored(proof="checksum")], [stored(proof="decode"), OLD]])
def test_a_fresh_backup_and_one_that_was_restored_pass(backups: list[dict[str, Any]]) -> None:
    answer = ask(backup, backups=backups)
    assert answer.outcome == "passed"
    assert answer.facts["newest"]["name"] == "new"


def test_before_the_first_deploy_there_is_no_backup_to_ask_for() -> None:
    assert ask(backup, backups=[], live=False).outcome == "not_applicable"
    assert ask(backup, backups=[stored()], live=False).outcome == "passed", "one that is there is judged"


def test_a_backup_of_the_deploy_itself_is_the_newest() -> None:
    answer = ask(backup, backups=[OLD], deploy_creates=True)
    assert (answer.outcome, answer.answered) == ("passed", "the deploy creates a backup; old was restored")
    never = ask(backup, backups=[stored("old", proof="checksum")], deploy_creates=True)
    assert (never.outcome, never.answered) == ("failed", "no backup was restored for a try within 31 days")
    assert ask(backup, backups=[], deploy_creates=True, deploy_proves=True).outcome == "passed"


def test_a_shop_that_wants_no_proof_is_asked_for_a_fresh_backup_alone() -> None:
    given = {"proof": "none", "restored_days": 0}
    answer = ask(backup, backups=[stored(proof="none")], **given)
    assert (answer.outcome, answer.answered) == ("passed", "new is fresh; none was restored for a try")
    assert ask(backup, backups=[stored("new", proof="none"), OLD], **given).answered == "new is fresh; old was restored"
    assert ask(backup, backups=[stored(at="2026-03-01T02:00:00+00:00")], **given).outcome == "failed"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"backups": [stored(at="yesterday")]}, "is not a time with a zone"),
        ({"backups": [stored(at="2026-03-03T02:00:00")]}, "is not a time with a zone"),
        ({"backups": [{"name": "x"}]}, "backup 1 has no finished_at"),
        ({"backups": [stored(proof="hope")]}, "is not one of none, checksum, decode, restore"),
        ({"store": "ftp://somewhere"}, "store"),
        ({"store": "file:///tmp/store"}, "store_is_shared"),
        ({"backups": [], "most_hours": 0}, "most_hours is 0: give more than 0"),
        ({"backups": [], "restored_days": float("nan")}, "give more than 0"),
    ],
)
def test_wrong_options_of_backups_are_refused(given: dict[str, Any], said: str) -> None:
    assert said in wrong(backup, **given)


def test_the_store_itself_is_asked(tmp_path: Path) -> None:
    stored_backups, place = StoredBackups(tmp_path), {"store": f"file://{tmp_path}", "store_is_shared": True}
    today = Context(release="v1.1.0")
    chosen = options(backup, **place)
    assert backup.ask(today, chosen).answered == "there is no backup"

    stored_backups.add("new")
    assert "no backup was restored" in backup.ask(today, chosen).answered
    proof = {"level": "restore", "at": (today.now - timedelta(days=2)).isoformat(), "sha256": "0" * 64}
    stored_backups.add("old", days_ago=3, proof=proof)
    answer = backup.ask(today, chosen)
    assert (answer.outcome, answer.facts["restored"]) == ("passed", ["old"]), answer


def test_a_message_in_slack_is_evidence_with_its_ts() -> None:
    answer = ask(notification, channel="C0123456789", ts="1767225600.000100")
    assert (answer.outcome, answer.facts["ts"]) == ("passed", "1767225600.000100")
    assert "set channel" in notification.missing(options(notification))


def test_without_a_message_it_stops_nothing_unless_it_is_required() -> None:
    assert ask(notification, channel="C0123456789").outcome == "not_configured"


@pytest.mark.parametrize("ts", ["yesterday", "1767225600", "1767225600.1", "-1.000000"])
def test_what_is_not_a_ts_is_refused(ts: str) -> None:
    assert "is not that of a message" in wrong(notification, channel="C1", ts=ts)


@pytest.fixture
def serve() -> Iterator[Callable[[int], str]]:
    servers: list[http.server.HTTPServer] = []

    def start(status: int) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *words: Any) -> None:
                pass

        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, args=(0.02,), daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_address[1]}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_links_and_the_latency_before_the_deploy_are_recorded(serve: Callable[[int], str]) -> None:
    url = serve(200)
    answer = ask(dashboards, links={"Sentry": "https://sentry.example/shop"}, probes=[url], samples=3)
    assert answer.outcome == "passed"
    assert answer.answered.endswith("dashboards: Sentry")
    found = answer.facts["latency"][url]
    assert (found["samples"], found["status"]) == (3, 200)
    assert 0 <= found["median_ms"] <= found["p95_ms"]


def test_a_site_that_is_broken_before_the_deploy_is_a_no(serve: Callable[[int], str]) -> None:
    answer = ask(dashboards, probes=[serve(200), serve(503)])
    assert answer.outcome == "failed"
    assert "answers 503 before the deploy" in answer.answered


def test_before_the_first_deploy_there_is_nothing_to_measure() -> None:
    assert ask(dashboards, probes=["https://shop.example"], live=False).outcome == "not_applicable"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"links": {"Sentry": "sentry.example"}}, "the link Sentry 'sentry.example' is not an address"),
        ({"probes": ["ftp://shop.example"]}, "probes"),
        ({"probes": ["https://shop.example"], "samples": 0}, "samples is 0: give 1 to 50"),
        ({"sentry_token": "token", "hours": 0, "sentry_organization": "acme"}, "hours is 0"),
        ({"sentry_token": "token"}, "sentry_organization is missing"),
    ],
)
def test_wrong_options_of_dashboards_are_refused(given: dict[str, Any], said: str) -> None:
    assert said in wrong(dashboards, **given)
