# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vercel_deploy builds and adopts commits."""

from __future__ import annotations

import pytest

from tests.unit.plugins.vercel_deploys import (
    COMMIT,
    OTHER,
    build_commit,
    deploy,
    head,
    stage,
    written,
)


def test_a_commit_is_built_by_vercel_from_the_projects_git_link_and_only_once(account):
    account.is_linked()
    foretold = build_commit(check=True)
    assert (foretold["changed"], foretold["deployment"]["id"], foretold["deployment"]["commit"]) == (True, None, COMMIT)
    assert COMMIT in foretold["diff"]["after"]["build"]
    assert written(account) == []
    result = build_commit()
    assert not result["failed"], result
    body = account.asked("POST /v13/deployments")[0].json()
    assert body["gitSource"] == {"type": "github", "repoId": 7, "ref": "main", "sha": COMMIT}
    assert (body["target"], body["meta"], "files" in body) == (
        "production",
        {"release": "v1.1.0", "commit": COMMIT},
        False,
    )
    assert (result["changed"], result["deployment"]["status"], result["deployment"]["commit"], "upload" in result) == (
        True,
        "ready",
        COMMIT,
        False,
    )
    account.vendor.requests.clear()
    again = build_commit()
    assert (again["changed"], again["deployment"]["id"]) == (False, "dpl_1")
    assert written(account) == []


def test_an_uploaded_build_of_the_same_commit_is_not_adopted(account, shop):
    account.is_linked()
    commit = head(shop)
    stage(shop, auto_assign_domains=False)
    assert build_commit(commit=commit)["deployment"]["id"] == "dpl_2"


def test_vercels_own_build_of_exactly_this_commit_is_adopted_and_waited_for(account):
    account.is_linked()
    account.was_pushed(COMMIT, state="BUILDING")
    account.was_pushed(OTHER)
    foretold = build_commit("adopt", check=True)
    assert (foretold["deployment"]["id"], foretold["deployment"]["release"]) == ("dpl_1", "v1.1.0")
    assert written(account) == []
    result = build_commit("adopt")
    assert (result["deployment"]["id"], result["deployment"]["status"], result["deployment"]["commit"]) == (
        "dpl_1",
        "ready",
        COMMIT,
    )
    assert (result["deployment"]["release"], result["changed"]) == ("v1.1.0", True)  # it turned auto-assignment off
    account.vendor.requests.clear()
    assert not build_commit("adopt")["changed"]
    assert written(account) == []


def test_a_build_that_a_push_starts_a_moment_later_is_adopted(account, clock):
    account.is_linked()
    waiting = account.faults["GET /v7/deployments"] = [
        lambda answer: answer(),
        lambda answer: (account.was_pushed(COMMIT), answer())[1],
    ]
    assert build_commit("adopt")["deployment"]["id"] == "dpl_1"
    assert (waiting, clock.sleeps[:1]) == ([], [0.1])


@pytest.mark.parametrize("source", ["cli", "redeploy", "api-trigger-git-deploy", None])
def test_a_build_that_a_user_requested_is_not_adopted(account, source):
    account.is_linked()
    account.was_pushed(COMMIT, source=source)
    result = build_commit("adopt")
    assert result["error"]["code"] == "no_own_build"
    assert written(account) == []


def test_a_missing_build_is_reported_with_the_newest_build_of_another_commit(account):
    account.is_linked()
    account.was_pushed(OTHER)
    result = build_commit("adopt")
    assert (
        f"no production build of {COMMIT} after a push; the newest one is dpl_1 of {OTHER}. Push that commit to main"
        in result["msg"]
    )
    assert written(account) == []


def test_a_failed_automatic_build_is_reported_with_its_log(account):
    account.is_linked()
    account.was_pushed(COMMIT, state="ERROR")
    result = build_commit("adopt")
    assert result["error"]["kind"] == "deployment_failed"
    assert "set source to commit" in result["msg"]
    assert "Module not found: cart" in result["msg"]


def test_an_adopted_build_that_is_live_already_is_warned_of(account):
    account.is_linked()
    account.serves(account.was_pushed(COMMIT))
    result = build_commit("adopt")
    assert [warning for warning in result["warnings"] if "went live without any check" in warning]
    assert result["previous"]["id"] == result["deployment"]["id"] == "dpl_1"


def test_an_adopted_build_is_promoted_with_its_release_name(account):
    account.was_pushed(COMMIT)
    result = deploy("promoted", deployment="dpl_1", release="v1.1.0")
    assert (result["deployment"]["release"], result["deployment"]["commit"]) == ("v1.1.0", COMMIT)


@pytest.mark.parametrize(
    ("link", "source"),
    [
        ({"type": "github-limited", "repoId": 7}, {"type": "github-limited", "repoId": 7}),
        ({"type": "gitlab", "projectId": "9"}, {"type": "gitlab", "projectId": "9"}),
        (
            {"type": "bitbucket", "uuid": "{1}", "workspaceUuid": "{2}"},
            {"type": "bitbucket", "repoUuid": "{1}", "workspaceUuid": "{2}"},
        ),
    ],
)
def test_each_git_host_gets_its_own_request_format(account, link, source):
    account.is_linked(**link)
    build_commit()
    assert account.asked("POST /v13/deployments")[0].json()["gitSource"] == {**source, "ref": "main", "sha": COMMIT}


@pytest.mark.parametrize("source", ["commit", "adopt"])
def test_a_commit_needs_a_git_link_a_full_sha_and_a_release(account, source):
    assert "is not linked to a Git repository" in build_commit(source)["msg"]
    account.is_linked()
    assert "is not a full SHA. Set it to what `git rev-parse" in build_commit(source, commit="v1.1.0")["msg"]
    assert "Set release" in build_commit(source, release=None)["msg"]
    assert "is not a full SHA" in build_commit(source, commit=None)["msg"]
    assert "missing: commit" in deploy("staged", source=source, release="v1.1.0")["msg"]
    assert written(account) == []


def test_a_host_whose_commits_the_api_cannot_name_is_refused(account):
    account.is_linked(type="github-custom-host")
    assert "Set source to adopt or to upload" in build_commit()["msg"]


def test_an_upload_needs_something_to_upload(account):
    assert "Set path" in deploy("staged", release="v1.1.0")["msg"]


def test_a_tag_of_another_commit_is_refused(account, shop):
    result = stage(shop, commit=COMMIT)
    assert f"'v1.1.0' is the commit {head(shop)}, but commit is {COMMIT}" in result["msg"]
    assert not stage(shop, commit=head(shop))["failed"]
