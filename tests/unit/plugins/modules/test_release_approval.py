# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""release_approval and release_approvals in process: a folder as the store, keys of ssh, and a repository."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.checks import (
    approval,
    approval_github,
    approval_store,
    approval_wait,
    envelope,
)
from ansible_collections.storefront.runbook.plugins.module_utils.checks.approvers import NAMESPACE, Approvers
from ansible_collections.storefront.runbook.plugins.module_utils.core.options import validated
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import Waiter
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.github import GitHub
from ansible_collections.storefront.runbook.plugins.module_utils.store.open import open_store
from ansible_collections.storefront.runbook.plugins.modules import release_approval, release_approvals

from tests.unit.support import FakeVendor, reply, run_module

PEOPLE = ("bob", "carol", "mallory", "awx")
NOW = datetime.now(UTC)  # when the tests were collected, which may be an hour before one of them runs


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("keys")
    for name in PEOPLE:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", folder / name], check=True)
    return {name: folder / name for name in PEOPLE}


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=shop", "-c", "user.email=shop@shop.example", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", folder, *who, *words], check=True, capture_output=True)


def commit(folder: Path, sql: str) -> None:
    file = folder / "prisma/migrations/20260101_add/migration.sql"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(sql)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "a release")


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkout that each test copies: one commit, with its tag."""
    folder = tmp_path_factory.mktemp("shop")
    git(folder, "init", "-q", "--template=")
    commit(folder, "CREATE TABLE a ();")
    git(folder, "tag", "v1.1.0")
    return folder


def public(keys: dict[str, Path], name: str) -> str:
    return Path(f"{keys[name]}.pub").read_text().strip()


class Desk:
    """A store, a shop's checkout with one release, and what people do with them."""

    def __init__(self, folder: Path, keys: dict[str, Path], shop: Path) -> None:
        self.folder, self.keys, self.shop = folder, keys, folder / "shop"
        self.store = {"store": f"file://{folder}/store", "store_is_shared": True}
        shutil.copytree(shop, self.shop)
        self.first = (self.shop / ".git/refs/tags/v1.1.0").read_text().strip()
        people = [{"name": name, "keys": [public(keys, name)]} for name in ("bob", "carol")]
        self.what: dict[str, Any] = {"storefront": "shop", "release": "v1.1.0", "path": str(self.shop)}
        self.who: dict[str, Any] = {"approvers": [*people, {"name": "alice", "github": "alice-codes", "awx": "al"}]}

    def release_again(self, sql: str) -> None:
        """Move the tag of the release to another commit."""
        commit(self.shop, sql)
        git(self.shop, "tag", "-f", "v1.1.0")

    def approve(self, name: str = "bob", *, check: bool = False, **more: Any) -> dict[str, Any]:
        params = {**self.store, **self.what, **self.who, "signing_key": str(self.keys[name]), **more}
        return run_module(release_approval, params, check=check)

    def ask(self, *, check: bool = False, **more: Any) -> dict[str, Any]:
        params = {**self.store, **self.what, **self.who, "awx_keys": [public(self.keys, "awx")], "started_by": "dora"}
        return run_module(release_approvals, {**params, **more}, check=check)

    def subject(self) -> approval.Subject:
        return approval.subject_of(
            {**self.what, "commit": None, "root_directory": "", "migrations": "prisma/migrations"}
        )

    def forge(self, change: Callable[[approval.Approval], approval.Approval], key: str = "bob") -> None:
        """Store an approval that approve.yml would not give."""
        one = approval.Approval(self.subject(), "bob", "ssh", NOW, NOW + timedelta(hours=20))
        made = change(one)
        data = envelope.wrap(approval.write(made), str(self.keys[key]), NAMESPACE)
        self.put(made.subject, data)

    def put(self, subject: approval.Subject, data: bytes) -> None:
        digest = hashlib.sha256(data).hexdigest()
        file = self.folder / "store" / f"{approval_store.folder_of(subject)}20260101T000000Z-bob-{digest}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)

    def files(self) -> list[Path]:
        return [file for file in (self.folder / "store" / "approvals").rglob("*.json") if file.name != "request.json"]


@pytest.fixture
def desk(tmp_path: Path, keys: dict[str, Path], shop: Path) -> Desk:
    return Desk(tmp_path, keys, shop)


def refused(desk: Desk, **more: Any) -> str:
    """Return why nothing counts."""
    result = desk.ask(**more)
    assert (result["failed"], result["error"]["code"], result["missing"]) == (True, "not_approved", 1), result
    return result["msg"]


def test_an_approval_counts_for_its_commit_and_migrations(desk: Desk) -> None:
    predicted = desk.approve(check=True)
    assert (predicted["changed"], predicted["key"], desk.files()) == (True, None, [])
    given = desk.approve()
    assert given["by"] == "bob"
    assert given["key"].startswith("approvals/v1.1.0/")
    asked = desk.ask()
    assert (asked["changed"], asked["approved_by"], asked["missing"]) == (False, ["bob"], 0)
    assert asked["evidence"][0]["answered"].startswith("bob, by ssh, until ")
    assert desk.subject().migrations == {"20260101_add": hashlib.sha256(b"CREATE TABLE a ();").hexdigest()}


def test_it_is_an_in_toto_statement_about_the_commit(desk: Desk) -> None:
    desk.approve(comment="go")
    (file,) = desk.files()
    body = json.loads(envelope.unwrap(file.read_bytes())[0])
    assert body["subject"] == [{"name": "shop@v1.1.0", "digest": {"gitCommit": desk.first}}]
    assert body["predicate"]["comment"] == "go"


def test_two_of_three_have_to_approve_and_one_counts_once(desk: Desk) -> None:
    desk.approve()
    again = desk.approve()
    assert (again["changed"], "counts once" in again["message"]) == (False, True)
    desk.forge(lambda one: replace(one, expires=NOW + timedelta(hours=21)))
    assert "1 of 2 approvals" in desk.ask(needed=2)["msg"]
    assert "bob has approved already, and counts once" in desk.ask(needed=2)["msg"]
    desk.approve("carol")
    assert desk.ask(needed=2)["approved_by"] == ["bob", "carol"]


def test_an_approval_of_another_commit_is_refused(desk: Desk) -> None:
    desk.approve()
    desk.release_again("CREATE TABLE a ();\n-- more")
    assert f"bob approved another commit of v1.1.0: {desk.first[:7]}, not" in refused(desk)


def test_an_approval_for_other_migrations_is_refused(desk: Desk) -> None:
    desk.forge(lambda one: replace(one, subject=replace(one.subject, migrations={"20260101_add": "0" * 64})))
    assert "bob approved other migrations of v1.1.0: 20260101_add differ" in refused(desk)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda one: replace(one, expires=NOW - timedelta(seconds=1)), "the approval by bob ended at"),
        (lambda one: replace(one, at=NOW + timedelta(hours=12)), "which is in the future"),
        (lambda one: replace(one, by="carol"), "the approval by carol was signed by bob"),
        (lambda one: replace(one, system="github"), "the approval by bob was signed by bob"),
        (lambda one: replace(one, system="awx"), "the approval by bob was signed by bob"),
        (lambda one: replace(one, subject=replace(one.subject, storefront="other")), "not for shop"),
    ],
)
def test_what_is_signed_and_does_not_fit_is_refused(
    desk: Desk, change: Callable[[approval.Approval], approval.Approval], said: str
) -> None:
    desk.forge(change)
    assert said in refused(desk)


def test_an_approval_by_the_starter_is_refused_under_each_of_his_names(desk: Desk) -> None:
    desk.approve()
    for name in ("bob", "BOB", " bob "):
        assert "bob started this deploy, and somebody else has to approve it" in refused(desk, started_by=name)
    people = [{**one, "github": "bob-codes"} if one["name"] == "bob" else one for one in desk.who["approvers"]]
    assert "bob started this deploy" in refused(desk, started_by="bob-codes", approvers=people)
    assert desk.ask(started_by="bob", by_others=False)["approved_by"] == ["bob"]


def test_the_starter_of_the_deploy_that_waits_cannot_give_one(desk: Desk) -> None:
    desk.ask(started_by="bob")
    result = desk.approve()
    assert (result["failed"], result["error"]["code"]) == (True, "own_approval")
    assert "bob started the deploy of v1.1.0" in result["msg"]
    assert desk.files() == []
    assert not desk.approve("carol")["failed"]


def test_a_key_that_is_not_listed_approves_nothing(desk: Desk) -> None:
    result = desk.approve("mallory")
    assert (result["failed"], result["error"]["code"]) == (True, "not_listed")
    desk.forge(lambda one: one, key="mallory")
    assert "was signed by a key that the inventory does not list" in refused(desk)


def test_a_changed_approval_counts_for_nothing_wherever_it_was_changed(desk: Desk) -> None:
    desk.approve()
    (file,) = desk.files()
    whole = file.read_bytes()
    for place in range(0, len(whole), len(whole) // 11):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert "changed after it was written" in refused(desk), place
    file.unlink()
    body = json.loads(whole)
    payload = base64.b64decode(body["payload"])
    body["payload"] = base64.b64encode(payload.replace(b'"expires":"20', b'"expires":"21')).decode()
    desk.put(desk.subject(), json.dumps(body).encode())
    assert "the approval by bob was changed after it was signed: its signature does not fit" in refused(desk)
    body["signatures"] = []
    desk.put(desk.subject(), json.dumps(body).encode())
    assert "it is not signed" in refused(desk)


def test_a_signature_of_evidence_approves_nothing(desk: Desk) -> None:
    one = approval.Approval(desk.subject(), "bob", "ssh", NOW, NOW + timedelta(hours=20))
    desk.put(one.subject, envelope.wrap(approval.write(one), str(desk.keys["bob"])))
    assert "its signature does not fit" in refused(desk)


def test_an_emergency_needs_an_approval_that_was_given_for_one(desk: Desk) -> None:
    assert desk.ask(needed=0)["missing"] == 0
    desk.approve()
    said = refused(desk, needed=0, emergency="the checkout is down")
    assert "bob approved the release, and no emergency" in said
    assert "-e emergency=REASON" in said
    desk.approve(emergency="the checkout is down")
    asked = desk.ask(needed=0, emergency="the checkout is down", by_others=False)
    assert asked["approved_by"] == ["bob"]
    assert "as an emergency: the checkout is down" in asked["evidence"][0]["answered"]
    assert "bob started" in refused(desk, emergency="x", started_by="bob", by_others=False)


def test_awx_vouches_for_its_users_with_its_own_key(desk: Desk) -> None:
    awx: dict[str, Any] = {"awx_keys": [public(desk.keys, "awx")]}
    assert desk.approve("awx", **awx)["error"]["code"] == "not_listed"
    assert "erin is not an approver" in desk.approve("awx", awx_user="erin", **awx)["msg"]
    assert desk.approve("awx", awx_user="al", **awx)["by"] == "alice"
    asked = desk.ask()
    assert (asked["approved_by"], asked["approvals"][0]["system"]) == (["alice"], "awx")
    assert "alice started this deploy" in refused(desk, started_by="al")
    assert desk.approve("bob", awx_user="al", **awx)["by"] == "bob", "a key of one's own is not AWX's"


# A GitHub environment's reviews


def github(desk: Desk, monkeypatch: pytest.MonkeyPatch, *reviews: dict[str, Any], sha: str = "") -> dict[str, Any]:
    at = (NOW - timedelta(hours=1)).isoformat()

    def answer(request: Any) -> Any:
        if request.path.endswith("/approvals"):
            return reply(200, list(reviews))
        return reply(200, {"id": 7, "head_sha": sha or desk.first, "created_at": at, "run_started_at": at})

    monkeypatch.setattr(
        approval_github, "GitHub", lambda *a, **b: GitHub(*a, **b, session=FakeVendor(answer).session())
    )
    return {"github": {"api_token": "t", "repository": "acme/shop", "environment": "production", "run": 7}}


def review(login: str = "alice-codes", state: str = "approved", place: str = "production") -> dict[str, Any]:
    return {"state": state, "comment": "go", "user": {"login": login}, "environments": [{"name": place}]}


def test_a_review_of_the_environment_counts(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = desk.ask(**github(desk, monkeypatch, review()))
    assert (asked["approved_by"], asked["approvals"][0]["system"]) == (["alice"], "github")


@pytest.mark.parametrize(
    ("reviews", "more", "said"),
    [
        ([review(state="rejected")], {}, "0 of 1 approval"),
        ([review(place="staging")], {}, "0 of 1 approval"),
        ([review("eve")], {}, "eve approved it at GitHub, and is not an approver"),
        ([review()], {"started_by": "alice-codes"}, "alice started this deploy"),
        ([review()], {"expires": 0.5}, "the approval by alice ended at"),
    ],
)
def test_another_review_does_not(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, reviews: list[Any], more: dict[str, Any], said: str
) -> None:
    assert said in refused(desk, **github(desk, monkeypatch, *reviews), **more)


def test_a_review_of_a_run_of_another_commit_does_not(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "alice approved another commit" in refused(desk, **github(desk, monkeypatch, review(), sha="b" * 40))


# Waiting


def test_a_run_waits_for_the_approval_and_the_next_one_for_the_same(desk: Desk) -> None:
    first, second = desk.ask(), desk.ask(started_by="erin")
    assert first["request"] == second["request"]
    requests = list((desk.folder / "store" / "approvals").rglob("request.json"))
    assert len(requests) == 1, "the second one waits for the same"
    assert json.loads(requests[0].read_text())["requested_by"] == "dora"

    params = {**desk.store, **desk.what, **desk.who, "started_by": "dora", "needed": 1, "by_others": True}
    params |= {"awx_keys": [], "emergency": None, "expires": 24.0, "github": None, "wait_timeout": 60}
    clock, slept = iter(range(1000)), []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            desk.approve()

    waiter = Waiter(60, 5, sleep=sleep, clock=lambda: float(next(clock)))
    client = approval_wait.Client(open_store({**desk.store, **STORE}, lambda seconds: seconds), validated, waiter)
    found = approval_wait.wait(client, params, desk.subject(), approval_wait.rules_of(params))
    assert [one.by for one in found.counted] == ["bob"]
    assert len(slept) == 3


STORE = dict.fromkeys(("store_endpoint_url", "store_access_key", "store_secret_key", "store_region")) | {
    "allow_plain_http": False
}


def test_the_wait_ends(desk: Desk) -> None:
    assert "0 of 1 approval" in refused(desk, wait_timeout=0)
    predicted = desk.ask(check=True)
    assert (predicted["changed"], predicted["missing"], predicted["failed"]) == (True, 1, False)


# What is refused before anything is asked


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"approvers": []}, "1 approval is needed, and the inventory has no approvers"),
        ({"approvers": [], "emergency": "x", "needed": 0}, "An emergency needs an approval"),
        ({"approvers": [{"name": "bob"}]}, "bob has no identity that can be verified"),
        ({"approvers": [{"name": "b b", "github": "b"}]}, "cannot be used"),
        ({"approvers": [{"name": "awx", "github": "b"}]}, "cannot be used"),
        ({"approvers": [{"name": "bob", "github": "b"}, {"name": "Bob", "awx": "b"}]}, "listed twice"),
        ({"approvers": [{"name": "bob", "github": "b"}, {"name": "carl", "github": "B"}]}, "belongs to two approvers"),
        ({"approvers": [{"name": "bob", "keys": ["ssh-dss AAAA"]}]}, "not a public key of ssh"),
        (
            {"approvers": [{"name": "bob", "keys": ["RWQf6LRCGA9i53mlYecO4IzT51TGPpvW"]}]},
            "not a pub",
        ),
        ({"approvers": [{"name": "bob", "keys": ["ssh-ed25519"]}]}, "is damaged"),
        ({"approvers": [{"name": "bob", "keys": ["ssh-ed25519 AAAAC3NzaC1yc2E="]}]}, "is damaged"),
        ({"approvers": [{"name": "bob", "keys": ["-----BEGIN OPENSSH PRIVATE KEY-----\nx"]}]}, "is a private key"),
        ({"approvers": [{"name": "bob", "awx": "b"}], "awx_keys": []}, "no key of AWX is known"),
        ({"needed": 3, "started_by": "bob"}, "only carol, alice can approve what bob starts"),
        (
            {"approvers": [{"name": "bob", "github": "b"}], "started_by": "bob"},
            "1 approval is needed, and nobody can approve what bob starts",
        ),
        ({"needed": -1}, "0 or more"),
        ({"wait_timeout": -1}, "0 or more"),
        ({"started_by": ""}, "who starts it is unknown"),
        ({"github": {"api_token": "t"}}, "github is wrong"),
        ({"release": "v9"}, "v9"),
    ],
)
def test_rules_that_cannot_be_kept_are_refused(desk: Desk, more: dict[str, Any], said: str) -> None:
    result = desk.ask(**more)
    assert (result["failed"], result["error"]["kind"]) == (True, "config"), result
    assert said in result["msg"]


def test_the_same_key_is_not_of_two_people(desk: Desk) -> None:
    people = [{"name": name, "keys": [public(desk.keys, "bob")]} for name in ("bob", "carol")]
    assert "each approver needs a key of their own" in desk.ask(approvers=people)["msg"]


@pytest.mark.parametrize("expires", [0, -1, 24 * 365])
def test_an_approval_needs_an_end_that_is_near(desk: Desk, expires: float) -> None:
    assert "expires is" in desk.approve(expires=expires)["msg"]


def test_a_key_that_cannot_be_read_is_refused(desk: Desk, tmp_path: Path) -> None:
    assert "There is no key at" in desk.approve(signing_key=str(tmp_path / "none"))["msg"]
    (tmp_path / "text").write_text("hello")
    assert "is not a key of ssh that can be read" in desk.approve(signing_key=str(tmp_path / "text"))["msg"]
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "a passphrase", "-f", tmp_path / "locked"], check=True)
    Path(tmp_path / "locked.pub").unlink()
    assert "without a passphrase" in desk.approve(signing_key=str(tmp_path / "locked"))["msg"]
    assert desk.approve(approvers=[])["error"]["code"] == "no_approvers"


def test_lines_of_signers_are_for_approvals_alone(desk: Desk) -> None:
    lines = Approvers(desk.who["approvers"], []).lines
    assert all(f'namespaces="{NAMESPACE}"' in line for line in lines)
    assert len(lines) == 2
