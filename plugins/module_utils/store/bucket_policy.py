# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide whether a bucket's policy or ACL allows public access, by AWS's definition of "public" or a stricter one.

A policy is public unless each allowing statement names fixed principals, or restricts everybody by a fixed value: an
account, an organization, a VPC, an access point, or a limited range of addresses. The result for a policy that cannot
be read is None.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import Any

from ..core.json_text import loads

# ends of the groups' names; anybody can create an account
EVERYBODY = ("/groups/global/AllUsers", "/groups/global/AuthenticatedUsers")
FIXED_KEYS = frozenset(
    {
        *(
            "aws:principalaccount",
            "aws:principalarn",
            "aws:principalorgid",
            "aws:principalorgpaths",
            "aws:sourceaccount",
            "aws:sourcearn",
            "aws:sourceowner",
        ),
        *("aws:sourcevpc", "aws:sourcevpce", "aws:userid", "s3:dataaccesspointaccount", "s3:dataaccesspointarn"),
    }
)
FIXED_OPERATORS = frozenset({"stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike"})
# AWS allows a wildcard in these: the part before it belongs to one account or one role.
FIXED_PREFIX = {
    "s3:dataaccesspointarn": re.compile(r"arn:[\w-]+:s3:[\w-]+:\d{12}:accesspoint/[\w/*-]+"),
    "aws:userid": re.compile(r"[\w-]+:\*"),
}
PRIVATE = [
    ip_network(network)
    for network in ("10.0.0.0/8", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "::1/128")
]
MAPPED = IPv6Network("::ffff:0:0/96")
WIDEST = {4: 2**24, 6: 2**96}  # addresses: a /8 of IPv4, a /32 of IPv6; more counts as everybody


def public_policy(text: Any) -> bool | None:
    try:
        policy = loads(text)
    except (ValueError, TypeError):
        return None
    statements = policy.get("Statement") if isinstance(policy, dict) else None
    return _any([_opens(statement) for statement in (statements if isinstance(statements, list) else [statements])])


def public_acl(grants: Any) -> bool | None:
    if not isinstance(grants, list):
        return None
    grantees = [grant.get("Grantee") if isinstance(grant, dict) else None for grant in grants]
    return _any(
        [
            (
                str(grantee.get("URI") or "").rstrip("/").endswith(EVERYBODY)
                if isinstance(grantee, dict) and grantee
                else None
            )
            for grantee in grantees
        ]
    )


def _any(verdicts: Iterable[bool | None]) -> bool | None:
    found = list(verdicts)
    return True if True in found else None if None in found else False


def _opens(statement: Any) -> bool | None:
    """Whether a statement allows everybody any action."""
    if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
        return None
    if statement["Effect"] == "Deny":
        return False
    if "NotPrincipal" not in statement and "Principal" not in statement:
        return None
    everybody = "NotPrincipal" in statement or any("*" in named for named in _texts(statement["Principal"]))
    return everybody and not _restricts(statement.get("Condition"))


def _texts(value: Any) -> list[str]:
    """Return all strings in a value, nested ones included."""
    if isinstance(value, dict):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [str(value)]


def _restricts(condition: Any) -> bool:
    """Whether at least one of the conditions, which must all hold, excludes somebody."""
    tests = condition.items() if isinstance(condition, dict) else ()
    return any(
        _fixed(operator, str(key).lower(), values)
        for operator, keys in tests
        if isinstance(keys, dict)
        for key, values in keys.items()
    )


def _fixed(operator: str, key: str, values: Any) -> bool:
    # "ForAllValues:" and "...IfExists" also hold for a request without the key, so they exclude nobody.
    name, listed = operator.lower().removeprefix("foranyvalue:"), values if isinstance(values, list) else [values]
    if not listed or not all(isinstance(value, str) and value for value in listed):
        return False
    if key == "aws:sourceip":
        return name == "ipaddress" and _narrow(listed)
    if key not in FIXED_KEYS or name not in FIXED_OPERATORS:
        return False
    allowed = FIXED_PREFIX.get(key)
    return all(not re.search(r"[*?]|\$\{", value) or bool(allowed and allowed.fullmatch(value)) for value in listed)


def _narrow(ranges: list[str]) -> bool:
    """Whether the ranges of addresses together cover only a few networks."""
    total = {4: 0, 6: 0}
    try:
        networks = [_plain(ip_network(text.strip(), strict=False)) for text in ranges]
    except ValueError:
        return False
    for version in total:
        same: Any = [network for network in networks if network.version == version]
        own = [
            network
            for network in collapse_addresses(same)
            if not any(network.version == private.version and _in(network, private) for private in PRIVATE)
        ]
        total[version] = sum(network.num_addresses for network in own)
    return all(count <= WIDEST[version] for version, count in total.items())


def _in(network: Any, other: Any) -> bool:
    return network.subnet_of(other)


def _plain(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    """Return the IPv4 range that an IPv6 range contains."""
    if isinstance(network, IPv6Network) and network.subnet_of(MAPPED):
        return IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - 96))
    return network
