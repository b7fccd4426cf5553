# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one redactor."""

from __future__ import annotations

import base64
import html
import json
import re
import time
from urllib.parse import quote, quote_plus

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.redact import MASK, redact, secrets_of_url


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "postgresql://shop:hunter2@db.example/shop?schema=public",
            "postgresql://shop:********@db.example/shop?schema=public",
        ),
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


TOKEN = 'tok_"Zä/4711+secret=='

FORMS = {
    "itself": TOKEN,
    "URL-encoded": quote(TOKEN, safe=""),
    "URL-encoded, lower case": re.sub("%..", lambda byte: byte[0].lower(), quote(TOKEN, safe="")),
    "URL-encoded but the slash": quote(TOKEN),
    "as a form's field": quote_plus(TOKEN),
    "URL-encoded twice": quote(quote(TOKEN, safe=""), safe=""),
    "each byte URL-encoded": "".join(f"%{byte:02x}" for byte in TOKEN.encode()),
    "JSON": json.dumps(TOKEN)[1:-1],
    "JSON in UTF-8": json.dumps(TOKEN, ensure_ascii=False)[1:-1],
    "JSON with its slash escaped": json.dumps(TOKEN)[1:-1].replace("/", "\\/"),
    "JSON in JSON": json.dumps(json.dumps({"token": TOKEN})),
    "repr": repr(TOKEN),
    "HTML": html.escape(TOKEN),
    "hex": TOKEN.encode().hex(),
    "HEX": TOKEN.encode().hex().upper(),
    **{
        f"base64 after {before} bytes": base64.b64encode(b"x" * before + TOKEN.encode()).decode() for before in range(4)
    },
    **{
        f"URL-safe base64 after {before} bytes": (
            base64.urlsafe_b64encode(b"x" * before + TOKEN.encode() + b"yy").decode()
        )
        for before in range(4)
    },
    "Basic": base64.b64encode(f"user:{TOKEN}".encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_masked_in_each_form(form: str) -> None:
    shown = redact(f"invalid credential: {FORMS[form]} was given", [TOKEN])
    assert MASK in shown
    core = FORMS[form].strip("\"'=")[4:-4]  # the ends of base64 stand for the bytes beside it too
    assert core not in shown
    assert shown.startswith("invalid credential: ")
    assert shown.endswith(" was given")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("token rnd_4fQz8LmK2xW was refused", f"token {MASK} was refused"),  # twelve characters and more
        ("token rnd_4fQz8LmK... was refused", f"token {MASK}... was refused"),
        ("token rnd_**** was refused", f"token {MASK}**** was refused"),
        ("token rnd_4fQ… was refused", f"token {MASK}… was refused"),
        ("token rnd_4fQz... was refused", f"token {MASK}... was refused"),
        ("rnd_ is how tokens of Render begin", "rnd_ is how tokens of Render begin"),
        ("rnd_4fQ is too short to be one", "rnd_4fQ is too short to be one"),
    ],
)
def test_the_beginning_of_a_token_is_masked(text: str, shown: str) -> None:
    assert redact(text, ["rnd_4fQz8LmK2xWv9TbN3sHc5dJg"]) == shown


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        ("AGE-SECRET-KEY-1QQPQZRY9X8GF2TVDW0S3JN54", "Give an identity that begins with AGE-SECRET-KEY-1"),
        ("storefront-production-1", "the project storefront-prod is unknown"),
        ("https://hooks.slack.com/services/T0/B0/abc", "https://hooks.slack.com/ cannot be reached"),
        ("abc", "abc is in abcdef and YWJj"),
        ("test", "74657374 is dGVzdA=="),
    ],
)
def test_common_words_are_not_masked(secret: str, text: str) -> None:
    assert redact(text, [secret]) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "GET https://shop.example/?x-vercel-protection-bypass=s3cret&b=1",
            "GET https://shop.example/?x-vercel-protection-bypass=********&b=1",
        ),
        (
            '"https://a.example/?access_token=one&page=2&api_key=two"',
            '"https://a.example/?access_token=********&page=2&api_key=********"',
        ),
        ("https://shop.example/?page=2&tokens=3#token=4", "https://shop.example/?page=2&tokens=3#token=********"),
    ],
)
def test_secret_parameters_of_every_url_are_masked(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_a_user_without_a_password_is_a_token_of_a_git_host() -> None:
    assert "ghp_4711secret" in secrets_of_url("https://ghp_4711secret@github.com/acme/shop.git")
    assert secrets_of_url("ssh://git@github.com/acme/shop.git") == []


def test_a_large_text_takes_time_by_its_length_alone() -> None:
    secrets = [f"tok_{number:04}_{'Ab3' * 12}" for number in range(30)]
    for unit in ("a", "http://", "x@", "https://u:p?token=&", "tok_"):
        text = unit * (400_000 // len(unit))
        began = time.process_time()
        redact(text, secrets)
        assert time.process_time() - began < 20  # a quadratic search takes hours
