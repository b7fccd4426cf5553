# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Vercel: uploads by digest, builds, staging, promotion, rollback, and who may ask."""

from __future__ import annotations

import base64
import time
from pathlib import Path

import httpx
import pytest

from tests.unit.sandbox.cloud.double import Shop, frontend, repository, sha1, until


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the releases v1.0.0 and v1.1.0."""
    return repository(tmp_path_factory.mktemp("repository"), "v1.0.0", "v1.1.0")


def test_an_upload_whose_digest_is_wrong_is_refused(shop: Shop) -> None:
    answer = shop.vercel("POST", "/v2/files", content=b"text", headers={"x-vercel-digest": sha1(b"other")})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "bad_request"


def test_a_creation_names_the_files_that_are_missing_and_goes_through_once_they_are_there(shop: Shop) -> None:
    files = frontend("v1.0.0", notes=f"only in this test {time.time()}")
    body = {
        "name": shop.name,
        "target": "production",
        "files": [{"file": name, "sha": sha1(text), "size": len(text)} for name, text in files.items()],
    }
    for name in ("package.json", "build.mjs"):
        shop.upload(files[name])
    refused = shop.vercel("POST", "/v13/deployments", json=body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "missing_files")
    assert refused.json()["error"]["missing"] == [sha1(files["notes"])]
    shop.upload(files["notes"])
    assert shop.vercel("POST", "/v13/deployments", json=body).json()["readyState"] == "QUEUED"


def test_files_may_be_given_inline(shop: Shop) -> None:
    listed = [
        {"file": name, "data": base64.b64encode(text).decode(), "encoding": "base64"}
        for name, text in frontend("v1.0.0").items()
    ]
    created = shop.vercel("POST", "/v13/deployments", json={"name": shop.name, "files": listed}).json()
    until(lambda: shop.site_deployment(created["id"])["readyState"] == "READY")
    assert created["target"] is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"files": [{"file": "a", "sha": "0" * 40, "mode": "755"}]},
        {"public": True},
        {"meta": {"n": 1}},
        {"files": [{"file": "../a", "data": ""}]},
    ],
)
def test_what_the_contract_does_not_allow_is_refused(shop: Shop, wrong: dict) -> None:
    body = {"name": shop.name, "files": [{"file": "a", "data": ""}], **wrong}
    assert shop.vercel("POST", "/v13/deployments", json=body).status_code == 400


def test_a_staged_deployment_answers_at_its_own_url_and_nowhere_else(shop: Shop) -> None:
    staged = shop.site_deployment(shop.stage("v1.0.0"))
    # Vercel's own client waits for the last
    assert (staged["readyState"], staged["readySubstate"], staged["aliasAssigned"]) == ("READY", "STAGED", True)
    own = shop.own_page(staged["id"])
    assert (own.json(), own.headers["content-type"]) == ({"release": "v1.0.0"}, "application/json")
    assert shop.page().status_code == 404
    assert "DEPLOYMENT_NOT_FOUND" in shop.page().text


def test_pages_are_found_with_and_without_html_and_a_missing_one_is_the_sites_own_404(shop: Shop) -> None:
    key = shop.stage("v1.0.0")
    assert shop.own_page(key, "/").headers["content-type"].startswith("text/html")
    assert shop.own_page(key, "/products").text == "products"
    missing = shop.own_page(key, "/%2e%2e/log.json")
    assert (missing.status_code, missing.text) == (404, "nothing here")


def test_the_build_sees_the_projects_variables(shop: Shop) -> None:
    assert "https://api.shop.example" in shop.own_page(shop.stage("v1.0.0"), "/").text


def test_a_promotion_is_live_only_after_it_has_been_carried_out(shop: Shop) -> None:
    shop.double.tell("POST", "/delays", {"promotion": 0.3})
    key = shop.stage("v1.0.0")
    assert shop.point("promote", key).status_code == 201
    assert (shop.job(), shop.page().status_code) == ("pending", 404)
    until(lambda: shop.job() == "succeeded")
    assert shop.page().json() == {"release": "v1.0.0"}
    assert shop.vercel_project()["targets"]["production"]["id"] == key
    promoted = shop.site_deployment(key)
    assert (promoted["aliasAssigned"], promoted["readySubstate"]) == (True, "PROMOTED")


def test_promoting_what_is_live_is_a_conflict(shop: Shop) -> None:
    key = shop.stage("v1.0.0")
    shop.promote(key)
    assert shop.point("promote", key).status_code == 409


def test_a_preview_cannot_be_promoted(shop: Shop) -> None:
    key = shop.create(frontend("v1.0.0"), target="preview").json()["id"]
    until(lambda: shop.site_deployment(key)["readyState"] == "READY")
    assert shop.point("promote", key).status_code == 400


def test_a_rollback_builds_nothing_and_turns_automatic_assignment_off_until_the_next_promotion(shop: Shop) -> None:
    first, second = shop.stage("v1.0.0"), shop.stage("v1.1.0")
    shop.promote(first)
    shop.promote(second)
    assert shop.vercel_project()["autoAssignCustomDomains"] is True
    assert shop.point("rollback", first).status_code == 201
    until(lambda: shop.job() == "succeeded")
    project = shop.vercel_project()
    assert project["lastAliasRequest"]["type"] == "rollback"
    assert project["autoAssignCustomDomains"] is False
    unserved = shop.create(frontend("v1.2.0")).json()["id"]
    until(lambda: shop.site_deployment(unserved)["readyState"] == "READY")
    assert shop.vercel_project()["targets"]["production"]["id"] == first
    shop.promote(second)
    assert shop.vercel_project()["autoAssignCustomDomains"] is True


def test_what_never_served_production_cannot_be_rolled_back_to(shop: Shop) -> None:
    assert shop.point("rollback", shop.stage("v1.0.0")).status_code == 422


def test_with_automatic_assignment_a_production_deployment_goes_live_automatically(shop: Shop) -> None:
    key = shop.create(frontend("v1.0.0")).json()["id"]
    until(lambda: shop.site_deployment(key)["aliasAssigned"])
    assert shop.page().json() == {"release": "v1.0.0"}


def test_rollback_candidates_are_the_earlier_production_deployments(shop: Shop) -> None:
    first, second, staged = (shop.stage(release) for release in ("v1.0.0", "v1.1.0", "v1.2.0"))
    shop.promote(first)
    shop.promote(second)
    found = shop.vercel(
        "GET", "/v7/deployments", params={"projectId": shop.project, "rollbackCandidate": "true"}
    ).json()["deployments"]
    assert [item["uid"] for item in found] == [first]
    everything = shop.vercel("GET", "/v6/deployments", params={"projectId": shop.project}).json()["deployments"]
    assert [item["uid"] for item in everything] == [staged, second, first]


def test_a_list_is_paged_by_time(shop: Shop) -> None:
    first, second = shop.stage("v1.0.0"), shop.stage("v1.1.0")
    page = shop.vercel("GET", "/v7/deployments", params={"projectId": shop.project, "limit": 1}).json()
    assert [item["uid"] for item in page["deployments"]] == [second]
    rest = shop.vercel(
        "GET", "/v7/deployments", params={"projectId": shop.project, "until": page["pagination"]["next"]}
    ).json()
    assert ([item["uid"] for item in rest["deployments"]], rest["pagination"]["next"]) == ([first], None)


def test_a_failing_build_ends_in_error_and_its_log_says_why(shop: Shop) -> None:
    key = shop.create({**frontend("v1.0.0"), "build.mjs": b'console.error("no such page"); process.exit(2)'}).json()[
        "id"
    ]
    failed = until(lambda: (found := shop.site_deployment(key))["readyState"] == "ERROR" and found)
    assert failed["errorMessage"] == 'Command "npm run build" exited with 2'
    log = [event["text"] for event in shop.vercel("GET", f"/v3/deployments/{key}/events").json()]
    assert "no such page" in log


def test_a_running_build_can_be_canceled_and_an_ended_one_cannot(shop: Shop) -> None:
    key = shop.create({**frontend("v1.0.0"), "build.mjs": b"setTimeout(() => {}, 60000)"}).json()["id"]
    until(lambda: shop.site_deployment(key)["readyState"] == "BUILDING")
    assert shop.vercel("PATCH", f"/v12/deployments/{key}/cancel").json()["readyState"] == "CANCELED"
    assert shop.vercel("PATCH", f"/v12/deployments/{key}/cancel").status_code == 400
    assert shop.site_deployment(shop.stage("v1.1.0"))["readyState"] == "READY"  # the canceled build is out of the way


def test_a_redeploy_takes_the_files_of_the_first(shop: Shop) -> None:
    key = shop.stage("v1.0.0")
    again = shop.vercel(
        "POST", "/v13/deployments", json={"name": shop.name, "deploymentId": key, "target": "production"}
    ).json()
    until(lambda: shop.site_deployment(again["id"])["readyState"] == "READY")
    assert again["id"] != key
    assert shop.own_page(again["id"]).json() == {"release": "v1.0.0"}


def test_variables_can_be_set_changed_and_deleted(shop: Shop) -> None:
    base = f"projects/{shop.project}/env"
    wanted = {"key": "NEXT_PUBLIC_COLOUR", "value": "blue", "type": "plain", "target": ["production"]}
    created = shop.vercel("POST", f"/v10/{base}", params={"upsert": "true"}, json=wanted).json()["created"]
    assert shop.vercel("POST", f"/v10/{base}", json=wanted).status_code == 400
    shop.vercel("PATCH", f"/v9/{base}/{created['id']}", json={"value": "red"})
    values = {item["key"]: item["value"] for item in shop.vercel("GET", f"/v10/{base}").json()["envs"]}
    assert values["NEXT_PUBLIC_COLOUR"] == "red"
    shop.vercel("DELETE", f"/v9/{base}/{created['id']}")
    assert "NEXT_PUBLIC_COLOUR" not in {item["key"] for item in shop.vercel("GET", f"/v10/{base}").json()["envs"]}


def test_without_a_known_token_nothing_is_reported(shop: Shop) -> None:
    wrong = shop.vercel("GET", f"/v9/projects/{shop.project}", headers={"authorization": "Bearer other"})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (403, "forbidden")
    missing = httpx.get(f"{shop.double.vercel.base_url}/v2/user", trust_env=False)
    assert missing.status_code == 401


def test_without_its_team_a_project_is_not_found(shop: Shop) -> None:
    assert shop.double.vercel.get(f"/v9/projects/{shop.project}").status_code == 404
    assert shop.vercel("GET", f"/v9/projects/{shop.project}", params={"teamId": "team_other"}).status_code == 403


def connect(shop: Shop, checkout: Path) -> None:
    shop.double.tell("POST", f"/storefronts/{shop.name}/git", {"repository": str(checkout)})


def push(shop: Shop, checkout: Path, ref: str) -> dict:
    return shop.double.tell("POST", f"/storefronts/{shop.name}/push", {"repository": str(checkout), "ref": ref})


def test_a_push_to_a_linked_project_is_built_and_with_automatic_assignment_served_without_any_check(
    shop: Shop, checkout: Path
) -> None:
    connect(shop, checkout)
    assert shop.vercel_project()["link"]["productionBranch"] == "main"
    pushed = push(shop, checkout, "v1.0.0")
    key = pushed["made"]["vercel"]
    until(lambda: shop.site_deployment(key)["aliasAssigned"])
    assert shop.page().json() == {"release": "v1.0.0"}
    made = shop.site_deployment(key)
    assert (made["source"], made["target"], made["meta"]["githubCommitSha"]) == ("git", "production", pushed["commit"])
    assert made["gitSource"] == {
        "type": "github",
        "repoId": 100_200_300,
        "ref": "main",
        "sha": pushed["commit"],
        "prId": None,
    }


def test_without_automatic_assignment_a_push_is_only_built_and_found_by_its_commit(shop: Shop, checkout: Path) -> None:
    connect(shop, checkout)
    shop.vercel("PATCH", f"/v9/projects/{shop.project}", json={"autoAssignCustomDomains": False})
    first, second = (push(shop, checkout, ref) for ref in ("v1.0.0", "v1.1.0"))
    for pushed in (first, second):
        until(lambda key=pushed["made"]["vercel"]: shop.site_deployment(key)["readyState"] == "READY")  # type: ignore[misc]
    assert shop.page().status_code == 404
    found = shop.vercel("GET", "/v7/deployments", params={"projectId": shop.project, "sha": first["commit"]}).json()[
        "deployments"
    ]
    assert [item["uid"] for item in found] == [first["made"]["vercel"]]


def test_a_push_means_nothing_to_a_project_without_a_link_or_with_another_repository(
    shop: Shop, checkout: Path
) -> None:
    assert push(shop, checkout, "v1.0.0")["made"]["vercel"] is None
    shop.double.tell("POST", f"/storefronts/{shop.name}/git", {"repository": "/another"})
    assert push(shop, checkout, "v1.0.0")["made"]["vercel"] is None
    connect(shop, checkout)
    shop.double.tell("DELETE", f"/storefronts/{shop.name}/git")
    assert "link" not in shop.vercel_project()
    assert push(shop, checkout, "v1.0.0")["made"]["vercel"] is None


def test_a_push_of_what_the_repository_does_not_have_is_refused(shop: Shop, checkout: Path) -> None:
    connect(shop, checkout)
    with pytest.raises(httpx.HTTPStatusError, match="404"):
        push(shop, checkout, "v7.7.7")


def build_commit(shop: Shop, **wanted: object) -> httpx.Response:
    source = {"type": "github", "repoId": 100_200_300, "ref": "main", **wanted}
    return shop.vercel(
        "POST",
        "/v13/deployments",
        json={"name": shop.name, "project": shop.project, "target": "production", "gitSource": source},
    )


def test_a_commit_of_the_linked_repository_can_be_asked_for(shop: Shop, checkout: Path) -> None:
    connect(shop, checkout)
    shop.vercel("PATCH", f"/v9/projects/{shop.project}", json={"autoAssignCustomDomains": False})
    commit = push(shop, checkout, "v1.0.0")["commit"]
    made = build_commit(shop, sha=commit).json()
    until(lambda: shop.site_deployment(made["id"])["readyState"] == "READY")
    assert shop.own_page(made["id"]).json() == {"release": "v1.0.0"}
    assert (made["source"], made["gitSource"]["sha"]) == ("api-trigger-git-deploy", commit)
    again = shop.vercel(
        "POST", "/v13/deployments", json={"name": shop.name, "deploymentId": made["id"], "target": "production"}
    ).json()
    assert (again["source"], again["meta"]["githubCommitSha"]) == ("redeploy", commit)


def test_a_commit_is_refused_without_a_link_and_where_the_repository_does_not_have_it(
    shop: Shop, checkout: Path
) -> None:
    assert build_commit(shop, sha="0" * 40).json()["error"]["code"] == "incorrect_git_source_info"
    connect(shop, checkout)
    for wrong in ({"sha": "0" * 40}, {"repoId": 1}, {"ref": "nowhere"}):
        refused = build_commit(shop, **wrong)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "incorrect_git_source_info")
