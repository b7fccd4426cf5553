# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one redactor."""

from __future__ import annotations

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.redact import redact, secrets_of_url


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://shop:hunter2@db.example/shop?schema=public", "postgresql://shop:********@db.example/shop?schema=public"),
        ("redis://:hunter2@cache.example:6379/0", "redis://:********@cache.example:6379/0"),
        (
            "cannot reach https://a:hunter2@x.example and http://b:hunter3@y.example!",
            "cannot reach https://a:********@x.example and http://b:********@y.example!",
        ),
        ("postgres://shop:p@ss#1?@db.example/shop", "postgres://shop:********@db.example/shop"),
        ("https://shop.example:8443/mail/me@shop.example", "https://shop.example:8443/mail/me@shop.example"),
        ("no address, but me@shop.example", "no address, but me@shop.example"),
    ],
)
def test_the_password_of_every_url_is_masked_and_nothing_else(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_known_secrets_are_masked_the_longest_first() -> None:
    assert redact("token and token-long", ["token", "token-long"]) == "******** and ********"


def test_an_empty_or_very_short_secret_does_not_garble_the_text() -> None:
    assert redact("abc is in abcdef", ["", "abc"]) == "abc is in abcdef"


@pytest.mark.parametrize("url", [None, "", "https://shop.example", "https://user@shop.example"])
def test_a_url_without_a_password_has_no_secrets(url: str | None) -> None:
    assert secrets_of_url(url) == []


def test_a_password_is_secret_as_written_decoded_and_encoded() -> None:
    url = "postgresql://shop:p%40ss/w@db.example/shop".replace("/w@", "%2Fw@")
    assert secrets_of_url(url) == [url, "p%40ss%2Fw", "p@ss/w"]
    assert secrets_of_url("redis://:p+s@h") == ["redis://:p+s@h", "p+s", "p%2Bs"]


def test_an_address_that_cannot_be_read_is_secret_as_a_whole() -> None:
    assert secrets_of_url("postgresql://shop:hunter2@[::1/shop") == ["postgresql://shop:hunter2@[::1/shop"]


def test_an_option_with_an_at_sign_makes_no_secret_of_the_address() -> None:
    assert secrets_of_url("postgresql://shop:hunter2@db.example/shop?application_name=a@b") == [
        "postgresql://shop:hunter2@db.example/shop?application_name=a@b",
        "hunter2",
    ]


@pytest.mark.parametrize("password", ["hunt/ersecret", "hunt#ersecret", "hunt?ersecret"])
@pytest.mark.parametrize("scheme", ["https", "redis", "postgresql"])
def test_the_pieces_of_a_raw_password_are_secret_in_every_address(scheme: str, password: str) -> None:
    url = f"{scheme}://shop:{password}@h.example/x"
    shown = redact(f"{url}: no port 'hunt' at ersecret@h.example", secrets_of_url(url))
    assert not [piece for piece in ("hunt", "ersecret") if piece in shown], shown
