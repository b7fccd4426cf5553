# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real npm, with an audit service on this machine: what it knows, what it does not say, and what is accepted."""

from __future__ import annotations

import gzip
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.checks import npm_audit
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import RunbookError
from ansible_collections.storefront.runbook.plugins.modules import dependency_audit

from tests.unit.plugins.module_utils.checks.conftest import Repository
from tests.unit.support import run_module

pytestmark = pytest.mark.own_process

LOCK = {
    "name": "shop",
    "version": "1.0.0",
    "lockfileVersion": 3,
    "packages": {
        "": {"dependencies": {"minimist": "1.2.0"}, "devDependencies": {"lodash": "4.17.0"}},
        "node_modules/minimist": {"version": "1.2.0"},
        "node_modules/lodash": {"version": "4.17.0", "dev": True},
    },
}
PACKAGE = {"name": "shop", "version": "1.0.0", "dependencies": {"minimist": "1.2.0"}}
GHSA = "GHSA-xvch-5gv4-984h"
ADVISORY = {
    "id": 1097678,
    "url": f"https://github.com/advisories/{GHSA}",
    "title": "Prototype Pollution in minimist",
    "severity": "critical",
    "vulnerable_versions": "<1.2.6",
    "cwe": ["CWE-1321"],
    "cvss": {"score": 9.8, "vectorString": None},
}
AT = "2026-03-03T12:00:00Z"


@pytest.fixture(scope="session", autouse=True)
def _npm() -> None:
    try:
        npm_audit.version("npm")
    except RunbookError as error:
        pytest.skip(str(error))


class Service:
    """npm's registry as far as an audit asks it; it remembers what it was asked about."""

    def __init__(self) -> None:
        self.answer: Callable[[], tuple[int, bytes]] = lambda: (200, b"{}")
        self.asked: list[Any] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
                outer.asked.append((self.path, json.loads(body)))
                self.reply(*outer.answer())

            def do_GET(self) -> None:
                self.reply(404, b"{}")

            def reply(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *words: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    running = Service()
    monkeypatch.setenv("npm_config_registry", running.url)
    yield running
    running.close()


@pytest.fixture
def shop(tmp_path: Path) -> Repository:
    repository = Repository(tmp_path / "shop")
    repository.commit({"package.json": json.dumps(PACKAGE), "package-lock.json": json.dumps(LOCK)})
    return repository


def audit(shop: Repository, **params: Any) -> dict[str, Any]:
    release = {"path": str(shop.folder), "commit": shop.git("rev-parse", "HEAD"), "release": "v1.1.0", "at": AT}
    result = run_module(dependency_audit, {**release, **params})
    return {**result["answers"][0], "failed": result.get("failed", False)} if "answers" in result else result


def knows(*advisories: Any, package: str = "minimist") -> Callable[[], tuple[int, bytes]]:
    return lambda: (200, json.dumps({package: list(advisories)}).encode())


def test_a_release_without_known_vulnerabilities_passes(shop: Repository, service: Service) -> None:
    answer = audit(shop)
    assert (answer["outcome"], answer["failed"]) == ("passed", False)
    assert service.asked == [("/-/npm/v1/security/advisories/bulk", {"minimist": ["1.2.0"]})]


def test_a_vulnerability_fails_with_its_id_and_where_to_read_about_it(shop: Repository, service: Service) -> None:
    service.answer = knows(ADVISORY)
    answer = audit(shop)
    assert answer["outcome"] == "failed"
    assert answer["answered"] == f"minimist: Prototype Pollution in minimist (critical, {GHSA})"
    assert answer["url"] == ADVISORY["url"]


def test_packages_of_the_build_count_where_they_are_not_omitted(shop: Repository, service: Service) -> None:
    service.answer = knows({**ADVISORY, "vulnerable_versions": "*"}, package="lodash")
    assert audit(shop)["outcome"] == "passed"
    assert audit(shop, omit=[])["outcome"] == "failed"


@pytest.mark.parametrize(("severity", "outcome"), [("moderate", "passed"), ("high", "failed"), ("dire", "failed")])
def test_the_severity_decides(shop: Repository, service: Service, severity: str, outcome: str) -> None:
    service.answer = knows({**ADVISORY, "severity": severity})
    assert audit(shop)["outcome"] == outcome


@pytest.mark.parametrize(
    ("entry", "outcome", "said"),
    [
        ({"id": GHSA, "reason": "not reached", "until": "2026-03-03"}, "passed", ""),
        ({"id": "1097678", "reason": "not reached", "until": "2026-03-04"}, "passed", ""),
        ({"id": GHSA, "reason": "not reached", "until": "2026-03-02"}, "failed", "accepted until 2026-03-02"),
        ({"id": "GHSA-other", "reason": "not reached", "until": "2026-04-01"}, "failed", ""),
    ],
)
def test_an_accepted_one_counts_until_its_day(
    shop: Repository, service: Service, entry: dict[str, str], outcome: str, said: str
) -> None:
    service.answer = knows(ADVISORY)
    answer = audit(shop, ignore=[entry])
    assert answer["outcome"] == outcome
    assert said in answer["answered"]


@pytest.mark.parametrize(
    "reply",
    [
        (500, b"{}"),
        (503, b""),
        (401, b"{}"),
        (404, b"{}"),
        (200, b"<html>maintenance</html>"),
        (200, b""),
        (200, b"[]"),
        (200, b"null"),
        (200, b'"fine"'),
        (200, b"true"),
        (200, b'{"error": "down"}'),
        (200, b'{"minimist": 3}'),
    ],
)
def test_a_service_that_fails_or_answers_garbage_could_not_be_asked(
    shop: Repository, service: Service, reply: tuple[int, bytes]
) -> None:
    service.answer = lambda: reply
    answer = audit(shop)
    assert (answer["outcome"], answer["failed"]) == ("could_not_be_asked", True)
    assert "The audit service gave no answer that npm can use" in answer["answered"]


def test_a_service_that_is_down_or_slow_could_not_be_asked(shop: Repository, service: Service) -> None:
    end = threading.Event()

    def late() -> tuple[int, bytes]:
        end.wait(60)
        return 200, b"{}"

    service.answer = late
    assert audit(shop, timeout=0.5)["outcome"] == "could_not_be_asked"
    end.set()
    service.close()
    assert audit(shop)["outcome"] == "could_not_be_asked"


def test_what_is_committed_counts_and_not_the_work_tree(shop: Repository, service: Service) -> None:
    (shop.folder / "package-lock.json").write_text("{}")
    service.answer = knows(ADVISORY)
    assert audit(shop)["outcome"] == "failed"


def test_every_folder_is_asked_about(shop: Repository, service: Service) -> None:
    shop.commit({"apps/web/package.json": json.dumps(PACKAGE), "apps/web/package-lock.json": json.dumps(LOCK)})
    audit(shop, folders=[".", "apps/web"])
    assert len(service.asked) == 2


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("pnpm-lock.yaml", "pnpm-lock.yaml is not a lockfile that can be read here"),
        ("yarn.lock", "yarn.lock is not a lockfile that can be read here"),
        ("bun.lock", "no package-lock.json, no pnpm-lock.yaml and no yarn.lock"),
        (None, "no package-lock.json, no pnpm-lock.yaml and no yarn.lock"),
    ],
)
def test_without_a_lockfile_that_can_be_read_nothing_passes(
    shop: Repository, service: Service, file: str | None, said: str
) -> None:
    shop.commit({"package-lock.json": None, **({file: "x"} if file else {})})
    answer = audit(shop)
    assert (answer["outcome"], answer["failed"]) == ("could_not_be_asked", True)
    assert said in answer["answered"]


LOCKS = {
    "pnpm-lock.yaml": (
        "{lockfileVersion: '9.0', packages: {}, importers: {.: {dependencies: {minimist: {version: 1.2.0}},"
        " devDependencies: {lodash: {version: 4.17.0}}}}, snapshots: {minimist@1.2.0: {}, lodash@4.17.0: {}}}"
    ),
    "yarn.lock": '# yarn lockfile v1\nminimist@1.2.0:\n  version "1.2.0"\nlodash@4.17.0:\n  version "4.17.0"\n',
}


@pytest.mark.parametrize("file", list(LOCKS))
def test_a_lockfile_of_another_program_is_asked_about_by_npm(shop: Repository, service: Service, file: str) -> None:
    package = {**PACKAGE, "devDependencies": {"lodash": "4.17.0"}}
    shop.commit({"package-lock.json": None, file: LOCKS[file], "package.json": json.dumps(package)})
    answer = audit(shop)
    assert (answer["outcome"], answer["facts"]["packages"]) == ("passed", 2)
    assert service.asked[0][1] == {"minimist": ["1.2.0"]}, "lodash is for the build alone"
    service.answer = knows(ADVISORY)
    assert audit(shop)["answered"] == f"minimist: Prototype Pollution in minimist (critical, {GHSA})"


def test_a_folder_of_a_workspace_has_the_lockfile_above_it(shop: Repository, service: Service) -> None:
    shop.commit({"apps/web/package.json": "{}", "apps/api/package.json": "{}"})
    assert audit(shop, folders=["apps/web", "apps/api"])["outcome"] == "passed"
    assert len(service.asked) == 1, "both have the same"


def test_an_npm_that_is_too_old_or_missing_is_named(shop: Repository, service: Service, tmp_path: Path) -> None:
    old = tmp_path / "npm"
    old.write_text("#!/bin/sh\necho 10.9.2\n")
    old.chmod(0o755)
    assert "npm install --global npm@11" in audit(shop, npm=str(old))["answered"]
    assert audit(shop, npm="/nowhere/npm")["outcome"] == "could_not_be_asked"


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"ignore": [{"id": GHSA, "reason": " ", "until": "2026-04-01"}]}, "has no reason"),
        ({"ignore": [{"id": GHSA, "reason": "x", "until": "soon"}]}, "is not a date"),
        ({"ignore": [{"id": GHSA, "reason": "x", "until": "2026-04-01"}] * 2}, "listed twice"),
        ({"folders": ["../other"]}, "is not one of the repository"),
        ({"folders": ["/etc"]}, "is not one of the repository"),
        ({"timeout": 0}, "give seconds above 0"),
        ({"sarif": ["/nowhere.sarif"]}, "there is no such file"),
        ({"commit": "main"}, "Give the full SHA"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_is_asked(
    shop: Repository, service: Service, params: dict[str, Any], said: str
) -> None:
    result = audit(shop, **params)
    assert said in result["msg"]
    assert result["error"]["kind"] == "config"
    assert service.asked == []


def test_a_folder_that_the_release_lacks_could_not_be_asked(shop: Repository, service: Service) -> None:
    answer = audit(shop, folders=["apps/none"])
    assert answer["outcome"] == "could_not_be_asked"
    assert "no folder 'apps/none'" in answer["answered"]


def test_nothing_of_the_release_is_installed_or_run(shop: Repository, service: Service, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    shop.commit(
        {"package.json": json.dumps({**PACKAGE, "scripts": {"preinstall": f"touch {mark}", "audit": f"touch {mark}"}})}
    )
    assert audit(shop)["outcome"] == "passed"
    assert not mark.exists()
