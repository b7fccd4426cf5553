# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a check is described by the options of a module."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ..core.errors import ConfigError
from ..core.redact import is_torn, redact
from ..core.urls import refuse_plain_http
from .checks import RELEASE_SOURCES, Check

CHECK: dict[str, Any] = {
    "mutually_exclusive": [("body", "json_body")],
    "options": {
        "name": {"type": "str", "required": True},
        "url": {"type": "str", "required": True},
        "site": {"type": "str"},
        "method": {"type": "str", "choices": ["GET", "HEAD", "POST"], "default": "GET"},
        "body": {"type": "str"},
        "json_body": {"type": "raw"},
        "secret_headers": {"type": "dict", "default": {}, "no_log": True},
        "status": {"type": "list", "elements": "int", "default": [200]},
        "json": {"type": "dict", "default": {}},
        "headers": {"type": "dict", "default": {}},
        "contains": {"type": "str"},
        "release": {
            "type": "dict",
            "options": {source: {"type": "str"} for source in RELEASE_SOURCES},
            "mutually_exclusive": [RELEASE_SOURCES],
            "required_one_of": [RELEASE_SOURCES],
        },
        "release_optional": {"type": "bool", "default": False},
        "max_latency_ms": {"type": "float"},
    },
}


def to_check(option: Mapping[str, Any], params: Mapping[str, Any]) -> Check:
    """Return the check that an option of the module describes. Raise ConfigError where it could never succeed."""
    sites = {
        None: {"url": params["base_url"], "release": params["release"]},
        **{site["name"]: site for site in params["sites"]},
    }
    if (site := sites.get(option["site"])) is None:
        raise ConfigError(
            f"The check {option['name']!r} names the site {option['site']!r}, and sites has no such name. Correct the"
            " check or the site."
        )
    base_url = site["url"]
    url = f"{base_url.rstrip('/')}{option['url']}" if base_url and option["url"].startswith("/") else option["url"]
    if is_torn(url):
        raise ConfigError(
            f"The url of the check {option['name']!r} cannot be read. Percent-encode the special characters of its"
            " password: / is %2F, # is %23, ? is %3F."
        )
    address = urlsplit(url)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise ConfigError(
            f"The url of the check {option['name']!r} is {redact(url)!r}. Set a URL that begins with https:// or"
            " http://, or a path together with base_url."
        )
    sent = {name: str(text) for name, text in {**params["headers"], **option["secret_headers"]}.items()}
    if sent or address.username:
        what = "its secret headers" if sent else "its password"
        refuse_plain_http(url, f"The url of the check {option['name']!r}", what, params["allow_plain_http"])
    release = {source: where for source, where in (option["release"] or {}).items() if where}
    try:
        re.compile(release.get("regex", ""))
    except re.error as error:
        raise ConfigError(
            f"release.regex of the check {option['name']!r} is not a valid regular expression: {error}. Correct it."
        ) from None
    expected = {name: str(text) for name, text in option["headers"].items()}
    given = {**option, "url": url, "release": release, "headers": expected, "secret_headers": sent}
    return Check(**given, expected_release=site["release"] or None)
