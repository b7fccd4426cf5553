# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the world may read a store, going by what its service tells of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ..core.errors import ConfigError, RunbookError
from .store import Store
from .store_s3 import S3Store

EVERYBODY = ("http:" + "//acs.amazonaws.com/groups/global/AllUsers", "http:" + "//acs.amazonaws.com/groups/global/AuthenticatedUsers")  # names, not addresses
BLOCKS = ("IgnorePublicAcls", "RestrictPublicBuckets")  # of the public access block: what takes effect on what is public already
# What says that the store itself is not as it was given.
WRONG = frozenset(
    {"NoSuchBucket", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "AuthorizationHeaderMalformed", "PermanentRedirect"}
)
RIGHTS = "s3:GetBucketPublicAccessBlock, s3:GetBucketPolicyStatus and s3:GetBucketAcl"


def refuse_public(store: Store, warn: Callable[[str], None]) -> None:
    """Raise ConfigError when the world may read the store's bucket. Where the service, or the rights on it, leave that open it is warned of.

    A block of the whole account is not told of, so a bucket that only that protects is told by its policy and its ACL.
    """
    if not isinstance(store, S3Store):
        return  # a folder's files are for their owner only
    block = _ask(store, "get_public_access_block", "NoSuchPublicAccessBlockConfiguration", "PublicAccessBlockConfiguration") or {}
    blocked = {name: bool(block.get(name)) for name in BLOCKS}
    if all(blocked.values()):
        return
    policy, acl = _public_policy(store), _public_acl(store)
    if (policy and not blocked["RestrictPublicBuckets"]) or (acl and not blocked["IgnorePublicAcls"]):
        raise ConfigError(
            f"The bucket {store.bucket} is public ({'its policy' if policy else 'its ACL'} lets everybody in), so the customers' data would be. "
            "Block public access to it (all four settings of its public access block), or set store to another bucket.",
            code="public_store",
        )
    if policy is None or acl is None:
        warn(
            f"{store.describe()} does not say whether everybody may read it: the service does not tell, or the credentials lack {RIGHTS}. "
            "Look at the bucket's settings by hand."
        )


def _public_policy(store: S3Store) -> bool | None:
    status = _ask(store, "get_bucket_policy_status", "NoSuchBucketPolicy", "PolicyStatus")
    if status is not None:
        return bool(status.get("IsPublic"))
    policy = _ask(store, "get_bucket_policy", "NoSuchBucketPolicy", "Policy")  # some services have a policy and no status of it
    if policy is None:
        return None
    statements = json.loads(policy).get("Statement", []) if policy else []
    return any(map(_admits_everybody, statements if isinstance(statements, list) else [statements]))


def _admits_everybody(statement: dict[str, Any]) -> bool:
    """Whether a statement names everybody and no condition, which is what makes one public for certain."""
    principal = statement.get("Principal")
    named = principal.get("AWS") if isinstance(principal, dict) else principal
    return statement.get("Effect") == "Allow" and not statement.get("Condition") and (named == "*" or (isinstance(named, list) and "*" in named))


def _public_acl(store: S3Store) -> bool | None:
    grants = _ask(store, "get_bucket_acl", "AccessControlListNotSupported", "Grants")
    return None if grants is None else any(grant.get("Grantee", {}).get("URI") in EVERYBODY for grant in grants)


def _ask(store: S3Store, operation: str, none: str, field: str) -> Any:
    """Return the field of an answer, an empty one where there is none such, and None when the service does not tell."""
    try:
        with store.named_errors("read"):
            return getattr(store.client, operation)(Bucket=store.bucket)[field]
    except RunbookError as error:
        code, status = error.details.get("code"), error.details.get("status")
        if code == none:
            return {}
        if code in WRONG or status not in (400, 403, 404, 405, 501):  # a service in trouble is no service that does not tell
            raise
        return None
