# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams of the stores: an object has its name only when it is whole, in a folder and in S3."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ApiError, RunbookError
from ansible_collections.storefront.runbook.plugins.module_utils.store.folder import FolderStore
from ansible_collections.storefront.runbook.plugins.module_utils.store.s3 import S3Store
from ansible_collections.storefront.runbook.plugins.module_utils.store.s3_streams import S3Writer, part_size
from botocore.response import StreamingBody
from botocore.stub import Stubber

OBJECT = {"Bucket": "bucket", "Key": "shop/backups/a"}
UPLOAD = {**OBJECT, "UploadId": "u1"}

BEGUN = datetime(2026, 2, 2, 9, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> FolderStore:
    return FolderStore(str(tmp_path / "store"))


@pytest.fixture
def s3() -> S3Store:
    return S3Store(
        "bucket",
        "shop",
        endpoint_url="http://127.0.0.1:1",
        access_key="access",
        secret_key="secret-access-key",
        region="us-east-1",
    )


@pytest.fixture
def service(s3: S3Store) -> Iterator[Stubber]:
    """S3, which expects the start of an upload and then what the test says."""
    with Stubber(s3.client) as stub:
        stub.add_response(
            "create_multipart_upload", {"UploadId": "u1"}, {**OBJECT, "ContentType": "application/octet-stream"}
        )
        yield stub
        stub.assert_no_pending_responses()


def expect_parts(service: Stubber, *parts: bytes) -> None:
    for number, part in enumerate(parts, 1):
        service.add_response("upload_part", {"ETag": f'"{number}"'}, {**UPLOAD, "PartNumber": number, "Body": part})
    listed = [{"PartNumber": number, "ETag": f'"{number}"'} for number in range(1, len(parts) + 1)]
    service.add_response("complete_multipart_upload", {}, {**UPLOAD, "MultipartUpload": {"Parts": listed}})


@pytest.mark.parametrize("expected", [0, 10**9, 75 * 10**9, 10**12, 5 * 10**12])
def test_ten_thousand_parts_hold_what_is_expected_and_a_tenth_more(expected: int) -> None:
    size = part_size(expected)
    assert size >= 8 << 20
    assert size * 10_000 >= expected * 1.1
    assert (size == 8 << 20) == (expected <= 75 * 10**9)


def test_an_object_has_its_name_only_when_it_is_complete(folder: FolderStore) -> None:
    writer = folder.open_writer("backups/a")
    writer.write(b"one")
    assert folder.list() == []
    assert [left.key for left in folder.unfinished("backups/")] == ["backups/a"]
    writer.complete()
    assert [(entry.key, entry.size) for entry in folder.list()] == [("backups/a", 3)]
    assert b"".join(folder.read("backups/a")) == b"one"
    assert folder.unfinished("backups/") == []


def test_what_was_left_unfinished_can_be_discarded(folder: FolderStore, tmp_path: Path) -> None:
    writer = folder.open_writer("backups/a")
    (left,) = folder.unfinished("backups/")
    folder.discard(left)
    assert folder.unfinished("backups/") == []
    writer.abort()
    assert [path.name for path in (tmp_path / "store" / "backups").iterdir()] == []


def test_an_object_that_is_not_there_is_an_error_of_the_store(folder: FolderStore) -> None:
    with pytest.raises(RunbookError, match="Could not read the store file://"):
        list(folder.read("backups/a"))


def test_an_object_goes_to_s3_in_parts_of_one_size_but_the_last(s3: S3Store, service: Stubber) -> None:
    expect_parts(service, b"abcd", b"efgh", b"ijkl", b"m")
    writer = S3Writer(s3, "backups/a", 4)
    for piece in (b"ab", b"cdefghij", b"", b"klm"):
        writer.write(piece)
    writer.complete()


@pytest.mark.parametrize(("content", "parts"), [(b"abcd", [b"abcd"]), (b"", [b""])])
def test_s3_gets_an_empty_part_only_where_there_is_no_other(
    s3: S3Store, service: Stubber, content: bytes, parts: list[bytes]
) -> None:
    expect_parts(service, *parts)
    writer = S3Writer(s3, "backups/a", 4)
    writer.write(content)
    writer.complete()


def test_a_part_that_s3_refuses_is_reported_at_the_end_at_the_latest_and_the_upload_is_discarded(
    s3: S3Store, service: Stubber
) -> None:
    service.add_client_error("upload_part", "SlowDown", "Reduce your request rate.", http_status_code=503)
    service.add_response("abort_multipart_upload", {}, UPLOAD)
    writer = S3Writer(s3, "backups/a", 4)
    writer.write(b"abcd")
    with pytest.raises(ApiError, match="could not be written: 503 SlowDown"):
        writer.complete()
    writer.abort()


def test_taking_back_never_hides_the_failure_before_it(s3: S3Store, service: Stubber) -> None:
    service.add_client_error("abort_multipart_upload", "SlowDown", http_status_code=503)
    S3Writer(s3, "backups/a", 4).abort()


def test_uploads_that_were_never_completed_are_found_and_discarded(s3: S3Store) -> None:
    with Stubber(s3.client) as service:
        service.add_response(
            "list_multipart_uploads",
            {"Uploads": [{"Key": "shop/backups/a", "UploadId": "u1", "Initiated": BEGUN}]},
            {"Bucket": "bucket", "Prefix": "shop/backups/"},
        )
        service.add_response("abort_multipart_upload", {}, UPLOAD)
        (left,) = s3.unfinished("backups/")
        assert left == ("backups/a", "u1", BEGUN)
        s3.discard(left)
        service.assert_no_pending_responses()


def test_an_object_is_read_from_s3_as_a_stream(s3: S3Store) -> None:
    with Stubber(s3.client) as service:
        service.add_response("get_object", {"Body": StreamingBody(io.BytesIO(b"content"), 7)}, OBJECT)
        assert b"".join(s3.read("backups/a")) == b"content"


def test_credentials_that_may_not_list_uploads_are_enough(s3: S3Store) -> None:
    with Stubber(s3.client) as service:
        service.add_client_error("list_multipart_uploads", "AccessDenied", http_status_code=403)
        assert s3.unfinished("backups/") == []


def test_a_service_in_trouble_does_not_pass_for_one_without_unfinished_uploads(s3: S3Store) -> None:
    with Stubber(s3.client) as service, pytest.raises(ApiError, match="could not be listed: 503 SlowDown"):
        service.add_client_error("list_multipart_uploads", "SlowDown", http_status_code=503)
        s3.unfinished("backups/")
