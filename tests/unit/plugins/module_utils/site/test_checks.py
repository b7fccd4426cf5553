# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an answer is judged to be: by whom, what differs, which release."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.site.checks import (
    MISSING,
    Answer,
    Check,
    blocked_by,
    differences,
    look_up,
    reported_release,
)
from requests.structures import CaseInsensitiveDict

HEALTH = (
    '{"status": "healthy", "release": "v1.1.0", "build": 7, "services": {"database": "connected"}, "units": [{"name":'
    ' "api"}]}'
)


def check(**expected: Any) -> Check:
    return Check(name="API", url="https://shop.example/health", **expected)


def answer(
    status: int = 200,
    text: str = HEALTH,
    *,
    url: str = "https://shop.example/health",
    headers: dict[str, str] | None = None,
    **more: Any,
) -> Answer:
    return Answer(
        url=url,
        status=status,
        headers=CaseInsensitiveDict(headers or {}),
        text=text,
        **{"truncated": False, "latency_ms": 40, **more},
    )


def found(expected: dict[str, Any], came: Answer, release: str | None = None) -> list[str]:
    return list(differences(check(**expected, expected_release=release), came))


@pytest.mark.parametrize(
    "expected",
    [
        {},
        {"status": [503, 200]},
        {
            "json": {
                "status": "healthy",
                "services.database": "connected",
                "units.0.name": "api",
                "build": 7,
                "services": {"database": "connected"},
            }
        },
        {"headers": {"content-type": "JSON", "X-Empty": ""}},
        {"contains": '"healthy"'},
        {"max_latency_ms": 40},
    ],
)
def test_an_answer_as_expected_differs_in_nothing(expected: dict[str, Any]) -> None:
    assert found(expected, answer(headers={"Content-Type": "application/json", "x-empty": ""})) == []


@pytest.mark.parametrize(
    ("expected", "came", "reasons"),
    [
        ({}, answer(503), ["status 503 instead of 200"]),
        ({"status": [200, 204]}, answer(500), ["status 500 instead of 200 or 204"]),
        (
            {},
            answer(404, url="https://user:pw@other.example/login?next=1"),
            ["status 404 instead of 200, redirected to https://other.example/login"],
        ),
        (
            {"json": {"services.redis": "connected"}},
            answer(),
            ['JSON services.redis is missing instead of "connected"'],
        ),
        ({"json": {"build": "7"}}, answer(), ['JSON build is 7 instead of "7"']),
        ({"json": {"status": "healthy"}}, answer(text="<html>"), ['JSON status is missing instead of "healthy"']),
        ({"headers": {"X-Frame-Options": "DENY"}}, answer(), ["header X-Frame-Options is 'missing' instead of 'DENY'"]),
        ({"headers": {"X-Frame-Options": ""}}, answer(), ["header X-Frame-Options is 'missing' instead of ''"]),
        ({"contains": "Welcome"}, answer(), ["the page does not contain 'Welcome'"]),
        ({"max_latency_ms": 500}, answer(latency_ms=501), ["took 501 ms instead of at most 500 ms"]),
        ({}, answer(truncated=True), ["the body is larger than a probe reads: choose a smaller page"]),
        (
            {"json": {"status": "healthy"}},
            answer(503, '{"status": "unhealthy"}'),
            ["status 503 instead of 200", 'JSON status is "unhealthy" instead of "healthy"'],
        ),
    ],
)
def test_every_difference_says_what_was_expected_and_what_came(
    expected: dict[str, Any], came: Answer, reasons: list[str]
) -> None:
    assert found(expected, came) == reasons


def test_the_release_is_compared_where_the_check_says_how_it_is_reported() -> None:
    check = {"release": {"json": "release"}}
    assert found(check, answer(), "v1.1.0") == []
    assert found(check, answer(), "v1.2.0") == ["release v1.1.0 instead of v1.2.0"]
    assert found(check, answer(text="{}"), "v1.2.0") == ["release missing instead of v1.2.0"]
    assert found(check, answer(), None) == []
    assert found({}, answer(), "v1.2.0") == []


@pytest.mark.parametrize(
    ("where", "release"),
    [
        ({}, None),
        ({"json": "release"}, "v1.1.0"),
        ({"json": "build"}, "7"),
        ({"json": "services"}, None),
        ({"header": "X-Release"}, "v1.3.0"),
        ({"header": "x-other"}, None),
        ({"regex": r'"release": "(v[\d.]+)"'}, "v1.1.0"),
        ({"regex": r"v[\d.]+"}, "v1.1.0"),
        ({"regex": "nothing"}, None),
        ({"meta": "release"}, None),
    ],
)
def test_a_release_is_read_from_json_header_or_text(where: dict[str, str], release: str | None) -> None:
    assert reported_release(check(release=where), answer(headers={"x-release": "v1.3.0"})) == release


@pytest.mark.parametrize(
    "page",
    [
        '<html><head><meta charset="utf-8"><meta name="release" content="v1.1.0"></head>',
        "<META content='v1.1.0' NAME='release' />",
        "<meta name=release content=v1.1.0><meta name=release content=v9.9.9><p>unclosed",
    ],
)
def test_a_release_is_read_from_a_meta_element(page: str) -> None:
    assert reported_release(check(release={"meta": "release"}), answer(text=page)) == "v1.1.0"


@pytest.mark.parametrize("path", ["a.x", "a.1", "a.0.c", "", "b.c"])
def test_a_path_that_leads_nowhere_finds_nothing(path: str) -> None:
    assert look_up({"a": [{"b": 1}], "b": "text"}, path) is MISSING


@pytest.mark.parametrize(
    ("came", "by"),
    [
        (answer(403, "", headers={"CF-Mitigated": "challenge"}), "Cloudflare"),
        (answer(503, "<title>Just a moment...</title>"), "Cloudflare"),
        (answer(403, "<TITLE>Attention Required! | Cloudflare</TITLE>"), "Cloudflare"),
        (answer(429, "", headers={"x-vercel-mitigated": "challenge"}), "firewall"),
        (answer(429, "<title>Vercel Security Checkpoint</title>"), "firewall"),
        (answer(401, "", headers={"Set-Cookie": "_vercel_sso_nonce=abc; Path=/"}), "x-vercel-protection-bypass"),
        (answer(200, "", url="https://vercel.com/login?next=%2Fsso-api"), "x-vercel-protection-bypass"),
        (answer(200, "", url="https://shop.cloudflareaccess.com/cdn-cgi/access/login"), "CF-Access-Client-Id"),
        (answer(401, "", headers={"WWW-Authenticate": 'Basic realm="staging"'}), "asks for a password"),
    ],
)
def test_a_challenge_or_a_login_is_named_with_the_header_that_passes_it(came: Answer, by: str) -> None:
    assert by in (blocked_by(check(), came) or "")


@pytest.mark.parametrize(
    "came",
    [
        answer(),
        answer(401, '{"error": "login"}', headers={"WWW-Authenticate": "Bearer"}),
        answer(403, "<title>Forbidden</title>"),
        answer(429, '{"error": "slow down"}'),
        answer(503, '{"status": "unhealthy"}', headers={"server": "cloudflare", "cf-ray": "1"}),
        answer(200, "<title>Just a moment...</title>"),
        answer(200, url="https://shop.example/login"),
    ],
)
def test_the_sites_own_answers_are_not_taken_for_a_block(came: Answer) -> None:
    assert blocked_by(check(), came) is None


def test_an_expected_password_prompt_is_no_block() -> None:
    came = answer(401, headers={"WWW-Authenticate": "Basic"})
    assert blocked_by(check(status=[401]), came) is None
