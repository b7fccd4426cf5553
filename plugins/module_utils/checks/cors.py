# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the API lets the pages of the shop ask it, and no others: by preflights and requests of allowed
and of foreign origins.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from ..core.amounts import number
from . import web
from .answer import Answer, failed, not_applicable, passed
from .check import Context, Options

OPTIONS: dict[str, dict[str, Any]] = {
    **web.OPTIONS,
    "cors_url": {"type": "str"},
    "allowed_origins": {"type": "list", "elements": "str", "default": []},
    "foreign_origins": {"type": "list", "elements": "str", "default": []},
    "method": {"type": "str", "default": "POST"},
    "request_headers": {"type": "list", "elements": "str", "default": ["content-type", "authorization"]},
    "credentials": {"type": "bool", "default": False},
    "max_age": {"type": "int", "default": 0},
    "cors_optional": {"type": "bool", "default": False},
}
SIMPLE = ("GET", "HEAD", "POST")  # methods that a preflight need not name


def missing(options: Options) -> str:
    lacking = [name for name in ("cors_url", "allowed_origins") if not options[name]]
    return f"set {' and '.join(lacking)}" if lacking else ""


def wrong(options: Options, context: Context) -> list[str]:
    problems = [web.url_problem("cors_url", options["cors_url"])]
    for origin in [*options["allowed_origins"], *options["foreign_origins"]]:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path or parts.query:
            problems.append(f"{origin!r} is not an origin: write it as https://shop.example, without path and slash")
    both = set(options["allowed_origins"]) & set(options["foreign_origins"])
    problems += [f"{origin} is both allowed and foreign" for origin in sorted(both)]
    return [problem for problem in problems if problem]


def foreign(options: Options) -> list[str]:
    """Return origins that must not be allowed: those that are named, a sandboxed page's, and those that a
    careless comparison takes for an allowed one.
    """
    first = urlsplit(options["allowed_origins"][0])
    alike = (f"{first.scheme}://{first.hostname}.attacker.example", f"{first.scheme}://not-{first.hostname}")
    origins = (*options["foreign_origins"], "https://attacker.example", *alike, "null")
    return [origin for origin in origins if origin not in options["allowed_origins"]]


def ask(context: Context, options: Options) -> Answer:
    asked = f"may {', '.join(options['allowed_origins'])} ask {options['cors_url']}, and no other page?"
    if not options["live"]:
        return not_applicable("nothing is live yet", asked=asked)
    others = foreign(options)
    if options["cors_optional"] and not any(
        _grants(origin, options) for origin in (*options["allowed_origins"], *others)
    ):
        return not_applicable("the API lets no page of another origin ask it", asked=asked)
    problems = [problem for origin in options["allowed_origins"] for problem in _allowed(origin, options)]
    problems += [problem for origin in others for problem in _foreign(origin, options)]
    facts = {"url": options["cors_url"], "allowed": options["allowed_origins"], "foreign": others}
    if problems:
        return failed("; ".join(problems), "Correct the API's allowed origins", asked=asked, facts=facts)
    return passed(
        f"{', '.join(options['allowed_origins'])} may ask it, {number(len(others), 'foreign origin')} may not",
        asked=asked,
        facts=facts,
    )


def _grants(origin: str, options: Options) -> bool:
    return "Access-Control-Allow-Origin" in _preflight(origin, options).headers


def _preflight(origin: str, options: Options) -> Any:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": options["method"],
        "Access-Control-Request-Headers": ", ".join(options["request_headers"]),
    }
    return web.ask("OPTIONS", options["cors_url"], options, headers)


def _allowed(origin: str, options: Options) -> Iterator[str]:
    answer = _preflight(origin, options)
    granted = answer.headers.get("Access-Control-Allow-Origin")
    if not 200 <= answer.status_code < 300:
        yield f"the preflight request of {origin} was answered {answer.status_code}"
        return
    if granted != origin and (granted != "*" or options["credentials"]):
        yield f"{origin} is not allowed (Access-Control-Allow-Origin is {granted or 'missing'})"
        return
    yield from _granted(origin, answer.headers, options)
    plain = web.ask("GET", options["cors_url"], options, {"Origin": origin}).headers
    if plain.get("Access-Control-Allow-Origin") not in (origin, "*"):
        yield f"{origin} is allowed by the preflight, and not by the answer itself"
    elif plain["Access-Control-Allow-Origin"] != "*" and "origin" not in _words(plain.get("Vary")) | _words(
        answer.headers.get("Vary")
    ):
        yield "the answer lacks Vary: Origin, so that a cache may hand it to another origin"


def _granted(origin: str, headers: Any, options: Options) -> Iterator[str]:
    method, methods = options["method"].upper(), _words(headers.get("Access-Control-Allow-Methods"))
    wildcard = not options["credentials"]
    if method.lower() not in methods and method not in SIMPLE and not ("*" in methods and wildcard):
        yield f"{origin} may not send {method}"
    names = _words(headers.get("Access-Control-Allow-Headers"))
    lacking = [
        name
        for name in options["request_headers"]
        if name.lower() not in names and not ("*" in names and wildcard and name.lower() != "authorization")
    ]
    if lacking:
        yield f"{origin} may not send the headers {', '.join(lacking)}"
    has_credentials = headers.get("Access-Control-Allow-Credentials") == "true"
    if options["credentials"] and not has_credentials:
        yield f"{origin} may not send credentials"
    if has_credentials and not options["credentials"]:
        yield f"{origin} may send credentials, which credentials: false excludes"
    age = headers.get("Access-Control-Max-Age", "")
    if options["max_age"] and (int(age) if age.isascii() and age.isdigit() else 0) < options["max_age"]:
        yield f"the preflight is kept for {age or 'no'} seconds, and not for {options['max_age']}"


def _foreign(origin: str, options: Options) -> Iterator[str]:
    for what, answer in (
        ("the preflight", _preflight(origin, options)),
        ("an answer", web.ask("GET", options["cors_url"], options, {"Origin": origin})),
    ):
        granted = answer.headers.get("Access-Control-Allow-Origin")
        if granted in (origin, "*"):
            yield f"{what} allows the foreign origin {origin}" + (" (any origin)" if granted == "*" else "")
            return


def _words(header: str | None) -> set[str]:
    return {word.strip().lower() for word in (header or "").split(",") if word.strip()}
