# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A token with scopes may do what they name, and is refused in the vendor's form; so is a key of S3 by its policy."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from sandbox.cloud.policies import permitted
from sandbox.cloud.scopes import narrow, permits, split
from tests.rights import policy
from tests.unit.sandbox.cloud.double import TOKENS, Shop


def test_a_token_carries_its_scopes() -> None:
    assert split("token") == ("token", None)
    assert split(narrow("token", [])) == ("token", frozenset())
    assert split(narrow("token", ["b", "a"])) == ("token", frozenset({"a", "b"}))
    assert permits("github", None, "check_runs")
    assert permits("github", frozenset({"checks:read"}), "check_runs")
    assert not permits("github", frozenset({"statuses:read"}), "check_runs")
    assert permits("github", frozenset(), "rate_limit")


READS = {
    "github": ("/repos/{repository}/deployments", "deployments:write", "checks:read"),
    "sentry": ("/api/0/organizations/{name}/projects/", "org:read", "project:releases"),
    "cloudflare": ("/client/v4/zones", "zone:read", "cache_purge"),
    "slack": ("/api/conversations.replies?channel=C", "channels:history", "chat:write"),
}
SAID = {
    "github": (403, "Resource not accessible by personal access token"),
    "sentry": (403, "You do not have permission to perform this action."),
    "cloudflare": (403, "Authentication error"),
    "slack": (200, "missing_scope"),
}


@pytest.mark.parametrize("vendor", READS)
def test_what_no_scope_names_is_refused(shop: Shop, vendor: str) -> None:
    path, scope, other = READS[vendor]
    url = path.format(name=shop.name, repository=shop.made["github"]["repository"])

    def ask(token: str, *scopes: str) -> tuple[int, str]:
        sent = {"authorization": f"Bearer {narrow(token, scopes)}"}
        answer = getattr(shop.double, vendor).get(url, headers=sent)
        return answer.status_code, answer.text

    status, text = ask(TOKENS[vendor], other)
    assert (status, SAID[vendor][1] in text) == (SAID[vendor][0], True), text
    assert SAID[vendor][1] not in ask(TOKENS[vendor], scope, other)[1]
    unknown = ask("another", scope)
    assert unknown[0] in (401, 403) or "invalid_auth" in unknown[1]


def asked(method: str, key: str, query: str = "", **headers: str) -> Request:
    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "query_string": query.encode(), "headers": sent}
    return Request({**scope, "path": f"/{key}", "path_params": {"path": key}})


WRITER, READER = policy("writes", "bucket", "shop"), policy("reads", "bucket", "shop")
NEW, SAME = {"if_none_match": "*"}, {"if_match": '"1"'}


@pytest.mark.parametrize(
    ("request_", "writer", "reader"),
    [
        (asked("GET", "bucket/shop/lease.json"), True, True),
        (asked("GET", "bucket/other/lease.json"), False, False),
        (asked("GET", "bucket", "list-type=2&prefix=shop/ledger/"), True, True),
        (asked("GET", "bucket", "list-type=2&prefix=other/"), False, False),
        (asked("GET", "bucket", "list-type=2"), False, False),
        (asked("PUT", "bucket/shop/lease.json", **NEW), True, False),
        (asked("PUT", "bucket/shop/lease.json", **SAME), True, False),
        (asked("PUT", "bucket/shop/lease.json"), False, False),
        (asked("PUT", "bucket/shop/ledger/1.json"), False, False),
        (asked("PUT", "bucket/shop/backups/a/dump", "partNumber=1&uploadId=2"), True, False),
        (asked("POST", "bucket/shop/backups/a/dump", "uploads="), True, False),
        (asked("DELETE", "bucket/shop/backups/a/dump", "uploadId=2"), True, False),
        (asked("DELETE", "bucket/shop/lease.json"), False, False),
        (asked("DELETE", "bucket/shop/evidence/v1/1.json"), False, False),
        (asked("DELETE", "bucket/shop/backups/a.json"), True, False),
        (asked("GET", "bucket", "acl="), True, False),
        (asked("GET", "bucket", "uploads=&prefix=shop/"), True, False),
        (asked("PUT", "bucket", "policy="), False, False),
        (asked("DELETE", "bucket"), False, False),
    ],
)
def test_a_policy_permits_what_it_names(request_: Request, writer: bool, reader: bool) -> None:
    assert (permitted(WRITER, request_), permitted(READER, request_)) == (writer, reader)


def test_a_statement_that_is_not_understood_is_a_mistake() -> None:
    strange = {"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"IpAddress": {"s3:prefix": "x"}}}
    for statement in (strange, {**strange, "Principal": "*"}):
        with pytest.raises(ValueError, match="not understood"):
            permitted({"Statement": [statement]}, asked("GET", "bucket/shop/lease.json"))
