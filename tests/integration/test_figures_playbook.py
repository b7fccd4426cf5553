# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""figures.yml over the ledgers of two storefronts and a real repository: what it prints, and what it writes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.modules import release_figures, release_record

from conftest import COLLECTIONS, ROOT
from tests.unit.support import run_module

NOW = datetime.now(UTC)


def record(store: Path, storefront: str, days: int, release: str, outcome: str = "released", **more: Any) -> None:
    began = NOW - timedelta(days=days)
    facts = {
        "store": store.as_uri(),
        "store_is_shared": True,
        "storefront": storefront,
        "release": release,
        "outcome": outcome,
        "started_at": began.isoformat(),
        "finished_at": (began + timedelta(minutes=4)).isoformat(),
        "units": {"api": {"platform": "railway", "id": "d1", "release": release}},
        "steps": [{"name": "backend.release", "outcome": "ok" if outcome == "released" else "failed", "seconds": 40.0}],
        **more,
    }
    written = run_module(release_record, facts)
    assert not written["failed"], written["msg"]


def commit(repository: Path, days: float) -> str:
    def git(*arguments: str) -> str:
        at = (NOW - timedelta(days=days)).isoformat()
        environment = {
            "GIT_COMMITTER_DATE": at,
            "GIT_AUTHOR_DATE": at,
            "PATH": "/usr/bin:/bin",
            "HOME": str(repository),
        }
        who = ["-c", "user.name=dev", "-c", "user.email=dev@example.com"]
        argv = ["git", "-C", str(repository), *who, *arguments]
        return subprocess.run(argv, check=True, capture_output=True, text=True, env=environment).stdout.strip()

    repository.mkdir(exist_ok=True)
    git("init", "--quiet")
    git("commit", "--quiet", "--allow-empty", "-m", f"{days} days ago")
    return git("rev-parse", "HEAD")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with an inventory of two storefronts, their ledgers and the repository of the shop."""
    first, second = commit(tmp_path / "repository", 21), commit(tmp_path / "repository", 12)
    record(tmp_path / "shop-store", "shop", 20, "v1.0.0", commit=first)
    record(tmp_path / "shop-store", "shop", 10, "v1.1.0", commit=second)
    record(tmp_path / "books-store", "books", 9, "v1.0.0")
    record(tmp_path / "books-store", "books", 8, "v1.1.0", "rolled_back", units={})
    hosts = {
        name: {"store": (tmp_path / f"{name}-store").as_uri(), "store_is_shared": True, "surfaces": ["backend"]}
        for name in ("shop", "books")
    }
    (tmp_path / "inventory.yml").write_text(
        json.dumps({"storefronts": {"hosts": hosts, "vars": {"source_path": str(tmp_path / "repository")}}})
    )
    return tmp_path


def play(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    argv = [program, str(ROOT / "playbooks/figures.yml"), "-i", "inventory.yml", *arguments]
    where = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS)}
    return subprocess.run(
        argv,
        cwd=project,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **where},
        check=False,
    )


def words_of(played: subprocess.CompletedProcess[str]) -> str:
    """Return what was printed, without the names that stand before the lines of several storefronts."""
    return " ".join(re.sub(r"^\w+ +\| ", "", played.stdout, flags=re.MULTILINE).split())


def test_the_figures_of_two_storefronts_are_printed_and_written(project):
    played = play(project)
    assert played.returncode == 0, played.stdout + played.stderr
    printed = words_of(played)
    for words in ("lead time for changes 2 days", "change fail rate 50.0 %", "the fleet, 90 days:"):
        assert words in printed, played.stdout
    assert re.search(r"\|     lead time for changes +2 days$", played.stdout, re.MULTILINE), "a line for each figure"
    written = json.loads((project / "reports/figures.json").read_text())
    assert written["storefronts"]["shop"]["deployments"] == 2
    assert written["fleet"]["change_fail_rate"] == 0.25
    assert 'storefront_rework_ratio{storefront="books"} 0.0' in (project / "reports/figures.prom").read_text()
    assert "v1.1.0" in (project / "reports/books/index.html").read_text()


@pytest.mark.parametrize(
    ("days", "words"), [("soon", "figures_days must be a number"), ("0", "It must be from 1 to 3650")]
)
def test_a_wrong_number_of_days_is_refused(project, days, words):
    played = play(project, "-e", f"figures_days={days}")
    assert played.returncode != 0
    assert words in words_of(played), played.stdout
    assert not (project / "reports").exists()


@pytest.mark.parametrize("options", [{"days": 0}, {"days": 4000}, {"limit": -1}, {"limit": 501}])
def test_the_module_refuses_what_it_cannot_count(project, options):
    store = {"store": (project / "shop-store").as_uri(), "store_is_shared": True}
    refused = run_module(release_figures, {**store, **options})
    assert (refused["failed"], refused["error"]["kind"]) == (True, "config")
