# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""health_check against a site of the sandbox, over real connections."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.storefront import Sandbox
from tests.integration.small_site import Site


@pytest.fixture(scope="module")
def site(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site that serves v1.1.0."""
    site = Site(sandbox, "test-health", tmp_path_factory.mktemp("site"))
    site.release("v1.1.0")
    assert not site.purge(everything=True)["failed"]
    yield site
    site.close()


@pytest.fixture
def checks(site: Site) -> list[dict[str, Any]]:
    return [
        {
            "name": "Home",
            "url": f"{site.url}/",
            "contains": "Welcome",
            "release": {"meta": "release"},
            "max_latency_ms": 5000,
        },
        {
            "name": "API",
            "url": f"{site.url}/release.json",
            "json": {"status": "healthy"},
            "release": {"json": "release"},
            "headers": {"content-type": "json"},
        },
        {"name": "Nothing", "url": f"{site.url}/no-such-page", "status": [404]},
    ]


def test_a_healthy_site_is_healthy_again_and_again(site: Site, checks: list[dict[str, Any]]) -> None:
    result = site.check(*checks, release="v1.1.0", passes=3)
    assert not result["failed"], result
    assert (result["changed"], result["healthy"]) == (False, True)
    assert [(found["outcome"], found["passes"], found["status"]) for found in result["checks"]] == [
        ("healthy", 3, 200),
        ("healthy", 3, 200),
        ("healthy", 3, 404),
    ]
    assert [found["release"] for found in result["checks"]] == ["v1.1.0", "v1.1.0", None]
    assert result["checks"][0]["cf_cache_status"] == "HIT"


def test_another_release_than_expected_fails_and_says_so(site: Site, checks: list[dict[str, Any]]) -> None:
    result = site.check(*checks, release="v1.2.0")
    assert result["error"]["kind"] == "unhealthy"
    assert result["msg"].splitlines() == [
        "2 of 3 checks failed. Check the logs of the failed sites.",
        f"Home ({site.url}/) is unhealthy at try 1: release v1.1.0 instead of v1.2.0",
        f"API ({site.url}/release.json) is unhealthy at try 1: release v1.1.0 instead of v1.2.0",
    ]


def test_a_site_that_recovers_in_time_is_healthy(site: Site) -> None:
    site.fault("edge", "request", "status", status=502, times=2, storefront=site.name)
    result = site.check({"name": "Home", "url": site.url}, wait_timeout=20)
    assert (result["failed"], result["checks"][0]["tries"]) == (False, 3)


def test_a_site_that_does_not_recover_fails_with_its_last_answer(site: Site) -> None:
    site.fault("edge", "request", "status", status=502, times=-1, storefront=site.name)
    result = site.check({"name": "Home", "url": site.url}, wait_timeout=0.3)
    site.sandbox.cloud("DELETE", "/faults")
    assert (result["failed"], result["checks"][0]["status"]) == (True, 502)
    assert result["checks"][0]["tries"] > 1


def test_through_ansible_it_runs_for_real_in_check_mode(
    site: Site, checks: list[dict[str, Any]], tmp_path: Path
) -> None:
    task = {
        "name": "Site",
        "storefront.runbook.health_check": {"checks": checks, "release": "v1.1.0", "wait_timeout": 0},
        "register": "site",
    }
    show = {
        "name": "Show",
        "ansible.builtin.debug": {"msg": "{{ site.checks | map(attribute='outcome') | join(' ') }}"},
    }
    variables = {"ansible_python_interpreter": sys.executable}
    play = [
        {
            "name": "Check",
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": variables,
            "tasks": [task, show],
        }
    ]
    (tmp_path / "play.yml").write_text(json.dumps(play))
    command = [
        str(Path(sys.executable).with_name("ansible-playbook")),
        "-i",
        "localhost,",
        "--check",
        "--diff",
        "play.yml",
    ]
    environment = {**os.environ, "ANSIBLE_STDOUT_CALLBACK": "default"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "healthy healthy healthy" in done.stdout
    assert "changed=0" in done.stdout
