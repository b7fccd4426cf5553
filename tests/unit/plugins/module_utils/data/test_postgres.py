# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""data/postgres.py: what is read from a URL, and what is said of a server that cannot be reached."""

from __future__ import annotations

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError, Unreachable
from ansible_collections.storefront.runbook.plugins.module_utils.data.postgres import _refusal, direct, parse_url


def test_a_plain_url_has_prismas_defaults() -> None:
    database = parse_url("postgresql://shop:pw@db.example/shop")
    assert (database.host, database.port, database.user, database.password, database.name) == ("db.example", 5432, "shop", "pw", "shop")
    assert (database.schema, database.pooled, database.options, dict(database.settings)) == ("public", False, "", {})


def test_credentials_and_names_are_decoded() -> None:
    database = parse_url("postgres://sh%40p:p%2Fw%3A%40%25@[::1]:6543/my%20shop")
    assert (database.host, database.port, database.user, database.password, database.name) == ("::1", 6543, "sh@p", "p/w:@%", "my shop")


def test_what_only_prisma_knows_is_not_handed_to_libpq() -> None:
    database = parse_url(
        "postgresql://u:p@h/d?schema=shop&connection_limit=5&pool_timeout=2&pgbouncer=true&statement_cache_size=0&socket_timeout=3&sslmode=require"
    )
    assert (database.schema, database.pooled, dict(database.settings)) == ("shop", True, {"sslmode": "require"})


def test_a_socket_may_be_given_as_the_host_parameter() -> None:
    assert parse_url("postgresql://u:p@localhost/d?host=/var/run/postgresql").host == "/var/run/postgresql"


def test_strict_tls_stays_strict_with_the_certificate_that_prisma_calls_sslcert() -> None:
    settings = parse_url("postgresql://u:p@h/d?sslaccept=strict&sslcert=/etc/ca.pem").settings
    assert dict(settings) == {"sslmode": "verify-full", "sslrootcert": "/etc/ca.pem"}


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://u:hunter2@h:port/d", "host or port cannot be read"),
        ("postgresql://u:hunter2@h", "lacks its database"),
        ("postgresql://h/d", "lacks its user"),
        ("postgresql:///", "lacks its host and user and database"),
        ("mysql://u:hunter2@h/d", "not with postgresql://"),
        ("prisma+postgres://accelerate.prisma-data.net/?api_key=hunter2", "Prisma's own service"),
        ("hunter2", "no scheme"),
    ],
)
def test_a_url_that_is_none_is_refused_by_the_options_name_and_never_shown(url: str, words: str) -> None:
    with pytest.raises(ConfigError, match="some_option") as refused:
        parse_url(url, "some_option")
    assert words in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_the_direct_url_is_preferred_and_a_pooler_alone_is_refused() -> None:
    pooled = "postgresql://u:p@pooler/d?pgbouncer=true"
    assert direct(pooled, "postgresql://u:p@server/d").host == "server"
    with pytest.raises(ConfigError, match=r"database_url goes through a connection pooler .* as direct_url"):
        direct(pooled)
    with pytest.raises(ConfigError, match=r"^direct_url goes through"):
        direct(pooled, pooled)


def test_railways_private_network_is_named_with_the_way_out() -> None:
    error = _refusal(parse_url("postgresql://u:hunter2@postgres.railway.internal/railway"), "could not translate host name")
    assert isinstance(error, Unreachable)
    assert "private network" in str(error)
    assert "DATABASE_PUBLIC_URL" in str(error)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ('connection to server at "h", port 5432 failed: FATAL:  password authentication failed for user "u"', "auth_failed"),
        ('connection to server at "h", port 5432 failed: FATAL:  database "d" does not exist', "no_database"),
        ('connection to server at "h", port 5432 failed: Connection refused\n\tIs the server running?', "connection"),
        ('connection to server at "h", port 5432 failed: FATAL:  sorry, too many clients already', "too_many_connections"),
        ('connection to server at "h", port 5432 failed: timeout expired', "timeout"),
        ("something new that holds hunter2", "connection"),
        ("", "connection"),
    ],
)
def test_a_refusal_names_server_and_reason_but_never_the_password(said: str, code: str) -> None:
    error = _refusal(parse_url("postgresql://u:hunter2@h/d"), said)
    assert error.details["code"] == code
    assert "d on h:5432 as u" in str(error)
    assert "hunter2" not in str(error)
