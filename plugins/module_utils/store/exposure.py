# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the world may read a bucket, by what its service says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.errors import ConfigError, RunbookError
from .bucket_policy import public_acl, public_policy
from .s3_answers import CLOCK, EXPIRED, REGION
from .s3_streams import Bucket

NONE = "none"  # there is no such thing
BLOCKS = ("IgnorePublicAcls", "RestrictPublicBuckets")  # of the public access block: what takes effect on what is public already
# What says that the store itself is not as it was given.
WRONG = frozenset({"NoSuchBucket", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken"}) | CLOCK | EXPIRED | REGION
RIGHTS = "s3:GetBucketPublicAccessBlock, s3:GetBucketPolicyStatus and s3:GetBucketAcl"


def refuse_public(store: Bucket, warn: Callable[[str], None]) -> None:
    """Raise ConfigError when the world may read the store's bucket. Where the service, or the rights on it, leave that open it is warned of.

    A block of the whole account is not told of, so a bucket that only that protects is told by its policy and its ACL.
    """
    block = _ask(store, "get_public_access_block", "NoSuchPublicAccessBlockConfiguration", "PublicAccessBlockConfiguration", dict)
    blocked = {name: isinstance(block, dict) and block.get(name) is True for name in BLOCKS}
    if all(blocked.values()):
        return
    policy, acl = _public_policy(store), _public_acl(store)
    if (policy and not blocked["RestrictPublicBuckets"]) or (acl and not blocked["IgnorePublicAcls"]):
        raise ConfigError(
            f"The bucket {store.bucket} is public ({'its policy' if policy else 'its ACL'} lets everybody in), so the customers' data would be. "
            "Block public access to it (all four settings of its public access block), or set store to another bucket.",
            code="public_store",
        )
    unknown = (policy is None and not blocked["RestrictPublicBuckets"]) or (acl is None and not blocked["IgnorePublicAcls"])
    if unknown:
        warn(
            f"{store.describe()} does not say whether everybody may read it: the service does not tell, or the credentials lack {RIGHTS}. "
            "Look at the bucket's settings by hand."
        )


def _public_policy(store: Bucket) -> bool | None:
    """Ask for the service's own verdict and for the policy: either may say that it is public. One service has no verdict, another knows no conditions."""
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
    """Return the field of an answer, NONE where there is no such thing, and None when the service does not tell: it may answer with anything."""
    try:
        with store.named_errors("read"):
            answer = getattr(store.client, operation)(Bucket=store.bucket)
    except RunbookError as error:
        code, status = error.details.get("code"), error.details.get("status")
        if code == none:
            return NONE
        # botocore gives the code 500 to an answer whose body is no XML, whatever its status was; S3's own such code is InternalError.
        told = code in ("malformed_body", "500") or (code not in WRONG and status in (400, 403, 404, 405, 501))
        if not told:  # a service in trouble is no service that does not tell
            raise
        return None
    value = answer.get(field) if isinstance(answer, dict) else None
    return value if isinstance(value, kind) else None
