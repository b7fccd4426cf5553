# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Determine from a bucket's settings whether it is publicly readable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.errors import ConfigError, RunbookError
from .bucket_policy import public_acl, public_policy
from .s3_answers import CLOCK, EXPIRED, REGION
from .s3_streams import Bucket

NONE = "none"  # the setting does not exist
# settings of the public access block that also apply to existing public policies and ACLs
BLOCKS = ("IgnorePublicAcls", "RestrictPublicBuckets")
# Codes which show that the store's options themselves are wrong.
WRONG = (
    frozenset({"NoSuchBucket", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken"})
    | CLOCK
    | EXPIRED
    | REGION
)
RIGHTS = "s3:GetBucketPublicAccessBlock, s3:GetBucketPolicyStatus and s3:GetBucketAcl"


def refuse_public(store: Bucket, warn: Callable[[str], None]) -> None:
    """Raise ConfigError when the store's bucket is publicly readable. Warn when the service or the permissions leave
    this open.

    A block for the whole account is not visible here, so a bucket that only this block protects is judged by its policy
    and ACL.
    """
    block = _ask(
        store, "get_public_access_block", "NoSuchPublicAccessBlockConfiguration", "PublicAccessBlockConfiguration", dict
    )
    blocked = {name: isinstance(block, dict) and block.get(name) is True for name in BLOCKS}
    if all(blocked.values()):
        return
    policy, acl = _public_policy(store), _public_acl(store)
    if (policy and not blocked["RestrictPublicBuckets"]) or (acl and not blocked["IgnorePublicAcls"]):
        raise ConfigError(
            f"The bucket {store.bucket} is public ({'its policy' if policy else 'its ACL'} allows public access), "
            "which would expose the customers' data. "
            "Block public access to it (all four settings of its public access block), or set store to another bucket.",
            code="public_store",
        )
    unknown = (policy is None and not blocked["RestrictPublicBuckets"]) or (
        acl is None and not blocked["IgnorePublicAcls"]
    )
    if unknown:
        warn(
            f"Whether {store.describe()} is publicly readable is unknown: the service does not report it, or the"
            f" credentials lack {RIGHTS}. Check the bucket's settings manually."
        )


def _public_policy(store: Bucket) -> bool | None:
    """Check the service's own verdict and the policy; either can show that it is public. Some services have
    no verdict, others ignore conditions.
    """
    status = _ask(store, "get_bucket_policy_status", "NoSuchBucketPolicy", "PolicyStatus", dict)
    if status == NONE:
        return False
    verdict = status.get("IsPublic") if status else None
    if verdict is True:
        return True
    policy = _ask(store, "get_bucket_policy", "NoSuchBucketPolicy", "Policy", str)
    if policy == NONE:
        return False
    own = public_policy(policy) if policy else None
    return False if own is None and verdict is False else own


def _public_acl(store: Bucket) -> bool | None:
    grants = _ask(store, "get_bucket_acl", "AccessControlListNotSupported", "Grants", list)
    return False if grants == NONE else public_acl(grants)


def _ask(store: Bucket, operation: str, none: str, field: str, kind: type) -> Any:
    """Return the field of an answer; NONE where the setting does not exist; None when the service gives no
    usable answer.
    """
    try:
        with store.named_errors("read"):
            answer = getattr(store.client, operation)(Bucket=store.bucket)
    except RunbookError as error:
        code, status = error.details.get("code"), error.details.get("status")
        if code == none:
            return NONE
        # botocore uses the code 500 for an answer whose body is not XML, whatever its status; S3's own code for that is
        # InternalError.
        unsupported = code in ("malformed_body", "500") or (code not in WRONG and status in (400, 403, 404, 405, 501))
        if not unsupported:  # a failing service may still support the setting
            raise
        return None
    value = answer.get(field) if isinstance(answer, dict) else None
    return value if isinstance(value, kind) else None
