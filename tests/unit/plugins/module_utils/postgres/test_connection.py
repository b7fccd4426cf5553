# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""postgres/connection.py: what is read from a URL, and what is said of a server that cannot be reached."""

from __future__ import annotations

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError, Unreachable
from ansible_collections.storefront.runbook.plugins.module_utils.core.redact import redact, secrets_of_url
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.connection import (
    _refusal,
    connect,
    direct,
    parse_url,
)

from tests.unit.rude_server import rude_server, silence


def test_a_plain_url_has_prismas_defaults() -> None:
    database = parse_url("postgresql://shop:pw@db.example/shop")
    assert (database.host, database.port, database.user, database.password, database.name) == (
        "db.example",
        5432,
        "shop",
        "pw",
        "shop",
    )
    assert (database.schema, database.pooled, database.options, dict(database.settings)) == ("public", False, "", {})


def test_credentials_and_names_are_decoded() -> None:
    database = parse_url("postgres://sh%40p:p%2Fw%3A%40%25@[::1]:6543/my%20shop")
    assert (database.host, database.port, database.user, database.password, database.name) == (
        "::1",
        6543,
        "sh@p",
        "p/w:@%",
        "my shop",
    )


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
        ("hunter2:x", "no scheme"),
        ("postgresql://u:p@h1:5432,h2:5432/d", "Prisma reaches one host"),
        ("postgresql://u:p@h1,h2/d", "names several hosts"),
        ("postgresql://u:p@h/d?connect_timeout=soon", "a connect_timeout that is not a whole number"),
        ("postgresql://u:p@h/d?connection_limit=-1", "a connection_limit that is not a whole number"),
        ("postgresql://u:p@h/d?pool_timeout=1.5", "a pool_timeout that is not a whole number"),
        ("postgresql://u:p@h/d?pgbouncer=yes", "neither true nor false"),
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
    error = _refusal(
        parse_url("postgresql://u:hunter2@postgres.railway.internal/railway"), "could not translate host name"
    )
    assert isinstance(error, Unreachable)
    assert "private network" in str(error)
    assert "DATABASE_PUBLIC_URL" in str(error)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (
            'connection to server at "h", port 5432 failed: FATAL:  password authentication failed for user "u"',
            "auth_failed",
        ),
        ('connection to server at "h", port 5432 failed: FATAL:  database "d" does not exist', "no_database"),
        ('connection to server at "h", port 5432 failed: Connection refused\n\tIs the server running?', "connection"),
        (
            'connection to server at "h", port 5432 failed: FATAL:  sorry, too many clients already',
            "too_many_connections",
        ),
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


# Passwords that were written as they are. What of them ends up as a host, a port, a database or an option must not be
# shown.
RAW = [
    "hunt/ersecret",
    "hunt#ersecret",
    "hunt?ersecret",
    "hunt@er/secret",
    "hunt@er?secret",
    "hunt@er#secret",
    "hunt/er@secret",
    "hunt?er@secret",
    "hunt#er@secret",
]
RAW += [
    "12/ersecret",
    "12?ersecret",
    "12#ersecret",
    "hunt@er:99/secret",
    "hunt@ersecret/",
    "hunt:er@secret/x",
    "%zzhunt/ersecret",
    "hunt[er/secret",
    "hunt@[er]secret/",
]


@pytest.mark.parametrize("password", RAW)
@pytest.mark.parametrize("rest", ["@db.example:5432/shop?schema=public", "@db.example/shop", "@db.example"])
def test_no_piece_of_a_raw_password_is_shown(password: str, rest: str) -> None:
    url = f"postgresql://u:{password}{rest}"
    with pytest.raises(ConfigError) as refused:
        parse_url(url, "some_option")
    for piece in ("hunt", "ersecret", "secret", "er@"):
        assert piece not in str(refused.value)
    shown = redact(f"in {url} and of {password}", secrets_of_url(url))
    assert not [piece for piece in ("hunt", "secret") if piece in shown], shown


@pytest.mark.parametrize(
    "password", ["hunt@ersecret", "hunt%ersecret", "hunt%2Fersecret", "hunt:ersecret", "hunt&er=secret"]
)
def test_a_raw_character_that_tears_nothing_is_read_as_prisma_reads_it(password: str) -> None:
    database = parse_url(f"postgresql://u:{password}@db.example:5432/shop?schema=public")
    assert (database.host, database.name, database.password) == ("db.example", "shop", password.replace("%2F", "/"))


URLS: dict[str, dict[str, object]] = {
    "postgresql://u:p@h/d?connect_timeout=3": {"connect_timeout": 3},
    "postgresql://u:p@h/d?connect_timeout=0": {"connect_timeout": 0},
    "postgresql://u:p@h/d?application_name=my%20shop": {"application": "my shop"},
    "postgresql://u:p@[2001:db8::1]/d": {"host": "2001:db8::1", "port": 5432},
    "postgresql://u:p@[2001:db8::1]:6432/d": {"host": "2001:db8::1", "port": 6432},
    "postgresql://u:p@localhost/d?host=%2Fvar%2Frun%2Fpostgresql": {"host": "/var/run/postgresql", "settings": {}},
    "postgresql://u:p@/d?host=/tmp": {"host": "/tmp"},
    "postgresql://u:p@h/d?host=/tmp&sslmode=require": {"host": "/tmp", "settings": {"sslmode": "disable"}},
    "postgresql://u:p@h/d?schema=a%22b": {"schema": 'a"b'},
    "postgresql://u:p@h/d?options=--cluster%3Dmine": {"options": "--cluster=mine"},
    "postgresql://u:p@h/d?channel_binding=require": {"settings": {"channel_binding": "require"}},
    "postgresql://u:p@h/d?sslmode=allow": {"settings": {"sslmode": "prefer"}},
    "postgresql://u:p@h/d?sslmode=disable&sslaccept=strict": {"settings": {"sslmode": "disable"}},
    "postgresql://u:p@h/d?sslmode=verify-ca": {"settings": {"sslmode": "verify-ca"}},
    "postgresql://u:p@h/d?sslkey=/k&sslcert=/c": {"settings": {}},
    "postgresql://u:%C3%A9%2F@h/d": {"password": "é/"},
    "postgresql://u:%FF@h/d": {"password": "%FF"},
    "postgresql://u@h/d": {"password": ""},
    "postgresql://u:p@h/d?pgbouncer=false": {"pooled": False},
    "postgresql://u:p@h/d?unknown=x@y": {"name": "d"},
}


@pytest.mark.parametrize("url", URLS)
def test_a_url_is_read_as_prisma_reads_it(url: str) -> None:
    database = parse_url(url)
    assert {name: getattr(database, name) for name in URLS[url]} == URLS[url]


def test_a_server_that_accepts_and_never_answers_is_given_up() -> None:
    with rude_server(silence) as address, pytest.raises(Unreachable) as refused:
        connect(parse_url(f"postgresql://shop:hidden@{address.removeprefix('http://')}/shop?connect_timeout=1"))
    assert refused.value.details.get("code") == "timeout"
    assert "hidden" not in str(refused.value)
