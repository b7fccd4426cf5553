# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""store/exposure.py: a publicly readable bucket is refused, and a service that does not report it causes a warning."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ApiError, ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.store.exposure import refuse_public
from ansible_collections.storefront.runbook.plugins.module_utils.store.folder import FolderStore
from ansible_collections.storefront.runbook.plugins.module_utils.store.s3 import S3Store
from botocore.stub import Stubber

# names, not addresses
EVERYBODY = tuple(
    "http:" + f"//acs.amazonaws.com/groups/global/{group}" for group in ("AllUsers", "AuthenticatedUsers")
)
FOR_ONE = {"Policy": json.dumps({"Statement": {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::1:root"}}})}
BLOCKED = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
OWNER = {"Grants": [{"Grantee": {"Type": "CanonicalUser", "ID": "owner"}, "Permission": "FULL_CONTROL"}]}
ALL = {"Grants": [*OWNER["Grants"], {"Grantee": {"Type": "Group", "URI": EVERYBODY[0]}, "Permission": "READ"}]}


class Service:
    """S3 as the test says; ``warnings`` has the warnings for the operator."""

    def __init__(self, store: S3Store, stub: Stubber) -> None:
        self._store, self._stub, self.warnings = store, stub, list[str]()

    def says(self, operation: str, answer: dict[str, Any] | str, status: int = 404) -> None:
        if isinstance(answer, str):
            self._stub.add_client_error(operation, answer, http_status_code=status)
        else:
            self._stub.add_response(operation, answer, {"Bucket": "bucket"})

    def inspect(self) -> None:
        refuse_public(self._store, self.warnings.append)


@pytest.fixture(scope="module")
def store() -> Iterator[S3Store]:
    store = S3Store(
        "bucket",
        "shop",
        endpoint_url="http://127.0.0.1:1",
        access_key="access",
        secret_key="secret-access-key",
        region="us-east-1",
    )
    yield store
    store.close()


@pytest.fixture
def service(store: S3Store) -> Iterator[Service]:
    with Stubber(store.client) as stub:
        yield Service(store, stub)
        stub.assert_no_pending_responses()


def test_a_bucket_with_all_public_access_blocked_is_asked_no_further(service: Service) -> None:
    service.says("get_public_access_block", {"PublicAccessBlockConfiguration": BLOCKED})
    service.inspect()
    assert service.warnings == []


def test_a_bucket_without_a_policy_and_with_an_owner_alone_is_private(service: Service) -> None:
    service.says("get_public_access_block", "NoSuchPublicAccessBlockConfiguration")
    service.says("get_bucket_policy_status", "NoSuchBucketPolicy")
    service.says("get_bucket_acl", OWNER)
    service.inspect()
    assert service.warnings == []


def test_a_public_policy_is_refused(service: Service) -> None:
    service.says("get_public_access_block", "NoSuchPublicAccessBlockConfiguration")
    service.says("get_bucket_policy_status", {"PolicyStatus": {"IsPublic": True}})
    service.says("get_bucket_acl", OWNER)
    with pytest.raises(ConfigError, match=r"The bucket bucket is public \(its policy allows public access\)"):
        service.inspect()


@pytest.mark.parametrize(
    ("block", "policy", "acl"),
    [({**BLOCKED, "IgnorePublicAcls": False}, True, OWNER), ({**BLOCKED, "RestrictPublicBuckets": False}, False, ALL)],
)
def test_half_a_block_covers_its_half(
    service: Service, block: dict[str, bool], policy: bool, acl: dict[str, Any]
) -> None:
    service.says("get_public_access_block", {"PublicAccessBlockConfiguration": block})
    service.says("get_bucket_policy_status", {"PolicyStatus": {"IsPublic": policy}})
    if not policy:
        service.says("get_bucket_policy", FOR_ONE)
    service.says("get_bucket_acl", acl)
    service.inspect()


def test_a_public_acl_is_refused_when_it_is_not_ignored(service: Service) -> None:
    # which blocks new ones alone
    service.says("get_public_access_block", {"PublicAccessBlockConfiguration": {"BlockPublicAcls": True}})
    service.says("get_bucket_policy_status", "NoSuchBucketPolicy")
    service.says("get_bucket_acl", ALL)
    with pytest.raises(ConfigError, match="its ACL allows public access"):
        service.inspect()


EVERYONE = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*"}
ONE = {**EVERYONE, "Principal": {"AWS": "arn:aws:iam::1:root"}}


def where(operator: str, key: str, *values: Any) -> dict[str, Any]:
    return {**EVERYONE, "Condition": {operator: {key: list(values) if len(values) != 1 else values[0]}}}


STATEMENTS = [
    (EVERYONE, True),
    ({**EVERYONE, "Principal": {"AWS": "*"}}, True),
    ({**EVERYONE, "Principal": {"AWS": ["*"]}}, True),
    ({**EVERYONE, "Principal": {"AWS": ["arn:aws:iam::1:root", "*"]}}, True),
    ({**EVERYONE, "Principal": {"CanonicalUser": "*"}}, True),
    ({**EVERYONE, "Principal": ["*"]}, True),
    ({**EVERYONE, "Principal": {"AWS": "arn:aws:iam::*:root"}}, True),
    ({"Effect": "Allow", "NotPrincipal": {"AWS": "arn:aws:iam::1:root"}, "Action": "s3:*"}, True),
    ({"Effect": "Allow", "Principal": "*", "NotAction": "s3:DeleteObject", "Resource": "*"}, True),
    (
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "NotResource": "arn:aws:s3:::bucket/private/*"},
        True,
    ),
    ({"Effect": "Allow", "Principal": "*", "Action": "s3:PutObject"}, True),
    ({**EVERYONE, "Effect": "Deny"}, False),
    ({"Effect": "Deny", "NotPrincipal": {"AWS": "arn:aws:iam::1:root"}}, False),
    (ONE, False),
    ([ONE, EVERYONE], True),
    ([ONE, {**EVERYONE, "Effect": "Deny"}], False),
    ({**EVERYONE, "Condition": {}}, True),
    ({**EVERYONE, "Condition": None}, True),
    ({**EVERYONE, "Condition": []}, True),
    (where("IpAddress", "aws:SourceIp", "10.0.0.0/8"), False),
    (where("IpAddress", "AWS:SOURCEIP", "203.0.113.7"), False),
    (where("IpAddress", "aws:SourceIp", "203.0.113.0/24", "2001:db8::/48"), False),
    (where("IpAddress", "aws:SourceIp", "0.0.0.0/0"), True),
    (where("IpAddress", "aws:SourceIp", "::/0"), True),
    (where("IpAddress", "aws:SourceIp", "203.0.113.0/24", "::/0"), True),
    (where("IpAddress", "aws:SourceIp", "0.0.0.0/1", "128.0.0.0/1"), True),
    (where("IpAddress", "aws:SourceIp", "0.0.0.0/1"), True),
    (where("IpAddress", "aws:SourceIp", *(f"{first}.0.0.0/8" for first in range(256))), True),
    (
        where("IpAddress", "aws:SourceIp", *(f"{first}.{second}.0.0/16" for first in (3, 4) for second in range(256))),
        True,
    ),
    (where("IpAddress", "aws:SourceIp", "::ffff:0:0/96"), True),
    (where("IpAddress", "aws:SourceIp", "everywhere"), True),
    (where("IpAddress", "aws:SourceIp"), True),
    (where("IpAddress", "aws:SourceIp", 1), True),
    (where("NotIpAddress", "aws:SourceIp", "203.0.113.7"), True),
    (where("IpAddressIfExists", "aws:SourceIp", "203.0.113.7"), True),
    (where("StringEquals", "aws:PrincipalOrgID", "o-1"), False),
    (where("ForAnyValue:StringEquals", "aws:PrincipalOrgPaths", "o-1/r-1/"), False),
    (where("ForAllValues:StringEquals", "aws:PrincipalOrgPaths", "o-1/r-1/"), True),
    (where("StringEqualsIfExists", "aws:PrincipalOrgID", "o-1"), True),
    (where("StringNotEquals", "aws:PrincipalOrgID", "o-1"), True),
    (where("StringLike", "aws:PrincipalOrgID", "*"), True),
    (where("StringLike", "aws:PrincipalArn", "arn:aws:iam::1:role/*"), True),
    (where("StringEquals", "aws:SourceVpce", "vpce-1", "*"), True),
    (where("StringEquals", "aws:SourceVpc", "${aws:SourceVpc}"), True),
    (where("StringEquals", "aws:SourceVpc", "vpc-1"), False),
    (where("StringLike", "aws:userid", "AROAEXAMPLE:*"), False),
    (where("ArnLike", "s3:DataAccessPointArn", "arn:aws:s3:eu-west-1:123456789012:accesspoint/*"), False),
    (where("ArnLike", "s3:DataAccessPointArn", "arn:aws:s3:eu-west-1:*:accesspoint/*"), True),
    (where("StringLike", "aws:Referer", "https://shop.example/"), True),
    (where("Bool", "aws:SecureTransport", "true"), True),
    (
        {
            **EVERYONE,
            "Condition": {"Bool": {"aws:SecureTransport": "true"}, "StringEquals": {"aws:SourceVpc": "vpc-1"}},
        },
        False,
    ),
]


@pytest.mark.parametrize(("statement", "public"), STATEMENTS)
@pytest.mark.parametrize("verdict", [None, False])
def test_the_policy_itself_is_judged_where_the_service_has_no_verdict_and_where_it_says_private(
    service: Service, statement: Any, public: bool, verdict: bool | None
) -> None:
    service.says("get_public_access_block", "NotImplemented", 501)
    if verdict is None:
        service.says("get_bucket_policy_status", "MethodNotAllowed", 405)
    else:
        service.says("get_bucket_policy_status", {"PolicyStatus": {"IsPublic": verdict}})
    service.says("get_bucket_policy", {"Policy": json.dumps({"Statement": statement})})
    service.says("get_bucket_acl", OWNER)
    if public:
        with pytest.raises(ConfigError, match="its policy allows public access"):
            service.inspect()
    else:
        service.inspect()
    assert service.warnings == []


@pytest.mark.parametrize(
    ("uri", "public"),
    [
        *((uri, True) for uri in EVERYBODY),
        ("https" + EVERYBODY[0][4:] + "/", True),
        ("http:" + "//acs.amazonaws.com/groups/s3/LogDelivery", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("permission", ["READ", "WRITE", "READ_ACP", "FULL_CONTROL"])
def test_an_acl_is_public_by_its_groups_whatever_they_may_do(
    service: Service, uri: str, public: bool, permission: str
) -> None:
    service.says("get_public_access_block", "NoSuchPublicAccessBlockConfiguration")
    service.says("get_bucket_policy_status", "NoSuchBucketPolicy")
    service.says(
        "get_bucket_acl",
        {"Grants": [*OWNER["Grants"], {"Grantee": {"Type": "Group", "URI": uri}, "Permission": permission}]},
    )
    if public:
        with pytest.raises(ConfigError, match="its ACL allows public access"):
            service.inspect()
    else:
        service.inspect()


OPERATIONS = {
    "get_public_access_block": ("PublicAccessBlockConfiguration", {}),
    "get_bucket_policy_status": ("PolicyStatus", {"IsPublic": False}),
    "get_bucket_policy": ("Policy", FOR_ONE["Policy"]),
    "get_bucket_acl": ("Grants", OWNER["Grants"]),
}
ODD: list[Any] = [
    None,
    "",
    "text",
    0,
    [],
    {},
    [None],
    [{}],
    ["text"],
    [{"Grantee": None}],
    [{"Grantee": []}],
    {"IsPublic": None},
    {"IsPublic": "false"},
    {"Statement": 1},
    "[]",
    "null",
]
ODD += [
    '{"Statement": null}',
    '{"Statement": [null]}',
    '{"Statement": {"Effect": "allow"}}',
    '{"Statement": {"Effect": "Allow"}}',
    "[" * 100_000,
]


@pytest.mark.parametrize("odd", ["missing", *ODD], ids=lambda odd: str(odd)[:40])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_service_that_answers_something_else_could_not_be_asked_and_is_not_private(
    store: S3Store, monkeypatch: pytest.MonkeyPatch, operation: str, odd: Any
) -> None:
    for name, (field, value) in OPERATIONS.items():
        answer = {field: value} if name != operation else {} if odd == "missing" else {field: odd}
        monkeypatch.setattr(store.client, name, lambda answer=answer, **_unused: answer)
    warnings: list[str] = []
    refuse_public(store, warnings.append)
    # each of the others has one that answers in its place
    assert bool(warnings) is (operation == "get_bucket_acl" and odd != [])


@pytest.mark.parametrize("answer", [b"<html>", b"<ListBucketResult/>", b""])
def test_any_body_of_a_real_answer_is_borne(answer: bytes) -> None:
    with answering(answer) as address:
        store = S3Store(
            "bucket", "", endpoint_url=address, access_key="access", secret_key="secret-access-key", region="us-east-1"
        )
        warnings: list[str] = []
        refuse_public(store, warnings.append)
        store.close()
    assert "publicly readable is unknown" in warnings[0]


@contextmanager
def answering(body: bytes) -> Iterator[str]:
    """A server that answers everything with the same."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("code", "status"), [("NotImplemented", 501), ("AccessDenied", 403)])
def test_a_service_without_an_answer_causes_a_warning(service: Service, code: str, status: int) -> None:
    for operation in ("get_public_access_block", "get_bucket_policy_status", "get_bucket_policy", "get_bucket_acl"):
        service.says(operation, code, status)
    service.inspect()
    assert "publicly readable is unknown" in service.warnings[0]
    assert "s3:GetBucketPolicyStatus" in service.warnings[0]


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("NoSuchBucket", 404, ConfigError),
        ("SlowDown", 503, ApiError),
        ("SignatureDoesNotMatch", 403, ConfigError),
        ("RequestTimeTooSkewed", 403, ConfigError),
    ],
)
def test_a_service_in_trouble_is_not_a_service_without_an_answer(
    service: Service, code: str, status: int, error: type[Exception]
) -> None:
    service.says("get_public_access_block", code, status)
    with pytest.raises(error):
        service.inspect()


def test_a_folder_is_not_asked(tmp_path: Any) -> None:
    FolderStore(str(tmp_path)).refuse_public(pytest.fail)
