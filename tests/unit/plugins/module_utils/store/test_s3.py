# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""S3 as a store: which condition each write carries, and what is said when the service refuses."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from types import SimpleNamespace

import botocore.session
import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ApiError, ConfigError, Unreachable
from ansible_collections.storefront.runbook.plugins.module_utils.store import s3
from ansible_collections.storefront.runbook.plugins.module_utils.store.base import Conflict, StoredObject, unguarded
from ansible_collections.storefront.runbook.plugins.module_utils.store.open import open_store
from ansible_collections.storefront.runbook.plugins.module_utils.store.s3 import S3Store
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, NoCredentialsError, ReadTimeoutError
from botocore.response import StreamingBody
from botocore.stub import Stubber

URL = "http://127.0.0.1:1"
SECRET = "a-secret-access-key"


@pytest.fixture
def store() -> S3Store:
    options = {
        "store_endpoint_url": URL,
        "store_access_key": "access",
        "store_secret_key": SECRET,
        "store_region": "us-east-1",
    }
    opened = open_store({"store": "s3://bucket/shop", **options}, unguarded)
    assert isinstance(opened, S3Store)
    return opened


@pytest.fixture
def service(store):
    with Stubber(store.client) as stub:
        yield stub
        stub.assert_no_pending_responses()


def test_an_object_is_read_with_its_etag(store, service):
    answer = {"Body": StreamingBody(io.BytesIO(b"content"), 7), "ETag": '"1"'}
    service.add_response("get_object", answer, {"Bucket": "bucket", "Key": "shop/lease.json"})
    assert store.get("lease.json") == (b"content", '"1"')


def test_an_object_that_is_not_there_is_none(store, service):
    service.add_client_error("get_object", "NoSuchKey", http_status_code=404)
    assert store.get("lease.json") is None


def test_a_new_object_is_written_only_where_none_is(store, service):
    service.add_response(
        "put_object", {"ETag": '"1"'}, {"Bucket": "bucket", "Key": "shop/lease.json", "Body": b"x", "IfNoneMatch": "*"}
    )
    assert store.put_if_absent("lease.json", b"x") == '"1"'


def test_an_object_is_replaced_only_where_it_is_the_one_that_was_seen(store, service):
    service.add_response(
        "put_object", {"ETag": '"2"'}, {"Bucket": "bucket", "Key": "shop/lease.json", "Body": b"x", "IfMatch": '"1"'}
    )
    assert store.put_if_match("lease.json", b"x", '"1"') == '"2"'


@pytest.mark.parametrize(
    ("code", "status"), [("PreconditionFailed", 412), ("ConditionalRequestConflict", 409), ("NoSuchKey", 404)]
)
def test_a_condition_that_does_not_hold_is_a_conflict(store, service, code, status):
    service.add_client_error("put_object", code, http_status_code=status)
    with pytest.raises(Conflict):
        store.put_if_match("lease.json", b"x", '"1"')


@pytest.mark.parametrize("found", ["x", "y"])
def test_a_write_that_was_tried_again_after_its_answer_was_lost_is_no_conflict_with_itself(store, service, found):
    service.add_client_error(
        "put_object", "PreconditionFailed", http_status_code=412, response_meta={"RetryAttempts": 1}
    )
    service.add_response("get_object", {"Body": StreamingBody(io.BytesIO(found.encode()), 1), "ETag": '"2"'})
    if found == "x":
        assert store.put_if_absent("proof.json", b"x") == '"2"'
    else:
        with pytest.raises(Conflict):
            store.put_if_absent("proof.json", b"x")


def test_the_list_goes_through_every_page_and_drops_the_prefix(store, service):
    at = datetime(2026, 1, 31, tzinfo=UTC)
    page = {"Bucket": "bucket", "Prefix": "shop/ledger/"}
    first = {
        "Contents": [{"Key": "shop/ledger/a", "Size": 1, "LastModified": at}],
        "IsTruncated": True,
        "NextContinuationToken": "more",
    }
    service.add_response("list_objects_v2", first, page)
    second = {"Contents": [{"Key": "shop/ledger/b", "Size": 2, "LastModified": at}], "IsTruncated": False}
    service.add_response("list_objects_v2", second, {**page, "ContinuationToken": "more"})
    assert store.list("ledger/") == [StoredObject("ledger/a", 1, at), StoredObject("ledger/b", 2, at)]


@pytest.mark.parametrize(
    ("code", "status", "remedy"),
    [
        ("NoSuchBucket", 404, "There is no bucket 'bucket' .* Create it, or correct store"),
        ("AccessDenied", 403, "access denied. The credentials need s3:GetObject, s3:PutObject"),
        ("InvalidAccessKeyId", 403, "Correct store_access_key and store_secret_key"),
        ("SignatureDoesNotMatch", 403, "Correct store_access_key and store_secret_key"),
        ("PermanentRedirect", 301, "Set store_region"),
        ("NotImplemented", 501, "without conditional writes"),
    ],
)
def test_a_wrong_setting_is_named_with_its_remedy(store, service, code, status, remedy):
    service.add_client_error("put_object", code, http_status_code=status)
    with pytest.raises(ConfigError, match=remedy) as refused:
        store.put_if_absent("lease.json", b"x")
    assert refused.value.details["code"] == code
    assert SECRET not in str(refused.value)


def refused_with(store, service, error, status=403, headers=None):
    """Return the error that a refusal with these fields becomes."""
    meta = {"HTTPHeaders": headers or {}}
    service.add_client_error(
        "get_object", error["Code"], error.get("Message", ""), status, service_error_meta=error, response_meta=meta
    )
    with pytest.raises(ConfigError) as refused:
        store.get("lease.json")
    return str(refused.value)


def test_a_wrong_clock_is_no_lack_of_rights_and_both_times_are_reported(store, service):
    times = {"RequestTime": "20260131T120000Z", "ServerTime": "2026-01-31T13:30:00Z"}
    message = refused_with(store, service, {"Code": "RequestTimeTooSkewed", **times})
    assert (
        "it is 2026-01-31 12:00:00 UTC on this machine and 2026-01-31 13:30:00 UTC at the store. Correct the clock"
        in message
    )
    assert "access denied" not in message
    by_header = refused_with(
        store, service, {"Code": "RequestTimeTooSkewed"}, headers={"date": "Sat, 31 Jan 2026 13:30:00 GMT"}
    )
    assert "2026-01-31 13:30:00 UTC at the store" in by_header
    assert "because of the time (RequestTimeTooSkewed). Correct" in refused_with(
        store, service, {"Code": "RequestTimeTooSkewed", "ServerTime": "soon"}
    )
    assert "because of the time" in refused_with(
        store, service, {"Code": "AccessDenied"}, headers={"date": "Sat, 31 Jan 2026 13:30:00 GMT"}
    )
    now = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert "access denied" in refused_with(store, service, {"Code": "AccessDenied"}, headers={"date": now})


@pytest.mark.parametrize(
    ("error", "answer", "remedy"),
    [
        ({"Code": "ExpiredToken"}, (400, {}), "have expired. Get new ones"),
        ({"Code": "InvalidToken"}, (400, {}), "does not know the session token"),
        ({"Code": "InvalidAccessKeyId"}, (403, {}), "does not know the access key"),
        ({"Code": "SignatureDoesNotMatch"}, (403, {}), "the secret key is not that of the access key"),
        (
            {"Code": "PermanentRedirect"},
            (301, {"x-amz-bucket-region": "eu-central-1"}),
            "Set store_region to eu-central-1",
        ),
        ({"Code": "301"}, (301, {}), "Set store_region to its region"),
        ({"Code": "AuthorizationHeaderMalformed", "Region": "eu-west-1"}, (400, {}), "Set store_region to eu-west-1"),
    ],
)
def test_each_refusal_names_its_own_remedy(store, service, error, answer, remedy):
    assert remedy in refused_with(store, service, error, *answer)


ROW = {"Key": "shop/a", "Size": 1, "LastModified": datetime(2026, 1, 31, tzinfo=UTC)}


@pytest.mark.parametrize("operation", ["list_objects_v2", "list_multipart_uploads"])
@pytest.mark.parametrize(
    "answer",
    [
        lambda count: {
            "IsTruncated": True,
            "NextContinuationToken": "same",
            "NextKeyMarker": "same",
            "NextUploadIdMarker": "same",
        },
        lambda count: {
            "IsTruncated": True,
            "NextContinuationToken": str(count),
            "NextKeyMarker": str(count),
            "NextUploadIdMarker": str(count),
        },
        lambda count: {
            "IsTruncated": True,
            "NextContinuationToken": "ab"[count % 2],
            "NextKeyMarker": "ab"[count % 2],
            "NextUploadIdMarker": "",
        },
        lambda count: {
            "IsTruncated": True,
            "NextContinuationToken": str(count),
            "NextKeyMarker": str(count),
            "Contents": [ROW],
            "Uploads": [ROW],
        },
        lambda count: {"IsTruncated": True, "Contents": [ROW], "Uploads": [ROW]},
    ],
    ids=["the same token", "new tokens and nothing else", "two tokens in turn", "the same page", "no token"],
)
def test_a_listing_that_does_not_end_is_refused_after_a_bounded_number_of_pages(store, monkeypatch, operation, answer):
    asked = []

    def page(*_unused, **_params):
        asked.append(1)
        return answer(len(asked))

    monkeypatch.setattr(store.client, operation, page)
    with pytest.raises(ApiError, match="listing") as refused:
        store.list() if operation == "list_objects_v2" else store.unfinished("")
    assert refused.value.details["code"] == "malformed_body"
    assert len(asked) <= 102


@pytest.mark.parametrize("field", ["Key", "Size", "LastModified"])
@pytest.mark.parametrize("value", ["missing", None, [], {}])
def test_a_row_of_a_listing_that_lacks_a_field_is_an_error_of_the_service(store, monkeypatch, field, value):
    row = {**ROW, field: value}
    if value == "missing":
        del row[field]
    monkeypatch.setattr(store.client, "list_objects_v2", lambda **_unused: {"Contents": [row]})
    with pytest.raises(ApiError, match=f"no {field}"):
        store.list()


def test_a_service_in_trouble_may_be_asked_again(store, service):
    service.add_client_error("get_object", "SlowDown", "Please reduce your request rate.", http_status_code=503)
    with pytest.raises(ApiError, match="503 SlowDown: Please reduce") as refused:
        store.get("lease.json")
    assert refused.value.details["retryable"] is True


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url=URL),
        ConnectTimeoutError(endpoint_url=URL),
        ReadTimeoutError(endpoint_url=URL),
    ],
    ids=lambda error: type(error).__name__,
)
def test_no_answer_names_the_endpoint(store, monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(store.client, "get_object", fail)
    with pytest.raises(
        Unreachable,
        match=f"s3://bucket/shop at {URL} could not be read: no answer .* Check the network, store_endpoint_url",
    ) as refused:
        store.get("lease.json")
    assert refused.value.details["retryable"] is True


def test_missing_credentials_are_named(store, monkeypatch):
    def fail(*_, **__):
        raise NoCredentialsError

    monkeypatch.setattr(store.client, "get_object", fail)
    with pytest.raises(ConfigError, match=r"There are no credentials .* Set store_access_key"):
        store.get("lease.json")


@pytest.mark.parametrize("options", [{"store_endpoint_url": "no address"}, {"store_region": "not a region"}])
def test_an_endpoint_or_region_that_cannot_be_is_refused(options):
    with pytest.raises(ConfigError, match="Correct store, store_endpoint_url or store_region"):
        open_store({"store": "s3://bucket/shop", **options}, unguarded).get("lease.json")


def test_a_bucket_that_cannot_be_is_refused():
    with pytest.raises(ConfigError, match="Correct store"):
        open_store(
            {
                "store": "s3://Not_A Bucket!/shop",
                "store_endpoint_url": URL,
                "store_access_key": "a",
                "store_secret_key": "b",
            },
            unguarded,
        ).get("lease.json")


def test_without_boto3_the_command_that_installs_it_is_named(monkeypatch):
    monkeypatch.setattr(s3, "BOTO3_ERROR", "No module named 'boto3'")
    with pytest.raises(ConfigError, match="pip install 'boto3"):
        open_store({"store": "s3://bucket"}, unguarded)


@pytest.mark.parametrize("kind", ["service-2", "endpoint-rule-set-1", "paginators-1"])
@pytest.mark.parametrize("service", ["s3", "sts"])  # which boto3's chain asks for the credentials of a role
def test_what_is_known_of_a_service_is_what_botocore_knows_of_it(service, kind):
    s3._descriptions.cache_clear()  # a client writes into what it receives
    own, quick = (session.get_component("data_loader") for session in (botocore.session.Session(), s3.open_session()))
    assert quick.load_service_model(service, kind) == own.load_service_model(service, kind)


def test_a_session_makes_clients_of_the_services_that_give_credentials():
    client = s3.open_session().create_client(
        "sts", region_name="eu-west-1", aws_access_key_id="access", aws_secret_access_key="secret"
    )
    assert client.meta.endpoint_url == "https://sts.eu-west-1.amazonaws.com"


def test_a_description_of_the_operators_own_is_used(monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))
    (tmp_path / "shelf" / "2026-01-31").mkdir(parents=True)
    (tmp_path / "shelf" / "2026-01-31" / "service-2.json").write_text('{"metadata": {"apiVersion": "2026-01-31"}}')
    assert s3.open_session().get_service_model("shelf").api_version == "2026-01-31"


@pytest.mark.parametrize("call", [lambda store: store.get("a"), lambda store: store.put_if_absent("a", b"1")])
def test_an_answer_without_an_etag_is_an_error_of_the_service(call):
    store = S3Store(
        "bucket",
        "shop",
        endpoint_url="http://127.0.0.1:1",
        access_key="access",
        secret_key="secret",
        region="us-east-1",
    )
    answer = {"Body": io.BytesIO(b"")}
    store.client = SimpleNamespace(get_object=lambda **asked: answer, put_object=lambda **asked: answer)
    with pytest.raises(ApiError, match="answered without an ETag") as caught:
        call(store)
    assert caught.value.details["retryable"]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"date": "Sat, 31 Jan 2026 12:00:00 GMT"}, datetime(2026, 1, 31, 12, tzinfo=UTC).timestamp()),
        ({}, None),
        ({"date": ""}, None),
        ({"date": "yesterday"}, None),
        ({"date": "Sat, 31 Jan 99999 12:00:00 GMT"}, None),
    ],
)
def test_the_time_is_that_of_the_last_answer_and_none_where_it_does_not_report(store, monkeypatch, headers, expected):
    monkeypatch.setattr(s3.time, "monotonic", lambda: 5.0)
    assert store.time() is None
    store._note_time(SimpleNamespace(headers=headers))
    assert store.time() == expected
    monkeypatch.setattr(s3.time, "monotonic", lambda: 7.5)
    assert store.time() == (expected + 2.5 if expected else None)
