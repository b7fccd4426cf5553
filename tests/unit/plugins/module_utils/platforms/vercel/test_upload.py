# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A deployment from files, against a project kept in memory."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import (
    ApiError,
    ConfigError,
    LeaseLost,
    Unreachable,
)
from ansible_collections.storefront.runbook.plugins.module_utils.core.http import ApiClient
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import Waiter
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.vercel.client import Vercel
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.vercel.states import parse_error
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.vercel.upload import (
    ROUNDS,
    create,
    digest,
    layout,
)
from ansible_collections.storefront.runbook.plugins.module_utils.source.files import list_files

from tests.unit.plugins.fake_vercel import FakeVercel, vercel_error
from tests.unit.support import Clock, answer_late, answer_lost, reply

META = {"release": "v1.1.0", "source_digest": "d1"}
CREATE = "POST /v13/deployments"
UPLOAD = "POST /v2/files"


@pytest.fixture
def account() -> FakeVercel:
    return FakeVercel()


@pytest.fixture
def client(account: FakeVercel, clock: Clock) -> Vercel:
    api = ApiClient(
        "Vercel",
        "https://api.test",
        headers={},
        parse_error=parse_error,
        session=account.vendor.session(),
        sleep=clock.sleep,
        clock=clock,
    )
    return Vercel(api, "team_1", Waiter(sleep=clock.sleep, clock=clock))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four files, two of them alike and one empty."""
    (tmp_path / "app").mkdir()
    for name, text in {
        "package.json": "{}",
        "app/page.tsx": "export {}",
        "app/copy.tsx": "export {}",
        "empty.css": "",
    }.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def files(folder: Path, account: FakeVercel):
    return layout(list_files(folder), account.project, "")


def test_what_vercel_lacks_is_sent_once_for_each_content(account, client, files):
    made, sent = create(client, account.project, files, META)
    assert made["meta"] == META
    assert sent == {"files": 3, "bytes": 11}
    assert sorted(account.blobs.values()) == [b"", b"export {}", b"{}"]
    assert len(account.deployments) == 1


def test_what_vercel_holds_is_not_sent_again(account, client, files, folder):
    create(client, account.project, files, META)
    (folder / "package.json").write_text('{"a": 1}')
    _unused, sent = create(client, account.project, layout(list_files(folder), account.project, ""), META)
    assert sent == {"files": 1, "bytes": 8}
    assert len(account.asked(UPLOAD)) == 4


def test_the_request_is_for_production_and_gives_each_file_nothing_but_path_digest_size_and_mode(
    account, client, files
):
    create(client, account.project, files, META)
    body = account.asked(CREATE)[0].json()
    assert {key: body[key] for key in ("name", "project", "target")} == {
        "name": "shop",
        "project": "prj_shop",
        "target": "production",
    }
    assert body["files"][2] == {
        "file": "empty.css",
        "sha": "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "size": 0,
        "mode": 0o100644,
    }
    assert all(set(file) == {"file", "sha", "size", "mode"} for file in body["files"])
    assert account.asked(CREATE)[0].query == {"skipAutoDetectionConfirmation": "1", "teamId": "team_1"}


def test_an_empty_file_is_sent_with_its_length(account, client, files):
    create(client, account.project, files, META)
    assert sorted(int(request.headers["Content-Length"]) for request in account.asked(UPLOAD)) == [0, 2, 9]


def test_files_that_are_asked_for_with_a_200_are_sent_as_well(account, client, files):
    account.faults[CREATE] = [lambda answer: reply(200, {"missing": [sha for sha, _unused in files.values()]})]
    create(client, account.project, files, META)
    assert len(account.blobs) == 3


def test_a_vendor_that_never_has_enough_is_given_up(account, client, files):
    sha = files["package.json"][0]
    account.faults[CREATE] = [lambda answer: vercel_error(400, "missing_files", missing=[sha])] * 99
    with pytest.raises(ApiError, match="missing_files"):
        create(client, account.project, files, META)
    assert len(account.asked(CREATE)) == ROUNDS


@pytest.mark.parametrize(
    "lost",
    [
        answer_lost,
        answer_late,
        lambda: vercel_error(500, "internal"),
        lambda: reply(504, text="gateway"),
        lambda: reply(200, text="<html>"),
    ],
    ids=["connection broken", "too late", "500", "504", "malformed"],
)
def test_a_deployment_whose_answer_was_lost_is_found_and_not_made_again(account, client, files, lost):
    account.blobs = {sha: b"" for sha, _unused in files.values()}
    account.faults[CREATE] = [lambda answer: (answer(), lost())[1]]
    made, _unused = create(client, account.project, files, META)
    assert made["uid"] == "dpl_1"
    assert len(account.deployments) == 1
    assert len(account.asked(CREATE)) == 1


def test_a_deployment_that_was_not_made_is_asked_for_again_only_after_a_few_looks(account, client, clock, files):
    account.blobs = {sha: b"" for sha, _unused in files.values()}
    account.faults[CREATE] = [lambda answer: answer_lost()]
    create(client, account.project, files, META)
    assert len(account.deployments) == 1
    assert [FakeVercel.operation(request) for request in account.vendor.requests] == [
        CREATE,
        *["GET /v7/deployments"] * 3,
        CREATE,
    ]
    assert clock.sleeps == [0, 1, 3]


def test_a_vendor_that_never_answers_is_given_up_with_its_own_words(account, client, files):
    account.faults[CREATE] = [lambda answer: answer_lost()] * 99
    with pytest.raises(Unreachable, match="No answer from Vercel"):
        create(client, account.project, files, META)
    assert account.deployments == []


def test_a_refusal_is_not_asked_for_again(account, client, files):
    account.faults[CREATE] = [lambda answer: vercel_error(402, "payment_required", "Upgrade.")]
    with pytest.raises(ApiError, match="402 payment_required: Upgrade"):
        create(client, account.project, files, META)
    assert len(account.vendor.requests) == 1


def test_an_upload_that_fails_stops_the_others(account, client, tmp_path):
    for number in range(400):
        (tmp_path / f"{number}.txt").write_text(str(number))
    account.faults[UPLOAD] = [lambda answer: vercel_error(403, "forbidden")] * 400
    with pytest.raises(ApiError, match="403 forbidden"):
        create(client, account.project, layout(list_files(tmp_path), account.project, ""), META)
    assert len(account.asked(UPLOAD)) < 400
    assert account.deployments == []


def test_nothing_is_made_once_the_lease_is_lost(account, client, files):
    grants = iter([30.0])

    def before_write(seconds: float) -> float:
        if not (allowed := next(grants, None)):
            raise LeaseLost("The lease is lost.")
        return allowed

    client.api._before_write = before_write
    with pytest.raises(LeaseLost):
        create(client, account.project, files, META)
    assert account.deployments == []


def test_the_digest_shows_a_changed_byte_and_a_moved_file(account, folder, files):
    (folder / "app" / "copy.tsx").write_text("export []")
    changed = layout(list_files(folder), account.project, "")
    (folder / "app" / "copy.tsx").write_text("export {}")
    (folder / "app" / "copy.tsx").rename(folder / "app" / "other.tsx")
    moved = layout(list_files(folder), account.project, "")
    assert len({digest(files), digest(changed), digest(moved)}) == 3


def test_files_go_where_the_project_is_built(account, folder):
    account.project["rootDirectory"] = "apps/frontend"
    assert "apps/frontend/package.json" in layout(list_files(folder), account.project, "./apps/frontend/")


def test_a_whole_repository_is_uploaded_as_it_is(account, folder):
    account.project["rootDirectory"] = "app"
    assert "package.json" in layout(list_files(folder), account.project, "")


def test_a_source_without_the_folder_that_the_project_is_built_in_is_refused(account, folder):
    account.project["rootDirectory"] = "apps/frontend"
    with pytest.raises(ConfigError, match=r"in apps/frontend .* Set root_directory to apps/frontend"):
        layout(list_files(folder), account.project, "")
