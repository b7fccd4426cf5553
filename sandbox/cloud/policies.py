# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a policy of S3 permits an access key: the parts of its language that docs/rights.md uses.

A statement has Effect, Action, Resource or NotResource, and a Condition of the operators Null and StringLike. Anything
else is refused as a mistake, since a statement that is not understood would permit too much or too little.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.requests import Request

ARN = "arn:aws:s3:::"
# what a query asks of a bucket
OF_A_BUCKET = {
    "uploads": "ListBucketMultipartUploads",
    "publicAccessBlock": "GetBucketPublicAccessBlock",
    "policyStatus": "GetBucketPolicyStatus",
    "policy": "GetBucketPolicy",
    "acl": "GetBucketAcl",
    "versioning": "GetBucketVersioning",
    "location": "GetBucketLocation",
}
KNOWN = {"Sid", "Effect", "Action", "Resource", "NotResource", "Condition"}


def asked(request: Request) -> tuple[str, str]:
    """Return the action and the resource of a request, as the service names them."""
    bucket, _slash, key = request.path_params["path"].partition("/")
    resource = f"{ARN}{bucket}/{key}" if key else f"{ARN}{bucket}"
    if not key:
        if request.method not in ("GET", "HEAD"):
            return (
                f"s3:{request.method.title()}Bucket",
                resource,
            )  # settings and the bucket itself: no policy here has it
        setting = next((name for part, name in OF_A_BUCKET.items() if part in request.query_params), "ListBucket")
        return f"s3:{setting}", resource
    if request.method == "DELETE":
        return f"s3:{'AbortMultipartUpload' if 'uploadId' in request.query_params else 'DeleteObject'}", resource
    if request.method in ("GET", "HEAD"):
        return f"s3:{'ListMultipartUploadParts' if 'uploadId' in request.query_params else 'GetObject'}", resource
    return "s3:PutObject", resource


def permitted(policy: Mapping[str, Any], request: Request) -> bool:
    """Whether a policy permits a request: a statement allows it, and none denies it."""
    action, resource = asked(request)
    context = {
        "s3:if-none-match": request.headers.get("if-none-match"),
        "s3:if-match": request.headers.get("if-match"),
        "s3:prefix": request.query_params.get("prefix"),
    }
    effects = {one["Effect"] for one in policy["Statement"] if _applies(one, action, resource, context)}
    return effects == {"Allow"}


def _applies(statement: Mapping[str, Any], action: str, resource: str, context: Mapping[str, str | None]) -> bool:
    if unknown := statement.keys() - KNOWN:
        raise ValueError(f"a statement with {', '.join(sorted(unknown))} is not understood")
    if not _matches(action, statement["Action"]):
        return False
    if "NotResource" in statement:
        of_it = not _matches(resource, statement["NotResource"])
    else:
        of_it = _matches(resource, statement["Resource"])
    return of_it and all(
        _holds(operator, context[key.lower()], wanted)
        for operator, keys in statement.get("Condition", {}).items()
        for key, wanted in keys.items()
    )


def _matches(text: str, patterns: str | Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(text, one) for one in ([patterns] if isinstance(patterns, str) else patterns))


def _holds(operator: str, value: str | None, wanted: Any) -> bool:
    if operator == "Null":
        return (value is None) == (str(wanted).lower() == "true")
    if operator == "StringLike":
        return value is not None and _matches(value, wanted)
    raise ValueError(f"the operator {operator} is not understood")
