# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""deploy_lease on both kinds of store: check, take, again, refuse, take over."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release.lease_document import KEY
from ansible_collections.storefront.runbook.plugins.module_utils.store.base import unguarded
from ansible_collections.storefront.runbook.plugins.module_utils.store.open import open_store
from ansible_collections.storefront.runbook.plugins.modules import deploy_lease

from tests.integration.object_service import unconditional
from tests.unit.support import run_module


def run_out(options: dict[str, Any]) -> None:
    """Let the lease's time pass, as if its holder had stood still for that long."""
    store = open_store(options, unguarded)
    document, version = store.get(KEY)
    store.put_if_match(
        KEY, json.dumps({**json.loads(document), "deadline": "2020-01-01T00:00:00.000Z"}).encode(), version
    )
    store.close()


@pytest.fixture
def lease(store_options: dict[str, Any]):
    def call(state: str = "held", *, check: bool = False, **params: Any) -> dict[str, Any]:
        return run_module(deploy_lease, {**store_options, "state": state, **params}, check=check)

    return call


def kept(options: dict[str, Any]) -> dict[str, Any]:
    store = open_store(options, unguarded)
    found = store.get(KEY)
    store.close()
    return json.loads(found[0]) if found else {}


def test_check_mode_then_taken_then_renewed_then_given_back(lease, store_options):
    predicted = lease(holder="anna@host", release="v1.1.0", check=True)
    assert (predicted["changed"], predicted["token"], kept(store_options)) == (True, None, {})

    taken = lease(holder="anna@host", release="v1.1.0")
    assert taken["changed"]
    assert kept(store_options)["token"] == taken["token"]
    assert {**predicted["lease"], "acquired_at": 0, "deadline": 0} == {
        **taken["lease"],
        "acquired_at": 0,
        "deadline": 0,
    }

    assert lease(token=taken["token"])["changed"] is False
    assert lease(token=taken["token"], journal={"step": "one"})["changed"] is True
    assert lease(token=taken["token"], journal={"step": "one"})["changed"] is False

    assert lease("released", token=taken["token"])["changed"] is True
    assert lease("released", token=taken["token"])["changed"] is False
    assert (kept(store_options)["state"], kept(store_options)["journal"]) == ("released", {})


def test_a_second_deploy_is_refused_until_it_gives_a_reason(lease):
    first = lease(holder="anna@host", release="v1.1.0")
    refused = lease(release="v1.2.0")
    assert refused["error"]["kind"] == "lease_held"
    assert "anna@host for the release v1.1.0" in refused["msg"]
    assert lease(break_lease="the site is down")["taken_over"]["holder"] == "anna@host"
    assert lease(token=first["token"])["error"]["kind"] == "lease_lost"
    assert lease("released", token=first["token"])["changed"] is False


def test_a_lease_nobody_renews_runs_out_and_its_journal_goes_to_the_next(lease, store_options):
    token = lease(release="v1.1.0")["token"]
    lease(token=token, journal={"step": "frontend.promote"})
    assert lease()["error"]["kind"] == "lease_held"
    run_out(store_options)
    taken = lease()
    assert (taken["taken_over"]["release"], taken["journal"]) == ("v1.1.0", {"step": "frontend.promote"})
    assert lease(token=token)["error"]["kind"] == "lease_lost"


def test_a_service_without_conditional_writes_keeps_no_lease(s3_options):
    with unconditional(s3_options["store_endpoint_url"]) as url:
        refused = run_module(deploy_lease, {**s3_options, "store_endpoint_url": url, "state": "held"})
    assert "is a store without conditional writes" in refused["msg"]
    assert (refused["error"]["kind"], kept(s3_options)) == ("config", {})


def test_it_runs_under_ansible_and_shows_no_secret(store_options):
    arguments = json.dumps({**store_options, "state": "held", "release": "v1.1.0"})
    command = [
        str(Path(sys.executable).with_name("ansible")),
        "localhost",
        "-vvv",
        "-m",
        "storefront.runbook.deploy_lease",
        "-a",
        arguments,
    ]
    environment = {
        **os.environ,
        "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.minimal",
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
    }
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "secret-access-key" not in done.stdout + done.stderr
    assert kept(store_options)["release"] == "v1.1.0"
