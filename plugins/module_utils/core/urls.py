# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses that a user gives: which secrets they hold, and where a secret may be sent in plain text."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from .errors import ConfigError
from .redact import secrets_of_url

PROXIES = ("http_proxy", "https_proxy", "all_proxy")
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]{0,30}://\S+", re.IGNORECASE)
# names of options that hold an address
ADDRESSES = re.compile(r"(^|_)(url|uri|endpoint|dsn|webhook|proxy)", re.IGNORECASE)


def hidden_secrets(params: Any, option: str = "") -> Iterator[str]:
    """Give the secrets in every address among a module's options, however deep they lie. Without a scheme
    an address is known by its option's name.
    """
    if isinstance(params, str):
        if "://" in params:
            for address in [params.strip(), *ADDRESS.findall(params)]:
                yield from secrets_of_url(address)
        elif "@" in params and ADDRESSES.search(option):
            yield params.strip()
            yield from secrets_of_url(f"http://{params.strip()}")
    elif isinstance(params, Mapping):
        for name, value in params.items():
            yield from hidden_secrets(value, str(name))
    elif isinstance(params, list | tuple | set):
        for value in params:
            yield from hidden_secrets(value, option)


def proxy_secrets(environment: Mapping[str, str] | None = None) -> list[str]:
    """Return the secrets in the addresses of the proxies that the environment names."""
    addresses = [
        value for name, value in (os.environ if environment is None else environment).items() if name.lower() in PROXIES
    ]
    return [
        secret
        for address in addresses
        for secret in secrets_of_url(address if "://" in address else f"http://{address}")
    ]


def refuse_credentials(address: str, option: str, instead: str) -> None:
    """Raise ConfigError for an address that holds a user or a password; it is not shown. ``instead`` says
    how to give them.
    """
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
        held = [what for what, value in (("user", parts.username), ("password", parts.password)) if value]
    except ValueError:
        return
    if held:
        raise ConfigError(
            f"{option} holds a {' and a '.join(held)}: remove what is before the @. {instead}",
            code="credentials_in_url",
        )


def refuse_plain_http(address: str, option: str, secret: str, allowed: bool) -> None:
    """Raise ConfigError where ``secret`` would leave this machine unencrypted."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return
    if parts.scheme.lower() == "http" and not allowed and not is_this_machine(host):
        raise ConfigError(
            f"{option} is plain HTTP to {host}, so {secret} could be read on the way. Give an address that begins with"
            " https://, or set allow_plain_http: true where that network is trusted.",
            code="plain_http",
        )


def is_this_machine(host: str) -> bool:
    """Whether a host is this machine by its name or address: localhost, ::1 and 127.0.0.0/8."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
