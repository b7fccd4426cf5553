# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each write of each module, and what befalls it: the goal or a clear error, never a second deployment, a
lost variable, a false ``changed: false``.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import ROOT
from sandbox.storefront import Sandbox
from tests.integration.faults import backups, desks, railway, render, vercel
from tests.integration.faults.bench import RELEASES, Bench
from tests.integration.faults.docs import elsewhere, rows, seen
from tests.integration.faults.hurry import hurry
from tests.integration.faults.table import COLUMNS, Case, Table

CASES = [*vercel.CASES, *railway.CASES, *render.CASES, *desks.CASES, *backups.CASES]
ROWS = [(case, write) for case in CASES for write in case.judged]
DELAYS = {"vercel": 0.0, "railway": 0.0, "render": 0.0, "promotion": 0.0, "settle": 0.0}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop's repository with a backend that does nothing, a frontend that is built already, and the
    releases; the backend of each in a folder too.
    """
    root = tmp_path_factory.mktemp("shop") / "shop"
    backend, page = root / "apps" / "backend" / "package.json", root / "apps" / "frontend" / "out" / "index.html"
    for file, text in ((page, "<p>Welcome</p>"), (page.parents[1] / "package.json", "{}")):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    _git(root, "init", "--quiet", "--initial-branch", "main")
    for release in RELEASES:
        text = f'{{"version": "{release[1:]}", "scripts": {{"start": "exec sleep 1000", "worker": "exec sleep 1000"}}}}'
        for file in (backend, root.with_name(f"shop-{release}") / "package.json"):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        _git(root, "add", ".")
        _git(root, "commit", "--quiet", "--message", release)
        _git(root, "tag", release)
    return root


def _git(root: Path, *words: str) -> None:
    subprocess.run(
        ["git", "-C", str(root), "-c", "user.name=test", "-c", "user.email=test@shop.example", *words], check=True
    )


@pytest.fixture(scope="module", autouse=True)
def _hurried(sandbox: Sandbox) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        hurry(patch)
        sandbox.cloud("POST", "/delays", DELAYS)
        yield
        sandbox.cloud("DELETE", "/delays")


@pytest.fixture(scope="module")
def tables(sandbox: Sandbox, repository: Path) -> Iterator[dict[str, Table]]:
    """A table for each of the two platforms that a backend may be at; the other vendors are at the first."""
    benches = {
        backend: Bench(sandbox, f"test-faults-{backend}", backend, str(repository)) for backend in ("railway", "render")
    }
    yield {backend: Table(bench) for backend, bench in benches.items()}
    for bench in benches.values():
        bench.close()


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize(
    ("case", "write"), [pytest.param(case, write, id=f"{case.label}-{write}") for case, write in ROWS]
)
def test_a_fault_ends_in_the_goal_or_in_a_clear_error(
    tables: dict[str, Table], case: Case, write: str, column: str
) -> None:
    outcome = tables["render" if case.vendor == "render" else "railway"].cell(case, write, column)
    seen(case.name, write, column, outcome)


def test_the_table_has_a_row_for_each_write_and_no_other() -> None:
    assert rows() == [(case.name, write) for case, write in ROWS]


def test_each_module_that_writes_has_rows_or_is_said_to_be_tested_elsewhere() -> None:
    modules = {path.stem for path in (ROOT / "plugins" / "modules").glob("*.py") if "def main" in path.read_text()}
    asking = {"health_check", "deploy_window", "migration_staging"}  # like the other checks, they only ask
    asking |= {"dependency_audit", "lighthouse_audit", "secret_scan", "release_figures"}
    asking |= {module for module in modules if module.startswith("storefront_")}
    asking |= {module for module in modules if module.endswith(("_info", "_check", "_checks"))}
    folder = ROOT / "plugins" / "modules"
    leased = {module for module in asking if "lease_options" in (folder / f"{module}.py").read_text()}
    assert leased == {"health_check"}, "a module that takes a lease writes; health_check renews it while it waits"
    writing = modules - asking
    outcome = elsewhere()
    assert {case.module for case in CASES} | outcome.keys() == writing
    assert not {case.module for case in CASES} & outcome.keys()
    for module, files in outcome.items():
        assert files, module
        assert all(module in (ROOT / file).read_text() for file in files)
