# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The maintenance of a shop at the edge: the settings of its Worker, and the routes that lead to it."""

from __future__ import annotations

import hashlib
import hmac
import html
import ipaddress
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from ...core.amounts import number
from ...core.errors import ConfigError
from ...core.json_text import loads
from .workers import Route, Script

ALWAYS = ("/.well-known/acme-challenge/*",)
KEY_LENGTH = 32  # characters at least
LONGEST = 7 * 24 * 60  # minutes
BINDING_BYTES = 5 * 1024  # Cloudflare's limit for a variable
PAGE_BYTES = 512 * 1024
MESSAGE = "The shop is closed for maintenance. Please come back soon."
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Maintenance</title><meta name="robots" content="noindex">
<style>body{font:1.1rem/1.6 system-ui,sans-serif;margin:20vh auto;max-width:34rem;padding:0 1.5rem}</style>
</head><body><h1>Back soon</h1><p>%s</p></body></html>
"""
COMPARED = ("shop", "api_hosts", "let_through", "health", "message", "digest", "asked")


@dataclass(frozen=True)
class Hosts:
    """Where the public meets the shop: ``covered`` are hosts of the zone, ``outside`` those that no route of it
    reaches.
    """

    covered: Sequence[str]
    outside: Sequence[str]


def script_name(shop: str, zone_id: str) -> str:
    """Return the name of a shop's script, which is its own in the whole account."""
    slug = re.sub(r"[^a-z0-9]+", "-", shop.lower()).strip("-")[:36]
    return f"maintenance-{slug}-{hashlib.sha256(f'{shop}|{zone_id}'.encode()).hexdigest()[:8]}"


def hosts_of(urls: Sequence[str], zone_name: str | None) -> Hosts:
    """Divide the hosts of public URLs into those that routes of the zone reach and those that they do not."""
    covered, outside = list[str](), list[str]()
    for url in urls:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise ConfigError(f"{url!r} is not the URL of a public site. Write it as https://www.shop.example.")
        inside = zone_name is None or _is_ip(parts.hostname) or f".{parts.hostname}".endswith(f".{zone_name}")
        listed = covered if inside else outside
        if parts.netloc.lower() not in listed:
            listed.append(parts.netloc.lower())
    return Hosts(covered, outside)


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def patterns(hosts: Hosts) -> list[str]:
    return [f"{host}/*" for host in hosts.covered]


def foreign(routes: Sequence[Route], name: str, hosts: Hosts) -> list[Route]:
    """Return the routes of others that take requests of the shop before its own routes do."""
    return [
        route
        for route in routes
        if route.script != name
        and any(_covers(route.pattern.partition("/")[0], host) for host in hosts.covered)
        # The more specific route wins: a route for all subdomains is less specific than that of one host.
        and not (route.pattern.startswith("*") and route.pattern.partition("/")[2] in ("", "*"))
    ]


def _covers(pattern: str, host: str) -> bool:
    return bool(re.fullmatch(".*".join(map(re.escape, pattern.lower().split("*"))), host))


def refuse_wrong(params: Mapping[str, Any], now: float) -> None:
    """Refuse options with which nobody would be held, everybody, or the operators as well. Raises ConfigError."""
    if len(params["operator_key"] or "") < KEY_LENGTH:
        raise ConfigError(
            f"operator_key has {number(len(params['operator_key'] or ''), 'character')}. Set it to a random secret of"
            f" at least {KEY_LENGTH}, such as the output of: openssl rand -hex 32."
        )
    for path in params["let_through"]:
        if not re.fullmatch(r"/[\w.~!$&'()+,;=:@/-]*\*?", path) or path.rstrip("*/") == "" or "/../" in f"{path}/":
            raise ConfigError(
                f"let_through has {path!r}. Give a path such as /webhooks/stripe, or the beginning of one with a star"
                " at its end, such as /webhooks/*. All paths at once cannot be let through."
            )
    if bool(params["health_path"]) != bool(params["health_secret"]):
        raise ConfigError("Set health_path and health_secret together, or neither of them.")
    if not 1 <= params["minutes"] <= LONGEST:
        raise ConfigError(f"minutes is {params['minutes']}. Set it to 1 to {LONGEST}.")
    if params["opens_at"] and not now < moment(params["opens_at"]) <= now + LONGEST * 60:
        raise ConfigError(
            f"opens_at is {params['opens_at']}, which is in the past or more than {LONGEST // 1440} days ahead."
        )
    if len((params["page"] or "").encode()) > PAGE_BYTES:
        raise ConfigError(f"The page has more than {PAGE_BYTES // 1024} KB. Load its pictures from another host.")


def moment(text: str) -> float:
    """Return a time with its zone as seconds since 1970. Raises ConfigError."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise ConfigError(
            f"{text!r} is not a time with its zone. Write it as 2026-01-31T04:00Z or 2026-01-31T04:00-05:00."
        )
    return found.timestamp()


def iso(seconds: float | None) -> str | None:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if seconds else None


def settings(params: Mapping[str, Any], source: str, now: float) -> dict[str, Any]:
    """Return the value of CONFIG. It holds no secret, but a digest that shows whether one differs."""
    opens_at = moment(params["opens_at"]) if params["opens_at"] else None
    message = params["page_message"] or MESSAGE
    known = json.dumps([source, params["page"], message, params["health_secret"]])
    return {
        "shop": params["shop"],
        "api_hosts": sorted({urlsplit(url).netloc.lower() for url in params["api_urls"]}),
        "let_through": [*ALWAYS, *params["let_through"]],
        "health": {"path": params["health_path"], "header": params["health_header"]} if params["health_path"] else None,
        "message": message,
        "digest": hmac.new(params["operator_key"].encode(), known.encode(), hashlib.sha256).hexdigest()[:32],
        "asked": {"minutes": None if opens_at else params["minutes"], "opens_at": opens_at},
        "since": int(now),
        "expected_at": int(opens_at or now + params["minutes"] * 60),
        "opens_at": opens_at,
    }


def goes_on(found: Mapping[str, Any], wanted: Mapping[str, Any], now: float) -> bool:
    """Whether the maintenance that is on is the wanted one, and is not expected to be over."""
    return all(found.get(key) == wanted[key] for key in COMPARED) and found.get("expected_at", 0) > now


def read_settings(variables: Mapping[str, str] | None) -> dict[str, Any]:
    """Return the settings of an uploaded script; an empty dictionary for another script or none."""
    try:
        found = loads((variables or {}).get("CONFIG", "{}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def script(params: Mapping[str, Any], source: str, config: Mapping[str, Any]) -> Script:
    """Return the script to upload. Raises ConfigError where its settings are too long."""
    text = json.dumps(config)
    if len(text.encode()) > BINDING_BYTES:
        raise ConfigError("let_through and message are together longer than 5 KB, which Cloudflare does not accept.")
    secrets = {"OPERATOR_KEY": params["operator_key"]}
    if params["health_secret"]:
        secrets["HEALTH_SECRET"] = params["health_secret"]
    page = params["page"] or PAGE % html.escape(config["message"])
    return Script(source, {"page.html": page}, {"CONFIG": text}, secrets)
