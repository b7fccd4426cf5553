# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""data/store_exposure.py: a bucket that the world may read is refused, and a service that does not tell is warned of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ApiError, ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.data.store_exposure import EVERYBODY, refuse_public
from ansible_collections.storefront.runbook.plugins.module_utils.data.store_folder import FolderStore
from ansible_collections.storefront.runbook.plugins.module_utils.data.store_s3 import S3Store
from botocore.stub import Stubber

BLOCKED = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
OWNER = {"Grants": [{"Grantee": {"Type": "CanonicalUser", "ID": "owner"}, "Permission": "FULL_CONTROL"}]}
ALL = {"Grants": [*OWNER["Grants"], {"Grantee": {"Type": "Group", "URI": EVERYBODY[0]}, "Permission": "READ"}]}


class Service:
    """S3 as the test says; ``warnings`` has what the operator is told."""

    def __init__(self, store: S3Store, stub: Stubber) -> None:
        self._store, self._stub, self.warnings = store, stub, list[str]()

    def says(self, operation: str, answer: dict[str, Any] | str, status: int = 404) -> None:
        if isinstance(answer, str):
            self._stub.add_client_error(operation, answer, http_status_code=status)
        else:
            self._stub.add_response(operation, answer, {"Bucket": "bucket"})

    def look(self) -> None:
        refuse_public(self._store, self.warnings.append)


@pytest.fixture(scope="module")
def store() -> Iterator[S3Store]:
    store = S3Store("bucket", "shop", endpoint_url="http://127.0.0.1:1", access_key="access", secret_key="secret-access-key", region="us-east-1")
    yield store
    store.close()


@pytest.fixture
def service(store: S3Store) -> Iterator[Service]:
    with Stubber(store.client) as stub:
        yield Service(store, stub)
        stub.assert_no_pending_responses()


def test_a_bucket_with_all_public_access_blocked_is_asked_no_further(service: Service) -> None:
    service.says("get_public_access_block", {"PublicAccessBlockConfiguration": BLOCKED})
    service.look()
    assert service.warnings == []


def test_a_bucket_without_a_policy_and_with_an_owner_alone_is_private(service: Service) -> None:
    service.says("get_public_access_block", "NoSuchPublicAccessBlockConfiguration")
    service.says("get_bucket_policy_status", "NoSuchBucketPolicy")
    service.says("get_bucket_acl", OWNER)
    service.look()
    assert service.warnings == []


def test_a_public_policy_is_refused(service: Service) -> None:
    service.says("get_public_access_block", "NoSuchPublicAccessBlockConfiguration")
    service.says("get_bucket_policy_status", {"PolicyStatus": {"IsPublic": True}})
    service.says("get_bucket_acl", OWNER)
    with pytest.raises(ConfigError, match=r"The bucket bucket is public \(its policy lets everybody in\)"):
        service.look()


@pytest.mark.parametrize(
    ("block", "policy", "acl"), [({**BLOCKED, "IgnorePublicAcls": False}, True, OWNER), ({**BLOCKED, "RestrictPublicBuckets": False}, False, ALL)]
)
def test_half_a_block_covers_its_half(service: Service, block: dict[str, bool], policy: bool, acl: dict[str, Any]) -> None:
    service.says("get_public_access_block", {"PublicAccessBlockConfiguration": block})
    service.says("get_bucket_policy_status", {"PolicyStatus": {"IsPublic": policy}})
    service.says("get_bucket_acl", acl)
    service.look()


def test_a_public_acl_is_refused_when_it_is_not_ignored(service: Service) -> None:
    service.says("get_public_access_block", {"PublicAccessBlockConfiguration": {"BlockPublicAcls": True}})  # which blocks new ones alone
    service.says("get_bucket_policy_status", "NoSuchBucketPolicy")
    service.says("get_bucket_acl", ALL)
    with pytest.raises(ConfigError, match="its ACL lets everybody in"):
        service.look()


@pytest.mark.parametrize(
    ("statement", "public"),
    [
        ({"Effect": "Allow", "Principal": "*"}, True),
        ({"Effect": "Allow", "Principal": {"AWS": "*"}}, True),
        ({"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::1:root", "*"]}}, True),
        ({"Effect": "Deny", "Principal": "*"}, False),
        ({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::1:root"}}, False),
        ({"Effect": "Allow", "Principal": "*", "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}, False),
    ],
)
def test_a_service_without_a_status_of_its_policy_is_asked_for_the_policy(service: Service, statement: dict[str, Any], public: bool) -> None:
    service.says("get_public_access_block", "NotImplemented", 501)
    service.says("get_bucket_policy_status", "MethodNotAllowed", 405)
    service.says("get_bucket_policy", {"Policy": json.dumps({"Statement": [statement]})})
    service.says("get_bucket_acl", OWNER)
    if public:
        with pytest.raises(ConfigError, match="its policy lets everybody in"):
            service.look()
    else:
        service.look()
    assert service.warnings == []


@pytest.mark.parametrize(("code", "status"), [("NotImplemented", 501), ("AccessDenied", 403)])
def test_a_service_that_does_not_tell_is_warned_of(service: Service, code: str, status: int) -> None:
    for operation in ("get_public_access_block", "get_bucket_policy_status", "get_bucket_policy", "get_bucket_acl"):
        service.says(operation, code, status)
    service.look()
    assert "does not say whether everybody may read it" in service.warnings[0]
    assert "s3:GetBucketPolicyStatus" in service.warnings[0]


@pytest.mark.parametrize(
    ("code", "status", "error"), [("NoSuchBucket", 404, ConfigError), ("SlowDown", 503, ApiError), ("SignatureDoesNotMatch", 403, ConfigError)]
)
def test_a_service_in_trouble_is_no_service_that_does_not_tell(service: Service, code: str, status: int, error: type[Exception]) -> None:
    service.says("get_public_access_block", code, status)
    with pytest.raises(error):
        service.look()


def test_a_folder_is_not_asked(tmp_path: Any) -> None:
    refuse_public(FolderStore(str(tmp_path)), pytest.fail)
