# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules ask Vercel for, against Vercel's own description of its API."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.core.http import ApiClient
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import Waiter
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.vercel import client as vercel
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.vercel import git, rolling, upload, variables
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.vercel.states import JOBS, STATES
from ansible_collections.storefront.runbook.plugins.module_utils.source.files import list_files

from tests.contract.contracts import Contract
from tests.unit.plugins.fake_vercel import FakeVercel
from tests.unit.support import Clock, Request

LINKS: list[dict[str, Any]] = [
    {"type": "github", "repoId": 7, "productionBranch": "main"},
    {"type": "github-limited", "repoId": 7, "productionBranch": "main"},
    {"type": "gitlab", "projectId": "9", "productionBranch": "main"},
    {"type": "bitbucket", "uuid": "{1}", "workspaceUuid": "{2}", "productionBranch": "main"},
]


@pytest.fixture(scope="module")
def contract() -> Contract:
    return Contract("vercel.json")


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> list[Request]:
    """Every request that the client knows, sent at least once."""
    account, clock, folder = FakeVercel(), Clock(), tmp_path_factory.mktemp("source")
    (folder / "page.tsx").write_text("export {}")
    session = account.vendor.session()
    client = vercel.Vercel(
        ApiClient("Vercel", "https://api.test", headers={}, session=session),
        "team_1",
        Waiter(sleep=clock.sleep, clock=clock),
    )
    client.api._parse_error = vercel.parse_error
    project = client.project("shop")
    client.set_auto_assign(project, False)
    files = upload.layout(list_files(folder), project, "")
    meta = {"release": "v1.1.0", "commit": "c0ffee", "source_digest": upload.digest(files)}
    client.find(project, meta)
    made, _unused = upload.create(client, project, files, meta)
    client.wait_ready(project, made)
    for more in ({"environment": "preview"}, {"environment": "qa"}, {"run": "1"}):
        upload.create(client, project, files, {**meta, **more})
    upload.create(client, project, {}, meta, {"deploymentId": made["id"]})
    variables.last_change(client, project)
    for link in LINKS:
        upload.create(client, project, {}, meta, {"gitSource": git.git_source({**project, "link": link}, "0" * 40)})
    account.was_pushed("c0ffee")
    git.own_build(client, {**project, "link": LINKS[0]}, "c0ffee")
    client.build_log(made)
    client.runtime_log(project, made["id"], seconds=1)
    client.wait_served(project, made["id"], client.point(project, made["id"], "promote"))
    older = account.has("v1.0.0", served_once=True)
    client.refuse_unservable(project, older, "rollback")
    client.point(project, older["id"], "rollback")
    client.status({**project, "rollingRelease": {"target": "production"}}, older["id"])
    client.status({**project, "lastAliasRequest": {"toDeploymentId": "dpl_9", "jobStatus": "failed"}}, older["id"])
    _set_variables(account, client, project)
    _roll_out(account, client, project, older)
    client.cancel(account.has("v1.2.0", state="BUILDING")["id"])
    return account.vendor.requests


def _roll_out(account: FakeVercel, client: vercel.Vercel, project: Any, canary: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="Upgrade"):
        rolling.refuse_plan(client, project)
    stage = {"state": "ACTIVE", "canaryDeployment": {"id": canary["id"]}, "nextStage": {"index": 1}}
    account.rolling = [{**stage, "activeStage": {"index": share, "targetPercentage": share}} for share in (5, 50)]
    rolling.Roll(project, "v1.0.0", True, canary, 50, [5, 50]).do(client)
    rolling.complete(client, project, canary["id"])


def _set_variables(account: FakeVercel, client: vercel.Vercel, project: Any) -> None:
    account.decrypts = False
    for target in ("production", "preview"):
        shared = {
            "key": f"OF_{target}",
            "value": "1",
            "type": "encrypted",
            "target": [target],
            "customEnvironmentIds": ["env_qa"],
        }
        account.variables.create(account.site, shared, upsert=False)
    where = frozenset(["production", "env_qa"])
    there = variables.read(client, project)
    change = variables.compare(
        there, {"OF_production": "2", "NEW": "3"}, ["OF_preview"], where, sensitive=True, key="k"
    )
    variables.write(client, project, change, where, sensitive=True, key="k")
    there = variables.read(client, project)
    variables.write(
        client,
        project,
        variables.compare(there, {}, ["NEW"], where, sensitive=False, key="k"),
        where,
        sensitive=False,
        key="k",
    )


def test_every_request_is_one_that_vercel_describes(contract: Contract, asked: list[Request]):
    wrong = [
        contract.wrong_in_request(httpx.Request(sent.method, sent.url, headers=dict(sent.headers), content=sent.body))
        for sent in asked
    ]
    assert [problems for problems in wrong if problems] == []


def test_every_call_of_the_client_was_among_them(asked: list[Request]):
    calls = re.findall(
        r'call\(\s*"([A-Z]+)",\s*([^,)]+)',
        "".join(Path(module.__file__).read_text() for module in (vercel, upload, variables)),
    )
    operations = {FakeVercel.operation(request) for request in asked}
    rolling_release = {operation for operation in operations if "/rolling-release" in operation}
    # promote and rollback are one call; the runtime log is a stream
    assert len(operations - rolling_release) == len(set(calls)) + 2
    assert {operation.rpartition("/")[2] for operation in rolling_release} == {
        *("rolling-release", "billing", "config", "start", "approve-stage", "complete")
    }
    assert {request.query.get("teamId") for request in asked} == {"team_1"}


def test_every_word_that_vercel_describes_is_known(contract: Contract):
    words: dict[str, set[str]] = {"readyState": set(), "jobStatus": set()}
    _collect(contract.document["paths"], words)
    assert words["readyState"] <= set(STATES)
    assert words["jobStatus"] <= set(JOBS)
    assert {"READY", "BLOCKED"} <= words["readyState"]


def _collect(item: Any, words: dict[str, set[str]]) -> None:
    """Gather the enumerations of the properties named in ``words``."""
    for key, value in item.items() if isinstance(item, dict) else enumerate(item if isinstance(item, list) else []):
        if key in words and isinstance(value, dict):
            words[key].update(value.get("enum", ()))
        _collect(value, words)
